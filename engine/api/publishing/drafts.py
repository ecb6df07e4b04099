"""``/sessions/{session_id}/drafts``: mail, posts and quotes of a session, to edit, approve and withdraw."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field

from engine.api.http.app_keys import CATALOGUE, CLOCK, DATA, PUBLISHING, caller_of, session_id_of
from engine.api.http.bodies import checked, read_json
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer
from engine.api.models import Body
from engine.api.publishing.publications import channels_of
from engine.domain.instant import Millis, iso
from engine.domain.rejection import Conflict, Forbidden, Invalid, NotFound
from engine.storage.database import Connection
from publisher.catalogue.published import Catalogue
from publisher.rendering.studio import InvalidStudio

if TYPE_CHECKING:
    from publisher.drafts.desk import DraftDesk

__all__ = ["ENDPOINTS", "DraftText", "at_desk", "need_story_owner"]

Text = Annotated[str, Field(strict=True)]


class DraftText(Body):
    """Changes to a draft: ``content`` of a post, ``subject`` and ``text`` of the mail. What is absent stays."""

    content: Text | None = None
    subject: Text | None = None
    text: Text | None = None


class ChannelState(BaseModel):
    """The state of one channel of a publication, as in ``/publications``."""

    state: Literal["pending", "running", "done", "failed"]
    attempts: int
    last_error: str | None
    version: int
    next_attempt_at: str | None
    updated_at: str


class Desk(BaseModel):
    """The drafts of one session, empty while none are written yet, and the state of each channel by its name.

    ``withdrawn_at``: when its story was withdrawn, whatever the channels did before.
    """

    session_id: str
    drafts: list[dict[str, Any]]
    channels: dict[str, ChannelState]
    withdrawn_at: str | None


async def show(request: web.Request) -> web.Response:
    """Each draft with its state, its text, and a link into the network's composer; and the state of each channel."""
    session_id = need_story_owner(request)

    def ask(connection: Connection) -> tuple[dict[str, Any], Millis | None]:
        return channels_of(connection, session_id), Catalogue(connection).withdrawn_at(session_id)

    channels, withdrawn_at = await request.app[CATALOGUE].ask(ask)
    try:
        drafts = await at_desk(request, lambda desk: desk.list_drafts(session_id))
    except NotFound:
        if not channels:
            raise
        drafts = []
    return answer(
        {
            "session_id": session_id,
            "drafts": drafts,
            "channels": channels,
            "withdrawn_at": None if withdrawn_at is None else iso(withdrawn_at),
        }
    )


async def edit(request: web.Request) -> web.Response:
    """Change a draft's text. An approved draft stays approved; an assistant changes those that are not."""
    session_id, channel = need_story_owner(request), request.match_info["channel"]
    body = checked(DraftText, await read_json(request))
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    at, publishes = request.app[CLOCK].now(), caller_of(request).publishes
    return answer(
        await at_desk(
            request, lambda desk: desk.edit(session_id, channel, changes, at, approved_too=publishes)
        )
    )


async def approve(request: web.Request) -> web.Response:
    """Approve a draft: it is sent, or published, from then on."""
    return await _decide(request, "approved")


async def withdraw(request: web.Request) -> web.Response:
    """Withdraw a draft: it is not sent, or published no longer."""
    return await _decide(request, "withdrawn")


async def _decide(request: web.Request, state: str) -> web.Response:
    session_id, channel = need_story_owner(request), request.match_info["channel"]
    caller_of(request).need_publisher()
    at = request.app[CLOCK].now()
    draft = await at_desk(request, lambda desk: desk.set_state(session_id, channel, state, at))
    request.app[PUBLISHING].wake()
    return answer(draft)


def need_story_owner(request: web.Request) -> str:
    """The id of the path, for those who may change and publish the story."""
    caller = caller_of(request)
    session_id = session_id_of(request)
    caller.need_story_owner(session_id)
    return session_id


async def at_desk(request: web.Request, work: Callable[[DraftDesk], Any]) -> Any:
    """Run ``work`` with the draft desk on the database's thread.

    Raises:
        NotFound: there is no such draft.
        Invalid: the change is wrong.
        Conflict: ``studio.toml`` cannot be used.
        Forbidden: it is approved, and the caller may not change what is.
    """
    # Imports the templates: a server is ready sooner without.
    from publisher.drafts.desk import DraftApproved, DraftNotFound, InvalidDraft
    from publisher.drafts.open_draft_desk import open_draft_desk

    data = request.app[DATA]
    try:
        return await request.app[CATALOGUE].ask(lambda connection: work(open_draft_desk(data, connection)))
    except DraftNotFound as error:
        raise NotFound("unknown_draft", f"There is no draft {str(error.args[0])[:100]}.") from None
    except DraftApproved:
        raise Forbidden("forbidden", "This draft is approved: changing it is for instructors.") from None
    except InvalidDraft as error:
        raise Invalid("invalid_data", "The draft is wrong: see details.", error.details) from None
    except InvalidStudio as error:
        raise Conflict("studio_wrong", f"The draft desk is closed: {error}.") from None


_DRAFTS = f"{API}/sessions/{{session_id}}/drafts"
_ONE = f"{_DRAFTS}/{{channel}}"
ENDPOINTS = (
    Endpoint("GET", _DRAFTS, show, "The drafts of a session", "staff", response=Desk, refusals=(409,)),
    Endpoint("PUT", _ONE, edit, "Change a draft", "staff", DraftText, refusals=(409,)),
    Endpoint("POST", f"{_ONE}/approve", approve, "Approve a draft or a quote", "staff", refusals=(409,)),
    Endpoint("POST", f"{_ONE}/withdraw", withdraw, "Withdraw a draft or a quote", "staff", refusals=(409,)),
)
