"""What is shipped of the firmware: the lists for mip and for freezing name every file."""

import json
import re
from pathlib import Path

import callboard
from callboard.voip.client import Client
from callboard.voip.listeners import AvCallbacks, DeviceCallbacks

FIRMWARE = Path(callboard.__file__).parents[1]


def package_files() -> set[str]:
    return {str(path.relative_to(FIRMWARE)) for path in FIRMWARE.glob("callboard/**/*.py")}


def test_package_json_lists_every_file_and_the_version():
    package = json.loads((FIRMWARE / "package.json").read_text())
    targets = [target for target, source in package["urls"]]
    assert all(target == source for target, source in package["urls"])
    assert len(targets) == len(set(targets))
    missing, gone = package_files() - set(targets), set(targets) - package_files()
    assert not missing, f"add to firmware/package.json: {sorted(missing)}"
    assert not gone, f"remove from firmware/package.json: {sorted(gone)}"
    assert package["version"] == callboard.__version__ and package["deps"] == []


def test_manifest_freezes_the_whole_package_and_main():
    frozen: list[str] = []

    def package(name, base_path, files=None):
        assert files is None, "a list of files would have to be kept complete"
        frozen.extend(str(path) for path in Path(base_path, name).glob("**/*.py"))

    def module(name, base_path):
        frozen.append(str(Path(base_path, name)))

    import os

    before = os.getcwd()
    os.chdir(FIRMWARE)
    try:
        source = (FIRMWARE / "manifest.py").read_text()
        exec(compile(source, "manifest.py", "exec"), {"package": package, "module": module})
    finally:
        os.chdir(before)
    assert set(frozen) == package_files() | {"main.py"}
    assert all((FIRMWARE / name).is_file() for name in frozen)


def test_every_module_says_what_it_does_first():
    for name in sorted(package_files()):
        first = (FIRMWARE / name).read_text(encoding="utf-8").split("\n", 1)[0]
        assert first.startswith('"""') and len(first) > 20, f"{name}: {first}"


# Every function and callback of document 000 §3, and what its prose names besides.
DOCUMENTED = """
initIvSystem exitIvSys initIvDm exitIvDm initIvAvt exitIvAvt initWxCloudVoip exitWxCloudVoip
isAvtVoipRegistered registerAvtVoip doWxCloudVoipCall doWxCloudVoipHangUp isWxCloudVoipBusy
sendMsgNotice sendFinishStream sendVideoData sendAudioData getSendStreamStatus getSendStreamBuf
iv_sys_get_time FEATURE_DM_CONFIG_USE_MQTT
onOnline onOffline onModuleStatus onGetAvEncInfo onStartRealPlay onStopRealPlay
onStartRecvAudioStream onStartRecvVideoStream onStopRecvStream onRecvStream onNotify onRecvCommand
onDownloadFile onGetPeerOuterNet
"""


def test_the_readme_maps_every_name_of_the_document_to_one_that_exists():
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in (FIRMWARE / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ]
    mapped = {name: row[1] for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    assert [name for name in DOCUMENTED.split() if name not in mapped] == []
    ours = set(dir(Client)) | set(dir(DeviceCallbacks)) | set(dir(AvCallbacks))
    for name in DOCUMENTED.split():
        called = re.findall(r"(\w+)\(", mapped[name])
        assert set(called) <= ours, (name, called)
