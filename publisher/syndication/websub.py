"""Notifies the studio's WebSub hub that the feeds have changed, so that readers hear of it at once."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import structlog

__all__ = ["HubNotifier"]

_log = structlog.get_logger(__name__)
_TIMEOUT_S = 10.0
_PAUSES_S = (60.0, 120.0, 300.0, 900.0, *[3600.0] * 24)
"""After each attempt that failed: for a day."""


@dataclass(frozen=True, slots=True)
class _Notice:
    hub: str
    feeds: tuple[str, ...]
    state: str


class HubNotifier:
    """Tells a hub on a thread of its own, and again at growing pauses while the hub cannot take it.

    What changed meanwhile takes the place of what was to be told.
    """

    def __init__(self, pauses_s: Sequence[float] = _PAUSES_S) -> None:
        self._pauses_s = pauses_s
        self._sending = threading.Lock()
        self._newer = threading.Event()
        self._wanted: _Notice | None = None
        self.settled: str | None = None
        """The state of the feeds that a hub was last told of, or that it does not want to hear of."""

    @property
    def wanted(self) -> str | None:
        """The state of the feeds that the hub is being told of, or was last."""
        return None if self._wanted is None else self._wanted.state

    def notify(self, hub: str, feeds: tuple[str, ...], state: str = "") -> threading.Thread:
        """Notify a hub that these feeds changed to a ``state``; returns the thread that does it."""
        notice = _Notice(hub, feeds, state)
        self._wanted = notice
        self._newer.set()
        thread = threading.Thread(target=self._send, args=(notice,), name="websub", daemon=True)
        thread.start()
        return thread

    def _send(self, notice: _Notice) -> None:
        with self._sending:
            self._newer.clear()
            left = list(notice.feeds)
            for pause_s in (*self._pauses_s, None):
                if self._wanted is not notice:
                    return
                left = [feed for feed in left if not _notify(notice.hub, feed)]
                if not left:
                    self.settled = notice.state
                    return
                if pause_s is not None and self._newer.wait(pause_s):
                    return
            _log.warning("hub given up", hub=notice.hub, feeds=left)


def _notify(hub: str, feed: str) -> bool:
    """Tell a hub of one feed; False where another attempt may do."""
    body = urlencode({"hub.mode": "publish", "hub.url": feed, "hub.topic": feed}).encode()
    try:
        with urlopen(Request(hub, body, method="POST"), timeout=_TIMEOUT_S) as answer:
            _log.info("hub notified", hub=hub, feed=feed, status=answer.status)
        return True
    except HTTPError as error:
        _log.warning("hub not notified", hub=hub, feed=feed, problem=str(error))
        # The same again would be refused again, but for what passes: too early, too much, or the hub's own trouble.
        return error.code < 500 and error.code not in (408, 425, 429)
    except (URLError, OSError, http.client.HTTPException) as error:
        _log.warning("hub not notified", hub=hub, feed=feed, problem=str(error))
        return False
