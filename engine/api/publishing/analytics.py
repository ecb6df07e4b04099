"""``/analytics/sessions``: a row of figures per published session, as JSON, or CSV for a spreadsheet."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BeforeValidator, Field, WithJsonSchema

from engine.api.http.app_keys import CATALOGUE, caller_of
from engine.api.http.bodies import query_of
from engine.api.http.csv_table import csv_file
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer
from engine.api.models import Query, read_moment
from engine.domain.instant import HOUR, Millis, from_datetime
from engine.domain.rejection import Invalid
from publisher.catalogue.analytics import COLUMNS, between
from publisher.catalogue.published import Catalogue

__all__ = ["ENDPOINTS"]


def _first_instant(value: Any) -> Millis:
    day = _start_of_day(value)
    return int(read_moment(value)) if day is None else day


def _last_instant(value: Any) -> Millis:
    """The instant of a moment, or the last one of a day."""
    day = _start_of_day(value)
    return int(read_moment(value)) if day is None else day + 24 * HOUR - 1


def _start_of_day(value: Any) -> Millis | None:
    try:
        return from_datetime(datetime.strptime(value, "%Y-%m-%d"))  # noqa: DTZ007 — taken as UTC
    except (ValueError, TypeError):
        return None


_SCHEMA = {
    "type": "string",
    "description": "A day (2024-03-21) or a moment (2024-03-21T10:00:00Z), inclusive.",
}
First = Annotated[int, BeforeValidator(_first_instant), WithJsonSchema(_SCHEMA)]
Last = Annotated[int, BeforeValidator(_last_instant), WithJsonSchema(_SCHEMA)]


class AnalyticsQuery(Query):
    """Sessions that began between ``from`` and ``to``, both inclusive; all of them without limits."""

    first: Annotated[First | None, Field(alias="from")] = None
    last: Annotated[Last | None, Field(alias="to")] = None
    format: Literal["json", "csv"] = "json"


async def sessions(request: web.Request) -> web.Response:
    """The figures of every published session, ordered by date."""
    caller = caller_of(request)
    caller.need_key()
    query = query_of(request, AnalyticsQuery)
    if query.first is not None and query.last is not None and query.first > query.last:
        raise Invalid("invalid_query", "The query is wrong: see details.", {"from": "must not lie after to"})
    rows = await request.app[CATALOGUE].ask(
        lambda connection: between(Catalogue(connection), query.first, query.last)
    )
    rows = [row for row in rows if caller.owns_story(row["session_id"])]
    if query.format == "json":
        return answer({"count": len(rows), "sessions": rows})
    return csv_file("sessions.csv", COLUMNS, ([_cell(row.get(name)) for name in COLUMNS] for row in rows))


def _cell(value: Any) -> Any:
    """A value as one cell of CSV: lists joined by semicolons, objects as JSON."""
    match value:
        case list():
            return "; ".join(map(str, value))
        case bool() | dict():
            return json.dumps(value)
        case _:
            return value


ENDPOINTS = (
    Endpoint(
        "GET",
        f"{API}/analytics/sessions",
        sessions,
        "Figures of the published sessions",
        "key",
        query=AnalyticsQuery,
        also=("text/csv",),
    ),
)
