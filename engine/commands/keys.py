"""``halcytone key``: create, list and revoke the keys of a team."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from engine.clock import Clock
from engine.commands.terminal import database_in, fail, say, settings_for, table
from engine.domain.instant import iso
from engine.storage.keys import KeyNameTaken, KeyRole, Keys
from publisher.catalogue.subscriptions import InvalidAddress, checked_address

__all__ = ["create", "list_keys", "revoke"]


@contextmanager
def _keys(config: Path | None, data: Path | None) -> Iterator[Keys]:
    settings = settings_for(config, data=data)
    with closing(Keys(database_in(settings, make=True))) as keys:
        yield keys


def create(
    config: Path | None,
    data: Path | None,
    name: str,
    role: KeyRole = KeyRole.INSTRUCTOR,
    email: str | None = None,
) -> None:
    """Create a key and print it: the only time that it can be seen."""
    if email is not None:
        try:
            email = checked_address(email)
        except InvalidAddress as error:
            fail(f"--email: {error}")
    with _keys(config, data) as keys:
        try:
            secret = keys.create(name.strip(), Clock().now(), role, email)
        except KeyNameTaken:
            fail(f"there is, or was, a key for {name!r}: names are not used twice; choose another")
        except ValueError as error:
            fail(str(error))
    say(secret)


def list_keys(config: Path | None, data: Path | None, *, as_json: bool) -> None:
    """Print the owner, role and state of every key."""
    with _keys(config, data) as keys:
        known = keys.all()
    if as_json:
        rows = [
            {
                "name": key.name,
                "role": key.role,
                "email": key.email,
                "created_at": iso(key.created_at),
                "revoked_at": None if key.revoked_at is None else iso(key.revoked_at),
            }
            for key in known
        ]
        say(json.dumps(rows, indent=2))
        return
    table(
        ("name", "role", "mail", "made", "revoked"),
        [
            (
                key.name,
                key.role,
                key.email or "",
                iso(key.created_at)[:16],
                "" if key.revoked_at is None else iso(key.revoked_at)[:16],
            )
            for key in known
        ],
        empty="There are no keys yet. The first start of `halcytone serve` makes the administrator's.",
    )


def revoke(config: Path | None, data: Path | None, name: str) -> None:
    """Revoke a key; a running server refuses it from the next request on."""
    with _keys(config, data) as keys:
        if not keys.revoke(name.strip(), Clock().now()):
            fail(f"no key in force that can be revoked is called {name!r}; `halcytone key list` shows them")
    say(f"The key of {name} is worthless now.")
