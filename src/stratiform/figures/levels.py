"""What each level says: over training, and in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from stratiform.figures.layout import apart, laid_out, plain_axes, text_beside
from stratiform.figures.look import LIGHT, Look, level_colours

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def kl_over_training(
    steps: Sequence[int],
    kl: np.ndarray,
    shapes: Sequence[tuple[int, ...]] = (),
    *,
    title: str,
    caption: str = "",
    look: Look = LIGHT,
) -> Figure:
    """The KL of every level, [T, L] bottom -> top in nats per image, stacked over the training steps.

    Where some levels are maps (their `shapes` of z say so), levels of one scale have one colour and one name, light
    lines between them, and dark lines lie between scales (MatNet, Fig. 4).
    """
    figure, axes = laid_out(340, 230, title, caption, look, left=50, bottom=48, right=62)
    edges = np.concatenate([np.zeros((len(kl), 1)), np.cumsum(kl, 1)], 1)
    names = scales(kl.shape[1], shapes)
    groups = [(name, [*levels]) for name, levels in groupby(range(len(names)), lambda level: names[level])]
    for colour, (_, levels) in zip(level_colours(len(groups), look), groups, strict=True):
        for level in levels:
            axes.fill_between(
                steps, edges[:, level], edges[:, level + 1], color=colour, linewidth=0.6, edgecolor=look.paper
            )
        if len(groups) < len(names):
            axes.plot(steps, edges[:, levels[-1] + 1], color=look.ink, linewidth=1.2)
    top = max(float(edges.max()), 1e-9)
    middle = [(edges[-1, levels[0]] + edges[-1, levels[-1] + 1]) / 2 for _, levels in groups]
    for (name, _), y in zip(groups, apart(np.array(middle), 0.06 * top), strict=True):
        text_beside(axes, name, (steps[-1], y), look)
    axes.set_xlim(steps[0], steps[-1] if len(steps) > 1 else steps[0] + 1)
    axes.set_ylim(0, 1.04 * top)
    axes.set_xlabel("training step")
    axes.set_ylabel("nats per image")
    plain_axes(axes, look)
    return figure


def scales(levels: int, shapes: Sequence[tuple[int, ...]]) -> list[str]:
    """What each level is called: by its number, or, where some are maps, by the size of its own."""
    if not any(len(shape) > 1 for shape in shapes):
        return [f"level {level + 1}" for level in range(levels)]
    return [f"{shape[1]} x {shape[2]}" if len(shape) > 1 else "vector" for shape in shapes]


def bars(
    values: Mapping[str, float], notes: Sequence[str], *, title: str, caption: str = "", look: Look = LIGHT
) -> Figure:
    """One horizontal bar per level, given bottom -> top with a note each, drawn with the top level uppermost."""
    names, lengths = list(values), list(values.values())
    figure, axes = laid_out(210, 40 * len(names), title, caption, look, left=62, bottom=14, right=190)
    axes.barh(range(len(names)), lengths, height=0.66, color=level_colours(len(names), look))
    for y, (length, note) in enumerate(zip(lengths, notes, strict=True)):
        text_beside(axes, note, (length, y), look)
    axes.set_xlim(0, max([*lengths, 1e-9]))
    axes.set_ylim(-0.5, len(names) - 0.5)
    axes.set_yticks(range(len(names)), names)
    plain_axes(axes, look)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    return figure
