"""Workloads for our server alone: heart rate, sessions without clients, and recovery."""

import json
import re
import time

import psutil

from bench import halcytone
from bench.dialects import MARK, text_frame
from bench.fleet import Fleet
from bench.servers import resting
from bench.workloads import Field, Figures, measured, open_field, quantile

__all__ = ["heart_rates", "recovery", "sessions"]

_ANNOUNCEMENTS_PER_S = 20
_CONSENT = {"type": "consent", "data": {"heart_rate": True, "group": True, "version": "bench"}}
_STATE_FIELDS = re.compile(rb'"(client_id|resume|epoch)":\s*"([^"]+)"')
_SEQ = re.compile(rb'"seq":\s*(\d+)')


def _beat(field: Field, hearts: list[int], seconds: float) -> int:
    """Send a beat a second for each of `hearts`, and announcements among them; returns the number of beats."""
    began = time.monotonic()
    beats = announced = 0
    while (now := time.monotonic() - began) < seconds:
        while beats < now * len(hearts):
            second, which = divmod(beats, len(hearts))
            field.fleet.say(hearts[which], _interval(which, second))
            beats += 1
        if announced < now * _ANNOUNCEMENTS_PER_S:
            field.say(field.rooms[announced % len(field.rooms)], 200)
            announced += 1
        field.fleet.read(0.001)
    return beats


def _interval(number: int, second: int) -> bytes:
    """One interval of a heart near 70 a minute that breathes: 857 ms, give or take 60."""
    interval = 857 + (number * 37 + second * 23) % 121 - 60
    return text_frame(json.dumps({"type": "heart_rate", "data": {"rr": [interval]}}).encode())


def heart_rates(port: int, pid: int, *, rooms: int, size: int, seconds: float) -> Figures:
    """Every participant of `rooms` x `size` sends one heart-rate message a second, metrics go out,
    and announcements are timed among them: p99 in milliseconds, that of commits, the server's share of a core."""
    field = open_field("halcytone", port, pid, rooms, size)
    fleet = field.fleet
    hearts = [index for room in field.rooms for index in room.members if index != room.talker]
    consent = text_frame(json.dumps(_CONSENT).encode())
    for index in hearts:
        fleet.say(index, consent)
        if index % 100 == 0:
            fleet.read(0)
    fleet.quiet()
    fleet.reset()
    # The consents are not answered: the server is through with them when everybody's heart has been heard.
    _beat(field, hearts, max(seconds / 3, 2.0))
    field.settle()
    fleet.latencies_ns = []
    fleet.timed = True
    figures: Figures = {}
    commits = halcytone.commits(port)
    with measured(pid, figures):
        beats = _beat(field, hearts, seconds)
    figures["commit_p99_ms"] = 1000 * halcytone.commit_quantile(commits, halcytone.commits(port), 0.99)
    field.settle()
    figures["heart_rates_per_s"] = beats / figures["seconds"]
    figures["p99_ms"] = quantile(fleet.latencies_ns, 0.99)
    figures["p50_ms"] = quantile(fleet.latencies_ns, 0.5)
    return figures


def sessions(port: int, pid: int, *, count: int) -> Figures:
    """Create and start `count` sessions that nobody joins: bytes each in the server's process, and
    seconds for all. The publisher's, which announces them meanwhile, is not counted."""
    api = halcytone.Api(port)
    for number in range(20):
        api.create(f"warm-up{number}", 100)
    resting(pid)
    server = psutil.Process(pid)
    before = server.memory_info().rss
    began = time.monotonic()
    for number in range(count):
        api.create(f"silent{number}", 100)
    elapsed = time.monotonic() - began
    bytes_each = (server.memory_info().rss - before) / count
    return {"bytes_each": bytes_each, "sessions": count, "seconds": elapsed}


def recovery(port: int, pid: int, *, clients: int, missed: int, size: int) -> Figures:
    """All clients of a room vanish, `missed` announcements are made, and all come back at once.

    Seconds from the first reconnection until everybody has everything; then each client's log is
    read: `seq` must go on without hole or double.
    """
    api = halcytone.Api(port)
    session = api.create("recovery", 1000)
    leader, fleet = Fleet(port), Fleet(port)
    leader.join([halcytone.lead(session)])
    heard = fleet.join([halcytone.join(session.session_id, f"P{number}") for number in range(clients)])
    fleet.quiet()
    # The first of each name is the welcome's own; messages about others may follow it.
    who = [dict(reversed(_STATE_FIELDS.findall(welcome))) for welcome in heard]
    position = _position(leader)
    fleet.abort()
    announcer = halcytone.Api(port)
    for number in range(missed):
        text = MARK.decode() + str(number).zfill(16) + " Breathe in slowly, and out again."
        body = {
            "session_id": session.session_id,
            "announcement": {"title": "Bench", "message": text.ljust(size, ".")},
        }
        announcer.post("/api/v2/live-announce", body)
        leader.read(0)
    returning = [
        halcytone.join(
            session.session_id,
            f"P{number}",
            client_id=known[b"client_id"].decode(),
            resume=known[b"resume"].decode(),
            epoch=known[b"epoch"].decode(),
            after=str(position),
        )
        for number, known in enumerate(who)
    ]
    figures: Figures = {}
    fleet.reset()
    with measured(pid, figures):
        fleet.storm([phases[0][0] for phases in returning])
        # Once more in each welcome: the last words stand on the screen.
        fleet.settle(clients * (missed + 1), patience_s=60)
    fleet.quiet(0.1)
    assert fleet.kept is not None
    for log in fleet.kept:
        _check(bytes(log), position, missed)
    return figures


def _position(leader: Fleet) -> int:
    """The newest position of the session: that of an announcement made for it."""
    leader.kept = [bytearray()]
    leader.say(0, text_frame(b'{"type":"announce","data":{"title":"Bench","message":"Where are we?"}}'))
    leader.quiet(0.5)
    position = max(int(number) for number in _SEQ.findall(leader.kept[0]))
    leader.kept = None
    return position


def _check(log: bytes, position: int, missed: int) -> None:
    if not re.search(rb'"recovered":\s*true', log):
        raise RuntimeError(f"a client did not recover: {log[:900]!r}")
    numbers = [number for number in map(int, _SEQ.findall(log)) if number > position]
    if log.count(MARK) != missed + 1 or numbers != list(range(position + 1, position + 1 + len(numbers))):
        raise RuntimeError(
            f"after {position} came {numbers[:5]}…{numbers[-5:]} with {log.count(MARK)} of {missed + 1}"
        )
