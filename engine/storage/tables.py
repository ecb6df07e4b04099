"""The tables of the engine, as numbered steps (``migrations``). A list that only grows, and so a long module."""

from __future__ import annotations

import json

from engine.storage.database import Connection
from engine.storage.migrations import Schema

__all__ = ["ENGINE"]

_TABLES = """
    CREATE TABLE keys (
        name {text} PRIMARY KEY,
        role {text} NOT NULL,
        digest {bytes} NOT NULL,
        created_at {integer} NOT NULL,
        revoked_at {integer}
    ) {by_key};

    CREATE TABLE rooms (
        session_id {text} PRIMARY KEY,
        epoch {text} NOT NULL,
        phase {text} NOT NULL,
        title {text} NOT NULL,
        instructor {text} NOT NULL,
        session_type {text} NOT NULL,
        scheduled_start {integer} NOT NULL,
        started_at {integer},
        ended_at {integer},
        visibility {text} NOT NULL,
        access {text} NOT NULL,
        max_participants {integer} NOT NULL,
        next_deadline {integer},
        document {text} NOT NULL,
        created_at {integer} NOT NULL,
        updated_at {integer} NOT NULL,
        sequence {integer} NOT NULL,
        cancelled {integer} NOT NULL
    ) {by_key};
    CREATE INDEX rooms_by_phase ON rooms (phase, scheduled_start, session_id);
    CREATE INDEX rooms_by_deadline ON rooms (next_deadline) WHERE next_deadline IS NOT NULL;

    CREATE TABLE journal (
        session_id {text} NOT NULL,
        position {integer} NOT NULL,
        seq {integer},
        at {integer} NOT NULL,
        event {bytes} NOT NULL,
        PRIMARY KEY (session_id, position)
    ) {by_key};

    CREATE TABLE state_snapshots (
        session_id {text} PRIMARY KEY,
        position {integer} NOT NULL,
        state {bytes} NOT NULL
    ) {by_key};

    CREATE TABLE event_ids (
        session_id {text} NOT NULL,
        event_id {text} NOT NULL,
        PRIMARY KEY (session_id, event_id)
    ) {by_key};

    CREATE TABLE people (
        session_id {text} NOT NULL,
        client_id {text} NOT NULL,
        name {text},
        consents {text} NOT NULL,
        email {text},
        own_summary {text},
        rating {integer},
        comment {text},
        quote_state {text},
        publish_quote {integer} NOT NULL,
        publish_name {integer} NOT NULL,
        vouched {integer} NOT NULL,
        updated_at {integer} NOT NULL,
        PRIMARY KEY (session_id, client_id)
    ) {by_key};

    CREATE TABLE snapshots (
        session_id {text} NOT NULL,
        version {integer} NOT NULL,
        content_id {text} NOT NULL UNIQUE,
        document {text} NOT NULL,
        created_at {integer} NOT NULL,
        PRIMARY KEY (session_id, version)
    ) {by_key};

    CREATE TABLE outbox (
        id {identity},
        session_id {text} NOT NULL,
        channel {text} NOT NULL,
        version {integer} NOT NULL,
        content_hash {text} NOT NULL,
        state {text} NOT NULL,
        attempts {integer} NOT NULL,
        next_attempt_at {integer},
        last_error {text},
        updated_at {integer} NOT NULL,
        UNIQUE (session_id, channel, content_hash)
    );
    CREATE INDEX outbox_by_state ON outbox (state, next_attempt_at);
"""

# The log in the order in which it is written: a commit of many sessions fills one page after the other,
# where a table sorted by session has a page to write for each (a quarter of the time with 500 of them).
_JOURNAL_AS_WRITTEN = """
    ALTER TABLE journal RENAME TO journal_by_session;
    CREATE TABLE journal (
        session_id {text} NOT NULL,
        position {integer} NOT NULL,
        seq {integer},
        at {integer} NOT NULL,
        event {bytes} NOT NULL,
        PRIMARY KEY (session_id, position)
    );
    INSERT INTO journal SELECT session_id, position, seq, at, event FROM journal_by_session;
    DROP TABLE journal_by_session;
"""


