"""The rules of webhooks: their events, when a failed delivery is tried again, and which addresses may be reached."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal, get_args
from urllib.parse import urlsplit

from engine.domain.instant import HOUR, MINUTE, SECOND, Millis
from engine.domain.text import line

__all__ = ["EVENTS", "LONGEST_RETRY", "TEST", "EventName", "checked_url", "is_public", "next_attempt"]

EventName = Literal[
    "session.scheduled",
    "session.changed",
    "session.cancelled",
    "session.started",
    "session.ended",
    "story.published",
    "story.withdrawn",
    "registration.created",
    "registration.cancelled",
]
"""What a webhook can ask for."""
EVENTS: tuple[EventName, ...] = get_args(EventName)
TEST = "webhook.test"
"""What is sent when somebody tests a webhook; it cannot be asked for."""

LONGEST_RETRY: Millis = 72 * HOUR
"""After that long without success a webhook is switched off."""
_PAUSES: tuple[Millis, ...] = (
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
)
"""After the first, second … failure, as the specification recommends; the pause after the last lasts to the end."""

_MOST_CHARACTERS = 2000
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.I | re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.I | re.ASCII)
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")


def next_attempt(first: Millis, attempts: int, at: Millis) -> Millis | None:
    """When a delivery is tried again that has failed ``attempts`` times, the last time at ``at``; None: not any more.

    ``first`` is when it was queued. The pauses grow; the last attempt is three days after ``first``.
    """
    last = first + LONGEST_RETRY
    if attempts > len(_PAUSES) + 1 or at >= last:
        return None
    pause = _PAUSES[attempts - 1] if attempts <= len(_PAUSES) else LONGEST_RETRY
    return min(at + pause, last)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet: not to this machine, a private network, or nobody."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        # An IPv4 address in another dress leads where that one leads.
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip in _TRANSLATED:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)))
        if ip.sixtofour is not None:
            return is_public(str(ip.sixtofour))
        if ip in _COMPATIBLE or ip.is_site_local or ip.teredo is not None:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def checked_url(url: str, *, allow_private: bool) -> str:
    """The address of a webhook's receiver.

    ``allow_private`` allows addresses of this machine and of private networks, with https or http. What a name stands for is
    checked when it is connected to.

    Raises:
        ValueError: it is none, or may not be used.
    """
    text = line(url)
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(f"at most {_MOST_CHARACTERS} characters")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("must be an address like https://example.org/hook") from None
    schemes = ("https", "http") if allow_private else ("https",)
    if parts.scheme not in schemes or not host or not text.isascii() or " " in text or "\\" in text:
        raise ValueError(f"must be an address like https://example.org/hook, with {' or '.join(schemes)}")
    if parts.username is not None or parts.password is not None or parts.fragment or parts.port == 0:
        raise ValueError("must have no user name, password, fragment or port 0")
    private = _is_private(host)
    if private and not allow_private:
        raise ValueError("leads into this machine or a private network, which is not allowed here")
    if parts.scheme == "http" and private is False:
        raise ValueError("http is possible for addresses of private networks only: use https")
    return text


def _is_private(host: str) -> bool | None:
    """Whether a host is an address that is not public; None for a name, which only the connection can tell."""
    try:
        return not is_public(host)
    except ValueError:
        pass
    labels = host.removesuffix(".").split(".")
    # Resolvers take 127.1, 0x7f000001 and 2130706433 for addresses too.
    if len(host) > 253 or _NUMBER.fullmatch(labels[-1]) or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("has no usable host name")
    return True if labels[-1].lower() == "localhost" else None
