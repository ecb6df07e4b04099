"""What the API needs of the rest of the engine, and nothing more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, Protocol, TypeAlias

from aiohttp import web

from engine.domain.commands import Command, Sender
from engine.domain.session import Details
from engine.protocol.outgoing import Message
from engine.sessions.messages import View
from engine.storage.webhooks import Delivery

__all__ = ["AskOthers", "Publishing", "Readiness", "Sessions", "View", "WebhookTests"]


class Sessions(Protocol):
    """The sessions of this server. What a verb answers is durable."""

    async def create(self, session_id: str, details: Details, made_by: str | None = None) -> View:
        """A new session, which the key ``made_by`` leads. Raises ``Conflict`` when the id is taken."""
        ...

    async def view(self, session_id: str) -> View | None:
        """A session of any phase, loaded where it is not in memory; None for one that nobody created."""
        ...

    async def own_figures(self, session_id: str, client_id: str) -> Mapping[str, Any] | None:
        """One person's own figures of this moment; to be shown to nobody else."""
        ...

    def loaded(self) -> Iterable[View]:
        """Those that are in memory."""
        ...

    async def ask(
        self,
        session_id: str,
        command: Command,
        sender: Sender,
        *,
        event_id: str | None = None,
    ) -> View:
        """Carry a command out; ``event_id`` makes a repetition harmless.

        Raises:
            Rejected: it is refused, or there is no such session.
        """
        ...

    async def replay(self, session_id: str, limit: int) -> list[Message]:
        """The newest numbered messages in order, as clients got them."""
        ...

    async def withdraw(self, session_id: str, client_id: str) -> None:
        """Forget a person: row, name, consents; what is published is made anew without them."""
        ...


class Publishing(Protocol):
    """The publisher process, from outside."""

    def wake(self) -> None:
        """There is work in the outbox."""
        ...

    async def wait_for(
        self,
        session_id: str,
        content_id: str,
        channels: Collection[str],
        timeout: float,  # noqa: ASYNC109 — what is known when it is over is the answer
    ) -> dict[str, str]:
        """The states of channels that were reported finished within ``timeout`` seconds."""
        ...


class WebhookTests(Protocol):
    """Tests of webhooks."""

    async def test(self, webhook_id: str) -> Delivery | None:
        """Send a test at once, and return what became of it; None where there is no such webhook."""
        ...


Readiness: TypeAlias = Callable[[], str | None]
"""None when requests are served; else why not: ``starting``, ``draining``, or what is broken."""

AskOthers: TypeAlias = Callable[[web.Request], Awaitable[list[bytes]]]
"""The bodies of the other servers' answers to the same request, each for its own sessions; none where there is one server,
and for a request that another server forwarded."""
