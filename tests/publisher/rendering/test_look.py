"""A studio's accent, logo and photos in ``studio.toml``: what is taken, what is refused, and with which words."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from publisher.rendering import pictures
from publisher.rendering.look import live_page_rules, site_rules
from publisher.rendering.studio import InvalidStudio, file_digest, load


def picture(width: int, height: int, colour: str = "#7A3E9D", kind: str = "PNG", **saved: object) -> bytes:
    """A picture of one colour."""
    return encoded(Image.new("RGB", (width, height), colour), kind, **saved)


def encoded(made: Image.Image, kind: str = "PNG", **saved: object) -> bytes:
    """The bytes of a file with this picture."""
    file = io.BytesIO()
    made.save(file, kind, **saved)
    return file.getvalue()


def write(folder: Path, toml: str) -> None:
    """The settings of a folder."""
    (folder / "studio.toml").write_text(toml, encoding="utf-8")


def test_without_settings_nothing_is_added(tmp_path: Path) -> None:
    """No rule, no picture, no problem: pages are those that they were."""
    write(tmp_path, 'name = "Breath Room"')
    look = load(tmp_path).look
    assert (site_rules(look), live_page_rules(look), look.pictures, look.problems) == ("", "", {}, ())


def test_an_accent_that_cannot_be_read_is_refused_with_the_nearest(tmp_path: Path) -> None:
    """The message has the figure, what words need, and a colour that is then taken."""
    write(tmp_path, 'accent = "#FFB000"')
    with pytest.raises(
        InvalidStudio, match=r"accent: #FFB000 cannot be read.*1\.\d\d.*4\.5.*nearest"
    ) as error:
        load(tmp_path)
    nearest = str(error.value)[-7:]
    write(tmp_path, f'accent = "{nearest}"')
    assert load(tmp_path).look.colours.light.accent == nearest


def test_pictures_are_made_small(tmp_path: Path) -> None:
    """A logo keeps its shape and stays PNG; a photo becomes the square in its middle."""
    (tmp_path / "logo.png").write_bytes(picture(1920, 480))
    (tmp_path / "sarah.jpg").write_bytes(picture(900, 1200, kind="JPEG"))
    write(tmp_path, 'logo = "logo.png"\n[[instructors]]\nname = "Sarah Chén"\nphoto = "sarah.jpg"')
    look = load(tmp_path).look
    assert look.logo is not None
    assert (look.logo.width, look.logo.height) == (480, 120)
    found = look.photo_of("sarah chen")
    assert found is not None
    assert found[0] == "photos/sarah-chen.jpg"
    assert Image.open(io.BytesIO(found[1].data)).size == (320, 320)
    assert look.photo_of("Mara") is None


def test_a_photo_no_longer_says_where_it_was_taken(tmp_path: Path) -> None:
    """What a camera wrote into it is gone, and it stands upright."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "47.3769 N, 8.5417 E"
    image = Image.new("RGB", (40, 20), "#0000FF")
    image.paste("#FF0000", (0, 0, 20, 20))
    image.save(tmp_path / "sarah.jpg", "JPEG", quality=95, exif=exif)
    write(tmp_path, '[[instructors]]\nname = "Sarah"\nphoto = "sarah.jpg"')
    found = load(tmp_path).look.photo_of("Sarah")
    assert found is not None
    assert b"47.3769" in (tmp_path / "sarah.jpg").read_bytes()
    assert b"47.3769" not in found[1].data
    shown = Image.open(io.BytesIO(found[1].data))
    top, bottom = shown.getpixel((10, 2)), shown.getpixel((10, 17))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] > 200 > bottom[0]


