"""A row per published session, for those who run the studio: JSON, or CSV for a spreadsheet."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BeforeValidator, Field, WithJsonSchema

from engine.api.http.app_keys import SHELF, caller_of
from engine.api.http.bodies import query_of
from engine.api.http.csv_table import table
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer
from engine.api.models import Query, read_moment
from engine.domain.instant import HOUR, Millis, from_datetime
from engine.domain.rejection import Invalid
from publisher.catalogue.analytics import COLUMNS, between
from publisher.catalogue.published import Catalogue

__all__ = ["ENDPOINTS"]


def _from(given: Any) -> Millis:
    day = _day(given)
    return int(read_moment(given)) if day is None else day


def _until(given: Any) -> Millis:
    # A day means all of it.
    day = _day(given)
    return int(read_moment(given)) if day is None else day + 24 * HOUR - 1


def _day(given: Any) -> Millis | None:
    try:
        return from_datetime(datetime.strptime(given, "%Y-%m-%d"))  # noqa: DTZ007 — taken as UTC
    except (ValueError, TypeError):
        return None


_SCHEMA = {
    "type": "string",
    "description": "A day (2024-03-21) or a moment (2024-03-21T10:00:00Z), inclusive.",
}
First = Annotated[int, BeforeValidator(_from), WithJsonSchema(_SCHEMA)]
Last = Annotated[int, BeforeValidator(_until), WithJsonSchema(_SCHEMA)]


class AnalyticsQuery(Query):
    """Sessions that began within these limits; without them, all."""

    first: Annotated[First | None, Field(alias="from")] = None
    last: Annotated[Last | None, Field(alias="to")] = None
    format: Literal["json", "csv"] = "json"


async def sessions(request: web.Request) -> web.Response:
    """The figures of every published session, by date."""
    caller_of(request).need_key()
    wanted = query_of(request, AnalyticsQuery)
    if wanted.first is not None and wanted.last is not None and wanted.first > wanted.last:
        raise Invalid("invalid_query", "The query is wrong: see details.", {"from": "must not lie after to"})
    rows = await request.app[SHELF].ask(
        lambda connection: between(Catalogue(connection), wanted.first, wanted.last)
    )
    if wanted.format == "json":
        return answer({"count": len(rows), "sessions": rows})
    return web.Response(
        text=table(COLUMNS, ([_flat(row.get(name)) for name in COLUMNS] for row in rows)),
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": 'attachment; filename="sessions.csv"', "Cache-Control": "no-store"},
    )


def _flat(value: Any) -> Any:
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
        "Figures of the sessions",
        "key",
        query=AnalyticsQuery,
        also=("text/csv",),
    ),
)
