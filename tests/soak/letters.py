"""A mail server that takes every letter, and the links in them."""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session

__all__ = ["Letters", "mail_server"]

_CONFIRM = re.compile(r"https?://\S+?(/confirm/[^\s\"'<>]+)")


class Letters:
    """What was taken, counted by subject and by recipient."""

    def __init__(self) -> None:
        self.url = ""
        self.taken: Counter[str] = Counter()
        self.recipients: Counter[str] = Counter()
        self.confirmations: asyncio.Queue[str] = asyncio.Queue()
        """Paths of links that confirm an address."""

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a letter."""
        assert isinstance(envelope.content, bytes)
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(letter, EmailMessage)
        self.taken[str(letter["Subject"])] += 1
        self.recipients.update(envelope.rcpt_tos)
        body = letter.get_body(("plain",))
        found = _CONFIRM.search(str(body.get_content())) if body else None
        if found:
            self.confirmations.put_nowait(found[1])
        return "250 taken"


@asynccontextmanager
async def mail_server(letters: Letters | None = None) -> AsyncIterator[Letters]:
    """One on this machine, for the length of the block; ``letters`` takes what comes."""
    letters, loop = letters or Letters(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(letters, hostname="test", loop=loop), "127.0.0.1", 0)
    letters.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield letters
    finally:
        server.close()
        await server.wait_closed()
