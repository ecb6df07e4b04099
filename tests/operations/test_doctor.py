"""What doctor finds: each thing that can be wrong with a deployment, made wrong."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope
from aiosmtpd.smtp import Session as SMTPSession

from engine.operations.doctor import Finding, Verdict, run_checks
from engine.settings import load
from engine.storage.meta import Meta
from engine.storage.opening import database_of
from engine.storage.sqlite import FILE_NAME
from publisher.catalogue.published import Catalogue

NOBODY = "http://127.0.0.1:9"

pytestmark = pytest.mark.usefixtures("no_settings_of_ours")


async def found(
    data: Path, smtp_url: str | None = None, public_url: str | None = NOBODY
) -> dict[str, Finding]:
    settings = load(data=data, public_url=public_url, smtp_url=smtp_url)
    return {finding.what: finding async for finding in run_checks(settings)}


def database(data: Path, *statements: str) -> None:
    with database_of(data).connect() as connection:
        for statement in statements:
            connection.execute(statement)


async def test_a_folder_that_does_not_exist_is_no_trouble_yet(tmp_path: Path) -> None:
    """Before the first start there is nothing to mend about data and database."""
    findings = await found(tmp_path / "nothing")
    assert findings["disk"].verdict is Verdict.LOOK
    assert findings["database"].verdict is Verdict.LOOK


async def test_a_picture_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """With its setting and the reason; the rest of the studio is examined as ever."""
    (tmp_path / "studio.toml").write_text('logo = "logo.png"\nimprint = "Mara, Bath"\n')
    findings = await found(tmp_path)
    assert findings["studio"].verdict is Verdict.MEND
    assert findings["studio"].sentence == "logo: logo.png: there is no such file"
    assert findings["imprint"].verdict is Verdict.GOOD


async def test_an_accent_that_cannot_be_read_is_named_with_the_nearest(tmp_path: Path) -> None:
    """The colour to put in its place stands in the finding."""
    (tmp_path / "studio.toml").write_text('accent = "#FFB000"\n')
    finding = (await found(tmp_path))["studio"]
    assert finding.verdict is Verdict.MEND
    assert "the nearest colour that holds is #" in finding.sentence


async def test_a_full_disk_must_be_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Little room is found before it stops a session."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10 * 1024 * 1024))
    finding = (await found(tmp_path))["disk"]
    assert finding.verdict is Verdict.MEND
    assert "room" in finding.remedy


async def test_a_damaged_database_must_be_mended(tmp_path: Path) -> None:
    """A file that is no database is named, and the way back is the newest backup."""
    (tmp_path / FILE_NAME).write_bytes(b"this was a database once" * 100)
    finding = (await found(tmp_path))["database"]
    assert finding.verdict is Verdict.MEND
    assert "restore" in finding.remedy


async def test_a_missing_record_is_found(tmp_path: Path) -> None:
    """A hole in a session's journal is named with its session; a whole journal is well."""
    record = "INSERT INTO journal (session_id, position, seq, at, event) VALUES ('{}', {}, NULL, 0, '{{}}')"
    database(tmp_path, record.format("whole", 1), record.format("whole", 2))
    assert (await found(tmp_path))["journal"].verdict is Verdict.GOOD
    database(tmp_path, record.format("torn", 1), record.format("torn", 3))
    finding = (await found(tmp_path))["journal"]
    assert finding.verdict is Verdict.MEND
    assert "torn" in finding.sentence


async def test_a_publication_that_failed_is_found(tmp_path: Path) -> None:
    """Failed channels are counted by session, with the command that says more."""
    database(
        tmp_path,
        "INSERT INTO outbox (session_id, channel, version, content_hash, state, attempts, next_attempt_at, updated_at)"
        " VALUES ('s', 'web', 1, 'hash', 'failed', 5, 0, 0)",
    )
    finding = (await found(tmp_path))["publications"]
    assert finding.verdict is Verdict.MEND
    assert "publications list --failed" in finding.remedy