def _count_participants(connection: Connection) -> None:
    """How many came to a session that is over, beside what else the list shows of it: its log is not read for that."""
    over = connection.rows(
        "SELECT session_id, document FROM rooms WHERE phase IN ('ending', 'ended', 'published', 'cancelled')"
    )
    for room in over:
        state = connection.value(
            "SELECT state FROM state_snapshots WHERE session_id = :session_id", session_id=room["session_id"]
        )
        members = json.loads(state)["members"].values() if state else ()
        came = sum(member["role"] == "participant" for member in members)
        connection.execute(
            "UPDATE rooms SET document = :document WHERE session_id = :session_id",
            document=json.dumps(
                {**json.loads(room["document"]), "participant_count": came}, ensure_ascii=False
            ),
            session_id=room["session_id"],
        )


# Who runs on this database, and whose each session is. Empty where there is one server alone (SQLite).
# Every start of a process is a row of its own; its number is counted up each second.
_NODES = """
    CREATE TABLE nodes (
        node {text} PRIMARY KEY,
        url {text} NOT NULL,
        version {text} NOT NULL,
        studio_hash {text} NOT NULL,
        draining {integer} NOT NULL,
        load {integer} NOT NULL,
        site_at {integer},
        lock {integer} NOT NULL,
        beat {integer} NOT NULL
    ) {updated_often};

    CREATE TABLE owners (
        session_id {text} PRIMARY KEY,
        node {text} REFERENCES nodes (node) ON DELETE SET NULL,
        term {integer} NOT NULL
    ) {by_key};
    CREATE INDEX owners_by_node ON owners (node);
"""

_SERIES = """
    CREATE TABLE series (
        series_id {text} PRIMARY KEY,
        document {text} NOT NULL,
        version {integer} NOT NULL,
        created_at {integer} NOT NULL,
        ended_at {integer}
    ) {by_key};
    ALTER TABLE rooms ADD COLUMN series_id {text};
    ALTER TABLE rooms ADD COLUMN occurrence {text};
    CREATE INDEX rooms_by_series ON rooms (series_id, scheduled_start) WHERE series_id IS NOT NULL;
"""

# Who is told what happens here, and what they were told. Removed with their webhook.
_WEBHOOKS = """
    CREATE TABLE webhooks (
        id {text} PRIMARY KEY,
        url {text} NOT NULL,
        events {text} NOT NULL,
        description {text},
        secret {text} NOT NULL,
        created_at {integer} NOT NULL,
        off_at {integer},
        off_reason {text}
    ) {by_key};
    CREATE TABLE webhook_deliveries (
        number {identity},
        id {text} NOT NULL UNIQUE,
        webhook_id {text} NOT NULL,
        event {text} NOT NULL,
        subject {text} NOT NULL,
        payload {text} NOT NULL,
        state {text} NOT NULL,
        attempts {integer} NOT NULL,
        created_at {integer} NOT NULL,
        updated_at {integer} NOT NULL,
        next_attempt_at {integer},
        status {integer},
        error {text}
    );
    CREATE INDEX webhook_deliveries_by_state ON webhook_deliveries (state, next_attempt_at);
    CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, number);
    CREATE INDEX webhook_deliveries_by_subject ON webhook_deliveries (subject) WHERE subject <> '';
"""

# Ids that differ by case alone are found by what they share.
_FOLDED_IDS = "CREATE INDEX rooms_by_folded_id ON rooms (lower(session_id))"

# Whose publisher runs a job, where several share the outbox.
_CLAIMED_BY = "ALTER TABLE outbox ADD COLUMN claimed_by {text}"

# Registrations for a session or a whole series, and their places in each session.
_REGISTRATIONS = """
    CREATE TABLE registrations (
        registration {text} PRIMARY KEY,
        session_id {text},
        series_id {text},
        name {text},
        address {text},
        token {text} NOT NULL UNIQUE,
        created_at {integer} NOT NULL,
        confirmed_at {integer}
    ) {by_key};
    CREATE INDEX registrations_by_series ON registrations (series_id, created_at) WHERE series_id IS NOT NULL;
    CREATE TABLE places (
        session_id {text} NOT NULL,
        registration {text} NOT NULL,
        number {integer} NOT NULL,
        state {text} NOT NULL,
        told_start {integer} NOT NULL,
        PRIMARY KEY (session_id, registration)
    ) {by_key};
    CREATE INDEX places_by_registration ON places (registration);
    CREATE TABLE place_numbers (session_id {text} PRIMARY KEY, last {integer} NOT NULL) {by_key};
    CREATE TABLE registration_requests (
        number {identity},
        who {text} NOT NULL,
        until {integer} NOT NULL
    );
    CREATE INDEX registration_requests_by_who ON registration_requests (who, until);
"""

