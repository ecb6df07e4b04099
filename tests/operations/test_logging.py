"""Log lines: readable or JSON, with the ids bound, and without any secret."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from engine.operations.logging import add_to_every_line, configure, redacted
from engine.protocol.tokens import Tokens


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before, level, ours = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = before
    root.setLevel(level)
    structlog.configure(**ours)
    structlog.contextvars.clear_contextvars()


def logged(level: str = "info", *, as_json: bool = True) -> io.StringIO:
    stream = io.StringIO()
    configure(level, stream=stream, as_json=as_json)
    return stream


def test_a_line_carries_the_session_it_belongs_to() -> None:
    """An id bound once stands on every later line, whoever logs."""
    stream = logged()
    with structlog.contextvars.bound_contextvars(session_id="morning-001"):
        structlog.get_logger("ours").info("joined", count=3)
        logging.getLogger("theirs").warning("slow")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["session_id"] for line in lines] == ["morning-001", "morning-001"]
    assert lines[0]["count"] == 3
    assert lines[1]["logger"] == "theirs"


def test_a_line_says_what_holds_for_all_of_them_unless_it_says_so_itself() -> None:
    """Of several servers each names itself, also in what libraries log; once it is undone nothing is added."""
    stream = logged()
    undo = add_to_every_line(lambda line: {"node": "n1", "seen": line.get("session_id")})
    structlog.get_logger("ours").info("joined", session_id="morning")
    structlog.get_logger("ours").info("told", node="n2")
    logging.getLogger("theirs").warning("slow")
    undo()
    structlog.get_logger("ours").info("alone")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line.get("node"), line.get("seen")) for line in lines] == [
        ("n1", "morning"),
        ("n2", None),
        ("n1", None),
        (None, None),
    ]


def test_debug_lines_appear_in_the_debug_mode_alone() -> None:
    """The level decides, for structlog and the standard library alike."""
    for level, expected in (("info", 0), ("debug", 2)):
        stream = logged(level)
        structlog.get_logger("ours").debug("detail")
        logging.getLogger("theirs").debug("detail")
        assert stream.getvalue().count("detail") == expected
        structlog.reset_defaults()


def test_a_resume_is_blotted_out_by_its_looks() -> None:
    """Wherever it stands and whatever is said around it; what only begins like one stays."""
    for client_id in ("ada", "c-0123456789ab", "Zoë:" * 20):
        resume = Tokens(b"0" * 32).resume("morning-001", client_id)
        for text in (resume, f"refused {resume}, twice", f"({resume})", f"/me#{resume}"):
            assert redacted(text) == text.replace(resume, "[secret]")
    stream = logged()
    logging.getLogger("theirs").warning("no seat for %s", resume)
    assert resume.split(".")[2] not in stream.getvalue()
    assert redacted("release r1.2.3 of r1.x") == "release r1.2.3 of r1.x"


def test_no_secret_reaches_a_line() -> None:
    """Values by their names, query strings, headers, tokens and passwords in addresses are blotted out."""
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
    stream = logged()
    log = structlog.get_logger("ours")
    log.info(
        "request",
        url=f"/ws/live-updates?session_id=s&token={jwt}&resume=RESUME1&after=3",
        headers={"Authorization": "Bearer hk_KEY1", "X-API-Key": "hk_KEY2"},
        resume="RESUME2",
        mail="smtps://user:PASSWORD@mail.example",
    )
    logging.getLogger("theirs").warning("said %s", {"token": "TOKEN3"})
    try:
        raise ValueError(f"Bearer hk_KEY3 and {jwt}")
    except ValueError:
        log.exception("failed")
    text = stream.getvalue()
    for secret in ("hk_KEY", "RESUME", "PASSWORD", "TOKEN3", "eyJ"):
        assert secret not in text
    assert "session_id=s" in text
    assert "after=3" in text


def test_a_line_for_people_is_no_json() -> None:
    """On a terminal a line reads as a sentence with its values."""
    stream = logged(as_json=False)
    structlog.get_logger("ours").info("publisher started", pid=7)
    assert "publisher started" in stream.getvalue()
    assert "pid=7" in stream.getvalue()
    with pytest.raises(ValueError):
        json.loads(stream.getvalue())


@given(
    st.text(
        alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="&\"'#"), min_size=8
    )
)
def test_whatever_a_token_is_made_of_it_is_gone(token: str) -> None:
    """A token in a query string is blotted out whatever its characters."""
    assert token not in redacted(f"GET /x?a=1&token={token}&b=2")


LOGGED = {
    "/ws/live-updates?session_id=s&token=T&resume=R&x=1": "/ws/live-updates?session_id=s&token=*&resume=*&x=1",
    "/session/s/events?Token=T": "/session/s/events?Token=*",
    "/confirm/T/": "/confirm/*",
    "/Confirm//T?x=1": "/Confirm/*?x=1",
    "/unsubscribe/T/more": "/unsubscribe/*",
    "/coming/T": "/coming/*",
    "/coming/T/join/evening": "/coming/*",
    "/coming/evening/own/T?mail=asked": "/coming/*?mail=asked",
    "/Coming//T/leave": "/Coming/*",
    "/coming%2fT": "/coming%2f*",
    "/sessions/evening/own/T": "/sessions/evening/own/*",
    "/sessions/evening/coming": "/sessions/evening/coming",
    "/sessions/morning/?name=Ada": "/sessions/morning/?name=Ada",
}
"""What is asked for, and what Caddy may write of it. nginx and HAProxy leave the query out."""
DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.mark.parametrize(("address", "logged"), LOGGED.items())
def test_the_log_of_caddy_has_no_secret_of_an_address(address: str, logged: str) -> None:
    """The filter of deploy/Caddyfile, in whose syntax Go and Python agree."""
    found = re.search(r"request>uri regexp `(.+)` `(.+)`", (DEPLOY / "Caddyfile").read_text())
    assert found
    assert re.sub(found[1], found[2].replace("$1", r"\g<1>").replace("[secret]", "*"), address) == logged


def test_the_filter_of_caddy_holds_for_faults_too() -> None:
    """A server that is away is logged with the request; and the page that the form leads to stands in a header."""
    text = (DEPLOY / "Caddyfile").read_text()
    assert re.findall(r"log( default)? \{\s+import without_secrets\s+\}", text) == [" default", ""]
    assert len(re.findall(r"\blog\b.*\{", text)) == 2
    assert "resp_headers>Location delete" in text


@pytest.mark.parametrize(("address", "logged"), LOGGED.items())
def test_the_log_of_nginx_has_no_secret_of_an_address(address: str, logged: str) -> None:
    """The first pattern of the map in deploy/nginx.conf that fits, in whose syntax PCRE and Python agree but for groups' names."""
    text = (DEPLOY / "nginx.conf").read_text()
    (lines,) = re.findall(r"map \$request_uri \$halcytone_logged \{\n((?:    .*\n)+)\}", text)
    for case, pattern, value in re.findall(r'"~(\*?)(.+?)" "?([^";]+)"?;', lines):
        found = re.search(pattern.replace("(?<", "(?P<"), address, re.IGNORECASE if case else 0)
        if found:
            for name, part in found.groupdict().items():
                value = value.replace(f"${name}", part)
            assert value.replace("[secret]", "*") == logged.partition("?")[0]
            break
    else:
        pytest.fail("no pattern fits")
    (logs,) = re.findall(r"log_format halcytone ((?:'.*'\s*)+);", text)
    assert not re.search(r"\$request\b|\$request_uri|\$uri|\$args|referer", logs)
    assert re.findall(r"(access_log|error_log) \S+ (\w+);", text) == [
        ("access_log", "halcytone"),
        ("error_log", "emerg"),
    ]


@pytest.mark.parametrize(("address", "logged"), LOGGED.items())
def test_the_log_of_haproxy_has_no_secret_of_an_address(address: str, logged: str) -> None:
    """What deploy/haproxy.cfg replaces in the path, once somebody wants a log."""
    text = (DEPLOY / "haproxy.cfg").read_text()
    found = re.search(r"""'path,regsub\("(.+)","\\\\1\[secret\]",i\)'""", text)
    assert found
    shown = re.sub(found[1], r"\1*", address.partition("?")[0], flags=re.IGNORECASE)
    assert shown == logged.partition("?")[0]
    assert not re.search(r"%r\b|%HU|%HQ|option httplog", text)
