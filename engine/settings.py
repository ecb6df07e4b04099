"""The settings of a server: from the command line, ``HALCYTONE_*`` variables or a TOML file, in that order of precedence."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

__all__ = ["CONFIG_NAME", "PREFIX", "Settings", "SettingsError", "load", "origin", "unknown_variables"]

PREFIX = "HALCYTONE_"
CONFIG_NAME = "halcytone.toml"

LogLevel = Literal["debug", "info", "warning", "error"]
PerMinute = Annotated[int, Field(ge=0, le=1_000_000)]

_SECRETS = frozenset({"api_key", "database_url", "smtp_url"})


class SettingsError(Exception):
    """A setting is invalid, or the settings file unreadable; the message names each and says what is valid."""


def origin(host: str, port: int) -> str:
    """``http://HOST:PORT``, with brackets around an IPv6 address."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _public_url(url: str) -> str:
    parts = urlsplit(url)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.query
        or parts.fragment
        or parts.username
    ):
        raise ValueError("must be an address like https://breathe.example or https://example.org/breathe")
    return url.rstrip("/")


def _node_url(url: str) -> str:
    parts = urlsplit(url)
    if (
        parts.scheme != "http"
        or not parts.hostname
        or parts.path.strip("/")
        or parts.query
        or parts.fragment
        or parts.username
    ):
        raise ValueError("must be an address like http://10.0.0.5:8000, which other servers can reach")
    return url.rstrip("/")


def _mail_server(secret: SecretStr) -> SecretStr:
    parts = urlsplit(secret.get_secret_value())
    if parts.scheme not in ("smtp", "smtps", "smtp+starttls") or not parts.hostname:
        # The value stays out of the message: it may hold a password.
        raise ValueError("must be an address like smtps://user:password@mail.example:465")
    return secret


def _postgresql(secret: SecretStr) -> SecretStr:
    url = urlsplit(secret.get_secret_value())
    if url.scheme not in ("postgresql", "postgres") or not url.path.strip("/"):
        raise ValueError("not like postgresql://user:password@host:5432/database")
    return secret


@dataclass(frozen=True, slots=True)
class SeatsPerAddress:
    """How many participants of one network address a session takes, those who left included; 0 means no limit."""

    most: int
    uncounted: tuple[str, ...] = ()
    """Networks that are not counted, as this machine itself is not."""


def _seats(value: Any) -> Any:
    if isinstance(value, SeatsPerAddress):
        return value
    number, *networks = (part.strip() for part in str(value).split(","))
    if isinstance(value, bool) or not number.isascii() or not number.isdigit() or int(number) > 1_000_000:
        raise ValueError("must be a number from 0 on, then networks that are not counted: 100, 10.0.0.0/8")
    for network in networks:
        ipaddress.ip_network(network)
    return SeatsPerAddress(int(number), tuple(networks))


