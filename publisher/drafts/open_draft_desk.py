"""Opens the draft desk outside of the publisher process: for the API and for mail delivery."""

from __future__ import annotations

from pathlib import Path

from engine.storage.database import Connection
from publisher.catalogue.published import Catalogue
from publisher.drafts.desk import DraftDesk
from publisher.rendering.links import DEFAULT_URL, Links
from publisher.rendering.studio import load
from publisher.rendering.templates import templates_of

__all__ = ["open_draft_desk"]


def open_draft_desk(data: Path, connection: Connection) -> DraftDesk:
    """The draft desk over the caller's connection, with the studio's settings and templates as they are now.

    Raises:
        InvalidStudio: ``studio.toml`` cannot be used.
    """
    catalogue = Catalogue(connection)
    links = Links(catalogue.meta("public_url") or DEFAULT_URL)
    return DraftDesk(data, catalogue, load(data), links, templates_of(data / "templates"))
