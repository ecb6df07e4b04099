"""``/passkeys`` and ``/sign-in/passkey``: signing in with a finger or a face in the place of a key."""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import hdrs, web
from pydantic import Field

from engine.api.http.app_keys import (
    CATALOGUE,
    CLOCK,
    CONNECTIONS,
    CREDENTIALS,
    DATA,
    KEY_RELOADS,
    LINKS,
    caller_of,
)
from engine.api.http.bodies import checked, read_json
from engine.api.http.endpoint import API, Endpoint
from engine.api.http.responses import answer, error_response
from engine.api.http.studio_identity import studio_of
from engine.api.models import Body
from engine.api.team.passkey_checks import PasskeyChecks, challenge_of, id_of
from engine.domain.instant import HOUR, Millis, iso
from engine.domain.rejection import BadCredential, Conflict, NotFound
from engine.domain.text import Name
from engine.storage.database import Connection
from engine.storage.keys import Key
from engine.storage.passkeys import MOST_PASSKEYS, Passkey, Passkeys
from engine.storage.request_limits import RequestLimits

__all__ = ["ENDPOINTS"]

_MOST_AN_HOUR = 120
"""Challenges to sign in that one network address may ask for: a studio shares one."""

_Credential = Annotated[dict[str, Any], Field(max_length=20)]


class AddPasskey(Body):
    """What the browser's authenticator answered, as ``PublicKeyCredential.toJSON`` gives it, and what to call it."""

    name: Annotated[Name, Field(max_length=100)]
    credential: _Credential


class PasskeySignIn(Body):
    """What the browser's authenticator answered, as ``PublicKeyCredential.toJSON`` gives it."""

    credential: _Credential


async def catalogue(request: web.Request) -> web.Response:
    """List the passkeys of one's own key."""
    name = _own(request).name
    known = await request.app[CATALOGUE].ask(lambda connection: Passkeys(connection).of(name))
    return answer({"count": len(known), "passkeys": [_shown(each) for each in known]})


async def creation(request: web.Request) -> web.Response:
    """Ask for what a browser needs to make a passkey for one's own key: good once, within five minutes.

    It goes to ``PublicKeyCredential.parseCreationOptionsFromJSON``. 409 where the public address has no name or no https.
    """
    name, checks = _own(request).name, _checks(request)
    data, at = request.app[DATA], request.app[CLOCK].now()

    def ask(connection: Connection) -> Any:
        passkeys = Passkeys(connection)
        challenge, options = checks.creation(
            studio_of(data).name, name, [each.id for each in passkeys.of(name)]
        )
        passkeys.challenge(challenge, name, at)
        return options

    return answer(await request.app[CATALOGUE].ask(ask))


async def add(request: web.Request) -> web.Response:
    """Keep a passkey that a browser made for one's own key. Its secret never leaves the device."""
    key, checks = _own(request), _checks(request)
    body = checked(AddPasskey, await read_json(request))
    at = request.app[CLOCK].now()

    def keep(connection: Connection) -> Passkey:
        passkeys, challenge = Passkeys(connection), challenge_of(body.credential)
        if not passkeys.use_challenge(challenge, key.name, at):
            raise Conflict("challenge_used", "This was used, or its five minutes are over. Begin again.")
        new = checks.made(body.credential, challenge)
        passkey = Passkey(new.id, key.name, new.public_key, new.sign_count, body.name, at)
        if not passkeys.add(passkey):
            raise Conflict(
                "passkey_refused", f"This passkey is known already, or there are {MOST_PASSKEYS} of them."
            )
        return passkey

    return answer(_shown(await request.app[CATALOGUE].ask(keep)), 201)


