"""Figures hold what they are given, say what it is, and never touch pyplot."""

import io
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from stratiform import figures
from stratiform.evaluation.complete import Completions
from stratiform.evaluation.explore import Sweep
from stratiform.figures import DARK, LIGHT, Cell
from stratiform.figures.look import colour_scale, ink_on


def said(figure) -> list[str]:
    """Every text of a figure's axes, ticks included."""
    axes = figure.axes[0]
    ticks = [*axes.get_xticklabels(), *axes.get_yticklabels()]
    return [t.get_text() for t in [*axes.texts, *ticks, axes.xaxis.label, axes.yaxis.label] if t.get_text()]


def swept(**changes) -> Sweep:
    axis = (-2.0, -1.0, 0.0, 1.0, 2.0)
    values = {"images": torch.rand(25, 1, 4, 4), "level": 1, "levels": 3, "rows": 5, "columns": 5}
    return Sweep(**{**values, "across": axis, "up": axis, "others": "drawn", **changes})


def test_mosaic_places_every_pixel():
    images = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 1, 2, 3) / 5
    canvas = figures.mosaic(images, columns=4, side=24)
    gap, times = figures.GAP, 2
    assert canvas.shape == (2 * 2 * times + gap, 4 * 3 * times + 3 * gap, 4)
    top, left = 2 * times + gap, 3 * times + gap
    assert (canvas[top : top + 2 * times, left : left + 3 * times] == [255, 255, 255, 255]).all()
    assert (canvas[: 2 * times, left : left + 3 * times] == [51, 51, 51, 255]).all()
    assert (canvas[2 * times : top] == 0).all() and (canvas[top:, 2 * left :] == 0).all()


def test_mosaic_keeps_colour():
    image = torch.tensor([1.0, 0.5, 0.0]).view(1, 3, 1, 1)
    assert (figures.mosaic(image, columns=1, side=2) == [255, 128, 0, 255]).all()


def test_pixels_of_a_grid_are_not_blurred():
    """Every colour in the picture's middle is one of the image's own."""
    figure = figures.grid(torch.eye(4).view(1, 1, 4, 4), columns=1, title="one")
    picture = np.asarray(Image.open(io.BytesIO(figures.png(figure))).convert("L"))
    middle = picture[200:600, 100:500]
    assert set(np.unique(middle)) == {0, 255}


def test_the_same_figure_is_the_same_file():
    one, other = (figures.png(figures.grid(torch.zeros(4, 1, 2, 2), columns=2, title="t")) for _ in range(2))
    assert one == other and one.startswith(b"\x89PNG")


def test_title_and_caption_are_there_and_a_long_caption_wraps_within_the_figure():
    caption = "Drawn from the prior: every level anew for every image, nothing selected, and more words. " * 5
    figure = figures.grid(torch.zeros(1, 1, 8, 8), columns=1, title="Samples", caption=caption)
    title, caption = figure.texts
    assert title.get_text() == "Samples" and caption.get_text().count("\n") > 2
    figure.draw_without_rendering()
    for text in (title, caption):
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= figure.bbox.width and box.y0 >= 0 and box.y1 <= figure.bbox.height


def test_strips_name_their_rows():
    figure = figures.strips({"image": torch.zeros(3, 1, 4, 4), "top 1": torch.ones(3, 1, 4, 4)}, title="")
    assert said(figure) == ["image", "top 1"]


def test_sweep_says_which_unit_lies_where():
    texts = said(figures.sweep(swept(), title="Level 2"))
    assert texts[:5] == ["−2", "−1", "0", "1", "2"] and texts[5:10] == ["2", "1", "0", "−1", "−2"]
    assert "first unit" in texts[10] and "second unit" in texts[11] and "z_{2}" in texts[10]


def test_sweep_labels_whole_numbers_only():
    axis = tuple(np.linspace(-2, 2, 13).tolist())
    figure = figures.sweep(swept(images=torch.rand(13, 1, 4, 4), rows=1, columns=13, across=axis, up=()), title="")
    assert [t for t in said(figure) if "unit" not in t] == ["−2", "−1", "0", "1", "2"]


def test_sweep_of_draws_has_no_axes():
    assert said(figures.sweep(swept(across=(), up=()), title="")) == []


