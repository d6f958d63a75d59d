"""The benchmark of sampling compares like with like: from the same noise, both sides draw the same images."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Generator

FILE = Path(__file__).parents[2] / "benchmarks" / "sampling.py"


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    """Beside its neighbours, as when it is run."""
    spec = importlib.util.spec_from_file_location("sampling", FILE)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FILE.parent)
        spec.loader.exec_module(module)
        yield module


@pytest.mark.parametrize("net", ["pixelcnnpp", "pixelcnn", "gated"])
def test_both_sides_draw_the_same_images(benchmark: ModuleType, net: str, float64: None) -> None:
    decoder = benchmark.decoder_of(net, 4)
    fast, slow = (side(decoder, 2, Generator().manual_seed(1)) for side in (benchmark.cached, benchmark.plain))
    assert torch.equal(fast, slow) and fast.std() > 0.1


def test_passes_are_spread_over_the_image_and_scaled_to_all_of_them(benchmark: ModuleType) -> None:
    decoder = benchmark.decoder_of("pixelcnnpp", 8)
    assert list(benchmark.places(decoder, 20)) == [(0, 0, 0), (2, 4, 0), (5, 0, 0), (7, 4, 0)]
    row = benchmark.measure("pixelcnnpp", 8, 1, rounds=1)
    assert (row["passes"], row["passes_timed"]) == (64, 32)
    assert row["plain_ms_per_pixel"] == pytest.approx(1e3 * row["plain_s"] / 64)
