"""A room: one ring of prepared frames for a session's sockets, and a cursor per seat.

Invariants:
- A frame is encoded once; at the end of a loop tick each transport gets the joined bytes of all that is new.

- Nobody has a queue. A seat is in the crowd, which is up to date, or is written by itself. One whose transport holds
  too much unsent is skipped and catches up from the ring when it drains; one that falls out of the ring is closed
  with 4001 and recovers by position.
- Group figures are conflated: only the newest frame is kept, and a seat is written it once.

One module of more than 300 lines: ring, crowd and cursors are one state, and every write path reads all of it. Cut in
two, the halves would share their private attributes, and a call between them would cost on each frame to each socket.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from engine.domain.session import STAFF
from engine.protocol.close_codes import CloseCode
from engine.realtime.seat import UNSENT_LIMIT, Crowd, Seat
from engine.realtime.tick import Tick

__all__ = ["RING", "Frame", "Room"]

RING = 512
"""Frames kept in memory for those who catch up; the journal has the older ones."""
_RETRY_AFTER = 0.05
"""Seconds until seats with a full transport are tried again."""
_LONGEST_REST = 0.02
"""Seconds that a large room pauses between two flushes at most."""
_LARGE = 64
"""Seats from which on a room pauses after a flush."""
_FIGURES_AT_ONCE = 128
"""Seats that get group figures in one flush: an announcement does not wait for a thousand of them."""
_STALL_TIMEOUT = 20.0
"""Seconds without draining after which a connection is aborted."""

Frame = tuple[int, bytes, str | None, bytes]
"""``seq``, bytes, the client that does not get them, and the bytes that this one gets in their place."""


class Room:
    """The sockets of one session, and the frames that are sent to them."""

    __slots__ = (
        "_alone",
        "_crowd",
        "_figures",
        "_figures_owed",
        "_forgotten",
        "_rests_until",
        "_retry_timer",
        "_ring",
        "_scheduled",
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
        """The seats outside the crowd, in the order in which they left it. A dict for its order."""
        self._ring: deque[Frame] = deque(maxlen=RING)
        self._figures: bytes | None = None
        self._staff_figures: bytes | None = None
        self._figures_owed: dict[Seat, None] = {}
        """The seats that have not got the newest figures yet."""
        self._skips: dict[str, int] = {}
        """The ``seq`` of the newest frame that each client does not get."""
        self._forgotten = 0
        """The ``seq`` of the newest frame that ``forget`` dropped."""
        self._scheduled = False
        self._rests_until = 0.0
        self._unsent_frames = 0
        """Frames published since the last flush."""
        self._retry_timer: asyncio.TimerHandle | None = None
        self._tick = tick

    @property
    def head(self) -> int:
        """The newest ``seq`` published; 0 while this room knows of none."""
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
        """Seat a socket: write ``first`` (the welcome), and from then on every frame after ``cursor``.

        Returns the older seat of the same client, already closed with ``REPLACED``.
        """
        older = self.seats.get(seat.client_id)
        if older is not None and older is not seat:
            older.close(CloseCode.REPLACED, "a newer connection has taken this place")
        else:
            older = None
        seat.admit(first, cursor, replay_until)
        self.seats[seat.client_id] = seat
        if self.tail is None and not self._crowd:  # A rebuilt room does not know the newest position.
            self._crowd.cursor = cursor
        self._alone[seat] = None
        if self.tail is not None and self.tail <= cursor + 1 < self.tail + RING // 2:
            # Where many come in one tick, what it missed may leave the ring before the flush.
            self._catch_up(seat)
        self._schedule()
        return older

    def leave(self, seat: Seat) -> bool:
        """Remove a seat; False when a newer one of its client has replaced it."""
        if self.seats.get(seat.client_id) is not seat:
            return False
        del self.seats[seat.client_id]
        seat.leave_crowd()
        self._alone.pop(seat, None)
        self._figures_owed.pop(seat, None)
        return True

    def publish(self, seq: int, frame: bytes, sender: str | None = None, sender_reply: bytes = b"") -> None:
        """Append the next numbered frame to the ring; it is written at the end of this tick.

        The client ``sender`` gets ``sender_reply`` in its place, unless it reconnects and recovers the frame.
        """
        self._ring.append((seq, frame, sender, sender_reply))
        self._unsent_frames += 1
        if sender is not None:
            self._skips[sender] = seq
            self._take_out(self.seats.get(sender))
            if len(self._skips) > 2 * RING:
                # Frames that have left the ring are written to nobody.
                self._skips = {key: last for key, last in self._skips.items() if last > seq - RING}
        if self._unsent_frames < RING // 2:
            self._schedule()
        else:
            # A tick with more frames than the ring holds must not make every seat look slow.
            self._tick.now(self)

    def restore(self, frames: Sequence[Frame]) -> None:
        """Prepend older frames to the ring, as many as fit: contiguous up to it, oldest first."""
        room = RING - len(self._ring)
        older = [entry for entry in frames if self.tail is None or entry[0] < self.tail]
        for entry in reversed(older[-room:] if room else []):
            self._ring.appendleft(entry)
            if entry[2] is not None:
                self._skips.setdefault(entry[2], entry[0])

    def forget(self) -> None:
        """Flush, then drop every frame of the ring: the journal has what may still be sent.

        A seat that is behind is closed, and recovers from the journal when it reconnects.
        """
        self._tick.now(self)
        head = self.head
        for seat in [seat for seat in self._alone if seat.cursor < head and not seat.closing]:
            seat.close(CloseCode.TOO_SLOW, "too slow; come back and catch up")
        self._ring.clear()
        self._forgotten = head

    def figures(self, everybody: bytes, staff: bytes) -> None:
        """Replace the group figures; each seat gets the newest frame once, ``staff`` or ``everybody`` by its role."""
        self._figures, self._staff_figures = everybody, staff
        self._figures_owed = dict.fromkeys(self.seats.values())
        self._schedule()

    def to_staff(self, frame: bytes) -> None:
        """Write a frame outside the numbering to the staff.

        One that is too slow for it is closed: the welcome after reconnecting holds what this frame says.
        """
        for seat in self.seats.values():
            if seat.role not in STAFF:
                continue
            if seat.unsent > UNSENT_LIMIT:
                seat.close(CloseCode.TOO_SLOW, "too slow; come back and catch up")
            seat.write(frame)

    def to_one(self, client_id: str, frame: bytes) -> None:
        """Write a frame outside the numbering to one client, if it is here and keeps up."""
        seat = self.seats.get(client_id)
        if seat is not None and seat.unsent <= UNSENT_LIMIT:
            self.answer(seat, frame)

    def answer(self, seat: Seat, frame: bytes) -> None:
        """Write a frame outside the numbering to one seat, after everything published so far."""
        # An answer that names a position must not come before the messages that lead up to it.
        reachable = self.tail is not None and seat.cursor + 1 >= self.tail
        if seat.cursor < self.head and reachable and not seat.closing:
            self._take_out(seat)
            self._catch_up(seat)
        seat.write(frame)

    def close(self, client_id: str, code: CloseCode, reason: str = "") -> None:
        """Flush, then close one client."""
        seat = self.seats.get(client_id)
        if seat is not None:
            self._tick.now(self)
            seat.close(code, reason)

    def close_all(self, code: CloseCode, reason: str | Callable[[], str] = "") -> None:
        """Flush, then close everybody; a callable ``reason`` is asked for each."""
        self._tick.now(self)
        for seat in list(self.seats.values()):
            seat.close(code, reason if isinstance(reason, str) else reason())

    def _schedule(self) -> None:
        if self._scheduled:
            return
        self._scheduled = True
        if self._rests_until:
            loop = asyncio.get_running_loop()
            wait = self._rests_until - loop.time()
            if wait > 0:
                loop.call_later(wait, self._tick.due, self)
                return
        self._tick.due(self)

    def flush(self) -> int:
        """Write to every seat what is new for it; returns the number of frames written."""
        self._scheduled = False
        self._unsent_frames = 0
        began = asyncio.get_running_loop().time() if len(self.seats) >= _LARGE else 0.0
        written = self._write_crowd()
        if self._alone:
            written += self._write_alone()
        more = bool(self._figures_owed) and self._write_figures()
        if began and written:
            ended = asyncio.get_running_loop().time()
            # A large room pauses half as long as the flush took: what comes meanwhile leaves in one write per seat.
            self._rests_until = ended + min((ended - began) / 2, _LONGEST_REST)
        if more:
            self._schedule()
        return written

    def _take_out(self, seat: Seat | None) -> None:
        """Move a seat out of the crowd until it is up to date again."""
        if seat is not None and seat.crowd is not None:
            seat.leave_crowd()
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
        for seat in crowd.advance(self._joined_since(crowd.cursor), head) if reached else crowd.remove_all():
            self._alone[seat] = None
        return missed * len(crowd)

    def _write_alone(self) -> int:
        """Write to each seat outside the crowd what it is behind; one that is up to date then joins the crowd."""
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
                    else:
                        # The same bytes for every seat at this cursor: after a restart many return at once.
                        seat.transport.write(data)
                        seat.own_cursor = head
                        written += head - cursor
            seat.stalled_at = None
            if seat.own_cursor == self._crowd.cursor:
                del self._alone[seat]
                self._crowd.add(seat)
            behind |= seat.cursor < head
        if behind:
            self._retry_soon()
        return written

    def _write_figures(self) -> bool:
        """Write the newest figures to some of the seats that have not got them and keep up; True when more are left."""
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
            self._retry_soon()
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
        if start > len(self._ring) // 2:
            # A deque is slow in its middle.
            newest: list[Frame] = []
            for entry in reversed(self._ring):
                if entry[0] <= cursor:
                    break
                newest.append(entry)
            newest.reverse()
            return newest
        return list(self._ring)[start:]

    def _catch_up(self, seat: Seat) -> int:
        """Write what a seat is behind, frame by frame, as far as its transport takes it; returns the number of frames."""
        if seat.transport.is_closing():
            return 0
        chunk: list[bytes] = []
        space = UNSENT_LIMIT - seat.unsent
        for seq, frame, sender, sender_reply in self._since(seat.own_cursor):
            if space <= 0:
                break
            if sender == seat.client_id and seq > seat.replay_until:
                frame = sender_reply
            chunk.append(frame)
            space -= len(frame)
            seat.own_cursor = seq
        seat.write(b"".join(chunk))
        return len(chunk)

    def _skip(self, seat: Seat, at: float) -> bool:
        """Skip a slow seat this time; False, and the connection aborted, when it has stalled for too long."""
        if seat.stalled_at is None:
            seat.stalled_at = at
        if at - seat.stalled_at > _STALL_TIMEOUT:
            seat.abort(CloseCode.TOO_SLOW)
            return False
        return True

    def _retry_soon(self) -> None:
        if self._retry_timer is None:
            self._retry_timer = asyncio.get_running_loop().call_later(_RETRY_AFTER, self._retry)

    def _retry(self) -> None:
        self._retry_timer = None
        self._tick.now(self)
