"""A technique of a studio's own: written in its console, beside those of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from engine.domain.techniques.breathing import Pattern, Technique
from engine.domain.techniques.lookup import slug_of

__all__ = ["OwnTechnique"]


@dataclass(frozen=True, slots=True)
class OwnTechnique:
    """What the studio wrote. Open to everybody: consent is asked for techniques of the catalogue alone."""

    name: str
    breath: tuple[float, float, float, float]
    """Inhale, hold, exhale, hold in seconds."""
    rounds: tuple[int, int] | None = None
    """Usual and at most, in cycles."""
    summary: str = ""
    words: str = ""
    """What is said while it goes on, unless a plan has other words."""
    cautions: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        """What its page is called: as long as it is there, names that make the same one mean it."""
        return slug_of(self.name)

    @property
    def technique(self) -> Technique:
        """The technique as pages and lists show those of the catalogue."""
        return Technique(
            name=self.name,
            slug=self.slug,
            pattern=Pattern.of(*self.breath),
            summary=self.summary,
            rounds=self.rounds,
            cautions=self.cautions,
        )

    def as_json(self) -> dict[str, object]:
        """The technique as ``Technique.as_json`` returns it, with ``own``, ``breath`` and ``words``."""
        return {**self.technique.as_json(), "own": True, "breath": list(self.breath), "words": self.words}
