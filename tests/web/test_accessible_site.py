"""No serious finding of axe on the site and on a wall in any state, nor where somebody is refused."""

from __future__ import annotations

import pytest

from tests.web.conftest import Opener
from tests.web.fake_room import FakeRoom
from tests.web.screenshots import WALKS, Walk
from tests.web.test_accessibility import OF_PEOPLE, walked

pytestmark = pytest.mark.long


@pytest.mark.timeout(300)
@pytest.mark.parametrize("walk", [walk for walk in WALKS if walk not in OF_PEOPLE])
async def test_no_state_has_a_serious_finding(room: FakeRoom, open_page: Opener, walk: Walk) -> None:
    """Of every page that the server builds, and of those that nobody leads through."""
    await walked(room, open_page, walk)
