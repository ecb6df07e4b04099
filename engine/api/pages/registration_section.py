"""The registration form: a section of a session's page, and of a series'."""

from __future__ import annotations

from html import escape

from aiohttp import web

from engine.api.http.app_keys import CATALOGUE, CLOCK
from engine.api.http.plain_page import PageContext
from engine.api.registrations.registering import sends_mail
from engine.api.sessions.view import needs_token
from engine.domain.registrations import is_held
from engine.domain.series import Series
from engine.domain.session import Session
from engine.storage.database import Connection
from engine.storage.meta import Meta
from engine.storage.places import Places

__all__ = ["registration_section", "series_registration_section"]


async def registration_section(
    request: web.Request,
    page: PageContext,
    state: Session,
    *,
    name: str = "",
    address: str = "",
    by_token: bool = False,
) -> str:
    """The form with how many places are left; empty where one cannot register on this page.

    ``name`` and ``address`` are what somebody typed before, where the form is shown again. ``by_token``: whoever asks has shown
    a token where one is needed, and sends the form with it.
    """
    if (needs_token(state.details) and not by_token) or state.phase.is_over:
        return ""
    if not is_held(state.started_at, request.app[CLOCK].now()):
        return ""
    sender = page.studio.sender

    def ask(connection: Connection) -> tuple[int, bool, str]:
        coming, _ = Places(connection).counts(state.session_id)
        days = Meta(connection).get("retention_days") or ""
        return coming, sends_mail(connection, sender), days

    coming, mail, days = await request.app[CATALOGUE].ask(ask)
    left = max(0, state.details.max_participants - coming)
    words, path = page.words, f"/sessions/{state.session_id}/coming"
    if left == 0:
        sentence = words("coming.places_none")
    else:
        sentence = words("coming.places_left_1") if left == 1 else words("coming.places_left", n=left)
    texts = (words("coming.heading"), sentence, words("coming.button" if left else "coming.button_waiting"))
    return _form(page, path, texts, mail=mail, days=days, name=name, address=address)


async def series_registration_section(
    request: web.Request, page: PageContext, series: Series, *, name: str = "", address: str = ""
) -> str:
    """The form to register for every session of a series; empty where one cannot register on this page.

    ``name`` and ``address`` are what somebody typed before, where the form is shown again.
    """
    if needs_token(series.details) or series.ended_at is not None:
        return ""
    sender = page.studio.sender

    def ask(connection: Connection) -> tuple[bool, bool, str]:
        some = bool(Places(connection).rooms_of_series(series.series_id))
        return some, sends_mail(connection, sender), Meta(connection).get("retention_days") or ""

    some, mail, days = await request.app[CATALOGUE].ask(ask)
    if not some:
        return ""
    words, path = page.words, f"/series/{series.series_id}/coming"
    texts = (words("coming.heading_series"), words("coming.whole_series"), words("coming.button_series"))
    return _form(page, path, texts, mail=mail, days=days, name=name, address=address)


def _form(
    page: PageContext,
    path: str,
    texts: tuple[str, str, str],
    *,
    mail: bool,
    days: str,
    name: str,
    address: str,
) -> str:
    """The form: ``texts`` are heading, sentence, button. It works without scripts."""
    words = page.words
    heading, sentence, button = texts
    about = words("coming.address_said", days=days) if mail else words("coming.no_mail")
    address_field = (
        f'<p><label for="coming-address">{escape(words("coming.address"))}</label>'
        f'<input id="coming-address" name="address" type="email" autocomplete="email" maxlength="254"'
        f' aria-describedby="coming-about" value="{escape(address)}"></p>'
        if mail
        else ""
    )
    return (
        f'<section id="coming"><h2>{escape(heading)}</h2><p>{escape(sentence)}</p>'
        f'<form method="post" action="{escape(page.links.here(path))}">'
        f'<p><label for="coming-name">{escape(words("coming.name"))}</label>'
        f'<input id="coming-name" name="name" type="text" autocomplete="name" maxlength="200" value="{escape(name)}"></p>'
        f'{address_field}<p id="coming-about">{escape(about)}</p>'
        f'<p><button type="submit">{escape(button)}</button></p></form></section>'
    )
