"""The native modules on every CPU that a board may have, emulated: the same bytes as on the host.

Writes build/cpus.json (what is equal), build/bench/sizes.json and instructions.json there (what it
costs). In `make soak` every device test of pcm, wire and Opus runs there too.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from cpus.costs import OPUS_CASES, costs, instruction_ratio, measure
from cpus.machine import HERE, MACHINES, TOP, GuestFailed, rom_image, version
from cpus.rom import FRAMES, SPEECH, rom_for
from keystore_history import UNITS
from opus_speech import write_inputs
from opus_vectors import CONFIGURATIONS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LONG = bool(os.environ.get("CALLBOARD_SOAK"))
REPORT = TOP / "build" / "cpus.json"
HASHES = ("packets_sha256", "pcm_sha256")
CASES = [row[0] for row in CONFIGURATIONS]
WITH_OPUS = [cpu for cpu in MACHINES if cpu != "xtensawin"]
HOST = {
    "cffi": [sys.executable],
    "x64 .mpy": [TOP / "build" / "bin" / "micropython64", "-X", "heapsize=8M"],
    "x86 .mpy": [TOP / "build" / "bin" / "micropython32", "-X", "heapsize=8M"],
}
# Golden values and rules, without what compares thousands of calls with slow Python code.
DEVICE_TESTS = (
    "test_pcm_g711.py",
    "test_pcm.py::test_impulse_comes_out_after_the_delay,test_full_scale_saturates,"
    "test_constant_stays_constant,test_resamplers_agree_to_the_bit,test_chunks_do_not_matter,"
    "test_tone_frequency_and_amplitude,test_bad_arguments_touch_nothing",
    "test_wire.py::test_malformed_packets,test_one_wild_packet_does_no_harm,test_jitter",
    "test_native_heaplock.py",
    "test_opus_heaplock.py",
)
LONG_DEVICE_TESTS = (
    *("test_pcm_g711.py", "test_pcm.py", "test_pcm_stretch.py", "test_wire.py"),
    *("test_opus.py", "test_opus_misuse.py"),
    *("test_wire_websocket.py", "test_wire_h264.py", "test_native_heaplock.py"),
    *("test_opus_heaplock.py", "test_echo_duck_agree.py"),
)


def on_host(command, script, *arguments):
    """The JSON objects that a script prints on one of the host's Pythons."""
    done = subprocess.run(
        [*map(str, command), str(TOP / "tests" / "native" / script), *map(str, arguments)],
        env={**os.environ, "MICROPYPATH": ".frozen"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-500:]}{done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def host_results(command):
    """What must come out, from one Python of the host."""
    return {
        "vectors": on_host(command, "opus_vectors.py", SPEECH, "", FRAMES)[1:],
        "keystore": on_host(command, "keystore_history.py"),
    }


def board_results(cpu, rom):
    """Everything that an emulated board is asked for."""
    machine = MACHINES[cpu]
    found = {
        "keystore": machine.json("keystore()", rom),
        "refusals": machine.json("refusals()", rom),
        "device": machine.run(f"device_tests({LONG_DEVICE_TESTS if LONG else DEVICE_TESTS})", rom),
    }
    if cpu in WITH_OPUS:
        found["vectors"] = machine.json(f"vectors({FRAMES})", rom)[1:]
        found["linked"] = machine.json(f"vectors({FRAMES}, False)", rom)[1:]
        found.update(measure(machine, rom))
    return found


def differences(table):
    """How many entries of {row: {target: hash}} are not what the row's first target has."""
    return sum(
        entry != next(iter(row.values())) for row in table.values() for entry in row.values()
    )


def hash_table(results, kind, key, hashes):
    """{row: {target: hash}} of one kind of result; the first target is the reference."""
    table: dict = {}
    for target, found in results.items():
        for row in found.get(kind, ()):
            for name in hashes:
                table.setdefault(f"{row[key]} {name}", {})[target] = row[name]
    return table


@pytest.fixture(scope="module")
def results():
    """{target: what came out}; the first target is the reference. Also writes the reports."""
    write_inputs(SPEECH)
    roms = {cpu: rom_for(cpu, "armv6m" if cpu == "rv32imc" else "rv32imc") for cpu in MACHINES}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        boards = {cpu: pool.submit(board_results, cpu, rom) for cpu, rom in roms.items()}
        hosts = {name: pool.submit(host_results, command) for name, command in HOST.items()}
        found = {name: job.result() for name, job in hosts.items()}
        for cpu, job in boards.items():
            board = job.result()
            found[f"{cpu} .mpy"] = board
            if "linked" in board:
                found[f"{cpu} linked"] = {"vectors": board.pop("linked")}
    write_reports(found)
    return found


def write_reports(found):
    tables = {
        "opus": hash_table(found, "vectors", "name", HASHES),
        "keystore": hash_table(found, "keystore", "unit", ("flash_sha256",)),
    }
    boards = {cpu: found[f"{cpu} .mpy"] for cpu in MACHINES}
    report = {
        "measured_on": f"emulators ({version()}), no silicon",
        "configurations": CASES,
        "frames": FRAMES,
        "targets": list(found),
        "differences": sum(differences(table) for table in tables.values()),
        "instruction_ratio": instruction_ratio(boards),
        "keystore_cuts": sum(
            row["cuts"] for board in boards.values() for row in board["keystore"]
        ),
        "tables": tables,
    }
    REPORT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for name, part in costs(boards).items():
        path = TOP / "build" / "bench" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(part, indent=1) + "\n", encoding="utf-8")


