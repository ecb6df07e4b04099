"""What waits for a person: the drafts of mail and posts in ``drafts/<session_id>/``, and the desk that lists them.

A draft's text follows from the session; what somebody wrote instead is kept beside it. Nothing here sends.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.domain.instant import Millis
from engine.domain.quality import quality_of
from engine.domain.snapshot import Snapshot
from engine.storage.outbox import Outbox
from engine.storage.session_reader import SessionReader
from publisher.catalogue.deliveries import NEWSLETTER, PERSONAL, Deliveries
from publisher.catalogue.drafts import DraftRow, Drafts
from publisher.catalogue.published import Catalogue
from publisher.catalogue.quotes import quote_key
from publisher.drafts.character_counts import LIMITS
from publisher.drafts.edits import InvalidDraft, edit_errors
from publisher.drafts.social import Post, composer, networks, posts_of
from publisher.files.tree import Artefact, Tree
from publisher.mail.email import Mail, edited_mail, mail_from_template, newsletter_of
from publisher.mail.message import PICTURE, message_of
from publisher.rendering.card import card_of
from publisher.rendering.links import Links
from publisher.rendering.story import Story, story_of
from publisher.rendering.studio import Studio
from publisher.rendering.templates import Templates

__all__ = ["DraftDesk", "DraftNotFound", "InvalidDraft"]

_MAILS = {"email": NEWSLETTER, PERSONAL: PERSONAL}
_FIGURE = "written_of"
"""Where a draft that somebody edited keeps the improvement that was told then."""


class DraftNotFound(KeyError):
    """There is no such session, or it has no such draft."""


class DraftDesk:
    """The drafts of every session. States: ``waiting``, ``approved``, ``withdrawn``."""

    def __init__(
        self, data: Path, catalogue: Catalogue, studio: Studio, links: Links, templates: Templates
    ) -> None:
        self._data = data
        self._catalogue = catalogue
        self._drafts = Drafts(catalogue)
        self._outbox = Outbox(catalogue.connection)
        self._people = SessionReader(catalogue.connection)
        self.studio = studio
        self.links = links
        self._deliveries = Deliveries(catalogue)
        self._templates = templates

    # What the publisher does

    def prepare(self, snapshot: Snapshot, channel: str, at: Millis) -> None:
        """Make the drafts of ``email`` or ``social`` for a snapshot of ``at``, unless it is withdrawn; write their files."""
        automatic = self.studio.automatic
        # A key that publishes at once approves the posts; mail to people needs an approval of its own.
        approved = dict.fromkeys(networks(self.studio), automatic.social or snapshot.approved)
        if channel == "email":
            approved = {"email": automatic.newsletter, PERSONAL: automatic.personal}
        with self._catalogue.transaction():
            withdrawn_at = self._catalogue.withdrawn_at(snapshot.session_id)
            if withdrawn_at is not None and withdrawn_at >= at:
                return  # Somebody withdrew it while this was on its way.
            states = {name: "approved" if let_go else "waiting" for name, let_go in approved.items()}
            self._drafts.put(snapshot.session_id, snapshot.version, states, at)
        self.write_files(snapshot, channel)
        for name in approved:
            # Somebody may have left an address after the approval.
            if self._state(snapshot.session_id, name) == "approved":
                self._send(snapshot.session_id, name, at)

    def write_files(self, snapshot: Snapshot, channel: str) -> None:
        """Write the files of a channel's drafts; those that were withdrawn are removed."""
        story = story_of(snapshot, self.studio)
        files = list(self._mail_files(story) if channel == "email" else self._post_files(story))
        picture = card_of(story, self.studio)
        files.append(Artefact(f"{snapshot.session_id}/card.png", picture))
        Tree(self._data / "drafts").put(files)

    def withdraw_posts(self, snapshot: Snapshot, at: Millis) -> None:
        """Withdraw the drafts of posts: the session is private now. Bringing one back is for a person."""
        with self._catalogue.transaction():
            self._drafts.decide(snapshot.session_id, networks(self.studio), "withdrawn", at)
        if self._drafts.of(snapshot.session_id).keys() & set(networks(self.studio)):
            self.write_files(snapshot, "social")

    def rewrite_files(self, session_id: str) -> None:
        """Write the files of a session's drafts anew: the studio, its address, language or templates are others now."""
        snapshot = self._snapshot(session_id)
        known = self._drafts.of(session_id).keys()
        if "email" in known:
            self.write_files(snapshot, "email")
        if known & set(networks(self.studio)):
            self.write_files(snapshot, "social")

    def sessions_waiting(self, limit: int) -> list[str]:
        """The sessions whose drafts somebody has still to look at, the newest first."""
        return self._drafts.waiting(limit)

    def remove(self, session_id: str) -> None:
        """Remove a session's drafts altogether."""
        shutil.rmtree(self._data / "drafts" / session_id, ignore_errors=True)

    def newsletter(self, story: Story, *, picture: str = PICTURE, unsubscribe: str = "") -> Mail:
        """The newsletter about a session as it would go out now."""
        mail = newsletter_of(
            story,
            self.studio,
            links=self.links,
            templates=self._templates,
            picture=picture,
            unsubscribe=unsubscribe,
        )
        edited = self._edited(story.id, "email")
        if edited is None:
            return mail
        return edited_mail(
            mail,
            edited,
            story,
            self.studio,
            links=self.links,
            templates=self._templates,
            picture=picture,
            unsubscribe=unsubscribe,
        )

    def mail_from_template(self, name: str, subject: str, **context: Any) -> Mail:
        """A mail from a template of its own, in the studio's name."""
        return mail_from_template(
            name, subject, self._templates, studio=self.studio, href=self.links.absolute, **context
        )

    # What people do

    def of(self, session_id: str) -> list[dict[str, Any]]:
        """Every draft of a session with its state, text and composer link, and its quotes.

        Raises:
            DraftNotFound: nothing of this session was published.
        """
        snapshot = self._snapshot(session_id)
        story = story_of(snapshot, self.studio)
        rows = self._drafts.of(session_id)
        found: list[dict[str, Any]] = []
        if "email" in rows:
            found.append({**self._row(rows["email"]), **self._mail_fields(story)})
        if PERSONAL in rows and (people := len(self._people.recipients(session_id))):
            told = self._deliveries.count_by_state(session_id, PERSONAL)
            found.append(
                {**self._row(rows[PERSONAL]), "recipients": people, "deliveries": told, "composer_url": None}
            )
        found += [
            {**self._row(rows[post.network]), **self._post_fields(post)}
            for post in self._posts(story)
            if post.network in rows
        ]
        quality = quality_of(snapshot.average_hrv_improvement)
        if quality is not None and quality.score == 1.0:
            found = [{**each, "note": self.studio.words("desk.investigate")} for each in found]
        # Words of the studio's own stay when somebody withdraws; the figures in them may not.
        figure = str(snapshot.average_hrv_improvement)
        written = {name: (row.edited or {}).get(_FIGURE, figure) for name, row in rows.items()}
        found = [
            each
            if written[each["channel"]] == figure
            else {**each, "note": self.studio.words("desk.figures_changed")}
            for each in found
        ]
        return found + self._quotes(snapshot)

    def edit(self, session_id: str, channel: str, changes: Mapping[str, Any], at: Millis) -> dict[str, Any]:
        """Replace a draft's text: ``{content}`` of a post, any of ``{subject, text}`` of the mail.

        Raises:
            DraftNotFound: there is no such draft.
            InvalidDraft: an unknown field, no text, or too long for its network.
        """
        snapshot = self._snapshot(session_id)
        row = self._one(session_id, channel)
        wrong = edit_errors(channel, changes)
        if wrong:
            raise InvalidDraft(wrong)
        kept = {**(row.edited or {}), **{name: str(changes[name]).strip() for name in changes}}
        kept[_FIGURE] = str(snapshot.average_hrv_improvement)
        self._drafts.edit(session_id, channel, kept, at)
        self.write_files(snapshot, "email" if channel == "email" else "social")
        return self.one(session_id, channel)

    def decide(self, session_id: str, channel: str, state: str, at: Millis) -> dict[str, Any]:
        """Set a draft to ``approved``, ``withdrawn`` or ``waiting``; a quote's channel is ``quote-<key>``.

        Approving or withdrawing a quote marks its page. Withdrawn drafts have no files.

        Raises:
            DraftNotFound: there is no such draft.
        """
        snapshot = self._snapshot(session_id)
        if channel.startswith("quote-"):
            if not self._catalogue.decide_quote(session_id, channel.removeprefix("quote-"), state, at):
                raise DraftNotFound(channel)
            return self.one(session_id, channel)
        self._one(session_id, channel)
        with self._catalogue.transaction():
            self._drafts.decide(session_id, [channel], state, at)
            if state == "approved":
                self._send(session_id, channel, at)
            elif channel in _MAILS:
                self._deliveries.cancel(session_id, _MAILS[channel])
        if channel != PERSONAL:
            self.write_files(snapshot, "email" if channel == "email" else "social")
        return self.one(session_id, channel)

    def one(self, session_id: str, channel: str) -> dict[str, Any]:
        """One draft as ``of`` shows it.

        Raises:
            DraftNotFound: there is no such draft.
        """
        for draft in self.of(session_id):
            if draft["channel"] == channel:
                return draft
        raise DraftNotFound(channel)

    # Inner parts

    def _send(self, session_id: str, channel: str, at: Millis) -> None:
        if channel in _MAILS:
            self._deliveries.schedule(session_id, _MAILS[channel], at)

    def _snapshot(self, session_id: str) -> Snapshot:
        snapshot = self._catalogue.snapshot(session_id)
        if snapshot is None:
            # Drafts of what has no page are of the version that they were made of.
            versions = {row.version for row in self._drafts.of(session_id).values()}
            snapshot = self._outbox.snapshot(session_id, max(versions)) if versions else None
        if snapshot is None:
            raise DraftNotFound(session_id)
        return snapshot

    def _one(self, session_id: str, channel: str) -> DraftRow:
        row = self._drafts.get(session_id, channel)
        if row is None:
            raise DraftNotFound(channel)
        return row

    def _state(self, session_id: str, channel: str) -> str:
        row = self._drafts.get(session_id, channel)
        return row.state if row else "waiting"

    def _edited(self, session_id: str, channel: str) -> Mapping[str, str] | None:
        row = self._drafts.get(session_id, channel)
        return row.edited if row else None

    def _posts(self, story: Story) -> Iterator[Post]:
        link = self.links.absolute(story.path)
        for post in posts_of(story, self.studio, link=link, templates=self._templates):
            edited = self._edited(story.id, post.network)
            if edited is None:
                yield post
            else:
                text = edited["content"]
                yield Post(post.network, text, post.hashtags, composer(post.network, text, self.studio, link))

    def _mail_files(self, story: Story) -> Iterator[Artefact]:
        folder = story.id
        names = ("email.eml", "email.html", "email.txt")
        if self._state(story.id, "email") == "withdrawn":
            yield from (Artefact(f"{folder}/{name}", None) for name in names)
            return
        mail = self.newsletter(story)
        yield Artefact(
            f"{folder}/email.eml",
            message_of(
                mail,
                self.studio,
                message_id=f"{story.id}.{story.snapshot.content_id}@{self.links.host}",
                date=story.snapshot.ended_at,
                picture=card_of(story, self.studio),
                unsent=True,
            ),
        )
        # On its own the HTML has no parts to refer to.
        alone = mail.html.replace(PICTURE, "card.png")
        yield Artefact(f"{folder}/email.html", alone.encode())
        yield Artefact(f"{folder}/email.txt", mail.text.encode())

    def _post_files(self, story: Story) -> Iterator[Artefact]:
        folder = story.id
        gathered: dict[str, Any] = {}
        for post in self._posts(story):
            path = f"{folder}/{post.network}.txt"
            if self._state(story.id, post.network) == "withdrawn":
                yield Artefact(path, None)
                continue
            gathered[post.network] = {
                "content": post.content,
                "hashtags": list(post.hashtags),
                "composer_url": post.composer,
            }
            yield Artefact(path, (post.content + "\n").encode())
        text = json.dumps(gathered, ensure_ascii=False, indent=2) + "\n"
        yield Artefact(f"{folder}/social.json", text.encode())

    def _row(self, row: DraftRow) -> dict[str, Any]:
        return {"channel": row.channel, "state": row.state, "edited": row.edited is not None}

    def _mail_fields(self, story: Story) -> dict[str, Any]:
        mail = self.newsletter(story, picture="")
        return {
            "subject": mail.subject,
            "text": mail.text,
            "html": mail.html,
            "composer_url": None,
            "sends_mail": self._deliveries.mail_enabled(),
            "deliveries": self._deliveries.count_by_state(story.id, NEWSLETTER),
        }

    def _post_fields(self, post: Post) -> dict[str, Any]:
        limit = LIMITS[post.network]
        return {
            "content": post.content,
            "hashtags": list(post.hashtags),
            "composer_url": post.composer,
            "length": limit.counted(post.content),
            "limit": limit.longest,
        }

    def _quotes(self, snapshot: Snapshot) -> list[dict[str, Any]]:
        states = self._catalogue.quote_states(snapshot.session_id)
        return [
            {
                "channel": f"quote-{quote_key(quote)}",
                "state": states.get(quote_key(quote), "waiting"),
                "content": quote.text,
                "name": quote.name,
                "composer_url": None,
            }
            for quote in snapshot.quotes
        ]
