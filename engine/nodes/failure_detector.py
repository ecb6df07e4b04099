"""The failure detector: which nodes are dead, by the beats seen in the database, and who takes their sessions. Pure functions.

A beat is a number that its node counts up, not a time. Instants and durations are seconds of the watcher's own
monotonic clock; no clock is compared with another machine's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

__all__ = [
    "BEAT_S",
    "LEFT_TO_COMERS_S",
    "TTL_S",
    "Beat",
    "Unchanged",
    "Verdict",
    "View",
    "may_serve",
    "observe",
    "share_of",
    "unowned_for_long",
]

BEAT_S = 1.0
"""Between two beats of a node, each of which is a look at the others too."""
TTL_S = 5.0
"""How long a watcher must see one and the same number before it evicts the node."""
LEFT_TO_COMERS_S = 1.5 * BEAT_S
"""How long a session without an owner is left to whoever comes to it."""
_LONGEST_GAP_S = 2.5 * BEAT_S
"""Two looks further apart are no uninterrupted view: the database may have been away for everybody."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What one look says of a node."""

    number: int
    connected: bool
    """Whether the lock is held that a node's process holds by a connection of its own."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    number: int
    since: float
    """When the answer came that showed this number for the first time."""


@dataclass(frozen=True, slots=True)
class View:
    """What a watcher has seen without interruption."""

    began: float | None = None
    last: float | None = None
    """When the newest answer came."""
    nodes: Mapping[str, Unchanged] = field(default_factory=dict)


def observe(
    view: View, asked_at: float, answered_at: float, beats: Mapping[str, Beat]
) -> tuple[View, dict[str, int]]:
    """The view after one more look at the other nodes, and whom to evict: nodes with the number seen.

    ``asked_at`` and ``answered_at`` are when the statement was sent and its answer came. A node is dead once one number was
    seen for ``TTL_S``, or, where the view has lasted so long, in two looks a beat apart of which the second finds its
    connection gone: a process that was killed.
    """
    if view.last is None or answered_at - view.last > _LONGEST_GAP_S:
        view = View(began=answered_at)
    nodes: dict[str, Unchanged] = {}
    dead: dict[str, int] = {}
    for node, beat in beats.items():
        before = view.nodes.get(node)
        if before is None or before.number != beat.number:
            nodes[node] = Unchanged(beat.number, answered_at)
            continue
        nodes[node] = before
        assert view.began is not None
        # From the answer that showed it first to the question that found it again: never longer than it was.
        unchanged = asked_at - before.since
        killed = not beat.connected and asked_at - view.began >= TTL_S and unchanged >= BEAT_S / 2
        if unchanged >= TTL_S or killed:
            dead[node] = beat.number
    return View(view.began, answered_at, nodes), dead


class Verdict(Enum):
    """Whether a node may go on serving its sockets."""

    SERVE = auto()
    ASK = auto()
    """The database has not answered for so long that others may have evicted this node: ask them."""
    CUT_OFF = auto()
    """The database answers others: close the sockets, whose clients find their sessions elsewhere."""


def may_serve(unanswered_s: float, peers: Collection[bool] | None) -> Verdict:
    """Whether a node may go on whose beat has had no answer for so many seconds.

    ``peers`` says of each other node that answered whether the database answers it; None before they are asked. Safety
    does not hang on this: what an evicted node writes is refused. Without any answer sockets stay, because a database
    that is away for everybody is a pause.
    """
    if unanswered_s < TTL_S:
        return Verdict.SERVE
    if peers is None:
        return Verdict.ASK
    return Verdict.CUT_OFF if any(peers) else Verdict.SERVE


def unowned_for_long(
    before: Mapping[str, float], unowned: Collection[str], at: float
) -> tuple[dict[str, float], list[str]]:
    """Since when each session is seen without an owner, and those that one has to be found for, because nobody came.

    ``before`` is what the look before this one gave. Whoever comes has their session claimed by the node to which the
    balancer sends all that come to it; at any other node each of them would have to be forwarded.
    """
    since = {session_id: before.get(session_id, at) for session_id in unowned}
    return since, [session_id for session_id, first in since.items() if at - first >= LEFT_TO_COMERS_S]


def share_of(unowned: Sequence[str], me: str, living: Collection[str]) -> list[str]:
    """The sessions without an owner that this node should claim now: an equal share, of which others begin elsewhere.

    ``living`` are all nodes that serve, this one among them. All shares together are everything.
    """
    most = -(-len(unowned) // max(1, len(living)))
    return sorted(unowned, key=lambda session_id: _place(session_id, me))[:most]


def _place(session_id: str, node: str) -> bytes:
    return hashlib.blake2b(f"{session_id} {node}".encode(), digest_size=8).digest()
