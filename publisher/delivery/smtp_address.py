"""The address of a mail server, as ``HALCYTONE_SMTP_URL`` has it, read for aiosmtplib."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import unquote, urlsplit

__all__ = ["smtp_arguments"]


def smtp_arguments(smtp_url: str) -> dict[str, Any]:
    """The arguments of ``aiosmtplib.SMTP`` for ``smtp://user:password@host:587`` or ``smtps://host``.

    With a user name TLS is required, and its certificate checked, unless the server is this machine itself: a password
    does not travel in clear. Without one ``smtp://`` upgrades to TLS where the server offers it, and ``smtp+starttls://``
    always does.

    Raises:
        ValueError: the scheme is another, or there is no host.
    """
    parts = urlsplit(smtp_url)
    if parts.scheme not in ("smtp", "smtps", "smtp+starttls") or not parts.hostname:
        raise ValueError("an address such as smtp://user:password@mail.example.org:587")
    tls = parts.scheme == "smtps"
    return {
        "hostname": parts.hostname,
        "port": parts.port or (465 if tls else 587),
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "use_tls": tls,
        "start_tls": _start_tls(
            parts.scheme, upgrade=bool(parts.username) and not _is_loopback(parts.hostname)
        ),
    }


def _start_tls(scheme: str, *, upgrade: bool) -> bool | None:
    """Whether to upgrade to TLS after connecting; None where the server offers it."""
    if scheme == "smtps":
        return False
    return True if upgrade or scheme == "smtp+starttls" else None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
