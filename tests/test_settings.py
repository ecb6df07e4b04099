"""Settings: where they come from, in which order, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.settings import SeatsPerAddress, SettingsError, load, origin

pytestmark = pytest.mark.usefixtures("no_settings_of_ours")


def test_defaults_serve_this_machine_alone() -> None:
    """Without any setting the server listens on the loopback address and links point there."""
    settings = load()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.base_url == "http://127.0.0.1:8000"
    assert settings.rate_messages_per_minute == 60


def test_an_option_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Option, then variable, then file; a setting that is named in one place only is kept."""
    (tmp_path / "halcytone.toml").write_text('port = 1\nhost = "10.0.0.1"\nretention_days = 30\n')
    monkeypatch.setenv("HALCYTONE_PORT", "2")
    monkeypatch.setenv("HALCYTONE_HOST", "10.0.0.2")
    settings = load(data=tmp_path, port=3, host=None)
    assert (settings.port, settings.host, settings.retention_days) == (3, "10.0.0.2", 30)


def test_the_publisher_starts_beside_a_wrong_variable_that_an_option_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes sets HALCYTONE_PORT for a service called halcytone: the server takes its option, and so does its child."""
    wrong = {
        "HOST": "",
        "PORT": "tcp://10.0.0.1:8000",
        "PUBLIC_URL": "breathe",
        "LOG_LEVEL": "loud",
        "DATABASE_URL": "x",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(f"HALCYTONE_{name}", value)
    database_url = "postgresql://h:p@db/halcytone"
    options: dict[str, Any] = {
        "port": 8000,
        "public_url": "https://b.example",
        "log_level": "info",
        "database_url": database_url,
    }
    settings = load(data=tmp_path, **options)
    for name, value in settings.for_the_publisher().items():
        monkeypatch.setenv(name, value)
    assert load(data=tmp_path) == settings


def test_the_data_folder_of_the_environment_has_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``halcytone.toml`` is looked for in the data folder in force."""
    (tmp_path / "halcytone.toml").write_text("port = 4321\n")
    monkeypatch.setenv("HALCYTONE_DATA", str(tmp_path))
    assert load().port == 4321


def test_every_wrong_setting_is_named_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One message tells of all of them: the variable, the option, the line of the file."""
    file = tmp_path / "halcytone.toml"
    file.write_text('retention_days = 0\nhots = "x"\n')
    monkeypatch.setenv("HALCYTONE_PORT", "eighty")
    with pytest.raises(SettingsError) as raised:
        load(data=tmp_path, public_url="ftp://example.org")
    text = str(raised.value)
    assert "HALCYTONE_PORT" in text
    assert "'eighty'" in text
    assert "--public-url" in text
    assert f"{file}: retention_days" in text
    assert "'hots'" in text


def test_a_wrong_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password in a wrong mail address does not reach the message."""
    monkeypatch.setenv("HALCYTONE_SMTP_URL", "mail.example?password=hunter2")
    with pytest.raises(SettingsError) as raised:
        load()
    assert "HALCYTONE_SMTP_URL" in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    """A file that was asked for must be there and be TOML."""
    with pytest.raises(SettingsError, match=r"gone\.toml"):
        load(tmp_path / "gone.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("port = = 1")
    with pytest.raises(SettingsError, match=r"broken\.toml: is not TOML"):
        load(broken)


def test_the_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Printing the settings does not print the key."""
    monkeypatch.setenv("HALCYTONE_API_KEY", "hk_very_secret")
    settings = load()
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "hk_very_secret"
    assert "hk_very_secret" not in repr(settings)


def test_proxies_are_a_list_of_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses and networks, separated by commas; anything else is refused."""
    monkeypatch.setenv("HALCYTONE_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8")
    assert load().trusted_proxies == ("127.0.0.1", "10.0.0.0/8")
    monkeypatch.setenv("HALCYTONE_TRUSTED_PROXIES", "the proxy")
    with pytest.raises(SettingsError, match="HALCYTONE_TRUSTED_PROXIES"):
        load()


def test_links_have_no_double_slash() -> None:
    """A slash at the end of the public address is dropped."""
    assert load(public_url="https://x.example/breathe/").base_url == "https://x.example/breathe"


def test_an_ipv6_address_gets_its_brackets() -> None:
    """An origin is a valid address for IPv6 too."""
    assert origin("::1", 80) == "http://[::1]:80"


def test_seats_of_an_address_name_the_networks_that_are_not_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A number, then networks; in a file too. Anything else is refused by name."""
    assert load().seats_per_address == SeatsPerAddress(100)
    monkeypatch.setenv("HALCYTONE_SEATS_PER_ADDRESS", "0")
    assert load().seats_per_address == SeatsPerAddress(0)
    monkeypatch.setenv("HALCYTONE_SEATS_PER_ADDRESS", "40, 10.0.0.0/8, 2001:db8::/32")
    assert load().seats_per_address == SeatsPerAddress(40, ("10.0.0.0/8", "2001:db8::/32"))
    for wrong in ("-1", "many", "10.0.0.0/8", "40, here", "1e3", "40,"):
        monkeypatch.setenv("HALCYTONE_SEATS_PER_ADDRESS", wrong)
        with pytest.raises(SettingsError, match="HALCYTONE_SEATS_PER_ADDRESS"):
            load()
    monkeypatch.delenv("HALCYTONE_SEATS_PER_ADDRESS")
    file = tmp_path / "halcytone.toml"
    file.write_text("seats_per_address = 7\nipv6_prefix = 56\n")
    assert load(file).seats_per_address == SeatsPerAddress(7)
    assert load(file).ipv6_prefix == 56
