"""The shapes of what webhooks are told: the ``data`` of a notice, each by its event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from engine.domain.labels import Place, Visibility
from engine.domain.session import Phase
from engine.protocol.shape import Moment, Shape

__all__ = ["NOTICES"]


class SessionData(Shape):
    """A session, as it is after what happened."""

    series_id: str | None
    """The series that it belongs to."""
    title: str
    """What it is called."""
    instructor: str
    """Who leads it."""
    scheduled_start: Moment
    """When it is meant to begin."""
    visibility: Visibility
    """`public` is listed, `unlisted` is reached by its link alone, `private` needs a token. Look at it before you show anything."""
    access: Literal["open", "invite"]
    """Whether anybody may join, or only with an invitation."""
    place: Place
    """Where people are: together in one `room`, `online`, or `both`."""
    max_participants: int
    """How many participants it has room for."""
    status: Phase
    """Where the session is between its making and its story."""
    started_at: Moment | None
    """When it began; null before."""
    ended_at: Moment | None
    """When it ended; null before."""
    participant_count: int
    """How many participants came."""


class PublishedData(Shape):
    """A session's story."""

    title: str
    """What the session is called."""
    content_id: str
    """Changes with the content of the page."""
    version: int
    """Counts up each time the story is published anew."""
    visibility: Visibility
    """`public` is listed, `unlisted` is reached by its link alone. Look at it before you show anything."""
    instructor: str | None
    """Who led it."""
    session_date: Moment
    """When it was."""


class WithdrawnData(Shape):
    """A story that is not there any more."""

    title: str
    """What the session was called."""


class RegistrationData(Shape):
    """Somebody's place in a session."""

    registration: str
    """The registration's id."""
    series_id: str | None
    """The series that they come to as a whole; null where they come to this session alone."""
    name: str | None
    """What they call themselves."""
    state: Literal["coming", "waiting", "cancelled"]
    """`coming` has a place, `waiting` is on the waiting list, `cancelled` does not come any more."""


class TestData(Shape):
    """What a test says."""

    message: str
    """A sentence for people."""


NOTICES: Mapping[str, tuple[str, type]] = {
    "session.scheduled": ("A session was made.", SessionData),
    "session.changed": ("The details of a session changed.", SessionData),
    "session.cancelled": ("A session was cancelled.", SessionData),
    "session.started": ("A session began.", SessionData),
    "session.ended": ("A session is over.", SessionData),
    "story.published": ("The page of a session's story is there, for the first time or anew.", PublishedData),
    "story.withdrawn": ("The page of a session's story is gone.", WithdrawnData),
    "registration.created": ("Somebody says that they come to a session.", RegistrationData),
    "registration.cancelled": ("Somebody does not come to a session any more.", RegistrationData),
    "webhook.test": ("Somebody tests the webhook; cannot be asked for.", TestData),
}
"""What each event means, and the shape of its data without the session's id and page, which all but the test have."""