def test_heat_writes_every_number_and_frames_the_leader():
    rows = {
        "slant": [Cell("0.10", 0.1), Cell("0.60", 0.6, "alone 0.50"), Cell("–", None)],
        "width": [Cell("0.05", 0.05), Cell("0.03", 0.03), Cell("0.01", 0.01)],
    }
    figure = figures.heat(rows, ["level 1", "level 2", "level 3"], title="Knows")
    texts = said(figure)
    assert {"slant", "width", "level 3", "0.60", "alone 0.50", "–"} <= set(texts)
    frames = [patch for patch in figure.axes[0].patches if not patch.get_fill()]
    assert [(round(f.get_x()), round(f.get_y())) for f in frames] == [(1, 0)]


def test_completions_stand_beneath_what_was_known_hidden_expected_and_uncertain():
    known = torch.tensor([[True, True], [True, False]])
    x, drawn = torch.full((1, 1, 2, 2), 0.2), torch.full((5, 1, 2, 2), 0.2)
    drawn[:, 0, 1, 1] = torch.linspace(0, 1, 5)
    found = Completions(drawn, known, exact=True, particles=5, effective=5.0, log_p=None)
    figure = figures.completed(x, found, title="t")
    below, above, bar = figure.axes
    assert below.get_title(loc="left") == "completions" and bar.get_ylabel() == "standard deviation"
    assert [t.get_text() for t in above.get_xticklabels()] == ["image", "hidden", "mean", "spread"]
    assert bar.get_ylim() == pytest.approx((0.0, drawn[:, 0, 1, 1].std(correction=0).item()))
    canvas = np.asarray(above.images[0].get_array())
    side, cell = canvas.shape[0] // 2, (canvas.shape[1] - canvas.shape[0] * 4) // 3 + canvas.shape[0]
    image, hidden, mean, spread = (canvas[:, i * cell : i * cell + 2 * side, :3] for i in range(4))
    assert (image == 51).all() and (hidden[:side] == 51).all() and (hidden[:, :side] == 51).all()
    assert (hidden[side:, side:] == [0xE6, 0x9F, 0x00]).all()
    assert (mean[:side] == 51).all() and (mean[side:, side:] == 128).all()
    low, high = spread[0, 0], spread[-1, -1]
    assert (spread[:side] == low).all() and (spread[side:, side:] == high).all() and high.sum() < low.sum()


@pytest.mark.parametrize("look", [LIGHT, DARK])
@pytest.mark.parametrize("shade", np.linspace(0, 1, 11))
def test_numbers_are_readable_on_every_shade(shade, look):
    """Contrast of at least 4.5 to 1 between a number and its cell (WCAG 2, AA)."""
    from matplotlib.colors import to_rgb

    colour = colour_scale(look)(shade)
    lights = sorted(luminance(c) for c in (colour[:3], to_rgb(ink_on(colour, look))))
    assert (lights[1] + 0.05) / (lights[0] + 0.05) > 4.5


def luminance(colour) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def test_kl_is_stacked_from_the_bottom_level_up():
    kl = np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 2.0]])
    figure = figures.kl_over_training([10, 20], kl, title="KL")
    bands = [band.get_paths()[0].vertices[:, 1] for band in figure.axes[0].collections]
    assert [(band.min(), band.max()) for band in bands] == [(0, 2), (1, 4), (3, 6)]
    labels = figure.axes[0].texts
    assert [t.get_text() for t in labels] == ["level 1", "level 2", "level 3"]
    assert [t.xy[1] for t in labels] == [1, 3, 5]


def test_labels_of_collapsed_levels_do_not_overlap():
    figure = figures.kl_over_training([1, 2], np.array([[5.0, 0.0, 0.0, 5.0]] * 2), title="")
    places = [t.xy[1] for t in figure.axes[0].texts]
    assert min(np.diff(places)) >= 0.06 * 10 - 1e-9


def test_kl_of_a_run_without_kl_can_be_drawn():
    figures.png(figures.kl_over_training([5], np.zeros((1, 2)), title=""))


def test_bars_are_in_order_with_the_top_level_uppermost():
    figure = figures.bars({"level 1": 4.0, "level 2": 0.0}, ["4.0 bits", "0.0 bits"], title="")
    axes = figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [4.0, 0.0]
    assert axes.patches[0].get_y() < axes.patches[1].get_y() and axes.get_ylim()[0] < axes.get_ylim()[1]
    assert {"level 1", "level 2", "4.0 bits", "0.0 bits"} <= set(said(figure))