@pytest.mark.parametrize("case", CASES)
def test_packets_and_sound_are_the_same_everywhere(results, case):
    with_opus = [name for name in results if "xtensawin" not in name]
    for name in HASHES:
        row = hash_table(results, "vectors", "name", HASHES)[f"{case} {name}"]
        assert list(row) == with_opus and len(row) == len(HOST) + 2 * len(WITH_OPUS)
        assert differences({case: row}) == 0, row


def test_the_configurations_reach_what_they_are_named_for(results):
    """Modes, FEC, DTX and losses occur in the short form too."""
    rows = {row["name"]: row for row in results["armv6m .mpy"]["vectors"]}
    assert all(row["frames"] >= FRAMES for row in rows.values())
    assert rows["wb-call"]["silk"] == FRAMES and rows["wb-call"]["fec"] > 20
    assert rows["hybrid-fb"]["hybrid"] == FRAMES and rows["celt-wb-c5"]["celt"] == FRAMES
    assert rows["wb-call-lossy"]["lost"] > 8 and rows["wb-call-pauses"]["dtx"] > 10
    assert all(rows["moving-fb"][mode] for mode in ("silk", "hybrid", "celt"))


@pytest.mark.parametrize("unit", UNITS)
def test_key_store_history(results, unit):
    """The same bytes in flash after every call, nothing lost at any power cut."""
    row = hash_table(results, "keystore", "unit", ("flash_sha256",))[f"{unit} flash_sha256"]
    assert len(row) == len(HOST) + len(MACHINES)
    assert differences({unit: row}) == 0, row
    for name, found in results.items():
        for history in found.get("keystore", ()):
            assert history["failures"] == 0 and history["cuts"] >= 8, (name, history)


@pytest.mark.soak
@pytest.mark.parametrize("cpu", MACHINES)
def test_device_tests(results, cpu):
    """Golden values, limits and the promise not to allocate, on the .mpy of that CPU."""
    modules, *lines, done = results[f"{cpu} .mpy"]["device"]
    expected = ["pcm", "wire", "keystore"] + (["opus"] if cpu in WITH_OPUS else [])
    assert json.loads(modules) == {"modules": expected} and json.loads(done) == {"done": True}
    assert not [line for line in lines if line.startswith("FAIL")], "\n".join(lines)
    assert sum(line.startswith("ok ") for line in lines) > 20
    skipped = [line for line in lines if line.startswith("skip")]
    assert all("opus" in line for line in skipped) and not (skipped and cpu in WITH_OPUS), skipped


@pytest.mark.parametrize("cpu", MACHINES)
def test_modules_that_must_not_be_imported(results, cpu):
    """Cut short, or of another CPU: refused on the CPU itself, with its name."""
    said = {row["folder"]: row["said"] for row in results[f"{cpu} .mpy"]["refusals"]}
    assert said["natmods"] is None
    assert "is damaged" in said["natmods-damaged"]
    other = "armv6m" if cpu == "rv32imc" else "rv32imc"
    itself = {"armv7m": "armv7em"}.get(
        cpu, cpu
    )  # MicroPython on a Cortex-M3 takes that for itself
    assert f"is for {other}, this is {itself}" in said["natmods-other"]


def test_instructions_beside_linked_code(results):
    """Counted, not timed: a .mpy takes at most a tenth more than the same code linked in."""
    boards = {cpu: results[f"{cpu} .mpy"] for cpu in MACHINES}
    for cpu in WITH_OPUS:
        assert len(boards[cpu]["instructions"]) == len(OPUS_CASES)
    assert 0.9 < instruction_ratio(boards) <= 1.10


def test_unaligned_access_is_found():
    """The emulated armv6m stops at what an RP2040 stops at; a Cortex-M3 does not mind."""
    rom = rom_image({"guest.py": (HERE / "guest.py").read_bytes()})
    assert MACHINES["armv7m"].json("unaligned()", rom) == [{"word": 0x35343332}]
    with pytest.raises(GuestFailed, match="HardFault"):
        MACHINES["armv6m"].run("unaligned()", rom)


def test_a_difference_is_found(results):
    """One wrong hash among all of them, and one wrong history."""
    table = hash_table(results, "vectors", "name", HASHES)
    assert differences(table) == 0
    table["nb-c0 pcm_sha256"]["rv32imc .mpy"] = "0" * 64
    assert differences(table) == 1
