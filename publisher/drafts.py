"""What waits for a person: the drafts of mail and posts in ``drafts/<session_id>/``, and the desk that lists them.

A draft's text follows from the session; what somebody wrote instead is kept beside it. Nothing here sends.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.domain.instant import Millis
from engine.domain.quality import quality_of
from engine.domain.snapshot import Snapshot
from publisher.card import card_of
from publisher.catalogue import Catalogue
from publisher.deliveries import NEWSLETTER, PERSONAL, Deliveries
from publisher.edits import DraftWrong, mistakes
from publisher.email import Mail, edited_mail, newsletter_of, written_mail
from publisher.lengths import LIMITS
from publisher.links import Links
from publisher.message import PICTURE, message_of
from publisher.quotes import key_of
from publisher.social import Post, composer, networks, posts_of
from publisher.story import Story, story_of
from publisher.studio import Studio
from publisher.templates import Templates
from publisher.tree import Artefact, Tree

__all__ = ["Desk", "DraftUnknown", "DraftWrong"]

_MAILS = {"email": NEWSLETTER, PERSONAL: PERSONAL}
_FIGURE = "written_of"
"""Where a draft that somebody edited keeps the improvement that was told then."""


class DraftUnknown(KeyError):
    """There is no such session, or it has no such draft."""


class Desk:
    """The drafts of every session. States: ``waiting``, ``approved``, ``withdrawn``."""

    def __init__(
        self, data: Path, catalogue: Catalogue, studio: Studio, links: Links, templates: Templates
    ) -> None:
        self._data = data
        self._catalogue = catalogue
        self._connection: sqlite3.Connection = catalogue.connection
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
            self._connection.executemany(
                "INSERT INTO drafts VALUES (?, ?, ?, ?, NULL, ?) ON CONFLICT (session_id, channel) DO UPDATE"
                " SET version = excluded.version, state = CASE WHEN state = 'waiting' THEN excluded.state"
                " ELSE state END, updated_at = excluded.updated_at",
                [
                    (snapshot.session_id, name, snapshot.version, "approved" if let_go else "waiting", at)
                    for name, let_go in approved.items()
                ],
            )
        self._write(snapshot.session_id, channel, lambda: snapshot)
        with self._catalogue.transaction():
            for name in approved:
                # Somebody may have left an address after the approval.
                if self._state(snapshot.session_id, name) == "approved":
                    self._send(snapshot.session_id, name, at)

    def _write(self, session_id: str, channel: str, told: Callable[[], Snapshot]) -> None:
        """Write the files of a channel's drafts; those that were withdrawn are removed.

        The publisher and the desk's people write the same files, each from a process of its own. Whoever wrote looks
        again, and writes anew where something changed meanwhile: the last one to write has seen all of it.
        """
        while known := [tuple(row) for row in self._rows(session_id)]:
            snapshot = told()
            story = story_of(snapshot, self.studio)
            files = list(self._mail_files(story) if channel == "email" else self._post_files(story))
            files.append(Artefact(f"{session_id}/card.png", card_of(story, self.studio)))
            Tree(self._data / "drafts").put(files)
            if known == [tuple(row) for row in self._rows(session_id)] and snapshot == told():
                return
        # Taken off the site meanwhile, its drafts too.
        self.remove(session_id)

    def withhold_posts(self, snapshot: Snapshot, at: Millis) -> None:
        """Withdraw the drafts of posts: the session is private now. Bringing one back is for a person."""
        with self._catalogue.transaction():
            self._connection.executemany(
                "UPDATE drafts SET state = 'withdrawn', updated_at = ? WHERE session_id = ? AND channel = ?",
                [(at, snapshot.session_id, network) for network in networks(self.studio)],
            )
        if {row["channel"] for row in self._rows(snapshot.session_id)} & set(networks(self.studio)):
            self._write(snapshot.session_id, "social", lambda: snapshot)

    def rewrite(self, session_id: str) -> None:
        """Write the files of a session's drafts anew: the studio, its address, language or templates are others now."""
        known = {row["channel"] for row in self._rows(session_id)}
        if "email" in known:
            self._rewrite(session_id, "email")
        if known & set(networks(self.studio)):
            self._rewrite(session_id, "social")

    def waiting(self, limit: int) -> list[str]:
        """The sessions whose drafts somebody has still to look at, the newest first."""
        rows = self._connection.execute(
            "SELECT session_id FROM drafts WHERE state = 'waiting' GROUP BY session_id"
            " ORDER BY max(updated_at) DESC, session_id LIMIT ?",
            (limit,),
        )
        return [row["session_id"] for row in rows.fetchall()]

    def remove(self, session_id: str) -> None:
        """Remove a session's drafts altogether."""
        shutil.rmtree(self._data / "drafts" / session_id, ignore_errors=True)

    def mail(self, story: Story, *, picture: str = PICTURE, unsubscribe: str = "") -> Mail:
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

    def written(self, name: str, subject: str, **context: Any) -> Mail:
        """A mail from a template of its own, in the studio's name."""
        return written_mail(
            name, subject, self._templates, studio=self.studio, href=self.links.absolute, **context
        )

    # What people do

    def of(self, session_id: str) -> list[dict[str, Any]]:
        """Every draft of a session with its state, text and composer link, and its quotes.

        Raises:
            DraftUnknown: nothing of this session was published.
        """
        snapshot = self._snapshot(session_id)
        story = story_of(snapshot, self.studio)
        rows = {row["channel"]: row for row in self._rows(session_id)}
        found: list[dict[str, Any]] = []
        if "email" in rows:
            found.append({**self._row(rows["email"]), **self._mail_fields(story)})
        if PERSONAL in rows and (people := self._asked(session_id)):
            told = self._deliveries.summary(session_id, PERSONAL)
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
        written = {name: json.loads(row["edited"] or "{}").get(_FIGURE, figure) for name, row in rows.items()}
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
            DraftUnknown: there is no such draft.
            DraftWrong: an unknown field, no text, or too long for its network.
        """
        # Read and written in one transaction: subject and text may come from two people, and a story is retold.
        with self._catalogue.transaction():
            snapshot = self._snapshot(session_id)
            row = self._one(session_id, channel)
            wrong = mistakes(channel, changes)
            if wrong:
                raise DraftWrong(wrong)
            given = {name: str(changes[name]).strip() for name in changes}
            kept = {**json.loads(row["edited"] or "{}"), **given}
            kept[_FIGURE] = str(snapshot.average_hrv_improvement)
            self._connection.execute(
                "UPDATE drafts SET edited = ?, updated_at = ? WHERE session_id = ? AND channel = ?",
                (json.dumps(kept, ensure_ascii=False), at, session_id, channel),
            )
        self._rewrite(session_id, "email" if channel == "email" else "social")
        return self.one(session_id, channel)

    def decide(self, session_id: str, channel: str, state: str, at: Millis) -> dict[str, Any]:
        """Set a draft to ``approved``, ``withdrawn`` or ``waiting``; a quote's channel is ``quote-<key>``.

        Approving or withdrawing a quote marks its page. Withdrawn drafts have no files.

        Raises:
            DraftUnknown: there is no such draft.
        """
        if channel.startswith("quote-"):
            if not self._catalogue.decide_quote(session_id, channel.removeprefix("quote-"), state, at):
                raise DraftUnknown(channel)
            return self.one(session_id, channel)
        with self._catalogue.transaction():
            decided = self._connection.execute(
                "UPDATE drafts SET state = ?, updated_at = ? WHERE session_id = ? AND channel = ?",
                (state, at, session_id, channel),
            )
            if decided.rowcount != 1:
                raise DraftUnknown(channel)
            if state == "approved":
                self._send(session_id, channel, at)
            elif channel in _MAILS:
                self._deliveries.stop(session_id, _MAILS[channel])
        if channel != PERSONAL:
            self._rewrite(session_id, "email" if channel == "email" else "social")
        return self.one(session_id, channel)

    def one(self, session_id: str, channel: str) -> dict[str, Any]:
        """One draft as ``of`` shows it.

        Raises:
            DraftUnknown: there is no such draft.
        """
        for draft in self.of(session_id):
            if draft["channel"] == channel:
                return draft
        raise DraftUnknown(channel)

    # Inner parts

    def _rewrite(self, session_id: str, channel: str) -> None:
        self._write(session_id, channel, lambda: self._snapshot(session_id))

    def _send(self, session_id: str, channel: str, at: Millis) -> None:
        if channel in _MAILS:
            self._deliveries.schedule(session_id, _MAILS[channel], at)

    def _asked(self, session_id: str) -> int:
        """How many people of a session left an address for their own summary."""
        row = self._connection.execute(
            "SELECT count(*) FROM people WHERE session_id = ? AND email IS NOT NULL", (session_id,)
        ).fetchone()
        return int(row[0])

    def _snapshot(self, session_id: str) -> Snapshot:
        row = self._connection.execute(
            "SELECT document FROM published WHERE session_id = ?"
            " UNION ALL SELECT document FROM (SELECT s.document FROM snapshots s JOIN drafts d"
            " ON d.session_id = s.session_id AND d.version = s.version WHERE s.session_id = ? LIMIT 1)",
            (session_id, session_id),
        ).fetchone()
        if row is None:
            raise DraftUnknown(session_id)
        return Snapshot.model_validate_json(row["document"])

    def _rows(self, session_id: str) -> list[sqlite3.Row]:
        return self._connection.execute("SELECT * FROM drafts WHERE session_id = ?", (session_id,)).fetchall()

    def _one(self, session_id: str, channel: str) -> sqlite3.Row:
        row: sqlite3.Row | None = self._connection.execute(
            "SELECT * FROM drafts WHERE session_id = ? AND channel = ?", (session_id, channel)
        ).fetchone()
        if row is None:
            raise DraftUnknown(channel)
        return row

    def _state(self, session_id: str, channel: str) -> str:
        row = self._connection.execute(
            "SELECT state FROM drafts WHERE session_id = ? AND channel = ?", (session_id, channel)
        ).fetchone()
        return str(row["state"]) if row else "waiting"

    def _edited(self, session_id: str, channel: str) -> dict[str, str] | None:
        row = self._connection.execute(
            "SELECT edited FROM drafts WHERE session_id = ? AND channel = ?", (session_id, channel)
        ).fetchone()
        return json.loads(row["edited"]) if row and row["edited"] else None

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
        mail = self.mail(story)
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

    def _row(self, row: sqlite3.Row) -> dict[str, Any]:
        return {"channel": row["channel"], "state": row["state"], "edited": row["edited"] is not None}

    def _mail_fields(self, story: Story) -> dict[str, Any]:
        mail = self.mail(story, picture="")
        return {
            "subject": mail.subject,
            "text": mail.text,
            "html": mail.html,
            "composer_url": None,
            "sends_mail": self._deliveries.sends(),
            "deliveries": self._deliveries.summary(story.id, NEWSLETTER),
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
                "channel": f"quote-{key_of(quote)}",
                "state": states.get(key_of(quote), "waiting"),
                "content": quote.text,
                "name": quote.name,
                "composer_url": None,
            }
            for quote in snapshot.quotes
        ]
