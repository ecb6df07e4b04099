"""The faults of a storm over several servers can be had again."""

from __future__ import annotations

from tests.stress.cluster.plan import FaultKind, make_faults


def test_the_same_seed_gives_the_same_faults() -> None:
    """And another seed gives others."""
    assert make_faults(3) == make_faults(3)
    assert make_faults(3) != make_faults(4)


def test_twenty_faults_are_of_every_kind() -> None:
    """For each of ten seeds; no session ends while a standby falls behind."""
    for seed in range(1, 11):
        faults = make_faults(seed)
        assert len(faults) == 20
        assert {fault.kind for fault in faults} == set(FaultKind)
        behind = {FaultKind.FAILOVER_BEHIND, FaultKind.FAILOVER_CLAIMED, FaultKind.FAILOVER_KILLED}
        assert not any(fault.ends for fault in faults if fault.kind in behind)
        assert next(fault.seconds for fault in faults if fault.kind is FaultKind.STOP) == 30
