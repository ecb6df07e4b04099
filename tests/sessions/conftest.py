"""The actors of a session are tested over real sockets: with the fixtures of the live engine."""

from __future__ import annotations

from tests.realtime.conftest import _restless_rooms, studio

__all__ = ["_restless_rooms", "studio"]
