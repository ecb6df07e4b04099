"""The checks of ``halcytone doctor`` over the network: the public address with TLS and WebSocket, and the mail server."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import aiohttp

from engine.operations.findings import Finding, Verdict
from engine.settings import PREFIX, Settings

__all__ = ["check_address", "check_mail"]

_EXPIRES_SOON = 14
"""Days before a certificate's end from which on it is reported."""
_TIMEOUT = 10.0
"""Seconds that each check may take."""


async def check_address(settings: Settings, stored: str | None) -> AsyncIterator[Finding]:
    """Yield what is found of the public address; ``stored`` is the one that the server of this folder started with."""
    # The address that this command was given, or the one under which the server of this folder started.
    url = settings.public_url or stored or settings.base_url
    if stored is not None and url != stored:
        yield Finding(
            "address in use",
            Verdict.LOOK,
            f"the server was last started with {stored}",
            f"Pages and mails link there: start `halcytone serve` with --public-url {url}, or {PREFIX}PUBLIC_URL.",
        )
    parts = urlsplit(url)
    if parts.scheme == "https":
        yield await _certificate(parts.hostname or "", parts.port or 443)
    else:
        yield Finding(
            "TLS",
            Verdict.LOOK,
            f"{url} is not https",
            "Phones need https for straps and to keep the screen awake: put a proxy such as deploy/Caddyfile in front, "
            "and start `halcytone serve` with --public-url https://….",
        )
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        yield await _readiness(http, url)
        yield await _websocket(http, url)


async def _certificate(host: str, port: int) -> Finding:
    try:
        async with asyncio.timeout(_TIMEOUT):
            _, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context())
    except (OSError, TimeoutError) as error:
        remedy = "Is the reverse proxy running, and its certificate one that browsers accept?"
        return Finding("TLS", Verdict.MEND, f"{host}:{port}: {error or 'no answer'}", remedy)
    certificate = writer.get_extra_info("peercert")
    writer.close()
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    days = (ends - datetime.now(UTC)).days
    sentence = f"the certificate of {host} is good for {days} more days"
    if days < _EXPIRES_SOON:
        return Finding("TLS", Verdict.LOOK, sentence, "Renew it, or see why it does not renew itself.")
    return Finding("TLS", Verdict.GOOD, sentence)


async def _readiness(http: aiohttp.ClientSession, url: str) -> Finding:
    try:
        async with http.get(f"{url}/readyz") as response:
            status = response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        remedy = (
            f"Is the server running, and is --public-url ({PREFIX}PUBLIC_URL) the address that people use?"
        )
        return Finding("address", Verdict.MEND, f"{url} does not answer: {error or 'in time'}", remedy)
    if status != 200:
        remedy = "503 means that it starts, drains, has no storage or no site yet: its answer says which. 404 or 502 come from a proxy."
        return Finding("address", Verdict.MEND, f"{url}/readyz answers {status}", remedy)
    return Finding("address", Verdict.GOOD, f"{url} is ready")


async def _websocket(http: aiohttp.ClientSession, url: str) -> Finding:
    # A session that cannot exist: the refusal comes over the socket, so the upgrade went through.
    probe = f"{url}/ws/live-updates?session_id=live&role=observer"
    try:
        async with http.ws_connect(probe) as socket:
            message = await socket.receive(timeout=_TIMEOUT)
    except aiohttp.WSServerHandshakeError as error:
        remedy = "Let the reverse proxy pass Upgrade and Connection headers on (deploy/Caddyfile does)."
        return Finding("WebSocket", Verdict.MEND, f"the upgrade was answered with {error.status}", remedy)
    except (aiohttp.ClientError, TimeoutError) as error:
        return Finding(
            "WebSocket", Verdict.MEND, f"no connection: {error or 'no answer'}", "See the address above."
        )
    if message.type is not aiohttp.WSMsgType.TEXT:
        return Finding("WebSocket", Verdict.MEND, "it opened and said nothing", "Look into the server's log.")
    return Finding("WebSocket", Verdict.GOOD, "the upgrade goes through")


async def check_mail(settings: Settings, stored: str | None) -> Finding:
    """Talk to the mail server as the delivery does, up to the message itself; ``stored`` is its ``host:port``."""
    from publisher.delivery.mail_server import greet
    from publisher.rendering.links import Links
    from publisher.rendering.studio import InvalidStudio, load

    if settings.smtp_url is not None:
        url = settings.smtp_url.get_secret_value()
        try:
            sender = load(settings.data).sender or None
        except InvalidStudio:
            sender = None
        if sender is None:
            remedy = "Write whose address mails come from into studio.toml (sender)."
            return Finding("mail", Verdict.MEND, "the studio has no sender", remedy)
    elif stored:
        # Its user and password stay with the server.
        url, sender = f"{'smtps' if stored.endswith(':465') else 'smtp'}://{stored}", None
    else:
        remedy = f"Set {PREFIX}SMTP_URL for `halcytone serve` to send approved mail from here."
        return Finding("mail", Verdict.LOOK, "no mail server is set: mail stays a draft", remedy)
    greeting = await greet(url, sender, Links(settings.base_url).ehlo_name, timeout_s=_TIMEOUT)
    if greeting.problem:
        return Finding("mail", Verdict.MEND, f"{greeting.server}: {greeting.problem}", greeting.remedy)
    return Finding("mail", Verdict.GOOD, f"{greeting.server} {greeting.taken}")
