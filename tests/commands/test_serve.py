"""``halcytone serve``: what it hands to the server, and what it says."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

import engine.app
from engine.app import RunningServer
from engine.cli import app
from engine.commands import serve as command
from engine.settings import Settings
from engine.storage.data_lock import DataInUse
from publisher.rendering.studio import InvalidStudio


class Run:
    """Stands in for the server: remembers its settings, says that it is ready, and ends."""

    def __init__(self, *, new_key: str | None = None, error: Exception | None = None) -> None:
        self.settings: Settings | None = None
        self._new_key = new_key
        self._error = error

    def __call__(self, settings: Settings, *, on_ready: Callable[[RunningServer], None]) -> int:
        self.settings = settings
        if self._error is not None:
            raise self._error
        on_ready(RunningServer(settings.base_url, settings.port, self._new_key))
        return 0


@pytest.fixture(autouse=True)
def _no_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "configure", lambda level: None)


def serve(monkeypatch: pytest.MonkeyPatch, run: Run, *options: str) -> Result:
    monkeypatch.setattr(engine.app, "run", run)
    return CliRunner().invoke(app, ["serve", *options])


def test_the_new_key_is_printed_when_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start that made the administrator's key prints it; another start does not speak of keys."""
    assert "hk_first" in serve(monkeypatch, Run(new_key="hk_first")).output
    assert "key" not in serve(monkeypatch, Run()).output


def test_a_variable_that_is_no_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, no_settings_of_ours: None
) -> None:
    """The log has its name, which may be a misspelt one, and not what it was set to."""
    with capture_logs() as logged:
        serve(monkeypatch, Run())
    assert logged == []
    monkeypatch.setenv("HALCYTONE_SMTP_ADDRESS", "smtps://user:secret@mail.example")
    with capture_logs() as logged:
        serve(monkeypatch, Run())
    assert [line["variables"] for line in logged] == [["HALCYTONE_SMTP_ADDRESS"]]
    assert "secret" not in str(logged)


def test_lan_listens_everywhere_and_draws_the_address_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """With --lan links and QR code have the address that a phone can open."""
    run = Run()
    monkeypatch.setattr(command, "lan_address", lambda: "192.168.1.20")
    result = serve(monkeypatch, run, "--lan", "--port", "8123")
    assert result.exit_code == 0
    assert run.settings is not None
    assert run.settings.host == "0.0.0.0"
    assert run.settings.base_url == "http://192.168.1.20:8123"
    assert "█" in result.output


def test_lan_without_a_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no phone could reach this machine --lan says so instead of drawing a loopback address."""
    monkeypatch.setattr(command, "lan_address", lambda: None)
    result = serve(monkeypatch, Run(), "--lan")
    assert result.exit_code == 1
    assert "no address that a phone" in result.output
    assert "█" not in result.output


def test_without_lan_there_is_no_qr_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the loopback address nothing is drawn."""
    run = Run()
    assert "█" not in serve(monkeypatch, run).output
    assert run.settings is not None
    assert run.settings.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EADDRINUSE, "in use"), "choose another --port"),
        (DataInUse("held"), "another server runs on the data"),
    ],
)
def test_what_is_in_use_is_status_4(monkeypatch: pytest.MonkeyPatch, error: Exception, said: str) -> None:
    """A taken port and a taken folder are told apart, and both exit with 4."""
    result = serve(monkeypatch, Run(error=error))
    assert result.exit_code == 4
    assert said in result.output


def test_a_server_that_cannot_run_is_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other trouble with the address or the folder ends with a sentence, not a traceback."""
    result = serve(monkeypatch, Run(error=PermissionError(errno.EACCES, "Permission denied", "var")))
    assert result.exit_code == 1
    assert "Permission denied" in result.output
    assert "Traceback" not in result.output


def test_a_wrong_studio_file_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """``studio.toml`` that cannot be used is named, with status 3."""
    result = serve(
        monkeypatch, Run(error=InvalidStudio("studio.toml: time_zone: a time zone such as Europe/Berlin"))
    )
    assert result.exit_code == 3
    assert "studio.toml: time_zone" in result.output
