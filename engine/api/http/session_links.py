"""Absolute addresses of a session, on the public address. What opens a door stands in the fragment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["Links"]


@dataclass(frozen=True, slots=True)
class Links:
    """``public_url`` has no slash at its end."""

    public_url: str

    def of(self, session_id: str, tokens: Mapping[str, str] | None, *, by_token: bool) -> dict[str, str]:
        """join, console, wall, page; with ``tokens`` the console opens, and where ``by_token`` the others too.

        Without tokens, the console's address is one that asks for them.
        """
        secret = tokens or {}
        return {
            "join": self.absolute(f"/sessions/join/{session_id}")
            + (f"#token={secret['participant']}" if secret and by_token else ""),
            "console": self.absolute("/console")
            + f"#session={session_id}"
            + (f"&token={secret['instructor']}" if secret else ""),
            "wall": self.absolute(f"/wall/{session_id}")
            + (f"#token={secret['observer']}" if secret and by_token else ""),
            "page": self.absolute(f"/sessions/{session_id}/"),
        }

    def here(self, path: str) -> str:
        """A path of this host as pages link to it, below whatever path the site is served at."""
        return urlsplit(self.public_url).path + path

    def absolute(self, path: str) -> str:
        """A path of this host as an address."""
        return self.public_url + path
