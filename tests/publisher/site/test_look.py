"""The published site, mails and cards in a studio's own look, and what happens when it changes."""

from __future__ import annotations

import io
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from PIL import Image

from tests.publisher.rendering.test_look import picture, write
from tests.publisher.samples import snapshot
from tests.publisher.studio_data import Publisher

LOOK = """\
accent = "#7A3E9D"
logo = "logo.png"
[[instructors]]
name = "Sarah Chen"
photo = "sarah.jpg"
"""


LOGO = (0xD8, 0x1E, 0x5B)


def _colours(png: bytes) -> set[tuple[int, ...]]:
    """Every colour of a picture."""
    pixels = Image.open(io.BytesIO(png)).convert("RGB").tobytes()
    return set(zip(pixels[::3], pixels[1::3], pixels[2::3], strict=True))


@pytest.fixture
def studio(publisher: Publisher) -> Publisher:
    """A studio that first has our look, with one story, and then its own."""
    publisher.publish(snapshot("s-1", instructor_name="Sarah Chen", approved=True))
    (publisher.data / "logo.png").write_bytes(picture(400, 100, "#D81E5B"))
    (publisher.data / "sarah.jpg").write_bytes(picture(500, 500, "#3366AA", "JPEG"))
    write(publisher.data, LOOK)
    publisher.work()
    return publisher


def test_pages_cards_and_drafts_follow(studio: Publisher) -> None:
    """Style sheet, icon, logo, photo, card and the newsletter's own styles."""
    assert "--accent: #7A3E9D" in studio.read("assets/site.css")
    assert "#7A3E9D" in studio.read("assets/mark.svg")
    home, page = studio.read("index.html"), studio.read("sessions/s-1/index.html")
    assert 'class="logo" src="./assets/logo.png?v=' in home
    assert 'class="portrait" src="../../assets/photos/sarah-chen.jpg?v=' in page
    assert 'src="../../assets/photos/sarah-chen.jpg' in studio.read("instructors/sarah-chen/index.html")
    public = studio.data / "public"
    photo = (public / "assets/photos/sarah-chen.jpg").read_bytes()
    assert Image.open(io.BytesIO(photo)).size == (320, 320)
    for card in ("card.png", "sessions/s-1/card.png"):
        colours = _colours((public / card).read_bytes())
        # A palette of 256 colours has the logo's nearly.
        assert any(sum(abs(a - b) for a, b in zip(each, LOGO, strict=True)) < 24 for each in colours)
        assert (0x2F, 0x8F, 0x86) not in colours


def test_a_newsletter_that_is_written_then_has_the_colours(studio: Publisher) -> None:
    """In the rules for light and dark; and the card at its top has the logo."""
    studio.publish(snapshot("s-2", instructor_name="Sarah Chen", approved=True))
    mail = message_from_bytes(
        (studio.data / "drafts/s-2/email.eml").read_bytes(), EmailMessage, policy=policy.default
    )
    part = mail.get_body(("html",))
    assert part is not None
    html = part.get_content()
    assert "#7A3E9D" in html
    assert "#0E6560" not in html
    assert "#7CD4C6" not in html


def test_the_site_is_what_a_rebuild_makes(studio: Publisher) -> None:
    """Byte for byte, in its own look too."""
    assert studio.site() == studio.rebuilt()


def test_a_look_that_is_taken_away_leaves_nothing(studio: Publisher) -> None:
    """The site is the one that it was."""
    (studio.data / "studio.toml").unlink()
    studio.work()
    assert not studio.has("assets/logo.png")
    assert "7A3E9D" not in studio.read("assets/site.css")
    assert "portrait" not in studio.read("sessions/s-1/index.html")


def test_a_picture_that_comes_later_is_taken_up(
    publisher: Publisher, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until then its absence is in the log and the site stands without; nobody has to touch ``studio.toml``."""
    publisher.publish(snapshot("s-1", instructor_name="Sarah Chen", approved=True))
    write(publisher.data, LOOK)
    publisher.work()
    assert "logo: logo.png: there is no such file" in capsys.readouterr().out
    assert publisher.has("sessions/s-1/index.html")
    assert not publisher.has("assets/logo.png")
    (publisher.data / "logo.png").write_bytes(picture(400, 100))
    publisher.work()
    assert publisher.has("assets/logo.png")


def test_an_accent_that_fails_keeps_the_settings_from_before(
    studio: Publisher, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is in the log with the nearest that holds, and the site stays as it is."""
    before = studio.site()
    write(studio.data, 'accent = "#FFB000"')
    studio.work()
    assert "the nearest colour that holds is #" in capsys.readouterr().out
    assert studio.site() == before
