"""What a join link shows where it is shared: the session's title, its time in its series' zone or the studio's, its picture."""

from __future__ import annotations

from aiohttp import web

from engine.api.http.app_keys import ROOMS, session_id_of
from engine.api.http.plain_page import page_context, preview_tags
from engine.api.pages.session_pages import described, zone_of
from engine.domain.rejection import Rejected
from engine.storage.database import DatabaseError

__all__ = ["preview_of_join"]


async def preview_of_join(request: web.Request) -> tuple[str, str] | None:
    """The title of the session in the path, and the HTML of its preview's tags; None where strangers may not know of it.

    Who asks here has shown nothing: the token of a private link stands in the fragment.
    """
    try:
        # Its row and not the session itself: that may be on another server.
        row = await request.app[ROOMS].get(session_id_of(request))
        if row is None or row.visibility == "private":
            return None
        page = await page_context(request)
        zone = await zone_of(request, page, row.series_id)
    except (DatabaseError, Rejected):
        # No id of a session, or no database: the page says so itself.
        return None
    tags = preview_tags(
        page,
        row.title,
        described(page, row.instructor, row.scheduled_start, zone),
        f"/sessions/{row.session_id}/card.png",
        f"/sessions/join/{row.session_id}",
    )
    return row.title, tags
