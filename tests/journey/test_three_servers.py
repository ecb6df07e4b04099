"""Three servers on one PostgreSQL: what leaves the studio leaves once, whichever server was asked, and whichever dies."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import os
import re
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.journey.server import Server, asked, running_server
from tests.journey.test_two_servers import logged_by, until_nodes
from tests.soak.letters import Letters, mail_server
from tests.webhooks.receiver import receiving

pytestmark = pytest.mark.long

TITLE = "Evening breath"
PEOPLE = [f"p{number}@example.org" for number in range(6)]


class Mailbox(Letters):
    """The mail server as one server of the studio sees it: all of them keep what comes in one list."""

    def __init__(self, letters: list[tuple[str, EmailMessage, Mailbox]]) -> None:
        super().__init__()
        self.letters = letters
        self.hold_at: Callable[[str], bool] = lambda _: False
        """Whether the answer to a letter with this subject does not come."""
        self.held = asyncio.Event()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a letter, and answer, unless the answer is held back until the line breaks."""
        assert isinstance(envelope.content, bytes)
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(letter, EmailMessage)
        (address,) = envelope.rcpt_tos
        self.letters.append((address, letter, self))
        if self.hold_at(str(letter["Subject"])):
            self.held.set()
            await asyncio.Event().wait()
        return "250 taken"


class Studio:
    """Three servers, each with its own way to the same letter boxes."""

    def __init__(self, servers: list[Server], boxes: list[Mailbox], database_url: str) -> None:
        self.servers, self.boxes = servers, boxes
        self.letters = boxes[0].letters
        self._database_url = database_url

    def got(self, subject: str) -> Counter[str]:
        """How often each address has got a letter."""
        return Counter(address for address, letter, _ in self.letters if letter["Subject"] == subject)

    async def until_got(self, subject: str, addresses: list[str]) -> None:
        """Everybody has got a letter."""
        async with asyncio.timeout(60):
            while set(self.got(subject)) < set(addresses):  # noqa: ASYNC110 — they come over sockets
                await asyncio.sleep(0.05)

    async def deliveries(self, *, settled: bool = False) -> list[tuple[str, str]]:
        """Kind and state of every mail; with ``settled`` once none is under way."""

        def read() -> list[tuple[str, str]]:
            with psycopg.connect(self._database_url) as connection:
                rows = connection.execute("SELECT kind, state FROM deliveries").fetchall()
            return [(kind, state) for kind, state in rows]

        async with asyncio.timeout(60):
            while True:
                found = await asyncio.to_thread(read)
                if not settled or not {"submitting"} & {state for _, state in found}:
                    return found
                await asyncio.sleep(0.05)

    async def lose(self, box: Mailbox) -> list[Server]:
        """End the server that sends over ``box``, and its publisher, as a power cut does; returns those that are left."""
        server = self.servers[self.boxes.index(box)]
        started = [line for line in logged_by(server) if line["event"] == "publisher started"]
        # Beside its server a publisher would end in order, with the mail that it sends.
        os.kill(started[-1]["pid"], signal.SIGKILL)
        await server.kill()
        return [each for each in self.servers if each is not server]


