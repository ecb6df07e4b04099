"""``feed.xml`` (RSS 2.0), ``feed.json``, and the parts of the archive that never change (RFC 5005)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from engine.domain.instant import iso, to_datetime
from publisher.catalogue import Catalogue, Published
from publisher.links import Links
from publisher.pages import card_path
from publisher.story import Story, story_of
from publisher.studio import Studio
from publisher.templates import Templates
from publisher.tree import Artefact

__all__ = ["NEWEST", "Feeds"]

NEWEST = 50
_ATOM = "http://www.w3.org/2005/Atom"
_HISTORY = "http://purl.org/syndication/history/1.0"


class _Links(BaseExtension):  # type: ignore[misc]
    """The links that feedgen leaves out: the hub, the archive before this one, the feed that goes on."""

    def __init__(self) -> None:
        self.links: list[tuple[str, str]] = []
        self.is_archive = False

    def extend_ns(self) -> dict[str, str]:
        return {"fh": _HISTORY}

    def extend_rss(self, feed: Any) -> Any:
        channel = feed[0]
        for relation, where in self.links:
            link = etree.Element(f"{{{_ATOM}}}link", rel=relation, href=where)
            channel.insert(0, link)
        if self.is_archive:
            channel.insert(0, etree.Element(f"{{{_HISTORY}}}archive"))
        return feed


class _Creator(BaseEntryExtension):  # type: ignore[misc]
    """``dc:creator``: RSS's own author must be an address."""

    def __init__(self) -> None:
        self.name: str | None = None

    def extend_ns(self) -> dict[str, str]:
        return {"dc": "http://purl.org/dc/elements/1.1/"}

    def extend_rss(self, entry: Any) -> Any:
        if self.name:
            creator = etree.SubElement(entry, "{http://purl.org/dc/elements/1.1/}creator")
            creator.text = self.name
        return entry


class _Dublin(BaseExtension):  # type: ignore[misc]
    """Declares the namespace of ``dc:creator`` at the root."""

    def extend_ns(self) -> dict[str, str]:
        return {"dc": "http://purl.org/dc/elements/1.1/"}


class Feeds:
    """The feeds of one state of the catalogue: bytes that change only when what they show does."""

    def __init__(self, catalogue: Catalogue, studio: Studio, links: Links, templates: Templates) -> None:
        self._catalogue = catalogue
        self._studio = studio
        self._links = links
        self._templates = templates

    def newest(self) -> list[Artefact]:
        """The feeds that are subscribed to, in the order in which they may appear."""
        entries = self._catalogue.newest_in_feed(NEWEST)
        stories = [self._story(entry) for entry in entries]
        archives = self._catalogue.archives()
        before = archives[-1] if archives else None
        return [
            Artefact("feed.json", self._json(entries, stories)),
            Artefact("feed.xml", self._rss("feed.xml", entries, stories, before, is_archive=False)),
        ]

    def archive(self, name: str) -> Artefact:
        """A part of the archive, or the order to remove it while it is not complete."""
        path = _archive_path(name)
        complete = self._catalogue.archives()
        if name not in complete:
            return Artefact(path, None)
        entries = self._catalogue.archive(name)
        at = complete.index(name)
        before = complete[at - 1] if at else None
        stories = [self._story(entry) for entry in entries]
        return Artefact(path, self._rss(path, entries, stories, before, is_archive=True))

    def _story(self, entry: Published) -> Story:
        gist = self._catalogue.gist(entry.session_id)
        assert gist is not None
        # Quotes stand on the page only: a feed cannot be recalled.
        return story_of(gist, self._studio)

    def html(self, story: Story) -> str:
        """An item's full text."""
        return self._templates.render(
            "site/feed_item.html",
            story=story,
            studio=self._studio,
            href=self._links.absolute,
            picture=self._links.absolute(card_path(story)),
        ).strip()

    def _rss(
        self,
        path: str,
        entries: Sequence[Published],
        stories: Sequence[Story],
        before: str | None,
        *,
        is_archive: bool,
    ) -> bytes:
        feed = FeedGenerator()
        feed.title(self._studio.name)
        feed.description(" ".join(self._studio.about.split()) or self._studio.name)
        feed.language(self._studio.language)
        feed.generator("Halcytone Live")
        feed.docs("https://www.rssboard.org/rss-specification")
        feed.link(href=self._links.absolute(path), rel="self", type="application/rss+xml")
        # The channel's own link is whatever was set last.
        feed.link(href=self._links.root, rel="alternate")
        # Without items there is no moment to state, and feedgen would take the present one.
        newest = max((entry.updated_at for entry in entries), default=0)
        feed.lastBuildDate(to_datetime(newest))
        feed.register_extension("dublin", _Dublin, None, atom=False)
        feed.register_extension("creator", _Nothing, _Creator, atom=False)
        feed.register_extension("history", _Links, None, atom=False)
        if self._studio.websub_hub and not is_archive:
            feed.history.links.append(("hub", self._studio.websub_hub))
        if before:
            feed.history.links.append(("prev-archive", self._links.absolute(_archive_path(before))))
        if is_archive:
            feed.history.links.append(("current", self._links.absolute("feed.xml")))
            feed.history.is_archive = True
        for entry, story in zip(entries, stories, strict=True):
            page = self._links.absolute(story.path)
            item = feed.add_entry(order="append")
            item.title(story.title)
            item.link(href=page)
            item.guid(page, permalink=True)
            item.pubDate(to_datetime(entry.published_at))
            item.description(story.seo_description)
            item.content(self.html(story), type="CDATA")
            for each in story.practised:
                item.category(term=each.name)
            item.creator.name = story.instructor
        return bytes(feed.rss_str(pretty=True))

    def _json(self, entries: Sequence[Published], stories: Sequence[Story]) -> bytes:
        studio = self._studio
        items: list[dict[str, Any]] = []
        for entry, story in zip(entries, stories, strict=True):
            page = self._links.absolute(story.path)
            item: dict[str, Any] = {
                "id": page,
                "url": page,
                "title": story.title,
                "content_html": self.html(story),
                "summary": story.seo_description,
                "image": self._links.absolute(card_path(story)),
                "date_published": iso(entry.published_at),
                "date_modified": iso(entry.updated_at),
                "tags": [each.name for each in story.practised],
            }
            if story.instructor:
                item["authors"] = [{"name": story.instructor}]
            items.append(item)
        document: dict[str, Any] = {
            "version": "https://jsonfeed.org/version/1.1",
            "title": studio.name,
            "description": " ".join(studio.about.split()),
            "home_page_url": self._links.root,
            "feed_url": self._links.absolute("feed.json"),
            "language": studio.language,
            "items": items,
        }
        if studio.websub_hub:
            document["hubs"] = [{"type": "WebSub", "url": studio.websub_hub}]
        return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


class _Nothing(BaseExtension):  # type: ignore[misc]
    """feedgen wants a channel's extension beside each entry's."""


def _archive_path(name: str) -> str:
    return f"feed/{name}.xml"
