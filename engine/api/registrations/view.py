"""Registrations as JSON."""

from __future__ import annotations

from typing import Any

from engine.api.registrations.registering import Outcome
from engine.domain.session import Role, Session
from engine.storage.places import Place
from engine.storage.registrations import Registration

__all__ = ["confirmed", "listed", "mail", "own", "position"]


def own(place: Place) -> dict[str, Any]:
    """A place, for its owner."""
    return {
        "registration": place.registration.registration,
        "session_id": place.session_id,
        "state": str(place.state),
        **position(place),
    }


def listed(place: Place, session: Session) -> dict[str, Any]:
    """A place as those who lead the session see it; once that has started, also whether its owner came."""
    registration = place.registration
    entry = {
        "registration": registration.registration,
        "name": registration.name,
        "state": str(place.state),
        **position(place),
        **confirmed(registration),
    }
    if session.started_at is not None:
        member = session.members.get(registration.registration)
        entry["came"] = member is not None and member.role is Role.PARTICIPANT
    return entry


def position(place: Place) -> dict[str, Any]:
    """The position in the waiting list, where there is one."""
    return {} if place.position is None else {"position": place.position}


def confirmed(registration: Registration) -> dict[str, Any]:
    """Whether reminders are sent."""
    return {"reminded": registration.confirmed_at is not None}


def mail(outcome: Outcome) -> dict[str, Any]:
    """What is mailed about a new registration."""
    return {} if outcome.mail is None else {"mail": outcome.mail}
