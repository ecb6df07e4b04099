"""``/keys`` and ``/sessions/{session_id}/hosts``: the team's keys, and who leads a session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from typing import Any, Self, TypeVar

from aiohttp import web
from pydantic import model_validator

from engine.api.http.app_keys import (
    CLOCK,
    CREDENTIALS,
    DATABASE,
    DATABASE_THREADS,
    LEADERS,
    SESSIONS,
    caller_of,
    visible,
)
from engine.api.http.bodies import checked, read_json
from engine.api.http.callers import Caller
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer
from engine.api.models import Body, MailAddress
from engine.domain.instant import iso
from engine.domain.rejection import Conflict, Forbidden, Invalid, NotFound
from engine.domain.session import STAFF, Role
from engine.domain.text import Line, Name
from engine.protocol.tokens import valid_until
from engine.storage.database import Database
from engine.storage.keys import Key, KeyNameTaken, KeyRole, Keys

__all__ = ["ENDPOINTS"]

_Result = TypeVar("_Result")


class CreateKey(Body):
    """A key for somebody of the team; ``email`` is where links to sign in are sent."""

    name: Name
    role: KeyRole = KeyRole.INSTRUCTOR
    email: MailAddress | None = None


class InviteHost(Body):
    """Whose key leads the session too: by name, or one's own with the session's instructor token."""

    name: Name | None = None
    token: Line | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.name is None) == (self.token is None):
            raise ValueError("name or token: one of them")
        return self


async def catalogue(request: web.Request) -> web.Response:
    """List one's own key; the administrator sees all of them, revoked ones too. Secrets are not kept."""
    caller = caller_of(request)
    key = _own(caller)
    known = await _with_keys(request, lambda keys: keys.all())
    shown = [each for each in known if key.role is KeyRole.ADMIN or each.name == key.name]
    return answer({"count": len(shown), "keys": [_key(each, key) for each in shown]})


async def create(request: web.Request) -> web.Response:
    """Make a key; ``key`` is shown this once. 409 when the name is taken, or was."""
    caller_of(request).need_admin()
    body = checked(CreateKey, await read_json(request))
    at = request.app[CLOCK].now()
    try:
        secret = await _with_keys(request, lambda keys: keys.create(body.name, at, body.role, body.email))
    except KeyNameTaken:
        raise Conflict("name_taken", f"There is, or was, a key for {body.name}.") from None
    except ValueError as error:
        raise Invalid("invalid_data", "The body is wrong: see details.", {"name": str(error)}) from None
    made = {"name": body.name, "role": str(body.role), "email": body.email, "created_at": iso(at)}
    return answer(made | {"key": secret}, 201)


async def renew(request: web.Request) -> web.Response:
    """Replace the secret of one's own key, or of any as administrator; the one before is worthless from now on."""
    name = await _changeable(request)
    secret = await _with_keys(request, lambda keys: keys.renew(name))
    if secret is None:
        raise _unknown(name)
    return answer({"name": name, "key": secret})


async def revoke(request: web.Request) -> web.Response:
    """Make one's own key worthless, or any as administrator."""
    name, at = await _changeable(request), request.app[CLOCK].now()
    if not await _with_keys(request, lambda keys: keys.revoke(name, at)):
        raise _unknown(name)
    return answer({"name": name, "status": "revoked"})


async def hosts(request: web.Request) -> web.Response:
    """Whose keys lead a session: who made it, and who was invited. The administrator leads all of them."""
    session_id = await _led(request)
    return answer({"session_id": session_id, "hosts": await request.app[LEADERS].of_session(session_id)})


async def invite(request: web.Request) -> web.Response:
    """Let somebody else's key lead a session too; or one's own, with the token of the link for a co-host.

    The link does so for as long as it opens the session, and not for a key that was removed: that one is invited again by
    name, with a key that leads the session.
    """
    caller = caller_of(request)
    if caller.key is None:
        await _led(request)
    body = checked(InviteHost, await read_json(request))
    app = request.app
    session_id = request.match_info["session_id"]
    name = body.name
    if body.token is not None:
        name = _own(caller).name
        await _need_link(request, body.token)
    else:
        session_id = await _led(request)
        known = await _with_keys(request, lambda keys: keys.all())
        if not any(each.name == name and each.revoked_at is None for each in known):
            raise _unknown(name or "")
    assert name is not None
    again = body.token is None and caller.key is not None
    if not await app[LEADERS].invite(session_id, name, app[CLOCK].now(), again=again):
        raise Forbidden(
            "removed",
            f"{name} was removed from this session: whoever leads it with a key can invite them again.",
        )
    return answer({"session_id": session_id, "hosts": await app[LEADERS].of_session(session_id)}, 201)


