from __future__ import annotations

import os
import stat
import sys
import types

import pytest

from core.errors import InvalidRequest, Unavailable
from core.library.tokens import check_token, find_token, save_token


class Keyring(types.ModuleType):
    """The module keyring with a store of ours. `broken`: every call fails; `forgets`: it keeps nothing."""

    def __init__(self):
        super().__init__("keyring")
        self.kept, self.broken, self.forgets = {}, False, False

    def get_keyring(self):
        return self

    def get_password(self, service, account):
        if self.broken:
            raise RuntimeError("locked")
        return self.kept.get((service, account))

    def set_password(self, service, account, password):
        if self.broken:
            raise RuntimeError("locked")
        if not self.forgets:
            self.kept[service, account] = password


@pytest.fixture
def keyring(monkeypatch):
    module = Keyring()
    backends, fail = types.ModuleType("keyring.backends"), types.ModuleType("keyring.backends.fail")
    fail.Keyring = type("Keyring", (), {})
    backends.fail = fail
    for name, value in {"keyring": module, "keyring.backends": backends, "keyring.backends.fail": fail}.items():
        monkeypatch.setitem(sys.modules, name, value)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    return module


def test_the_environment_comes_first(places, keyring):
    keyring.set_password("deskside", "huggingface", "hf_ring")
    assert find_token(places, {"HF_TOKEN": " hf_env\n"}) == "hf_env"
    assert find_token(places, {"HF_TOKEN": " "}) == "hf_ring"


def test_the_keyring_keeps_it(places, keyring):
    assert find_token(places, {}) is None
    assert save_token("hf_new", places) == "the system's keyring"
    assert find_token(places, {}) == "hf_new"
    assert not places.config.exists()


@pytest.mark.parametrize("trouble", ["broken", "forgets"])
def test_a_file_where_the_keyring_does_not_work(places, keyring, trouble):
    setattr(keyring, trouble, True)
    where = save_token("hf_new", places)
    assert find_token(places, {}) == "hf_new"
    if os.name != "nt":
        assert stat.S_IMODE(os.stat(where).st_mode) == 0o600
    assert [path.name for path in places.config.iterdir()] == ["hf_token"]
    setattr(keyring, trouble, False)
    save_token("hf_newer", places)
    assert list(places.config.iterdir()) == []


def test_what_hf_auth_login_keeps_comes_last(places, keyring, monkeypatch):
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "hf_theirs")
    assert find_token(places, {}) == "hf_theirs"
    assert find_token(places, {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}) is None


@pytest.mark.parametrize("text", ["", "  ", "a b", "tökén", "a\nb", "x" * 1001])
def test_what_is_no_token_is_not_repeated(text):
    with pytest.raises(InvalidRequest, match="The token from --token is no access token") as caught:
        check_token(text, "--token")
    assert text.strip() == "" or text not in caught.value.message


def test_nowhere_to_keep_it(places, keyring):
    keyring.broken = True
    places.config.parent.mkdir(parents=True)
    places.config.write_text("a file")
    with pytest.raises(Unavailable, match=r"cannot be written .*set HF_TOKEN instead"):
        save_token("hf_new", places)
