"""Renders a session's content into the texts of each channel, without storing or sending anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

import structlog

from engine.domain.channels import SUMMARY_CHANNELS
from engine.domain.snapshot import Snapshot
from publisher.content import SessionContentStrict, snapshot_of
from publisher.drafts.social import posts_of
from publisher.mail.email import newsletter_of
from publisher.mail.size_limit import LARGEST
from publisher.rendering.links import Links
from publisher.rendering.story import story_of
from publisher.rendering.studio import Studio
from publisher.rendering.templates import Templates, built_in

__all__ = ["Newsletter", "SessionSummaryGenerator", "SocialPost", "Summary", "WebUpdate"]

_log = structlog.get_logger(__name__)
# A preview has no content_id yet, and none is shown in it.
_UNPUBLISHED = "00000000-0000-0000-0000-000000000000"


class Newsletter(TypedDict):
    """A mail: its subject and both of its bodies."""

    subject: str
    html: str
    text: str


class WebUpdate(TypedDict):
    """A page: ``content`` is one ``<article>``, ``seo_description`` at most 160 characters."""

    title: str
    content: str
    slug: str
    seo_description: str


class SocialPost(TypedDict):
    """A post with its hashtags, which stand in its content too."""

    content: str
    hashtags: list[str]


class Summary(TypedDict, total=False):
    """The texts of the requested channels."""

    email: Newsletter
    web: WebUpdate
    social: dict[str, SocialPost]


class SessionSummaryGenerator:
    """Renders the summary of a session for a studio; safe to share between threads."""

    def __init__(
        self,
        studio: Studio | None = None,
        *,
        public_url: str = "http://127.0.0.1:8000",
        templates: Templates | None = None,
    ) -> None:
        self._studio = studio or Studio()
        self._links = Links(public_url)
        self._templates = templates or built_in()

    def generate_session_summary(
        self,
        session_data: SessionContentStrict | Snapshot | Mapping[str, Any],
        channels: Iterable[str] = SUMMARY_CHANNELS,
        debug: bool = False,
    ) -> Summary:
        """Render the texts of ``channels``; duplicates are ignored. ``debug`` logs the channels and sizes.

        Raises:
            pydantic.ValidationError: a mapping is no valid content.
            ValueError: a channel is none of email, web, social.
        """
        return self.generate_with_warnings(session_data, channels, debug)[0]

    def generate_with_warnings(
        self,
        session_data: SessionContentStrict | Snapshot | Mapping[str, Any],
        channels: Iterable[str] = SUMMARY_CHANNELS,
        debug: bool = False,
    ) -> tuple[Summary, list[str]]:
        """The same, with sentences about what is worth attention in the texts."""
        requested = tuple(dict.fromkeys(channels))
        for name in requested:
            if name not in SUMMARY_CHANNELS:
                raise ValueError(f"unknown channel {name!r}: use {', '.join(SUMMARY_CHANNELS)}")
        snapshot = _snapshot(session_data)
        story = story_of(snapshot, self._studio, quotes=snapshot.quotes if snapshot.approved else ())
        summary: Summary = {}
        warnings: list[str] = []
        if "email" in requested:
            mail = newsletter_of(story, self._studio, links=self._links, templates=self._templates)
            if mail.shortened:
                warnings.append(
                    f"newsletter: shortened to {LARGEST // 1000} KB, as mail programs cut longer letters; the page has the rest"
                )
            summary["email"] = {"subject": mail.subject, "html": mail.html, "text": mail.text}
        if "web" in requested:
            summary["web"] = {
                "title": story.title,
                "content": self._templates.render(
                    "site/article.html", story=story, studio=self._studio, href=self._links.absolute
                ).strip(),
                "slug": story.slug,
                "seo_description": story.seo_description,
            }
        if "social" in requested:
            link = self._links.absolute(story.path)
            posts = posts_of(story, self._studio, link=link, templates=self._templates)
            summary["social"] = {
                post.network: {"content": post.content, "hashtags": list(post.hashtags)} for post in posts
            }
        if debug:
            _log.debug(
                "summary_generated",
                session_id=snapshot.session_id,
                channels=requested,
                sizes={name: len(str(part)) for name, part in summary.items()},
            )
        return summary, warnings


def _snapshot(data: SessionContentStrict | Snapshot | Mapping[str, Any]) -> Snapshot:
    if isinstance(data, Snapshot):
        return data
    content = data if isinstance(data, SessionContentStrict) else SessionContentStrict.model_validate(data)
    # A caller who hands over quotes has approved them.
    return snapshot_of(content, content_id=_UNPUBLISHED, approved=True)
