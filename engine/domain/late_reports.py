"""Insert what platforms report late into the record of a session, ordered by when it happened.

The result is the same for every order of reports, but for two things of one kind at the same millisecond: there the one
that was reported last comes last.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from engine.domain.instant import SECOND, Millis
from engine.domain.session import Member, Presence, Session, Span

__all__ = ["has_newer_technique", "insert_in_order", "insert_span", "is_outdated", "member_after_report"]

_Item = TypeVar("_Item")
_WHOLE_SECONDS: Millis = SECOND
"""Platforms that state whole seconds are up to this far behind what has an instant in milliseconds."""


def insert_in_order(
    items: tuple[_Item, ...], item: _Item, when: Callable[[_Item], Millis]
) -> tuple[_Item, ...]:
    """The items with one more in its place: after those of the same instant."""
    at = bisect_right(items, when(item), key=when)
    return (*items[:at], item, *items[at:])


def insert_span(spans: Iterable[Span], span: Span, at: Millis) -> tuple[Span, ...]:
    """The techniques with one more, which was reported at ``at``.

    It comes after those that began at the same instant, which lasted no time; the same one is there once. What an instructor
    had announced and had not begun gives way to it; what a platform stated stays, since it has happened by that platform's clock.
    """
    kept = [
        known
        for known in spans
        if (known.started_at, known.technique) != (span.started_at, span.technique)
        and (known.started_at <= at or known.stated)
    ]
    return insert_in_order(tuple(kept), span, lambda known: known.started_at)


def has_newer_technique(state: Session, when: Millis, at: Millis) -> bool:
    """Whether another technique than one that began at ``when`` is under way, or is stated for later."""
    return any(
        span.started_at > when and (span.started_at <= at or span.stated) for span in reversed(state.spans)
    )


def is_outdated(state: Session, when: Millis, at: Millis, newest: Millis | None) -> bool:
    """Whether what happened at ``when`` is older than the newest of its kind or than the technique under way."""
    if newest is not None and newest > when:
        return True
    under_way = state.technique_at(at)
    return under_way is not None and under_way.started_at > when + _WHOLE_SECONDS


def member_after_report(member: Member, when: Millis, *, here: bool) -> Member:
    """A member that a platform reported, after it says that they came or left at ``when``.

    The newest word counts; of a coming and a leaving at the same instant the leaving does.
    """
    earlier = replace(member, joined_at=min(member.joined_at, when))
    if when < member.since or (when == member.since and here):
        return earlier
    return replace(earlier, presence=Presence.PRESENT if here else Presence.LEFT, since=when)
