"""Native modules and their hashes: what is written for a board; what a board says to damage."""

import json
import shutil
import subprocess

import pytest

from callboard import __version__
from callboard.native_files import LIST
from callboard_host import natmods, paths

CPUS = {"micropython64": "x64", "micropython32": "x86"}


def test_hash_list_is_what_sha256sum_reads(tmp_path):
    (tmp_path / "callboard_pcm.mpy").write_bytes(b"one")
    (tmp_path / "callboard_wire.mpy").write_bytes(b"two")
    (tmp_path / "notes.txt").write_bytes(b"three")
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    text = natmods.hash_list("armv6m", files)
    assert text.startswith(f"# callboard {__version__} armv6m\n")
    assert "notes" not in text
    (tmp_path / LIST).write_text(text)
    subprocess.run(["sha256sum", "--check", "--strict", LIST], cwd=tmp_path, check=True)


def test_mip_packages_name_what_there_is(tmp_path):
    folder = tmp_path / "armv6m"
    folder.mkdir()
    for name in natmods.SMALL:
        (folder / name).write_bytes(name.encode())
    natmods.write_lists(folder)
    package = json.loads((folder / "package.json").read_text())
    assert package["version"] == __version__
    assert {target for target, _ in package["urls"]} == {*natmods.SMALL, LIST}
    assert all((folder / source).exists() for _, source in package["urls"])
    assert not (folder / "opus.json").exists()
    (folder / natmods.OPUS[0]).write_bytes(b"opus")
    natmods.write_lists(folder)
    urls = json.loads((folder / "opus.json").read_text())["urls"]
    assert [target for target, _ in urls] == [natmods.OPUS[0], LIST]


def imported(python, folder):
    """What a board says when it imports its native code from a folder."""
    script = "from callboard import native; print(native.implementations()['pcm'])"
    return subprocess.run(
        [paths.BUILD / "bin" / python, "-c", script],
        env={"MICROPYPATH": f"{folder}:{paths.FIRMWARE}:.frozen"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture(params=CPUS)
def board(request, tmp_path):
    """(MicroPython, a copy of its modules)."""
    shutil.copytree(
        natmods.folder_for(CPUS[request.param]),
        tmp_path / "lib",
        ignore=lambda folder, names: [n for n in names if not n.endswith((".mpy", ".sha256"))],
    )
    return request.param, tmp_path / "lib"


def test_whole_modules_are_imported(board):
    done = imported(*board)
    assert done.stdout.strip() == "native module", done


@pytest.mark.parametrize("damage", ["cut short", "empty", "changed", "other CPU", "no list"])
def test_damage_is_refused_before_it_is_imported(board, damage):
    """Each of these would otherwise hang, crash or confuse; the first really does on a board."""
    python, folder = board
    file = folder / "callboard_pcm.mpy"
    whole = file.read_bytes()
    if damage == "cut short":
        file.write_bytes(whole[: len(whole) * 2 // 3])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "changed":
        file.write_bytes(whole[:5000] + bytes([whole[5000] ^ 0x10]) + whole[5001:])
    elif damage == "other CPU":
        (other,) = set(CPUS.values()) - {CPUS[python]}
        shutil.copy(natmods.folder_for(other) / file.name, file)
    else:
        (folder / LIST).unlink()
    done = imported(python, folder)
    assert done.returncode == 1 and done.stdout == "", done
    assert "NativeError: callboard_pcm.mpy" in done.stderr, done.stderr
