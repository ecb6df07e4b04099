"""The words of the site, mails and posts in the studio's language; numbers, dates and lengths of time as it writes them.

One file a language stands in ``templates/strings/``; for a language that has none, English speaks.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal
from markupsafe import Markup

from publisher.rendering import resources

__all__ = ["Words", "words_for"]

_FOLDER = "strings"
_OTHERWISE = "en"
_SECONDS_SHOWN_BELOW = 300


class Words:
    """The words of one language. A key is a table and a name: ``words("home.coming")``."""

    def __init__(self, language: str, tables: dict[str, Any], locale: Locale) -> None:
        self.language = language
        """For ``lang`` attributes: what the words themselves are in."""
        self._tables = tables
        self._locale = locale

    def __call__(self, key: str, **values: object) -> str:
        """The words of a key, with ``{name}`` filled in; where a value is markup, so is the whole.

        Raises:
            KeyError: there is no such key.
        """
        table, _, name = key.partition(".")
        text: str = self._tables[table][name]
        if not values:
            return text
        if any(isinstance(value, Markup) for value in values.values()):
            return Markup.escape(text).format(**values)
        return text.format(**values)

    def table(self, name: str) -> dict[str, str]:
        """All words of a table."""
        return dict(self._tables[name])

    def of(self, text: str) -> str:
        """A text of the catalogue of techniques in this language; as it is where there is no other."""
        return str(self._tables.get("catalogue", {}).get(text, text))

    # Numbers

    def number(self, value: float) -> str:
        """``1,000``; ``5.5``."""
        return str(format_decimal(value, locale=self._locale))

    def count(self, number: int, what: str) -> str:
        """``1 participant``, ``25 participants``, ``1,000 participants``."""
        one, more = self.forms(what)
        return (one if number == 1 else more).format(n=self.number(number))

    def forms(self, what: str) -> tuple[str, str]:
        """The words for one and for more, each with ``{n}`` for the number."""
        one, more = self._tables["count"][what]
        return one, more

    def percent(self, value: float) -> str:
        """A change with its sign, one decimal place at most: ``+12.5%``, ``−5%``, ``0%``."""
        rounded = math.floor(abs(value) * 10 + 0.5) / 10
        sign = "" if rounded == 0 else "−" if value < 0 else "+"
        return self("pattern.percent", value=sign + self.number(rounded))

    def share(self, value: float) -> str:
        """A part of the whole: ``83%`` for 0.83."""
        return self("pattern.percent", value=f"{100 * value:.0f}")

    def listed(self, names: Sequence[str]) -> str:
        """``Box Breathing, Resonance and Belly Breathing``."""
        if len(names) < 2:
            return "".join(names)
        return self("pattern.listed", first=", ".join(names[:-1]), last=names[-1])

    # Time

    def duration(self, seconds: float) -> str:
        """``45 seconds``, ``1 minute 30 seconds``, ``30 minutes``, ``1 hour 5 minutes``; never ``0 minutes``."""
        whole = max(1, round(seconds))
        if whole < 60:
            return self.count(whole, "second")
        if whole < _SECONDS_SHOWN_BELOW:
            return self._both(*divmod(whole, 60), "minute", "second")
        minutes = round(whole / 60)
        if minutes < 60:
            return self.count(minutes, "minute")
        return self._both(*divmod(minutes, 60), "hour", "minute")

    def _both(self, large: int, small: int, large_unit: str, small_unit: str) -> str:
        first = self.count(large, large_unit)
        return f"{first} {self.count(small, small_unit)}" if small else first

    def day(self, moment: date, *, weekday: bool = False) -> str:
        """``21 March 2024``, or ``Thursday, 21 March 2024``."""
        return self._dated(moment, "weekday" if weekday else "day")

    def month(self, year: int, number: int) -> str:
        """``March 2024``."""
        return self._dated(date(year, number, 1), "month")

    def time_of_day(self, moment: datetime) -> str:
        """``07:05``."""
        return f"{moment.hour:02d}:{moment.minute:02d}"

    def _dated(self, moment: date, pattern: str) -> str:
        return str(format_date(moment, self._tables["pattern"][pattern], locale=self._locale))


@cache
def words_for(language: str) -> Words:
    """The words of a language such as ``en`` or ``de-AT``; English where there is no file for it."""
    folder = resources.path("templates") / _FOLDER
    short = language.partition("-")[0].lower()
    file = folder / f"{short}.toml"
    if not file.is_file():
        language, short, file = _OTHERWISE, _OTHERWISE, folder / f"{_OTHERWISE}.toml"
    return Words(language, tomllib.loads(file.read_text(encoding="utf-8")), Locale.parse(short))
