"""Pictures of a studio's own: a file of its folder, checked, made small and written anew.

Written anew, a photo says no longer where and with what it was taken. The same file gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["LARGEST_MIB", "Picture", "PictureRefused", "logo_of", "portrait_of", "within"]

LARGEST_MIB: Final = 10
_MOST_PIXELS: Final = 50_000_000
_FORMATS: Final = ("PNG", "JPEG", "WEBP")
_LOGO_BOX: Final = (480, 160)
"""Pixels: pages show a quarter of that, so that it is sharp on every screen."""
_PORTRAIT_SIDE: Final = 320
_KEPT: Final = 512
"""More pictures than a studio may have: all of them are asked for at each load."""


class PictureRefused(ValueError):
    """A picture cannot be used; the message says why."""


@dataclass(frozen=True)
class Picture:
    """A picture as it is published, with its size in pixels."""

    data: bytes
    media_type: str
    width: int
    height: int

    @cached_property
    def digest(self) -> str:
        """Ten hex digits that change with the picture."""
        return hashlib.sha256(self.data).hexdigest()[:10]

    @cached_property
    def suffix(self) -> str:
        """How the name of its file ends: ``.png``, ``.jpg``."""
        return ".png" if self.media_type == "image/png" else ".jpg"


def logo_of(file: Path) -> Picture:
    """A logo as PNG, at most 480 by 160 pixels; what is transparent in it stays so.

    Raises:
        PictureRefused: the file is missing, too large or no picture.
    """
    return _result(_prepared(*_checked(file), "logo"))


def portrait_of(file: Path) -> Picture:
    """A photo as JPEG: the square in its middle, at most 320 pixels wide, upright.

    Raises:
        PictureRefused: the file is missing, too large or no picture.
    """
    return _result(_prepared(*_checked(file), "portrait"))


@lru_cache(maxsize=8)
def within(picture: Picture, width: int, height: int) -> str:
    """The picture made to fit a box, as PNG in base64."""
    from PIL import Image

    image = Image.open(io.BytesIO(picture.data)).convert("RGBA")
    return base64.b64encode(_png(_fitted(image, (width, height)))).decode()


def _checked(file: Path) -> tuple[str, int, int]:
    try:
        status = file.stat()
    except (OSError, ValueError):
        raise PictureRefused("there is no such file") from None
    if not file.is_file():
        raise PictureRefused("is no file")
    if status.st_size > LARGEST_MIB * 1024**2:
        raise PictureRefused(f"has {status.st_size / 1024**2:.0f} MiB, and {LARGEST_MIB} are the most")
    return str(file), status.st_mtime_ns, status.st_size


def _result(prepared: Picture | str) -> Picture:
    if isinstance(prepared, str):
        raise PictureRefused(prepared)
    return prepared


@lru_cache(maxsize=_KEPT)
def _prepared(file: str, _changed_at: int, _size: int, kind: str) -> Picture | str:
    """The picture, or why it is refused; made once for each state of a file."""
    # Imported on use: few studios have pictures of their own.
    from PIL import Image, ImageOps

    try:
        image = Image.open(io.BytesIO(Path(file).read_bytes()), formats=_FORMATS)
        if image.width * image.height > _MOST_PIXELS:
            return f"has {image.width} by {image.height} pixels, and {_MOST_PIXELS // 10**6} million are the most"
        upright = ImageOps.exif_transpose(image)
        return _logo(upright) if kind == "logo" else _portrait(upright)
    except Exception:  # noqa: BLE001 — what a damaged file makes Pillow raise is of many kinds
        return "is no whole PNG, JPEG or WebP picture"


def _logo(image: Image.Image) -> Picture:
    fitted = _fitted(image.convert("RGBA"), _LOGO_BOX)
    return Picture(_png(fitted), "image/png", *fitted.size)


def _portrait(image: Image.Image) -> Picture:
    from PIL import Image, ImageOps

    ground = Image.new("RGBA", image.size, "#FFFFFF")
    ground.alpha_composite(image.convert("RGBA"))
    side = min(_PORTRAIT_SIDE, *image.size)
    square = ImageOps.fit(ground.convert("RGB"), (side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    square.save(file, "JPEG", quality=82, optimize=True)
    return Picture(file.getvalue(), "image/jpeg", side, side)


def _fitted(image: Image.Image, box: tuple[int, int]) -> Image.Image:
    from PIL import Image

    share = min(box[0] / image.width, box[1] / image.height, 1.0)
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
