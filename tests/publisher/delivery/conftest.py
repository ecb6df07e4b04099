"""A studio that sends mail, for the tests of what leaves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.publisher.samples import snapshot
from tests.publisher.studio_data import Publisher


@pytest.fixture(scope="session")
def quiet_studio(empty_studio: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a studio that sends mail and has published nothing, to be copied."""
    data = tmp_path_factory.mktemp("quiet") / "data"
    shutil.copytree(empty_studio, data)
    publisher = Publisher(data)
    (publisher.data / "studio.toml").write_text('name = "Breath Room"\nsender = "hello@example.org"\n')
    publisher.catalogue.set_meta("sends_mail", "yes")
    publisher.catalogue.set_meta("public_url", "https://breath.example/")
    publisher.work()
    publisher.close()
    return data


@pytest.fixture(scope="session")
def mailing_studio(quiet_studio: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a studio that sends mail, with one published session, to be copied."""
    data = tmp_path_factory.mktemp("mailing") / "data"
    shutil.copytree(quiet_studio, data)
    publisher = Publisher(data)
    publisher.publish(snapshot(title="Calm – “wide”"))
    publisher.close()
    return data


@pytest.fixture
def studio(mailing_studio: Path, tmp_path: Path) -> Iterator[Publisher]:
    """A publisher whose studio sends mail, with one published session."""
    shutil.copytree(mailing_studio, tmp_path / "data")
    publisher = Publisher(tmp_path / "data")
    yield publisher
    publisher.close()
