"""A breathing pattern and the technique that it belongs to.

A pattern is a closed cycle of steps; everything that a pacer draws follows from it and from one number, the
milliseconds since the technique began. Lungs are described by their fullness, 0 (empty) to 1 (full), so that
a double inhale is no special case for whoever draws it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

StepName = Literal["inhale", "sip", "hold", "exhale", "rest"]
Group = Literal["A", "B"]

LONGEST_STEP_S: Final = 120.0
SHORTEST_CYCLE_S: Final = 0.5

_NUMBER: Final = r"\d{1,3}(?:\.\d{1,3})?"
_WRITTEN: Final = re.compile(rf"(?<![\w.-])({_NUMBER}(?:-{_NUMBER}){{2,3}})(?![\w.-])")


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a breath; ``sip`` is a second inhale on top of a full one, ``rest`` a hold with empty lungs."""

    name: StepName
    ms: int
    fullness_from: float
    fullness_to: float


@dataclass(frozen=True, slots=True)
class Pattern:
    """A cycle of steps, repeated without a seam: the last step ends at the fullness the first begins with."""

    steps: tuple[Step, ...]

    @classmethod
    def of(
        cls, inhale: float, hold: float = 0.0, exhale: float = 0.0, rest: float = 0.0, *, sip: float = 0.0
    ) -> Pattern:
        """Build inhale, hold, exhale, hold (seconds); steps of no length are left out.

        Raises:
            ValueError: a step is negative, longer than 120 s, or the breath has no inhale or no exhale.
        """
        seconds = (inhale, sip, hold, exhale, rest)
        if not all(0 <= part <= LONGEST_STEP_S for part in seconds):
            raise ValueError(f"each step lasts from 0 to {LONGEST_STEP_S:.0f} seconds")
        # Below a millisecond a step would vanish in rounding and leave a jump in the cycle.
        if inhale < 0.001 or exhale < 0.001 or sum(seconds) < SHORTEST_CYCLE_S:
            raise ValueError("a pattern needs an inhale, an exhale, and half a second in all")
        before_sip = 0.75 if sip else 1.0
        parts = (
            Step("inhale", round(inhale * 1000), 0.0, before_sip),
            Step("sip", round(sip * 1000), before_sip, 1.0),
            Step("hold", round(hold * 1000), 1.0, 1.0),
            Step("exhale", round(exhale * 1000), 1.0, 0.0),
            Step("rest", round(rest * 1000), 0.0, 0.0),
        )
        return cls(tuple(part for part in parts if part.ms))

    @classmethod
    def written(cls, text: str) -> Pattern | None:
        """Read a pattern such as ``5-0-7-0`` or ``4-7-8`` standing as a word in a name; None when there is none."""
        for match in _WRITTEN.finditer(text):
            numbers = [float(part) for part in match.group(1).split("-")]
            try:
                return cls.of(*numbers)
            except ValueError:
                continue
        return None

    @property
    def cycle_ms(self) -> int:
        """Length of one cycle in milliseconds."""
        return sum(step.ms for step in self.steps)

    @property
    def hz(self) -> float | None:
        """Breaths per second; None when a cycle holds more than one breath and so has no single rate."""
        if sum(step.name == "inhale" for step in self.steps) != 1:
            return None
        return 1000 / self.cycle_ms

    def as_json(self) -> dict[str, object]:
        """Return what a pacer in a browser needs: the steps in order, their milliseconds and lung fullness."""
        return {
            "cycle_ms": self.cycle_ms,
            "hz": None if self.hz is None else round(self.hz, 6),
            "steps": [
                {"name": s.name, "ms": s.ms, "from": s.fullness_from, "to": s.fullness_to} for s in self.steps
            ],
        }


@dataclass(frozen=True, slots=True)
class Source:
    """Where a pattern, an effect or a caution is published."""

    text: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Technique:
    """A way to breathe together.

    ``group`` is None for what is open to everybody; ``A`` and ``B`` are opt-in for each person, asked once at
    joining and only for what stands in the plan, and whoever did not opt in sees ``gentle`` (a name from the
    catalogue). ``B`` is for people together in one room and is not scored.
    ``rounds`` is (usual, at most) in cycles, None where one may go on as long as one likes.
    """

    name: str
    slug: str
    pattern: Pattern | None
    summary: str
    rounds: tuple[int, int] | None = None
    group: Group | None = None
    cautions: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    aliases: tuple[str, ...] = ()
    gentle: str | None = None

    @property
    def opt_in(self) -> bool:
        """Whether a person must have agreed before this is shown to them."""
        return self.group is not None

    @property
    def scored(self) -> bool:
        """Whether heart figures are read while it goes on: not during breath retention of group B."""
        return self.group != "B"

    def as_json(self) -> dict[str, object]:
        """Return the technique as the live pages and the site read it."""
        return {
            "name": self.name,
            "slug": self.slug,
            "pattern": None if self.pattern is None else self.pattern.as_json(),
            "summary": self.summary,
            "rounds": None if self.rounds is None else {"usual": self.rounds[0], "at_most": self.rounds[1]},
            "group": self.group,
            "opt_in": self.opt_in,
            "scored": self.scored,
            "cautions": list(self.cautions),
            "sources": [{"text": source.text, "url": source.url} for source in self.sources],
            "gentle": self.gentle,
        }
