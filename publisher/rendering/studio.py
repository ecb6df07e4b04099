"""The studio: the settings of ``studio.toml`` as a frozen value.

A little long: one field for each setting.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
)

from engine.domain.instant import Millis, to_datetime
from engine.domain.techniques.lookup import slug_of
from publisher.rendering.look import Look, look_of
from publisher.rendering.setting_types import (
    Accent,
    Handle,
    Long,
    MailAddress,
    Origin,
    PictureFile,
    Short,
    Tag,
    WebAddress,
    ZoneName,
    as_tuple,
)

if TYPE_CHECKING:
    from publisher.rendering.words import Words

__all__ = [
    "FILE_NAME",
    "Automatic",
    "Handles",
    "Instructor",
    "InvalidStudio",
    "Studio",
    "load",
    "write_default",
    "zone_name",
]

FILE_NAME = "studio.toml"


class InvalidStudio(ValueError):
    """``studio.toml`` cannot be used; the message names each setting and what it should be."""


def _different(instructors: tuple[Instructor, ...]) -> tuple[Instructor, ...]:
    names = [slug_of(each.name) for each in instructors]
    for each, name in zip(instructors, names, strict=True):
        if names.count(name) > 1:
            raise ValueError(f"{each.name} stands there twice")
    return instructors


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Handles(_Table):
    """Accounts in social networks. Drafts for Bluesky and Mastodon are written only where a handle is set."""

    twitter: Handle = ""
    linkedin: WebAddress = ""
    facebook: WebAddress = ""
    bluesky: Handle = ""
    mastodon: Handle = ""


class Instructor(_Table):
    """Somebody who leads sessions here, known by the name that the sessions give."""

    name: Annotated[Short, Field(min_length=1)]
    photo: PictureFile = ""


class Automatic(_Table):
    """What is published or sent without an approval; all false by default."""

    newsletter: bool = False
    personal: bool = False
    social: bool = False
    quotes: bool = False


def zone_name(local: datetime) -> str:
    """The abbreviation of the time zone of a local time: ``CET``; ``UTC-03`` where it has only a number."""
    name = local.tzname() or ""
    return f"UTC{name}" if name[:1] in ("+", "-") else name


class Studio(_Table):
    """The identity and language under which everything is published."""

    name: Annotated[Short, Field(min_length=1)] = "Halcytone Live"
    about: Long = "We breathe together, live. After each session its story appears here."
    language: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"
    time_zone: ZoneName = "UTC"
    sender: MailAddress = ""
    postal_address: Long = ""
    imprint: Long = ""
    contact: MailAddress = ""
    emergency: Short = ""
    """Shown to whoever needs to stop; a general line where it is empty."""
    hashtags: Annotated[tuple[Tag, ...], BeforeValidator(as_tuple), Field(max_length=4)] = ()
    """General ones of the posts, in the studio's language; ours where there are none."""
    websub_hub: WebAddress = ""
    embed_on: Annotated[tuple[Origin, ...], BeforeValidator(as_tuple), Field(max_length=20)] = ()
    """The sites that may show the pages below ``/embed/`` in a frame; nobody where it is empty."""
    accent: Accent = ""
    """``#RRGGBB``; links, buttons and the circle are ours where it is empty."""
    logo: PictureFile = ""
    """A file beside ``studio.toml``; so are the photos of instructors."""
    handles: Handles = Handles()
    automatic: Automatic = Automatic()
    instructors: Annotated[
        tuple[Instructor, ...], BeforeValidator(as_tuple), Field(max_length=200), AfterValidator(_different)
    ] = ()
    _look: Look = PrivateAttr(default_factory=Look)

    @property
    def look(self) -> Look:
        """The colours and pictures: those that ``load`` found in the folder."""
        return self._look

    def picture_files(self) -> tuple[str, ...]:
        """The names of the files that it asks for, whether they are there or not."""
        return tuple(name for name in (self.logo, *(each.photo for each in self.instructors)) if name)

    @property
    def words(self) -> Words:
        """The translated strings of site, mails and posts in the studio's language."""
        # Imported on use: it loads Babel's locale data, which whoever needs only a name goes without.
        from publisher.rendering.words import words_for

        return words_for(self.language)

    @cached_property
    def written(self) -> Markup:
        """The attributes of an element whose text was written by people, not by us: its direction, and its language.

        ``dir="auto"`` takes the direction of the first letter; ``lang`` stands where our own words are in another language.
        """
        return self._language_of_people + Markup(' dir="auto"')

    @cached_property
    def ours(self) -> Markup:
        """The same of our own words, where everything around them is in the language of people; empty where that is theirs too."""
        words = self.words
        if not self._language_of_people:
            return Markup("")
        return Markup(' lang="{}" dir="{}"').format(words.language, words.direction)

    def span(self, text: str | None) -> Markup:
        """A text that people wrote, inside a sentence of ours: its direction does not turn the sentence around."""
        return Markup(f"<span{self.written}>") + escape(text or "") + Markup("</span>")

    @property
    def _language_of_people(self) -> Markup:
        if self.language == self.words.language:
            return Markup("")
        return Markup(' lang="{}"').format(self.language)

    def other_zone(self, local: datetime) -> str:
        """The name of a local time's zone where the studio's clocks show another time then; empty where they show the same."""
        return "" if local.astimezone(self.zone).utcoffset() == local.utcoffset() else zone_name(local)

    def day_and_time(self, at: Millis, time_zone: str | None = None) -> str:
        """A day with its weekday and the time with its zone, for mails: ``Thursday, 21 March 2024, 15:00 (CET)``.

        ``time_zone`` is the IANA name of the zone; None: the studio's.
        """
        local, words = to_datetime(at).astimezone(self.zone_of(time_zone)), self.words
        return f"{words.day(local, weekday=True)}, {words.time_of_day(local)} ({zone_name(local)})"

    def zone_of(self, time_zone: str | None) -> ZoneInfo:
        """The zone of an IANA name; the studio's without one."""
        return self.zone if time_zone is None else ZoneInfo(time_zone)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of days, months and times on the pages."""
        return ZoneInfo(self.time_zone)


_DEFAULT = """\
# Who publishes. Read at the start of the server and before each publication; every line may be left out.

