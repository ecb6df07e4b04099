"""The tables of the publisher, in the database file beside the engine's."""

from __future__ import annotations

__all__ = ["TABLES", "TABLES_VERSION"]

TABLES_VERSION = "2"
"""Changes with the tables; an older file is brought up when it is opened."""

TABLES = """
CREATE TABLE IF NOT EXISTS published (
    session_id TEXT PRIMARY KEY,
    content_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    document TEXT NOT NULL,
    gist TEXT NOT NULL,
    title TEXT NOT NULL,
    session_date INTEGER NOT NULL,
    day TEXT NOT NULL,
    visibility TEXT NOT NULL,
    instructor TEXT,
    instructor_slug TEXT,
    featured INTEGER NOT NULL,
    feed_month TEXT,
    feed_number INTEGER,
    published_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS published_by_date ON published (visibility, session_date, session_id);
CREATE INDEX IF NOT EXISTS published_by_day ON published (visibility, day, session_date);
CREATE INDEX IF NOT EXISTS published_by_instructor ON published (visibility, instructor_slug, session_date);
CREATE INDEX IF NOT EXISTS published_by_feature ON published (visibility, featured, session_date);
CREATE INDEX IF NOT EXISTS published_by_feed ON published (visibility, feed_month, feed_number);
CREATE INDEX IF NOT EXISTS published_by_update ON published (updated_at);
CREATE TABLE IF NOT EXISTS feed_months (
    month TEXT PRIMARY KEY,
    items INTEGER NOT NULL,
    latest INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS practised (
    slug TEXT NOT NULL,
    session_date INTEGER NOT NULL,
    session_id TEXT NOT NULL,
    PRIMARY KEY (slug, session_date, session_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS practised_by_session ON practised (session_id);
CREATE TABLE IF NOT EXISTS tombstones (
    session_id TEXT PRIMARY KEY,
    feed_month TEXT,
    feed_number INTEGER,
    published_at INTEGER NOT NULL,
    withdrawn_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quotes (
    session_id TEXT NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (session_id, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks (page TEXT PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS drafts (
    session_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    edited TEXT,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (session_id, channel)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS analytics (
    session_id TEXT PRIMARY KEY,
    session_date INTEGER NOT NULL,
    document TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS analytics_by_date ON analytics (session_date);
CREATE TABLE IF NOT EXISTS subscribers (
    address TEXT PRIMARY KEY,
    shown TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    confirmed_at INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deliveries (
    session_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    address TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    error TEXT,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (session_id, kind, recipient)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deliveries_by_state ON deliveries (state, due_at);
"""
