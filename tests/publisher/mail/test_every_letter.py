"""Every mail that the studio sends, in each language: none is missing from the list, and how often it names the studio."""

from __future__ import annotations

import email
import email.policy
import re
import tomllib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import jinja2.meta
import pytest
from bs4 import BeautifulSoup

from publisher.rendering import resources
from publisher.rendering.templates import Templates
from tests.publisher.mail.letters import NAME, letters, string_files
from tests.publisher.samples import NOW
from tests.publisher.studio_data import Publisher


def mail_templates() -> set[str]:
    """The templates of mails, without those that others extend or include alone."""
    folder, environment = resources.path("templates"), Templates().environment
    names = {f"email/{file.name}" for file in (folder / "email").iterdir()}
    parts: set[str | None] = set()
    for name in names:
        parsed = environment.parse((folder / name).read_text(encoding="utf-8"))
        parts.update(jinja2.meta.find_referenced_templates(parsed))
    return names - {each for each in parts if each}


def subjects_of(strings: Path) -> Iterator[tuple[str, re.Pattern[str]]]:
    """The subjects that a language has, with what each looks like."""
    for table, names in tomllib.loads(strings.read_text(encoding="utf-8")).items():
        for name, text in names.items():
            if name.endswith("subject"):
                parts = re.split(r"\{\w+\}", text)
                yield f"{table}.{name}", re.compile(".+".join(map(re.escape, parts)))


def bodies(message: EmailMessage) -> tuple[str, BeautifulSoup]:
    """The text, and the HTML."""
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content(), BeautifulSoup(html.get_content(), "html.parser")


def test_a_message_is_made_of_every_template_with_every_subject(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each language, so that whoever looks at all of them has seen what there is; each leads to imprint and privacy.

    The studio is named twice at most: once where a mail begins, in its picture, above its words or in the first sentence,
    and once as its sender at the end.
    """
    rendered: set[str] = set()
    render = Templates.render

    def noted(templates: Templates, name: str, **context: Any) -> str:
        rendered.add(name)
        return render(templates, name, **context)

    monkeypatch.setattr(Templates, "render", noted)
    for language, strings in string_files().items():
        publisher = Publisher(tmp_path / language)
        messages = {
            name: email.message_from_bytes(content, policy=email.policy.default)
            for name, content in letters(publisher, language, NOW)
        }
        publisher.close()
        subjects = [str(message["Subject"]) for message in messages.values()]
        for key, pattern in subjects_of(strings):
            assert any(map(pattern.fullmatch, subjects)), (language, key)
        for name, message in messages.items():
            assert isinstance(message, EmailMessage)
            text, html = bodies(message)
            assert html.body is not None
            named = html.body.get_text().count(NAME) + len(html.select("img.picture"))
            assert (text.count(NAME), named) <= (2, 2), (language, name)
            assert named == 2, (language, name)
            for page in ("imprint", "privacy"):
                address = f"https://breath.example/{page}/"
                assert (text.count(address), len(html.select(f'a[href="{address}"]'))) == (1, 1), (
                    language,
                    name,
                )
    assert mail_templates() <= rendered
