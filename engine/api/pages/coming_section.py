"""The part of a session's page where people say that they come."""

from __future__ import annotations

from html import escape

from aiohttp import web

from engine.api.http.app_keys import CATALOGUE, CLOCK
from engine.api.http.plain_page import PageContext
from engine.api.registrations.registering import sends_mail
from engine.api.rooms.view import needs_token
from engine.domain.registrations import is_held
from engine.domain.session import Session
from engine.storage.database import Connection
from engine.storage.meta import Meta
from engine.storage.registrations import Registrations

__all__ = ["coming_section"]


async def coming_section(
    request: web.Request, page: PageContext, state: Session, *, name: str = "", address: str = ""
) -> str:
    """The form with how many places are left; empty where one cannot say so on this page.

    ``name`` and ``address`` are what somebody typed before, where the form is shown again.
    """
    if needs_token(state.details) or state.phase.is_over:
        return ""
    if not is_held(state.started_at, request.app[CLOCK].now()):
        return ""
    sender = page.studio.sender

    def ask(connection: Connection) -> tuple[int, bool, str]:
        coming, _ = Registrations(connection).counts(state.session_id)
        days = Meta(connection).get("retention_days") or ""
        return coming, sends_mail(connection, sender), days

    coming, mail, days = await request.app[CATALOGUE].ask(ask)
    left = max(0, state.details.max_participants - coming)
    path = f"/sessions/{state.session_id}/coming"
    return _form(page, path, left=left, mail=mail, days=days, name=name, address=address)


def _form(page: PageContext, path: str, *, left: int, mail: bool, days: str, name: str, address: str) -> str:
    """The form by which somebody says that they come. It works without scripts."""
    words = page.words
    if left == 0:
        places = words("coming.places_none")
    else:
        places = words("coming.places_left_1") if left == 1 else words("coming.places_left", n=left)
    about = words("coming.address_said", days=days) if mail else words("coming.no_mail")
    asked = (
        f'<p><label for="coming-address">{escape(words("coming.address"))}</label><br>'
        f'<input id="coming-address" name="address" type="email" autocomplete="email" maxlength="254"'
        f' aria-describedby="coming-about" value="{escape(address)}"></p>'
        if mail
        else ""
    )
    button = words("coming.button" if left else "coming.button_waiting")
    return (
        f'<section id="coming"><h2>{escape(words("coming.heading"))}</h2><p>{escape(places)}</p>'
        f'<form method="post" action="{escape(page.links.here(path))}">'
        f'<p><label for="coming-name">{escape(words("coming.name"))}</label><br>'
        f'<input id="coming-name" name="name" autocomplete="name" maxlength="200" value="{escape(name)}"></p>'
        f'{asked}<p id="coming-about">{escape(about)}</p>'
        f'<p><button type="submit">{escape(button)}</button></p></form></section>'
    )
