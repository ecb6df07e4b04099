"""Opens the draft desk for whoever is not the publisher's own process."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from publisher.catalogue import Catalogue
from publisher.drafts import Desk
from publisher.jobs import DEFAULT_URL
from publisher.links import Links
from publisher.studio import load
from publisher.templates import Templates

__all__ = ["open_desk"]


def open_desk(data: Path, connection: sqlite3.Connection) -> Desk:
    """The desk over a connection of the caller's, with the studio and templates as they are now.

    Raises:
        StudioWrong: ``studio.toml`` cannot be used.
    """
    catalogue = Catalogue(connection)
    links = Links(catalogue.meta("public_url") or DEFAULT_URL)
    return Desk(data, catalogue, load(data), links, Templates(data / "templates"))
