"""From the bodies about sessions to details and commands, and what is worth saying about them."""

from __future__ import annotations

from typing import Any

from engine.api.sessions.bodies import EditDetails, PlannedTechnique, SessionFields
from engine.api.sessions.view import needs_token
from engine.domain import commands as c
from engine.domain.instant import Millis
from engine.domain.labels import Visibility
from engine.domain.session import Details, Session, TechniquePlan
from engine.domain.techniques.lookup import named
from engine.protocol.tokens import valid_until

__all__ = ["broken_links", "change_command", "changes_of", "details_of", "warnings_about"]

_RECOMMENDED_PARTICIPANTS = 100


def changes_of(body: EditDetails) -> dict[str, Any]:
    """The fields that a body names, as ``Details`` has them."""
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    if "techniques" in changes:
        changes["techniques"] = tuple(_planned(item) for item in changes["techniques"])
    return changes


def change_command(body: EditDetails) -> c.ChangeDetails:
    """The command that a body asks for."""
    changes = changes_of(body)
    cleared = tuple(name for name in ("description", "listen_url") if changes.get(name, "") is None)
    return c.ChangeDetails(**changes, cleared=cleared)


def warnings_about(details: Details, at: Millis) -> list[str]:
    """Sentences about details that are allowed and probably a mistake."""
    warnings = []
    if details.scheduled_start < at:
        warnings.append("scheduled_start lies in the past: the room is open now")
    if details.max_participants > _RECOMMENDED_PARTICIPANTS:
        warnings.append(
            f"up to {_RECOMMENDED_PARTICIPANTS} participants are recommended for a good experience"
        )
    for item in details.techniques:
        technique = named(item.technique)
        if technique.group == "B" and details.place != "room":
            warnings.append(f"{technique.name} is for people together in one room: it cannot be started here")
    return warnings


def broken_links(before: Session, after: Session, at: Millis) -> list[str]:
    """Sentences about what was sent to people and no longer opens the session."""
    warnings = []
    if needs_token(after.details) and not needs_token(before.details):
        warnings.append("links without a token that were sent open nothing any more: send the new ones")
    if after.details.visibility == "private" and before.details.visibility != "private":
        warnings.append(
            "the page is shown to those with a link of the session only: its address opens nothing"
        )
    if valid_until(after) <= at < valid_until(before):
        warnings.append("links with a token that were sent have expired: 24 hours after the start are over")
    return warnings


def details_of(body: SessionFields, scheduled_start: Millis) -> Details:
    """The details that a body asks for."""
    visibility: Visibility = body.visibility or ("private" if body.access == "invite" else "public")
    access = body.access or ("invite" if visibility == "private" else "open")
    return Details(
        title=body.title,
        instructor=body.instructor,
        scheduled_start=scheduled_start,
        max_participants=body.max_participants,
        session_type=body.session_type,
        techniques=tuple(_planned(item) for item in body.techniques),
        description=body.description,
        access=access,
        visibility=visibility,
        place=body.place,
        listen_url=body.listen_url,
        chat=body.chat,
    )


def _planned(item: PlannedTechnique) -> TechniquePlan:
    return TechniquePlan(item.technique, item.duration, item.instruction, item.pattern)
