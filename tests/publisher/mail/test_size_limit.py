"""Letters stay below what mail programs show whole. Ghost#25798: Gmail cut the link to unsubscribe off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.mail.email import NewsletterFrame, edited_mail, newsletter_of
from publisher.mail.message import PICTURE, message_of
from publisher.mail.size_limit import LARGEST, Mail, Paragraph, fitted
from publisher.rendering.links import Links
from publisher.rendering.story import Story, story_of
from publisher.rendering.studio import Studio
from publisher.rendering.templates import built_in
from publisher.summary import SessionSummaryGenerator
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher

LINKS = Links("https://breath.example")
UNSUBSCRIBE = "https://breath.example/unsubscribe/abc"
COMMENT = ("Ada", "It was quiet, and I could hear the rain. " * 20)
LONG: dict[str, dict[str, Any]] = {
    "many short paragraphs": {"content": "\n\n".join(["In.", "Out."] * 1900)},
    "one paragraph of references": {"content": "&&&&&&&&&&&&&&&&&&& " * 999 + "&"},
    "one word": {"content": "&" * 20_000},
    "lines": {"content": "\n".join(["&"] * 9_999)},
    "many comments": {"participant_feedback": (COMMENT,) * 300},
    "both": {"content": "\n\n".join(["In."] * 3800), "participant_feedback": (COMMENT,) * 300},
}


def letter(story: Story) -> Mail:
    """The newsletter about a session."""
    return newsletter_of(
        story, Studio(), links=LINKS, templates=built_in(), frame=NewsletterFrame(unsubscribe=UNSUBSCRIBE)
    )


@pytest.mark.parametrize("changed", LONG.values(), ids=LONG.keys())
def test_a_long_letter_is_shortened(changed: dict[str, Any]) -> None:
    """With as much as fits, a link to the rest, and the way out at its end."""
    mail = letter(story_of(snapshot(**changed), Studio()))
    assert mail.shortened
    assert 60_000 < len(mail.html.encode()) < LARGEST
    assert UNSUBSCRIBE in mail.html[-2000:]
    assert ">Read on: the rest" in mail.html
    assert "Read on: the rest stands on the session’s page. https://breath.example/sessions/s-1/" in mail.text
    assert UNSUBSCRIBE in mail.text


def test_a_letter_of_few_words_has_no_picture() -> None:
    """Pictures beside few words are what spam looks like; an ordinary letter has one."""
    few = snapshot(
        content=None, average_hrv_improvement=None, achievements=(), breathing_techniques=("Rest",)
    )
    ordinary = snapshot(content="We breathed, and it was quiet. " * 5)
    for told, has_picture in ((ordinary, True), (few, False)):
        mail = newsletter_of(
            story_of(told, Studio()),
            Studio(),
            links=LINKS,
            templates=built_in(),
            frame=NewsletterFrame(picture=PICTURE),
        )
        message = message_of(mail, Studio(), message_id="a@b", date=NOW, picture=b"png", to="a@example.org")
        assert (PICTURE in mail.html) == (b"image/png" in message) == has_picture


def test_an_ordinary_letter_is_whole() -> None:
    """Nothing is said where nothing is left out."""
    mail = letter(story_of(snapshot(), Studio()))
    assert not mail.shortened
    assert "Read on" not in mail.html + mail.text


def test_what_somebody_wrote_instead_is_shortened_too() -> None:
    """At a paragraph; in German."""
    studio, story = Studio(language="de"), story_of(snapshot(), Studio())
    whole = letter(story)
    edited = {"text": "\n\n".join(f"Absatz {n}." for n in range(3000))}
    mail = edited_mail(
        whole,
        edited,
        story,
        studio,
        links=LINKS,
        templates=built_in(),
        frame=NewsletterFrame(unsubscribe=UNSUBSCRIBE),
    )
    assert mail.shortened
    assert len(mail.html.encode()) < LARGEST
    assert "Absatz 0." in mail.html
    assert "Weiterlesen: Der Rest" in mail.html
    assert "Absatz 2999." not in mail.html + mail.text
    assert UNSUBSCRIBE in mail.html
    assert UNSUBSCRIBE in mail.text


def test_staff_hear_of_it(publisher: Publisher) -> None:
    """In the warnings of the summary, and at the desk."""
    long = LONG["many short paragraphs"]
    generator = SessionSummaryGenerator()
    told = snapshot(**long)
    assert "shortened to 90 KB" in generator.generate_with_warnings(told)[1][0]
    assert generator.generate_with_warnings(snapshot())[1] == []
    assert generator.generate_with_warnings(told, ["web"])[1] == []
    publisher.publish(told, ["web", "email"], NOW)
    (draft,) = (each for each in publisher.jobs.setup.desk.list_drafts("s-1") if each["channel"] == "email")
    assert draft["note"].startswith("The letter was too long")


@given(
    sizes=st.lists(st.integers(1, 30_000), max_size=12),
    comments=st.integers(0, 12),
    frame=st.integers(0, 50_000),
)
def test_as_much_as_fits_is_kept(sizes: list[int], comments: int, frame: int) -> None:
    """Never more than the limit, never less than would fit."""
    paragraphs = [("x " * (size // 2 + 1),) for size in sizes]

    def render(kept: Sequence[Paragraph], said: int, read_on: str) -> Mail:
        body = "".join("\n".join(lines) for lines in kept)
        return Mail("s", " " * frame + body + "c" * 9_000 * said + read_on, "t")

    mail = fitted(paragraphs, comments, render)
    assert len(mail.html.encode()) < LARGEST
    whole = render(paragraphs, comments, "")
    assert mail.shortened == (len(whole.html) >= LARGEST)
    if mail.shortened:
        # What was left out next does not fit.
        assert len(mail.html) > LARGEST - 30_100
