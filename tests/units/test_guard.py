import pytest

from stratiform.training.guard import ENOUGH, PATIENCE, WINDOW, SpikeGuard


def settled(factor: float | None = 10.0) -> SpikeGuard:
    guard = SpikeGuard(factor)
    assert all(guard.allows(1.0 + 0.01 * i) for i in range(ENOUGH))
    return guard


def test_a_planted_spike_is_skipped_and_counted():
    guard = settled()
    assert [guard.allows(norm) for norm in (1.0, 500.0, 1.0, 9.0)] == [True, False, True, True]
    assert guard.skipped == 1


def test_spikes_are_judged_only_when_enough_was_seen():
    guard = SpikeGuard(10.0)
    assert all(guard.allows(norm) for norm in [1.0] * (ENOUGH - 1) + [500.0])


def test_a_lasting_change_of_scale_costs_exactly_its_patience():
    guard = settled()
    taken = [guard.allows(1000.0) for _ in range(10 * PATIENCE)]
    assert taken == [False] * PATIENCE + [True] * 9 * PATIENCE


@pytest.mark.parametrize("growth", [1.5, 3.0, 20.0, 1e4])
def test_no_sequence_of_norms_is_skipped_for_ever(growth: float):
    guard, norm, row = settled(), 1.0, 0
    for _ in range(60):
        norm *= growth
        row = 0 if guard.allows(norm) else row + 1
        assert row <= PATIENCE


def test_skips_that_are_not_in_a_row_never_add_up_to_belief():
    guard = settled()
    for _ in range(5 * PATIENCE):
        assert not guard.allows(1000.0)
        assert guard.allows(1.0)


def test_no_factor_lets_everything_through():
    guard = settled(None)
    assert guard.allows(1e30)
    assert guard.skipped == 0


def test_its_memory_survives_being_stored():
    guard = settled()
    for norm in [2.0] * WINDOW + [900.0]:
        guard.allows(norm)
    copy = SpikeGuard(10.0)
    copy.from_tensor(guard.to_tensor())
    assert (list(copy.norms), copy.skipped, copy.refused) == (list(guard.norms), 1, 1)
    norms = [700.0, 3.0, 800.0, 1.0]
    assert [copy.allows(norm) for norm in norms] == [guard.allows(norm) for norm in norms]
