"""Draws the pictures of the systems' pages into docs/images, by the commands that the pages name.

    python scripts/pictures.py [NAME ...]        without a name: all; IAF-VAE and AGAVE train for some minutes first

All are of the built-in digits and of models trained on them.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import stratiform
from stratiform.cli import main as command
from stratiform.data.batches import in_order
from stratiform.data.config import DataConfig
from stratiform.data.source import load
from stratiform.evaluation.bound import log_weights
from stratiform.figures.layout import png
from stratiform.figures.lines import Line, Panel, lines

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SHOWN = {
    "vae": "sweep vae-digits",
    "hvae": "sweep hvae-digits",
    "lvae": "sweep lvae-digits",
    "matnet-levels": "reconstruct matnet-conv-digits",
    "matnet-completions": "inpaint matnet-inpaint-digits 3 --hide quadrants",
    "pixels-samples": "sample pixelcnnpp-digits --images 40",
    "pixels-completions": "inpaint pixelcnnpp-digits 3 --hide bottom",
    "iaf": "reconstruct runs/iaf-digits-digits",
    "agave": "paint runs/agave-digits-digits",
}
TRAINED = {"iaf": "iaf-digits", "agave": "agave-digits"}
DRAWS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
MODELS = ("vae-digits", "vlae-digits", "hvae-digits", "lvae-digits")


def bounds(count: int = 200) -> bytes:
    """The importance-weighted bound against its draws: mean over test images, with 95 % bands over these."""
    x = next(in_order(load(DataConfig(source="digits")), "test", size=count, limit=count))
    drawn = {}
    for name in MODELS:
        weights = log_weights(stratiform.from_pretrained(name).model, x, max(DRAWS))  # [k, B]
        of_k = [weights[: max(DRAWS) // k * k].view(-1, k, len(x)).logsumexp(1) - math.log(k) for k in DRAWS]
        means = [bound.mean(0) for bound in of_k]
        error = [1.96 * mean.std().item() / math.sqrt(len(x)) for mean in means]
        drawn[name] = [Line(DRAWS, [mean.mean().item() for mean in means], error)]
    panel = Panel(title="nats per image", across="draws, k", lines=drawn, logarithmic=True)
    caption = f"{count} test digits; the first point is the ELBO; bands: 95 % over images"
    return png(lines([panel], title="The bound L_k on log p(x)", caption=caption))


def draw(name: str) -> None:
    if name == "bounds":
        (IMAGES / "bounds.png").write_bytes(bounds())
        return
    if name in TRAINED:
        assert command(["train", TRAINED[name]]) == 0
    assert command([*SHOWN[name].split(), "--out", str(IMAGES / f"{name}.png")]) == 0


def main() -> None:
    for name in sys.argv[1:] or [*SHOWN, "bounds"]:
        draw(name)


if __name__ == "__main__":
    main()
