"""How many seats of one session each network address has taken, and the limit for it."""

from __future__ import annotations

from engine.domain import commands as c
from engine.domain.decide import decide
from engine.domain.instant import Millis
from engine.domain.rejection import Forbidden
from engine.domain.session import Role, Session
from engine.sessions.messages import Attach, SeatClaim

__all__ = ["AddressSeats"]


class AddressSeats:
    """Participants that came from each address that is counted, those who left included."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def claim(self, message: Attach, before: Session | None, at: Millis) -> SeatClaim | None:
        """The claim that a new participant's seat is counted under; None where none is needed.

        Raises:
            Rejected: the address has all the seats it may have.
        """
        claim, join = message.claim, message.join
        if claim is None or before is None or join.role is not Role.PARTICIPANT:
            return None
        known = before.members.get(join.client_id)
        if known is not None and known.owned:
            return None
        if self._taken.get(claim.address, 0) >= claim.most:
            # Whatever else keeps them out comes first: a stranger must not learn of a private session by this.
            decide(before, join, sender=c.Sender(join.role, join.client_id), at=at)
            raise Forbidden(
                "too_many_from_here",
                f"{claim.most} people of this network address are or were in this session: that is all it may have.",
            )
        return claim

    def take(self, claim: SeatClaim) -> None:
        """Count a seat that was taken."""
        self._taken[claim.address] = self._taken.get(claim.address, 0) + 1
