"""The bytes of a mail: lines and words of the lengths that the RFCs allow, whatever stands in titles and names."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.mail.email import Mail
from publisher.mail.message import message_of
from publisher.rendering.studio import Studio
from tests.publisher.samples import NOW

UNSUBSCRIBE = "https://breath.example/unsubscribe/" + "t" * 120
ONE_LINE = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=200
).map(lambda text: " ".join(text.split()) or "x")
WORDY = st.lists(st.sampled_from(["Breathe", "ä" * 40, "呼吸", "x" * 150, "😀", "(a)", '"b"'])).map(
    lambda words: " ".join(words)[:200].strip() or "x"
)


def sent(subject: str, name: str, text: str) -> bytes:
    """A newsletter with this subject, studio and text."""
    mail = Mail(subject, f"<p>{text}</p>", text)
    studio = Studio(name=name, sender="hello@breath.example")
    return message_of(
        mail,
        studio,
        message_id="m@breath.example",
        date=NOW,
        picture=b"\x89PNG" * 40,
        to="reader@example.org",
        unsubscribe=UNSUBSCRIBE,
    )


# dart-lang/pub-dev#7833, cpython#76995: lines of 998 columns, encoded words of 428, bytes beyond ASCII.
@given(subject=ONE_LINE | WORDY, name=ONE_LINE | WORDY, text=ONE_LINE)
def test_every_line_and_word_is_short_and_says_what_was_written(subject: str, name: str, text: str) -> None:
    """7 bits, lines of 78 at most but for the one-click link, words of 75; and it reads as it was written."""
    raw = sent(subject, name, text * 20)
    assert raw.isascii()
    lines = raw.split(b"\r\n")
    assert b"\n" not in b"".join(lines)
    long = [line for line in lines if len(line) > 78]
    assert long == [f"List-Unsubscribe: <{UNSUBSCRIBE}>".encode()]
    assert all(len(word) <= 75 for word in re.findall(rb"=\?[^?\s]+\?[BbQq]\?[^?\s]*\?=", raw))
    read = message_from_bytes(raw, policy=policy.default)
    assert isinstance(read, EmailMessage)
    assert read["Subject"] == subject
    # By the older parser: the newer one puts a blank between encoded words of an address.
    plain = message_from_bytes(raw)
    display_name, address = parseaddr(plain["From"].replace("\r\n", ""))
    assert address == "hello@breath.example"
    assert str(make_header(decode_header(display_name))) == name
    body = read.get_body(("plain",))
    assert body is not None
    assert body.get_content().rstrip("\r\n") == text * 20


@pytest.mark.parametrize("name", ["Breath Room", "Ruhe & Atem, Köln", "呼吸の部屋", "x" * 200])
def test_the_same_mail_is_the_same_bytes(name: str) -> None:
    """A retry writes what stands in the file already."""
    assert sent("Our evening", name, "it was") == sent("Our evening", name, "it was")
