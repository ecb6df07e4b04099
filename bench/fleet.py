"""Thousands of client sockets in one process, read with epoll, whose deliveries are counted by their marks.

One buffer serves all reads, nothing is decoded, and a socket costs a file descriptor and three list
entries: so one core reads several hundred thousand deliveries a second. Whether that was enough is
measured with every work (`busy` in its result), not assumed. It is not `halcytone.client`, which decodes every message and
needs a task for each socket: the figures would be those of the client, and other servers do not speak its protocol.
"""

import select
import socket
import time
from collections.abc import Callable, Sequence

from bench.dialects import CLOCK_DIGITS, MARK, Phase

__all__ = ["Fleet", "Lost"]

_BUFFER = 1 << 18
_BATCH = 50
_PATIENCE_S = 20.0


class Lost(Exception):
    """A socket was refused, closed, or did not answer; the message says which and what it had sent."""


class Fleet:
    """Sockets by index, in the order they joined. Counts are deliveries since the last `reset`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._epoll = select.epoll()
        self._buffer = bytearray(_BUFFER)
        self._index_of: dict[int, int] = {}
        self.sockets: list[socket.socket] = []
        self.counts: list[int] = []
        self.total = 0
        self.latencies_ns: list[int] = []
        self.timed = False
        self.kept: list[bytearray] | None = None
        self.on_count: Callable[[int, int], None] | None = None
        """Called with index and new deliveries; for works that answer each room by itself."""

    def join(self, phases: Sequence[Sequence[Phase]]) -> list[bytes]:
        """Connect one socket for each list of phases; returns what each received while joining."""
        heard: list[bytes] = []
        for start in range(0, len(phases), _BATCH):
            heard += self._join_batch(phases[start : start + _BATCH])
            self.read(0)
        return heard

    def storm(self, greetings: Sequence[bytes]) -> None:
        """Connect one socket for each greeting, send them all, and wait for none.

        What they receive is counted by `read` and kept whole in `kept`.
        """
        self.kept = [bytearray() for _ in greetings]
        for greeting in greetings:
            member = socket.create_connection(("127.0.0.1", self._port), timeout=_PATIENCE_S)
            member.sendall(greeting)
            self._add(member)

    def _add(self, member: socket.socket) -> None:
        member.setblocking(False)
        member.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._index_of[member.fileno()] = len(self.sockets)
        self.sockets.append(member)
        self.counts.append(0)
        self._epoll.register(member.fileno(), select.EPOLLIN)

    def _join_batch(self, batch: Sequence[Sequence[Phase]]) -> list[bytes]:
        sockets = [socket.create_connection(("127.0.0.1", self._port), timeout=_PATIENCE_S) for _ in batch]
        heard = [b""] * len(batch)
        for step in range(max(len(phases) for phases in batch)):
            for member, phases in zip(sockets, batch, strict=True):
                if step < len(phases):
                    member.sendall(phases[step][0])
            for number, (member, phases) in enumerate(zip(sockets, batch, strict=True)):
                if step < len(phases):
                    heard[number] += _await(member, phases[step][1])
        for member in sockets:
            self._add(member)
        return heard

    def say(self, index: int, data: bytes) -> None:
        """Send `data` from one socket.

        Raises:
            Lost: the socket takes no more.
        """
        try:
            sent = self.sockets[index].send(data)
        except BlockingIOError as full:
            raise Lost(f"the server does not read socket {index}") from full
        if sent != len(data):
            raise Lost(f"the server does not read socket {index}")

    def read(self, timeout_s: float) -> int:
        """Read whatever has come within `timeout_s`; returns the deliveries among it."""
        buffer, index_of = self._buffer, self._index_of
        found = 0
        for descriptor, _ in self._epoll.poll(timeout_s, 4096):
            index = index_of[descriptor]
            try:
                size = self.sockets[index].recv_into(buffer)
            except BlockingIOError:
                continue
            except ConnectionResetError:
                size = 0
            if not size:
                last = bytes(self.kept[index][-200:]) if self.kept is not None else b""
                raise Lost(f"the server closed socket {index}; it last said {last!r}")
            marks = buffer.count(MARK, 0, size)
            if self.kept is not None:
                self.kept[index] += buffer[:size]
            if not marks:
                continue
            found += marks
            self.counts[index] += marks
            if self.timed:
                self._time(size)
            if self.on_count is not None:
                self.on_count(index, marks)
        self.total += found
        return found

    def _time(self, size: int) -> None:
        now = time.monotonic_ns()
        buffer = self._buffer
        at = buffer.find(MARK, 0, size)
        while at >= 0:
            digits = buffer[at + 1 : at + 1 + CLOCK_DIGITS]
            if at + 1 + CLOCK_DIGITS <= size:  # A stamp cut by the end of a read is counted, not timed.
                self.latencies_ns.append(now - int(digits))
            at = buffer.find(MARK, at + 1, size)

    def settle(self, expected: int, patience_s: float = _PATIENCE_S) -> None:
        """Read until `expected` deliveries have come since the last reset.

        Raises:
            Lost: they did not come in time, or more came.
        """
        deadline = time.monotonic() + patience_s
        while self.total < expected:
            if time.monotonic() > deadline:
                raise Lost(f"{self.total} of {expected} deliveries came")
            self.read(0.05)
        if self.total > expected:
            raise Lost(f"{self.total} deliveries came where {expected} were due")

    def quiet(self, for_s: float = 0.3, patience_s: float = 3.0) -> None:
        """Read until nothing has come for `for_s` seconds, or for `patience_s`: in hundreds of rooms
        with group figures something always comes."""
        began = last = time.monotonic()
        while time.monotonic() - last < for_s and time.monotonic() - began < patience_s:
            if self._epoll.poll(0.02, 1):
                self.read(0)
                last = time.monotonic()

    def reset(self) -> None:
        """Reset the counts and the time."""
        self.total = 0
        self.counts = [0] * len(self.sockets)
        self.latencies_ns = []

    def ignore(self, index: int) -> None:
        """Never read this socket again: a slow client."""
        self._epoll.unregister(self.sockets[index].fileno())

    def abort(self) -> None:
        """Abort every connection without a closing handshake."""
        for member in self.sockets:
            # Lingering for zero seconds sends a reset.
            member.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            member.close()
        self._epoll.close()
        self._epoll = select.epoll()
        self._index_of, self.sockets, self.counts, self.kept = {}, [], [], None


def _await(member: socket.socket, token: bytes) -> bytes:
    heard = b""
    while token not in heard:
        try:
            data = member.recv(65536)
        except TimeoutError as silence:
            raise Lost(f"no {token!r} came, but {heard[-400:]!r}") from silence
        if not data:
            raise Lost(f"closed before {token!r} came, after {heard[-400:]!r}")
        heard += data
    return heard
