"""The hub hears of a changed feed."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest

from publisher.syndication.websub import HubNotifier


class _Listener(http.server.BaseHTTPRequestHandler):
    """Keeps what it is told."""

    notified: list[dict[str, list[str]]] = []  # noqa: RUF012 — one list for one server

    def do_POST(self) -> None:
        """Take a note."""
        self.notified.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def hub() -> Iterator[str]:
    """The address of a hub."""
    _Listener.notified.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Listener)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_hub_is_told_of_each_feed(hub: str) -> None:
    """One publish request for each feed, as WebSub's hubs expect it."""
    HubNotifier().notify(hub, ("https://x.example/feed.xml", "https://x.example/feed.json")).join(10)
    assert [each["hub.url"] for each in _Listener.notified] == [
        ["https://x.example/feed.xml"],
        ["https://x.example/feed.json"],
    ]
    assert _Listener.notified[0]["hub.mode"] == ["publish"]


def test_a_hub_that_is_away_holds_nothing_up() -> None:
    """Nobody answers: the thread ends, and nothing is raised."""
    thread = HubNotifier().notify("http://127.0.0.1:9/", ("https://x.example/feed.xml",))
    thread.join(10)
    assert not thread.is_alive()
