"""What a phone keeps between its runs, and for whom."""

import stat

import pytest

from callboard_host import phone as phones
from callboard_host import phone_state
from callboard_host.errors import BadInput
from callboard_host.phone_state import Identity

from .phone_rig import ME


def test_the_state_is_kept_for_its_owner_only(tmp_path):
    path = tmp_path / "deep" / "phone.json"
    phone_state.save(path, ME)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert phone_state.load(path) == ME
    phone_state.save(path, Identity("o2", "wx1", "c" * 32, "other"))
    assert phone_state.load(path).open_id == "o2"
    assert [child.name for child in path.parent.iterdir()] == ["phone.json"]


def test_the_token_is_in_no_repr():
    assert "secret-token" not in repr(ME)


def test_no_state_is_none_and_a_damaged_one_is_refused(tmp_path):
    path = tmp_path / "phone.json"
    assert phone_state.load(path) is None
    for damage in ("{", "[]", '{"open_id": "o1"}', "null", b"\xff\xfe".decode("latin-1")):
        path.write_text(damage, encoding="latin-1")
        with pytest.raises(BadInput, match="--invitation|state"):
            phone_state.load(path)


def test_a_state_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BadInput):
        phone_state.save(tmp_path / "file" / "phone.json", ME)


async def test_a_phone_that_is_nobody_yet_needs_an_invitation(tmp_path):
    config = phones.PhoneConfig("http://127.0.0.1:9", tmp_path / "phone.json")
    with pytest.raises(BadInput) as raised:
        await phones.Phone(config).run()
    assert "--invitation" in raised.value.hint
