"""The one walk, and the picks of generation."""

import pytest
import torch
from torch import Generator, Tensor

import known
from stratiform.core.hierarchy import Above, Carry, Hierarchy, Pick, from_prior, given, with_noise
from stratiform.core.latent import Latent
from stratiform.distributions import Distribution, Gaussian

HIERARCHY = known.shortcut((2, 1, 3)).top_down()[0].hierarchy


def walk(pick: Pick, n: int = 4) -> tuple[Tensor, tuple[Latent, ...]]:
    with torch.no_grad():
        return HIERARCHY.descend(n, pick)


def test_the_walk_goes_down_and_hands_on_state_and_carry() -> None:
    seen: list[tuple[int, tuple[int, ...], Carry]] = []

    def pick(level: int, h: Tensor, p: Distribution, carry: Carry) -> tuple[Latent, Carry]:
        seen.append((level, tuple(h.shape), carry))
        return Latent(p.mean, p), level

    f, latents = walk(pick)
    assert seen == [(2, (4, 3), None), (1, (4, 3), 2), (0, (4, 3), 1)]
    assert f.shape == (4, 3)
    assert tuple(latent.z.shape[1:] for latent in latents) == HIERARCHY.shapes == ((2,), (1,), (3,))


def test_the_readout_comes_last() -> None:
    doubled = Hierarchy(list(HIERARCHY.levels), (3,), torch.nn.Linear(3, 5).double()).double()
    assert doubled.descend(2, from_prior())[0].shape == (2, 5)


def test_without_levels_nothing_is_drawn() -> None:
    f, latents = Hierarchy([]).descend(6, from_prior())
    assert f.shape == (6, 0)
    assert latents == ()


def test_each_level_draws_from_its_own_generator() -> None:
    def drawn(seeds: tuple[int, ...]) -> tuple[Latent, ...]:
        return walk(from_prior(generators={level: Generator().manual_seed(s) for level, s in enumerate(seeds)}))[1]

    ours, other_bottom = drawn((1, 2, 3)), drawn((9, 2, 3))
    assert not torch.equal(ours[0].z, other_bottom[0].z)
    assert torch.equal(ours[1].z, other_bottom[1].z)
    assert torch.equal(ours[2].z, other_bottom[2].z)


def test_temperature_scales_the_noise() -> None:
    noise = {level: torch.ones(1, *shape, dtype=torch.float64) for level, shape in enumerate(HIERARCHY.shapes)}
    top = walk(with_noise(noise, from_prior()), 1)[1][2]
    assert torch.allclose(top.z, top.p.mean + top.p.scale)
    assert torch.equal(walk(from_prior(temperature=0.0))[1][2].z, walk(from_prior(temperature=0.0))[1][2].p.mean)


def test_given_holds_the_value_and_with_noise_the_noise() -> None:
    held = {0: torch.full((4, 2), 0.5, dtype=torch.float64)}
    assert torch.equal(walk(given(held, from_prior()))[1][0].z, held[0])
    latent = walk(with_noise(held, from_prior()))[1][0]
    assert torch.allclose(latent.z, latent.p.mean + 0.5 * latent.p.scale)


@pytest.mark.parametrize("checkpointed", [False, True])
def test_a_conditional_prior_takes_the_place_of_the_levels_own(checkpointed: bool) -> None:
    """It finds its own state and the z of the level above; a level's prior is never asked."""
    asked: list[tuple[int, Above | None]] = []

    def prior(level: int, h: Tensor, p: Distribution | None, above: Above | None) -> tuple[Distribution, int]:
        assert p is None
        asked.append((level, above))
        mean = h.new_full((len(h), *hierarchy.shapes[level]), 10.0 * level)
        return Gaussian(mean, torch.zeros_like(mean)), 100 + level

    hierarchy = known.shortcut((1, 2)).top_down()[0].hierarchy
    hierarchy.checkpoint = checkpointed
    for level in hierarchy.levels:
        level.prior = None
    _, latents = hierarchy.descend(3, from_prior(temperature=0.0), prior)
    assert [(level, above and above.state) for level, above in asked] == [(1, None), (0, 101)]
    assert torch.equal(asked[1][1].z, latents[1].z)
    assert [latent.z.unique().item() for latent in latents] == [0.0, 10.0]
