"""The draft desk: lists the drafts of mail and posts, and takes a person's edits and decisions. It sends nothing.

A draft's text follows from the session; what somebody wrote instead is kept beside it. How a draft is shown is in ``view``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.domain.instant import Millis
from engine.domain.snapshot import Snapshot
from engine.storage.story_reader import StoryReader
from publisher.catalogue.deliveries import NEWSLETTER, NEWSLETTER_TEST, PERSONAL, Deliveries
from publisher.catalogue.drafts import Drafts
from publisher.catalogue.published import Catalogue
from publisher.catalogue.upcoming import next_after
from publisher.drafts.edits import InvalidDraft, edit_errors
from publisher.drafts.files import DraftFiles
from publisher.drafts.social import networks
from publisher.drafts.texts import DraftTexts
from publisher.drafts.view import EDITED_AT, QUOTE, DraftView
from publisher.rendering.links import Links
from publisher.rendering.story import story_of
from publisher.rendering.studio import Studio
from publisher.rendering.templates import Templates

__all__ = ["DraftApproved", "DraftDesk", "DraftNotFound", "InvalidDraft"]

_MAIL_KINDS = {"email": NEWSLETTER, PERSONAL: PERSONAL}


class DraftNotFound(KeyError):
    """There is no such session, or it has no such draft."""


class DraftApproved(Exception):
    """The draft is approved, and whoever changes it may not publish."""


class DraftDesk:
    """The drafts of every session. States: ``waiting``, ``approved``, ``withdrawn``."""

    def __init__(
        self, data: Path, catalogue: Catalogue, studio: Studio, links: Links, templates: Templates
    ) -> None:
        self._catalogue = catalogue
        self._studio = studio
        self._deliveries = Deliveries(catalogue)
        self._drafts = Drafts(catalogue)
        self.texts = DraftTexts(self._drafts, studio, links, templates)
        self._files = DraftFiles(data, self._drafts, self.texts)
        self._stories = StoryReader(catalogue.connection)
        self._view = DraftView(catalogue, studio, self._deliveries, self.texts)

    # What the publisher does

    def prepare(self, snapshot: Snapshot, channel: str, at: Millis) -> None:
        """Add the drafts of ``email`` or ``social`` for a snapshot stored ``at``, and write their files.

        Does nothing for a session that was withdrawn since.
        """
        automatic = self._studio.automatic
        # A key that publishes at once approves the posts; mail to people needs an approval of its own.
        approved = dict.fromkeys(networks(self._studio), automatic.social or snapshot.approved)
        if channel == "email":
            approved = {"email": automatic.newsletter, PERSONAL: automatic.personal}
        with self._catalogue.transaction():
            withdrawn_at = self._catalogue.withdrawn_at(snapshot.session_id)
            if withdrawn_at is not None and withdrawn_at >= at:
                return
            states = {
                name: "approved" if is_approved else "waiting" for name, is_approved in approved.items()
            }
            self._drafts.put(snapshot.session_id, snapshot.version, states, at)
        self._files.write(snapshot.session_id, channel, lambda: snapshot)
        with self._catalogue.transaction():
            drafts = self._drafts.of(snapshot.session_id)
            for name in approved:
                # Somebody may have left an address after the approval.
                if name in drafts and drafts[name].state == "approved":
                    self._schedule_mail(snapshot.session_id, name, at)

    def withdraw_posts(self, snapshot: Snapshot, at: Millis) -> None:
        """Withdraw the drafts of posts, as the session is private now. Only a person can bring one back."""
        with self._catalogue.transaction():
            self._drafts.decide(snapshot.session_id, networks(self._studio), "withdrawn", at)
        if self._drafts.of(snapshot.session_id).keys() & set(networks(self._studio)):
            self._files.write(snapshot.session_id, "social", lambda: snapshot)

    def rewrite_files(self, session_id: str) -> None:
        """Write the files of a session's drafts again, after the studio's settings or templates changed.

        Raises:
            DraftNotFound: nothing of this session was published.
        """
        channels = self._drafts.of(session_id).keys()
        if "email" in channels:
            self._rewrite(session_id, "email")
        if channels & set(networks(self._studio)):
            self._rewrite(session_id, "social")

    def sessions_waiting(self, limit: int) -> list[str]:
        """The sessions with a draft that nobody has decided on, the newest first."""
        return self._drafts.waiting(limit)

    def remove(self, session_id: str) -> None:
        """Remove the files of a session's drafts."""
        self._files.remove(session_id)

    # What people do

    def list_drafts(self, session_id: str) -> list[dict[str, Any]]:
        """Every draft of a session with its state, text and composer link, and its quotes.

        Raises:
            DraftNotFound: nothing of this session was published.
        """
        snapshot = self._snapshot(session_id)
        return self._view.of(snapshot, self._drafts.of(session_id))

    def draft(self, session_id: str, channel: str) -> dict[str, Any]:
        """One draft as ``list_drafts`` shows it.

        Raises:
            DraftNotFound: there is no such draft.
        """
        for draft in self.list_drafts(session_id):
            if draft["channel"] == channel:
                return draft
        raise DraftNotFound(channel)

    def edit(
        self,
        session_id: str,
        channel: str,
        changes: Mapping[str, Any],
        at: Millis,
        *,
        approved_too: bool = True,
    ) -> dict[str, Any]:
        """Replace a draft's text: ``{content}`` of a post, any of ``{subject, text}`` of the mail.

        Without ``approved_too`` only of one that is not approved: whoever may not publish changes nothing that leaves.

        Raises:
            DraftNotFound: there is no such draft.
            DraftApproved: it is approved.
            InvalidDraft: an unknown field, no text, or too long for its network.
        """
        # Read and written in one transaction: subject and text may come from two people at once.
        with self._catalogue.transaction():
            snapshot = self._snapshot(session_id)
            row = self._drafts.get(session_id, channel)
            if row is None:
                raise DraftNotFound(channel)
            if row.state == "approved" and not approved_too:
                raise DraftApproved(channel)
            errors = edit_errors(channel, changes)
            if errors:
                raise InvalidDraft(errors)
            edited = {**(row.edited or {}), **{name: str(changes[name]).strip() for name in changes}}
            edited[EDITED_AT] = str(snapshot.average_hrv_improvement)
            self._drafts.edit(session_id, channel, edited, at)
        self._rewrite(session_id, "email" if channel == "email" else "social")
        return self.draft(session_id, channel)

    def preview(
        self, session_id: str, channel: str, changes: Mapping[str, Any], now: Millis
    ) -> dict[str, Any]:
        """A mail as its readers get it: the newsletter, with ``changes`` of ``{subject, text}`` that are not stored, or an
        own summary, without anybody's name and figures.

        Its HTML refers to the card as ``cid:card@halcytone``.

        Raises:
            DraftNotFound: this session has no such mail.
            InvalidDraft: an unknown field, or no text.
        """
        snapshot = self._snapshot(session_id)
        if channel not in _MAIL_KINDS or self._drafts.get(session_id, channel) is None:
            raise DraftNotFound(channel)
        errors = edit_errors(channel, changes) if changes else {}
        if errors:
            raise InvalidDraft(errors)
        story = story_of(snapshot, self._studio)
        following = next_after(self._catalogue, snapshot.series_id, now)
        if channel == PERSONAL:
            mail = self.texts.personal(story, person=None, change=None, following=following)
        else:
            mail = self.texts.newsletter(
                story,
                unsubscribe=self.texts.links.absolute("subscribe/"),
                changes={name: str(text).strip() for name, text in changes.items()},
                following=following,
                to_readers=True,
            )
        return {"subject": mail.subject, "text": mail.text, "html": mail.html}

    def send_test(self, session_id: str, recipient: str, address: str, at: Millis) -> None:
        """Queue the newsletter as it is stored for whoever works on it; ``recipient`` is what they are known by.

        Raises:
            DraftNotFound: there is no newsletter of this session.
        """
        if self._drafts.get(session_id, "email") is None:
            raise DraftNotFound("email")
        self._deliveries.schedule_one(session_id, NEWSLETTER_TEST, recipient, address, at, at)

    def card(self, session_id: str) -> bytes:
        """The card of a session as PNG.

        Raises:
            DraftNotFound: nothing of this session was published.
        """
        # Imports NumPy, which nothing else at the desk needs.
        from publisher.rendering.card import card_of

        return card_of(story_of(self._snapshot(session_id), self._studio), self._studio)

    def set_state(self, session_id: str, channel: str, state: str, at: Millis) -> dict[str, Any]:
        """Set a draft to ``approved``, ``withdrawn`` or ``waiting``; a quote's channel is ``quote-<key>``.

        Approving or withdrawing a quote marks its page. Withdrawn drafts have no files.

        Raises:
            DraftNotFound: there is no such draft.
        """
        if channel.startswith(QUOTE):
            if not self._catalogue.quotes.decide(session_id, channel.removeprefix(QUOTE), state, at):
                raise DraftNotFound(channel)
            return self.draft(session_id, channel)
        with self._catalogue.transaction():
            if self._drafts.get(session_id, channel) is None:
                raise DraftNotFound(channel)
            self._drafts.decide(session_id, [channel], state, at)
            if state == "approved":
                self._schedule_mail(session_id, channel, at)
            elif channel in _MAIL_KINDS:
                self._deliveries.cancel(session_id, _MAIL_KINDS[channel])
        if channel != PERSONAL:
            self._rewrite(session_id, "email" if channel == "email" else "social")
        return self.draft(session_id, channel)

    # Inner parts

    def _rewrite(self, session_id: str, channel: str) -> None:
        self._files.write(session_id, channel, lambda: self._snapshot(session_id))

    def _snapshot(self, session_id: str) -> Snapshot:
        snapshot = self._catalogue.snapshot(session_id)
        if snapshot is None:
            # A session without a page has drafts of the version that they were made of.
            versions = {row.version for row in self._drafts.of(session_id).values()}
            stored = self._stories.snapshot(session_id, max(versions)) if versions else None
            snapshot = None if stored is None else self._catalogue.in_own_zone(stored)
        if snapshot is None:
            raise DraftNotFound(session_id)
        return snapshot

    def _schedule_mail(self, session_id: str, channel: str, at: Millis) -> None:
        if channel in _MAIL_KINDS:
            self._deliveries.schedule(session_id, _MAIL_KINDS[channel], at)
