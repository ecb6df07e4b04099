"""A server for the blocks of the documents."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.api.conftest import Server, running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def studio(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server with its real publisher, for the blocks of all pages."""
    async with running(
        tmp_path_factory.mktemp("studio"), None, rate_requests_per_minute=0, webhook_allow_private=True
    ) as server:
        yield server