async def test_a_wrong_studio_file_must_be_mended_and_an_imprint_is_asked_for(tmp_path: Path) -> None:
    """An unusable file is named; a usable one without an imprint is worth a word; with one it is well."""
    studio = tmp_path / "studio.toml"
    studio.write_text("time_zone = 'Nowhere'\n")
    assert (await found(tmp_path))["studio"].verdict is Verdict.MEND
    studio.write_text("name = 'The studio'\n")
    assert (await found(tmp_path))["imprint"].verdict is Verdict.LOOK
    studio.write_text("name = 'The studio'\nimprint = 'Somebody, somewhere'\n")
    assert (await found(tmp_path))["imprint"].verdict is Verdict.GOOD


async def test_a_variable_that_means_nothing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt setting is found, with those there are."""
    monkeypatch.setenv("HALCYTONE_PUBLIC_ULR", "https://x.example")
    finding = (await found(tmp_path))["settings"]
    assert finding.verdict is Verdict.LOOK
    assert "HALCYTONE_PUBLIC_ULR" in finding.sentence
    assert "HALCYTONE_PUBLIC_URL" in finding.remedy


class MailServer:
    """Answers as it is told to, and takes no mail at all."""

    def __init__(self) -> None:
        self.greeting = "250 HELP"
        self.sender = "250 OK"

    async def handle_EHLO(  # noqa: N802 — aiosmtpd's name
        self, _server: SMTP, session: SMTPSession, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Greet."""
        session.host_name = hostname
        return [*responses[:-1], self.greeting]

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: SMTPSession, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take the sender, or not."""
        envelope.mail_from = address
        return self.sender

    async def handle_RCPT(self, *_: object) -> str:  # noqa: N802
        """Nobody is written to."""
        raise AssertionError("doctor sends nothing")


@contextlib.asynccontextmanager
async def mail_server(handler: MailServer, **options: Any) -> AsyncIterator[str]:
    """A mail server on this machine; its ``host:port``."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="test", loop=loop, **options), "127.0.0.1", 0
    )
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


def with_sender(data: Path) -> None:
    data.mkdir(exist_ok=True)
    (data / "studio.toml").write_text('sender = "hello@example.org"\n')


def allowed(
    _server: SMTP, _session: SMTPSession, _envelope: Envelope, _mechanism: str, given: Any
) -> AuthResult:
    return AuthResult(success=given.password == b"right", handled=False)


async def test_the_mail_server_is_asked_whether_it_sends_for_the_studio(tmp_path: Path) -> None:
    """Greeting, user and password, sender: each that is refused is said with what to do, the password never."""
    with_sender(tmp_path)
    handler = MailServer()
    async with mail_server(handler, authenticator=allowed, auth_require_tls=False) as address:
        well = (await found(tmp_path, smtp_url=f"smtp://user:right@{address}"))["mail"]
        assert (well.verdict, well.sentence) == (
            Verdict.GOOD,
            f"{address} answers and sends for hello@example.org",
        )
        wrong = (await found(tmp_path, smtp_url=f"smtp://user:hunter2@{address}"))["mail"]
        assert wrong.verdict is Verdict.MEND
        assert "refuses user name and password: 535" in wrong.sentence
        assert "hunter2" not in wrong.sentence + wrong.remedy
        handler.sender = "550 5.7.60 not yours"
        sender = (await found(tmp_path, smtp_url=f"smtp://user:right@{address}"))["mail"]
        assert sender.verdict is Verdict.MEND
        assert "refuses the sender hello@example.org: 550 5.7.60 not yours" in sender.sentence
    (tmp_path / "studio.toml").write_text('name = "Nobody writes"\n')
    unsaid = (await found(tmp_path, smtp_url="smtp://127.0.0.1:9"))["mail"]
    assert (unsaid.verdict, unsaid.sentence) == (Verdict.MEND, "the studio has no sender")


