"""The workloads. Each returns its figures by name; the names end in their units.

A workload opens its rooms, warms up, measures a window, then stops sending and waits until every socket has exactly
what it was due: a server that loses or doubles a delivery fails it.
"""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from bench import halcytone
from bench.dialects import DIALECTS, Dialect, Phase, payload
from bench.fleet import Fleet
from bench.servers import resting, usage

__all__ = ["Field", "Figures", "fan_out", "fixed_rate", "idle", "measured", "open_field", "quantile"]

Figures = dict[str, float]

_rooms_opened = itertools.count(1)


@dataclass
class Room:
    """A room: its members, the first of which sends, and the counts of messages sent and delivered."""

    name: str
    members: range
    sent: int = 0
    delivered: int = 0

    @property
    def talker(self) -> int:
        return self.members.start


@dataclass
class Field:
    """Client sockets that have joined their rooms."""

    fleet: Fleet
    dialect: Dialect
    pid: int
    rooms: list[Room]
    heard: list[bytes] = field(default_factory=list)
    stalled: set[int] = field(default_factory=set)

    def readers(self, room: Room) -> list[int]:
        """The members of a room that have not stalled."""
        return [index for index in room.members if index not in self.stalled]

    def say(self, room: Room, size: int) -> None:
        """Let a room's sender send one message of `size` bytes."""
        self.fleet.say(room.talker, self.dialect.say(room.name, payload(size, time.monotonic_ns())))
        room.sent += 1

    def settle(self) -> None:
        """Wait until every socket has every delivery, and no more."""
        due = sum(room.sent * len(self.readers(room)) for room in self.rooms)
        self.fleet.settle(due)
        self.fleet.quiet(0.1)
        for room in self.rooms:
            counts = {self.fleet.counts[index] for index in self.readers(room)}
            if counts != {room.sent}:
                raise RuntimeError(
                    f"of {room.sent} messages the sockets of {room.name} have {sorted(counts)}"
                )


def open_field(
    dialect: str, port: int, pid: int, rooms: int, size: int, name: str = "room", owner: int | None = None
) -> Field:
    """Let `rooms` rooms of `size` sockets join; the first of each talks (for us: the instructor).

    `owner` is the port of the server that makes the rooms, where that is another one than theirs. Somebody is there while
    they join: a server gives up a room in which nobody is to the one to which people come.
    """
    fleet = Fleet(port)
    names = [f"{name}{next(_rooms_opened)}" for _ in range(rooms)]
    phases: list[list[Phase]] = []
    there: list[Fleet] = []
    if dialect == "halcytone":
        api = halcytone.Api(owner or port)
        for name in names:
            phases.append(halcytone.lead(api.create(name, 1000)))
            phases += [halcytone.join(name, f"P{number}") for number in range(size - 1)]
        if owner is not None:
            there.append(Fleet(owner))
            there[0].join([halcytone.join(name, "Somebody") for name in names])
    else:
        for name in names:
            phases += [DIALECTS[dialect].join(name) for _ in range(size)]
    heard = fleet.join(phases)
    for each in there:
        each.abort()
    fleet.quiet()
    fleet.reset()
    opened = [Room(name, range(number * size, (number + 1) * size)) for number, name in enumerate(names)]
    return Field(fleet, DIALECTS[dialect], pid, opened, heard)


@contextmanager
def measured(pid: int, figures: Figures) -> Iterator[None]:
    """Put into `figures` how long the block took, and how many cores each side and all others used.

    `alone_busy` is the server's process without its children.
    """
    process = psutil.Process(pid)
    alone = sum(process.cpu_times()[:2])
    server, own, whole, began = usage(pid)[0], time.process_time(), _machine_s(), time.monotonic()
    yield
    elapsed = time.monotonic() - began
    figures["seconds"] = elapsed
    figures["busy"] = (time.process_time() - own) / elapsed
    figures["server_busy"] = (usage(pid)[0] - server) / elapsed
    figures["alone_busy"] = (sum(process.cpu_times()[:2]) - alone) / elapsed
    others = (_machine_s() - whole) / elapsed - figures["busy"] - figures["server_busy"]
    figures["others_busy"] = max(0.0, others)


def _machine_s() -> float:
    """CPU seconds that this machine has spent on anything, the hypervisor's share included."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice


def quantile(values: list[int], share: float) -> float:
    """The smallest value that at least `share` of `values` do not exceed, in milliseconds from ns."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1e6


def fan_out(field: Field, *, in_flight: int, size: int, seconds: float) -> Figures:
    """Every room keeps `in_flight` messages under way: deliveries per second."""
    room_of = {index: room for room in field.rooms for index in room.members}

    def delivered(index: int, marks: int) -> None:
        room = room_of[index]
        room.delivered += marks
        while talking and room.delivered >= (room.sent - in_flight + 1) * len(room.members):
            field.say(room, size)

    talking = True
    field.fleet.on_count = delivered
    for room in field.rooms:
        for _ in range(in_flight):
            field.say(room, size)
    _read_for(field.fleet, seconds / 3)
    figures: Figures = {}
    before = field.fleet.total
    with measured(field.pid, figures):
        _read_for(field.fleet, seconds)
    figures["deliveries_per_s"] = (field.fleet.total - before) / figures["seconds"]
    talking = False
    field.settle()
    field.fleet.on_count = None
    return figures


def fixed_rate(
    field: Field, *, deliveries_per_s: int, size: int, seconds: float, stalled: int = 0
) -> Figures:
    """Messages at a fixed rate, room after room: latency from sending to reading, in milliseconds.

    `stalled` sockets of the first room stop reading before it begins and are left out of the figures.
    """
    for index in field.rooms[0].members[len(field.rooms[0].members) - stalled :]:
        field.fleet.ignore(index)
        field.stalled.add(index)
    interval = len(field.rooms[0].members) / deliveries_per_s
    _talk(field, interval, size, seconds / 3)
    field.settle()
    before = {room.name: room.sent for room in field.rooms}
    field.fleet.latencies_ns = []
    field.fleet.timed = True
    figures: Figures = {}
    with measured(field.pid, figures):
        _talk(field, interval, size, seconds)
        sent = sum(room.sent - before[room.name] for room in field.rooms)
    field.settle()
    field.fleet.timed = False
    latencies = field.fleet.latencies_ns
    figures["offered_per_s"] = sent * len(field.rooms[0].members) / figures["seconds"]
    figures["p50_ms"], figures["p99_ms"] = quantile(latencies, 0.5), quantile(latencies, 0.99)
    figures["most_ms"] = max(latencies) / 1e6
    return figures


def idle(dialect: str, port: int, pid: int, *, rooms: int, size: int) -> Figures:
    """Memory that sockets cost which have joined and say nothing, in bytes each."""
    # What everybody shares is there already: the first room brings code and caches with it.
    open_field(dialect, port, pid, 1, size)
    before = resting(pid)
    field = open_field(dialect, port, pid, rooms, size)
    # Not until it is quiet: group figures go out all the time.
    _read_for(field.fleet, 1)
    after = usage(pid)[1]
    return {"bytes_each": (after - before) / (rooms * size), "sockets": rooms * size}


def _read_for(fleet: Fleet, seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        fleet.read(left)


def _talk(field: Field, interval_s: float, size: int, seconds: float) -> None:
    """Send one message every `interval_s`, whatever comes back, the rooms in turn."""
    began = time.monotonic()
    turns = itertools.cycle(field.rooms)
    due = began
    while due < began + seconds:
        while (left := due - time.monotonic()) > 0:
            field.fleet.read(left)
        field.say(next(turns), size)
        due += interval_s
