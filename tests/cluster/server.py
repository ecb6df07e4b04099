"""A server among several behind a balancer."""

from __future__ import annotations

from pathlib import Path

from tests.journey.server import OPERATOR, Server

__all__ = ["BalancedServer"]


class BalancedServer(Server):
    """A server on a port of its own, which greets with the balancer's address. Its id is that of the process which serves."""

    def __init__(self, data: Path, port: int, database_url: str, public_url: str, **setting: str) -> None:
        """``setting`` are further ``HALCYTONE_*`` variables, without the prefix."""
        super().__init__(data, OPERATOR, database_url=database_url, public_url=public_url, **setting)
        self._own_port = self._port = str(port)

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        await super().start()
        self._port = self._own_port
        self.url = f"http://127.0.0.1:{self._port}"
