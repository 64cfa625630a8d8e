"""The host's own reading of the format: against the core, of stored images, and as a command."""

import json
import random
import zlib
from pathlib import Path

import pytest
import typer
from keystore.sim import KS, SIZE, UNITS, Nor, Store
from typer.testing import CliRunner

from callboard import keystore
from callboard.errors import CallboardError
from callboard.flash import seal
from callboard.flash.devices import RamFlash
from callboard_host import errors, keystore_commands, keystore_image

FIXTURES = Path(__file__).parent / "keystore" / "fixtures"


def history(unit, seed, calls=150):
    """A flash after a random history with power cuts; the store is left as it was."""
    lot = random.Random(seed)
    nor = Nor(unit, seed)
    store = Store(nor, keys=32)
    for _ in range(calls):
        action = lot.randrange(12)
        name, value = b"k%d" % lot.randrange(7), lot.randbytes(lot.choice((0, 3, 30, 60, 300)))
        if lot.randrange(12) == 0:
            nor.cut_after(lot.randrange(3))
        if action == 0:
            store.maintain()
        elif action == 1:
            store.delete(name)
        elif action == 2 and store.begin(400) == 0:
            for i in range(3):
                store.put(b"t%d" % i, value[:40])
            (store.commit if lot.randrange(3) else store.abort)()
        else:
            store.put(name, value)
        if nor.dead:
            nor.revive()
            store.reopen()
    return nor


