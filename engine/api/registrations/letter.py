"""``/sessions/{session_id}/letter``: the one letter to those who come, before the session begins."""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import web
from pydantic import AfterValidator, BeforeValidator, StringConstraints

from engine.api.http.app_keys import CATALOGUE, CLOCK, DATA, PUBLISHING, caller_of, visible
from engine.api.http.bodies import checked, read_json
from engine.api.http.callers import Caller
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer
from engine.api.http.studio_identity import studio_of
from engine.api.models import Body
from engine.api.registrations.registering import need_open, sends_mail
from engine.domain.instant import iso
from engine.domain.rejection import Conflict
from engine.domain.session import Phase, Session
from engine.domain.text import Name, paragraphs, trimmed
from engine.storage.database import Connection
from publisher.catalogue.letters import Letter, Letters, LetterWritten, NobodyToWriteTo
from publisher.catalogue.published import Catalogue
from publisher.catalogue.registrar import Registrar

__all__ = ["ENDPOINTS"]

Words = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=5000),
    AfterValidator(paragraphs),
    BeforeValidator(trimmed),
]


class LetterRequest(Body):
    """``text`` is plain, with blank lines between paragraphs; without ``subject`` the session's title is it."""

    text: Words
    subject: Name | None = None


async def show(request: web.Request) -> web.Response:
    """To how many a letter would go, or the one that was written and what became of its mails.

    ``closed_because`` says why none can be written now, null where one can: ``not_allowed`` (assistants), ``session_begun``,
    ``letter_sent``, ``no_mail``, ``nobody_to_write_to``.
    """
    caller = caller_of(request)
    session = (await visible(request, caller)).state
    caller.need_staff(session.session_id)
    at, data = request.app[CLOCK].now(), request.app[DATA]

    def ask(connection: Connection) -> dict[str, Any]:
        catalogue = Catalogue(connection)
        Registrar(catalogue).settle(session.session_id, at)
        letters = Letters(catalogue)
        letter, readers = letters.of(session.session_id), letters.readers(session.session_id)
        sends = sends_mail(connection, studio_of(data).sender)
        return {
            "session_id": session.session_id,
            "recipients": readers,
            "closed_because": _closed_because(caller, session, letter, readers, sends=sends),
            "letter": None if letter is None else _shown(letter, letters),
        }

    return answer(await request.app[CATALOGUE].ask(ask))


async def write(request: web.Request) -> web.Response:
    """Write to those who come: once, before the session begins, to the addresses that confirmed. It leaves at once.

    409 when the session has begun, when there is a letter already, when nobody would get it, or where no mail is sent.
    """
    caller = caller_of(request)
    session = (await visible(request, caller)).state
    caller.need_staff(session.session_id)
    caller.need_publisher()
    body = checked(LetterRequest, await read_json(request))
    at, data = request.app[CLOCK].now(), request.app[DATA]
    if session.phase is Phase.LIVE:
        raise Conflict("session_begun", "This session has begun: it is too late to write to those who come.")
    need_open(session, at)

    def ask(connection: Connection) -> dict[str, Any]:
        if not sends_mail(connection, studio_of(data).sender):
            raise Conflict("no_mail", "This studio sends no mail.")
        catalogue = Catalogue(connection)
        Registrar(catalogue).settle(session.session_id, at)
        letters = Letters(catalogue)
        try:
            written = letters.write(session.session_id, body.subject or session.details.title, body.text, at)
        except LetterWritten as already:
            raise Conflict(
                "letter_sent",
                "Those who come to this session were written to already, at"
                f" {iso(already.letter.written_at)}: a second letter is not sent.",
            ) from None
        except NobodyToWriteTo:
            raise Conflict(
                "nobody_to_write_to", "Nobody who comes to this session has confirmed a mail address."
            ) from None
        return {"session_id": session.session_id, "letter": _shown(written, letters)}

    written = await request.app[CATALOGUE].ask(ask)
    request.app[PUBLISHING].wake()
    return answer(written, 202)


def _closed_because(
    caller: Caller, session: Session, letter: Letter | None, readers: int, *, sends: bool
) -> str | None:
    reasons = (
        ("letter_sent", letter is not None),
        ("session_begun", session.phase not in (Phase.SCHEDULED, Phase.WAITING)),
        ("not_allowed", not caller.publishes),
        ("no_mail", not sends),
        ("nobody_to_write_to", readers == 0),
    )
    return next((reason for reason, is_so in reasons if is_so), None)


def _shown(letter: Letter, letters: Letters) -> dict[str, Any]:
    return {
        "subject": letter.subject,
        "text": letter.text,
        "written_at": iso(letter.written_at),
        "recipients": letter.recipients,
        "deliveries": letters.became_of(letter.session_id),
    }


_LETTER = f"{API}/sessions/{{session_id}}/letter"
ENDPOINTS = (
    Endpoint("GET", _LETTER, show, "The letter to the registered", "staff"),
    Endpoint(
        "POST",
        _LETTER,
        write,
        "Send the letter to the registered",
        "staff",
        LetterRequest,
        status=202,
        refusals=(409,),
    ),
)
