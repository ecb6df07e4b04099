"""What is asked of authenticators, and what of their answers holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.team.passkey_checks import PasskeyChecks, challenge_of, id_of
from engine.domain.rejection import BadCredential, Conflict, Invalid
from engine.storage.passkeys import Passkey
from tests.api.soft_authenticator import SoftAuthenticator

HOST = "breathe.example"
CHECKS = PasskeyChecks(f"https://{HOST}/studio")


def device(**changes: Any) -> SoftAuthenticator:
    return SoftAuthenticator(**{"origin": f"https://{HOST}", "rp_id": HOST, **changes})


def made(authenticator: SoftAuthenticator) -> tuple[Passkey, dict[str, Any]]:
    """A passkey as it is kept, and the options of a request to sign in."""
    challenge, options = CHECKS.creation("Studio", "Sam", ())
    new = CHECKS.made(authenticator.make(options), challenge)
    return Passkey(new.id, "Sam", new.public_key, new.sign_count, "Phone", 1), dict(CHECKS.request()[1])


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://breathe.example", "https://breathe.example"),
        ("https://Breathe.example:443/a", "https://breathe.example"),
        ("https://breathe.example:8443", "https://breathe.example:8443"),
        ("http://localhost:8000", "http://localhost:8000"),
    ],
)
def test_passkeys_are_bound_to_the_public_address(address: str, origin: str) -> None:
    """To its name; the path and the usual port are no part of an origin."""
    checks = PasskeyChecks(address)
    assert (checks.origin, checks.rp_id) == (origin, origin.split("//")[1].split(":")[0])


@pytest.mark.parametrize(
    "address",
    ["http://breathe.example", "https://192.0.2.7", "http://127.0.0.1:8000", "https://[2001:db8::1]"],
)
def test_no_browser_makes_passkeys_for_an_address_without_name_or_https(address: str) -> None:
    """It is said before anybody tries."""
    with pytest.raises(Conflict) as refusal:
        PasskeyChecks(address)
    assert refusal.value.code == "no_passkeys_here"


def test_a_passkey_is_made_and_signs() -> None:
    """The options ask for one that needs no name, with its owner verified; the ids that are known are left out."""
    authenticator = device()
    _, options = CHECKS.creation("Studio", "Sam", ["AAEC"])
    assert options["rp"] == {"id": HOST, "name": "Studio"}
    assert options["user"]["name"] == "Sam"
    assert [each["id"] for each in options["excludeCredentials"]] == ["AAEC"]
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    passkey, asked = made(authenticator)
    answered = authenticator.sign(asked)
    assert id_of(answered) == passkey.id
    assert asked["userVerification"] == "required"
    assert not asked["allowCredentials"]
    assert CHECKS.signed(answered, challenge_of(answered), passkey) == 1


def test_two_challenges_are_never_the_same() -> None:
    """And are long enough not to be guessed."""
    challenges = {CHECKS.request()[0] for _ in range(50)}
    assert len(challenges) == 50
    assert {len(each) for each in challenges} == {32}


@pytest.mark.parametrize(
    "changes",
    [{"origin": "https://evil.example"}, {"rp_id": "evil.example"}, {"verified": False}],
    ids=["another page", "another name", "owner not verified"],
)
def test_what_was_made_for_somebody_else_is_refused(changes: dict[str, Any]) -> None:
    """At making and at signing."""
    challenge, options = CHECKS.creation("Studio", "Sam", ())
    with pytest.raises(Invalid):
        CHECKS.made(device(**changes).make(options), challenge)
    right = device()
    passkey, asked = made(right)
    answered = replace(right, **changes).sign(asked)
    with pytest.raises(BadCredential):
        CHECKS.signed(answered, challenge_of(answered), passkey)


def test_another_challenge_another_key_and_a_count_that_runs_back_are_refused() -> None:
    """The last is a copy of the device."""
    authenticator = device(count=7)
    passkey, asked = made(authenticator)
    answered = authenticator.sign(asked)
    with pytest.raises(BadCredential):
        CHECKS.signed(answered, b"another", passkey)
    forged = replace(device(), id=authenticator.id).sign(asked)
    with pytest.raises(BadCredential):
        CHECKS.signed(forged, challenge_of(forged), passkey)
    copied = replace(authenticator, count=3).sign(asked)
    with pytest.raises(BadCredential):
        CHECKS.signed(copied, challenge_of(copied), passkey)
    with pytest.raises(Invalid):
        CHECKS.made(answered, challenge_of(answered))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary().map(lambda each: each.hex()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_RESPONSES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("clientDataJSON", "attestationObject", "authenticatorData", "signature"), _JSON),
)
_CREDENTIALS = st.fixed_dictionaries(
    {},
    optional={
        "id": _JSON,
        "rawId": _JSON,
        "type": _JSON | st.just("public-key"),
        "response": _JSON | _RESPONSES,
    },
)


@given(_CREDENTIALS)
def test_anything_else_is_refused_and_never_an_error(credential: dict[str, Any]) -> None:
    """Whatever shape it has."""
    passkey = Passkey("AAEC", "Sam", b"key", 0, "Phone", 1)
    for ask in (challenge_of, lambda given: CHECKS.made(given, b"c")):
        with pytest.raises(Invalid):
            ask(credential)
    with pytest.raises(BadCredential):
        CHECKS.signed(credential, b"c", passkey)


@given(
    st.sampled_from(["clientDataJSON", "attestationObject", "authenticatorData", "signature"]),
    st.integers(0, 10_000),
    st.text("ABCDEFGHabcdefgh0123-_", min_size=4, max_size=4),
)
def test_damaged_answers_are_refused_and_never_an_error(part: str, at: int, other: str) -> None:
    """A right answer with some bytes changed, in any of its parts."""
    authenticator = device()
    passkey, asked = made(authenticator)
    challenge, options = CHECKS.creation("Studio", "Sam", ())
    answers = (
        (authenticator.make(options), lambda each: CHECKS.made(each, challenge)),
        (authenticator.sign(asked), lambda each: CHECKS.signed(each, challenge_of(each), passkey)),
    )
    for answer, check in answers:
        text = answer["response"].get(part, "")
        # Never the last characters, whose lowest bits say nothing.
        place = at % max(1, len(text) - 8)
        if not text or text[place : place + 4] == other:
            continue
        answer["response"][part] = text[:place] + other + text[place + 4 :]
        try:
            check(answer)
        except (Invalid, BadCredential):
            continue
        # What nobody signs when a passkey is made: who made the device, and the key itself.
        assert part in ("attestationObject", "clientDataJSON")