# The roles of a team, and which sessions and series each key leads.
_TEAM = """
    UPDATE keys SET role = 'admin' WHERE role = 'administrator';
    ALTER TABLE keys ADD COLUMN email {text};
    CREATE TABLE leaders (
        kind {text} NOT NULL,
        id {text} NOT NULL,
        key_name {text} NOT NULL,
        at {integer} NOT NULL,
        PRIMARY KEY (kind, id, key_name)
    ) {by_key};
    CREATE INDEX leaders_by_key ON leaders (key_name);
"""

# Links that sign in once, and the secrets that they gave.
_SIGN_INS = """
    CREATE TABLE sign_ins (
        digest {bytes} PRIMARY KEY,
        key_name {text} NOT NULL,
        kind {text} NOT NULL,
        expires_at {integer} NOT NULL
    ) {by_key};
"""

# Who made a session or series and who was removed from it is kept; what a key told without a session is a story of its
# own. Before, that stood as if the key led the session: it stood there before the session did, or without one.
_MAKERS = """
    ALTER TABLE leaders ADD COLUMN maker {integer} NOT NULL DEFAULT 0;
    ALTER TABLE leaders ADD COLUMN removed_at {integer};
    UPDATE leaders SET kind = 'story' WHERE kind = 'session' AND NOT EXISTS
        (SELECT 1 FROM rooms r WHERE r.session_id = leaders.id AND r.created_at <= leaders.at);
    DELETE FROM leaders WHERE kind = 'story' AND EXISTS
        (SELECT 1 FROM leaders o WHERE o.kind = 'story' AND o.id = leaders.id
         AND (o.at < leaders.at OR (o.at = leaders.at AND o.key_name < leaders.key_name)));
    CREATE UNIQUE INDEX leaders_of_stories ON leaders (id) WHERE kind = 'story';
    UPDATE leaders SET maker = 1 WHERE kind = 'series' OR (kind = 'session'
        AND at <= (SELECT r.created_at + 60000 FROM rooms r WHERE r.session_id = leaders.id)
        AND NOT EXISTS (SELECT 1 FROM leaders o WHERE o.kind = 'session' AND o.id = leaders.id AND o.at < leaders.at));
"""

# Which rows a server of the version before wrote, which knows neither makers nor removals: they have no number here.
# What stands there already was completed by the step before.
_COMPLETED_LEADERS = """
    ALTER TABLE leaders ADD COLUMN step {integer};
    UPDATE leaders SET step = 12;
    CREATE INDEX leaders_to_complete ON leaders (id) WHERE step IS NULL;
"""

# Public keys that stand for a key of the team, the challenges that were given out, and which secrets a passkey gave.
_PASSKEYS = """
    CREATE TABLE passkeys (
        id {text} PRIMARY KEY,
        key_name {text} NOT NULL,
        key_digest {bytes} NOT NULL,
        public_key {bytes} NOT NULL,
        sign_count {integer} NOT NULL,
        name {text} NOT NULL,
        created_at {integer} NOT NULL,
        used_at {integer}
    ) {by_key};
    CREATE INDEX passkeys_by_key ON passkeys (key_name);
    CREATE TABLE passkey_challenges (
        digest {bytes} PRIMARY KEY,
        key_name {text},
        expires_at {integer} NOT NULL
    ) {by_key};
    ALTER TABLE sign_ins ADD COLUMN passkey {text};
"""

# Techniques that the studio wrote itself.
_OWN_TECHNIQUES = """
    CREATE TABLE own_techniques (
        slug {text} PRIMARY KEY,
        document {text} NOT NULL,
        updated_at {integer} NOT NULL
    ) {by_key};
"""

# Where a failover may lose what was written last: on which timeline of the database a node beat, and on which a session was
# given up, empty where commits wait for a standby; and the sessions whose newest records are lost so, perhaps.
_TAILS = """
    ALTER TABLE nodes ADD COLUMN exposed_on {text};
    ALTER TABLE owners ADD COLUMN exposed_on {text};
    ALTER TABLE owners ADD COLUMN tail_lost {integer};
"""

ENGINE = Schema(
    "engine_schema",
    (
        _TABLES,
        _JOURNAL_AS_WRITTEN,
        _count_participants,
        _NODES,
        _SERIES,
        _WEBHOOKS,
        _FOLDED_IDS,
        _CLAIMED_BY,
        _REGISTRATIONS,
        _TEAM,
        _SIGN_INS,
        _MAKERS,
        _COMPLETED_LEADERS,
        _PASSKEYS,
        _OWN_TECHNIQUES,
        _TAILS,
    ),
    additive=frozenset({12, 13, 14, 15, 16}),
)
