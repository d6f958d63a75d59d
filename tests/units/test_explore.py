"""Ways of exploring equal what `given` and `with_noise` do by hand."""

import pytest
import torch
from torch import Generator

from known import flat, markov, pixels, pixels_given_z, shortcut
from stratiform.core.hierarchy import from_prior, given, with_noise
from stratiform.data import batches
from stratiform.distributions import Likelihood
from stratiform.errors import UserError
from stratiform.evaluation import explore
from stratiform.evaluation.explore import CHUNK, from_noise, mix, noise, reconstruct, samples, sweep
from stratiform.spec import ImageSpec


@pytest.fixture(params=[flat, markov, shortcut])
def model(request):
    return request.param(sizes=(2, 1, 2), shape=(1, 2, 3)).top_down()[0]


def test_samples_are_a_function_of_seed_and_place(model):
    few, many = samples(model, 3, seed=4), samples(model, CHUNK + 3, seed=4)
    assert torch.allclose(few, many[:3], atol=1e-12)
    assert not torch.allclose(few, samples(model, 3, seed=5))


def test_temperature_scales_all_noise(model):
    assert samples(model, 2, temperature=0.0).unique(dim=0).shape[0] == 1
    half = from_noise(model, 2, {level: 0.5 * e for level, e in noise(model, 2, 0).items()})
    assert torch.equal(samples(model, 2, temperature=0.5), half)


def test_reconstruct_keeps_the_upper_levels_only(model):
    x = torch.rand(4, 1, 2, 3)
    codes = {level: latent.z for level, latent in enumerate(model.encode(x.double()))}
    assert torch.allclose(reconstruct(model, x), model.decode(4, given(codes, from_prior())).mean)
    one, other = (reconstruct(model, x, keep_top=2, seed=seed) for seed in (0, 1))
    assert not torch.allclose(one, other)
    drawn = noise(model, 4, 0)
    _, latents = model.hierarchy.descend(4, given({2: codes[2], 1: codes[1]}, from_prior()))
    by_hand = {1: codes[1], 2: codes[2], 0: latents[0].p.draw(drawn[0])[0]}
    assert torch.allclose(one, model.decode(4, given(by_hand, from_prior())).mean)
    assert torch.equal(reconstruct(model, x, keep_top=0, seed=3), samples(model, 4, seed=3))


def test_reconstruct_with_a_bottom_up_posterior():
    model = markov((2, 1, 2)).bottom_up()[0]
    x = torch.rand(3, 1, 2, 3)
    assert torch.equal(reconstruct(model, x, keep_top=0, seed=3), samples(model, 3, seed=3))
    assert reconstruct(model, x).shape == x.shape


def test_keep_top_beyond_the_model_is_refused(model):
    with pytest.raises(UserError, match="keep_top is 4, but this model has 3 levels; give 0 to 3"):
        reconstruct(model, torch.rand(1, 1, 2, 3), keep_top=4)


def test_mix_has_the_upper_levels_of_one_image_and_the_noise_of_the_other_beneath(model):
    a, b = torch.rand(2, 4, 1, 2, 3, dtype=torch.float64)
    below, above = (dict(enumerate(model.encode(x))) for x in (a, b))
    held = {level: (latent.z - latent.p.mean) / latent.p.scale for level, latent in below.items()}
    for level in range(3):
        upper = {index: above[index].z for index in range(level, 3)}
        by_hand = model.decode(4, given(upper, with_noise(held, from_prior()))).mean
        assert torch.allclose(mix(model, a, b, level), by_hand, atol=1e-12)
        kept = {index: (above if index >= level else below)[index].z for index in range(3)}
        by_hand = model.decode(4, given(kept, from_prior())).mean
        assert torch.allclose(mix(model, a, b, level, hold="value"), by_hand, atol=1e-12)
    assert torch.allclose(mix(model, a, b, 0), reconstruct(model, b), atol=1e-12)


def test_mix_by_value_shows_nothing_of_the_upper_levels_of_a_markov_hierarchy():
    a, b = torch.rand(2, 4, 1, 2, 3, dtype=torch.float64)
    for model in (markov((2, 1, 2)).top_down()[0], markov((2, 1, 2)).bottom_up()[0]):
        assert torch.equal(mix(model, a, b, 1, hold="value"), reconstruct(model, a))
        assert not torch.allclose(mix(model, a, b, 1), reconstruct(model, a))


def test_what_cannot_be_mixed_is_refused(model):
    for level in (-1, 3):
        with pytest.raises(UserError, match=f"there is no level {level + 1}; give 1"):
            mix(model, torch.rand(1, 1, 2, 3), torch.rand(1, 1, 2, 3), level)
    with pytest.raises(UserError, match=r"images of \[2, 1, 2, 3\] cannot take levels from \[1, 1, 2, 3\]"):
        mix(model, torch.rand(2, 1, 2, 3), torch.rand(1, 1, 2, 3), 0)


