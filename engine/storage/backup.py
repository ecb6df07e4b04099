"""Backup of a data folder into one archive file while the server runs, and restore from it.

The archive holds the database as one consistent copy and the folder's other files (studio, templates,
signing key, drafts), each with its checksum. It does not hold the site (``public/``, ``private/``):
that is a function of the catalogue, and rebuilding it after a restore gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from engine.domain.instant import Millis, iso
from engine.storage.archive_reader import unpack
from engine.storage.data_lock import LOCK_FILE, occupy
from engine.storage.database import Connection, Database, Progress
from engine.storage.opening import database_of
from engine.storage.sqlite import FILE_NAME

__all__ = ["BackupRefused", "Progress", "backup", "restore"]

_FORMAT = 1
_MANIFEST = "manifest.json"
_MADE_ELSEWHERE = frozenset({"public", "private", FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"})


class BackupRefused(Exception):
    """The archive cannot be written or used, or the folder is not free; the message says why."""


def backup(
    data: Path,
    database: Database,
    file: Path,
    at: Millis,
    *,
    prepare: Callable[[Connection], object],
    progress: Progress | None = None,
) -> None:
    """Write ``file``, readable by its owner alone. The server may run and write meanwhile.

    The database is in it as a SQLite file, whichever it is; ``prepare`` as ``Database.copy_to`` says.

    Raises:
        BackupRefused: there is no database in ``data``, or it is damaged: a copy would take the place of a good one.
        OSError: the archive cannot be written; no half of it is left.
    """
    if not database.exists():
        raise BackupRefused(f"there is no {FILE_NAME} in {data}, and no other database")
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as staging:
        copy = Path(staging) / FILE_NAME
        copy.touch(mode=0o600)
        database.copy_to(copy, prepare, progress)
        if wrong := database_of(Path(staging)).problems():
            raise BackupRefused(f"the database is damaged, and no copy of it is kept: {wrong[0]}")
        kept = {FILE_NAME: copy} | {str(path.relative_to(data)): path for path in _files(data, file)}
        packed = Path(staging) / "archive"
        _pack(packed, kept, Path(staging) / _MANIFEST, at)
        packed.chmod(0o600)
        packed.replace(file)


def restore(file: Path, data: Path, *, replace: bool = False) -> None:
    """Put an archive's content into ``data``, complete or not at all.

    With ``replace`` a folder that has a database goes aside, to ``<data>.replaced``.

    Raises:
        BackupRefused: no archive of this system, damaged, of a newer version, or ``data`` is not free.
        DataInUse: a running server holds ``data``.
    """
    data.parent.mkdir(parents=True, exist_ok=True)
    if not data.exists():
        _restore_into(file, data, None)
        return
    with occupy(data):
        aside = None
        if (data / FILE_NAME).exists():
            if not replace:
                raise BackupRefused(
                    f"{data} already has a database; with --replace it is put aside, to {data.name}.replaced"
                )
            aside = data.with_name(f"{data.name}.replaced")
            if aside.exists():
                raise BackupRefused(f"{aside} exists: what was replaced earlier is there, move it away")
        elif any(entry.name != LOCK_FILE for entry in data.iterdir()):
            raise BackupRefused(f"{data} is not empty")
        _restore_into(file, data, aside)


def _restore_into(file: Path, data: Path, aside: Path | None) -> None:
    with tempfile.TemporaryDirectory(dir=data.parent, prefix=f".{data.name}.") as staging:
        fresh = Path(staging) / "data"
        _unpack(file, fresh)
        if aside is not None:
            data.rename(aside)
        elif data.exists():
            (data / LOCK_FILE).unlink(missing_ok=True)
            data.rmdir()
        fresh.rename(data)


def _files(data: Path, archive: Path) -> Iterator[Path]:
    for path in sorted(data.rglob("*")):
        inside = path.relative_to(data)
        passing = inside.parts[0] in _MADE_ELSEWHERE or any(part.startswith(".") for part in inside.parts)
        if passing or path.suffix == ".lock" or path.is_symlink() or path == archive.absolute():
            continue
        if path.is_file():
            yield path


def _pack(packed: Path, kept: dict[str, Path], manifest: Path, at: Millis) -> None:
    checksums: dict[str, str] = {}
    with tarfile.open(packed, "w:gz", compresslevel=6) as archive:
        for name, path in kept.items():
            # A draft may be rewritten or withdrawn while we read: it is copied as it is, or not at all.
            with suppress(FileNotFoundError):
                content = path.read_bytes() if name != FILE_NAME else None
                checksums[name] = _checksum(path) if content is None else hashlib.sha256(content).hexdigest()
                _add(archive, name, path, content)
        manifest.write_text(json.dumps({"format": _FORMAT, "made_at": iso(at), "files": checksums}, indent=1))
        archive.add(manifest, _MANIFEST)
    with packed.open("rb+") as written:
        os.fsync(written.fileno())


def _add(archive: tarfile.TarFile, name: str, path: Path, content: bytes | None) -> None:
    if content is None:
        archive.add(path, name)
        return
    info = archive.gettarinfo(path, name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def _unpack(file: Path, into: Path) -> None:
    into.mkdir(mode=0o700)
    try:
        unpack(file, into)
        if not (into / _MANIFEST).is_file():
            raise BackupRefused(f"{file.name} is no usable backup, or is damaged: it holds no {_MANIFEST}")
        manifest = json.loads((into / _MANIFEST).read_text())
        number, checksums = manifest["format"], dict(manifest["files"])
    except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise BackupRefused(f"{file.name} is no usable backup: {error}") from error
    if number != _FORMAT:
        raise BackupRefused(f"{file.name} has format {number}, this version reads {_FORMAT}")
    (into / _MANIFEST).unlink()
    found = {str(path.relative_to(into)) for path in into.rglob("*") if path.is_file()}
    damaged = sorted(
        (found ^ checksums.keys())
        | {name for name in found & checksums.keys() if _checksum(into / name) != checksums[name]}
    )
    if damaged:
        raise BackupRefused(f"{file.name} is damaged: {', '.join(damaged[:5])}")
    if FILE_NAME not in found:
        raise BackupRefused(f"{file.name} holds no {FILE_NAME}")
    if wrong := database_of(into).problems():
        raise BackupRefused(f"the database in {file.name} cannot be used: {wrong[0]}")


def _checksum(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
