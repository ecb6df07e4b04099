"""Platform events over HTTP: one, or a list of up to a hundred."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from engine.actors.reports import take_report
from engine.api.answers import answer
from engine.api.bodies import read_json
from engine.api.endpoint import API, Endpoint
from engine.api.wiring import SESSIONS, caller_of, visible
from engine.domain.rejection import Invalid
from engine.protocol.platform import PlatformEvent, Reported, read_event

__all__ = ["ENDPOINTS"]

_MOST = 100


async def take(request: web.Request) -> web.Response:
    """All of them are checked before the first is carried out; a repeated id is accepted and changes nothing."""
    caller = caller_of(request)
    session_id = (await visible(request, caller)).state.session_id
    caller.need_staff(session_id)
    reports = _checked(await read_json(request), session_id)
    taken = [await take_report(request.app[SESSIONS], session_id, report) for report in reports]
    return answer({"accepted": len(taken), "repeated": sum(not view.accepted for view in taken)}, 202)


def _checked(given: Any, session_id: str) -> Sequence[Reported]:
    if not isinstance(given, list):
        return [read_event(given, session_id)]
    if not 1 <= len(given) <= _MOST:
        raise Invalid("invalid_event", f"A list holds 1 to {_MOST} events.", {"body": f"1 to {_MOST} events"})
    reports: list[Reported] = []
    mistakes: dict[str, str] = {}
    for index, event in enumerate(given):
        try:
            reports.append(read_event(event, session_id))
        except Invalid as wrong:
            mistakes |= {f"{index}.{field}": reason for field, reason in wrong.details.items()}
    if mistakes:
        raise Invalid("invalid_event", "Some events are wrong: nothing was carried out.", mistakes)
    return reports


ENDPOINTS = (
    Endpoint(
        "POST",
        f"{API}/sessions/{{session_id}}/events",
        take,
        "Tell what happens on a platform",
        "staff",
        PlatformEvent,
        many=True,
        status=202,
        refusals=(409,),
    ),
)
