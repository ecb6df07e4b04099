"""``/sessions/{session_id}/events``: events from another platform, one or a list of up to a hundred."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field

from engine.api.http.app_keys import CLOCK, SESSIONS, caller_of, visible
from engine.api.http.bodies import read_json
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer
from engine.domain import commands as c
from engine.domain.instant import Millis
from engine.domain.rejection import Invalid, Rejected, Unavailable
from engine.protocol.platform import PlatformReport, read_event
from engine.protocol.platform_models import PlatformEvent
from engine.sessions.messages import Outcome
from engine.sessions.platform_events import take_report

__all__ = ["ENDPOINTS"]

_MAX_EVENTS = 100


class EventResult(BaseModel):
    """What became of one event of a list; ``error``, ``message`` and ``details`` where it is refused."""

    id: str | None = None
    status: Literal["accepted", "repeated", "ignored", "refused"]
    error: str | None = None
    message: str | None = None
    details: dict[str, str] | None = None


class EventsTaken(BaseModel):
    """How many events were accepted; how many of those were repeated, and how many changed nothing for another reason.

    ``results`` has one entry for each event of a list, in its order.
    """

    accepted: int
    repeated: int
    ignored: int
    results: list[EventResult] | None = Field(default=None)


async def report(request: web.Request) -> web.Response:
    """Carry out what the events report, in the order in which they happened; a list is answered event by event.

    An event that was accepted before, and one of a session that is over, is accepted and changes nothing, so that a
    request may be repeated as often as its sender likes. 400 only when nothing of it can be accepted; 503 when it
    should be sent again.
    """
    caller = caller_of(request)
    session_id = (await visible(request, caller)).state.session_id
    caller.need_staff(session_id)
    body = await read_json(request)
    now = request.app[CLOCK].now()
    if not isinstance(body, list):
        view = await take_report(request.app[SESSIONS], session_id, read_event(body, session_id, now))
        return answer(_counted([view.outcome]), 202)
    if not 1 <= len(body) <= _MAX_EVENTS:
        raise Invalid(
            "invalid_event",
            f"A list holds 1 to {_MAX_EVENTS} events.",
            {"body": f"1 to {_MAX_EVENTS} events"},
        )
    outcomes = await _carry_out(request, session_id, [_read(event, session_id, now) for event in body], now)
    if all(isinstance(outcome, Rejected) for outcome in outcomes):
        raise _all_refused(outcomes)
    results = [_result(event, outcome) for event, outcome in zip(body, outcomes, strict=True)]
    return answer(
        _counted([outcome for outcome in outcomes if not isinstance(outcome, Rejected)])
        | {"results": [result.model_dump(exclude_none=True) for result in results]},
        202,
    )


def _read(event: Any, session_id: str, now: Millis) -> PlatformReport | Invalid:
    try:
        return read_event(event, session_id, now)
    except Invalid as refusal:
        return refusal


async def _carry_out(
    request: web.Request, session_id: str, reports: Sequence[PlatformReport | Invalid], now: Millis
) -> list[Outcome | Rejected]:
    """What becomes of each.

    Raises:
        Unavailable: nothing can be stored; what was carried out before is known when it is sent again.
    """
    outcomes: dict[int, Outcome | Rejected] = {}
    for index in _in_order(reports, now):
        reported = reports[index]
        if isinstance(reported, Invalid):
            outcomes[index] = reported
            continue
        try:
            view = await take_report(request.app[SESSIONS], session_id, reported)
        except Unavailable:
            raise
        except Rejected as refusal:
            outcomes[index] = refusal
        else:
            outcomes[index] = view.outcome
    return [outcomes[index] for index in range(len(reports))]


def _in_order(reports: Sequence[PlatformReport | Invalid], now: Millis) -> list[int]:
    """The places of the events, in the order in which they happened; of several that state one instant the end is the last.

    One without an instant happens as it is told: now, and after what stands before it.
    """
    newest = now
    keys: list[tuple[Millis, bool]] = []
    for reported in reports:
        stated = None if isinstance(reported, Invalid) else reported.command.at
        happened_at = newest if stated is None else stated
        newest = max(newest, happened_at)
        # Sorting leaves those of one key as they stand: what has no instant, before or after the end.
        keys.append((happened_at, stated is None or _is_end(reported)))
    return sorted(range(len(reports)), key=keys.__getitem__)


def _is_end(reported: PlatformReport | Invalid) -> bool:
    return isinstance(reported, PlatformReport) and isinstance(reported.command, c.ReportEnded)


def _counted(outcomes: Sequence[Outcome | Rejected]) -> dict[str, Any]:
    return {
        "accepted": len(outcomes),
        "repeated": outcomes.count("repeated"),
        "ignored": outcomes.count("ignored"),
    }


def _result(event: Any, outcome: Outcome | Rejected) -> EventResult:
    given = event.get("id") if isinstance(event, dict) else None
    event_id = given if isinstance(given, str) else None
    if isinstance(outcome, Rejected):
        return EventResult(
            id=event_id,
            status="refused",
            error=outcome.code,
            message=outcome.message,
            details=outcome.details,
        )
    return EventResult(id=event_id, status=outcome)


def _all_refused(outcomes: Sequence[Outcome | Rejected]) -> Invalid:
    mistakes = {
        f"{index}.{field}": reason
        for index, outcome in enumerate(outcomes)
        if isinstance(outcome, Rejected)
        for field, reason in outcome.details.items()
    }
    return Invalid("invalid_event", "None of these events could be accepted.", mistakes)


ENDPOINTS = (
    Endpoint(
        "POST",
        f"{API}/sessions/{{session_id}}/events",
        report,
        "Report events of another platform",
        "staff",
        PlatformEvent,
        many=True,
        response=EventsTaken,
        status=202,
    ),
)