async def test_a_bad_certificate_of_the_mail_server_is_found(tmp_path: Path) -> None:
    """A certificate that nobody vouches for: mail waits, so doctor says so."""
    with_sender(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(Path(__file__).parents[1] / "data/self-signed.pem")
    async with mail_server(MailServer(), tls_context=tls) as address:
        finding = (await found(tmp_path, smtp_url=f"smtp://{address}"))["mail"]
    assert finding.verdict is Verdict.MEND
    assert f"{address}: TLS fails" in finding.sentence
    assert "certificate" in finding.remedy


async def test_mails_that_failed_or_wait_are_counted(tmp_path: Path) -> None:
    """Three that failed were no reason to say that there is nothing to mend."""
    with database_of(tmp_path).connect() as connection:
        Catalogue(connection)
    assert (await found(tmp_path))["mails"].verdict is Verdict.GOOD
    insert = (
        "INSERT INTO deliveries (session_id, kind, recipient, address, state, attempts, due_at, error, updated_at)"
        " VALUES ('', 'confirmation', '{}', 'x', '{}', 1, 0, '{}', 0)"
    )
    database(tmp_path, insert.format("a", "failed", "550 no"), insert.format("b", "failed", "550 no"))
    failed = (await found(tmp_path))["mails"]
    assert (failed.verdict, failed.sentence) == (Verdict.MEND, "2 mails failed")
    assert "leaves again when somebody asks for it anew" in failed.remedy
    assert "retry SESSION" not in failed.remedy
    database(tmp_path, insert.format("c", "preparing", "554 not from you"))
    held = (await found(tmp_path))["mails"]
    assert held.verdict is Verdict.MEND
    assert held.sentence == (
        "1 mail waits for a mail server that does not take mail: 554 not from you; 2 mails failed"
    )
    database(tmp_path, "UPDATE deliveries SET session_id = 's-1', kind = 'newsletter'")
    assert "retry SESSION" in (await found(tmp_path))["mails"].remedy


async def test_a_mail_server_that_does_not_answer_is_found(tmp_path: Path) -> None:
    """A set mail server must answer; its password is in no finding."""
    with_sender(tmp_path)
    finding = (await found(tmp_path, smtp_url="smtp://user:hunter2@127.0.0.1:9"))["mail"]
    assert finding.verdict is Verdict.MEND
    assert "hunter2" not in finding.sentence + finding.remedy


def stored(data: Path, **values: str) -> None:
    """What the server and its publisher left in the database."""
    with database_of(data).connect() as connection:
        for key, value in values.items():
            Meta(connection).set(key, value)


async def test_the_address_that_the_server_started_with_is_examined(tmp_path: Path) -> None:
    """Without an address of its own, doctor looks where the server of this folder said that it is."""
    stored(tmp_path, public_url="http://127.0.0.1:7")
    findings = await found(tmp_path, public_url=None)
    assert "127.0.0.1:7" in findings["address"].sentence
    assert "address in use" not in findings


async def test_another_address_than_the_servers_is_named(tmp_path: Path) -> None:
    """Somebody who checks a new address before they set it is told that links still lead to the old one."""
    stored(tmp_path, public_url="http://127.0.0.1:7")
    finding = (await found(tmp_path))["address in use"]
    assert finding.verdict is Verdict.LOOK
    assert "127.0.0.1:7" in finding.sentence
    assert f"--public-url {NOBODY}" in finding.remedy


async def test_the_mail_server_that_the_server_started_with_is_examined(tmp_path: Path) -> None:
    """It is known to doctor without the variable that holds its password."""
    stored(tmp_path, mail_server="127.0.0.1:9")
    finding = (await found(tmp_path))["mail"]
    assert finding.verdict is Verdict.MEND
    assert finding.sentence.startswith("127.0.0.1:9")
    stored(tmp_path, mail_server="")
    assert (await found(tmp_path))["mail"].verdict is Verdict.LOOK


async def test_a_damaged_database_hides_nothing_else(tmp_path: Path) -> None:
    """What the server stored cannot be read then; the address that is given is examined all the same."""
    (tmp_path / FILE_NAME).write_bytes(b"this was a database once" * 100)
    assert (await found(tmp_path))["address"].verdict is Verdict.MEND


async def test_the_way_back_names_its_option(tmp_path: Path) -> None:
    """A restore into a folder with a damaged database needs ``--replace``."""
    (tmp_path / FILE_NAME).write_bytes(b"this was a database once" * 100)
    assert "restore --replace" in (await found(tmp_path))["database"].remedy
