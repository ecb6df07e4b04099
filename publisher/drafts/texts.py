"""The texts of drafts as they would go out now: rendered from the session, or as somebody edited them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from publisher.catalogue.drafts import Drafts
from publisher.catalogue.upcoming import UpcomingRoom
from publisher.drafts.social import Post, composer, posts_of
from publisher.mail.email import Mail, NewsletterFrame, edited_mail, mail_from_template, newsletter_of
from publisher.mail.message import PICTURE
from publisher.rendering.links import Links
from publisher.rendering.story import Story
from publisher.rendering.studio import Studio
from publisher.rendering.templates import Templates

__all__ = ["DraftTexts"]


class DraftTexts:
    """Renders the newsletter, other mails and posts in the studio's name."""

    def __init__(self, drafts: Drafts, studio: Studio, links: Links, templates: Templates) -> None:
        self._drafts = drafts
        self._templates = templates
        self.studio = studio
        self.links = links

    def newsletter(
        self,
        story: Story,
        *,
        picture: str = PICTURE,
        unsubscribe: str = "",
        changes: Mapping[str, str] | None = None,
        following: UpcomingRoom | None = None,
        to_readers: bool = False,
    ) -> Mail:
        """The newsletter about a session; ``changes`` is what somebody is about to write instead of parts of it.

        ``following`` is the next session, and ``to_readers`` adds the link to the series: both stand below the words, and
        are no part of what people edit.
        """
        series_id = story.snapshot.series_id if story.snapshot.visibility == "public" else None
        series = self.links.absolute(f"series/{series_id}/") if to_readers and series_id else ""
        frame = NewsletterFrame(
            picture, unsubscribe, None if following is None else self._named(following), series
        )
        mail = newsletter_of(story, self.studio, links=self.links, templates=self._templates, frame=frame)
        edited = {**(self._edited(story.id, "email") or {}), **(changes or {})}
        if not edited:
            return mail
        return edited_mail(
            mail,
            edited,
            story,
            self.studio,
            links=self.links,
            templates=self._templates,
            frame=frame,
        )

    def test_newsletter(self, story: Story, following: UpcomingRoom | None) -> Mail:
        """The newsletter as its readers get it, with a subject that says that it is a test."""
        # Nobody subscribed: what ends a subscription leads to where one begins.
        mail = self.newsletter(
            story, unsubscribe=self.links.absolute("subscribe/"), following=following, to_readers=True
        )
        return replace(mail, subject=self.studio.words("mail.test_subject", subject=mail.subject))

    def personal(
        self, story: Story, *, person: str | None, change: float | None, following: UpcomingRoom | None
    ) -> Mail:
        """A participant's own summary: ``change`` is that of their own HRV, in percent; ``following`` is what comes next."""
        words = self.studio.words
        return self.mail_from_template(
            "personal",
            words("mail.own_subject", title=story.title),
            story=story,
            person=person,
            change=None if change is None else words.percent(change),
            picture=PICTURE,
            page=self.links.absolute(story.path),
            following=None if following is None else self._named(following),
            series="",
        )

    def posts(self, story: Story) -> Iterator[Post]:
        """A post for each network of the studio."""
        link = self.links.absolute(story.path)
        for post in posts_of(story, self.studio, link=link, templates=self._templates):
            edited = self._edited(story.id, post.network)
            if edited is None:
                yield post
            else:
                text = edited["content"]
                yield Post(post.network, text, post.hashtags, composer(post.network, text, self.studio, link))

    def mail_from_template(self, name: str, subject: str, **context: Any) -> Mail:
        """A mail from the templates ``email/<name>.html`` and ``.txt``."""
        return mail_from_template(
            name, subject, self._templates, studio=self.studio, href=self.links.absolute, **context
        )

    def _named(self, room: UpcomingRoom) -> dict[str, str]:
        """A session that is still to come, as text, with its address and its calendar file."""
        page = self.links.absolute(f"sessions/{room.session_id}/")
        return {
            "title": room.title,
            "when": self.studio.day_and_time(room.starts, room.time_zone),
            "page": page,
            "calendar": f"{page}event.ics",
        }

    def _edited(self, session_id: str, channel: str) -> Mapping[str, str] | None:
        draft = self._drafts.get(session_id, channel)
        return None if draft is None else draft.edited
