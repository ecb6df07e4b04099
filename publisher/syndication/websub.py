"""Notifies the studio's WebSub hub that the feeds have changed, so that readers hear of it at once."""

from __future__ import annotations

import http.client
import threading
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import structlog

__all__ = ["HubNotifier"]

_log = structlog.get_logger(__name__)
_TIMEOUT_S = 10.0


class HubNotifier:
    """Sends notifications one at a time, each on a thread of its own. A hub that does not answer is only logged."""

    def __init__(self) -> None:
        self._sending = threading.Lock()

    def notify(self, hub: str, feeds: tuple[str, ...]) -> threading.Thread:
        """Notify a hub that these feeds changed; returns the thread that does it."""
        thread = threading.Thread(target=self._send, args=(hub, feeds), name="websub", daemon=True)
        thread.start()
        return thread

    def _send(self, hub: str, feeds: tuple[str, ...]) -> None:
        with self._sending:
            for feed in feeds:
                body = urlencode({"hub.mode": "publish", "hub.url": feed, "hub.topic": feed}).encode()
                try:
                    with urlopen(Request(hub, body, method="POST"), timeout=_TIMEOUT_S) as answer:
                        _log.info("hub_told", hub=hub, feed=feed, status=answer.status)
                except (URLError, OSError, http.client.HTTPException) as error:
                    _log.warning("hub_not_told", hub=hub, problem=str(error))
