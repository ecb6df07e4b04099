"""Unpack the archive of a backup that may come from anybody: nothing beyond its folder, and nothing without bound."""

from __future__ import annotations

import gzip
import os
import tarfile
from pathlib import Path, PurePosixPath
from shutil import disk_usage
from typing import IO, cast

__all__ = ["unpack"]

_MAX_READ = 1 << 20
"""Bytes that the reader of headers may ask for at once: content is read in small pieces, and no name is as long."""
_MAX_MEMBERS = 500_000
_DISK_LEFT = 64 << 20
"""Bytes of the disk that stay free."""


class _BoundedReads:
    """A stream that refuses to be read in one large piece: a header that claims to be long would fill the memory."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _MAX_READ:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._stream.read(size)

    def seek(self, position: int) -> int:
        return self._stream.seek(position)

    def tell(self) -> int:
        return self._stream.tell()


def unpack(file: Path, into: Path) -> None:
    """Extract a ``.tar.gz`` of plain files and folders into an empty folder.

    Raises:
        tarfile.TarError: it is none; it has links, devices, or names that lead out of the folder; or it holds more than
            the disk has room for.
        OSError, EOFError, zlib.error: it is damaged, or the disk refuses.
    """
    with (
        gzip.open(file) as stream,
        tarfile.open(fileobj=cast(IO[bytes], _BoundedReads(stream)), mode="r:") as archive,
    ):
        # As the documentation of tarfile advises: Debian 12's Python (3.11.2) has no filters and ignores the attribute.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
        for number, member in enumerate(archive, 1):
            _check(member, number, into)
            archive.extract(_without_owner(member), into)


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Change a member to what the ``data`` filter leaves of it: of whoever unpacks it, and for nobody else to write."""
    member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
    member.mode = 0o700 if member.isdir() else (member.mode & 0o755) | 0o600
    return member


def _check(member: tarfile.TarInfo, number: int, into: Path) -> None:
    if number > _MAX_MEMBERS:
        raise tarfile.ReadError(f"more than {_MAX_MEMBERS:,} files")
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE):
        raise tarfile.ReadError(f"{member.name[:100]!r} is no plain file")
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise tarfile.ReadError(f"{member.name[:100]!r} leads out of the folder")
    if member.size > disk_usage(into).free - _DISK_LEFT:
        raise tarfile.ReadError(
            f"{member.name[:100]!r} has {member.size:,} bytes: more than the disk has room for"
        )
