"""A room: one ring of prepared frames, and a cursor per seat.

Invariants:
- A frame is encoded once; at the end of a loop tick each transport gets the joined bytes of all that is new.
- Nobody has a queue. A seat is in the crowd, which has everything, or stands by itself. One whose transport holds
  too much unsent is skipped and catches up from the ring when it drains; one that falls out of the ring is closed
  with 4001 and recovers by position.
- Group figures are conflated: only the newest frame is kept, and a seat is written it once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter

from engine.domain.session import STAFF
from engine.protocol.close_codes import CloseCode
from engine.realtime.seat import UNSENT_LIMIT, Crowd, RoomEvents, Seat

__all__ = ["RING", "Frame", "Room", "Tick"]

RING = 512
"""Frames kept in memory for those who catch up; the journal has the older ones."""
_LOOK_AGAIN = 0.05
_LONGEST_REST = 0.02
_LARGE = 64
"""Seats from which on a room rests after it wrote."""
_FIGURES_AT_ONCE = 128
"""Seats that are written group figures before others have their turn: an announcement does not wait for a thousand."""
_STALLED_FOR = 20.0
"""Seconds without draining after which a peer is given up."""

Frame = tuple[int, bytes, str | None, bytes]
"""``seq``, bytes, the client that it skips, and what that one gets in its place."""


class Tick:
    """The end of a loop tick: one scheduled call in which all rooms that have something new write it."""

    __slots__ = ("_due", "events")

    def __init__(self, events: RoomEvents) -> None:
        self.events = events
        self._due: list[Room] = []

    def due(self, room: Room) -> None:
        """Let ``room`` write at the end of this tick."""
        if not self._due:
            asyncio.get_running_loop().call_soon(self._run)
        self._due.append(room)

    def now(self, room: Room) -> None:
        """Let ``room`` write at once."""
        self._write([room])

    def _run(self) -> None:
        rooms, self._due = self._due, []
        self._write(rooms)

    def _write(self, rooms: list[Room]) -> None:
        began = perf_counter()
        written = done = 0
        try:
            for room in rooms:
                done += 1
                written += room.flush()
        finally:
            # A room that fails must not silence those after it.
            for room in rooms[done:]:
                self.due(room)
            if written:
                self.events.delivered(written, perf_counter() - began)


class Room:
    """The seats of one session and what they are told."""

    __slots__ = (
        "_alone",
        "_catching_up",
        "_crowd",
        "_figures",
        "_figures_owed",
        "_flushing",
        "_forgotten",
        "_rested_at",
        "_ring",
        "_skips",
        "_staff_figures",
        "_tick",
        "_unsent_frames",
        "seats",
    )

    def __init__(self, tick: Tick) -> None:
        self.seats: dict[str, Seat] = {}
        self._crowd = Crowd()
        self._alone: dict[Seat, None] = {}
        """Who is not in the crowd, in the order in which they left it."""
        self._ring: deque[Frame] = deque(maxlen=RING)
        self._figures: bytes | None = None
        self._staff_figures: bytes | None = None
        self._figures_owed: dict[Seat, None] = {}
        """Who has not been written the newest yet."""
        self._skips: dict[str, int] = {}
        """The newest frame that each client is not sent."""
        self._forgotten = 0
        """The newest frame that was let go of on purpose."""
        self._flushing = False
        self._rested_at = 0.0
        self._unsent_frames = 0
        """Published since the last flush."""
        self._catching_up: asyncio.TimerHandle | None = None
        self._tick = tick

    @property
    def head(self) -> int:
        """The newest ``seq`` that was published; 0 while this room knows of none."""
        return self._ring[-1][0] if self._ring else self._forgotten

    @property
    def tail(self) -> int | None:
        """The oldest ``seq`` in the ring; the next one while the ring is empty, None if that is not known."""
        if self._ring:
            return self._ring[0][0]
        return self._forgotten + 1 if self._forgotten else None

    def reaches_back_to(self, seq: int, head: int) -> bool:
        """Whether the ring holds everything after ``seq``, up to ``head``."""
        return seq >= head or (self.tail is not None and self.tail <= seq + 1)

    def admit(self, seat: Seat, first: bytes, cursor: int, replay_until: int = 0) -> Seat | None:
        """Give a seat its first bytes and everything after ``cursor`` from then on.

        Returns the seat whose place it takes, already told that it is replaced.
        """
        older = self.seats.get(seat.client_id)
        if older is not None and older is not seat:
            older.close(CloseCode.REPLACED, "a newer connection has taken this place")
        else:
            older = None
        seat.begin(first, cursor, replay_until)
        self.seats[seat.client_id] = seat
        if self.tail is None and not self._crowd:  # A room that was rebuilt does not know how far it is.
            self._crowd.cursor = cursor
        self._alone[seat] = None
        if self.tail is not None and self.tail <= cursor + 1 < self.tail + RING // 2:
            # What it missed may leave the ring before the next flush, with all the others who come now.
            self._catch_up(seat)
        self._schedule()
        return older

    def leave(self, seat: Seat) -> bool:
        """Take a seat away; False when another one has its place already."""
        if self.seats.get(seat.client_id) is not seat:
            return False
        del self.seats[seat.client_id]
        seat.stand_alone()
        self._alone.pop(seat, None)
        self._figures_owed.pop(seat, None)
        return True

    def publish(self, seq: int, frame: bytes, skip: str | None = None, instead: bytes = b"") -> None:
        """Add the next numbered frame; it leaves at the end of this tick.

        The client ``skip`` gets ``instead`` in its place, unless it missed the frame and recovers it.
        """
        self._ring.append((seq, frame, skip, instead))
        self._unsent_frames += 1
        if skip is not None:
            self._skips[skip] = seq
            self._take_out(self.seats.get(skip))
            if len(self._skips) > 2 * RING:  # What has left the ring is skipped by nobody any more.
                self._skips = {key: last for key, last in self._skips.items() if last > seq - RING}
        if self._unsent_frames < RING // 2:
            self._schedule()
        else:  # A tick that brings more than the ring holds must not make everybody look slow.
            self._tick.now(self)

    def restore(self, frames: Sequence[Frame]) -> None:
        """Fill the ring backwards with what was published before it: contiguous, oldest first."""
        room = RING - len(self._ring)
        older = [entry for entry in frames if self.tail is None or entry[0] < self.tail]
        for entry in reversed(older[-room:] if room else []):
            self._ring.appendleft(entry)
            if entry[2] is not None:
                self._skips.setdefault(entry[2], entry[0])

    def forget(self) -> None:
        """Hand out what is published, then keep nothing of it: the journal has what may still be told.

        Whoever does not take it now comes back and is told from there.
        """
        self._tick.now(self)
        head = self.head
        for seat in [seat for seat in self._alone if seat.cursor < head and not seat.closing]:
            seat.close(CloseCode.TOO_SLOW, "too slow; come back and catch up")
        self._ring.clear()
        self._forgotten = head

    def figures(self, everybody: bytes, staff: bytes) -> None:
        """Replace the group figures; each seat gets the newest, once."""
        self._figures, self._staff_figures = everybody, staff
        self._figures_owed = dict.fromkeys(self.seats.values())
        self._schedule()

    def to_staff(self, frame: bytes) -> None:
        """Tell those who lead. Who does not keep up comes back: a welcome has it all, a gap has not."""
        for seat in self.seats.values():
            if seat.role not in STAFF:
                continue
            if seat.unsent > UNSENT_LIMIT:
                seat.close(CloseCode.TOO_SLOW, "too slow; come back and catch up")
            seat.write(frame)

    def to_one(self, client_id: str, frame: bytes) -> None:
        """Tell one client, if it is here and keeps up."""
        seat = self.seats.get(client_id)
        if seat is not None and seat.unsent <= UNSENT_LIMIT:
            self.answer(seat, frame)

    def answer(self, seat: Seat, frame: bytes) -> None:
        """Tell one seat, after everything that is published already."""
        # An answer that names a position must not come before the messages that lead up to it.
        reachable = self.tail is not None and seat.cursor + 1 >= self.tail
        if seat.cursor < self.head and reachable and not seat.closing:
            self._take_out(seat)
            self._catch_up(seat)
        seat.write(frame)

    def close(self, client_id: str, code: CloseCode, reason: str = "") -> None:
        """Hand out what is published, then ask one client to go."""
        seat = self.seats.get(client_id)
        if seat is not None:
            self._tick.now(self)
            seat.close(code, reason)

    def close_all(self, code: CloseCode, reason: str | Callable[[], str] = "") -> None:
        """Hand out what is published, then ask everybody to go."""
        self._tick.now(self)
        for seat in list(self.seats.values()):
            seat.close(code, reason if isinstance(reason, str) else reason())

    def _schedule(self) -> None:
        if self._flushing:
            return
        self._flushing = True
        if self._rested_at:
            loop = asyncio.get_running_loop()
            wait = self._rested_at - loop.time()
            if wait > 0:
                loop.call_later(wait, self._tick.due, self)
                return
        self._tick.due(self)

    def flush(self) -> int:
        """Write to every seat what is new for it; how many frames that were."""
        self._flushing = False
        self._unsent_frames = 0
        began = asyncio.get_running_loop().time() if len(self.seats) >= _LARGE else 0.0
        written = self._write_crowd()
        if self._alone:
            written += self._write_alone()
        more = bool(self._figures_owed) and self._write_figures()
        if began and written:
            ended = asyncio.get_running_loop().time()
            # A large room rests half as long as it wrote: what comes meanwhile leaves in one write for each.
            self._rested_at = ended + min((ended - began) / 2, _LONGEST_REST)
        if more:
            self._schedule()
        return written

    def _take_out(self, seat: Seat | None) -> None:
        """Let a seat stand by itself until it has everything again."""
        if seat is not None and seat.crowd is not None:
            seat.stand_alone()
            self._alone[seat] = None

    def _write_crowd(self) -> int:
        crowd, head = self._crowd, self.head
        missed = head - crowd.cursor
        if missed <= 0:
            return 0
        if not crowd:
            crowd.cursor = head
            return 0
        reached = self.tail is not None and self.tail <= crowd.cursor + 1
        for seat in crowd.advance(self._joined_since(crowd.cursor), head) if reached else crowd.part():
            self._alone[seat] = None
        return missed * len(crowd)

    def _write_alone(self) -> int:
        """Write those who stand by themselves what each of them misses; who has everything then joins the crowd."""
        head, skips, owed = self.head, self._skips, self._figures_owed
        joined: dict[int, bytes] = {}
        written, behind = 0, False
        for seat in list(self._alone):
            if seat.closing or seat.transport.is_closing():
                del self._alone[seat]
                continue
            cursor = seat.own_cursor
            if cursor < head or seat in owed:
                unsent = seat.unsent
                if unsent > UNSENT_LIMIT:
                    behind |= self._skip(seat, asyncio.get_running_loop().time())
                    continue
                if cursor < head:
                    data = joined.get(cursor)
                    if data is None:
                        if self.tail is not None and cursor + 1 < self.tail:
                            seat.close(CloseCode.TOO_SLOW, "too slow; come back and catch up")
                            continue
                        data = joined[cursor] = self._joined_since(cursor)
                    if skips.get(seat.client_id, 0) > cursor or len(data) > UNSENT_LIMIT - unsent:
                        written += self._catch_up(seat)
                    else:  # The same bytes for everybody who stands here: a crowd that returns.
                        seat.transport.write(data)
                        seat.own_cursor = head
                        written += head - cursor
            seat.stalled_at = None
            if seat.own_cursor == self._crowd.cursor:
                del self._alone[seat]
                self._crowd.take_in(seat)
            behind |= seat.cursor < head
        if behind:
            self._look_again_soon()
        return written

    def _write_figures(self) -> bool:
        """Write the newest figures to some of those who have not got them and keep up; whether there are more."""
        left, owed, full = _FIGURES_AT_ONCE, self._figures_owed, False
        for seat in list(owed):
            if seat.closing or seat.transport.is_closing():
                del owed[seat]
            elif seat.cursor < self.head:
                continue
            elif seat.unsent > UNSENT_LIMIT:
                self._take_out(seat)
                full = True
            elif left:
                figures = self._staff_figures if seat.role in STAFF else self._figures
                if figures is not None:
                    seat.transport.write(figures)
                del owed[seat]
                left -= 1
            else:
                return True
        if full:
            self._look_again_soon()
        return False

    def _joined_since(self, cursor: int) -> bytes:
        newest = self._ring[-1]
        if newest[0] == cursor + 1:
            return newest[1]
        return b"".join([entry[1] for entry in self._since(cursor)])

    def _since(self, cursor: int) -> Iterable[Frame]:
        if not self._ring or cursor >= self._ring[-1][0]:
            return ()
        start = max(0, cursor + 1 - self._ring[0][0])
        if start > len(self._ring) // 2:  # A deque is quick at its ends.
            newest: list[Frame] = []
            for entry in reversed(self._ring):
                if entry[0] <= cursor:
                    break
                newest.append(entry)
            newest.reverse()
            return newest
        return list(self._ring)[start:]

    def _catch_up(self, seat: Seat) -> int:
        """Frame by frame, as far as the transport takes them; one that broke takes none."""
        if seat.transport.is_closing():
            return 0
        chunk: list[bytes] = []
        space = UNSENT_LIMIT - seat.unsent
        for seq, frame, skip, instead in self._since(seat.own_cursor):
            if space <= 0:
                break
            if skip == seat.client_id and seq > seat.replay_until:
                frame = instead
            chunk.append(frame)
            space -= len(frame)
            seat.own_cursor = seq
        seat.write(b"".join(chunk))
        return len(chunk)

    def _skip(self, seat: Seat, at: float) -> bool:
        """Leave a slow seat alone for now; whether it still has a chance."""
        if seat.stalled_at is None:
            seat.stalled_at = at
        if at - seat.stalled_at > _STALLED_FOR:
            seat.abort(CloseCode.TOO_SLOW)
            return False
        return True

    def _look_again_soon(self) -> None:
        if self._catching_up is None:
            self._catching_up = asyncio.get_running_loop().call_later(_LOOK_AGAIN, self._look_again)

    def _look_again(self) -> None:
        self._catching_up = None
        self._tick.now(self)
