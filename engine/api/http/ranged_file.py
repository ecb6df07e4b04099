"""Files of which a reader may ask for one part: aiohttp's response, with the conditions of RFC 9110."""

from __future__ import annotations

import os
import re
from io import BufferedReader

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter

__all__ = ["RangedFile"]

_ONE_RANGE = re.compile(r"(?i:bytes)=(?:(?P<first>[0-9]{1,18})-(?P<last>[0-9]{0,18})|-0*[1-9][0-9]{0,17})")


class RangedFile(web.FileResponse):
    """A file response that is the whole file, unless one part of just this file is asked for.

    aiohttp refuses what it cannot read of a range, and knows dates alone in ``If-Range``: a download that goes on would get the
    rest of another file.
    """

    async def _prepare_open_file(
        self, request: web.BaseRequest, fobj: BufferedReader, st: os.stat_result, file_encoding: str | None
    ) -> AbstractStreamWriter | None:
        if hdrs.RANGE in request.headers and not _is_range_of(
            request, f'"{st.st_mtime_ns:x}-{st.st_size:x}"'
        ):
            headers = request.headers.copy()
            del headers[hdrs.RANGE]
            request = request.clone(headers=headers)
        return await super()._prepare_open_file(request, fobj, st, file_encoding)


def _is_range_of(request: web.BaseRequest, etag: str) -> bool:
    """Whether a request wants one part of the file that has this ETag; if not, it is answered with the whole (RFC 9110, 14.2)."""
    found = _ONE_RANGE.fullmatch(request.headers[hdrs.RANGE].strip())
    if found is None or request.method != hdrs.METH_GET:
        return False
    first, last = found["first"], found["last"]
    if first and last and int(first) > int(last):
        return False
    return request.headers.get(hdrs.IF_RANGE, etag).strip() == etag
