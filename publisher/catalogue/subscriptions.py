"""Who gets the newsletter: asked for, confirmed by the address itself, ended with one click."""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass

from engine.domain.instant import HOUR, Millis
from publisher.catalogue.deliveries import CONFIRMATION, NEWSLETTER, Deliveries
from publisher.catalogue.published import Catalogue
from publisher.rendering.links import ascii_address, is_writable

__all__ = [
    "InvalidAddress",
    "Subscriber",
    "checked_address",
    "confirm",
    "count",
    "state_of",
    "subscribe",
    "subscriber",
    "unsubscribe",
]

_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?:[A-Za-z]{2,63}|xn--[A-Za-z0-9-]{1,59})"
)
_ASK_AGAIN_AFTER: Millis = HOUR


class InvalidAddress(ValueError):
    """The text is no mail address."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A subscriber of the newsletter."""

    token: str
    """In the links of their mails."""
    confirmed: bool


def subscriber(catalogue: Catalogue, address: str) -> Subscriber | None:
    """The subscriber with an address in lower case; None where there is none."""
    row = catalogue.connection.row(
        "SELECT token, state FROM subscribers WHERE address = :address", address=address
    )
    return None if row is None else Subscriber(row["token"], row["state"] == "confirmed")


def checked_address(address: str) -> str:
    """An address as it is written to.

    Raises:
        InvalidAddress: it is no address.
    """
    try:
        shown = ascii_address(unicodedata.normalize("NFC", address.strip()))
    except ValueError as error:
        raise InvalidAddress("a mail address such as you@example.org") from error
    if len(shown) > 254 or not _ADDRESS.fullmatch(shown) or not is_writable(shown):
        raise InvalidAddress("a mail address such as you@example.org")
    return shown


def subscribe(catalogue: Catalogue, address: str, at: Millis) -> None:
    """Subscribe an address, or one that is paused again, and ask it to confirm. The caller does not learn whether it is subscribed already.

    The confirmation goes out once an hour at most, and where the studio sends mail.

    Raises:
        InvalidAddress: it is no address.
    """
    shown = checked_address(address)
    key = shown.lower()
    with catalogue.transaction():
        known = subscriber(catalogue, key)
        if known is not None and known.confirmed:
            return
        if known is None:
            catalogue.connection.execute(
                "INSERT INTO subscribers (address, shown, token, state, created_at)"
                " VALUES (:address, :shown, :token, 'pending', :at)",
                address=key,
                shown=shown,
                token=secrets.token_urlsafe(24),
                at=at,
            )
        Deliveries(catalogue).schedule_confirmation(key, shown, at, again_after=_ASK_AGAIN_AFTER)


def state_of(catalogue: Catalogue, token: str) -> str | None:
    """``pending``, ``confirmed`` or ``paused``; None for an unknown token. Changes nothing."""
    state: str | None = catalogue.connection.value(
        "SELECT state FROM subscribers WHERE token = :token", token=token
    )
    return state


def confirm(catalogue: Catalogue, token: str, at: Millis) -> bool:
    """Confirm the subscription of a token; returns whether there is one. Idempotent."""
    changed = catalogue.connection.execute(
        "UPDATE subscribers SET state = 'confirmed', refusals = 0, confirmed_at = coalesce(confirmed_at, :at)"
        " WHERE token = :token",
        at=at,
        token=token,
    )
    return changed > 0


def unsubscribe(catalogue: Catalogue, token: str) -> bool:
    """Delete the subscriber of a token and their unsent mails; returns whether there was one."""
    with catalogue.transaction():
        address = catalogue.connection.value(
            "SELECT address FROM subscribers WHERE token = :token", token=token
        )
        if address is None:
            return False
        catalogue.connection.execute("DELETE FROM subscribers WHERE token = :token", token=token)
        catalogue.connection.execute(
            "DELETE FROM deliveries WHERE recipient = :address AND kind IN (:newsletter, :confirmation)",
            address=address,
            newsletter=NEWSLETTER,
            confirmation=CONFIRMATION,
        )
    return True


def count(catalogue: Catalogue) -> int:
    """The number of confirmed subscribers."""
    return int(catalogue.connection.value("SELECT count(*) FROM subscribers WHERE state = 'confirmed'"))
