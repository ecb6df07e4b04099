"""Drafts as the desk shows them: text, state, quotes, what became of the mails, and notes for whoever decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.domain.instant import iso
from engine.domain.quality import quality_of
from engine.domain.snapshot import Snapshot
from engine.storage.session_reader import SessionReader
from publisher.catalogue.deliveries import NEWSLETTER, PERSONAL, Deliveries
from publisher.catalogue.drafts import DraftRow
from publisher.catalogue.mail_report import paused_addresses, waits_because
from publisher.catalogue.published import Catalogue
from publisher.catalogue.quotes import quote_key
from publisher.drafts.character_counts import LIMITS
from publisher.drafts.social import Post
from publisher.drafts.texts import DraftTexts
from publisher.rendering.story import Story, story_of
from publisher.rendering.studio import Studio

__all__ = ["EDITED_AT", "QUOTE", "DraftView"]

EDITED_AT = "written_of"
"""The key under which an edited draft keeps the improvement that the session had when it was edited."""
QUOTE = "quote-"
"""With which the channel of a quote begins, before its key."""


class DraftView:
    """Shows the drafts of sessions. Reads only."""

    def __init__(
        self, catalogue: Catalogue, studio: Studio, deliveries: Deliveries, texts: DraftTexts
    ) -> None:
        self._catalogue = catalogue
        self._studio = studio
        self._deliveries = deliveries
        self._texts = texts
        self._people = SessionReader(catalogue.connection)

    def of(self, snapshot: Snapshot, rows: Mapping[str, DraftRow]) -> list[dict[str, Any]]:
        """Every draft of a session with its state, text and composer link, and its quotes."""
        drafts = list(self._fields(snapshot, rows))
        quality = quality_of(snapshot.average_hrv_improvement)
        if quality is not None and quality.score == 1.0:
            drafts = [_noted(draft, self._studio.words("desk.investigate")) for draft in drafts]
        # Edited words stay when somebody withdraws a share of the figures; the figures in them may be outdated.
        improvement = str(snapshot.average_hrv_improvement)
        drafts = [
            _noted(draft, self._studio.words("desk.figures_changed"))
            if (rows[draft["channel"]].edited or {}).get(EDITED_AT, improvement) != improvement
            else draft
            for draft in drafts
        ]
        return drafts + self._quotes(snapshot)

    def _fields(self, snapshot: Snapshot, rows: Mapping[str, DraftRow]) -> Iterator[dict[str, Any]]:
        """What is shown of each draft: the newsletter, the personal mail, then the posts."""
        story = story_of(snapshot, self._studio)
        if "email" in rows:
            yield {**_state_fields(rows["email"]), **self._newsletter_fields(story)}
        if PERSONAL in rows and (recipients := len(self._people.recipients(story.id))):
            yield {
                **_state_fields(rows[PERSONAL]),
                "recipients": recipients,
                "composer_url": None,
                **self._mails_of(story.id, PERSONAL),
            }
        for post in self._texts.posts(story):
            if post.network in rows:
                yield {**_state_fields(rows[post.network]), **_post_fields(post)}

    def _newsletter_fields(self, story: Story) -> dict[str, Any]:
        mail = self._texts.newsletter(story, picture="")
        return {
            "subject": mail.subject,
            "text": mail.text,
            "html": mail.html,
            "composer_url": None,
            "sends_mail": self._deliveries.mail_enabled(),
            "readers": self._deliveries.readers(story.id),
            **self._mails_of(story.id, NEWSLETTER),
            "paused_addresses": paused_addresses(self._catalogue.connection),
            **({"note": self._studio.words("desk.shortened")} if mail.shortened else {}),
        }

    def _mails_of(self, session_id: str, kind: str) -> dict[str, Any]:
        """What became of the mails of one kind, and when those leave that wait."""
        leaves_at = self._deliveries.leaves_at(session_id, kind)
        return {
            "deliveries": self._deliveries.count_by_state(session_id, kind),
            "leaves_at": None if leaves_at is None else iso(leaves_at),
            "waits_because": waits_because(self._catalogue.connection, session_id, kind),
        }

    def _quotes(self, snapshot: Snapshot) -> list[dict[str, Any]]:
        states = self._catalogue.quotes.states(snapshot.session_id)
        return [
            {
                "channel": QUOTE + quote_key(quote),
                "state": states.get(quote_key(quote), "waiting"),
                "content": quote.text,
                "name": quote.name,
                "composer_url": None,
            }
            for quote in snapshot.quotes
        ]


def _noted(draft: dict[str, Any], note: str) -> dict[str, Any]:
    """A draft with one more note for whoever decides on it."""
    return {**draft, "note": f"{draft['note']} {note}" if "note" in draft else note}


def _state_fields(row: DraftRow) -> dict[str, Any]:
    return {"channel": row.channel, "state": row.state, "edited": row.edited is not None}


def _post_fields(post: Post) -> dict[str, Any]:
    limit = LIMITS[post.network]
    return {
        "content": post.content,
        "hashtags": list(post.hashtags),
        "composer_url": post.composer,
        "length": limit.counted(post.content),
        "limit": limit.longest,
    }
