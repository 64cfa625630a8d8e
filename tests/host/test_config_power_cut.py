"""Power that fails while a board is provisioned, at every operation of the key store's flash."""

import pytest

from callboard import keystore
from callboard.config import Config
from callboard.errors import StorageError
from callboard.flash.devices import RamFlash
from callboard.voip.registration import KEY_NAME
from support.covers import covers

OLD = {
    "relay_url": "https://old.example:8443",
    "model_id": "doorbell",
    "sn": "SN-OLD",
    "wxa_appid": "wxdemo",
    "leaf_sha256": "aa" * 32,
    "wifi_ssid": {"hex": "00ff03"},
    "wifi_password": "the old password",
    "users": ["ada"],
}
NEW = {
    "relay_url": "https://new.example:9443",
    "sn": "SN-NEW",
    "leaf_sha256": "bb" * 32,
    "wifi_ssid": "Café",
    "wifi_password": None,
    "users": ["bob", "cyd"],
    "ticket": "T" + "x" * 100,
}
DEVICE_KEY = bytes(range(32))


class PowerCut(OSError):
    """No more power."""


class CutFlash(RamFlash):
    """Fails at the operation number `cut`, of which only the first `share` of 4 takes place."""

    volatile = False

    def __init__(self, data=None, cut=None, share=0):
        super().__init__(data, unit=4)
        self.cut = cut
        self.share = share
        self.operations = 0

    def _cut_now(self):
        self.operations += 1
        if self.cut is not None and self.operations > self.cut:
            raise PowerCut(5)
        return self.cut is not None and self.operations == self.cut

    def program(self, at, buf):
        if self._cut_now():
            part = len(buf) * self.share // 4
            super().program(at, bytes(buf[:part]))
            raise PowerCut(5)
        super().program(at, buf)

    def erase(self, at):
        if self._cut_now():
            size = 4096 * self.share // 4
            self.data[at : at + size] = b"\xff" * size
            raise PowerCut(5)
        super().erase(at)


def shown(config):
    """Everything that was configured, and whether the device key is there."""
    return config.public(list(OLD) + ["ticket"]), config._store.get(KEY_NAME)


def worn(changes):
    """Flash on which the configuration was written, and then changed so many times."""
    flash = CutFlash()
    config = Config(keystore.open(flash))
    config.change(OLD)
    config._store.put(KEY_NAME, DEVICE_KEY)
    for number in range(changes):
        config.change({"users": [f"user{number}"]})
    config.change({"users": OLD["users"]})
    return bytes(flash.data)


CHANGES = (0, 20, 40, 60, 65, 70, 90)


def test_one_of_them_moves_to_the_other_sector():
    counts = []
    for changes in CHANGES:
        flash = CutFlash(worn(changes))
        Config(keystore.open(flash)).change(NEW)
        counts.append(flash.operations)
    assert max(counts) > min(counts)


@covers("V-22")
@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("share", [0, 2, 3])
def test_the_old_configuration_or_the_new_one(changes, share):
    data = worn(changes)
    before = shown(Config(keystore.open(CutFlash(data))))
    whole = CutFlash(data)
    Config(keystore.open(whole)).change(NEW)
    after = shown(Config(keystore.open(CutFlash(bytes(whole.data)))))
    assert before != after and before[1] == DEVICE_KEY and after[1] is None
    outcomes = []
    for cut in range(1, whole.operations + 1):
        flash = CutFlash(data, cut, share)
        with pytest.raises(StorageError):
            Config(keystore.open(flash)).change(NEW)
        left = shown(Config(keystore.open(CutFlash(bytes(flash.data)))))
        assert left in (before, after), f"half a configuration after operation {cut}"
        outcomes.append(left == after)
        again = Config(keystore.open(CutFlash(bytes(flash.data))))
        again.change(NEW)  # it can be run again
        assert shown(again) == after
    assert outcomes == sorted(outcomes) and not outcomes[0]
