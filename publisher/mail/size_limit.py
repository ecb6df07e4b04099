"""Keeps mails so small that mail programs show them whole: Gmail cuts one at about 102 KB, and its end has the link to unsubscribe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

__all__ = ["LARGEST", "Mail", "Paragraph", "fitted"]

LARGEST = 90_000
"""Bytes of a mail's HTML; it stays below."""

Paragraph: TypeAlias = tuple[str, ...]
"""The lines of one."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail's subject and its two bodies."""

    subject: str
    html: str
    text: str
    shortened: bool = False
    """Whether something was left out, which its page has."""


def fitted(
    paragraphs: Sequence[Paragraph], comments: int, render: Callable[[Sequence[Paragraph], int, str], Mail]
) -> Mail:
    """The mail with as much as fits: comments are left out first, then paragraphs, both from the end.

    ``render`` takes the paragraphs, the number of comments, and after which of the two there is more to read:
    ``paragraphs``, ``comments``, or nothing. A first paragraph that is too long alone is cut at a word.
    """
    whole = render(paragraphs, comments, "")
    if _fits(whole):
        return whole

    def with_units(number: int) -> Mail:
        kept = paragraphs[:number]
        if len(kept) < len(paragraphs):
            return render(kept, 0, "paragraphs")
        return render(paragraphs, number - len(paragraphs), "comments")

    most = _most(len(paragraphs) + comments - 1, lambda number: _fits(with_units(number)))
    if most > 0 or not paragraphs:
        return replace(with_units(max(0, most)), shortened=True)
    text = "\n".join(paragraphs[0])

    def with_characters(number: int) -> Mail:
        words = text[:number].rsplit(maxsplit=1)
        *lines, last = (words[0] if words else "").split("\n")
        return render([(*lines, f"{last}…")], 0, "paragraphs")

    most = _most(len(text) - 1, lambda number: _fits(with_characters(number)))
    return replace(with_characters(max(0, most)), shortened=True)


def _fits(mail: Mail) -> bool:
    # Mail has two bytes at each line's end.
    return len(mail.html.replace("\n", "\r\n").encode()) < LARGEST


def _most(limit: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to a limit that fits; -1 when none does."""
    low, high = -1, limit
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low
