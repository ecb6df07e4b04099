"""The page of a session that is not published: when it begins and how to join, or why there is no story of it.

And what previews of links to it show: a line of text and a picture.
"""

from __future__ import annotations

import asyncio
from html import escape
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web
from markupsafe import Markup
from markupsafe import escape as markup

from engine.api.http.app_keys import CATALOGUE, CLOCK, SERIES
from engine.api.http.plain_page import PageContext, page_context, plain_page
from engine.api.pages.registration_section import registration_section
from engine.domain.instant import Millis, iso, to_datetime
from engine.domain.session import Details, Phase, Session
from engine.domain.techniques.lookup import named
from engine.storage.story_reader import StoryReader
from publisher.catalogue.published import Catalogue
from publisher.rendering.studio import zone_name

__all__ = [
    "calendar_link",
    "coming_card",
    "described",
    "description_of",
    "is_withdrawn",
    "local_time",
    "page_before_publication",
    "paragraph",
    "plan_list",
    "zone_of",
]


async def page_before_publication(request: web.Request, state: Session) -> web.Response:
    """The page of a session that is not published: when it begins and how to join, or that it is over."""
    details, page = state.details, await page_context(request)
    words, zone = page.words, await zone_of(request, page, details.series_id)
    coming = ""
    match state.phase:
        case Phase.CANCELLED:
            text = paragraph(words("before.cancelled"))
        case Phase.LIVE:
            text = paragraph(words("before.live")) + _join_link(page, state, "join")
        case Phase.SCHEDULED | Phase.WAITING:
            text = (
                paragraph(words("before.starts", when=local_time(page, details.scheduled_start, zone)))
                + _opening(page, state, zone)
                + _join_link(page, state, "how")
            )
            if details.visibility != "private":
                text += calendar_link(page, f"/sessions/{state.session_id}/event.ics")
            coming = await registration_section(request, page, state)
        case _ if await _has_story(request, state.session_id):
            text = paragraph(words("before.over"))
        case _ if state.started_at is None:
            text = paragraph(words("before.not_held"))
        case _:
            text = paragraph(words("before.nobody_came"))
    instructor = f'<p class="lede">{words("before.with", name=page.studio.span(details.instructor))}</p>'
    about = description_of(page, details)
    passing = state.phase in (Phase.ENDING, Phase.ENDED) or request.app[CLOCK].now() < state.opens_at
    index = not passing and details.visibility == "public"
    if details.series_id is not None and details.visibility != "private":
        series = page.links.here(f"/series/{details.series_id}/")
        coming += f'<p><a href="{escape(series)}">{escape(words("story.series"))}</a></p>'
    hidden = details.visibility == "private"
    return plain_page(
        page,
        details.title,
        instructor + about + text + plan_list(page, details) + coming,
        index=index,
        description="" if hidden else described(page, details.instructor, details.scheduled_start, zone),
        image=f"/sessions/{state.session_id}/card.png",
        address=f"/sessions/{state.session_id}/",
        by_people=True,
    )


async def _has_story(request: web.Request, session_id: str) -> bool:
    return await request.app[CATALOGUE].ask(
        lambda connection: StoryReader(connection).snapshot(session_id) is not None
    )


async def is_withdrawn(request: web.Request, session_id: str) -> bool:
    """Whether the story of a session was withdrawn and not published again."""
    return await request.app[CATALOGUE].ask(
        lambda connection: Catalogue(connection).withdrawn_at(session_id) is not None
    )


async def coming_card(request: web.Request, state: Session) -> web.Response:
    """The picture of a session that is not published yet, for previews of links to it."""
    page = await page_context(request)
    zone = await zone_of(request, page, state.details.series_id)
    drawn = await asyncio.to_thread(_draw, page, state, zone)
    return web.Response(body=drawn, content_type="image/png", headers={hdrs.CACHE_CONTROL: "no-cache"})


