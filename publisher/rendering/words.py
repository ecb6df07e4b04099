"""Translated strings of the site, mails and posts, and numbers, dates and durations in the conventions of a language.

The strings of a language stand in ``templates/strings/<language>.toml``; a language without a file gets English.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import cache, lru_cache, partial
from typing import Any

from babel import Locale
from babel.dates import format_date, get_day_names
from babel.lists import format_list
from babel.numbers import format_decimal
from markupsafe import Markup

from publisher.rendering import resources

__all__ = ["Words", "words_for"]

_FOLDER = "strings"
_FALLBACK = "en"
_SECONDS_SHOWN_BELOW = 300


class Words:
    """The strings of one language. A key is a table and a name: ``words("home.coming")``."""

    def __init__(self, language: str, tables: dict[str, Any], locale: Locale) -> None:
        self.language = language
        """Of the strings themselves, for ``lang`` attributes."""
        self._tables = tables
        self._locale = locale
        # The same numbers stand on most pages, and writing one takes a twentieth of a millisecond.
        self._number = lru_cache(maxsize=4096, typed=True)(partial(format_decimal, locale=locale))

    @property
    def direction(self) -> str:
        """``ltr`` or ``rtl``, for ``dir`` attributes."""
        return str(self._locale.text_direction)

    def __call__(self, key: str, **values: object) -> str:
        """The string of a key with each ``{name}`` filled in. Where a value is markup, the result is markup too, escaped.

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
        """All strings of a table."""
        return dict(self._tables[name])

    def of(self, text: str) -> str:
        """The translation of an English text of the catalogue of techniques; the text itself where there is none."""
        return str(self._tables.get("catalogue", {}).get(text, text))

    # Numbers

    def number(self, value: float) -> str:
        """``1,000``; ``5.5``."""
        return str(self._number(value))

    def count(self, number: int, what: str) -> str:
        """``1 participant``, ``25 participants``, ``1,000 participants``; French has the singular for none too."""
        singular, plural = self.forms(what)
        form = singular if self._locale.plural_form(number) == "one" else plural
        return form.format(n=self.number(number))

    def forms(self, what: str) -> tuple[str, str]:
        """The singular and plural of a counted noun, each with ``{n}`` for the number."""
        singular, plural = self._tables["count"][what]
        return singular, plural

    def percent(self, value: float) -> str:
        """A signed change, rounded to one decimal place: ``+12.5%``, ``−5%``, ``0%``."""
        rounded = math.floor(abs(value) * 10 + 0.5) / 10
        sign = "" if rounded == 0 else "−" if value < 0 else "+"
        return self("pattern.percent", value=sign + self.number(rounded))

    def share(self, value: float) -> str:
        """A fraction as a percentage: ``83%`` for 0.83."""
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
            return self._two_units(*divmod(whole, 60), "minute", "second")
        minutes = round(whole / 60)
        if minutes < 60:
            return self.count(minutes, "minute")
        return self._two_units(*divmod(minutes, 60), "hour", "minute")

    def _two_units(self, large: int, small: int, large_unit: str, small_unit: str) -> str:
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

    def weekdays(self, numbers: Iterable[int]) -> str:
        """``Tuesday and Thursday``; Monday is 0."""
        names = get_day_names(locale=self._locale)
        return format_list([names[number] for number in numbers], locale=self._locale)

    def _dated(self, moment: date, pattern: str) -> str:
        return str(format_date(moment, self._tables["pattern"][pattern], locale=self._locale))


@cache
def words_for(language: str) -> Words:
    """The strings of a language such as ``en`` or ``de-AT``; English where there is no file for it."""
    folder = resources.path("templates") / _FOLDER
    short = language.partition("-")[0].lower()
    file = folder / f"{short}.toml"
    if not file.is_file():
        # The same ones, not some of its own: anybody may ask the server for any language.
        return words_for(_FALLBACK)
    return Words(language, tomllib.loads(file.read_text(encoding="utf-8")), Locale.parse(short))