# name = "Halcytone Live"
# about = "We breathe together, live. After each session its story appears here."
# language = "en"                       # of what you write, and of the site, mails and posts: en, de, fr or es; our own words are English in others
# time_zone = "UTC"                     # days, months and times on the pages, e.g. "Europe/Berlin"

# The colour of links, buttons and the circle, and your logo: a PNG, JPEG or WebP beside this file.
# accent = "#7A3E9D"
# logo = "logo.png"

# To change pages, mails or posts further, put a template of the same name into templates/ beside this file
# (templates/site/…, templates/email/…, templates/social/…). One that fails is reported, and the built-in one used.

# Where mail comes from, and the address that laws on newsletters ask for.
# sender = "hello@example.org"
# postal_address = \"\"\"
# Studio name
# Street 1, City\"\"\"

# /imprint/ and how to reach you. Many countries require both.
# imprint = \"\"\"
# Responsible for this site: …\"\"\"
# contact = "hello@example.org"

# Whom to call, shown to a participant who needs to stop; without it a general line with 112.
# emergency = "If it does not pass, call 112, or us at +00 000 000."

# General hashtags of your posts, in your language; without them ours, in English, German, French and Spanish.
# hashtags = ["breathwork", "mindfulness"]

# A WebSub hub that tells feed readers at once, e.g. "https://pubsubhubbub.appspot.com/"
# websub_hub = ""

# The sites that may show /embed/next and /embed/pacer/… of this one in a frame: nobody else may.
# embed_on = ["https://site.example"]

[handles]
# twitter = "@yourstudio"
# linkedin = "https://www.linkedin.com/company/yourstudio"
# facebook = "https://www.facebook.com/yourstudio"
# bluesky = "yourstudio.bsky.social"    # with it, a draft for Bluesky is written
# mastodon = "@yourstudio@mastodon.social"   # with it, a draft for Mastodon is written

# A photo for those who lead, beside their name on pages and at the door; the name as in your sessions.
# [[instructors]]
# name = "Sarah Chen"
# photo = "sarah.jpg"

# What goes out without your approval. The newsletter then leaves after ten minutes and can be stopped until then.
[automatic]
# newsletter = false
# personal = false
# social = false
# quotes = false
"""


def write_default(folder: Path) -> None:
    """Write ``studio.toml`` with every setting explained, unless there is one."""
    file = folder / FILE_NAME
    if not file.exists():
        # Whole or not at all: half of it would be an error at every later start.
        half = file.with_name(f".{file.name}.{os.getpid()}")
        half.write_text(_DEFAULT, encoding="utf-8")
        half.replace(file)


def file_digest(folder: Path) -> str:
    """What tells whether two data folders have the same ``studio.toml`` and pictures; the same for two that have none."""
    file = folder / FILE_NAME
    digest = hashlib.sha256(file.read_bytes() if file.exists() else b"")
    with suppress(InvalidStudio):
        digest.update(load(folder).look.digest.encode())
    return digest.hexdigest()[:16]


def load(folder: Path) -> Studio:
    """The studio of a data folder; the defaults where it has no ``studio.toml``.

    Pictures that cannot be used are left out, and named in the look's ``problems``.

    Raises:
        InvalidStudio: the file is no TOML, or a setting is wrong; each is named.
    """
    try:
        text = (folder / FILE_NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return Studio()
    except UnicodeDecodeError as error:
        raise InvalidStudio(f"{FILE_NAME}: not UTF-8 ({error.reason})") from error
    try:
        studio = Studio.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InvalidStudio(f"{FILE_NAME}: {error}") from error
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, m['loc']))}: "
            + (
                "unknown setting"
                if m["type"] == "extra_forbidden"
                else m["msg"].removeprefix("Value error, ")
            )
            for m in error.errors(include_url=False)
        )
        raise InvalidStudio(f"{FILE_NAME}: {reasons}") from error
    photos = ((each.name, each.photo) for each in studio.instructors if each.photo)
    studio._look = look_of(folder, studio.accent, studio.logo, photos)
    return studio
