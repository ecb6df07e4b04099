"""A little of the storm of registrations that ``make stress-registrations`` lets loose."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.stress.registrations import AN_HOUR_AND_NETWORK, storm

NETWORKS = 4


@pytest.mark.timeout(120)
async def test_a_storm_of_registrations_sends_what_it_may_and_not_one_more(tmp_path: Path) -> None:
    """Ten letters an hour for each network address, one for each mail address, five a day for one mailbox."""
    outcome = await storm(tmp_path, NETWORKS, NETWORKS * (AN_HOUR_AND_NETWORK + 2))
    assert outcome.faults == []
    of_networks = Counter(int(address[1:].partition("@")[0]) % NETWORKS for address in outcome.taken)
    assert of_networks == dict.fromkeys(range(NETWORKS), AN_HOUR_AND_NETWORK)