class Settings(BaseSettings):
    """Every setting of the server. A rate of 0 means no limit."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for every network of this machine."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """0 takes any free port."""
    data: Path = Path("var")
    """Folder of the database, the published site, the drafts and ``studio.toml``."""
    database_url: Annotated[SecretStr, AfterValidator(_postgresql)] | None = None
    """``postgresql://…`` in the place of the data folder's SQLite file."""
    node_url: Annotated[str, AfterValidator(_node_url)] | None = None
    """Where other servers of the same database reach this one. Default: ``http://HOST:PORT``."""
    public_url: Annotated[str, AfterValidator(_public_url)] | None = None
    """Where people reach this server: every absolute link is on it. Default: ``http://HOST:PORT``."""
    smtp_url: Annotated[SecretStr, AfterValidator(_mail_server)] | None = None
    """The mail server that approved mail is handed to; without it a draft stays a draft."""
    api_key: SecretStr | None = None
    """The administrator's key; without it the first start makes one and prints it once."""
    rate_messages_per_minute: PerMinute = 60
    """Messages of one participant on the live socket."""
    rate_connections_per_minute: PerMinute = 1200
    """Live sockets opened from one address: a studio shares one."""
    rate_requests_per_minute: PerMinute = 1200
    """HTTP requests from one address."""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses of reverse proxies whose ``X-Forwarded-For`` is believed, separated by commas."""
    seats_per_address: Annotated[SeatsPerAddress, BeforeValidator(_seats), NoDecode] = SeatsPerAddress(100)
    """Participants of one network address in one session, 0 for no limit; then networks that are not counted."""
    ipv6_prefix: Annotated[int, Field(ge=16, le=128)] = 64
    """Bits of an IPv6 address that limits by address count: whoever has one address has the rest of its network."""
    webhook_allow_private: bool = False
    """Whether webhooks may lead to this machine and private networks, there by http too."""
    docs: Path | None = None
    """Folder of the documents that ``make docs`` built, served at ``/docs/``."""
    log_level: LogLevel = "info"
    """``debug`` is the debug mode."""
    retention_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """Days after which names, addresses, consents and own figures of a session's people are deleted."""

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("trusted_proxies", mode="after")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for part in value:
            ipaddress.ip_network(part)
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    def for_the_publisher(self) -> dict[str, str]:
        """The publisher's settings as environment variables.

        Not as options: a command line is visible to every user of the machine, and one setting may hold a password.
        All that an option of ours may have replaced is among them: the child would refuse a wrong variable.
        """
        variables: dict[str, str] = {"LOG_LEVEL": self.log_level, "HOST": self.host, "PORT": str(self.port)}
        if self.public_url is not None:
            variables["PUBLIC_URL"] = self.public_url
        if self.smtp_url is not None:
            variables["SMTP_URL"] = self.smtp_url.get_secret_value()
        if self.database is not None:
            variables["DATABASE_URL"] = self.database
        return {PREFIX + name: value for name, value in variables.items()}

    @property
    def database(self) -> str | None:
        """The URL of the database, password and all; None for the data folder's own file."""
        return None if self.database_url is None else self.database_url.get_secret_value()

    @property
    def base_url(self) -> str:
        """The base of absolute links, without a slash at its end."""
        return self.public_url or origin(self.host, self.port)


def load(config: Path | None = None, **options: Any) -> Settings:
    """Load the settings: ``options`` (None means not given) win over the environment, and that over the file.

    The file is ``config``, or ``halcytone.toml`` in the data folder when there is one.

    Raises:
        SettingsError: a value is invalid, or the file cannot be read.
    """
    given = {name: value for name, value in options.items() if value is not None}
    data = given.get("data") or os.environ.get(f"{PREFIX}DATA") or Settings.model_fields["data"].default
    file = config or Path(data) / CONFIG_NAME
    from_file = _read(file) if config or file.is_file() else {}
    unset = {name: value for name, value in from_file.items() if not os.environ.get(_variable(name))}
    try:
        return Settings(**{**unset, **given})
    except ValidationError as error:
        raise SettingsError(_explain(error, file, unset.keys() - given.keys(), given)) from None


def unknown_variables() -> list[str]:
    """The environment's names that look like settings and are none: perhaps a misspelt one, which counts for nothing."""
    known = set(map(_variable, Settings.model_fields))
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: is not TOML: {error}") from None


def _explain(error: ValidationError, file: Path, in_file: Set[str], given: Mapping[str, Any]) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        if problem["type"] == "extra_forbidden":
            lines.append(
                f"{file}: there is no setting called {name!r}; there are {', '.join(Settings.model_fields)}"
            )
            continue
        if name in given:
            place = "--" + name.replace("_", "-")
        else:
            place = f"{file}: {name}" if name in in_file else _variable(name)
        secret = name in _SECRETS
        was = "" if secret else f" (it is {problem['input']!r})"
        lines.append(f"{place}: {problem['msg'].removeprefix('Value error, ')}{was}")
    return "\n".join(lines)
