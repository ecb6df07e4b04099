"""The newsletter about one session: subject, HTML with its styles inlined, and text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import css_inline

from publisher.links import Links
from publisher.story import Story
from publisher.studio import Studio
from publisher.templates import Templates

__all__ = ["Mail", "newsletter_of"]


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail's subject and both bodies; ``card_cid`` in the HTML refers to the session's picture."""

    subject: str
    html: str
    text: str


@cache
def _inliner() -> css_inline.CSSInliner:
    # The rules for dark mode must survive, and nothing may be fetched.
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def newsletter_of(
    story: Story, studio: Studio, *, links: Links, templates: Templates, picture: str = ""
) -> Mail:
    """The mail for everybody who subscribed; ``picture`` is the address of an image for its top."""
    context = {
        "story": story,
        "studio": studio,
        "href": links.absolute,
        "picture": picture,
        "page": links.absolute(story.path),
    }
    return Mail(
        subject=story.subject,
        html=_inliner().inline(templates.render("email/summary.html", **context)),
        text=templates.render("email/summary.txt", **context).strip() + "\n",
    )