def test_levels_differ_in_lightness():
    """Told apart without colour: neighbours of four levels differ by a tenth of the way from black to white."""
    for look in (LIGHT, DARK):
        greys = [np.dot(colour[:3], (0.2126, 0.7152, 0.0722)) for colour in figures.level_colours(4, look)]
        assert min(np.diff(greys)) > 0.1


def test_matplotlib_is_loaded_late_and_pyplot_never():
    script = (
        "import sys, torch\nfrom stratiform import figures\nassert 'matplotlib' not in sys.modules\n"
        "figures.png(figures.grid(torch.zeros(1, 1, 2, 2), columns=1, title=''))\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def panel(**changes) -> figures.Panel:
    lines = {
        "a": [figures.Line((1, 10, 100), (1.0, 2.0, 3.0), (0.5, 0.5, 0.5))],
        "b": [figures.Line((1,), (2.0,))] * 2,
    }
    return figures.Panel(
        **{"title": "one", "across": "steps", "lines": lines, "constants": {"c": (2.0, 0.25)}, **changes}
    )


def test_lines_have_their_bands_and_constants_theirs():
    figure = figures.lines([panel()], title="t", caption="c")
    _, axes = figure.axes
    constant, *drawn = axes.get_lines()
    assert [line.get_ydata().tolist() for line in drawn] == [[1.0, 2.0, 3.0], [2.0], [2.0]]
    assert list(constant.get_ydata()) == [2.0, 2.0] and constant.get_linestyle() != drawn[0].get_linestyle()
    edges = axes.collections[0].get_paths()[0].get_extents()
    assert (edges.y0, edges.y1) == (0.5, 3.5)
    (span,) = axes.patches
    assert (span.get_y(), span.get_height()) == (1.75, 0.5)
    assert axes.get_title(loc="left") == "one" and axes.get_xlabel() == "steps" and axes.get_xscale() == "linear"


def test_a_name_has_one_look_in_all_panels_and_one_place_in_the_legend():
    other = panel(lines={"b": [figures.Line((1, 2), (0.0, 0.0))]}, logarithmic=True)
    figure = figures.lines([panel(), other], title="t")
    area, first, second = figure.axes
    assert [text.get_text() for text in area.get_legend().get_texts()] == ["a", "b", "c"]
    looks = {(line.get_color(), line.get_marker()) for line in (*first.get_lines()[2:], second.get_lines()[-1])}
    assert len(looks) == 1 and looks != {(first.get_lines()[1].get_color(), first.get_lines()[1].get_marker())}
    assert second.get_xscale() == "log"


@pytest.mark.parametrize("of", ["", "-conv-mnist-small-regularised"])
@pytest.mark.parametrize("count", [1, 2, 6])
def test_panels_and_legend_lie_apart_within_the_figure(count, of):
    named = panel(lines={f"{name}{of}": lines for name, lines in panel().lines.items()})
    figure = figures.lines([named] * count, title="t", caption="words " * 30)
    figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in figure.axes[1:]]
    boxes += [figure.axes[0].get_legend().get_window_extent(), *(text.get_window_extent() for text in figure.texts)]
    for i, box in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= figure.bbox.width and box.y0 >= 0 and box.y1 <= figure.bbox.height
        assert not any(box.overlaps(other) for other in boxes[:i])


@pytest.mark.parametrize("spread", [0.003, 0.19, 0.5])
def test_the_scale_of_spreads_lies_within_the_figure(spread):
    from stratiform.evaluation.heldout import Hole, Shown

    known = torch.ones(8, 8, dtype=torch.bool)
    known[:4] = False
    draws = torch.where(known, 0.5, 0.5 + spread * torch.tensor([-1.0, 1.0])[:, None, None, None])
    x = torch.full((1, 1, 8, 8), 0.5)
    found = Completions(images=draws, known=known, exact=True, particles=2, effective=2.0, log_p=None)
    for figure in (
        figures.imputed([Shown(Hole(x, known, 0), draws)], title="t", caption="c"),
        figures.completed(x, found, title="t", caption="c"),
        figures.completed(x, replace(found, images=draws.repeat(15, 1, 1, 1)), title="t", caption="c"),
    ):
        figure.draw_without_rendering()
        bar = figure.axes[-1].get_tightbbox()
        assert bar.x1 <= figure.bbox.width and figure.axes[-1].get_ylabel() == "standard deviation"
