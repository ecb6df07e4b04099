"""Makes the bytes of ``feed.xml`` (RSS 2.0), ``feed.json`` (JSON Feed 1.1) and the archived parts of the feed (RFC 5005).

RSS leaves open whether a title is text or HTML. As the RSS Advisory Board recommends, titles are text, with ``&`` and
``<`` written as character references in hexadecimal; descriptions are HTML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape
from typing import Any

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from engine.domain.instant import iso, to_datetime
from publisher.catalogue.published import Catalogue, Published
from publisher.files.tree import SiteFile
from publisher.rendering.links import Links
from publisher.rendering.story import Story, card_path, story_of
from publisher.rendering.studio import Studio
from publisher.rendering.templates import Templates

__all__ = ["NEWEST", "Feeds"]

NEWEST = 50
_ATOM = "http://www.w3.org/2005/Atom"
_HISTORY = "http://purl.org/syndication/history/1.0"
_DUBLIN = "http://purl.org/dc/elements/1.1/"

# Characters forbidden in XML or HTML, and U+FFFD, which stands for what an earlier decoding could not read.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffd\ufffe\uffff"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)
_END_TAG = re.compile(r"</(\w+)>")
_CDATA = re.compile(rb"(<!\[CDATA\[.*?\]\]>)", re.DOTALL)


class _ChannelExtension(BaseExtension):  # type: ignore[misc]
    """Channel elements that feedgen lacks: hub, previous archive, current feed, and no build date."""

    def __init__(self) -> None:
        self.links: list[tuple[str, str]] = []
        self.is_archive = False
        self.has_date = True

    def extend_ns(self) -> dict[str, str]:
        return {"fh": _HISTORY, "dc": _DUBLIN}

    def extend_rss(self, feed: Any) -> Any:
        channel = feed[0]
        for relation, url in self.links:
            link = etree.Element(f"{{{_ATOM}}}link", rel=relation, href=url)
            channel.insert(0, link)
        if self.is_archive:
            channel.insert(0, etree.Element(f"{{{_HISTORY}}}archive"))
        if not self.has_date:
            channel.remove(channel.find("lastBuildDate"))
        return feed


class _ItemExtension(BaseEntryExtension):  # type: ignore[misc]
    """``dc:creator`` of an item: RSS's own ``author`` must be a mail address."""

    def __init__(self) -> None:
        self.name: str | None = None

    def extend_rss(self, entry: Any) -> Any:
        if self.name:
            creator = etree.SubElement(entry, f"{{{_DUBLIN}}}creator")
            creator.text = self.name
        return entry


