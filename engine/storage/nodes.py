"""The nodes on a database and the sessions that each owns: beats, evictions, claims and releases.

PostgreSQL's own SQL, unlike the other tables': on SQLite there is one server, and both tables are empty. Constraints do the work: a session's owner is a living node (foreign key), an owner is set only where
there is none, and a node is deleted only with the beat that was seen.
One module, although a long one: each statement relies on what the others leave in both tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.domain.instant import SET_BACK_TOLERANCE, Millis
from engine.storage.database import Connection, Row, Value, one_of

__all__ = [
    "BUILDS_FIRST_SITE",
    "EXPOSED_FILE",
    "NODE_FILE",
    "Look",
    "NodeRow",
    "NodeTable",
    "Owner",
    "exposed_before",
    "lock_name",
    "node_before",
    "others_run",
]

NODE_FILE = ".node"
"""Holds the id of a data folder's node. Hidden, so that no archive takes it to another folder."""
EXPOSED_FILE = ".exposed"
"""Holds the timeline of the database on which that node's last commits may be lost at a failover; empty for none."""
BUILDS_FIRST_SITE = "builds its first site"
"""What a node says for which the database answers, and to which no reader is to be sent yet."""
_HELD = (
    "held AS (SELECT (classid::bigint << 32) | objid::bigint AS lock FROM pg_locks"
    " WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
)
_COLUMNS = "nodes.*, lock IN (SELECT lock FROM held) AS connected"
_TIMELINE = "left(pg_walfile_name(pg_current_wal_lsn()), 8)"
"""Another one after each failover."""
_EXPOSED_ON = (
    "CASE WHEN current_setting('synchronous_standby_names') = ''"
    f" OR current_setting('synchronous_commit') IN ('off', 'local') THEN {_TIMELINE} END"
)
"""The timeline where commits wait for no standby, so that a failover may lose the last of them; else NULL."""
_TAKE_OUT = (
    "WITH gone AS (DELETE FROM nodes WHERE node = :node{condition} RETURNING node, exposed_on),"
    f" free AS (UPDATE owners SET exposed_on = {_EXPOSED_ON},"
    f" tail_lost = CASE WHEN :rolled_back = 1 OR gone.exposed_on <> {_TIMELINE} THEN 1 ELSE tail_lost END"
    " FROM gone WHERE owners.node = gone.node)"
    " SELECT count(*) FROM gone"
)
"""That the sessions have no owner then is done by the foreign key."""
_RUNNING = "('waiting', 'live', 'ending')"
_UNOWNED = (
    "FROM rooms LEFT JOIN owners ON owners.session_id = rooms.session_id"
    f" WHERE owners.node IS NULL AND (phase IN {_RUNNING} OR next_deadline <= :at)"
)
_KEYS = (
    "(SELECT md5(string_agg(k::text, ' ' ORDER BY name)) FROM keys k)"
    " || coalesce((SELECT md5(string_agg(s::text, ' ' ORDER BY s::text)) FROM sign_ins s"
    " WHERE kind = 'secret' AND expires_at > :at), '')"
)
_WEBHOOKS_DUE = (
    "EXISTS (SELECT 1 FROM webhook_deliveries WHERE state IN ('pending', 'running')"
    " AND (next_attempt_at <= :at OR updated_at > :ahead))"
)


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node as a look at the table shows it."""

    node: str
    url: str
    beat: int
    connected: bool
    """Whether its lock is held by a connection of its process."""
    draining: bool
    version: str
    studio_hash: str
    site_at: Millis | None
    """When its copy of the site was made, None before."""
    sessions: int


@dataclass(frozen=True, slots=True)
class Look:
    """What a beat shows: the nodes, and what else a server would have to ask for again and again."""

    nodes: list[NodeRow]
    keys: str
    """Another text after every change of the keys, an expired one too."""
    series: int
    """Rises with every change of a series."""
    webhooks_due: bool
    """Whether a webhook may have to be sent to."""
    unowned: bool
    """Whether a session needs an owner; False where that was not asked."""
    over: str
    """Another text over another connection, and over one to another server."""
    timeline: str
    """Of the database: another one after each failover."""
    exposed_on: str
    """The same where a failover may lose the last commits, else empty."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The living node that owns a session."""

    node: str
    url: str
    term: int
    tail_lost: bool = False
    """The newest records may be lost: their owner died, and so did the database that had them."""


def lock_name(node: str) -> str:
    """What a node holds (``Database.hold``) for as long as its process is connected."""
    return f"node {node}"


def node_before(data: Path) -> str | None:
    """The node as which a process on this data folder joined last, unless that left; whether or not it is dead."""
    return _read(data / NODE_FILE) or None


