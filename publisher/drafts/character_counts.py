"""Counts the characters of a post as each social network does."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import regex

__all__ = ["LIMITS", "Limit", "bluesky", "mastodon", "utf16_units", "x"]

# A link ends as twitter-text says, which X and Mastodon both use: before brackets and quotes, unless round brackets are
# balanced, before letters of scripts that write no spaces, and before the punctuation of the sentence it stands in.
_DOMAIN = r"(?:[\p{L}\p{N}_-]+\.)+(?:xn--[a-z\d-]+|\p{Latin}{2,}|\p{Cyrillic}{2,})"
_INSIDE = r"[\p{Latin}\p{Cyrillic}\p{N}!*';:=+,.$/%#\[\]_~@|&?-]"
_BALANCED = rf"\({_INSIDE}*\)"
_ENDING = rf"(?:[\p{{Latin}}\p{{Cyrillic}}\p{{N}}=_#/+&-]|{_BALANCED})"
_PATH = rf"(?::\d+)?(?:[/?#](?:(?:{_INSIDE}|{_BALANCED})*{_ENDING})?)?"
_URL = rf"https?://{_DOMAIN}{_PATH}"
_FULL = regex.compile(_URL, regex.IGNORECASE)
# Anything that X may turn into a link: a URL, or a bare domain.
_LINK = regex.compile(rf"{_URL}|(?<![\p{{L}}\p{{N}}@._-]){_DOMAIN}{_PATH}", regex.IGNORECASE)
_EMOJI = regex.compile(r"\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3")
_CLUSTER = regex.compile(r"\X")
_MENTION = regex.compile(r"(@[\w.]+)@[\w.-]+")
_LINK_WEIGHT = 23
# Code points that weigh one in twitter-text's configuration v3; all others weigh two.
_X_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))


def utf16_units(text: str) -> int:
    """UTF-16 code units, as LinkedIn and Facebook count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def x(text: str) -> int:
    """Weighted length of X (twitter-text, configuration v3) after NFC: links 23, emoji 2, most Latin text 1, others 2.

    A bare domain counts as the longer of link and text: whether it becomes a link depends on a list of top-level
    domains that grows.
    """
    text = unicodedata.normalize("NFC", text)
    total = 0
    at = 0
    for link in _LINK.finditer(text):
        total += _x_text(text[at : link.start()])
        own = link.group()
        total += _LINK_WEIGHT if _FULL.match(own) else max(_LINK_WEIGHT, _x_text(own))
        at = link.end()
    return total + _x_text(text[at:])


def _x_text(text: str) -> int:
    total = 0
    for cluster in _CLUSTER.findall(text):
        if _EMOJI.search(cluster):
            total += 2
            continue
        for character in cluster:
            point = ord(character)
            total += 1 if any(low <= point <= high for low, high in _X_LIGHT) else 2
    return total


def bluesky(text: str) -> int:
    """Graphemes, as Bluesky counts; at least one more than its limit where the text is over 3,000 bytes."""
    clusters = len(_CLUSTER.findall(text))
    too_heavy = len(text.encode("utf-8", "surrogatepass")) > 3000
    return max(clusters, 301) if too_heavy else clusters


def mastodon(text: str) -> int:
    """Graphemes, as Mastodon counts: links as 23, and of a mention only its local part."""
    text = _FULL.sub("x" * _LINK_WEIGHT, text)
    return len(_CLUSTER.findall(_MENTION.sub(r"\1", text)))


@dataclass(frozen=True, slots=True)
class Limit:
    """A network's limit, and how it counts."""

    longest: int
    counted: Callable[[str], int]

    def fits(self, text: str) -> bool:
        """Whether the network takes the text."""
        return self.counted(text) <= self.longest


LIMITS: Final = MappingProxyType(
    {
        "twitter": Limit(280, x),
        "linkedin": Limit(3000, utf16_units),
        "facebook": Limit(63_206, utf16_units),
        "bluesky": Limit(300, bluesky),
        "mastodon": Limit(500, mastodon),
    }
)
