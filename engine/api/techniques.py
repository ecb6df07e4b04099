"""``/techniques``: those of the catalogue, and the studio's own, which are made, changed and removed here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Self

from aiohttp import web
from pydantic import Field, model_validator

from engine.api.http.app_keys import CATALOGUE, CLOCK, PUBLISHING, caller_of
from engine.api.http.bodies import checked, read_json
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer
from engine.api.models import Body
from engine.domain.rejection import Conflict, Invalid, NotFound
from engine.domain.techniques import lookup
from engine.domain.techniques.breathing import Pattern
from engine.domain.techniques.own import OwnTechnique
from engine.domain.text import Line
from engine.domain.values import Breath, TechniqueName
from engine.storage.database import Connection
from engine.storage.techniques import MOST, OwnTechniques
from publisher.catalogue.published import Catalogue

__all__ = ["ENDPOINTS", "all_techniques"]

_Caution = Annotated[Line, Field(min_length=1, max_length=500)]
_Rounds = Annotated[int, Field(strict=True, ge=1, le=1000)]


class Rounds(Body):
    """How many cycles are usual, and how many are the most."""

    usual: _Rounds
    at_most: _Rounds

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.usual > self.at_most:
            raise ValueError("usual is not more than at_most")
        return self


class OwnTechniqueRequest(Body):
    """A technique of the studio's own; ``breath`` is inhale, hold, exhale, hold in seconds."""

    name: TechniqueName
    breath: tuple[Breath, Breath, Breath, Breath]
    rounds: Rounds | None = None
    summary: Annotated[Line, Field(max_length=300)] = ""
    words: Annotated[Line, Field(max_length=200)] = ""
    cautions: Annotated[tuple[_Caution, ...], Field(max_length=10)] = ()


async def all_techniques(request: web.Request) -> list[dict[str, object]]:
    """Every technique as JSON: the studio's own first, then the catalogue's in its order."""
    own = await request.app[CATALOGUE].ask(lambda connection: OwnTechniques(connection).all())
    return [
        *(each.as_json() for each in own),
        *({**each.as_json(), "own": False} for each in lookup.CATALOGUE.values()),
    ]


async def catalogue(request: web.Request) -> web.Response:
    """List every technique: the studio's own (``own: true``) first. A plan takes ``breath`` as its ``pattern``."""
    techniques = await all_techniques(request)
    return answer({"count": len(techniques), "techniques": techniques})


async def create(request: web.Request) -> web.Response:
    """Make a technique of the studio's own: it gets a page with its pacer, and stands in the console's lists.

    A name that the catalogue has, or that differs from another only in case or accents, is taken.
    """
    technique = await _technique_of(request)

    def add(connection: Connection, at: int) -> None:
        own = OwnTechniques(connection)
        if own.count() >= MOST:
            raise Conflict("too_many_techniques", f"There are {MOST} techniques already: remove one first.")
        if not own.add(technique, at):
            raise Conflict("technique_exists", f"There is a technique {technique.name} already.")

    await _change(request, add)
    return answer(technique.as_json(), 201)


async def replace(request: web.Request) -> web.Response:
    """Change a technique of the studio's own: the body is the whole of it. Another name has to make the same address."""
    technique, slug = await _technique_of(request), request.match_info["slug"]
    if technique.slug != slug:
        reason = f"its page is /techniques/{slug[:100]}/: make another technique for another name"
        raise Invalid("invalid_data", "The name makes another address.", {"name": reason})

    def write(connection: Connection, at: int) -> None:
        if not OwnTechniques(connection).replace(technique, at):
            raise _unknown(slug)

    await _change(request, write)
    return answer(technique.as_json())


async def remove(request: web.Request) -> web.Response:
    """Remove a technique of the studio's own, and its page. Plans and stories keep its name and pattern."""
    _need_author(request)
    slug = request.match_info["slug"]

    def delete(connection: Connection, _: int) -> None:
        if not OwnTechniques(connection).remove(slug):
            raise _unknown(slug)

    await _change(request, delete)
    return answer({"slug": slug, "status": "removed"})


async def _technique_of(request: web.Request) -> OwnTechnique:
    _need_author(request)
    body = checked(OwnTechniqueRequest, await read_json(request))
    try:
        Pattern.of(*body.breath)
    except ValueError as wrong:
        raise Invalid("invalid_data", "The pattern cannot be breathed.", {"breath": str(wrong)}) from None
    known = lookup.find(body.name)
    if known is not None:
        raise Conflict("technique_exists", f"The catalogue has {known.name} already.")
    return OwnTechnique(
        name=body.name,
        breath=body.breath,
        rounds=(body.rounds.usual, body.rounds.at_most) if body.rounds else None,
        summary=body.summary,
        words=body.words,
        cautions=body.cautions,
    )


def _need_author(request: web.Request) -> None:
    """Raise unless the caller may publish with a key: a technique has a page."""
    caller = caller_of(request)
    caller.need_key()
    caller.need_publisher()


async def _change(request: web.Request, change: Callable[[Connection, int], None]) -> None:
    """Make a change, and have the pages built that show techniques: stories link to them, so that is every page."""
    at = request.app[CLOCK].now()

    def ask(connection: Connection) -> None:
        catalogue = Catalogue(connection)
        with catalogue.transaction():
            change(connection, at)
            catalogue.dirty.mark_all()

    await request.app[CATALOGUE].ask(ask)
    request.app[PUBLISHING].wake()


def _unknown(slug: str) -> NotFound:
    return NotFound("unknown_technique", f"The studio has no technique {slug[:100]} of its own.")


_ONE = f"{API}/techniques/{{slug}}"
ENDPOINTS = (
    Endpoint("GET", f"{API}/techniques", catalogue, "The list of techniques"),
    Endpoint(
        "POST",
        f"{API}/techniques",
        create,
        "Make a technique of the studio's own",
        "key",
        OwnTechniqueRequest,
        status=201,
        refusals=(409,),
    ),
    Endpoint(
        "PUT",
        _ONE,
        replace,
        "Change a technique of the studio's own",
        "key",
        OwnTechniqueRequest,
        refusals=(409,),
    ),
    Endpoint("DELETE", _ONE, remove, "Remove a technique of the studio's own", "key"),
)
