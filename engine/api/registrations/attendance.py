"""Who came, and how it felt: ``/attendance`` of a session and of a series, ``/ratings`` by technique; each as CSV too."""

from __future__ import annotations

import json
from statistics import fmean
from typing import Any, Literal

from aiohttp import web

from engine.api.http.app_keys import CATALOGUE, CLOCK, SERIES, caller_of, visible
from engine.api.http.bodies import query_of
from engine.api.http.csv_table import csv_file
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.ports import View
from engine.api.http.responses import answer
from engine.api.models import Query
from engine.api.series.lookup import seen_by, visible_series
from engine.domain.instant import HOUR, MINUTE, Millis, iso
from engine.domain.registrations import PlaceState
from engine.domain.session import Phase, Session
from engine.storage.database import Connection
from engine.storage.meta import Meta
from engine.storage.places import Place, Places
from engine.storage.rows import RoomRow
from publisher.catalogue.analytics import ratings_of
from publisher.catalogue.published import Catalogue

__all__ = ["ENDPOINTS"]

_PERSON = ("name", "registered", "came", "minutes")
_TECHNIQUE = ("technique", "ratings", "average")
_DATE = (
    "session_id",
    "scheduled_start",
    "title",
    "status",
    "places",
    "registered",
    "waiting",
    "came",
    "average_rating",
)
_MOST_DATES = 500


class TableQuery(Query):
    """``format=csv`` is a table to download."""

    format: Literal["json", "csv"] = "json"


async def of_session(request: web.Request) -> web.Response:
    """Who was registered, and who came, with the minutes that each was in the live session.

    ``registered`` is ``coming``, ``waiting`` or null. Names go with retention, and so do registrations: then those numbers are
    null. Whoever withdrew is counted and not listed.
    """
    caller = caller_of(request)
    view = await visible(request, caller)
    session_id = view.state.session_id
    caller.need_staff(session_id)
    query = query_of(request, TableQuery)
    at = request.app[CLOCK].now()

    def ask(connection: Connection) -> tuple[list[Place], bool]:
        over = view.state.over_since()
        return Places(connection).places(session_id), over is not None and over < _forgotten_before(
            connection, at
        )

    places, forgotten = await request.app[CATALOGUE].ask(ask)
    people = _people(view, places, at)
    if query.format == "csv":
        return csv_file(
            f"attendance-{session_id}.csv", _PERSON, ([each[key] for key in _PERSON] for each in people)
        )
    said_so = [each for each in people if each["registered"] == PlaceState.COMING]
    return answer(
        {
            "session_id": session_id,
            "came": sum(1 for _ in view.state.participants()),
            "registered": None if forgotten else len(said_so),
            "registered_came": None if forgotten else sum(each["came"] for each in said_so),
            "waiting": None if forgotten else len(places) - len(said_so),
            "people": people,
        }
    )


async def ratings(request: web.Request) -> web.Response:
    """How many rated each technique, and the whole session, from 1 to 5, and the average."""
    caller = caller_of(request)
    state = (await visible(request, caller)).state
    caller.need_staff(state.session_id)
    query = query_of(request, TableQuery)
    rows = _by_technique(state)
    if query.format == "csv":
        return csv_file(
            f"ratings-{state.session_id}.csv",
            _TECHNIQUE,
            ([each[key] for key in _TECHNIQUE] for each in rows),
        )
    whole = [member.rating for member in state.participants() if member.rating is not None]
    return answer(
        {
            "session_id": state.session_id,
            "ratings": len(whole),
            "average": _average(whole),
            "techniques": rows,
        }
    )


