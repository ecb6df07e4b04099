"""Structured data of a session's page: JSON-LD of schema.org, an article about an event."""

from __future__ import annotations

import json
from typing import Any

from engine.domain.instant import iso
from publisher.catalogue.published import Published
from publisher.rendering.links import Links
from publisher.rendering.story import Story
from publisher.rendering.studio import Studio

__all__ = ["json_ld", "safe_json"]


def safe_json(value: Any) -> str:
    """JSON for a ``<script>`` element, escaped so that nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def json_ld(story: Story, entry: Published, studio: Studio, links: Links) -> str:
    """The ``Article`` and its ``Event`` as safe JSON. The instructor is the only person named."""
    page = links.absolute(story.path)
    snapshot = story.snapshot
    publisher = {"@type": "Organization", "name": studio.name, "url": links.root}
    performer = {"@type": "Person", "name": story.instructor} if story.instructor else None
    event: dict[str, Any] = {
        "@type": "Event",
        "name": story.title,
        "startDate": iso(snapshot.session_date),
        "endDate": iso(snapshot.ended_at),
        "eventStatus": "https://schema.org/EventScheduled",
        "organizer": publisher,
        "location": {"@type": "VirtualLocation", "url": page}
        if snapshot.place != "room"
        else {"@type": "Place", "name": studio.name, "address": studio.postal_address or studio.name},
    }
    if performer:
        event["performer"] = performer
    return safe_json(
        {
            "@context": "https://schema.org",
            "@type": "Article",
            "@id": page,
            "headline": story.title[:110],
            "description": story.seo_description,
            "datePublished": iso(entry.published_at),
            "dateModified": iso(entry.updated_at),
            "inLanguage": studio.language,
            "mainEntityOfPage": page,
            "author": performer or publisher,
            "publisher": publisher,
            "about": event,
        }
    )
