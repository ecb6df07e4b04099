"""What a join link shows where it is shared: the session's title, its time in its series' zone or the studio's, its picture."""

from __future__ import annotations

from aiohttp import web

from engine.api.http.app_keys import SESSIONS, session_id_of
from engine.api.http.plain_page import page_context, preview_tags
from engine.api.pages.session_pages import described, zone_of
from engine.domain.rejection import Rejected

__all__ = ["preview_of_join"]


async def preview_of_join(request: web.Request) -> tuple[str, str] | None:
    """The title of the session in the path, and the HTML of its preview's tags; None where strangers may not know of it.

    Who asks here has shown nothing: the token of a private link stands in the fragment.
    """
    try:
        view = await request.app[SESSIONS].view(session_id_of(request))
    except Rejected:
        # Unknown, or on another server, or not to be had now: the page says so itself.
        return None
    if view is None or view.state.details.visibility == "private":
        return None
    state, page = view.state, await page_context(request)
    title = state.details.title
    tags = preview_tags(
        page,
        title,
        described(page, state.details, await zone_of(request, page, state.details.series_id)),
        f"/sessions/{state.session_id}/card.png",
        f"/sessions/join/{state.session_id}",
    )
    return title, tags
