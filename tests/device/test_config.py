"""The configuration: any bytes, all or nothing, secrets kept, limits named."""

from flash_rig import CutFlash, PowerCut, again, opened

from callboard.config import CA_MAX, NAMES, SECRETS, VERSION_NAME, Config
from callboard.errors import InvalidArgument, StorageError
from callboard.voip.registration import KEY_NAME, NONCE_NAME
from support import raises

ALL = {
    "wifi_ssid": {"hex": "00ff03"},
    "wifi_password": "pässword",
    "relay_url": "https://relay.test:8443",
    "leaf_sha256": "AB" * 32,
    "model_id": "doorbell",
    "sn": "SN1",
    "wxa_appid": "wxdemo",
    "flavour": 2,
    "users": ["ada", "bob"],
    "ticket": "T123",
    "pin": "0042",
}


def fresh(**options):
    return Config(opened(CutFlash()), **options)


def test_every_field_is_kept():
    flash = CutFlash()
    assert Config(opened(flash)).change(ALL) == sorted(ALL)
    config = Config(opened(flash))
    assert config.get("wifi_ssid") == b"\x00\xff\x03"
    assert config.get("wifi_password") == "pässword".encode()
    assert config.get("leaf_sha256") == b"\xab" * 32
    assert config.get("users") == ["ada", "bob"] and config.get("flavour") == 2
    assert config.missing() == [] and config.get("ca") is None
    assert config.change(ALL) == ["pin"]  # salted anew
    config.change(dict.fromkeys(ALL))
    assert all(config.get(name) is None for name in NAMES)


def test_every_byte_survives():
    config = fresh()
    for first in range(0, 256, 32):
        ssid = bytes(range(first, first + 32))
        config.change({"wifi_ssid": ssid, "wifi_password": ssid + ssid})
        assert config.get("wifi_ssid") == ssid and config.get("wifi_password") == ssid + ssid


def test_secrets_are_not_shown():
    config = fresh()
    config.change(ALL)
    shown = config.public()
    for name in SECRETS:
        assert shown[name] == {"set": True}
    assert shown["wifi_ssid"] == {"hex": "00ff03"} and shown["sn"] == "SN1"
    assert "0042" not in repr(shown) and "T123" not in repr(shown)
    assert b"0042" not in config._store.get("c.pin")
    assert config.public(["sn"]) == {"sn": "SN1"}


def test_what_is_wrong_is_named_and_changes_nothing():
    config = fresh()
    config.change(ALL)
    before = config.public()
    for name, value in (
        ("wifi_ssid", ""),
        ("wifi_ssid", "x" * 33),
        ("wifi_ssid", {"hex": "0"}),
        ("wifi_ssid", {"hex": 5}),
        ("wifi_ssid", 5),
        ("wifi_password", "x" * 65),
        ("relay_url", "ftp://relay"),
        ("relay_url", "https://" + "x" * 200),
        ("relay_url", 5),
        ("ca", "not DER"),
        ("ca", {"hex": "30" * (CA_MAX + 1)}),
        ("leaf_sha256", "abcd"),
        ("model_id", "a b"),
        ("sn", "x" * 129),
        ("wxa_appid", 5),
        ("flavour", 3),
        ("flavour", True),
        ("users", []),
        ("users", ["a"] * 9),
        ("users", ["a b"]),
        ("users", "ünknown"),
        ("ticket", ""),
        ("pin", "123"),
        ("pin", "12e4"),
        ("pin", 1234),
        ("nonsense", "x"),
    ):
        error = raises(InvalidArgument, config.change, {"sn": "SN2", name: value})
        if name != "relay_url":
            assert name in error.message, error.message
    assert config.public() == before
    raises(InvalidArgument, config.get, "nonsense")


def test_defaults_and_what_is_missing():
    config = fresh(defaults={"model_id": "doorbell", "sn": "", "relay_url": "https://r"})
    assert config.missing() == ["sn", "wxa_appid", "ca"]
    assert fresh(trusts=True, defaults={"relay_url": "https://r"}).missing()[-1] == "wxa_appid"
    assert fresh(wifi=True).missing()[0] == "wifi_ssid"
    config.change({"model_id": "other", "relay_url": "http://r"})
    assert config.get("model_id") == "other" and config.missing() == ["sn", "wxa_appid"]
    config.change({"model_id": None})
    assert config.get("model_id") == "doorbell"


def test_another_identity_forgets_the_key():
    store = opened(CutFlash())
    config = Config(store, {"wxa_appid": "wxdemo"})
    config.change({"model_id": "doorbell", "sn": "SN1"})
    for values, kept in (
        ({"relay_url": "https://elsewhere", "sn": "SN1"}, True),
        ({"wxa_appid": "wxdemo"}, True),  # what it was by default
        ({"sn": "SN2"}, False),
        ({"model_id": None}, False),
    ):
        store.put(KEY_NAME, bytes(32))
        store.put(NONCE_NAME, bytes(16))
        config.change(values)
        assert (store.get(KEY_NAME) is not None) == kept == (store.get(NONCE_NAME) is not None)


# covers: V-22
def test_power_cut_at_every_operation_leaves_old_or_new():
    outcomes = ("OLD", b"old", "doorbell"), ("NEW", b"new", "doorbell"), (None, None, None)
    stages = []
    done = False
    while not done:
        flash = CutFlash()
        config = Config(opened(flash))
        config.change({"sn": "OLD", "model_id": "doorbell", "wifi_ssid": "old"})
        flash.cut = len(stages)
        try:
            config.change({"sn": "NEW", "wifi_ssid": "new"})
            config.erase()
            done = flash.cut >= 0
        except PowerCut:
            pass
        after = Config(opened(again(flash)))
        values = (after.get("sn"), after.get("wifi_ssid"), after.get("model_id"))
        stages.append(outcomes.index(values))
    assert stages == sorted(stages) and set(stages) == {0, 1, 2}, stages


def test_pin():
    config = fresh()
    assert config.pin_fits("anything")
    config.change({"pin": "4711"})
    assert config.pin_fits("4711") and not config.pin_fits("4712") and not config.pin_fits(None)


def test_a_later_version_is_refused():
    store = opened(CutFlash())
    store.put(VERSION_NAME, b"\x02")
    raises(StorageError, Config, store)