def agree(nor):
    """The C core and the host's reader see the same in this flash."""
    store = Store(nor, keys=255, prepare=False)
    image = keystore_image.read(nor.data)
    if store.opened == KS["KS_EMPTY"]:
        assert image.active is None
        return
    assert store.opened == 0
    stats = store.stats()
    assert image.values == {name.decode(): value for name, value in store.contents().items()}
    assert (image.active.sequence, image.ready) == (stats["sequence"], bool(stats["ready"]))
    assert 4096 - keystore_image._aligned(image.active.end, nor.unit) == stats["free"]
    damaged_header = not (image.active.first_copy and image.active.second_copy)
    if not image.merged:
        assert image.active.torn == stats["torn"]
        assert image.active.corrupt + damaged_header == stats["corrupt"]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_the_core(unit, seed):
    nor = history(unit, seed)
    agree(nor)
    lot = random.Random(seed)
    image = nor.data
    for _ in range(60):
        data = bytearray(image)
        for _ in range(lot.choice((1, 1, 1, 4, 200))):
            data[lot.randrange(SIZE)] ^= 1 << lot.randrange(8)
        agree(Nor(unit, data=bytes(data)))


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_stored_fixtures(path):
    """Images of every released version stay readable, by both readers."""
    fixture = json.loads(path.read_text(encoding="utf-8"))
    data = bytearray(b"\xff" * SIZE)
    for at, part in fixture["bytes"].items():
        data[int(at) : int(at) + len(part) // 2] = bytes.fromhex(part)
    assert zlib.crc32(data) == fixture["crc32"]
    image = keystore_image.read(bytes(data))
    assert {name: value.hex() for name, value in image.values.items()} == fixture["values"]
    assert image.problems == fixture["problems"]
    agree(Nor(fixture["unit"], data=bytes(data)))


# --- the command ---

runner = CliRunner()
app = typer.Typer()
app.command("unused")(lambda: None)
keystore_commands.register(app)


def callboard(*words, text=None):
    """Exit status and output of `callboard keystore ...`."""
    done = runner.invoke(app, ["keystore", *map(str, words)], input=text)
    if isinstance(done.exception, CallboardError):
        return errors.exit_code(done.exception), str(done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


@pytest.fixture
def image_file(tmp_path):
    nor = Nor()
    store = Store(nor)
    store.put(b"sn", b"SN0001")
    store.put(b"key", bytes(range(16)))
    store.maintain()
    path = tmp_path / "keystore.bin"
    path.write_bytes(nor.data)
    return path


def test_dump_hides_values_unless_asked(image_file):
    status, said = callboard("dump", image_file)
    assert status == 0 and "6 bytes" in said and "SN0001" not in said
    assert "SN0001" in callboard("dump", "--show", image_file)[1]
    facts = json.loads(callboard("dump", "--json", "--show", image_file)[1])
    assert facts["values"] == {"key": bytes(range(16)).hex(), "sn": b"SN0001".hex()}
    assert facts["ready"] and facts["problems"] == [] and facts["unit"] == 1


def test_put_and_get(image_file):
    assert callboard("put", image_file, "sn", "SN0002") == (0, "")
    assert callboard("get", image_file, "sn") == (0, "SN0002")
    assert callboard("put", "--hex", image_file, "raw", text="00 ff\n10")[0] == 0
    assert callboard("get", "--hex", image_file, "raw") == (0, "00ff10\n")
    assert callboard("put", "--delete", image_file, "raw")[0] == 0
    assert callboard("get", image_file, "raw")[0] == errors.EXIT_FILE
    assert callboard("put", "--hex", image_file, "raw", "0g")[0] == errors.EXIT_FILE
    assert callboard("put", image_file, "a name", "x")[0] == errors.EXIT_USAGE
    assert callboard("verify", image_file) == (0, "2 keys, in good order\n")


def test_verify_and_repair(image_file):
    data = bytearray(image_file.read_bytes())
    data[12] ^= 1  # in the second copy of the header
    image_file.write_bytes(data)
    status, said = callboard("verify", image_file)
    assert status == errors.EXIT_FAILED and "header" in said
    assert callboard("verify", "--repair", image_file)[0] == errors.EXIT_FAILED
    assert callboard("get", image_file, "sn") == (0, "SN0001")
    blank = image_file.with_name("blank.bin")
    blank.write_bytes(b"\xff" * SIZE)
    assert "blank" in callboard("verify", blank)[1]
    assert callboard("put", blank, "a", "b")[0] == errors.EXIT_FILE


def test_diff(image_file):
    other = image_file.with_name("other.bin")
    other.write_bytes(image_file.read_bytes())
    assert callboard("diff", image_file, other) == (0, "")
    callboard("put", other, "sn", "SN000X7")
    status, said = callboard("diff", image_file, other)
    assert status == 1 and said.split() == ["sn", "6", "bytes", "→", "7", "bytes"]


@pytest.mark.parametrize("content", [b"", bytes(8191), bytes(8193)])
def test_files_of_another_size(tmp_path, content):
    path = tmp_path / "x.bin"
    path.write_bytes(content)
    status, said = callboard("dump", path)
    assert status == errors.EXIT_FILE and "8192" in said
    assert callboard("dump", tmp_path / "missing")[0] == errors.EXIT_FILE


def test_other_versions_are_refused(image_file):
    data = bytearray(image_file.read_bytes())
    for at in (0, 12):
        data[at + 2] = 9
        data[at + 8 : at + 12] = zlib.crc32(data[at : at + 8]).to_bytes(4, "little")
    image_file.write_bytes(data)
    assert "version 9" in callboard("dump", image_file)[1]


# --- sealed values ---

ID = "0011223344556677"


@pytest.fixture
def sealed_file(tmp_path):
    """(an image with two sealed values, a file with its root key)."""
    flash = RamFlash()
    store = keystore.open(flash, identity=False, root_key=seal.RootKey(bytes(range(32)), True))
    store.put("device_key", b"k" * 32)
    store.put("sn", b"SN0001")
    path, key = tmp_path / "sealed.bin", tmp_path / "root.hex"
    path.write_bytes(flash.data)
    key.write_text(bytes(range(32)).hex() + "\n")
    return path, key


def test_sealed_values_open_with_their_key_only(sealed_file):
    path, key = sealed_file
    assert "SN0001" not in callboard("dump", "--show", path)[1]
    status, said = callboard("dump", "--show", "--root-key", key, path)
    assert status == 0 and "SN0001" in said and "k" * 32 in said
    assert "SN0001" not in callboard("dump", "--root-key", key, path)[1]
    assert callboard("get", "--root-key", key, path, "sn") == (0, "SN0001")
    status, said = callboard("verify", "--unique-id", ID, path)
    assert status == errors.EXIT_FAILED and "device_key, sn" in said
    assert callboard("get", "--unique-id", ID, path, "sn")[0] == errors.EXIT_FILE
    assert callboard("get", "--unique-id", ID, "--root-key", key, path, "sn")[0] != 0
    assert callboard("dump", "--unique-id", "xyz", path)[0] == errors.EXIT_FILE


def test_values_are_put_sealed(sealed_file):
    path, key = sealed_file
    assert callboard("put", "--root-key", key, path, "sn", "SN0002")[0] == 0
    assert b"SN0002" not in path.read_bytes()
    assert callboard("get", "--root-key", key, path, "sn") == (0, "SN0002")
    flash = RamFlash(path.read_bytes())
    root = seal.RootKey(bytes(range(32)), True)
    assert keystore.open(flash, identity=False, root_key=root).get("sn") == b"SN0002"


def test_json_of_verify_and_diff(image_file):
    other = image_file.with_name("other.bin")
    other.write_bytes(image_file.read_bytes())
    facts = json.loads(callboard("verify", "--json", image_file)[1])
    assert facts == {"keys": 2, "problems": []}
    callboard("put", other, "more", "x")
    status, said = callboard("diff", "--json", "--show", image_file, other)
    assert status == 1 and json.loads(said) == [["more", None, b"x".hex()]]
    assert json.loads(callboard("diff", "--json", image_file, other)[1]) == [["more", None, 1]]
