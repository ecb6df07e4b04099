"""``/sessions/{session_id}/events``: events from another platform, one or a list of up to a hundred."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from engine.api.http.app_keys import CLOCK, SESSIONS, caller_of, visible
from engine.api.http.bodies import read_json
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer
from engine.domain.rejection import Invalid
from engine.protocol.platform import PlatformEvent, Reported, read_event
from engine.sessions.platform_events import take_report

__all__ = ["ENDPOINTS"]

_MAX_EVENTS = 100


async def report(request: web.Request) -> web.Response:
    """Carry out what the events report. All are checked before the first is carried out; a repeated id changes nothing."""
    caller = caller_of(request)
    session_id = (await visible(request, caller)).state.session_id
    caller.need_staff(session_id)
    reports = _checked(await read_json(request), session_id)
    at = request.app[CLOCK].now()
    taken = [await take_report(request.app[SESSIONS], session_id, report, at) for report in reports]
    return answer({"accepted": len(taken), "repeated": sum(not view.accepted for view in taken)}, 202)


def _checked(body: Any, session_id: str) -> Sequence[Reported]:
    """Every event of a body.

    Raises:
        Invalid: at least one is wrong; each mistake is named with the event's index.
    """
    if not isinstance(body, list):
        return [read_event(body, session_id)]
    if not 1 <= len(body) <= _MAX_EVENTS:
        raise Invalid(
            "invalid_event",
            f"A list holds 1 to {_MAX_EVENTS} events.",
            {"body": f"1 to {_MAX_EVENTS} events"},
        )
    reports: list[Reported] = []
    mistakes: dict[str, str] = {}
    for index, event in enumerate(body):
        try:
            reports.append(read_event(event, session_id))
        except Invalid as error:
            mistakes |= {f"{index}.{field}": reason for field, reason in error.details.items()}
    if mistakes:
        raise Invalid("invalid_event", "Some events are wrong: nothing was carried out.", mistakes)
    return reports


ENDPOINTS = (
    Endpoint(
        "POST",
        f"{API}/sessions/{{session_id}}/events",
        report,
        "Tell what happens on a platform",
        "staff",
        PlatformEvent,
        many=True,
        status=202,
        refusals=(409,),
    ),
)
