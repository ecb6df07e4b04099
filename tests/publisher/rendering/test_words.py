"""The site, mails and posts in the studio's language: one file each, with the same keys, and nothing left over."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from engine.domain.techniques import lookup
from publisher.rendering import resources
from publisher.rendering.studio import Studio
from publisher.rendering.words import words_for
from publisher.summary import SessionSummaryGenerator
from tests.publisher.samples import content, snapshot
from tests.publisher.studio_data import Publisher

FOLDER = resources.path("templates") / "strings"
LANGUAGES = sorted(file.stem for file in FOLDER.glob("*.toml"))
PLACE = re.compile(r"\{\w+\}")
MOMENT = datetime(2024, 3, 21, 7, 5, tzinfo=UTC)


def tables(language: str) -> dict[str, Any]:
    """The words of a language, less the catalogue's, which English has in the code."""
    read = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return {name: table for name, table in read.items() if name != "catalogue"}


def places(text: object) -> set[str]:
    """The names that are filled in."""
    return set(PLACE.findall(str(text)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_words(language: str) -> None:
    """The same tables and names, each with the same places to fill in."""
    english, other = tables("en"), tables(language)
    # As one list, so that a failure names what is missing, left over, or in another place.
    assert [f"{name}.{key}" for name, table in other.items() for key in table] == [
        f"{name}.{key}" for name, table in english.items() for key in table
    ]
    for name, table in english.items():
        for key, text in table.items():
            assert places(other[name][key]) == places(text), f"{name}.{key}"


def test_a_language_without_a_file_takes_no_memory_of_its_own() -> None:
    """Anybody may ask a server for any: it has English."""
    assert words_for("xx") is words_for("yy-ZZ") is words_for("en")


def test_a_label_is_parted_from_its_value_as_the_language_does() -> None:
    """French has a space before the colon, in which no line breaks."""
    said = {each: words_for(each)("pattern.labelled", label="A", value="b & c") for each in LANGUAGES}
    assert said == {"en": "A: b & c", "de": "A: b & c", "es": "A: b & c", "fr": "A\u202f: b & c"}


def test_no_mail_parts_a_label_by_itself() -> None:
    """Plain texts of mails leave the colon between a label and its value to the language."""
    for file in (resources.path("templates") / "email").glob("*.txt"):
        assert not re.search(r"[}] *[}]\s*:|%[}]: ", file.read_text(encoding="utf-8")), file.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_is_used_and_every_used_word_is_there(language: str) -> None:
    """What templates and code ask for stands in the file; what stands in the file is asked for."""
    folder = Path(__file__).parents[3]
    sources = [
        *(folder / "publisher").rglob("*.py"),
        *(folder / "engine/api").rglob("*.py"),
        *(folder / "templates").rglob("*.html"),
        *(folder / "templates").rglob("*.txt"),
    ]
    asked = "\n".join(file.read_text(encoding="utf-8") for file in sources)
    known = {f"{name}.{key}" for name, table in tables(language).items() for key in table}
    named = set(re.findall(r"""\b(?:t|words|studio\.words)\(\s*["']([a-z]+\.[a-z_0-9]+)["']""", asked))
    assert named <= known
    # Made of a part that is known at run time alone.
    made = (
        "count.",
        "kind.",
        "pattern.",
        "chart.",
        "script.",
        "post.",
        "newsletter.",
        "coming.",
        "layout.",
        "before.",
        "home.",
        "technique.",
        "tags.",
        "coming.",
        "series.",
    )
    unused = {key for key in known - named if not key.startswith(made)}
    assert unused == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_is_told_in_every_language(language: str) -> None:
    """Summaries and cautions of all techniques have their words, and the failure names those that have none."""
    texts = [text for t in lookup.CATALOGUE.values() for text in (t.summary, *t.cautions)]
    words = words_for(language)
    missing = [text for text in dict.fromkeys(texts) if words.of(text) == text]
    assert missing == ([] if language != "en" else list(dict.fromkeys(texts)))
    assert words.of("My own way.") == "My own way."


@pytest.mark.parametrize(
    ("language", "reply"),
    [
        ("en", ["1,000 people", "+12.5%", "−5%", "0%", "Thursday, 21 March 2024", "1 hour 5 minutes", "83%"]),
        (
            "de-AT",
            [
                "1.000 Personen",
                "+12,5 %",
                "−5 %",
                "0 %",
                "Donnerstag, 21. März 2024",
                "1 Stunde 5 Minuten",
                "83 %",
            ],
        ),
        (
            "fr",
            [
                "1\u202f000 personnes",
                "+12,5\u202f%",
                "−5\u202f%",
                "0\u202f%",
                "jeudi 21 mars 2024",
                "1 heure 5 minutes",
                "83\u202f%",
            ],
        ),
        (
            "es-MX",
            [
                "1.000 personas",
                "+12,5\u00a0%",
                "−5\u00a0%",
                "0\u00a0%",
                "jueves, 21 de marzo de 2024",
                "1 hora 5 minutos",
                "83\u00a0%",
            ],
        ),
        ("xx", ["1,000 people", "+12.5%", "−5%", "0%", "Thursday, 21 March 2024", "1 hour 5 minutes", "83%"]),
    ],
)
def test_numbers_and_dates_are_written_as_the_language_does(language: str, reply: list[str]) -> None:
    """Signs, separators, plurals and the order of a date; a language without words speaks English."""
    words = words_for(language)
    assert reply == [
        words.count(1000, "person"),
        words.percent(12.5),
        words.percent(-5),
        words.percent(0.04),
        words.day(MOMENT, weekday=True),
        words.duration(3900),
        words.share(0.83),
    ]
    assert words.language == (language if language != "xx" else "en")


def test_nobody_is_counted_as_the_language_does() -> None:
    """French says none in the singular."""
    assert words_for("fr").count(0, "person") == "0 personne"
    assert words_for("de").count(0, "person") == "0 Personen"


def test_french_is_set_as_french_is() -> None:
    """A narrow space that breaks no line before high signs, and no straight apostrophes."""
    texts = re.findall(r'= "(.*)"$', (FOLDER / "fr.toml").read_text(encoding="utf-8"), re.M)
    assert len(texts) > 200
    assert [text for text in texts if re.search(r"[^\u202f][;:!?%»]|\w'", text)] == []


def test_spanish_opens_what_it_closes() -> None:
    """Each question and each exclamation has its sign at the beginning too."""
    text = (FOLDER / "es.toml").read_text(encoding="utf-8")
    assert text.count("¿") == text.count("?") > 0
    assert text.count("¡") == text.count("!")


def german(publisher: Publisher, language: str = "de") -> None:
    """A German studio, or one of another language, with a full and a plain session."""
    (publisher.data / "studio.toml").write_text(
        f'name = "Atemraum"\nabout = "Wir atmen gemeinsam."\nlanguage = "{language}"\n', encoding="utf-8"
    )
    publisher.publish(snapshot("a", title="Abendruhe", content="Wir waren still.", instructor_name="Mira"))
    publisher.publish(
        snapshot("b", title="Morgen", content=None, instructor_name="Jona", source="import", timeline=())
    )


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_a_site_speaks_its_language(publisher: Publisher, language: str) -> None:
    """Every page says so in its ``lang``, and none of the English words of the site is left in its text."""
    german(publisher, language)
    english = {
        text
        for name, table in tables("en").items()
        if name not in ("pattern", "count", "script", "newsletter", "before", "mail", "post", "desk")
        for text in table.values()
        if "{" not in text and " " in text
    }
    found = 0
    for path in publisher.site():
        if not path.endswith(".html"):
            continue
        page = BeautifulSoup(publisher.read(path), "html.parser")
        assert page.html is not None
        assert page.html["lang"] == language, path
        reply = page.get_text(" ", strip=True)
        assert [text for text in english if text in reply] == [], path
        found += 1
    assert found > 20


def test_a_german_site_speaks_german(publisher: Publisher) -> None:
    """Its document on the heart figures, the lines of facts, dates, and the feed."""
    german(publisher)
    assert "Was die Herzwerte bedeuten" in publisher.read("heart-rate/index.html")
    story = BeautifulSoup(publisher.read("sessions/a/index.html"), "html.parser")
    assert "Live-Sitzung mit Mira" in story.get_text()
    assert "21. März 2024" in publisher.read("index.html")
    assert "Live-Sitzung mit 12 Personen, 20 Minuten: Abendruhe" in publisher.read("feed.xml")


def test_documents_say_the_same_in_every_language() -> None:
    """The same files, headings, tables and figures: whoever changes one changes the other."""
    root = resources.path("site")
    for folder in root.glob("docs-*"):
        names = {file.name for file in (root / "docs").glob("*.md")}
        assert {file.name for file in folder.glob("*.md")} == names
        for name in names:
            english, other = ((each / name).read_text(encoding="utf-8") for each in (root / "docs", folder))
            assert [line.split()[0] for line in other.splitlines() if line.startswith(("#", "|", "-"))] == [
                line.split()[0] for line in english.splitlines() if line.startswith(("#", "|", "-"))
            ]
            figures = re.compile(r"\d+(?:[.,]\d+)?\s?%")
            assert [re.sub(r"\s", " ", each.replace(",", ".")) for each in figures.findall(other)] == (
                figures.findall(english)
            )


def test_a_german_site_is_exact(publisher: Publisher) -> None:
    """What was built piece by piece is what a rebuild makes, in another language too, and back again in English."""
    german(publisher)
    assert publisher.site() == publisher.rebuilt()
    (publisher.data / "studio.toml").write_text('name = "Atemraum"\nlanguage = "en"\n')
    publisher.work()
    assert publisher.site() == publisher.rebuilt()
    assert 'lang="en"' in publisher.read("index.html")


def test_drafts_speak_german(publisher: Publisher) -> None:
    """Mail and posts too; their limits hold as before."""
    german(publisher)
    mail = (publisher.data / "drafts/a/email.txt").read_text(encoding="utf-8")
    assert "WAS WIR GEÜBT HABEN" in mail
    assert "Durchschnittliche HRV-Veränderung: +8 %" in mail
    post = (publisher.data / "drafts/a/twitter.txt").read_text(encoding="utf-8")
    assert "12 Personen, 20 Minuten, ein Atem." in post
    draft = message_from_bytes((publisher.data / "drafts/a/email.eml").read_bytes(), policy=default)
    assert draft["Subject"] == "Rückblick: Abendruhe"


def test_what_the_instructor_wrote_is_not_translated() -> None:
    """The story's own words stay; those around them follow the studio."""
    reply = SessionSummaryGenerator(Studio(language="de")).generate_session_summary(
        snapshot(content=content()["content"])
    )
    assert "Deep breathing session for stress relief" in reply["web"]["content"]
    assert "Was wir geübt haben" in reply["email"]["html"]
    assert reply["email"]["subject"] == "Rückblick: Evening Relaxation"