async def remove(request: web.Request) -> web.Response:
    """Remove a passkey of one's own key. What it opened is closed."""
    name, passkey_id = _own(request).name, request.match_info["passkey_id"]
    if not await request.app[CATALOGUE].ask(lambda connection: Passkeys(connection).remove(name, passkey_id)):
        raise NotFound("unknown_passkey", "Your key has no such passkey.")
    if request.app[CREDENTIALS].keys.in_memory:
        # Nobody is told that it is removed while this server still takes what it opened.
        await request.app[KEY_RELOADS].again()
    return answer({"id": passkey_id, "status": "removed"})


async def request_options(request: web.Request) -> web.Response:
    """Ask for what a browser needs to sign in with a passkey: good once, within five minutes.

    It goes to ``PublicKeyCredential.parseRequestOptionsFromJSON``. 409 where the public address has no name or no https.
    """
    checks, at = _checks(request), request.app[CLOCK].now()
    network = request.app[CONNECTIONS].addresses.of(request)

    def ask(connection: Connection) -> tuple[Any, Millis]:
        with connection.transaction():
            wait = RequestLimits(connection).count(f"passkey {network}", at, most=_MOST_AN_HOUR, within=HOUR)
            if wait:
                return None, wait
            challenge, options = checks.request()
            Passkeys(connection).challenge(challenge, None, at)
        return options, 0

    options, wait = await request.app[CATALOGUE].ask(ask)
    if wait:
        return error_response(
            429,
            "too_many_requests",
            "Somebody tried to sign in too often from this network address.",
            headers={hdrs.RETRY_AFTER: str(-(-wait // 1000))},
        )
    return answer(options)


async def sign_in(request: web.Request) -> web.Response:
    """Sign in with a passkey. ``key`` stands for its key for 30 days, or until that is renewed or revoked, or the passkey removed."""
    checks = _checks(request)
    body = checked(PasskeySignIn, await read_json(request))
    at = request.app[CLOCK].now()

    def use(connection: Connection) -> tuple[str, tuple[str, Millis] | None]:
        passkeys, challenge = Passkeys(connection), challenge_of(body.credential)
        passkey = passkeys.get(id_of(body.credential))
        if not passkeys.use_challenge(challenge, None, at) or passkey is None:
            raise BadCredential("wrong_passkey", "This passkey is not known here, or not any more.")
        return passkey.key_name, passkeys.sign_in(
            passkey, checks.signed(body.credential, challenge, passkey), at
        )

    name, made = await request.app[CATALOGUE].ask(use)
    if made is None:
        raise BadCredential("wrong_passkey", "This passkey was used or removed at this moment: try again.")
    secret, until = made
    return answer({"name": name, "key": secret, "expires_at": iso(until)})


def _own(request: web.Request) -> Key:
    caller = caller_of(request)
    caller.need_key()
    assert caller.key is not None
    return caller.key


def _checks(request: web.Request) -> PasskeyChecks:
    return PasskeyChecks(request.app[LINKS].public_url)


def _shown(passkey: Passkey) -> dict[str, Any]:
    return {
        "id": passkey.id,
        "name": passkey.name,
        "created_at": iso(passkey.created_at),
        "used_at": None if passkey.used_at is None else iso(passkey.used_at),
    }


_PASSKEYS, _SIGN_IN = f"{API}/passkeys", f"{API}/sign-in/passkey"
ENDPOINTS = (
    Endpoint("GET", _PASSKEYS, catalogue, "The passkeys of one's key", "key"),
    Endpoint("POST", f"{_PASSKEYS}/options", creation, "Options to make a passkey", "key", refusals=(409,)),
    Endpoint("POST", _PASSKEYS, add, "Add a passkey", "key", AddPasskey, status=201, refusals=(409,)),
    Endpoint("DELETE", f"{_PASSKEYS}/{{passkey_id}}", remove, "Remove a passkey", "key"),
    Endpoint(
        "POST",
        f"{_SIGN_IN}/options",
        request_options,
        "Options to sign in with a passkey",
        refusals=(409, 429),
    ),
    Endpoint("POST", _SIGN_IN, sign_in, "Sign in with a passkey", body=PasskeySignIn, refusals=(401, 409)),
)
