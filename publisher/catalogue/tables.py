"""The tables of the publisher, in the database beside the engine's, as numbered steps."""

from __future__ import annotations

from uuid import uuid4

from engine.storage.database import Connection
from engine.storage.meta import Meta
from engine.storage.migrations import Schema, run_script
from engine.storage.series import series_of
from publisher.rendering.links import DEFAULT_URL, Links

__all__ = ["PUBLISHER"]

# The oldest databases have tables and no number: what exists stays.
_TABLES = """
CREATE TABLE IF NOT EXISTS published (
    session_id {text} PRIMARY KEY,
    content_id {text} NOT NULL,
    version {integer} NOT NULL,
    document {text} NOT NULL,
    gist {text} NOT NULL,
    title {text} NOT NULL,
    session_date {integer} NOT NULL,
    day {text} NOT NULL,
    visibility {text} NOT NULL,
    instructor {text},
    instructor_slug {text},
    featured {integer} NOT NULL,
    feed_month {text},
    feed_number {integer},
    published_at {integer} NOT NULL,
    updated_at {integer} NOT NULL
) {by_key};
CREATE INDEX IF NOT EXISTS published_by_date ON published (visibility, session_date, session_id);
CREATE INDEX IF NOT EXISTS published_by_day ON published (visibility, day, session_date);
CREATE INDEX IF NOT EXISTS published_by_instructor ON published (visibility, instructor_slug, session_date);
CREATE INDEX IF NOT EXISTS published_by_feature ON published (visibility, featured, session_date);
CREATE INDEX IF NOT EXISTS published_by_feed ON published (visibility, feed_month, feed_number);
CREATE INDEX IF NOT EXISTS published_by_update ON published (updated_at);
CREATE TABLE IF NOT EXISTS feed_months (
    month {text} PRIMARY KEY,
    items {integer} NOT NULL,
    latest {integer} NOT NULL
) {by_key};
CREATE TABLE IF NOT EXISTS practised (
    slug {text} NOT NULL,
    session_date {integer} NOT NULL,
    session_id {text} NOT NULL,
    PRIMARY KEY (slug, session_date, session_id)
) {by_key};
CREATE INDEX IF NOT EXISTS practised_by_session ON practised (session_id);
CREATE TABLE IF NOT EXISTS tombstones (
    session_id {text} PRIMARY KEY,
    feed_month {text},
    feed_number {integer},
    published_at {integer} NOT NULL,
    withdrawn_at {integer} NOT NULL
) {by_key};
CREATE TABLE IF NOT EXISTS quotes (
    session_id {text} NOT NULL,
    key {text} NOT NULL,
    state {text} NOT NULL,
    updated_at {integer} NOT NULL,
    PRIMARY KEY (session_id, key)
) {by_key};
CREATE TABLE IF NOT EXISTS dirty (page {text} PRIMARY KEY) {by_key};
CREATE TABLE IF NOT EXISTS drafts (
    session_id {text} NOT NULL,
    channel {text} NOT NULL,
    version {integer} NOT NULL,
    state {text} NOT NULL,
    edited {text},
    updated_at {integer} NOT NULL,
    PRIMARY KEY (session_id, channel)
) {by_key};
CREATE TABLE IF NOT EXISTS analytics (
    session_id {text} PRIMARY KEY,
    session_date {integer} NOT NULL,
    document {text} NOT NULL
) {by_key};
CREATE INDEX IF NOT EXISTS analytics_by_date ON analytics (session_date);
CREATE TABLE IF NOT EXISTS subscribers (
    address {text} PRIMARY KEY,
    shown {text} NOT NULL,
    token {text} NOT NULL UNIQUE,
    state {text} NOT NULL,
    created_at {integer} NOT NULL,
    confirmed_at {integer}
) {by_key};
CREATE TABLE IF NOT EXISTS deliveries (
    session_id {text} NOT NULL,
    kind {text} NOT NULL,
    recipient {text} NOT NULL,
    address {text} NOT NULL,
    state {text} NOT NULL,
    attempts {integer} NOT NULL,
    due_at {integer} NOT NULL,
    error {text},
    updated_at {integer} NOT NULL,
    PRIMARY KEY (session_id, kind, recipient)
) {by_key};
CREATE INDEX IF NOT EXISTS deliveries_by_state ON deliveries (state, due_at);
"""