class Feeds:
    """Writes the feeds from the catalogue: the bytes change only when what they show does."""

    def __init__(self, catalogue: Catalogue, studio: Studio, links: Links, templates: Templates) -> None:
        self._catalogue = catalogue
        self._studio = studio
        self._links = links
        self._templates = templates

    def newest(self) -> list[SiteFile]:
        """``feed.json`` and ``feed.xml`` with the newest items."""
        entries = self._catalogue.feed.newest(NEWEST)
        stories = [self._story(entry) for entry in entries]
        archives = self._catalogue.feed.parts()
        before = archives[-1] if archives else None
        return [
            SiteFile("feed.json", self._json(entries, stories)),
            SiteFile("feed.xml", self._rss("feed.xml", entries, stories, before, is_archive=False)),
        ]

    def archive(self, name: str) -> SiteFile:
        """An archived part such as ``2024-03-1``; without bytes, so that no file is there, while it is not complete."""
        path = _archive_path(name)
        complete = self._catalogue.feed.parts()
        if name not in complete:
            return SiteFile(path, None)
        entries = self._catalogue.feed.part(name)
        at = complete.index(name)
        before = complete[at - 1] if at else None
        stories = [self._story(entry) for entry in entries]
        return SiteFile(path, self._rss(path, entries, stories, before, is_archive=True))

    def _story(self, entry: Published) -> Story:
        excerpt = self._catalogue.excerpt(entry.session_id)
        assert excerpt is not None
        # Without quotes: they can be taken off a page, but not out of a feed that was read.
        return story_of(excerpt, self._studio)

    def item_html(self, story: Story) -> str:
        """The full text of a story's item, as HTML."""
        text = self._templates.render(
            "site/feed_item.html",
            story=story,
            studio=self._studio,
            href=self._links.absolute,
            picture=self._links.absolute(card_path(story)),
        )
        return _allowed_text(text.strip())

    def _rss(
        self,
        path: str,
        entries: Sequence[Published],
        stories: Sequence[Story],
        before: str | None,
        *,
        is_archive: bool,
    ) -> bytes:
        studio, absolute = self._studio, self._links.absolute
        feed = FeedGenerator()
        feed.title(_title(studio.name))
        feed.description(_title(studio.about if studio.about.strip() else studio.name))
        if len(studio.language.partition("-")[0]) == 2:
            # RSS allows two-letter language codes only.
            feed.language(studio.language)
        feed.generator("Halcytone Live")
        feed.docs("https://www.rssboard.org/rss-specification")
        feed.link(href=absolute(path), rel="self", type="application/rss+xml")
        # The channel's own link is whatever was set last.
        feed.link(href=self._links.root, rel="alternate")
        feed.register_extension("history", _ChannelExtension, _ItemExtension, atom=False)
        if studio.websub_hub and not is_archive:
            feed.history.links.append(("hub", studio.websub_hub))
        if before:
            feed.history.links.append(("prev-archive", absolute(_archive_path(before))))
        if is_archive:
            feed.history.links.append(("current", absolute("feed.xml")))
            feed.history.is_archive = True
        # Without items there is no date, and feedgen would take the present time.
        feed.history.has_date = bool(entries)
        feed.lastBuildDate(to_datetime(max((entry.updated_at for entry in entries), default=0)))
        for entry, story in zip(entries, stories, strict=True):
            page = absolute(story.path)
            item = feed.add_entry(order="append")
            item.title(_title(story.title))
            item.link(href=page)
            # An item told by older versions has the address it had then.
            item.guid(entry.guid, permalink=not entry.guid.startswith("urn:"))
            item.pubDate(to_datetime(entry.published_at))
            item.description(escape(_allowed_text(story.seo_description), quote=False))
            item.content(self.item_html(story), type="CDATA")
            for each in story.practised:
                item.category(term=_title(each.name))
            if entry.series_id:
                # What readers can tell the series of a studio apart by.
                item.category(term=entry.series_id, scheme=absolute(f"series/{entry.series_id}/"))
            item.history.name = _allowed_text(story.instructor or "")
        return _with_hex_references(bytes(feed.rss_str(pretty=True)))

    def _json(self, entries: Sequence[Published], stories: Sequence[Story]) -> bytes:
        studio = self._studio
        items: list[dict[str, Any]] = []
        for entry, story in zip(entries, stories, strict=True):
            page = self._links.absolute(story.path)
            item: dict[str, Any] = {
                "id": entry.guid,
                "url": page,
                "title": _allowed_text(story.title),
                "content_html": self.item_html(story),
                "summary": _allowed_text(story.seo_description),
                "image": self._links.absolute(card_path(story)),
                "date_published": iso(entry.published_at),
                "date_modified": iso(entry.updated_at),
                "tags": [
                    *(each.name for each in story.practised),
                    *([entry.series_id] if entry.series_id else []),
                ],
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


def _archive_path(name: str) -> str:
    return f"feed/{name}.xml"


def _allowed_text(text: str) -> str:
    """The text without forbidden characters."""
    return _FORBIDDEN.sub("", text)


def _title(text: str) -> str:
    """A title as plain text in one line, its closing tags defused for readers that take titles for HTML."""
    return _END_TAG.sub(r"‹/\1›", _allowed_text(" ".join(text.split()))) or "–"


def _with_hex_references(xml: bytes) -> bytes:
    """``&`` and ``<`` as hexadecimal references, outside of CDATA: the one form that every reader decodes once."""
    parts = _CDATA.split(xml)
    parts[::2] = [part.replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;") for part in parts[::2]]
    return b"".join(parts)