def exposed_before(data: Path) -> str:
    """Where its last commits may have been lost at a failover since: ``Look.exposed_on`` as that process saw it last."""
    return _read(data / EXPOSED_FILE)


def _read(file: Path) -> str:
    try:
        return file.read_text("ascii").strip()
    except FileNotFoundError:
        return ""


def others_run(connection: Connection, data: Path) -> bool:
    """Whether nodes of other data folders are there."""
    found = connection.value("SELECT count(*) FROM nodes WHERE node <> :own", own=node_before(data) or "")
    return int(found) > 0


class NodeTable:
    """Over a connection of the caller's. Blocking."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def join(self, node: str, *, url: str, version: str, studio_hash: str) -> None:
        """Enter a node; its id was never used before."""
        self._connection.execute(
            "INSERT INTO nodes (node, url, version, studio_hash, draining, load, lock, beat, exposed_on)"
            f" VALUES (:node, :url, :version, :studio_hash, 0, 0, hashtextextended(:lock, 0), 0, {_EXPOSED_ON})",
            node=node,
            url=url,
            version=version,
            studio_hash=studio_hash,
            lock=f"halcytone {lock_name(node)}",
        )

    def leave(self, node: str, *, exposed_on: str = "") -> None:
        """Take a node out; what it owned has no owner then. Waits for its writes that are under way.

        ``exposed_on``: ``Look.exposed_on`` of a node that died, as it saw that last.
        """
        rolled_back = exposed_on and exposed_on != self._connection.value(f"SELECT {_TIMELINE}")
        self._connection.value(_TAKE_OUT.format(condition=""), node=node, rolled_back=int(bool(rolled_back)))

    def beat(
        self,
        node: str,
        *,
        draining: bool,
        load: int,
        site_at: Millis | None,
        at: Millis,
        search_unowned: bool = False,
        whole_on: str = "",
    ) -> Look | None:
        """Count this node's beat up, and look at all nodes; None when this node is not among them: it was evicted.

        ``whole_on``: the timeline that is known to have all that this node acknowledged, empty for the present one. On another
        one it says no longer where its commits are exposed: a death now loses what was to be written again.

        In one statement with whatever else is asked once a second: a database has many nodes that do so.
        """
        rows = self._connection.rows(
            "WITH me AS (UPDATE nodes SET beat = beat + 1, draining = :draining, load = :load, site_at = :site_at,"
            f" exposed_on = CASE WHEN :whole_on IN ('', {_TIMELINE}) THEN {_EXPOSED_ON} ELSE exposed_on END"
            f" WHERE node = :node RETURNING 1), {_HELD}, news AS MATERIALIZED (SELECT {_KEYS} AS keys_state,"
            " (SELECT coalesce(sum(version), 0)::bigint FROM series) AS series,"
            f" {_WEBHOOKS_DUE} AS webhooks_due,"
            f" CASE WHEN :search = 1 THEN EXISTS (SELECT 1 {_UNOWNED}) ELSE false END AS unowned,"
            " pg_backend_pid()::text || ' ' || pg_postmaster_start_time()::text AS over_connection,"
            f" {_TIMELINE} AS timeline, {_EXPOSED_ON} AS exposed_now)"
            f" SELECT (SELECT count(*) FROM me) AS me, {_COLUMNS}, news.* FROM nodes CROSS JOIN news ORDER BY node",
            node=node,
            draining=int(draining),
            load=load,
            site_at=site_at,
            at=at,
            ahead=at + SET_BACK_TOLERANCE,
            search=int(search_unowned),
            whole_on=whole_on,
        )
        if not rows or not rows[0]["me"]:
            return None
        first = rows[0]
        return Look(
            [_row(row) for row in rows],
            first["keys_state"] or "",
            first["series"],
            first["webhooks_due"],
            first["unowned"],
            first["over_connection"],
            first["timeline"],
            first["exposed_now"] or "",
        )

    def all(self) -> list[NodeRow]:
        """All nodes, for somebody who is none."""
        return [
            _row(row)
            for row in self._connection.rows(f"WITH {_HELD} SELECT {_COLUMNS} FROM nodes ORDER BY node")
        ]

    def clock_ahead_s(self, at: Millis) -> float:
        """How many seconds the database's clock is ahead of an instant that is now."""
        return float(self._connection.value("SELECT extract(epoch FROM clock_timestamp())")) - at / 1000

    def evict(self, node: str, beat: int, *, rolled_back: bool = False) -> bool:
        """Take out a node that stood still at ``beat``; False when it moved, or somebody was faster.

        ``rolled_back``: a later beat of it was seen, which the database lacks now, and perhaps records as well. That is
        assumed too where the timeline is another one than that on which its beats were exposed.
        """
        found = self._connection.value(
            _TAKE_OUT.format(condition=" AND beat = :beat"),
            node=node,
            beat=beat,
            rolled_back=int(rolled_back),
        )
        return int(found) == 1

    def claim(self, node: str, session_ids: Sequence[str], *, new: bool = False) -> dict[str, Owner]:
        """Become the owner of those sessions that have none; returns the owner of each, whoever that is.

        A session is missing in the answer when nobody created it, unless it is to be created (``new``), and when this
        node is no living one.
        """
        # Ordered: two nodes that claim the same ones must not wait for each other.
        given = {f"s{index}": session_id for index, session_id in enumerate(sorted(set(session_ids)))}
        self._connection.execute(
            "WITH me AS MATERIALIZED (SELECT 1 FROM nodes WHERE node = :node FOR KEY SHARE)"
            " INSERT INTO owners (session_id, node, term) SELECT wanted.session_id, :node, 1"
            f" FROM (VALUES {', '.join(f'(:{name})' for name in given)}) AS wanted (session_id) CROSS JOIN me"
            f"{'' if new else ' JOIN rooms ON rooms.session_id = wanted.session_id'}"
            " ORDER BY wanted.session_id"
            " ON CONFLICT (session_id) DO UPDATE SET node = excluded.node, term = owners.term + 1, exposed_on = NULL,"
            f" tail_lost = CASE WHEN owners.exposed_on <> {_TIMELINE} THEN 1 ELSE owners.tail_lost END"
            " WHERE owners.node IS NULL",
            node=node,
            **given,
        )
        return self.owners(session_ids)

    def owners(self, session_ids: Sequence[str]) -> dict[str, Owner]:
        """The owners of those sessions that have one."""
        if not session_ids:
            return {}
        wanted, given = one_of("s", session_ids)
        rows = self._connection.rows(
            "SELECT session_id, owners.node, url, term, tail_lost FROM owners JOIN nodes ON nodes.node = owners.node"
            f" WHERE session_id IN {wanted}",
            **given,
        )
        return {
            row["session_id"]: Owner(row["node"], row["url"], row["term"], bool(row["tail_lost"]))
            for row in rows
        }

    def mark_tail(self, node: str, session_id: str, term: int, *, lost: bool) -> None:
        """Take note that the newest records of a session may be lost, or that its owner has begun another epoch since."""
        self._connection.execute(
            "UPDATE owners SET tail_lost = :lost WHERE session_id = :session_id AND node = :node AND term = :term",
            lost=int(lost),
            session_id=session_id,
            node=node,
            term=term,
        )

    def release(self, node: str, terms: Iterable[tuple[str, int]]) -> None:
        """Give sessions up: they have no owner then."""
        given: dict[str, Value] = {}
        for number, (session_id, term) in enumerate(sorted(terms)):
            given |= {f"s{number}": session_id, f"t{number}": term}
        if not given:
            return
        listed = ", ".join(f"(:s{number}, :t{number})" for number in range(len(given) // 2))
        self._connection.execute(
            f"UPDATE owners SET node = NULL, exposed_on = {_EXPOSED_ON}"
            f" FROM (VALUES {listed}) AS given (session_id, term)"
            " WHERE owners.session_id = given.session_id AND owners.term = given.term AND node = :node",
            node=node,
            **given,
        )

    def give(self, node: str, session_id: str, term: int, to: str) -> bool:
        """Let another living node own a session instead; nobody can claim it in between. False when it could not be."""
        return (
            self._connection.execute(
                "UPDATE owners SET node = :to, term = term + 1 WHERE session_id = :session_id AND node = :node"
                " AND term = :term AND EXISTS (SELECT 1 FROM nodes WHERE node = :to)",
                session_id=session_id,
                node=node,
                term=term,
                to=to,
            )
            == 1
        )

    def known(self, session_ids: Sequence[str]) -> set[str]:
        """Which of these sessions somebody created."""
        wanted, given = one_of("s", session_ids)
        rows = self._connection.rows(f"SELECT session_id FROM rooms WHERE session_id IN {wanted}", **given)
        return {row["session_id"] for row in rows}

    def unowned(self, at: Millis) -> list[str]:
        """All sessions without an owner that need one: they are under way, or a deadline of theirs has come."""
        rows = self._connection.rows(f"SELECT rooms.session_id {_UNOWNED} ORDER BY rooms.session_id", at=at)
        return [row["session_id"] for row in rows]


def _row(row: Row) -> NodeRow:
    return NodeRow(
        row["node"],
        row["url"],
        row["beat"],
        row["connected"],
        bool(row["draining"]),
        row["version"],
        row["studio_hash"],
        row["site_at"],
        row["load"],
    )
