"""What a person may see, change and take back of themselves, with their ``resume`` as Bearer."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BeforeValidator, Field, StrictBool

from engine.api.http.app_keys import CATALOGUE, SESSIONS, caller_of, visible
from engine.api.http.bodies import checked, query_of, read_json
from engine.api.http.csv_table import table
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.ports import View
from engine.api.http.responses import answer
from engine.api.models import Body, MailAddress, Query
from engine.domain import commands as c
from engine.domain.instant import SECOND, iso
from engine.domain.rejection import BadCredential, Forbidden, NotFound
from engine.domain.session import Role
from engine.domain.snapshot import Quote
from engine.domain.text import Name, Paragraphs, integral_float_as_int
from engine.storage.rows import PersonRow
from publisher.catalogue.published import Catalogue
from publisher.catalogue.quotes import quote_key

__all__ = ["ENDPOINTS"]

_MOST_MESSAGES = 1000
"""Of the newest in the room, those that this person wrote are shown to them."""

Rating = Annotated[int, Field(strict=True, ge=1, le=5), BeforeValidator(integral_float_as_int)]


class MineQuery(Query):
    """JSON, or CSV with one line per field."""

    format: Literal["json", "csv"] = "json"


class ConsentRequest(Body):
    """The consents, each by itself; ``version`` names the text that was shown."""

    heart_rate: StrictBool
    group: StrictBool
    version: Annotated[Name, Field(max_length=40)]


class FeedbackRequest(Body):
    """Feedback on a session, and what of it may be published.

    ``version`` names the text that asked for the permissions.
    """

    rating: Rating
    comment: Paragraphs | None = None
    publish_quote: StrictBool = False
    publish_name: StrictBool = False
    version: Annotated[Name, Field(max_length=40)] | None = None


class EmailRequest(Body):
    """The address that one's own summary is sent to."""

    address: MailAddress


async def mine(request: web.Request) -> web.Response:
    """Everything that is known of the person who asks."""
    wanted = query_of(request, MineQuery)
    view, client_id = await _person(request)
    known = _known(view, client_id)
    # What is worked out of the beats in memory is known of them too, as long as the session lasts.
    known["own_figures"] = await request.app[SESSIONS].own_figures(view.state.session_id, client_id)
    known["messages"] = [
        {"at": message["timestamp"], "message": message["content"]["message"]}
        for message in await request.app[SESSIONS].replay(view.state.session_id, _MOST_MESSAGES)
        if message["type"] == "chat_message" and message["content"]["client_id"] == client_id
    ]
    if known["publish_quote"]:
        quote = Quote(text=known["comment"] or "", name=known["name"] if known["publish_name"] else None)
        states = await request.app[CATALOGUE].ask(
            lambda db: Catalogue(db).quotes.states(view.state.session_id)
        )
        known["quote_state"] = states.get(quote_key(quote), known["quote_state"])
    if wanted.format == "json":
        return answer(known)
    return web.Response(
        text=_as_csv(known),
        content_type="text/csv",
        charset="utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{view.state.session_id}-me.csv"',
            "Cache-Control": "no-store",
        },
    )


async def withdraw(request: web.Request) -> web.Response:
    """Take everything back: name, address, consents, own figures, words; also from what is published."""
    # Again does no harm: whoever is not sure that the first one came through may repeat it.
    view, client_id = await _person(request, withdrawn=True)
    await request.app[SESSIONS].withdraw(view.state.session_id, client_id)
    return answer({"status": "withdrawn"})


async def consent(request: web.Request) -> web.Response:
    """Give or end a consent, each by itself; to end them there is always time."""
    view, client_id = await _person(request)
    given = checked(ConsentRequest, await read_json(request))
    return await _execute(request, view, client_id, c.Consent(given.heart_rate, given.group, given.version))


async def email(request: web.Request) -> web.Response:
    """Where to send one's own summary."""
    view, client_id = await _person(request)
    given = checked(EmailRequest, await read_json(request))
    return await _execute(request, view, client_id, c.LeaveAddress(given.address))


async def feedback(request: web.Request) -> web.Response:
    """Rating, words, and whether they may be published."""
    view, client_id = await _person(request)
    given = checked(FeedbackRequest, await read_json(request))
    command = c.RateSession(
        given.rating, given.comment, given.publish_quote, given.publish_name, given.version
    )
    return await _execute(request, view, client_id, command)


async def _person(request: web.Request, *, withdrawn: bool = False) -> tuple[View, str]:
    """Whose ``resume`` it is. Who has taken everything back may do so again (``withdrawn``), and nothing else."""
    caller = caller_of(request)
    view = await visible(request, caller)
    if caller.client_id is None:
        message = "This needs the resume of the person it is about."
        if caller.key is None and caller.token is None:
            raise BadCredential("credential_needed", message)
        raise Forbidden("forbidden", message)
    member = view.state.members.get(caller.client_id)
    if member is None or (member.withdrew and not withdrawn):
        raise NotFound("unknown_client", "Nothing is known of you here, or you have withdrawn.")
    return view, caller.client_id


async def _execute(request: web.Request, view: View, client_id: str, command: c.Command) -> web.Response:
    """Have the session carry out a command; ``view`` is from before the body was read."""
    sender = c.Sender(Role.PARTICIPANT, client_id, seen=view.state.position)
    return answer(_known(await request.app[SESSIONS].ask(view.state.session_id, command, sender), client_id))


def _known(view: View, client_id: str) -> dict[str, Any]:
    state = view.state
    member = state.members[client_id]
    row = view.people.get(client_id) or PersonRow(state.session_id, client_id, member.joined_at)
    present = member.present_until(state.ended_at or member.since, state.started_at or member.joined_at)
    return {
        "session_id": state.session_id,
        "client_id": client_id,
        "role": str(member.role),
        "name": row.name,
        "joined_at": iso(member.joined_at),
        "present_seconds": present // SECOND,
        "consents": _dated(json.loads(row.consents)),
        "opted_in": list(member.opted_in),
        "email": row.email,
        "own_summary": None if row.own_summary is None else json.loads(row.own_summary),
        "rating": row.rating if row.rating is not None else member.rating,
        "comment": row.comment,
        "publish_quote": row.publish_quote,
        "publish_name": row.publish_name,
        "quote_state": row.quote_state,
    }


def _dated(consents: dict[str, Any]) -> dict[str, Any]:
    """Consents with the moments they were given in the form of all dates."""
    return {name: iso(value) if name in ("at", "publish_at") else value for name, value in consents.items()}


def _as_csv(known: dict[str, Any]) -> str:
    lines = (
        (name, json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value)
        for name, value in known.items()
    )
    return table(("field", "value"), lines)


_ME = f"{API}/sessions/{{session_id}}/me"
ENDPOINTS = (
    Endpoint("GET", _ME, mine, "One's own data", "person", query=MineQuery, also=("text/csv",)),
    Endpoint("DELETE", _ME, withdraw, "Withdraw everything", "person"),
    Endpoint(
        "PUT", f"{_ME}/consent", consent, "Give or end consents", "person", ConsentRequest, refusals=(409,)
    ),
    Endpoint("PUT", f"{_ME}/email", email, "Set the address for one's own summary", "person", EmailRequest),
    Endpoint(
        "POST", f"{_ME}/feedback", feedback, "Give feedback", "person", FeedbackRequest, refusals=(409,)
    ),
)
