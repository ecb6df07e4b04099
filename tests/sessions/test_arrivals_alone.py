"""Arrivals by themselves, over the narrow port to their session: when somebody is seated, refused, replaced, or waits."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from engine.domain import commands as c
from engine.domain.session import Presence, Role
from engine.protocol.close_codes import CloseCode
from engine.sessions.arrival.arrivals import Arrivals
from engine.sessions.messages import Attach, Detach, MissedRecords
from engine.sessions.ports import RoomPort
from engine.storage.journal import Journal
from tests.sessions.fake_session import FakeJournal, FakeRoom, FakeSeat, FakeSession, frame_of


class Door:
    """A session's arrivals with everything around them in memory."""

    def __init__(self) -> None:
        self.session = FakeSession()
        self.room = FakeRoom()
        self.journal = FakeJournal(self.session)
        self.mailbox: asyncio.Queue[MissedRecords] = asyncio.Queue()
        self.arrivals = Arrivals(
            "s",
            self.session,
            cast(RoomPort[Any], self.room),
            cast(Journal, self.journal),
            lambda: self.session.now,
            self.mailbox.put_nowait,
        )

    def attach(
        self, client_id: str, *, after: int | None = None, proved: bool = False, commit: bool = True
    ) -> FakeSeat:
        """Somebody connects; the join is durable unless ``commit`` is False."""
        seat = FakeSeat(client_id)
        join = c.Join(client_id, Role.PARTICIPANT, proved)
        self.arrivals.attach(Attach(seat, join, {}, after, None if after is None else "epoch"))
        if commit:
            self.session.commit()
        return seat

    def lose(self, seat: FakeSeat) -> None:
        """A connection breaks, with everything handed out that was published."""
        assert self.session.state is not None
        seat.cursor = self.session.state.seq
        self.arrivals.detach(Detach(seat, clean=False))

    def presence(self, client_id: str) -> Presence:
        """Where a member is."""
        assert self.session.state is not None
        return self.session.state.members[client_id].presence

    async def read(self) -> None:
        """Let the read of missed messages end, and hand out what came."""
        self.arrivals.hand_out_missed(await self.mailbox.get())


def test_nobody_is_seated_before_their_join_is_durable() -> None:
    """A welcome says where one stands, and so it waits for the commit."""
    door = Door()
    seat = door.attach("ada", commit=False)
    assert seat.written == []
    door.session.commit()
    assert seat.first == {"type": "welcome", "seq": 2, "recovered": False}
    assert door.room.seats == {"ada": seat}
    assert door.session.seats_taken == [(False, False)]


def test_who_is_refused_gets_the_reason_and_its_close_code() -> None:
    """Whoever comes to a session that is over is told so, and not seated."""
    door = Door()
    door.session.run(c.End(), c.Sender(Role.ADMIN))
    seat = door.attach("ada")
    assert seat.first["code"] == "session_over"
    assert seat.closed is CloseCode.SESSION_OVER
    assert door.room.seats == {}


def test_of_two_connections_on_their_way_the_newer_is_seated() -> None:
    """The older one is closed before it could take the newer one's place."""
    door = Door()
    first = door.attach("ada", commit=False)
    second = door.attach("ada", proved=True, commit=False)
    door.session.commit()
    assert first.closed is CloseCode.REPLACED
    assert first.written == []
    assert door.room.seats == {"ada": second}


def test_what_the_ring_holds_needs_no_journal() -> None:
    """Somebody who returns in time goes on behind their last message."""
    door = Door()
    door.lose(door.attach("ada"))
    door.session.announce(3)
    door.room.published(tail=2, head=5)
    back = door.attach("ada", proved=True)
    assert back.first == {"type": "welcome", "seq": 2, "recovered": True}
    assert (back.cursor, door.journal.reads) == (2, [])


async def test_what_the_ring_no_longer_holds_is_read_once_for_all_who_wait() -> None:
    """Two come back at once: one read, and each gets what they missed in order, behind their welcome."""
    door = Door()
    ada, bob = door.attach("ada"), door.attach("bob")
    door.lose(ada)
    door.lose(bob)
    door.session.announce(3)
    door.room.published(tail=7, head=6)
    returned = [door.attach(name, proved=True, after=3) for name in ("ada", "bob")]
    assert [seat.written for seat in returned] == [[], []]
    assert door.arrivals.busy
    await door.read()
    assert door.journal.reads == [3]
    for seat in returned:
        assert seat.first == {"type": "welcome", "seq": 3, "recovered": True}
        assert door.room.seats[seat.client_id] is seat
    # The ring has them now, and the room hands them out.
    assert door.room.tail == 4


async def test_what_was_read_before_a_withdrawal_is_read_again() -> None:
    """Nobody gets words that were taken back while they waited."""
    door = Door()
    eve, ada = door.attach("eve"), door.attach("ada")
    door.lose(ada)
    door.session.announce(2)
    door.room.published(tail=6, head=5)
    back = door.attach("ada", proved=True, after=2)
    door.session.run(c.Withdraw("eve"), c.Sender(Role.ADMIN))
    door.arrivals.withdraw("eve")
    assert eve.closed is CloseCode.DONE
    await door.read()
    assert back.written == []
    await door.read()
    assert door.journal.reads == [2, 2]
    assert back.first["recovered"] is True


async def test_who_breaks_off_while_they_wait_is_not_seated() -> None:
    """Their connection counts as lost from then on."""
    door = Door()
    door.lose(door.attach("ada"))
    door.session.announce(2)
    door.room.published(tail=5, head=4)
    back = door.attach("ada", proved=True, after=1)
    assert door.presence("ada") is Presence.PRESENT
    back.closing = True
    await door.read()
    assert back.written == []
    assert door.presence("ada") is Presence.AWAY


async def test_what_is_too_far_back_is_not_handed_out_in_part() -> None:
    """All that was missed, or a fresh start: never a gap."""
    door = Door()
    door.lose(door.attach("ada"))
    door.session.announce(1200)
    door.room.published(tail=1203, head=1202)
    back = door.attach("ada", proved=True, after=2)
    assert back.first["recovered"] is False
    assert frame_of(3) not in back.written[0]
    assert door.journal.reads == []


async def test_who_still_waits_when_the_session_is_unloaded_reconnects() -> None:
    """They are closed with the code after which clients come back."""
    door = Door()
    door.lose(door.attach("ada"))
    door.session.announce(2)
    door.room.published(tail=5, head=4)
    back = door.attach("ada", proved=True, after=1)
    door.arrivals.stop()
    assert (back.closed, back.written) == (CloseCode.MOVED, [])
    assert door.room.seats == {}


def test_a_goodbye_leaves_and_a_break_is_lost() -> None:
    """One is announced at once, the other has its grace; a socket that was replaced changes nothing."""
    door = Door()
    ada, bob = door.attach("ada"), door.attach("bob")
    door.arrivals.detach(Detach(ada, clean=True))
    door.arrivals.detach(Detach(bob, clean=False))
    assert (door.presence("ada"), door.presence("bob")) == (Presence.LEFT, Presence.AWAY)
    door.room.published(tail=1, head=4)
    again = door.attach("bob", proved=True)
    door.arrivals.detach(Detach(bob, clean=True))
    assert door.presence("bob") is Presence.PRESENT
    assert door.room.seats == {"bob": again}
