"""The draft desk over HTTP: mail, posts and quotes of a session, edited, approved, withdrawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field

from engine.api.http.app_keys import CLOCK, DATA, PUBLISHING, SHELF, caller_of, session_id_of
from engine.api.http.bodies import checked, read_json
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer
from engine.api.models import Body
from engine.api.publications import channels_of
from engine.domain.rejection import Conflict, Invalid, NotFound
from publisher.rendering.studio import InvalidStudio

if TYPE_CHECKING:
    from publisher.drafts.desk import DraftDesk

__all__ = ["ENDPOINTS"]

Text = Annotated[str, Field(strict=True)]


class DraftText(Body):
    """``content`` of a post, ``subject`` and ``text`` of the mail; what is absent stays."""

    content: Text | None = None
    subject: Text | None = None
    text: Text | None = None


class ChannelState(BaseModel):
    """Where one channel of a publication stands, as ``/publications`` tells it."""

    state: Literal["pending", "running", "done", "failed"]
    attempts: int
    last_error: str | None
    version: int
    next_attempt_at: str | None
    updated_at: str


class Desk(BaseModel):
    """The draft desk of one session. ``drafts`` is empty while nothing is written yet; ``channels`` is by name."""

    session_id: str
    drafts: list[dict[str, Any]]
    channels: dict[str, ChannelState]


async def show(request: web.Request) -> web.Response:
    """Each draft: its state, its text, its link into the network's composer; and where each channel stands."""
    session_id = _led(request)
    channels = await request.app[SHELF].ask(lambda connection: channels_of(connection, session_id))
    try:
        drafts = await _at_desk(request, lambda desk: desk.of(session_id))
    except NotFound:
        if not channels:
            raise
        drafts = []
    return answer({"session_id": session_id, "drafts": drafts, "channels": channels})


async def edit(request: web.Request) -> web.Response:
    """Other words for a draft; one that was approved stays so."""
    session_id, channel = _led(request), request.match_info["channel"]
    given = checked(DraftText, await read_json(request))
    changes = {name: getattr(given, name) for name in given.model_fields_set}
    at = request.app[CLOCK].now()
    return answer(await _at_desk(request, lambda desk: desk.edit(session_id, channel, changes, at)))


async def approve(request: web.Request) -> web.Response:
    """Let it go out."""
    return await _decided(request, "approved")


async def withdraw(request: web.Request) -> web.Response:
    """It does not go out."""
    return await _decided(request, "withdrawn")


async def _decided(request: web.Request, state: str) -> web.Response:
    session_id, channel = _led(request), request.match_info["channel"]
    at = request.app[CLOCK].now()
    told = await _at_desk(request, lambda desk: desk.decide(session_id, channel, state, at))
    request.app[PUBLISHING].wake()
    return answer(told)


def _led(request: web.Request) -> str:
    caller = caller_of(request)
    session_id = session_id_of(request)
    caller.need_staff(session_id)
    return session_id


async def _at_desk(request: web.Request, work: Callable[[DraftDesk], Any]) -> Any:
    # The desk brings templates, feeds and MkDocs: a server is ready sooner without.
    from publisher.drafts.desk import DraftNotFound, InvalidDraft
    from publisher.drafts.open_draft_desk import open_draft_desk

    data = request.app[DATA]
    try:
        return await request.app[SHELF].ask(lambda connection: work(open_draft_desk(data, connection)))
    except DraftNotFound as unknown:
        raise NotFound("unknown_draft", f"There is no draft {str(unknown.args[0])[:100]}.") from None
    except InvalidDraft as wrong:
        raise Invalid("invalid_data", "The draft is wrong: see details.", wrong.details) from None
    except InvalidStudio as wrong:
        raise Conflict("studio_wrong", f"The draft desk is closed: {wrong}.") from None


_DRAFTS = f"{API}/sessions/{{session_id}}/drafts"
_ONE = f"{_DRAFTS}/{{channel}}"
ENDPOINTS = (
    Endpoint("GET", _DRAFTS, show, "The drafts of a session", "staff", answer=Desk),
    Endpoint("PUT", _ONE, edit, "Change a draft", "staff", DraftText),
    Endpoint("POST", f"{_ONE}/approve", approve, "Approve a draft or a quote", "staff"),
    Endpoint("POST", f"{_ONE}/withdraw", withdraw, "Withdraw a draft or a quote", "staff"),
)
