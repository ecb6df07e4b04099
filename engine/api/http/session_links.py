"""Absolute URLs of a session's pages. A token stands in the fragment, which browsers send to no server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["Links"]


@dataclass(frozen=True, slots=True)
class Links:
    """Builds links on the public address. ``public_url`` has no slash at its end."""

    public_url: str

    def of(self, session_id: str, tokens: Mapping[str, str] | None, *, by_token: bool) -> dict[str, str]:
        """The URLs of a session: ``join``, ``console``, ``wall``, ``page``.

        With ``tokens`` (by role) the console's carries the instructor's; where ``by_token``, the join link and the wall's
        carry theirs too. Without tokens the console asks for one.
        """
        token = tokens or {}
        return {
            "join": self.absolute(f"/sessions/join/{session_id}")
            + (f"#token={token['participant']}" if token and by_token else ""),
            "console": self.absolute("/console")
            + f"#session={session_id}"
            + (f"&token={token['instructor']}" if token else ""),
            "wall": self.absolute(f"/wall/{session_id}")
            + (f"#token={token['observer']}" if token and by_token else ""),
            "page": self.absolute(f"/sessions/{session_id}/"),
        }

    def here(self, path: str) -> str:
        """A path of this host as pages link to it: below the path that the site is served at."""
        return urlsplit(self.public_url).path + path

    def absolute(self, path: str) -> str:
        """A path of this host as an absolute URL."""
        return self.public_url + path