def _draw(page: PageContext, state: Session, zone: ZoneInfo) -> bytes:
    # Imports NumPy: a server is ready sooner without.
    from publisher.rendering.card import coming_session_card

    details, words = state.details, page.words
    names = [named(item.technique).name for item in details.techniques[:3]]
    return coming_session_card(
        page.studio,
        title=details.title,
        facts=words("before.with", name=details.instructor).rstrip("."),
        techniques=words.listed(tuple(names)),
        when=_day_and_time(page, details.scheduled_start, zone),
        seed=state.session_id,
    )


async def zone_of(request: web.Request, page: PageContext, series_id: str | None) -> ZoneInfo:
    """The zone in which the times of a session are said: its series', else the studio's. Mails say them in the same."""
    series = None if series_id is None else await request.app[SERIES].get(series_id)
    return page.studio.zone if series is None else series.timetable.zone


def described(page: PageContext, instructor: str, starts: Millis, zone: ZoneInfo) -> str:
    """Who leads a session and when it is: one line for previews of links."""
    return f"{page.words('before.with', name=instructor)} {_day_and_time(page, starts, zone)}."


def _day_and_time(page: PageContext, at: Millis, zone: ZoneInfo) -> str:
    """A day with its weekday and a time with its zone, as text."""
    starts = to_datetime(at).astimezone(zone)
    words = page.words
    return f"{words.day(starts, weekday=True)}, {words.time_of_day(starts)} {zone_name(starts)}"


def plan_list(page: PageContext, details: Details) -> str:
    """The plan with its sum; empty without one."""
    if not details.techniques:
        return ""
    words = page.words
    items = "".join(
        f"<li>{page.studio.span(named(item.technique).name)}"
        + (f" · {escape(words.duration(item.duration))}" if item.duration else "")
        + "</li>"
        for item in details.techniques
    )
    whole = sum(item.duration or 0 for item in details.techniques)
    sum_up = f" · {escape(words.duration(whole))}" if whole else ""
    return f"<h2>{escape(words('before.plan'))}{sum_up}</h2><ol>{items}</ol>"


def calendar_link(page: PageContext, path: str, name: str = "before.calendar") -> str:
    """A link to a calendar file."""
    return f'<p><a href="{escape(page.links.here(path))}">{escape(page.words(name))}</a></p>'


def description_of(page: PageContext, details: Details) -> str:
    """The description as paragraphs; empty without one."""
    parts = (details.description or "").split("\n\n")
    return "".join(f"<p{page.studio.written}>{escape(part)}</p>" for part in parts if part)


def paragraph(text: str) -> str:
    """A paragraph. Text is escaped, ``Markup`` is not."""
    return f"<p>{markup(text)}</p>"


def _opening(page: PageContext, state: Session, zone: ZoneInfo) -> str:
    """When the waiting room opens; a page that is left open says itself, from then on, that it is open."""
    is_open = page.words("before.open")
    if state.phase is Phase.WAITING:
        return paragraph(is_open)
    time = local_time(page, state.opens_at, zone, beside=state.details.scheduled_start)
    opens = markup(page.words("before.opens", time=time))
    return f'<p data-until="{iso(state.opens_at)}" data-then="{escape(is_open)}">{opens}</p>'


def _join_link(page: PageContext, state: Session, name: str) -> str:
    join = page.links.absolute(f"/sessions/join/{state.session_id}")
    return f'<p><a class="button way-in" href="{escape(join)}">{escape(page.words(f"before.{name}"))}</a></p>'


def local_time(page: PageContext, at: Millis, zone: ZoneInfo, *, beside: Millis | None = None) -> Markup:
    """A ``<time>`` in a zone, with its name; a script of the site puts the reader's own in its place.

    The day is left out where it is that of ``beside``.
    """
    local = to_datetime(at).astimezone(zone)
    words = page.words
    time = words.time_of_day(local)
    same_day = beside is not None and local.date() == to_datetime(beside).astimezone(local.tzinfo).date()
    text = time if same_day else words("before.when", day=words.day(local, weekday=True), time=time)
    return Markup(
        '<time datetime="{}" data-local="own" data-when="{}">{}</time> <span class="zone">{}</span>'
    ).format(
        f"{to_datetime(at):%Y-%m-%dT%H:%MZ}",
        words("before.when", day="{day}", time="{time}"),
        text,
        zone_name(local),
    )
