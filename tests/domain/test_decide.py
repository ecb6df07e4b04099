"""How ``decide`` finds what decides a command."""

from __future__ import annotations

from engine.domain import commands as c
from engine.domain.decide import _DECIDED_BY


def test_every_command_is_decided_by_one_part() -> None:
    """A new command cannot be forgotten; only a creation, which has no state yet, stands outside the table."""
    assert set(_DECIDED_BY) | {c.Create} == set(c.Command.__args__)
    assert c.Create not in _DECIDED_BY
