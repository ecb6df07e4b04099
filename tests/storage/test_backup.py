"""Backup while writing, restore with checks."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import shutil
import sqlite3
import stat
import tarfile
import tracemalloc
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.storage import archive_reader
from engine.storage.backup import BackupRefused, backup, restore
from engine.storage.data_lock import DataInUse, occupy
from engine.storage.database import DatabaseUnusable
from engine.storage.journal import Append
from engine.storage.keys import Keys
from engine.storage.opening import database_of
from engine.storage.signing_key import signing_key
from engine.storage.sqlite import FILE_NAME
from engine.storage.sqlite_journal import SqliteJournal
from publisher.catalogue.published import Catalogue
from tests.storage.rows import outcomes, records, room


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "drafts" / "morning").mkdir(parents=True)
    (folder / "public").mkdir()
    (folder / "drafts" / "morning" / "twitter.txt").write_text("Breathe with us")
    (folder / "public" / "index.html").write_text("made from the catalogue")
    (folder / "studio.toml").write_text('name = "Quiet Room"\n')
    signing_key(folder)
    with closing(Keys(database_of(folder))) as keys:
        keys.ensure_administrator("secret", at=1)
    return folder


def test_everything_but_the_site_comes_back(data: Path, tmp_path: Path) -> None:
    """Database, studio, drafts and signing key are restored; the site is left to a rebuild."""
    backup(data, database_of(data), tmp_path / "b.tar.gz", prepare=Catalogue, at=1_000)
    restore(tmp_path / "b.tar.gz", tmp_path / "other")

    other = tmp_path / "other"
    assert signing_key(other) == signing_key(data)
    assert (other / "studio.toml").read_text() == 'name = "Quiet Room"\n'
    assert (other / "drafts" / "morning" / "twitter.txt").read_text() == "Breathe with us"
    assert not (other / "public").exists()
    assert stat.S_IMODE((other / FILE_NAME).stat().st_mode) == 0o600
    with closing(Keys(database_of(other))) as keys:
        assert keys.identify("secret") is not None


def test_the_archive_is_for_its_owner_alone(data: Path, tmp_path: Path) -> None:
    """It holds keys: nobody else may read it."""
    backup(data, database_of(data), tmp_path / "b.tar.gz", prepare=Catalogue, at=1_000)
    assert stat.S_IMODE((tmp_path / "b.tar.gz").stat().st_mode) == 0o600


async def test_a_backup_during_writes_is_of_one_moment(data: Path, tmp_path: Path) -> None:
    """Appends go on meanwhile; the copy holds a whole prefix of the log."""
    loop = asyncio.get_running_loop()
    journal = SqliteJournal(database_of(data), loop)
    await outcomes(journal, [Append("a", 0, records(1, 500), room=room("a"))])

    making = loop.run_in_executor(
        None, partial(backup, data, database_of(data), tmp_path / "b.tar.gz", 1_000, prepare=Catalogue)
    )
    position = 500
    while not making.done():
        await outcomes(journal, [Append("a", position, records(position + 1, position + 10))])
        position += 10
    await making
    await journal.close()

    restore(tmp_path / "b.tar.gz", tmp_path / "other")
    restored = SqliteJournal(database_of(tmp_path / "other"), loop)
    loaded = await restored.load("a")
    await restored.close()
    assert loaded is not None
    assert loaded.hole is None
    assert 500 <= loaded.latest <= position
    assert loaded.latest % 10 == 0


def test_progress_reaches_the_end(data: Path, tmp_path: Path) -> None:
    """The last report says that all pages are copied."""
    seen: list[tuple[int, int]] = []
    backup(
        data,
        database_of(data),
        tmp_path / "b.tar.gz",
        prepare=Catalogue,
        at=1,
        progress=lambda copied, pages: seen.append((copied, pages)),
    )
    assert seen[-1][0] == seen[-1][1] > 0


def test_a_running_server_is_not_overwritten(data: Path, tmp_path: Path) -> None:
    """While the folder is held, a restore into it is refused even when told to replace."""
    backup(data, database_of(data), tmp_path / "b.tar.gz", prepare=Catalogue, at=1)
    with occupy(data), pytest.raises(DataInUse):
        restore(tmp_path / "b.tar.gz", data, replace=True)


def test_a_database_is_replaced_only_on_demand_and_kept_aside(data: Path, tmp_path: Path) -> None:
    """Without the word it is refused; with it the old folder stands beside the new one."""
    backup(data, database_of(data), tmp_path / "b.tar.gz", prepare=Catalogue, at=1)
    (data / "studio.toml").write_text("changed")

    with pytest.raises(BackupRefused, match="already has a database"):
        restore(tmp_path / "b.tar.gz", data)
    restore(tmp_path / "b.tar.gz", data, replace=True)

    assert (data / "studio.toml").read_text() == 'name = "Quiet Room"\n'
    assert (tmp_path / "data.replaced" / "studio.toml").read_text() == "changed"


def test_a_folder_with_other_things_is_left_alone(data: Path, tmp_path: Path) -> None:
    """A restore into somebody's documents is refused."""
    backup(data, database_of(data), tmp_path / "b.tar.gz", prepare=Catalogue, at=1)
    other = tmp_path / "documents"
    other.mkdir()
    (other / "letter.txt").write_text("Dear")

    with pytest.raises(BackupRefused, match="not empty"):
        restore(tmp_path / "b.tar.gz", other)
    assert (other / "letter.txt").read_text() == "Dear"


