"""``/series``: make, show, change and end a series of sessions."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from typing import Any

from aiohttp import web

from engine.api.http.app_keys import CLOCK, LINKS, SERIES, caller_of
from engine.api.http.bodies import checked, query_of, read_json
from engine.api.http.callers import Caller
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer
from engine.api.series.lookup import seen_by, visible_series
from engine.api.series.requests import (
    CreateSeries,
    DateOfSeries,
    EditSeries,
    OccurrencesQuery,
    no_dates,
)
from engine.api.series.view import made_sessions, occurrence, series_document
from engine.api.sessions.requests import changes_of, details_of, warnings_about
from engine.api.sessions.view import needs_token
from engine.domain.instant import Millis, iso
from engine.domain.rejection import Invalid
from engine.domain.series import Series
from engine.sessions.series.made_sessions import not_begun

__all__ = ["ENDPOINTS"]

_MOST_OCCURRENCES = 500
_TIMETABLE = frozenset({"starts", "timezone", "rule"})
_ADMISSION = frozenset({"access", "visibility"})
"""One limits what the other may be."""


async def create(request: web.Request) -> web.Response:
    """Make a series and its sessions of the next 60 days, at least the next one; 409 when the id is taken.

    Sessions keep their local time of day over a change of clocks. A time that the clocks skip moves forward by the gap, one
    that comes twice is the first. The others are made as time passes, as ``<series_id>-YYYY-MM-DD``.
    """
    caller = caller_of(request)
    caller.need_key()
    body = checked(CreateSeries, await read_json(request))
    app = request.app
    at = app[CLOCK].now()
    series = Series(
        series_id=body.series_id,
        details=replace(
            details_of(body, 0), duration_minutes=body.duration_minutes, series_id=body.series_id
        ),
        starts=body.starts,
        time_zone=body.timezone,
        rule=body.rule,
        created_at=at,
        updated_at=at,
        timetable_since=0,
    )
    rows = await app[SERIES].create(series, caller.maker)
    document = series_document(series, app[LINKS], belongs=True)
    return answer(document | {"sessions": made_sessions(rows), "warnings": _warnings(series, at)}, 201)


async def catalogue(request: web.Request) -> web.Response:
    """List all series, ordered by id, each with the session that is open or next."""
    caller = caller_of(request)
    caller.need_key()
    schedule, links = request.app[SERIES], request.app[LINKS]
    listed = []
    for series in await schedule.all():
        if caller.led is not None and series.series_id not in caller.led.series:
            continue
        current = await schedule.current(series)
        next_session = None if current is None else made_sessions([current])[0]
        listed.append(series_document(series, links, belongs=True) | {"next_session": next_session})
    return answer({"count": len(listed), "series": listed})


async def show(request: web.Request) -> web.Response:
    """Show a series and its times from ``from`` to ``to``, at most 500, those not made yet too.

    Sessions that are more hidden than the series are shown to those who lead them.
    """
    caller = caller_of(request)
    series = await visible_series(request, caller)
    query = query_of(request, OccurrencesQuery)
    return answer(await _shown(request, caller, series, query))


async def change(request: web.Request) -> web.Response:
    """Change a series: all of its sessions that have not begun and were not changed alone.

    Where its dates change, sessions whose date is none any more are cancelled, and new ones are made. With ``since`` only that
    session and those that follow change; the others keep theirs until a change without it names the same fields.
    """
    caller = caller_of(request)
    caller.need_key()
    series = await visible_series(request, caller)
    body = checked(EditSeries, await read_json(request))
    app = request.app
    at = app[CLOCK].now()
    day = await _changed_from(request, series, body) if "since" in body.model_fields_set else None
    after = await app[SERIES].change(series.series_id, lambda before: _changed(before, body, day))
    document = await _shown(request, caller, after, OccurrencesQuery())
    known = _warnings(series, at)
    warnings = [warning for warning in _warnings(after, at) if warning not in known]
    return answer(document | {"warnings": warnings})


async def make_date(request: web.Request) -> web.Response:
    """Make the session of a date sooner than 60 days before it, so that it can be changed or cancelled by itself.

    Repeating it does no harm: the answer names the session that there is.
    """
    caller = caller_of(request)
    caller.need_key()
    series = await visible_series(request, caller)
    body = checked(DateOfSeries, await read_json(request))
    row = await request.app[SERIES].make_date(series.series_id, body.date)
    return answer(made_sessions([row])[0], 201)


async def end(request: web.Request) -> web.Response:
    """End a series: its sessions that have not begun are cancelled, and no more are made. Repeating it does no harm."""
    caller = caller_of(request)
    caller.need_key()
    series = await visible_series(request, caller)
    after = await request.app[SERIES].end(series.series_id)
    return answer(await _shown(request, caller, after, OccurrencesQuery()))


async def _shown(
    request: web.Request, caller: Caller, series: Series, query: OccurrencesQuery
) -> dict[str, Any]:
    schedule = request.app[SERIES]
    first, last = query.instants(series.timetable, request.app[CLOCK].now())
    sees = seen_by(caller, series)
    planned = await schedule.planned(series, first, last, limit=_MOST_OCCURRENCES, sees=sees)
    document = series_document(series, request.app[LINKS], belongs=caller.key is not None)
    upcoming = [row for row in await schedule.rooms(series) if not_begun(row) and sees(row)]
    return document | {
        "sessions": made_sessions(upcoming),
        "occurrences": [occurrence(each) for each in planned],
    }


async def _changed_from(request: web.Request, series: Series, body: EditSeries) -> str:
    """The date from which a body changes a series: that of its session ``since``, or an earlier one in ``starts``.

    Raises:
        Invalid: it is no session that has not begun, or dates before it are not made yet: what they keep nobody would know.
    """
    rows = await request.app[SERIES].rooms(series)
    found = next((row for row in rows if row.session_id == body.since and not_begun(row)), None)
    if found is None or found.occurrence is None:
        raise _since("must be a session of the series that has not begun")
    day = found.occurrence
    of_days = {row.occurrence for row in rows}
    for each in series.timetable.between(request.app[CLOCK].now()):
        if each.day >= day:
            break
        if each.day >= series.made_from and each.day not in of_days:
            raise _since("dates before it are not made yet: change the whole series, or this session alone")
    # Sessions that keep their date are not changed by it: ``starts`` may be as old as the series.
    before = max((row.occurrence for row in rows if row.occurrence and row.occurrence < day), default="")
    starts = body.starts[:10] if "starts" in body.model_fields_set else day
    return starts if before < starts < day else day


def _since(reason: str) -> Invalid:
    return Invalid("invalid_data", "The body is wrong: see details.", {"since": reason})


def _changed(series: Series, body: EditSeries, day: str | None) -> Series:
    """A series as a body wants it, from a date on where there is one.

    Raises:
        Invalid: the parts do not go together.
    """
    changes = changes_of(body)
    changes.pop("since", None)
    kept = _kept(series, changes.keys(), day)
    starts = changes.pop("starts", series.starts)
    time_zone = changes.pop("timezone", series.time_zone)
    rule = changes.pop("rule", series.rule)
    wrong = no_dates(starts, time_zone, rule)
    if wrong:
        raise Invalid("invalid_data", "The body is wrong: see details.", {"rule": wrong})
    if changes.get("visibility") == "private":
        changes.setdefault("access", "invite")
    details = replace(series.details, **changes)
    if details.visibility == "private" and details.access == "open":
        raise Invalid(
            "invalid_data",
            "A private series is by invitation.",
            {"access": "open is not possible while visibility is private"},
        )
    return replace(
        series,
        details=details,
        starts=starts,
        time_zone=time_zone,
        rule=rule,
        kept=kept,
    )


def _kept(series: Series, named: Set[str], day: str | None) -> dict[str, str]:
    """Up to which date sessions keep each field, after a change of the ``named`` ones from ``day`` on, or of all sessions."""
    changed = set(named)
    for together in (_TIMETABLE, _ADMISSION):
        if not changed.isdisjoint(together):
            changed |= together
    changed -= _TIMETABLE - {"starts"}
    kept = {name: before for name, before in series.kept.items() if name not in changed}
    return kept if day is None else kept | dict.fromkeys(changed, day)


def _warnings(series: Series, at: Millis) -> list[str]:
    """Sentences about a series that is allowed and probably a mistake."""
    first = next(series.timetable.occurrences())
    following = next(series.timetable.between(at), None)
    warnings = warnings_about(replace(series.details, scheduled_start=at), at)
    if needs_token(series.details):
        warnings.append(
            "by invitation: the join link of the series lets in nobody, each session has links of its own"
        )
    if following is None:
        warnings.insert(0, "every date lies in the past: no session is made")
    elif first.day != series.starts[:10]:
        warnings.insert(0, f"starts is no date of the rule: the first session begins at {iso(first.starts)}")
    return warnings


_ONE = f"{API}/series/{{series_id}}"
ENDPOINTS = (
    Endpoint(
        "POST", f"{API}/series", create, "Make a series", "key", CreateSeries, status=201, refusals=(409,)
    ),
    Endpoint("GET", f"{API}/series", catalogue, "The list of series", "key"),
    Endpoint("GET", _ONE, show, "One series", query=OccurrencesQuery),
    Endpoint("PATCH", _ONE, change, "Change a series", "key", EditSeries, refusals=(409,)),
    Endpoint(
        "POST",
        f"{_ONE}/sessions",
        make_date,
        "Make the session of a later date",
        "key",
        DateOfSeries,
        status=201,
        refusals=(409,),
    ),
    Endpoint("POST", f"{_ONE}/end", end, "End a series", "key", refusals=(409,)),
)
