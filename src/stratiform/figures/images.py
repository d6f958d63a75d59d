"""Images beside each other, every pixel a square of whole pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from stratiform.figures.layout import picture
from stratiform.figures.look import LIGHT, Look

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

MOSAIC, GAP = 680, 2  # pixels: what a mosaic's wider side aims at, and the least that lies between its images


def mosaic(images: Tensor, columns: int, side: int = MOSAIC) -> np.ndarray:
    """Images [N, 1 or 3, H, W] in [0, 1], row by row -> [h, w, 4] uint8, transparent between the images.

    Every image pixel becomes a square of whole pixels, so that the wider side comes near to `side`; gaps are as wide
    as such a square, for strokes that reach the edge must not seem to go on in the next image.
    """
    cells = (images.detach().float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    rows, times = -(-len(cells) // columns), magnified(images, columns, side)
    cells = cells.repeat(times, 1).repeat(times, 2)
    _, height, width, channels = cells.shape
    gap = max(GAP, times)
    canvas = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), np.uint8)
    for index, cell in enumerate(cells):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        place = canvas[top : top + height, left : left + width]
        place[..., :3] = cell if channels == 3 else cell.repeat(3, 2)
        place[..., 3] = 255
    return canvas


def magnified(images: Tensor, columns: int, side: int) -> int:
    """How many pixels of a mosaic's side are one of an image's."""
    rows, (height, width) = -(-len(images) // columns), images.shape[2:]
    return max(1, round(side / max(rows * height, columns * width)))


def grid(images: Tensor, *, columns: int, title: str, caption: str = "", look: Look = LIGHT) -> Figure:
    """A mosaic of images [N, C, H, W]."""
    figure, _ = picture(mosaic(images, columns), title, caption, look)
    return figure


def strips(rows: Mapping[str, Tensor], *, title: str, caption: str = "", look: Look = LIGHT) -> Figure:
    """One row of images per name, [n, C, H, W] each: originals over their reconstructions."""
    import torch

    named = list(rows)
    canvas = mosaic(torch.cat([rows[name] for name in named]), columns=len(rows[named[0]]))
    figure, axes = picture(canvas, title, caption, look, left=20 + 7 * max(map(len, named)))
    height = canvas.shape[0] / len(named)
    axes.set_yticks([height * (i + 0.5) - 0.5 for i in range(len(named))], named)
    return figure
