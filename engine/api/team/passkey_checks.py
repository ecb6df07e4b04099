"""What authenticators are asked for, and whether what they answer holds (WebAuthn level 2). Pure but for random challenges.

``webauthn`` is imported where it is used: a server at which nobody has a passkey starts without it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from engine.domain.instant import SECOND
from engine.domain.rejection import BadCredential, Conflict, Invalid
from engine.storage.passkeys import CHALLENGE_VALID, Passkey

__all__ = ["NewPasskey", "PasskeyChecks", "challenge_of", "id_of"]

_LONGEST_ID = 1023
"""Bytes, by the specification."""


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """What an authenticator made: its id (base64url), its public key (COSE), and its count of signatures."""

    id: str
    public_key: bytes
    sign_count: int


class PasskeyChecks:
    """The checks of the server at a public address: passkeys are bound to its name.

    Raises:
        Conflict: the address has no name, or is not encrypted: no browser makes passkeys for it.
    """

    def __init__(self, public_url: str) -> None:
        parts = urlsplit(public_url)
        host = parts.hostname or ""
        if _is_address(host) or (parts.scheme != "https" and host != "localhost"):
            raise Conflict(
                "no_passkeys_here",
                "Passkeys need a public address with https and a name: ask whoever runs this server.",
            )
        self.rp_id = host
        port = "" if parts.port in (None, {"https": 443, "http": 80}[parts.scheme]) else f":{parts.port}"
        self.origin = f"{parts.scheme}://{host}{port}"

    def creation(self, studio: str, key_name: str, known: Iterable[str]) -> tuple[bytes, Mapping[str, Any]]:
        """A challenge, and the options with which a browser makes a passkey for a key; ``known`` are the ids that it has."""
        from webauthn import generate_registration_options, options_to_json
        from webauthn.helpers import base64url_to_bytes
        from webauthn.helpers.structs import (
            AuthenticatorSelectionCriteria,
            PublicKeyCredentialDescriptor,
            ResidentKeyRequirement,
            UserVerificationRequirement,
        )

        challenge = secrets.token_bytes(32)
        options = generate_registration_options(
            rp_id=self.rp_id,
            rp_name=studio,
            user_name=key_name,
            # Always the same, so that a device has one passkey for a key; the key's name stands beside it.
            user_id=hashlib.sha256(b"passkey\0" + key_name.encode()).digest(),
            challenge=challenge,
            timeout=CHALLENGE_VALID // SECOND * 1000,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[
                PublicKeyCredentialDescriptor(id=base64url_to_bytes(each)) for each in known
            ],
        )
        return challenge, json.loads(options_to_json(options))

    def request(self) -> tuple[bytes, Mapping[str, Any]]:
        """A challenge, and the options with which a browser asks for any passkey of this server."""
        from webauthn import generate_authentication_options, options_to_json
        from webauthn.helpers.structs import UserVerificationRequirement

        challenge = secrets.token_bytes(32)
        options = generate_authentication_options(
            rp_id=self.rp_id,
            challenge=challenge,
            timeout=CHALLENGE_VALID // SECOND * 1000,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return challenge, json.loads(options_to_json(options))

    def made(self, credential: Mapping[str, Any], challenge: bytes) -> NewPasskey:
        """The passkey of an authenticator's answer to ``creation``.

        Raises:
            Invalid: it is none, or not for this server, or its owner was not verified.
        """
        from webauthn import verify_registration_response
        from webauthn.helpers import bytes_to_base64url

        with _refusing():
            verified = verify_registration_response(
                credential=dict(credential),
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self.origin,
                require_user_verification=True,
            )
        if len(verified.credential_id) > _LONGEST_ID:
            raise _invalid()
        return NewPasskey(
            bytes_to_base64url(verified.credential_id), verified.credential_public_key, verified.sign_count
        )

    def signed(self, credential: Mapping[str, Any], challenge: bytes, passkey: Passkey) -> int:
        """The authenticator's count of signatures, from its answer to ``request`` by a passkey.

        Raises:
            BadCredential: it did not sign this challenge for this server, its owner was not verified, or its count ran back.
        """
        from webauthn import verify_authentication_response

        try:
            with _refusing():
                return verify_authentication_response(
                    credential=dict(credential),
                    expected_challenge=challenge,
                    expected_rp_id=self.rp_id,
                    expected_origin=self.origin,
                    credential_public_key=passkey.public_key,
                    credential_current_sign_count=passkey.sign_count,
                    require_user_verification=True,
                ).new_sign_count
        except Invalid:
            raise BadCredential("wrong_passkey", "This passkey was not accepted.") from None


def challenge_of(credential: Mapping[str, Any]) -> bytes:
    """The challenge that an answer says it is to; whether it was given out is another question.

    Raises:
        Invalid: it says none.
    """
    from webauthn.helpers import base64url_to_bytes, parse_client_data_json

    with _refusing():
        return parse_client_data_json(base64url_to_bytes(credential["response"]["clientDataJSON"])).challenge


def id_of(credential: Mapping[str, Any]) -> str:
    """The id of the passkey that answers, as the table has it.

    Raises:
        Invalid: there is none.
    """
    from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

    with _refusing():
        return bytes_to_base64url(base64url_to_bytes(credential["id"]))


@contextmanager
def _refusing() -> Iterator[None]:
    """Say the same of everything that an answer may have wrong: what comes over the wire may be anything."""
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        yield
    except (WebAuthnException, ValueError, TypeError, KeyError, IndexError, AttributeError) as wrong:
        raise _invalid() from wrong


def _invalid() -> Invalid:
    return Invalid("invalid_passkey", "This is no answer of an authenticator to what it was asked here.")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
