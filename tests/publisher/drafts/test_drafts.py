"""The draft desk, the mail as bytes, and the studio's settings."""

from __future__ import annotations

import email
import email.policy
import json
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.storage.rows import PEOPLE, PersonRow
from publisher.catalogue import analytics
from publisher.drafts.desk import DraftDesk, DraftNotFound, InvalidDraft
from publisher.drafts.open_draft_desk import open_draft_desk
from publisher.mail.email import Mail
from publisher.mail.message import message_of
from publisher.rendering.studio import InvalidStudio, Studio, load, write_default
from tests.publisher.samples import NOW, snapshot
from tests.publisher.studio_data import Publisher

TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=300)


def desk_of(publisher: Publisher) -> DraftDesk:
    """The desk as the server opens it."""
    return open_draft_desk(publisher.data, publisher.connection)


def read(data: bytes) -> EmailMessage:
    """A mail as Python's parser reads it."""
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_every_draft_is_listed_with_its_state(publisher: Publisher) -> None:
    """Mail, three posts and a quote wait; posts say how long they are and where their composer is."""
    publisher.publish(snapshot())
    drafts = {draft["channel"]: draft for draft in desk_of(publisher).list_drafts("s-1")}
    assert {draft["state"] for draft in drafts.values()} == {"waiting"}
    assert set(drafts) > {"email", "twitter", "linkedin", "facebook"}
    assert drafts["twitter"]["composer_url"].startswith("https://x.com/intent/tweet?text=")
    assert drafts["twitter"]["length"] <= drafts["twitter"]["limit"] == 280


def test_handles_bring_their_networks(tmp_path: Path) -> None:
    """Bluesky and Mastodon have drafts where the studio has an account."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "studio.toml").write_text(
        '[handles]\nbluesky = "a.bsky.social"\nmastodon = "@a@mastodon.social"\n'
    )
    publisher = Publisher(data)
    publisher.publish(snapshot())
    drafts = {draft["channel"]: draft for draft in desk_of(publisher).list_drafts("s-1")}
    assert drafts["mastodon"]["composer_url"].startswith("https://mastodon.social/share?text=")
    assert drafts["bluesky"]["composer_url"].startswith("https://bsky.app/intent/compose?text=")
    assert (data / "drafts/s-1/mastodon.txt").exists()
    publisher.close()


def test_a_mail_is_looked_at_without_being_changed(publisher: Publisher) -> None:
    """The newsletter with words that are not stored, or with those that are; an own summary with nobody's name and figures."""
    publisher.publish(snapshot())
    row = PersonRow("s-1", "c1", NOW, name="Mara", email="m@example.org", own_summary='{"improvement": 7.5}')
    publisher.connection.execute(PEOPLE.upsert, **PEOPLE.values(row))
    desk = desk_of(publisher)
    stored = desk.draft("s-1", "email")
    seen = desk.preview("s-1", "email", {"text": " Dear all,\n\nit was <calm>. "}, NOW)
    assert seen["subject"] == stored["subject"]
    assert "it was &lt;calm&gt;." in seen["html"]
    assert seen["text"].startswith("Dear all,\n\nit was <calm>.\n")
    assert desk.draft("s-1", "email") == stored
    desk.edit("s-1", "email", {"subject": "Our evening"}, NOW)
    assert desk.preview("s-1", "email", {}, NOW)["subject"] == "Our evening"
    own = desk.preview("s-1", "personal", {}, NOW)
    assert "Mara" not in own["html"] + own["text"]
    assert "7.5" not in own["text"]
    for channel, changes in (("email", {"text": " "}), ("email", {"tone": "x"}), ("personal", {"text": "x"})):
        with pytest.raises(InvalidDraft):
            desk.preview("s-1", channel, changes, NOW)
    for session_id, channel in (("s-1", "twitter"), ("s-1", "fax"), ("unknown", "email")):
        with pytest.raises(DraftNotFound):
            desk.preview(session_id, channel, {}, NOW)


