"""Session tokens and ``resume``: made from the key, bound to session, role and person."""

from __future__ import annotations

from dataclasses import replace

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.instant import HOUR
from engine.domain.session import Details, Role, Session
from engine.protocol.tokens import SessionToken, Tokens, is_token, valid_until

TOKENS = Tokens(b"k" * 32)
IDS = st.from_regex(r"\A[A-Za-z0-9._:@-]{1,100}\Z")


def test_a_token_says_session_and_role_for_ever() -> None:
    """Read back as issued, whenever; how long it is valid its session says."""
    token = TOKENS.issue("morning", Role.INSTRUCTOR, 24 * HOUR)
    assert TOKENS.read(token) == SessionToken("morning", Role.INSTRUCTOR, 24 * HOUR)


def test_a_token_names_the_key_that_it_was_given_to() -> None:
    """Of two keys each has its own; a credential that looks like one is a token, and no key or ``resume`` does."""
    token = TOKENS.issue("morning", Role.INSTRUCTOR, 24 * HOUR, "Mara")
    read = TOKENS.read(token)
    assert read is not None
    assert read.key_name == "Mara"
    assert token != TOKENS.issue("morning", Role.INSTRUCTOR, 24 * HOUR, "Ivy")
    assert is_token(token)
    assert not is_token(TOKENS.resume("morning", "ann"))


@pytest.mark.parametrize(
    ("created_at", "starts_at", "until"),
    [(0, 5 * HOUR, 29 * HOUR), (7 * HOUR, 5 * HOUR, 31 * HOUR)],
)
def test_tokens_are_valid_until_a_day_after_the_present_start(
    created_at: int, starts_at: int, until: int
) -> None:
    """Of a session that was created late, after its creation; wherever it is moved to."""
    state = Session("s", "e", Details("T", "I", starts_at), created_at, created_at)
    assert valid_until(state) == until
    moved = replace(state, details=Details("T", "I", 99 * HOUR))
    assert valid_until(moved) == 123 * HOUR


def test_another_servers_token_is_none() -> None:
    """A different key, another algorithm, none at all."""
    foreign = Tokens(b"x" * 32).issue("morning", Role.INSTRUCTOR, 24 * HOUR)
    unsigned = jwt.encode(
        {"sub": "morning", "role": "instructor", "exp": 9e9, "aud": "halcytone-session"}, "", "none"
    )

    assert TOKENS.read(foreign) is None
    assert TOKENS.read(unsigned) is None


@given(st.text(max_size=300))
def test_anything_else_is_no_token_and_no_resume(text: str) -> None:
    """Whatever somebody sends, the answer is None, never an error."""
    assert TOKENS.read(text) is None
    assert TOKENS.resumed_client_id("morning", text) is None
    assert TOKENS.resumed_client_id("morning", "r1." + text) is None


@given(IDS, IDS)
def test_resume_proves_its_owner_and_nobody_else(one: str, other: str) -> None:
    """The same for ever; of one person in one session."""
    resume = TOKENS.resume("morning", one)

    assert resume == Tokens(b"k" * 32).resume("morning", one)
    assert TOKENS.proves("morning", one, resume)
    assert TOKENS.resumed_client_id("morning", resume) == one
    assert TOKENS.resumed_client_id("evening", resume) is None
    assert TOKENS.proves("morning", other, resume) is (one == other)


def test_a_resume_with_another_name_on_it_proves_nothing() -> None:
    """The name in it is only a claim until the proof fits."""
    ann, bob = TOKENS.resume("morning", "ann"), TOKENS.resume("morning", "bob")
    forged = ".".join([*ann.split(".")[:2], bob.split(".")[2]])
    assert TOKENS.resumed_client_id("morning", forged) is None