async def of_series(request: web.Request) -> web.Response:
    """The newest 500 sessions of a series that were held, by their start: who was registered, who came, how it was rated.

    ``average_rating`` is null until five people rated a session, and its story is published; ``registered`` and ``waiting`` are
    null past retention, when it is not known any more.
    """
    caller = caller_of(request)
    caller.need_key()
    series = await visible_series(request, caller)
    query = query_of(request, TableQuery)
    sees = seen_by(caller, series)
    held = [row for row in await request.app[SERIES].rooms(series) if _was_held(row) and sees(row)]
    at = request.app[CLOCK].now()
    rows = await request.app[CATALOGUE].ask(lambda connection: _dates(connection, held[-_MOST_DATES:], at))
    if query.format == "csv":
        return csv_file(
            f"attendance-{series.series_id}.csv", _DATE, ([each[key] for key in _DATE] for each in rows)
        )
    return answer({"series_id": series.series_id, "count": len(rows), "sessions": rows})


def _people(view: View, places: list[Place], at: Millis) -> list[dict[str, Any]]:
    """The registered, in the order of registration, and whether they came; then those who came without."""
    state, names = view.state, view.names
    came = {member.client_id: member for member in state.participants() if not member.withdrew}
    until = state.over_since() or at

    def minutes(client_id: str) -> int | None:
        if client_id not in came or state.started_at is None:
            return None
        return round(came[client_id].present_until(until, state.started_at) / MINUTE)

    listed = [
        {
            "name": names.get(place.registration.registration, place.registration.name),
            "registered": str(place.state),
            "came": place.registration.registration in came,
            "minutes": minutes(place.registration.registration),
        }
        for place in places
    ]
    said_so = {place.registration.registration for place in places}
    return listed + [
        {"name": names.get(client_id), "registered": None, "came": True, "minutes": minutes(client_id)}
        for client_id in came
        if client_id not in said_so
    ]


def _by_technique(state: Session) -> list[dict[str, Any]]:
    """In the order in which they were practised; what was rated without that comes last."""
    given: dict[str, list[int]] = {span.technique: [] for span in state.spans}
    for member in state.participants():
        for technique, rating in member.technique_ratings.items():
            given.setdefault(technique, []).append(rating)
    return [
        {"technique": technique, "ratings": len(values), "average": _average(values)}
        for technique, values in given.items()
        if values
    ]


def _average(values: list[int]) -> float | None:
    return round(fmean(values), 1) if values else None


def _was_held(row: RoomRow) -> bool:
    """Whether a session began and is over: then the number in its row is final."""
    return row.started_at is not None and Phase(row.phase).is_over and not row.cancelled


def _forgotten_before(connection: Connection, at: Millis) -> Millis:
    """The places of a session that was over before this are forgotten, or will be within a day."""
    days = Meta(connection).get("retention_days")
    return 0 if days is None else at - int(days) * 24 * HOUR


def _dates(connection: Connection, held: list[RoomRow], at: Millis) -> list[dict[str, Any]]:
    ids = [row.session_id for row in held]
    counts, rated = Places(connection).counts_of(ids), ratings_of(Catalogue(connection), ids)
    rows, before = [], _forgotten_before(connection, at)
    for row in held:
        coming, waiting = counts.get(row.session_id, (0, 0))
        forgotten = (row.ended_at or row.scheduled_start) < before
        rows.append(
            {
                "session_id": row.session_id,
                "scheduled_start": iso(row.scheduled_start),
                "title": row.title,
                "status": row.phase,
                "places": row.max_participants,
                "registered": None if forgotten else coming,
                "waiting": None if forgotten else waiting,
                "came": json.loads(row.document)["participant_count"],
                "average_rating": rated.get(row.session_id),
            }
        )
    return rows


_SESSION = f"{API}/sessions/{{session_id}}"
_CSV = ("text/csv",)
ENDPOINTS = (
    Endpoint("GET", f"{_SESSION}/attendance", of_session, "Who came", "staff", query=TableQuery, also=_CSV),
    Endpoint(
        "GET", f"{_SESSION}/ratings", ratings, "Ratings by technique", "staff", query=TableQuery, also=_CSV
    ),
    Endpoint(
        "GET",
        f"{API}/series/{{series_id}}/attendance",
        of_series,
        "Who came to a series",
        "key",
        query=TableQuery,
        also=_CSV,
    ),
)