# Pages that wait are counted, so that one that is marked while it is built waits on.
_MARKS = """
CREATE TABLE marks (page {text} PRIMARY KEY, times {integer} NOT NULL) {by_key};
INSERT INTO marks SELECT page, 1 FROM dirty;
DROP TABLE dirty;
"""


# Each data folder has a copy of the site; what changes is marked for every one of them.
_SITES = """
CREATE TABLE sites (site {text} PRIMARY KEY, made_of {text}, seen_at {integer} NOT NULL) {by_key};
INSERT INTO sites SELECT '', (SELECT value FROM meta WHERE key = 'site_made_of'), 0;
CREATE TABLE marks_of_sites (
    site {text} NOT NULL,
    page {text} NOT NULL,
    times {integer} NOT NULL,
    PRIMARY KEY (site, page)
) {by_key};
INSERT INTO marks_of_sites SELECT '', page, times FROM marks;
DROP TABLE marks;
ALTER TABLE marks_of_sites RENAME TO marks;
DELETE FROM meta WHERE key = 'site_made_of';
"""


def _first(connection: Connection) -> None:
    run_script(connection, _TABLES)
    # What tells this site's calendar entries from any other's.
    Meta(connection).setdefault("site_id", uuid4().hex)


# Places in the feed go by time of publication, and what readers know an item by is its own column. Ids that differ
# by case alone are found by what they share.
_PLACES = """
ALTER TABLE published ADD COLUMN guid {text} NOT NULL DEFAULT '';
ALTER TABLE tombstones ADD COLUMN guid {text} NOT NULL DEFAULT '';
DROP INDEX published_by_feed;
CREATE INDEX published_by_publication ON published (visibility, published_at, feed_number, session_id);
CREATE INDEX published_by_place ON published (feed_month, published_at, feed_number, session_id);
CREATE INDEX published_by_guid ON published (guid);
CREATE INDEX published_by_folded_id ON published (lower(session_id));
"""


def _keep_ids_in_feed(connection: Connection) -> None:
    """What is published keeps its address as its id: readers have seen it under that."""
    run_script(connection, _PLACES)
    root = Links(Meta(connection).get("public_url") or DEFAULT_URL).absolute("sessions/")
    for table in ("published", "tombstones"):
        connection.execute(f"UPDATE {table} SET guid = :root || session_id || '/'", root=root)


_SERIES = """
ALTER TABLE published ADD COLUMN series_id {text};
CREATE INDEX published_by_series ON published (series_id, session_date) WHERE series_id IS NOT NULL;
"""

# How often in a row a subscriber's mailbox was refused as unknown.
_REFUSALS = "ALTER TABLE subscribers ADD COLUMN refusals {integer} NOT NULL DEFAULT 0"

# When a mail is due again that is under way while there is something new to say.
_AGAIN = "ALTER TABLE deliveries ADD COLUMN again_at {integer}"

# What was written to those who come to a session: one letter for each.
_LETTERS = """
CREATE TABLE letters (
    session_id {text} PRIMARY KEY,
    subject {text} NOT NULL,
    text {text} NOT NULL,
    written_at {integer} NOT NULL,
    recipients {integer} NOT NULL
) {by_key}
"""

# When a mail's time began (``mail_retries``), and since when refusals of its recipient may be the recipient's own.
_TIMES = """
ALTER TABLE deliveries ADD COLUMN first_due_at {integer};
ALTER TABLE deliveries ADD COLUMN refused_at {integer};
UPDATE deliveries SET first_due_at = due_at;
"""


def _zones(connection: Connection) -> None:
    """In which zone the times of a story are said: that of its series, null for the studio's."""
    run_script(connection, "ALTER TABLE published ADD COLUMN time_zone {text}")
    told = connection.rows("SELECT DISTINCT series_id FROM published WHERE series_id IS NOT NULL ORDER BY 1")
    for row in told:
        series = series_of(connection, row["series_id"])
        if series is not None:
            connection.execute(
                "UPDATE published SET time_zone = :zone WHERE series_id = :id",
                zone=series.time_zone,
                id=series.series_id,
            )


PUBLISHER = Schema(
    "publisher_tables",
    (_first, _MARKS, _keep_ids_in_feed, _SERIES, _SITES, _REFUSALS, _AGAIN, _LETTERS, _TIMES, _zones),
    additive=frozenset({7, 8, 9, 10}),
)
