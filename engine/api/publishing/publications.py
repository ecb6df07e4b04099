"""``/publications/{id}``: the state of each channel of a publication, publishing again, withdrawing."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

from aiohttp import web

from engine.api.http.app_keys import CATALOGUE, CLOCK, DATA, PUBLISHING, caller_of
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer
from engine.domain.instant import Millis, iso
from engine.domain.rejection import Conflict, NotFound
from engine.domain.snapshot import Snapshot
from engine.domain.text import SESSION_ID
from engine.storage.database import Connection
from engine.storage.outbox import SCHEDULE, Outbox
from engine.storage.rows import OutboxRow
from engine.storage.story_reader import StoryReader
from publisher.catalogue.published import Catalogue
from publisher.catalogue.sites import site_of

__all__ = ["ENDPOINTS", "channels_of"]

_WITHDRAWAL_TIMEOUT = 10.0
"""Seconds that a response waits for the pages to be gone."""
_POLL_INTERVAL = 0.1
# Paths of this machine are not for clients: of each, the last part is left.
_FOLDERS = re.compile(r"(?<![\w:/.])/(?:[\w.@+-]+/)+")


async def show(request: web.Request) -> web.Response:
    """Each channel's state (pending, running, done or failed), attempts and last error, by ``content_id`` or ``session_id``."""
    publication_id = await _led(request)
    return answer(await request.app[CATALOGUE].ask(lambda connection: _described(connection, publication_id)))


async def retry(request: web.Request) -> web.Response:
    """Queue the channels that failed again; if none did, all of them."""
    caller_of(request).need_publisher()
    publication_id, at = await _led(request), request.app[CLOCK].now()
    publication = await request.app[CATALOGUE].ask(lambda connection: _retry(connection, publication_id, at))
    request.app[PUBLISHING].wake()
    return answer(publication)


async def withdraw(request: web.Request) -> web.Response:
    """Remove a session from page, archives, feed, search and drafts. 202 when its pages are not gone yet."""
    caller_of(request).need_publisher()
    app = request.app
    publication_id, at = await _led(request), app[CLOCK].now()
    session_id = await app[CATALOGUE].ask(lambda connection: _withdraw(connection, publication_id, at))
    app[PUBLISHING].wake()
    until = time.monotonic() + _WITHDRAWAL_TIMEOUT
    gone = False
    site = site_of(app[DATA])
    while not gone and time.monotonic() < until:
        await asyncio.sleep(_POLL_INTERVAL)
        gone = not await app[CATALOGUE].ask(lambda connection: Catalogue(connection, site).dirty.any())
    return answer(
        {"session_id": session_id, "status": "withdrawn" if gone else "accepted"}, 200 if gone else 202
    )


async def _led(request: web.Request) -> str:
    """The id of the path, for a key that may do with its story what it likes.

    Raises:
        NotFound: nothing was published under it, or it is somebody else's.
    """
    caller = caller_of(request)
    caller.need_key()
    publication_id = request.match_info["id"]
    if caller.led is not None:
        found = await request.app[CATALOGUE].ask(lambda connection: _find(connection, publication_id))
        if not caller.owns_story(found[0]):
            raise _unknown(publication_id)
    return publication_id


def _unknown(publication_id: str) -> NotFound:
    return NotFound("unknown_publication", f"Nothing was published as {publication_id[:100]}.")


def _find(connection: Connection, publication_id: str) -> tuple[str, Snapshot | None, list[OutboxRow]]:
    """Session id, the snapshot if a ``content_id`` names one, and the outbox rows of its channels.

    Raises:
        NotFound: nothing was published under this id.
    """
    outbox = Outbox(connection)
    named = outbox.stories.by_content_id(publication_id)
    session_id = publication_id if named is None else named.session_id
    rows = [row for row in outbox.of(session_id) if row.channel != SCHEDULE]
    if not rows or not re.fullmatch(SESSION_ID, session_id):
        raise _unknown(publication_id)
    return session_id, named, rows


def _described(connection: Connection, publication_id: str) -> dict[str, Any]:
    session_id, named, rows = _find(connection, publication_id)
    newest = StoryReader(connection).snapshot(session_id)
    catalogue = Catalogue(connection)
    published = catalogue.published(session_id)
    withdrawn = catalogue.withdrawn_at(session_id)
    shown = named or newest
    return {
        "session_id": session_id,
        "content_id": None if shown is None else shown.content_id,
        "version": None if shown is None else shown.version,
        "newest_content_id": None if newest is None else newest.content_id,
        "title": None if newest is None else newest.title,
        "published": published is not None,
        "published_at": None if published is None else iso(published.published_at),
        "withdrawn_at": None if withdrawn is None else iso(withdrawn),
        "page": f"/sessions/{session_id}/",
        "channels": {row.channel: _channel(row) for row in rows},
    }


def channels_of(connection: Connection, session_id: str) -> dict[str, Any]:
    """The state of each channel of a session's publication; empty while there is none."""
    rows = Outbox(connection).of(session_id)
    return {row.channel: _channel(row) for row in rows if row.channel != SCHEDULE}


def _channel(row: OutboxRow) -> dict[str, Any]:
    waits = row.state == "pending" and row.next_attempt_at is not None
    return {
        "state": row.state,
        "attempts": row.attempts,
        "last_error": None if row.last_error is None else _FOLDERS.sub("", row.last_error),
        "version": row.version,
        "next_attempt_at": iso(row.next_attempt_at) if waits and row.next_attempt_at is not None else None,
        "updated_at": iso(row.updated_at),
    }


def _retry(connection: Connection, publication_id: str, at: Millis) -> dict[str, Any]:
    session_id, _, rows = _find(connection, publication_id)
    unfinished = [row.channel for row in rows if row.last_error is not None and row.state != "done"]
    Outbox(connection).retry(session_id, unfinished or [row.channel for row in rows], at)
    return _described(connection, publication_id)


def _withdraw(connection: Connection, publication_id: str, at: Millis) -> str:
    session_id, _, rows = _find(connection, publication_id)
    catalogue = Catalogue(connection)
    if not catalogue.withdraw(session_id, at):
        if catalogue.withdrawn_at(session_id) is not None:
            # Repeating a withdrawal does no harm.
            return session_id
        states = ", ".join(f"{row.channel} is {row.state}" for row in rows)
        raise Conflict("not_published", f"Session {session_id} is not published yet: {states}.")
    return session_id


_ONE = f"{API}/publications/{{id}}"
ENDPOINTS = (
    Endpoint("GET", _ONE, show, "The state of a publication", "key"),
    Endpoint("POST", f"{_ONE}/retry", retry, "Publish again", "key"),
    Endpoint("DELETE", _ONE, withdraw, "Withdraw a publication", "key", refusals=(409,)),
)