@pytest.mark.timeout(180)
async def test_letters_and_webhooks_leave_once_though_the_server_that_sends_dies(
    tmp_path: Path, postgres_url: str
) -> None:
    """Six people say so at any server; one dies with a letter on its way: nobody twice, nobody forgotten."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        hook = await stack.enter_async_context(receiving())
        letters: list[tuple[str, EmailMessage, Mailbox]] = []
        boxes = [Mailbox(letters) for _ in range(3)]

        async def start(number: int) -> Server:
            data = tmp_path / f"server-{number}"
            data.mkdir()
            (data / "studio.toml").write_text('name = "Breath Room"\nsender = "hello@example.org"\n')
            return await stack.enter_async_context(
                running_server(
                    data,
                    database_url=postgres_url,
                    smtp_url=boxes[number].url,
                    webhook_allow_private="true",
                )
            )

        for box in boxes:
            await stack.enter_async_context(mail_server(box))
        # The first makes the tables.
        servers = [await start(0), *await asyncio.gather(start(1), start(2))]
        studio = Studio(servers, boxes, postgres_url)
        for server in servers:
            await until_nodes(http, server, 3)

        events = ["registration.created", "registration.cancelled"]
        body: dict[str, Any] = {"url": hook.url, "events": events}
        secret = (await asked(http, "POST", f"{servers[1].url}/api/v2/webhooks", 201, body))["secret"]
        starts = datetime.now(UTC) + timedelta(hours=2)
        body = {
            "session_id": "evening",
            "title": TITLE,
            "instructor": "Mara",
            "scheduled_start": starts.isoformat(),
        }
        await asked(http, "POST", f"{servers[2].url}/api/v2/sessions/create", 201, body)
        registered = [
            await asked(
                http,
                "POST",
                f"{servers[number % 3].url}/api/v2/sessions/evening/registrations",
                201,
                {"name": f"Person {number}", "address": address},
            )
            for number, address in enumerate(PEOPLE)
        ]
        await hook.wait_for(len(PEOPLE))
        confirm = f"Please confirm: {TITLE}"
        await studio.until_got(confirm, PEOPLE)
        for number, (_, letter, _) in enumerate(list(letters)):
            text = letter.get_body(("plain",))
            assert text is not None
            found = re.search(r"(/coming/\S+)", text.get_content())
            assert found is not None
            async with http.post(servers[(number + 1) % 3].url + found[1]) as confirmed:
                assert confirmed.status == 200

        (sends,) = {box for _, _, box in letters}
        sends.hold_at = lambda subject: subject == "Bring a blanket" and len(studio.got(subject)) == 3
        letter_to_all = {"subject": "Bring a blanket", "text": "It is cold."}
        others = [server for server in servers if server is not servers[boxes.index(sends)]]
        await asked(http, "POST", f"{others[0].url}/api/v2/sessions/evening/letter", 202, letter_to_all)
        await asyncio.wait_for(sends.held.wait(), 60)
        cut_off, _, _ = letters[-1]
        left = await studio.lose(sends)
        await studio.until_got("Bring a blanket", PEOPLE)
        # Moved so near that the reminders are due a moment later.
        near = (datetime.now(UTC) + timedelta(minutes=15, seconds=10)).isoformat()
        await asked(http, "PATCH", f"{left[1].url}/api/v2/sessions/evening", 200, {"scheduled_start": near})
        moved = f"New time: {TITLE}"
        await studio.until_got(moved, PEOPLE)
        soon = f"In 15 minutes: {TITLE}"
        await studio.until_got(soon, PEOPLE)
        # Somebody else than whose letter is uncertain: what is kept of a mail goes with the one who leaves.
        leaves = registered[next(number for number, address in enumerate(PEOPLE) if address != cut_off)]
        async with http.delete(
            f"{left[0].url}/api/v2/sessions/evening/registrations/{leaves['registration']}",
            headers={"Authorization": f"Bearer {leaves['secret']}"},
        ) as cancelled:
            assert cancelled.status == 200
        await hook.wait_for(len(PEOPLE) + 1)

        mails = Counter(await studio.deliveries(settled=True))
        for subject in (confirm, "Bring a blanket", moved, soon):
            assert studio.got(subject) == Counter(PEOPLE), subject
        # What was on its way with the server that died is said, and not sent again.
        assert sum(number for (_, state), number in mails.items() if state == "uncertain") == 1
        assert {state for _, state in mails} == {"submitted", "uncertain"}
        assert {box for _, letter, box in letters if letter["Subject"] == soon} < set(boxes) - {sends}
        told = Counter(each["type"] for each in hook.verified(secret))
        assert told == {"registration.created": len(PEOPLE), "registration.cancelled": 1}
        assert len({headers["webhook-id"] for headers, _ in hook.got}) == len(hook.got)
        assert not any("example.org" in json.dumps(each) for each in hook.verified(secret))
