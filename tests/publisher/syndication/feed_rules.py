"""What validators and the RSS Advisory Board's best practices say of an RSS 2.0 feed, as far as it applies to ours.

``broken`` reads the bytes as they are served and names each rule that does not hold.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from email.utils import format_datetime, parsedate_to_datetime
from html.entities import html5
from html.parser import HTMLParser
from urllib.parse import urlsplit
from xml.etree import ElementTree

from engine.domain.instant import MINUTE, Millis, to_datetime

__all__ = ["ATOM", "CONTENT", "DUBLIN", "HISTORY", "broken"]

ATOM = "{http://www.w3.org/2005/Atom}"
HISTORY = "{http://purl.org/syndication/history/1.0}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
DUBLIN = "{http://purl.org/dc/elements/1.1/}"

_PREFIXES = {"atom": ATOM, "fh": HISTORY, "content": CONTENT, "dc": DUBLIN}
_CHANNEL = {
    *("title", "link", "description", "language", "docs", "generator", "lastBuildDate", "item"),
    *(f"{ATOM}link", f"{HISTORY}archive"),
}
_ITEM = {
    "title",
    "link",
    "description",
    "guid",
    "pubDate",
    "category",
    f"{CONTENT}encoded",
    f"{DUBLIN}creator",
}
_OFTEN = {"item", f"{ATOM}link", "category"}
_RELATIONS = {"self", "hub", "prev-archive", "current"}
_DATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d \+0000"
)
_ADDRESS = re.compile(r"https?://[0-9A-Za-z.-]+(:\d+)?/[0-9A-Za-z;/?:@&=+$.\-_!~*'()%,#]*")
_URN = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SPOILT = re.compile("[\x7f-\x9f\ufdd0-\ufdef\ufffd-\uffff]")
# Only what a session's text needs: neither scripts, styles and frames nor anything that is not HTML.
_TAGS = {"p", "br", "h2", "ul", "li", "a", "img", "span"}
_VOID = {"br", "img"}
_OF_TEXT = {"dir", "lang"}
_ATTRIBUTES = {
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    **dict.fromkeys(("p", "h2", "li", "span"), _OF_TEXT),
}
_HTML_NAMES = re.compile(r"</(\w+)>")


def broken(data: bytes, address: str, now: Millis) -> list[str]:
    """The rules that a feed read from ``address`` breaks; none is what it should be."""
    problems: list[str] = []
    if not data.startswith(b"<?xml version='1.0' encoding='UTF-8'?>"):
        problems.append("no XML declaration of UTF-8, or something before it")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or b"<?xml-stylesheet" in data:
        problems.append("a document type, an entity or a style sheet")
    if len(data) > 5_000_000:
        problems.append("too large for validators")
    text = data.decode("utf-8")
    for prefix, space in re.findall(r'xmlns:?(\w*)="([^"]*)"', text):
        if _PREFIXES.get(prefix) != f"{{{space}}}":
            problems.append(f"the name space {space} under {prefix!r}")
    root = ElementTree.fromstring(text)
    if root.tag != "rss" or root.attrib != {"version": "2.0"} or [each.tag for each in root] != ["channel"]:
        return [*problems, "no rss 2.0 with one channel"]
    return [*problems, *_channel(root[0], address, now), *_raw(text)]


def _channel(channel: ElementTree.Element, address: str, now: Millis) -> Iterator[str]:
    names = [child.tag for child in channel]
    yield from _known(names, _CHANNEL, "channel")
    for name in ("title", "link", "description"):
        if name not in names:
            yield f"the channel has no {name}"
    if "item" in names and set(names[names.index("item") :]) != {"item"}:
        yield "something of the channel's stands behind an item"
    links = [child.attrib for child in channel if child.tag == f"{ATOM}link"]
    for link in links:
        if set(link) - {"rel", "href", "type"} or link.get("rel") not in _RELATIONS:
            yield f"a link {link}"
        if not _ADDRESS.fullmatch(link.get("href", "")):
            yield f"no address: {link.get('href')}"
    if [link["href"] for link in links if link["rel"] == "self"] != [address]:
        yield f"no link to itself at {address}"
    if any(link.get("type") != "application/rss+xml" for link in links if link["rel"] == "self"):
        yield "its own link is of another type"
    for relation, count in Counter(link["rel"] for link in links).items():
        if count > 1:
            yield f"more than one link {relation}"
    archive = f"{HISTORY}archive" in names
    if archive != ("current" in [link["rel"] for link in links]):
        yield "an archive says which feed it belongs to, and nothing else does"
    items = [child for child in channel if child.tag == "item"]
    if bool(items) != ("lastBuildDate" in names):
        yield "a feed with items says when it changed; one without has never changed"
    for child in channel:
        yield from _value(child, now)
    yield from _items(items, now)


def _items(items: list[ElementTree.Element], now: Millis) -> Iterator[str]:
    for item in items:
        names = [child.tag for child in item]
        yield from _known(names, _ITEM, "item")
        for name in ("title", "link", "description", "guid", "pubDate"):
            if name not in names:
                yield f"an item has no {name}"
        encoded = f"{CONTENT}encoded"
        if encoded in names and names.index(encoded) < names.index("description"):
            yield "the full text stands before the description"
        for child in item:
            yield from _value(child, now)
    guids = [item.findtext("guid", "") for item in items]
    if len(set(guids)) != len(guids):
        yield "a guid twice"
    dates = [parsedate_to_datetime(item.findtext("pubDate", "")) for item in items]
    if dates != sorted(dates, reverse=True):
        yield "the newest item is not the first"


def _known(names: list[str], known: set[str], where: str) -> Iterator[str]:
    for name, count in Counter(names).items():
        if name not in known:
            yield f"{name} in {where}"
        if count > 1 and name not in _OFTEN:
            yield f"{name} {count} times in {where}"


def _value(element: ElementTree.Element, now: Millis) -> Iterator[str]:
    name, value = element.tag, (element.text or "").strip()
    if name == "item":
        return
    if _SPOILT.search(value):
        yield f"{name} has characters that no text has"
    if element.attrib and name not in ("guid", f"{ATOM}link"):
        yield f"attributes of {name}"
    match name:
        case "title" | "category":
            yield from _no_html(name, value)
            if not value:
                yield f"an empty {name}"
        case "link" | "docs":
            if not _ADDRESS.fullmatch(value):
                yield f"{name} is no address: {value}"
        case "guid":
            is_address = bool(_ADDRESS.fullmatch(value))
            if is_address != (element.attrib.get("isPermaLink", "true") == "true"):
                yield f"the guid is an address, but is said to be none, or the reverse: {value}"
            if not is_address and not _URN.fullmatch(value):
                yield f"the guid is neither an address nor a UUID: {value}"
        case "pubDate" | "lastBuildDate":
            yield from _date(name, value, now)
        case "language":
            if not re.fullmatch(r"[a-zA-Z]{2}(-[A-Za-z0-9]{2,8})*", value):
                yield f"no language: {value}"
        case _ if name == f"{CONTENT}encoded":
            yield from _html(name, element.text or "")
        case _:
            return


def _no_html(name: str, value: str) -> Iterator[str]:
    if _HTML_NAMES.search(value):
        yield f"{name} has HTML: {value}"


def _date(name: str, value: str, now: Millis) -> Iterator[str]:
    if not _DATE.fullmatch(value):
        yield f"{name} is no date of RFC 822 with four digits of a year: {value}"
        return
    moment = parsedate_to_datetime(value)
    if format_datetime(moment) != value:
        yield f"the day of the week is wrong: {value}"
    if moment.year < 1990 or moment > to_datetime(now + 10 * MINUTE):
        yield f"a date that cannot be: {value}"


def _raw(text: str) -> Iterator[str]:
    """Rules of how things are written, not of what they say."""
    outside = re.sub(r"<!\[CDATA\[.*?\]\]>", "", text, flags=re.DOTALL)
    for name in re.findall(r"&(#?\w+);", outside):
        # Of the named ones, XML knows five; readers that decode twice know too many.
        if name not in ("#x26", "#x3C", "gt", "quot"):
            yield f"a reference &{name};"
    root = ElementTree.fromstring(text)
    for item in root.iter("item"):
        yield from _html("description", item.findtext("description", ""))
    channel = root[0]
    yield from _no_html("description", channel.findtext("description", ""))


def _html(name: str, value: str) -> Iterator[str]:
    checker = _Checker()
    checker.feed(value)
    checker.close()
    if checker.open:
        checker.problems.append(f"never closed: {checker.open}")
    yield from (f"{name}: {problem}" for problem in checker.problems)


class _Checker(HTMLParser):
    """HTML that every reader takes as it is: closed tags, whole addresses, nothing that could do harm."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.problems: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            self.problems.append(f"the element {tag}")
        if tag not in _VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name not in _ATTRIBUTES.get(tag, set()):
                self.problems.append(f"the attribute {name} of {tag}")
            if name in ("href", "src") and urlsplit(value or "").scheme not in ("http", "https"):
                self.problems.append(f"the relative address {value}")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"{tag} ends where it is not open")

    def handle_data(self, data: str) -> None:
        if "<" in data or "&" in data:
            self.problems.append(f"a bare sign in {data!r}")

    def handle_entityref(self, name: str) -> None:
        if f"{name};" not in html5:
            self.problems.append(f"the reference &{name};")

    def handle_charref(self, name: str) -> None:
        if name not in ("34", "39"):
            self.problems.append(f"the reference &#{name};")

    def handle_comment(self, data: str) -> None:
        self.problems.append(f"a comment {data!r}")

    def handle_decl(self, decl: str) -> None:
        self.problems.append(f"a declaration {decl!r}")

    def unknown_decl(self, data: str) -> None:
        self.problems.append(f"a declaration {data!r}")

    def handle_pi(self, data: str) -> None:
        self.problems.append(f"an instruction {data!r}")
