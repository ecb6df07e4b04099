"""A mail server that takes every letter, and remembers who got which."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from aiosmtpd.smtp import SMTP, Envelope, Session

__all__ = ["Letters", "mail_server"]


class Letters:
    """What was taken, by address and subject."""

    def __init__(self, seed: int) -> None:
        self.port = 0
        self.taken: Counter[tuple[str, str]] = Counter()
        self._dice = Random(f"letters {seed}")

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a letter; some take a while, so that a server may die in the middle."""
        assert isinstance(envelope.content, bytes)
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        await asyncio.sleep(self._dice.choice((0.0, 0.05, 0.4)))
        for recipient in envelope.rcpt_tos:
            self.taken[recipient, str(letter["Subject"])] += 1
        return "250 taken"


@asynccontextmanager
async def mail_server(seed: int, host: str) -> AsyncIterator[Letters]:
    """One at an address of this machine, for the length of the block."""
    letters, loop = Letters(seed), asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(letters, hostname="test", loop=loop), host, 0)
    letters.port = server.sockets[0].getsockname()[1]
    try:
        yield letters
    finally:
        server.close()
