"""Glyphs are what their factors say."""

import time

import numpy as np
import pytest

from stratiform.data import colour, glyphs
from stratiform.data.config import DataConfig
from stratiform.data.shapes import shapes
from stratiform.data.source import load


@pytest.mark.parametrize("coloured", [False, True])
def test_an_image_depends_on_seed_and_index_alone(coloured: bool) -> None:
    many, few = glyphs.draw(300, coloured=coloured), glyphs.draw(20, coloured=coloured)
    assert (many.images[:20] == few.images).all() and (many.labels[:20] == few.labels).all()
    assert all((many.factors[name][:20] == values).all() for name, values in few.factors.items())
    assert (glyphs.draw(20, seed=1, coloured=coloured).images != few.images).any((1, 2, 3)).all()


def test_factors_are_independent_of_each_other_and_of_the_digit() -> None:
    drawn = glyphs.draw(4000, coloured=True)
    independent = {name: values for name, values in drawn.factors.items() if name != "ink_brightness"}
    correlation = np.corrcoef([drawn.labels, *independent.values()]) - np.eye(1 + len(independent))
    assert np.abs(correlation).max() < 0.06
    assert np.bincount(drawn.labels).min() > 320


def test_the_stroke_covers_what_geometry_says() -> None:
    """The middle rows of a 1 hold as much ink as its stroke is wide, along the row."""
    drawn = glyphs.draw(400)
    ones = (drawn.labels == 1) & (drawn.factors["height"] > 17)
    stem = drawn.images[ones, 0, 15].astype(float).sum(1) / 255
    expected = drawn.factors["stroke_width"][ones] / np.cos(drawn.factors["slant"][ones])
    assert np.abs(stem - expected).max() < 0.25


def test_the_box_is_as_wide_and_high_as_the_factors_say() -> None:
    drawn = glyphs.draw(200, size=56)
    rows = (drawn.images[:, 0] >= 128).any(2)
    height = rows.shape[1] - rows.argmax(1) - rows[:, ::-1].argmax(1)
    assert np.abs(height - drawn.factors["height"]).max() <= 1.5
    ink = drawn.images[:, 0] / 255.0
    middle = (ink.sum(2) * (np.arange(56) + 0.5)).sum(1) / ink.sum((1, 2)) - 28
    zeros = drawn.labels == 0
    assert np.abs(middle - drawn.factors["shift_y"])[zeros].max() < 0.1


def test_any_size_shows_the_same_glyph() -> None:
    small, large = glyphs.draw(30, size=28), glyphs.draw(30, size=56)
    assert np.allclose(large.factors["stroke_width"], 2 * small.factors["stroke_width"])
    halved = large.images.reshape(30, 28, 2, 28, 2).mean((2, 4))
    assert np.abs(halved - small.images[:, 0]).mean() < 3


def test_shapes_fill_the_box_upright() -> None:
    for strokes in shapes():
        points = np.concatenate(strokes)
        assert np.allclose([points.min(0), points.max(0)], [[0, 0], [1, 1]], atol=1e-9)


def test_colours_have_exactly_the_hue_and_brightness_asked_for() -> None:
    rng = np.random.default_rng(0)
    hue, brightness = rng.random(500), rng.uniform(0.1, 0.9, 500)
    rgb = colour.rgb(hue, brightness)
    assert rgb.min() >= 0 and rgb.max() <= 1
    across, up = colour.TO_CHROMA @ rgb.T
    assert np.allclose(rgb @ colour.LUMA, brightness)
    assert np.allclose(np.arctan2(up, across) / (2 * np.pi) % 1, hue)


def test_ink_can_be_told_from_the_background() -> None:
    drawn = glyphs.draw(1000, coloured=True)
    ink, background = drawn.factors["ink_brightness"], drawn.factors["background_brightness"]
    assert np.abs(ink - background).min() >= 0.3 and ink.min() >= 0.1 and ink.max() <= 0.9


def test_neighbours_reach_the_edges() -> None:
    drawn = glyphs.draw(500, coloured=True)
    left = drawn.factors["left_neighbour"].astype(bool)
    varied = drawn.images[:, :, :, :3].astype(float).std((1, 2, 3))
    assert 0.4 < left.mean() < 0.6 and varied[left].mean() > varied[~left].mean() + 5


def test_quick() -> None:
    start = time.process_time()
    glyphs.draw(2000)
    assert time.process_time() - start < 2


def test_as_a_source_at_any_size() -> None:
    data = load(DataConfig(source="glyphs", size=12, limit=50))
    assert data.spec.shape == (1, 12, 12) and len(data.train) == 50
    drawn = glyphs.draw(glyphs.TRAIN, size=12)
    assert any((data.train.images[0] == image).all() for image in drawn.images)
    assert data.train.factors.keys() == drawn.factors.keys()
