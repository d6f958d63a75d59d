"""Drawing images pixel by pixel from the cache, against a full pass of the network for every pixel.

Both sides have the same network with the same weights and the same likelihood, and draw colour images. They take turns
in one process; the ratio is the median over the rounds. The plain side would take minutes: 32 of its passes, spread
over the image, are timed each round and the time is multiplied, which the table says. First one image and 16 of 32 x
32, then smaller and larger ones: the time per pixel stays with the cache and grows with the image without it.

    python benchmarks/sampling.py [--net pixelcnnpp|pixelcnn|gated] [--rounds 3] [--json]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
from collections.abc import Iterator
from typing import Any

import torch
from against_plain_loop import seconds
from torch import Generator, Tensor

from stratiform.core.decoder import Autoregressive, described
from stratiform.models.pixelcnn import GatedPixelCNN, PixelCNN, PixelCNNpp
from stratiform.spec import ImageSpec

MODELS = {"pixelcnnpp": PixelCNNpp(filters=40, resnets=2), "pixelcnn": PixelCNN(), "gated": GatedPixelCNN()}
SIZES = [(32, 1), (32, 16), (16, 1), (64, 1)]  # side, batch
PASSES = 32


def decoder_of(net: str, side: int) -> Autoregressive:
    """Untrained, the same weights for every side; noise does not make it slower or faster."""
    torch.manual_seed(0)
    decoder = MODELS[net].build(ImageSpec(3, side, side, 256)).decoder.eval()
    assert isinstance(decoder, Autoregressive)
    return decoder


def nothing(batch: int) -> Tensor:
    """f(z) of a model without levels."""
    return torch.zeros(batch, 0)


def cached(decoder: Autoregressive, batch: int, generator: Generator | None = None) -> Tensor:
    """What `stratiform sample` does."""
    x: Tensor = decoder(nothing(batch)).sample(generator)
    return x


@torch.no_grad()
def plain(decoder: Autoregressive, batch: int, generator: Generator | None = None, every: int = 1) -> Tensor:
    """The full network for every pixel, or every so many pixels; in a network with groups, for every channel."""
    channels, height, width = decoder.shape
    x, h = torch.zeros(batch, channels, height, width), nothing(batch)
    for i, j, group in places(decoder, every):
        here = slice(i, i + 1), slice(j, j + 1)
        drawn = decoder.head(decoder.net(x, h)[:, :, *here]).sample(generator)
        mine = described(decoder.net, group)
        x[:, mine, *here] = drawn[:, mine]
    return x


def places(decoder: Autoregressive, every: int = 1) -> Iterator[tuple[int, int, int]]:
    """Row, column and group of every pass, or of every so many."""
    _, height, width = decoder.shape
    for index in range(0, height * width * decoder.net.groups, every):
        pixel, group = divmod(index, decoder.net.groups)
        yield *divmod(pixel, width), group


@torch.no_grad()
def stepped(decoder: Autoregressive, batch: int) -> None:
    """The network of the cached side alone, without drawing."""
    x = torch.rand(batch, *decoder.shape)
    step = decoder.net.stepper(nothing(batch), decoder.shape[1:])
    for i, j, _ in places(decoder):
        step(i, j, x)


def measure(net: str, side: int, batch: int, rounds: int) -> dict[str, Any]:
    """Seconds of each side for a batch, medians over rounds, each side first in every other round."""
    decoder = decoder_of(net, side)
    passes = sum(1 for _ in places(decoder))
    every = max(1, passes // PASSES)
    timed = sum(1 for _ in places(decoder, every))
    sides = {
        "cached": lambda: cached(decoder, batch),
        "network": lambda: stepped(decoder, batch),
        "plain": lambda: plain(decoder, batch, every=every),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    plain(decoder, batch, every=passes // 2)
    for turn in range(rounds):
        for name in list(sides)[:: -1 if turn % 2 else 1]:
            times[name].append(seconds(sides[name], 1) * (passes / timed if name == "plain" else 1.0))
    found = {name: statistics.median(each) for name, each in times.items()}
    return {
        "side": side,
        "batch": batch,
        "cached_s": found["cached"],
        "cached_ms_per_pixel": 1e3 * found["cached"] / side**2,
        "network_ms_per_pixel": 1e3 * found["network"] / side**2,
        "plain_s": found["plain"],
        "plain_ms_per_pixel": 1e3 * found["plain"] / side**2,
        "passes": passes,
        "passes_timed": timed,
        "ratio": statistics.median(p / c for p, c in zip(times["plain"], times["cached"], strict=True)),
    }


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield "side batch   cached s  per pixel (network)     plain s  per pixel   passes timed      ratio"
    for row in rows:
        yield (
            f"{row['side']:4} {row['batch']:5} {row['cached_s']:10.2f} {row['cached_ms_per_pixel']:7.2f} ms"
            f" {row['network_ms_per_pixel']:6.2f} ms {row['plain_s']:11.1f} {row['plain_ms_per_pixel']:7.1f} ms"
            f"   {row['passes_timed']:4} of {row['passes']:5} {row['ratio']:10.1f}"
        )
    yield "Where not all passes are timed, the plain side's seconds are those of the timed ones, multiplied."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", choices=MODELS, default="pixelcnnpp")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = [measure(asked.net, side, batch, asked.rounds) for side, batch in SIZES]
    if asked.json:
        print(json.dumps({"net": asked.net, "threads": torch.get_num_threads(), "rows": rows}))
    else:
        print(f"{asked.net}; torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.machine()}")
        print(*table(rows), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
