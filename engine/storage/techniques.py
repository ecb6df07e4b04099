"""The table of a studio's own techniques."""

from __future__ import annotations

from pydantic import TypeAdapter

from engine.domain.instant import Millis
from engine.domain.techniques.own import OwnTechnique
from engine.storage.database import Connection

__all__ = ["MOST", "OwnTechniques"]

MOST = 200
"""A studio has so many at most."""
_TECHNIQUE: TypeAdapter[OwnTechnique] = TypeAdapter(OwnTechnique)


class OwnTechniques:
    """The techniques that the studio wrote, over one connection. Blocking."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[OwnTechnique]:
        """Every technique, by slug."""
        rows = self._connection.rows("SELECT document FROM own_techniques ORDER BY slug")
        return [_TECHNIQUE.validate_json(row["document"]) for row in rows]

    def get(self, slug: str) -> OwnTechnique | None:
        """The technique with a slug, or None."""
        document = self._connection.value("SELECT document FROM own_techniques WHERE slug = :slug", slug=slug)
        return None if document is None else _TECHNIQUE.validate_json(document)

    def count(self) -> int:
        """How many there are."""
        count: int = self._connection.value("SELECT count(*) FROM own_techniques") or 0
        return count

    def add(self, technique: OwnTechnique, at: Millis) -> bool:
        """Store a new technique; False where its slug is taken."""
        return bool(
            self._connection.execute(
                "INSERT INTO own_techniques (slug, document, updated_at) VALUES (:slug, :document, :at)"
                " ON CONFLICT DO NOTHING",
                slug=technique.slug,
                document=_TECHNIQUE.dump_json(technique).decode(),
                at=at,
            )
        )

    def replace(self, technique: OwnTechnique, at: Millis) -> bool:
        """Store a technique in the place of the one with its slug; False where there is none."""
        return bool(
            self._connection.execute(
                "UPDATE own_techniques SET document = :document, updated_at = :at WHERE slug = :slug",
                slug=technique.slug,
                document=_TECHNIQUE.dump_json(technique).decode(),
                at=at,
            )
        )

    def remove(self, slug: str) -> bool:
        """Remove a technique; False where there is none."""
        return bool(self._connection.execute("DELETE FROM own_techniques WHERE slug = :slug", slug=slug))