def test_damaged_camera_data_leave_the_picture_out_at_most(tmp_path: Path) -> None:
    """Whichever byte of them is wrong, the settings load: Pillow raises errors of many kinds there."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x011A] = 6, "47.3769 N, 8.5417 E", 72.0
    exif.get_ifd(0x8825)[1] = "N"
    whole = picture(40, 20, kind="JPEG", exif=exif)
    write(tmp_path, 'logo = "own.jpg"')
    refused = 0
    first = whole.index(b"Exif")
    for place in range(first, first + 120):
        for value in (0, 0x7F, 0xFF):
            damaged = bytearray(whole)
            damaged[place] = value
            (tmp_path / "own.jpg").write_bytes(damaged)
            pictures._prepared.cache_clear()
            refused += len(load(tmp_path).look.problems)
    assert refused > 0


def test_all_pictures_of_a_large_studio_are_prepared_once(tmp_path: Path) -> None:
    """Settings are loaded for many requests, and a studio may name two hundred instructors."""
    names = [f"Teacher {number}" for number in range(150)]
    for name in names:
        (tmp_path / f"{name}.png").write_bytes(picture(8, 8))
    write(tmp_path, "".join(f'[[instructors]]\nname = "{name}"\nphoto = "{name}.png"\n' for name in names))
    pictures._prepared.cache_clear()
    assert len(load(tmp_path).look.photos) == 150
    assert len(load(tmp_path).look.photos) == 150
    assert pictures._prepared.cache_info().misses == 150


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (None, "there is no such file"),
        (lambda: b"this is no picture", "is no whole PNG, JPEG or WebP picture"),
        (partial(picture, 300, 300, kind="GIF"), "is no whole PNG, JPEG or WebP picture"),
        (lambda: picture(900, 900, kind="JPEG")[:2000], "is no whole PNG, JPEG or WebP picture"),
        (lambda: b"\0" * (pictures.LARGEST_MIB * 1024**2 + 1), "has 10 MiB, and 10 are the most"),
        (
            # In black alone: each pixel is a bit.
            lambda: encoded(Image.new("1", (10_000, 6_000))),
            "has 10000 by 6000 pixels, and 50 million are the most",
        ),
    ],
    ids=["missing", "no picture", "another format", "cut short", "too large", "too many pixels"],
)
def test_a_picture_that_cannot_be_used_is_named_and_left_out(
    tmp_path: Path, made: Callable[[], bytes] | None, why: str
) -> None:
    """Everything else of the look stays."""
    if made is not None:
        (tmp_path / "own.png").write_bytes(made())
    write(tmp_path, 'accent = "#7A3E9D"\nlogo = "own.png"\n[[instructors]]\nname = "Mara"\nphoto = "own.png"')
    look = load(tmp_path).look
    assert look.problems == (f"logo: own.png: {why}", f"photo of Mara: own.png: {why}")
    assert (look.logo, look.pictures) == (None, {})
    assert look.colours.light.accent == "#7A3E9D"


@pytest.mark.parametrize(
    ("toml", "why"),
    [
        ('logo = "/etc/passwd"', "logo: a file beside studio.toml"),
        ('logo = "../logo.png"', "logo: a file beside studio.toml"),
        ('[[instructors]]\nphoto = "a.jpg"', "instructors.0.name"),
        ('[[instructors]]\nname = "Mara"\n[[instructors]]\nname = "MARA"', "stands there twice"),
        ('accent = "purple"', "accent: a colour such as #0E6560"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(tmp_path: Path, toml: str, why: str) -> None:
    """With its name and what it should be."""
    write(tmp_path, toml)
    with pytest.raises(InvalidStudio, match=why):
        load(tmp_path)


def test_servers_with_different_pictures_differ(tmp_path: Path) -> None:
    """What tells two folders apart looks at the pictures too."""
    write(tmp_path, 'logo = "logo.png"')
    digests = {file_digest(tmp_path)}
    for colour in ("#FF0000", "#00FF00"):
        (tmp_path / "logo.png").write_bytes(picture(20, 20, colour))
        digests.add(file_digest(tmp_path))
    assert len(digests) == 3
