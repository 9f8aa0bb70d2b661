from __future__ import annotations

import json
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from facenet_core.errors import KeyRefusedError, SettingError, StoreError, UnknownKeyError
from facenet_core.store import Keys, KeyStore
from facenet_core.types import ROLES
from tests.postgres import OpenStore

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(open_again: OpenStore, clock: Clock) -> Keys:
    return open_again(now=clock).keys


@pytest.fixture
def key_file(tmp_path: Path, clock: Clock) -> KeyStore:
    return KeyStore(tmp_path / "db", clock)


def test_a_key_opens_until_it_is_revoked(keys: Keys) -> None:
    key, secret = keys.create(" front  door ", ["identify", "verify"])
    assert (key.name, key.roles, key.created_at) == ("front door", ("verify", "identify"), NOW)
    assert keys.check(secret) == key == keys.all()[0]
    assert key.allows("verify") and not key.allows("enrol")
    assert keys.revoke("front door").revoked_at == NOW
    with pytest.raises(KeyRefusedError, match="was revoked"):
        keys.check(secret)


def test_a_key_ends_by_itself(keys: Keys, clock: Clock) -> None:
    _, secret = keys.create("guest", ["manage"], NOW + timedelta(days=1))
    clock.now += timedelta(hours=23)
    assert keys.check(secret).allows("enrol")
    clock.now += timedelta(hours=1)
    with pytest.raises(KeyRefusedError, match="has expired"):
        keys.check(secret)


@pytest.mark.parametrize(
    "change", [lambda s: s[:-1], lambda s: s[:-1] + "~", lambda s: s.upper(), lambda s: "", lambda s: s + "\n"]
)
def test_a_text_that_is_not_the_key_does_not_open(keys: Keys, change) -> None:
    _, secret = keys.create("door", ["manage"])
    with pytest.raises(KeyRefusedError, match="not known"):
        keys.check(change(secret))


def test_the_secret_of_one_key_does_not_open_as_another(keys: Keys) -> None:
    (first, one), (second, two) = keys.create("a", ["verify"]), keys.create("b", ["manage"])
    with pytest.raises(KeyRefusedError):
        keys.check(two.replace(second.id, first.id))
    assert keys.check(one) == first


def test_secrets_are_not_kept_and_the_file_is_for_its_owner_alone(key_file: KeyStore, tmp_path: Path) -> None:
    _, secret = key_file.create("door", ["manage"])
    file = tmp_path / "db" / "keys.json"
    assert secret.rsplit("_", 1)[1] not in file.read_text()
    assert secret not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_another_process_sees_a_change_at_once(keys: Keys, open_again: OpenStore, clock: Clock) -> None:
    other = open_again(now=clock).keys
    assert other.all() == ()
    key, secret = keys.create("door", ["manage"])
    assert other.check(secret) == key
    other.revoke(key.id)
    with pytest.raises(KeyRefusedError, match="was revoked"):
        keys.check(secret)


def test_names_are_told_apart_among_keys_in_use(keys: Keys) -> None:
    keys.create("door", ["verify"])
    with pytest.raises(SettingError, match="There is a key called door already"):
        keys.create("door", ["manage"])
    keys.revoke("door")
    again, _ = keys.create("door", ["manage"])
    assert [key.state(NOW) for key in keys.all()].count("active") == 1
    assert keys.revoke("door").id == again.id
    with pytest.raises(UnknownKeyError, match="no key called door"):
        keys.revoke("door")


@pytest.mark.parametrize(
    ("name", "roles", "end", "said"),
    [
        ("", ["verify"], None, "needs a name"),
        ("a\x00", ["verify"], None, "needs a name"),
        ("x" * 101, ["verify"], None, "needs a name"),
        ("door", [], None, "one or more of the roles"),
        ("door", ["admin"], None, "not 'admin'"),
        ("door", ["verify"], NOW, "end in the future"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(keys: Keys, name, roles, end, said) -> None:
    with pytest.raises(SettingError, match=said):
        keys.create(name, roles, end)
    assert keys.all() == ()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"keys": [{}]}', b'{"keys": [{"id": 1}]}', b'{"keys": 3}'])
def test_with_a_damaged_file_no_key_opens_and_nothing_is_overwritten(
    key_file: KeyStore, tmp_path: Path, content
) -> None:
    _, secret = key_file.create("door", ["manage"])
    file = tmp_path / "db" / "keys.json"
    file.write_bytes(content)
    for act in (lambda: key_file.check(secret), key_file.all, lambda: key_file.create("new", ["manage"])):
        with pytest.raises(StoreError, match=r"keys\.json: the API keys can't be read"):
            act()
    assert file.read_bytes() == content


def test_a_role_that_somebody_wrote_into_the_file_is_not_believed(key_file: KeyStore, tmp_path: Path) -> None:
    _, secret = key_file.create("door", ["verify"])
    file = tmp_path / "db" / "keys.json"
    entries = json.loads(file.read_text())
    entries["keys"][0]["roles"] = ["root"]
    file.write_text(json.dumps(entries))
    with pytest.raises(StoreError):
        key_file.check(secret)


def test_threads_make_keys_without_losing_any(keys: Keys) -> None:
    threads = [threading.Thread(target=keys.create, args=(f"key {n}", [ROLES[n % 4]])) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(key.name for key in keys.all()) == sorted(f"key {n}" for n in range(12))
