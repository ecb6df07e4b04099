"""Renders mails from templates: subject, HTML with inlined styles, and text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import css_inline

from publisher.mail.size_limit import Mail, Paragraph, fitted
from publisher.rendering.links import Links
from publisher.rendering.story import Story
from publisher.rendering.studio import Studio
from publisher.rendering.templates import Templates

__all__ = ["Mail", "NewsletterFrame", "edited_mail", "mail_from_template", "newsletter_of"]


_LEAST_BESIDE_A_PICTURE = 3_220
"""Characters of HTML. SpamAssassin counts up to 2.8 of 5 against a picture beside up to 3,200 (HTML_IMAGE_ONLY)."""

_SIGNATURE = re.compile(r"(\n-- ?\n)")


@cache
def _inliner() -> css_inline.CSSInliner:
    # The @media rules for dark mode must stay, and nothing may be fetched.
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def _html(name: str, templates: Templates, **context: Any) -> str:
    """The HTML of a template with inlined styles; a mail of few words has no picture: such ones are taken for spam."""
    html = _inliner().inline(templates.render(name, **context))
    if context.get("picture") and len(html) < _LEAST_BESIDE_A_PICTURE:
        return _html(name, templates, **{**context, "picture": ""})
    return html


@dataclass(frozen=True, slots=True)
class NewsletterFrame:
    """What stands around the words of a newsletter, also where somebody has edited them."""

    picture: str = ""
    """The URL of the image at its top."""
    unsubscribe: str = ""
    """The recipient's unsubscribe link."""
    following: Mapping[str, str] | None = None
    """The next session: ``title``, ``when``, and the addresses ``page`` and ``calendar``."""
    series: str = ""
    """The address of the series' page."""

    def context(self) -> dict[str, Any]:
        """Its fields, as the templates know them."""
        return {
            "picture": self.picture,
            "unsubscribe": self.unsubscribe,
            "following": self.following,
            "series": self.series,
        }


_BARE = NewsletterFrame()


def newsletter_of(
    story: Story, studio: Studio, *, links: Links, templates: Templates, frame: NewsletterFrame = _BARE
) -> Mail:
    """The newsletter about one session."""
    context = {
        "subject": story.subject,
        "studio": studio,
        "href": links.absolute,
        "page": links.absolute(story.path),
        **frame.context(),
    }

    def render(paragraphs: Sequence[Paragraph], comments: int, read_on: str) -> Mail:
        feedback = {"participant_feedback": story.feedback[:comments]}
        shortened = replace(
            story, paragraphs=tuple(paragraphs), snapshot=story.snapshot.model_copy(update=feedback)
        )
        return Mail(
            subject=story.subject,
            html=_html("email/summary.html", templates, story=shortened, read_on=read_on, **context),
            text=templates.render("email/summary.txt", story=shortened, read_on=read_on, **context).strip()
            + "\n",
        )

    return fitted(story.paragraphs, len(story.feedback), render)


def mail_from_template(name: str, subject: str, templates: Templates, **context: Any) -> Mail:
    """A mail from the templates ``email/<name>.html`` and ``.txt``."""
    return Mail(
        subject,
        _html(f"email/{name}.html", templates, subject=subject, **context),
        templates.render(f"email/{name}.txt", subject=subject, **context).strip() + "\n",
    )


def edited_mail(
    mail: Mail,
    edited: Mapping[str, str],
    story: Story,
    studio: Studio,
    *,
    links: Links,
    templates: Templates,
    frame: NewsletterFrame = _BARE,
) -> Mail:
    """The newsletter with its edited subject or text; edited text becomes paragraphs in the HTML.

    The next session and the series stand behind what was written, before the signature of the text.
    """
    subject = edited.get("subject", mail.subject)
    if "text" not in edited:
        return replace(mail, subject=subject)
    context = {
        "subject": subject,
        "story": story,
        "studio": studio,
        "href": links.absolute,
        "page": links.absolute(story.path),
        **frame.context(),
    }
    words = studio.words
    coming = templates.render(
        "email/following.txt", studio=studio, following=frame.following, series=frame.series
    ).strip()
    ends = {
        "layout.imprint": links.absolute("imprint/"),
        "layout.privacy": links.absolute("privacy/"),
        "mail.unsubscribe": frame.unsubscribe,
    }
    written = [tuple(block.split("\n")) for block in edited["text"].split("\n\n") if block.strip()]

    def render(paragraphs: Sequence[Paragraph], _comments: int, read_on: str) -> Mail:
        html = _html("email/edited.html", templates, paragraphs=paragraphs, read_on=read_on, **context)
        text = edited["text"].strip()
        if read_on:
            text = "\n\n".join("\n".join(lines) for lines in paragraphs)
            text += f"\n\n{words('mail.read_on')} {context['page']}"
        # Whoever edits the text may take its last lines away.
        missing = [
            words("pattern.labelled", label=words(label), value=address)
            for label, address in ends.items()
            if address not in text
        ]
        return Mail(subject, html, "\n".join([_before_signature(text, coming), "", *missing]).rstrip() + "\n")

    return fitted(written, 0, render)


def _before_signature(text: str, more: str) -> str:
    """A text with more at its end, but before its signature (RFC 3676 §4.3), which mail programs fold away."""
    if not more:
        return text
    # Whoever edits it may take the blank behind the two hyphens away.
    above, signature, below = (
        _SIGNATURE.split(text, maxsplit=1) if _SIGNATURE.search(text) else (text, "", "")
    )
    return f"{above.rstrip()}\n\n{more}" + (f"\n{signature}{below}" if signature else "")
