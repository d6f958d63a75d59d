"""What was hidden of images, and how it is completed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stratiform.figures.images import GAP, MOSAIC, magnified, mosaic
from stratiform.figures.layout import axes_above, picture
from stratiform.figures.look import LIGHT, Look, colour_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

    from stratiform.evaluation.complete import Completions
    from stratiform.evaluation.heldout import Shown

HIDDEN = "#e69f00"  # what covers hidden pixels: the orange of Okabe and Ito (2008)
BAR_GAP, BAR_WIDTH, BAR = (
    12,
    10,
    82,
)  # pixels: from the pictures to the scale of spreads, of it; of all, with its words


def completed(x: Tensor, found: Completions, *, title: str, caption: str = "", look: Look = LIGHT) -> Figure:
    """An image [1, C, H, W], what is hidden of it, what is expected there and how uncertain; completions beneath."""
    import torch

    columns = max(4, math.ceil(math.sqrt(len(found.images))))
    scale = _scale(found.spread.max().item(), look)
    panels = [x[0], _holed(x[0], found.known), found.mean, _coloured(found.spread, scale)]
    times, (height, width) = magnified(found.images, columns, MOSAIC), x.shape[2:]
    first = mosaic(torch.stack([_rgb(panel) for panel in panels]), 4, times * max(height, 4 * width))
    canvas = mosaic(found.images, columns)
    beside = max(0, first.shape[1] + BAR - canvas.shape[1])
    figure, axes = picture(canvas, title, caption, look, top=first.shape[0] + 64, right=beside)
    axes.set_title("completions", loc="left", fontsize=9, color=look.faint)
    above = axes_above(figure, axes, 34, first.shape[1], first.shape[0])
    above.imshow(first, interpolation="nearest", aspect="auto")
    left_edges = [i * (first.shape[1] + max(GAP, times)) / 4 for i in range(4)]
    above.set_xticks(left_edges, ["image", "hidden", "mean", "spread"], ha="left")
    above.set_yticks([])
    above.xaxis.tick_top()
    above.tick_params(length=0, labelsize=9, colors=look.faint)
    _bar(axes_above(figure, axes, 34, BAR_WIDTH, first.shape[0], left=first.shape[1] + BAR_GAP), scale, look)
    return figure


def imputed(rows: Sequence[Shown], *, k: int = 5, title: str, caption: str = "", look: Look = LIGHT) -> Figure:
    """A row per image: with its hole, k completions, their mean, how they spread, and what was hidden."""
    import torch

    spreads = [shown.draws.var(0, correction=0).mean(0).sqrt() for shown in rows]
    scale = _scale(max(spread.max().item() for spread in spreads), look)
    panels = []
    for shown, spread in zip(rows, spreads, strict=True):
        x, known, n = shown.hole.x[0], shown.hole.known, len(shown.draws)
        few = shown.draws[torch.arange(k) * n // k]
        mean = torch.where(known, x, shown.draws.mean(0).to(x))
        panels += [_holed(x, known), *map(_rgb, few), _rgb(mean), _coloured(spread, scale), _rgb(x)]
    canvas = mosaic(torch.stack(panels), k + 4)
    figure, axes = picture(canvas, title, caption, look, top=30, right=BAR)
    width = (canvas.shape[1] + max(GAP, magnified(panels[0][None], k + 4, MOSAIC))) / (k + 4)
    labels = ["known", "completions", *[""] * (k - 1), "mean", "spread", "truth"]
    axes.set_xticks([width * i for i in range(k + 4)], labels, ha="left")
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=9, colors=look.faint)
    height, left = canvas.shape[0], canvas.shape[1] + BAR_GAP
    _bar(axes_above(figure, axes, -height, BAR_WIDTH, height, left=left), scale, look)
    return figure


def _rgb(image: Tensor) -> Tensor:
    """[1 or 3, H, W] -> [3, H, W]"""
    return image.float().expand(3, -1, -1)


def _holed(x: Tensor, known: Tensor) -> Tensor:
    """x [C, H, W] with what is hidden covered."""
    import torch
    from matplotlib.colors import to_rgb

    return _rgb(x).where(known, torch.tensor(to_rgb(HIDDEN))[:, None, None])


def _scale(largest: float, look: Look) -> Any:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    return ScalarMappable(Normalize(0.0, max(largest, 1e-9)), colour_scale(look))


def _coloured(spread: Tensor, scale: Any) -> Tensor:
    """[H, W] -> [3, H, W]"""
    import torch

    return torch.from_numpy(scale.to_rgba(spread.numpy())[..., :3]).permute(2, 0, 1).float()


def _bar(axes: Axes, scale: Any, look: Look) -> None:
    """The scale of spreads."""
    bar = axes.figure.colorbar(scale, cax=axes)
    bar.set_label("standard deviation", color=look.faint, fontsize=9)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=9, colors=look.faint)
