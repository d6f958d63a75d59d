"""Batches are functions of (seed, step, rank): exact shuffles, noise that a seed repeats."""

import numpy as np
import pytest
import torch

from stratiform.data.batches import Ahead, Batches, dress, in_order, mix
from stratiform.data.config import DataConfig
from stratiform.data.split import Data, Split
from stratiform.spec import ImageSpec


def data_of(images: np.ndarray, grid: int = 256, **config: object) -> Data:
    """Both splits hold the same images."""
    split = Split(images, None, {})
    config_ = DataConfig(**config)
    bins = None if config_.dequantise else 2 if config_.binarise != "no" else grid
    spec = ImageSpec(*images.shape[1:], bins)
    return Data(config_, spec, grid, split, split, (), (), "")


def numbered(count: int) -> np.ndarray:
    """Image i holds the value i."""
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 1, 2, 2)).copy()


def random_images(count: int = 12) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 1, 3, 3), dtype=np.uint8)


def shown(batch: torch.Tensor) -> list[int]:
    return (batch[:, 0, 0, 0] * 255).round().int().tolist()


@pytest.mark.parametrize("size", [3, 4, 10, 25])
def test_every_epoch_shows_each_image_once_in_a_new_order(size: int) -> None:
    batches = Batches(data_of(numbered(10)), size, seed=1)
    stream = [i for step in range(20) for i in shown(batches.at(step))]
    epochs = [stream[start : start + 10] for start in range(0, 60, 10)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    data = data_of(random_images(), binarise="dynamic")
    first = Batches(data, 4, seed=1)
    later = [first.at(step) for step in range(9)]
    assert torch.equal(Batches(data, 4, seed=1).at(7), later[7])
    assert torch.equal(first.at(0), later[0]), "going back"
    assert not torch.equal(Batches(data, 4, seed=2).at(7), later[7])


def test_ranks_share_the_batch_of_one_process() -> None:
    data = data_of(numbered(10))
    shares = [Batches(data, 6, seed=3, rank=rank, world=3) for rank in range(3)]
    whole = Batches(data, 6, seed=3)
    for step in range(5):
        assert [i for share in shares for i in shown(share.at(step))] == shown(whole.at(step))


def test_ranks_that_accumulate_share_the_batch_part_by_part_noise_and_all() -> None:
    data = data_of(random_images(), binarise="dynamic")
    shares = [Batches(data, 12, seed=3, rank=rank, world=2, parts=3).at(4).chunk(3) for rank in range(2)]
    whole = Batches(data, 12, seed=3).at(4).chunk(3)
    for part, one, other in zip(whole, *shares, strict=True):
        assert torch.equal(torch.cat([one, other]), part)


def test_plain_images_run_from_0_to_1_in_steps_of_the_grid() -> None:
    k = torch.arange(17, dtype=torch.uint8).reshape(1, 1, 1, 17)
    x = dress(k, data_of(np.zeros((1, 1, 1, 17), np.uint8), grid=17))
    assert x.dtype == torch.float32 and torch.equal((x * 16).round().to(torch.uint8), k)
    assert (x.min(), x.max()) == (0, 1)


def test_dynamic_binarisation_draws_anew_with_the_grey_value_as_probability() -> None:
    data = data_of(numbered(1) + 64, binarise="dynamic")
    batches = Batches(data, 500, seed=0)
    x = torch.stack([batches.at(step) for step in range(4)])
    assert set(x.unique().tolist()) == {0.0, 1.0}
    assert abs(x.mean() - 64 / 255) < 3 * (0.25 * 0.75 / x.numel()) ** 0.5
    assert not torch.equal(x[0], x[1])


def test_dequantised_images_fill_the_bins_and_nothing_else() -> None:
    data = data_of(random_images(), dequantise=True)
    (x,) = in_order(data, size=20)
    assert (torch.floor(x * 256).to(torch.uint8).numpy() == data.test.images).all()
    assert x.min() >= 0 and x.max() < 1
    k = torch.full((1, 1, 1000, 1000), 255, dtype=torch.uint8)
    assert dress(k, data, torch.Generator().manual_seed(0)).max() < 1, "rounding must not reach the next bin"


@pytest.mark.parametrize("kind", [{}, {"binarise": "dynamic"}, {"dequantise": True}])
def test_evaluation_images_do_not_depend_on_the_batch_size(kind: dict[str, object]) -> None:
    data = data_of(random_images(), **kind)
    whole = torch.cat(list(in_order(data, size=100, seed=5)))
    for size in (1, 5, 12):
        assert torch.equal(torch.cat(list(in_order(data, size=size, seed=5))), whole)
    few = torch.cat(list(in_order(data, size=3, limit=6, seed=5)))
    assert len(few) == 6 and all(any(torch.equal(x, y) for y in whole) for x in few)
    assert bool(kind) != torch.equal(torch.cat(list(in_order(data, seed=6))), whole)


def test_mixed_seeds_differ_in_every_word_and_in_order() -> None:
    seeds = {mix(*words) for words in [(0,), (1,), (0, 0), (0, 1), (1, 0), (0, 0, 0), (-1,)]}
    assert len(seeds) == 7 and all(0 <= seed < 2**63 for seed in seeds)
    assert mix(1, 2, 3) == mix(1, 2, 3)


def test_batches_made_ahead_are_the_same_and_none_is_made_beyond_the_end() -> None:
    asked: list[int] = []

    class Watched(Batches):
        def at(self, step: int) -> torch.Tensor:
            asked.append(step)
            return super().at(step)

    data = data_of(random_images(), binarise="dynamic")
    plain = Batches(data, 5, seed=2)
    with Ahead(Watched(data, 5, seed=2), until=7) as ahead:
        assert all(torch.equal(ahead.at(step), plain.at(step)) for step in range(3, 7))
    assert asked == [3, 4, 5, 6]
