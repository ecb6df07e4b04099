"""Talks to the studio's mail server without sending anything, to see whether mail would leave."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

import aiosmtplib

from publisher.delivery.smtp_address import smtp_arguments

__all__ = ["Greeting", "greet"]


@dataclass(frozen=True, slots=True)
class Greeting:
    """How far a mail server let the studio come."""

    server: str
    """``host:port``."""
    problem: str = ""
    remedy: str = ""
    taken: str = ""
    """What it took, where there is no problem."""


async def greet(url: str, sender: str | None, own_host: str, *, timeout_s: float) -> Greeting:
    """EHLO, STARTTLS, AUTH, MAIL FROM and RSET, as the delivery does them; without ``sender`` only the first two."""
    try:
        arguments = smtp_arguments(url)
    except ValueError as error:
        return Greeting("the mail server", str(error), "Set its address anew.")
    server = f"{arguments['hostname']}:{arguments['port']}"
    client = aiosmtplib.SMTP(**arguments, timeout=timeout_s, local_hostname=own_host)
    step = "it cannot be reached", "Is its address right, and the server running?"
    try:
        async with asyncio.timeout(timeout_s):
            await client.connect()
            if sender is not None:
                step = (
                    f"it refuses the sender {sender}",
                    "Write a sender it sends for into studio.toml, or let it.",
                )
                await client.mail(sender)
                await client.rset()
            secured = "over TLS " if client.get_transport_info("sslcontext") else ""
            await client.quit()
    except aiosmtplib.SMTPAuthenticationError as error:
        step = "it refuses user name and password", "Set those that it knows."
        return Greeting(server, f"{step[0]}: {_described(error)}", step[1])
    except aiosmtplib.SMTPHeloError as error:
        step = f"it refuses to talk to {own_host}", "Does that name lead to this machine, and back?"
        return Greeting(server, f"{step[0]}: {_described(error)}", step[1])
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        if _is_about_tls(error):
            step = (
                "TLS fails",
                "It needs a certificate that is good for its name; a password is not sent without.",
            )
        return Greeting(server, f"{step[0]}: {_described(error)}", step[1])
    finally:
        client.close()
    return Greeting(
        server, taken=f"answers {secured}" + (f"and sends for {sender}" if sender else "to its name")
    )


def _is_about_tls(error: BaseException) -> bool:
    causes = (error, error.__cause__, error.__context__)
    return any(isinstance(each, ssl.SSLError) for each in causes) or "TLS" in str(error).upper()


def _described(error: BaseException) -> str:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}"[:300]
    return str(error)[:300] or "no answer"
