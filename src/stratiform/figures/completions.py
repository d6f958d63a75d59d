"""What was hidden of an image, and how it is completed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from stratiform.figures.images import GAP, MOSAIC, magnified, mosaic
from stratiform.figures.layout import axes_above, picture
from stratiform.figures.look import LIGHT, Look, colour_scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from stratiform.evaluation.complete import Completions

HIDDEN = "#e69f00"  # what covers hidden pixels: the orange of Okabe and Ito (2008)


def completed(x: Tensor, found: Completions, *, title: str, caption: str = "", look: Look = LIGHT) -> Figure:
    """An image [1, C, H, W], what is hidden of it, how much its completions differ there, and these beneath."""
    import torch
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize, to_rgb

    columns = max(4, math.ceil(math.sqrt(len(found.images))))
    scale = ScalarMappable(Normalize(0.0, max(found.spread.max().item(), 1e-9)), colour_scale(look))
    whole, tone = x[0].float().expand(3, -1, -1), torch.tensor(to_rgb(HIDDEN))[:, None, None]
    spread = torch.from_numpy(scale.to_rgba(found.spread.numpy())[..., :3]).permute(2, 0, 1).float()
    times, (height, width) = magnified(found.images, columns, MOSAIC), x.shape[2:]
    first = mosaic(torch.stack([whole, whole.where(found.known, tone), spread]), 3, times * max(height, 3 * width))
    figure, axes = picture(mosaic(found.images, columns), title, caption, look, top=first.shape[0] + 64)
    axes.set_title("completions", loc="left", fontsize=9, color=look.faint)
    above = axes_above(figure, axes, 34, first.shape[1], first.shape[0])
    above.imshow(first, interpolation="nearest", aspect="auto")
    left_edges = [i * (first.shape[1] + max(GAP, times)) / 3 for i in range(3)]
    above.set_xticks(left_edges, ["image", "hidden", "spread"], ha="left")
    above.set_yticks([])
    above.xaxis.tick_top()
    above.tick_params(length=0, labelsize=9, colors=look.faint)
    bar = figure.colorbar(scale, cax=axes_above(figure, axes, 34, 10, first.shape[0], left=first.shape[1] + 12))
    bar.set_label("standard deviation", color=look.faint, fontsize=9)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=9, colors=look.faint)
    return figure