def test_sweep_of_two_units_puts_its_noise_on_the_axes():
    """The first unit grows to the right, the second upwards; the other levels are one draw for all cells."""
    model = flat((2, 1, 2)).top_down()[0]
    swept = sweep(model, 0, others="fixed", cells=5, seed=1)
    assert (swept.rows, swept.columns, swept.across, swept.up) == (5, 5, (-2, -1, 0, 1, 2), (-2, -1, 0, 1, 2))
    others = noise(model, 1, 1)
    corners = {0: (-2, 2), 4: (2, 2), 20: (-2, -2), 24: (2, -2)}
    for cell, value in corners.items():
        held = {**others, 0: torch.tensor([value], dtype=torch.float64)}
        assert torch.allclose(swept.images[cell], from_noise(model, 1, held)[0])


def test_sweep_draws_the_others_anew_in_each_cell():
    model = flat((2, 1, 2)).top_down()[0]
    swept = sweep(model, 2, cells=3, seed=1)
    held = noise(model, 9, 1)
    held[2][4] = 0.0
    assert torch.allclose(swept.images[4], from_noise(model, 9, held)[4])


def test_sweep_holds_noise_and_not_values():
    """In a Markov hierarchy a new value above a held value changes nothing; new noise above held noise does."""
    swept = sweep(markov((1, 1, 2)).top_down()[0], 2, others="fixed", cells=3)
    assert swept.images.std(0).min() > 0.01


def test_sweep_of_one_unit_is_a_row(model):
    swept = sweep(model, 1, cells=7)
    assert (swept.rows, swept.columns, len(swept.across), swept.up) == (1, 7, 7, ())
    assert swept.images.shape == (7, 1, 2, 3)


def test_sweep_of_many_units_draws_them_from_the_prior():
    model = flat((4, 1)).top_down()[0]
    swept = sweep(model, 0, cells=3, seed=2)
    assert swept.others == "fixed" and swept.across == swept.up == ()
    held = noise(model, 9, 2)
    held[1] = held[1][:1].expand(9, 1)
    assert torch.allclose(swept.images, from_noise(model, 9, held))


def test_a_level_that_does_not_exist_is_refused(model):
    with pytest.raises(UserError, match="there is no level 4; give 1"):
        sweep(model, 3)


def test_an_image_without_a_mean_is_sampled_with_the_same_noise():
    model = pixels_given_z(ImageSpec(1, 2, 2, 4), Likelihood(name="logistic", scale=0.2))
    held = noise(model, 3, 0)
    assert torch.equal(from_noise(model, 3, held), from_noise(model, 3, held))
    assert not torch.equal(from_noise(model, 3, held, seed=0), from_noise(model, 3, held, seed=1))


def test_a_model_without_levels_can_be_sampled():
    drawn = samples(pixels(ImageSpec(1, 2, 2, 4), Likelihood(name="logistic", scale=0.2)), 3)
    assert drawn.shape == (3, 1, 2, 2) and ((drawn * 3).round() == drawn * 3).all()


@pytest.mark.parametrize("make", [pixels, pixels_given_z])
def test_temperature_is_of_the_pixels_too_where_they_are_sampled(make):
    model = make(ImageSpec(1, 2, 3, 4), Likelihood(name="softmax"))
    assert samples(model, 20, temperature=0.0).unique(dim=0).shape[0] == 1
    held = {level: 0.5 * e for level, e in noise(model, 9, 3).items()}
    image = model.decode(9, with_noise(held, from_prior()))
    by_hand = image.sample(Generator().manual_seed(batches.mix(3, 0)), 0.5)
    assert torch.equal(samples(model, 9, temperature=0.5, seed=3), by_hand)


def test_a_watch_hears_how_samples_grow(monkeypatch):
    monkeypatch.setattr(explore, "CHUNK", 2)
    model, heard = pixels(ImageSpec(1, 2, 3, 4), Likelihood(name="softmax")), []
    drawn = samples(model, 3, watch=lambda x, done: heard.append((x.clone(), done)))
    assert [done for _, done in heard] == pytest.approx([1 / 3, 2 / 3, 5 / 6, 1])
    first, second = heard[0][0], heard[1][0]
    assert torch.equal(first[:, :, 0], drawn[:2, :, 0]) and not first[:, :, 1].any()
    assert torch.equal(second, drawn[:2]) and torch.equal(heard[3][0], drawn[2:])


def test_means_are_there_at_once_and_nobody_hears_of_them(model):
    samples(model, 3, watch=lambda x, done: pytest.fail("a mean does not grow"))
