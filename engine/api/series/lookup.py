"""Finds the series that a request is about."""

from __future__ import annotations

import re
from collections.abc import Callable

from aiohttp import web

from engine.api.http.app_keys import SERIES
from engine.api.http.callers import Caller
from engine.domain.series import Series, is_hidden_alone
from engine.domain.text import SESSION_ID
from engine.sessions.series.schedule import unknown_series
from engine.storage.rows import RoomRow

__all__ = ["seen_by", "visible_series"]

_ID = re.compile(SESSION_ID.removesuffix("$"))


async def visible_series(request: web.Request, caller: Caller) -> Series:
    """The series of the path, if the caller may know of it.

    Raises:
        NotFound: there is none, or it is private and the caller has neither a key nor a registration for it.
    """
    series_id = request.match_info["series_id"]
    series = await request.app[SERIES].get(series_id) if _ID.fullmatch(series_id) else None
    elsewhere = caller.led is not None and series_id not in caller.led.series
    if (
        series is None
        or elsewhere
        or (series.details.visibility == "private" and caller.key is None and caller.client_id is None)
    ):
        raise unknown_series(series_id[:100])
    return series


def seen_by(caller: Caller, series: Series) -> Callable[[RoomRow], bool]:
    """Which sessions of a series the caller may learn of from it: those as open as it is, and those that they belong to."""

    def sees(row: RoomRow) -> bool:
        if not is_hidden_alone(row.visibility, series.details.visibility):
            return True
        # The secret of a series' registration is of none of its sessions.
        return caller.client_id is None and caller.belongs(row.session_id)

    return sees