def test_a_damaged_archive_changes_nothing(data: Path, tmp_path: Path) -> None:
    """Cut off or garbled anywhere, it is refused and the folder is not made."""
    backup(data, database_of(data), tmp_path / "b.tar.gz", prepare=Catalogue, at=1)
    whole = (tmp_path / "b.tar.gz").read_bytes()
    for spoiled in (b"", b"no archive", whole[: len(whole) // 2], whole[:200] + b"\0\0\0\0" + whole[204:]):
        (tmp_path / "b.tar.gz").write_bytes(spoiled)
        with pytest.raises(BackupRefused, match=r"b\.tar\.gz"):
            restore(tmp_path / "b.tar.gz", tmp_path / "other")
        assert not (tmp_path / "other").exists()


def test_an_archive_cannot_write_outside_its_folder(data: Path, tmp_path: Path) -> None:
    """A member that climbs out is refused."""
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as archive:
        archive.add(data / "studio.toml", "../escaped.toml")
    with pytest.raises(BackupRefused):
        restore(tmp_path / "evil.tar.gz", tmp_path / "other")
    assert not (tmp_path / "escaped.toml").exists()


def test_a_damaged_database_is_not_backed_up(data: Path, tmp_path: Path) -> None:
    """It could not be restored, and older backups, which could, would go for it."""
    with database_of(data).connect() as connection, connection.transaction():
        connection.execute("CREATE TABLE much (word TEXT)")
        for n in range(2000):
            connection.execute("INSERT INTO much VALUES (:word)", word=f"{n:0>100}")
    with closing(sqlite3.connect(data / FILE_NAME)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (data / FILE_NAME).open("r+b") as file:
        file.seek(-10 * 4096, os.SEEK_END)
        file.write(b"\xa5" * 4096)
    with pytest.raises(BackupRefused, match="damaged"):
        backup(data, database_of(data), tmp_path / "b.tar.gz", prepare=Catalogue, at=1_000)
    assert not (tmp_path / "b.tar.gz").exists()


def test_there_must_be_something_to_back_up(tmp_path: Path) -> None:
    """A folder without a database is refused by name, and no file is left."""
    with pytest.raises(BackupRefused, match=FILE_NAME):
        backup(tmp_path, database_of(tmp_path), tmp_path / "b.tar.gz", prepare=Catalogue, at=1)
    assert not (tmp_path / "b.tar.gz").exists()


def test_a_backup_of_a_newer_version_is_refused(data: Path, tmp_path: Path) -> None:
    """Its database says what to do about it."""
    with database_of(data).connect() as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'engine_schema'")
        # Made by the newer version itself, which can open it.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with pytest.raises(DatabaseUnusable, match="newer version"):
        backup(data, database_of(data), tmp_path / "b.tar.gz", prepare=Catalogue, at=1)


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link
    return info


def long_header(kind: bytes, size: int) -> bytes:
    """The header of a name, or of other fields of the next member, that claims to be so long."""
    return member("././@LongLink", kind, size).tobuf(tarfile.GNU_FORMAT)


HOSTILE = {
    "an absolute path": member("/etc/halcytone-was-here").tobuf(),
    "a path that climbs": member("../outside").tobuf(),
    "a path that climbs later": member("drafts/../../outside").tobuf(),
    "a symbolic link out": member("drafts", tarfile.SYMTYPE, link="/etc").tobuf(),
    "a symbolic link inside": member("studio.toml", tarfile.SYMTYPE, link="halcytone.db").tobuf(),
    "a hard link": member("studio.toml", tarfile.LNKTYPE, link="/etc/passwd").tobuf(),
    "a device": member("drafts/null", tarfile.CHRTYPE).tobuf(),
    "a pipe": member("drafts/pipe", tarfile.FIFOTYPE).tobuf(),
    "a sparse file": member("drafts/sparse", tarfile.GNUTYPE_SPARSE, 1 << 50).tobuf(tarfile.GNU_FORMAT),
    "a file beyond the disk": member("drafts/huge", size=1 << 55).tobuf(tarfile.GNU_FORMAT),
    "a name of 4 GiB": long_header(tarfile.GNUTYPE_LONGNAME, 1 << 32) + bytes(4 << 20),
    "a header of 4 GiB": long_header(tarfile.XHDTYPE, 1 << 32) + bytes(4 << 20),
    "bytes that are no archive": b"x" * 4096,
    "nothing": b"",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_archive_is_refused_and_leaves_nothing(tmp_path: Path, what: str) -> None:
    """Nothing is written beside the folder, no disk and no memory is filled, and the folder is not made."""
    inside = tmp_path / "inside"
    inside.mkdir()
    archive = inside / "b.tar.gz"
    archive.write_bytes(gzip.compress(HOSTILE[what] + bytes(1024)))
    tracemalloc.start()
    try:
        with pytest.raises(BackupRefused, match=r"no usable backup"):
            restore(archive, inside / "data")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 << 20
    assert [path.name for path in inside.iterdir()] == ["b.tar.gz"]
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


def test_an_archive_that_ends_early_says_what_it_lacks(tmp_path: Path) -> None:
    """One damaged byte may look like its end: no path of the folder that it was unpacked into is named."""
    archive = tmp_path / "b.tar.gz"
    archive.write_bytes(gzip.compress(member("studio.toml").tobuf() + bytes(1024)))
    with pytest.raises(BackupRefused, match=r"^b\.tar\.gz is no usable backup, .* holds no manifest\.json$"):
        restore(archive, tmp_path / "data")


@pytest.mark.parametrize("filters", [True, False], ids=["filters", "no filters"])
def test_what_is_unpacked_is_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters: bool) -> None:
    """Owner and rights of the archive are left behind, by Pythons that have filters for it and by those before 3.11.4."""
    if not filters:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    info = member("drafts/run-me", size=4)
    info.mode, info.uid, info.gid = 0o4777, os.getuid() + 1000, os.getgid() + 1000
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as archive:
        archive.addfile(info, io.BytesIO(b"text"))
    archive_reader.unpack(tmp_path / "b.tar.gz", tmp_path)
    unpacked = tmp_path / "drafts" / "run-me"
    assert unpacked.read_bytes() == b"text"
    assert stat.S_IMODE(unpacked.stat().st_mode) == 0o755
    assert (unpacked.stat().st_uid, unpacked.stat().st_gid) == (os.getuid(), os.getgid())


def test_a_bomb_stops_where_the_disk_would_be_full(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many files that are small in the archive: what was unpacked of them is gone again."""
    usage = shutil.disk_usage(tmp_path)
    written = 0

    def filling(path: Path) -> Any:
        nonlocal written
        written += 1
        return usage._replace(free=archive_reader._DISK_LEFT + (10 << 20) * (4 - written))

    monkeypatch.setattr(archive_reader, "disk_usage", filling)
    bomb = tmp_path / "bomb.tar.gz"
    with tarfile.open(bomb, "w:gz") as archive:
        for number in range(20):
            archive.addfile(member(f"drafts/{number}", size=10 << 20), io.BytesIO(bytes(10 << 20)))
    with pytest.raises(BackupRefused, match="more than the disk has room for"):
        restore(bomb, tmp_path / "other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bomb.tar.gz", "data"]