def test_an_edit_stays_when_the_session_is_published_again(publisher: Publisher) -> None:
    """Somebody's own words stand in list and file, and outlive a new version."""
    publisher.publish(snapshot())
    desk_of(publisher).edit("s-1", "twitter", {"content": " Come and breathe. "}, NOW)
    desk_of(publisher).edit(
        "s-1", "email", {"subject": "Our evening", "text": "Dear all,\n\nit was <calm>."}, NOW
    )
    publisher.publish(snapshot(title="New title", version=2), at=NOW + 1)
    folder = publisher.data / "drafts/s-1"
    assert (folder / "twitter.txt").read_text() == "Come and breathe.\n"
    assert json.loads((folder / "social.json").read_text())["twitter"]["content"] == "Come and breathe."
    assert "New title" in (folder / "linkedin.txt").read_text()
    message = read((folder / "email.eml").read_bytes())
    assert message["Subject"] == "Our evening"
    assert "it was &lt;calm&gt;." in (folder / "email.html").read_text()


@pytest.mark.parametrize(
    ("channel", "changes", "field"),
    [
        ("twitter", {"content": "呼" * 141}, "content"),
        ("twitter", {"content": "  "}, "content"),
        ("twitter", {}, "content"),
        ("twitter", {"text": "x"}, "text"),
        ("linkedin", {"content": "x" * 3001}, "content"),
        ("email", {"subject": "two\nlines"}, "subject"),
        ("email", {"subject": "x\x07"}, "subject"),
        ("email", {"text": 5}, "text"),
    ],
)
def test_what_a_network_would_not_take_is_refused(
    publisher: Publisher, channel: str, changes: dict[str, object], field: str
) -> None:
    """Too long by the network's own count, empty, unknown fields, and what could become a header."""
    publisher.publish(snapshot())
    with pytest.raises(InvalidDraft) as caught:
        desk_of(publisher).edit("s-1", channel, changes, NOW)
    assert field in caught.value.details


def test_unknown_sessions_and_drafts_are_named(publisher: Publisher) -> None:
    """Nothing of that name was published."""
    publisher.publish(snapshot())
    for session_id, channel in (("nobody", "twitter"), ("s-1", "mastodon"), ("s-1", "quote-000000000000")):
        with pytest.raises(DraftNotFound):
            desk_of(publisher).set_state(session_id, channel, "approved", NOW)


def test_withdrawn_drafts_have_no_files_and_come_back_when_approved(publisher: Publisher) -> None:
    """A withdrawn post is gone from the folder and from social.json."""
    publisher.publish(snapshot())
    desk_of(publisher).set_state("s-1", "twitter", "withdrawn", NOW)
    folder = publisher.data / "drafts/s-1"
    assert not (folder / "twitter.txt").exists()
    assert "twitter" not in json.loads((folder / "social.json").read_text())
    assert desk_of(publisher).set_state("s-1", "twitter", "approved", NOW)["state"] == "approved"
    assert (folder / "twitter.txt").exists()


def test_an_approving_key_approves_posts_and_no_mail(publisher: Publisher) -> None:
    """Mail to people needs an approval of its own."""
    publisher.publish(snapshot(approved=True))
    states = {draft["channel"]: draft["state"] for draft in desk_of(publisher).list_drafts("s-1")}
    assert states["twitter"] == "approved"
    assert states["email"] == "waiting"


def test_the_mail_draft_is_the_same_bytes_each_time(publisher: Publisher, tmp_path: Path) -> None:
    """No date of now, no random boundary; the HTML stays below what mail readers cut off."""
    publisher.publish(snapshot())
    file = publisher.data / "drafts/s-1/email.eml"
    before = file.read_bytes()
    file.unlink()
    publisher.outbox.retry("s-1", ["email"], NOW + 5)
    publisher.work(NOW + 5)
    assert file.read_bytes() == before
    message = read(before)
    assert message["X-Unsent"] == "1"
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ]
    html = message.get_body(("html",))
    assert html is not None
    assert len(html.get_content()) < 90_000
    assert "prefers-color-scheme: dark" in html.get_content()


