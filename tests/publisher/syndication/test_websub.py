"""The hub hears of a changed feed."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest

from engine.domain.instant import HOUR
from publisher.jobs import JobRunner
from publisher.syndication.websub import HubNotifier
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher


class _Listener(http.server.BaseHTTPRequestHandler):
    """Keeps what it is told."""

    notified: list[dict[str, list[str]]] = []  # noqa: RUF012 — one list for one server
    statuses: list[int] = []  # noqa: RUF012
    """Of the next answers; 204 when there is none."""

    def do_POST(self) -> None:
        """Take a note."""
        self.notified.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.send_response(self.statuses.pop(0) if self.statuses else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def hub() -> Iterator[str]:
    """The address of a hub."""
    _Listener.notified.clear()
    _Listener.statuses.clear()
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
    thread = HubNotifier(pauses_s=()).notify("http://127.0.0.1:9/", ("https://x.example/feed.xml",))
    thread.join(10)
    assert not thread.is_alive()


def test_a_hub_in_trouble_is_told_again(hub: str) -> None:
    """It answered 503: the feed it has not heard of is told once more, the other one is not."""
    _Listener.statuses[:] = [503, 204, 429, 204]
    notifier = HubNotifier(pauses_s=(0.01, 0.01))
    notifier.notify(hub, ("https://x.example/feed.xml", "https://x.example/feed.json"), "new").join(10)
    told = [each["hub.url"][0].rpartition("/")[2] for each in _Listener.notified]
    assert told == ["feed.xml", "feed.json", "feed.xml", "feed.xml"]
    assert notifier.settled == "new"


def test_a_hub_that_refuses_is_left_alone(hub: str) -> None:
    """The same again would be refused again; what is given up is not settled, and told at the next start."""
    _Listener.statuses[:] = [404, 503, 503]
    notifier = HubNotifier(pauses_s=(0.01,))
    notifier.notify(hub, ("https://x.example/feed.xml",), "one").join(10)
    assert notifier.settled == "one"
    notifier.notify(hub, ("https://x.example/feed.xml",), "two").join(10)
    assert (notifier.settled, len(_Listener.notified)) == ("one", 3)


def test_newer_feeds_take_the_place_of_those_that_wait(hub: str) -> None:
    """What waits for its next attempt ends, and the hub is told of the newest state once."""
    _Listener.statuses[:] = [503]
    notifier = HubNotifier(pauses_s=(600,))
    waiting = notifier.notify(hub, ("https://x.example/feed.xml",), "one")
    deadline = time.monotonic() + 10
    while not _Listener.notified:
        assert time.monotonic() < deadline
    notifier.notify(hub, ("https://x.example/feed.xml",), "two").join(10)
    waiting.join(10)
    assert (notifier.settled, len(_Listener.notified)) == ("two", 2)


def until_settled(publisher: Publisher) -> None:
    """Wait until the hub knows the feeds, and that is written down."""
    deadline = time.monotonic() + 10
    while publisher.catalogue.meta("hub_told") != publisher.jobs._hub.wanted:
        assert time.monotonic() < deadline
        publisher.work()


def test_a_hub_hears_of_a_changed_feed_only(hub: str, publisher: Publisher) -> None:
    """blog#18: not of an import of years ago below fifty newer sessions, nor after a restart; of a new name it does."""
    studio = publisher.data / "studio.toml"
    studio.write_text(f'websub_hub = "{hub}"\n')
    for n in range(51):
        publisher.outbox.enqueue(snapshot(f"new-{n}", source="import"), ["web"], NOW)
    publisher.work()
    until_settled(publisher)
    told = len(_Listener.notified)
    old = snapshot("old", source="import", session_date=NOW - 9000 * HOUR)
    publisher.publish(old, ["web"])
    publisher.publish(snapshot("unlisted", source="import", visibility="unlisted"), ["web"])
    publisher.jobs = JobRunner(publisher.data, publisher.catalogue, publisher.outbox, durable=False)
    publisher.work()
    assert len(_Listener.notified) == told
    studio.write_text(f'websub_hub = "{hub}"\nname = "Another"\n')
    publisher.work()
    until_settled(publisher)
    assert len(_Listener.notified) == told + 2
