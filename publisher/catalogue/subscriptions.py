"""Who gets the newsletter: asked for, confirmed by the address itself, ended with one click."""

from __future__ import annotations

import re
import secrets
import unicodedata

from engine.domain.instant import HOUR, Millis
from publisher.catalogue.deliveries import CONFIRMATION, Deliveries
from publisher.catalogue.published import Catalogue

__all__ = ["InvalidAddress", "confirm", "count", "state_of", "subscribe", "unsubscribe"]

# Local parts that need quoting are refused: no mail address that people have looks like that.
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_ASK_AGAIN_AFTER: Millis = HOUR


class InvalidAddress(ValueError):
    """It is no mail address."""


def subscribe(catalogue: Catalogue, address: str, at: Millis) -> None:
    """Ask an address to confirm. Whoever asks learns nothing of who is subscribed already.

    The confirmation goes out once an hour at most, and where the studio sends mail.

    Raises:
        InvalidAddress: it is no address.
    """
    shown = unicodedata.normalize("NFC", address.strip())
    if len(shown) > 254 or not _ADDRESS.fullmatch(shown) or ".." in shown:
        raise InvalidAddress("a mail address such as you@example.org")
    key = shown.lower()
    with catalogue.transaction():
        row = catalogue.connection.execute("SELECT * FROM subscribers WHERE address = ?", (key,)).fetchone()
        if row is not None and row["state"] == "confirmed":
            return
        if row is None:
            catalogue.connection.execute(
                "INSERT INTO subscribers VALUES (?, ?, ?, 'pending', ?, NULL)",
                (key, shown, secrets.token_urlsafe(24), at),
            )
        Deliveries(catalogue).schedule_confirmation(key, shown, at, again_after=_ASK_AGAIN_AFTER)


def state_of(catalogue: Catalogue, token: str) -> str | None:
    """``pending`` or ``confirmed``; None for a token that means nobody, or nobody any more. Changes nothing."""
    row = catalogue.connection.execute("SELECT state FROM subscribers WHERE token = ?", (token,)).fetchone()
    return None if row is None else str(row["state"])


def confirm(catalogue: Catalogue, token: str, at: Millis) -> bool:
    """Take up who has this token; whether there was somebody. Doing it again is harmless."""
    changed = catalogue.connection.execute(
        "UPDATE subscribers SET state = 'confirmed', confirmed_at = coalesce(confirmed_at, ?) WHERE token = ?",
        (at, token),
    )
    return changed.rowcount > 0


def unsubscribe(catalogue: Catalogue, token: str) -> bool:
    """Forget who has this token, and whatever waits to be sent to them; whether there was somebody."""
    with catalogue.transaction():
        row = catalogue.connection.execute(
            "SELECT address FROM subscribers WHERE token = ?", (token,)
        ).fetchone()
        if row is None:
            return False
        catalogue.connection.execute("DELETE FROM subscribers WHERE token = ?", (token,))
        catalogue.connection.execute(
            "DELETE FROM deliveries WHERE recipient = ? AND kind IN ('newsletter', ?)",
            (row["address"], CONFIRMATION),
        )
    return True


def count(catalogue: Catalogue) -> int:
    """How many confirmed."""
    row = catalogue.connection.execute(
        "SELECT count(*) FROM subscribers WHERE state = 'confirmed'"
    ).fetchone()
    return int(row[0])