@settings(max_examples=40)
@given(subject=TEXT, text=TEXT, name=TEXT)
def test_pythons_parser_reads_a_mail_back(subject: str, text: str, name: str) -> None:
    """Whatever stands in subject, text and sender's name comes back, and makes no header of its own."""
    studio = Studio(name=name[:200].strip() or "x", sender="hello@example.org")
    mail = Mail(subject.strip() or "x", f"<p>{len(text)}</p>", text.strip() + "\n")
    data = message_of(
        mail,
        studio,
        message_id="a@b",
        date=NOW,
        picture=b"",
        to="you@example.org",
        unsubscribe="https://x.example/u/1",
    )
    message = read(data)
    assert message["Subject"] == mail.subject
    # By the older parser: the newer one puts a blank between the encoded words of an address.
    sender = parseaddr(email.message_from_bytes(data)["From"].replace("\r\n", ""))
    assert (str(make_header(decode_header(sender[0]))), sender[1]) == (studio.name, "hello@example.org")
    assert message["List-Unsubscribe"] == "<https://x.example/u/1>"
    assert sorted(message.keys()) == sorted(
        [
            "Subject",
            "From",
            "To",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "List-Id",
            "List-Unsubscribe",
            "List-Unsubscribe-Post",
            "MIME-Version",
            "Content-Type",
        ]
    )
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == mail.text


def test_a_row_of_figures_for_each_session(publisher: Publisher) -> None:
    """Score and action stand in the analytics, between two dates, both inclusive."""
    publisher.publish(snapshot(average_hrv_improvement=16.0))
    began = snapshot().session_date
    (row,) = analytics.between(publisher.catalogue, began, began)
    assert (row["quality_score"], row["action"], row["featured"]) == (5.0, "feature", True)
    assert set(row) == set(analytics.COLUMNS)
    assert analytics.between(publisher.catalogue, began + 1, None) == []


def test_the_default_studio_file_is_valid_and_kept(tmp_path: Path) -> None:
    """It is written once, says the defaults, and nobody's own is overwritten."""
    write_default(tmp_path)
    assert load(tmp_path) == Studio()
    (tmp_path / "studio.toml").write_text('name = "Ours"\n')
    write_default(tmp_path)
    assert load(tmp_path).name == "Ours"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('name = ""', "name"),
        ('nmae = "x"', "nmae: unknown setting"),
        ('time_zone = "Mars/Base"', "time_zone"),
        ('sender = "no address"', "sender"),
        ("name = \nabout = 5", "line 1"),
        ("[automatic]\nnewsletter = 1", "automatic.newsletter"),
    ],
)
def test_a_wrong_studio_file_names_the_setting(tmp_path: Path, text: str, named: str) -> None:
    """The message says which setting, or which line."""
    (tmp_path / "studio.toml").write_text(text)
    with pytest.raises(InvalidStudio, match=r"studio\.toml") as caught:
        load(tmp_path)
    assert named in str(caught.value)


def test_a_studio_file_that_breaks_while_it_runs_keeps_the_site(publisher: Publisher) -> None:
    """The settings from before stay in force until the file is mended."""
    (publisher.data / "studio.toml").write_text('name = "Breath Room"\n')
    publisher.work()
    (publisher.data / "studio.toml").write_text("name = ")
    publisher.publish(snapshot())
    assert "Breath Room" in publisher.read("sessions/s-1/index.html")


def test_waiting_drafts_follow_the_studio(publisher: Publisher) -> None:
    """Another address or language stands in the files of drafts that wait, not only on the site."""
    publisher.publish(snapshot("waits"))
    publisher.publish(snapshot("hidden", visibility="private"))
    publisher.catalogue.set_meta("public_url", "https://breath.example/")
    (publisher.data / "studio.toml").write_text('language = "de"\n')
    publisher.work(NOW + 1)
    for name in ("twitter.txt", "email.txt", "email.html"):
        reply = (publisher.data / "drafts/waits" / name).read_text(encoding="utf-8")
        assert "https://breath.example/sessions/waits/" in reply
        assert "127.0.0.1" not in reply
    assert "ein Atem." in (publisher.data / "drafts/waits/twitter.txt").read_text(encoding="utf-8")
    assert not (publisher.data / "drafts/hidden/twitter.txt").exists()
