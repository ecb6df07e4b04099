"""Passkeys in both databases: kept, used, and gone with the key that they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from engine.storage.database import Connection, Database
from engine.storage.keys import Keys
from engine.storage.passkeys import CHALLENGE_VALID, MOST_PASSKEYS, Passkey, Passkeys

PHONE = Passkey("AAEC", "Sarah", b"\x00\xffkey", 0, "Phone", 5)


@pytest.fixture
def keys(database: Database) -> Iterator[Keys]:
    with closing(Keys(database)) as kept:
        kept.create("Sarah", at=1)
        kept.create("Tom", at=1)
        yield kept


@pytest.fixture
def connection(keys: Keys, database: Database) -> Iterator[Connection]:
    with database.connect() as opened:
        yield opened


def signed_in(connection: Connection, passkey: Passkey = PHONE) -> str:
    """A secret that a passkey gave, at a time that has not come yet."""
    made = Passkeys(connection).sign_in(passkey, passkey.sign_count, 4_000_000_000_000)
    assert made is not None
    return made[0]


def test_a_challenge_is_good_once_for_what_it_was_given_out_for(connection: Connection) -> None:
    """To add a passkey to one key, or to sign in; five minutes."""
    passkeys = Passkeys(connection)
    passkeys.challenge(b"add", "Sarah", 0)
    passkeys.challenge(b"in", None, 0)
    assert not passkeys.use_challenge(b"add", None, 1)
    assert not passkeys.use_challenge(b"add", "Tom", 1)
    assert not passkeys.use_challenge(b"in", "Sarah", 1)
    assert not passkeys.use_challenge(b"in", None, CHALLENGE_VALID)
    assert passkeys.use_challenge(b"add", "Sarah", 1)
    assert not passkeys.use_challenge(b"add", "Sarah", 1)
    assert passkeys.use_challenge(b"in", None, CHALLENGE_VALID - 1)
    assert (
        b"add"
        not in repr([dict(row) for row in connection.rows("SELECT * FROM passkey_challenges")]).encode()
    )


def test_old_challenges_go(connection: Connection) -> None:
    """With the next that is given out."""
    passkeys = Passkeys(connection)
    passkeys.challenge(b"old", None, 0)
    passkeys.challenge(b"new", None, CHALLENGE_VALID)
    assert connection.value("SELECT count(*) FROM passkey_challenges") == 1


def test_a_passkey_signs_in(connection: Connection, keys: Keys) -> None:
    """What it opens counts as the key; its count and its last use are kept; a count that is out of date opens nothing."""
    passkeys = Passkeys(connection)
    assert passkeys.add(PHONE)
    assert (passkeys.get("AAEC"), passkeys.of("Sarah"), passkeys.of("Tom")) == (PHONE, [PHONE], [])
    made = passkeys.sign_in(PHONE, 3, 4_000_000_000_000)
    assert made is not None
    found = keys.identify(made[0])
    assert found is not None
    assert found.name == "Sarah"
    used = replace(PHONE, sign_count=3, used_at=4_000_000_000_000)
    assert passkeys.get("AAEC") == used
    assert passkeys.sign_in(PHONE, 4, 4_000_000_000_000) is None
    assert passkeys.sign_in(used, 4, 4_000_000_000_000) is not None


def test_an_id_is_kept_once_and_a_key_has_so_many_at_most(connection: Connection) -> None:
    """Nor are any kept of a key that is not there."""
    passkeys = Passkeys(connection)
    assert passkeys.add(PHONE)
    assert not passkeys.add(replace(PHONE, key_name="Tom"))
    assert not passkeys.add(replace(PHONE, id="x", key_name="Nobody"))
    for number in range(1, MOST_PASSKEYS):
        assert passkeys.add(replace(PHONE, id=str(number)))
    assert not passkeys.add(replace(PHONE, id="more"))
    assert passkeys.add(replace(PHONE, id="more", key_name="Tom"))


def test_removing_a_passkey_ends_what_it_opened(connection: Connection, keys: Keys) -> None:
    """And nothing else; nobody removes somebody else's."""
    passkeys = Passkeys(connection)
    other = replace(PHONE, id="other")
    assert passkeys.add(PHONE)
    assert passkeys.add(other)
    secrets = [signed_in(connection, PHONE), signed_in(connection, other)]
    assert not passkeys.remove("Tom", "AAEC")
    assert passkeys.remove("Sarah", "AAEC")
    assert not passkeys.remove("Sarah", "AAEC")
    assert [keys.identify(secret) is None for secret in secrets] == [True, False]


@pytest.mark.parametrize("change", ["renew", "revoke"])
def test_passkeys_end_with_their_key(connection: Connection, keys: Keys, change: str) -> None:
    """Whoever knew a key that is renewed may have added one of their own."""
    passkeys = Passkeys(connection)
    assert passkeys.add(PHONE)
    assert passkeys.add(replace(PHONE, id="tom", key_name="Tom"))
    secret = signed_in(connection)
    assert keys.renew("Sarah") if change == "renew" else keys.revoke("Sarah", at=9)
    assert passkeys.get("AAEC") is None
    assert passkeys.of("Sarah") == []
    assert passkeys.get("tom") is not None
    assert keys.identify(secret) is None


def test_passkeys_end_with_a_key_that_a_server_of_the_version_before_renews(connection: Connection) -> None:
    """It knows of no passkeys: they are of the secret that the key had. The same phone can be added anew."""
    passkeys = Passkeys(connection)
    assert passkeys.add(PHONE)
    connection.execute("UPDATE keys SET digest = :digest WHERE name = 'Sarah'", digest=b"another")
    assert passkeys.get("AAEC") is None
    assert passkeys.of("Sarah") == []
    assert passkeys.add(replace(PHONE, id="anew"))
    assert [each.id for each in passkeys.of("Sarah")] == ["anew"]


def test_the_administrators_passkeys_end_with_another_secret_of_the_settings(
    connection: Connection, keys: Keys
) -> None:
    """A start with the same one changes nothing."""
    passkeys = Passkeys(connection)
    keys.ensure_administrator("first", at=1)
    mine = replace(PHONE, key_name="administrator")
    assert passkeys.add(mine)
    secret = signed_in(connection, mine)
    keys.ensure_administrator("first", at=2)
    assert keys.identify(secret) is not None
    keys.ensure_administrator("second", at=3)
    assert passkeys.of("administrator") == []
    assert keys.identify(secret) is None


def test_a_revoked_key_gets_no_passkey(connection: Connection, keys: Keys) -> None:
    """Also where it was revoked while the browser asked for a finger."""
    keys.revoke("Sarah", at=2)
    assert not Passkeys(connection).add(PHONE)
