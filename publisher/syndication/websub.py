"""WebSub: tells the studio's hub that the feed has changed, so that readers hear of it at once."""

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
    """Tells a hub of changes, one at a time and on a thread of its own; a hub that is away is no error of the feed's."""

    def __init__(self) -> None:
        self._telling = threading.Lock()

    def notify(self, hub: str, feeds: tuple[str, ...]) -> threading.Thread:
        """Say that these feeds have changed; returns the thread that says it."""
        thread = threading.Thread(target=self._tell, args=(hub, feeds), name="hub", daemon=True)
        thread.start()
        return thread

    def _tell(self, hub: str, feeds: tuple[str, ...]) -> None:
        with self._telling:
            for feed in feeds:
                body = urlencode({"hub.mode": "publish", "hub.url": feed, "hub.topic": feed}).encode()
                try:
                    with urlopen(Request(hub, body, method="POST"), timeout=_TIMEOUT_S) as answer:
                        _log.info("hub_told", hub=hub, feed=feed, status=answer.status)
                except (URLError, OSError, http.client.HTTPException) as error:
                    _log.warning("hub_not_told", hub=hub, problem=str(error))