async def uninvite(request: web.Request) -> web.Response:
    """Let a key lead a session no more. The one that made it stays, unless the administrator says otherwise.

    The one that made its series leads every session of it.
    """
    session_id, name = await _led(request), request.match_info["name"]
    leaders = request.app[LEADERS]
    if caller_of(request).role is not Role.ADMIN and await leaders.made(session_id, name):
        raise Forbidden("maker", f"{name} made this session: only the administrator can remove them.")
    if not await leaders.remove(session_id, name, request.app[CLOCK].now()):
        if await leaders.made(session_id, name):
            raise Conflict(
                "made_series",
                f"{name} made the series of this session, and leads every session of it until that key is revoked.",
            )
        raise NotFound("unknown_key", f"{name[:100]} does not lead this session.")
    return answer({"session_id": session_id, "hosts": await request.app[LEADERS].of_session(session_id)})


async def _led(request: web.Request) -> str:
    caller = caller_of(request)
    session_id = (await visible(request, caller)).state.session_id
    caller.need_staff(session_id)
    return session_id


async def _need_link(request: web.Request, secret: str) -> None:
    """Check that a token opens the session of the path for an instructor, now.

    Raises:
        Forbidden: it does not, or not any more.
    """
    app, session_id = request.app, request.match_info["session_id"]
    token = app[CREDENTIALS].tokens.read(secret)
    view = None
    if token is not None and token.session_id == session_id and token.role in STAFF:
        view = await app[SESSIONS].view(session_id)
    if view is None:
        raise Forbidden("forbidden", "This is no instructor's token of this session.")
    if app[CLOCK].now() >= valid_until(view.state):
        raise Forbidden("token_expired", "This link has expired: ask for an invitation by name.")
    if token is not None and token.key_name is not None:
        host = app[CREDENTIALS].keys.in_force(token.key_name)
        if host is None or (
            host.role is not KeyRole.ADMIN and not await app[LEADERS].leads(host.name, session_id)
        ):
            raise Forbidden(
                "token_revoked", "This link is of somebody who does not lead this session any more."
            )


async def _changeable(request: web.Request) -> str:
    """The name of the path, if the caller may change its key."""
    key, name = _own(caller_of(request)), request.match_info["name"]
    if key.role is not KeyRole.ADMIN and name != key.name:
        raise Forbidden("forbidden", "This is somebody else's key.")
    return name


def _own(caller: Caller) -> Key:
    caller.need_key()
    assert caller.key is not None
    return caller.key


async def _with_keys(request: web.Request, work: Callable[[Keys], _Result]) -> _Result:
    threads = request.app[DATABASE_THREADS]
    return await asyncio.get_running_loop().run_in_executor(threads, _run, request.app[DATABASE], work)


def _run(database: Database, work: Callable[[Keys], _Result]) -> _Result:
    with closing(Keys(database)) as keys:
        return work(keys)


def _unknown(name: str) -> NotFound:
    return NotFound("unknown_key", f"There is no key in force called {name[:100]} that can be changed here.")


def _key(key: Key, own: Key) -> dict[str, Any]:
    return {
        "name": key.name,
        "role": str(key.role),
        "email": key.email,
        "created_at": iso(key.created_at),
        "revoked_at": None if key.revoked_at is None else iso(key.revoked_at),
        "own": key.name == own.name,
    }


_KEYS, _HOSTS = f"{API}/keys", f"{API}/sessions/{{session_id}}/hosts"
ENDPOINTS = (
    Endpoint("GET", _KEYS, catalogue, "The keys of the team", "key"),
    Endpoint("POST", _KEYS, create, "Make a key", "admin", CreateKey, status=201, refusals=(409,)),
    Endpoint("POST", f"{_KEYS}/{{name}}/renew", renew, "Renew a key", "key"),
    Endpoint("DELETE", f"{_KEYS}/{{name}}", revoke, "Revoke a key", "key"),
    Endpoint("GET", _HOSTS, hosts, "Who leads a session", "staff"),
    Endpoint("POST", _HOSTS, invite, "Add a co-host", "staff", InviteHost, status=201),
    Endpoint(
        "DELETE",
        f"{_HOSTS}/{{name}}",
        uninvite,
        "Remove a co-host",
        "staff",
        refusals=(409,),
    ),
)
