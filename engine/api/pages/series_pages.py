"""The pages of a series, its join link and calendar, and the calendar file of one session.

They are rendered at each request, since they speak of what is next: the static site is no function of the clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from aiohttp import hdrs, web

from engine.api.http.app_keys import CATALOGUE, CLOCK, LINKS, ROOMS, SERIES, caller_of, visible
from engine.api.http.plain_page import PageContext, page_context, plain_page
from engine.api.pages.registration_section import series_registration_section
from engine.api.pages.session_pages import calendar_link, description_of, local_time, paragraph, plan_list
from engine.api.pages.site_files import not_found
from engine.api.series.lookup import seen_by, visible_series
from engine.domain.rejection import NotFound
from engine.domain.series import Rule, Series
from engine.domain.session import Phase
from engine.sessions.series.dates_to_come import PlannedSession
from engine.storage.database import Connection
from publisher.catalogue.listing import Published
from publisher.catalogue.published import Catalogue
from publisher.catalogue.upcoming import UpcomingRoom, room_of
from publisher.rendering.links import Links

__all__ = ["add_routes", "how_often"]

_DATES = 8
_STORIES = 20
_IN_CALENDAR = 200


def add_routes(app: web.Application) -> None:
    """Add the routes."""
    for spelling in ("session", "sessions"):
        app.router.add_get(f"/{spelling}/{{session_id}}/event.ics", event)
    app.router.add_get("/series/{series_id}", _with_slash)
    app.router.add_get("/series/{series_id}/", page)
    app.router.add_get("/series/{series_id}/join", join)
    app.router.add_get("/series/{series_id}/join/", join)
    app.router.add_get("/series/{series_id}/calendar.ics", calendar)


async def _with_slash(request: web.Request) -> web.Response:
    raise web.HTTPPermanentRedirect(request.app[LINKS].here(f"{request.path}/"))


async def page(request: web.Request) -> web.StreamResponse:
    """What the series is, its next dates, its past stories."""
    caller = caller_of(request)
    try:
        series = await visible_series(request, caller)
    except NotFound as unknown:
        return await not_found(request, unknown)
    context = await page_context(request)
    details, words = series.details, context.words
    at = request.app[CLOCK].now()
    listed = await request.app[SERIES].planned(
        series, at - _longest(series), None, limit=_DATES * 4, sees=seen_by(caller, series)
    )
    planned = [each for each in listed if _is_coming(each)][:_DATES]
    stories = await request.app[CATALOGUE].ask(
        lambda connection: Catalogue(connection).of_series(series.series_id, _STORIES)
    )
    about = description_of(context, details)
    body = (
        f'<p class="lede">{words("before.with", name=context.studio.span(details.instructor))} {escape(how_often(context, series))}</p>'
        + about
        + _next_dates(context, series, planned)
        + plan_list(context, details)
        + (await series_registration_section(request, context, series) if planned else "")
        + _past_stories(context, series, stories)
    )
    return plain_page(
        context,
        details.title,
        body,
        index=details.visibility == "public" and series.ended_at is None,
        description="" if details.visibility == "private" else _described(context, series),
        address=f"/series/{series.series_id}/",
        by_people=True,
    )


async def join(request: web.Request) -> web.StreamResponse:
    """Lead to the session that is open or next; to the page of the series where none is to come."""
    caller = caller_of(request)
    try:
        series = await visible_series(request, caller)
    except NotFound as unknown:
        return await not_found(request, unknown)
    current = await request.app[SERIES].current(series, sees=seen_by(caller, series))
    path = f"/series/{series.series_id}/" if current is None else f"/sessions/join/{current.session_id}"
    query = f"?{request.query_string}" if request.query_string else ""
    location = request.app[LINKS].here(path) + query
    return web.Response(status=302, headers={hdrs.LOCATION: location, hdrs.CACHE_CONTROL: "no-store"})


async def calendar(request: web.Request) -> web.Response:
    """The calendar of a series: every date to come, those not made yet too, and the cancelled ones."""
    caller = caller_of(request)
    series = await visible_series(request, caller)
    at, sees = request.app[CLOCK].now(), seen_by(caller, series)
    planned = await request.app[SERIES].planned(
        series, at - _longest(series), None, limit=_IN_CALENDAR, sees=sees
    )
    rooms = [_planned_room(series, each) for each in planned]
    cancelled = await request.app[ROOMS].of_series(series.series_id)
    known = {room.session_id for room in rooms}
    rooms += [
        room_of(row) for row in cancelled if row.cancelled and row.session_id not in known and sees(row)
    ]
    return await _calendar_file(
        request,
        rooms,
        name=series.details.title,
        file=series.series_id,
        refreshed=True,
        time_zone=series.time_zone,
    )


async def event(request: web.Request) -> web.Response:
    """The calendar file of one session."""
    view = await visible(request, caller_of(request))
    row = await request.app[ROOMS].get(view.state.session_id)
    if row is None:
        raise NotFound("unknown_session", f"There is no session {view.state.session_id}.")
    series = None if row.series_id is None else await request.app[SERIES].get(row.series_id)
    return await _calendar_file(
        request,
        [room_of(row)],
        name=row.title,
        file=row.session_id,
        refreshed=False,
        time_zone=None if series is None else series.time_zone,
    )


async def _calendar_file(
    request: web.Request,
    rooms: Sequence[UpcomingRoom],
    *,
    name: str,
    file: str,
    refreshed: bool,
    time_zone: str | None = None,
) -> web.Response:
    # Imports the calendar library: a server is ready sooner without.
    from publisher.syndication.calendar import calendar_file

    context = await page_context(request)
    links = Links(request.app[LINKS].public_url)

    def write(connection: Connection) -> bytes:
        site_id = Catalogue(connection).meta("site_id") or ""
        return calendar_file(
            rooms, context.studio, links, site_id, name=name, refreshed=refreshed, time_zone=time_zone
        )

    return web.Response(
        body=await request.app[CATALOGUE].ask(write),
        headers={
            hdrs.CONTENT_TYPE: "text/calendar; charset=utf-8",
            hdrs.CONTENT_DISPOSITION: f'attachment; filename="{file}.ics"',
            hdrs.CACHE_CONTROL: "no-cache",
        },
    )


def _planned_room(series: Series, planned: PlannedSession) -> UpcomingRoom:
    if planned.room is not None:
        return room_of(planned.room)
    details = series.details
    return UpcomingRoom(
        session_id=planned.session_id,
        title=details.title,
        instructor=details.instructor,
        starts=planned.starts,
        length_s=60 * (details.duration_minutes or 60),
        live=False,
        place=details.place,
        description=details.description or "",
        sequence=0,
        created_at=series.created_at,
        updated_at=series.updated_at,
        series_id=series.series_id,
    )


def _longest(series: Series) -> int:
    """How long ago a session may have begun that still goes on."""
    return 2 * 60_000 * (series.details.duration_minutes or 60)


def _is_coming(planned: PlannedSession) -> bool:
    return planned.room is None or planned.room.phase in (Phase.SCHEDULED, Phase.WAITING, Phase.LIVE)


def how_often(context: PageContext, series: Series) -> str:
    """How often a series takes place, at which time of which zone: ``Every week: Thursday, 18:30 (Europe/Berlin).``"""
    rule = Rule.parse(series.rule)
    words = context.words
    often = words.count(rule.interval, f"every_{rule.frequency.lower()}")
    if rule.weekdays:
        often = words("pattern.labelled", label=often, value=words.weekdays(rule.weekdays))
    return words("series.often", often=often, time=series.starts[11:], zone=series.time_zone)


def _described(context: PageContext, series: Series) -> str:
    return f"{context.words('before.with', name=series.details.instructor)} {how_often(context, series)}"


def _next_dates(context: PageContext, series: Series, planned: Sequence[PlannedSession]) -> str:
    words, links = context.words, context.links
    head = f"<h2>{escape(words('series.next'))}</h2>"
    if not planned:
        return head + paragraph(words("series.none"))
    items = []
    for each in planned:
        when = str(local_time(context, each.starts, series.timetable.zone))
        live = each.room is not None and each.room.phase == Phase.LIVE
        note = f' <strong class="now">{escape(words("home.live_now"))}</strong>' if live else ""
        title = (
            ""
            if each.room is None or each.room.title == series.details.title
            else f" · {context.studio.span(each.room.title)}"
        )
        if each.room is not None and each.room.visibility != "private":
            when = f'<a href="{escape(links.here(f"/sessions/{each.session_id}/"))}">{when}</a>'
        items.append(f"<li>{when}{title}{note}</li>")
    join_link = links.absolute(f"/series/{series.series_id}/join")
    return (
        head
        + f"<ul>{''.join(items)}</ul>"
        + f'<p><a class="button way-in" href="{escape(join_link)}">{escape(words("series.join"))}</a></p>'
        + calendar_link(context, f"/series/{series.series_id}/calendar.ics", "series.calendar")
    )


def _past_stories(context: PageContext, series: Series, stories: Sequence[Published]) -> str:
    if not stories:
        return ""
    zone = series.timetable.zone
    items = "".join(
        f'<li><a href="{escape(context.links.here(f"/sessions/{story.session_id}/"))}">{context.studio.span(story.title)}</a>'
        f" · {local_time(context, story.session_date, zone)}</li>"
        for story in stories
    )
    return f"<h2>{escape(context.words('series.stories'))}</h2><ul>{items}</ul>"
