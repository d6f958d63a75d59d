"""What is measured on an image is what was drawn, by the definitions of Morpho-MNIST."""

from pathlib import Path

import numpy as np
import pytest
from skimage.morphology import medial_axis

from stratiform.data import attributes, glyphs, strokes
from stratiform.data.attributes import measure, measured
from stratiform.data.pictures import measure_pictures
from stratiform.data.split import Split
from stratiform.data.strokes import measure_strokes

Y, X = np.mgrid[:28, :28]
BY_HAND = {
    "bar": 255 * ((np.abs(X - 13) < 2) & (np.abs(Y - 14) < 9)),
    "ring": np.clip(255 - np.abs(np.hypot(X - 13.5, Y - 13.5) * 40 - 320), 0, 255),
    "slash": np.clip(400 - 120 * np.abs(X + 0.4 * Y - 20), 0, 255) * (np.abs(Y - 14) < 10),
    "edge": 255 * ((X < 3) | (Y > 24)),
}
# thickness, slant, width, height, area, length as github.com/dccastro/Morpho-MNIST measures them
REFERENCE = {
    "bar": (2.960317, 0.0, 4.236144, 17.084114, 50.75, 18.235281),
    "ring": (6.60281, 0.0, 24.380467, 24.380467, 331.75, 53.905592),
    "slash": (3.74793, 0.378333, 6.229052, 18.974965, 85.5625, 23.227922),
    "edge": (6.107327, -0.531793, 23.66299, 27.22045, 159.0625, 55.353553),
}


@pytest.fixture(scope="module")
def drawn() -> glyphs.Glyphs:
    return glyphs.draw(400)


@pytest.mark.parametrize("name", REFERENCE)
def test_the_reference_implementation_measures_the_same(name: str) -> None:
    found = measure_strokes(BY_HAND[name].astype(np.uint8)[None])
    assert [found[key][0] for key in strokes.NAMES] == pytest.approx(REFERENCE[name], abs=2e-6)


def test_skeletons_are_those_of_scikit_image() -> None:
    rng = np.random.default_rng(0)
    images = [rng.random((20, 17)) < share for share in (0.02, 0.3, 0.6, 0.9, 1.0)]  # ink at the edges too
    images += list(glyphs.draw(20, size=40).images[:, 0] > 127)
    for some in (images[:5], images[5:]):
        for image, skeleton, distance in zip(some, *strokes._skeletons(some), strict=True):
            expected, expected_distance = medial_axis(image, return_distance=True, rng=strokes.SEED)
            assert (skeleton == expected).all() and (distance == expected_distance).all()


@pytest.mark.parametrize(
    ("factor", "name"),
    [("stroke_width", "thickness"), ("slant", "slant"), ("width", "width"), ("height", "height")],
)
def test_factors_of_glyphs_are_recovered(drawn: glyphs.Glyphs, factor: str, name: str) -> None:
    truth, found = drawn.factors[factor], measure(drawn.images, 256)[name]
    assert np.corrcoef(truth, found)[0, 1] ** 2 > 0.95


def test_an_image_is_measured_alone(drawn: glyphs.Glyphs) -> None:
    whole = measure(drawn.images[:12], 256)
    alone = measure(drawn.images[7:8], 256)
    assert all(whole[name][7] == alone[name][0] for name in strokes.NAMES)


def test_any_grid_is_the_same_picture() -> None:
    k = np.zeros((1, 1, 8, 8), np.uint8)
    k[0, 0, 1:7, 3:5] = 16
    found, bytes_ = measure(k, 17), measure(np.minimum(k, 1) * 255, 256)
    assert all(found[name] == bytes_[name] for name in strokes.NAMES)


def test_nothing_to_measure_is_nan_and_not_an_error() -> None:
    images = np.stack([np.zeros((28, 28)), np.full((28, 28), 9), BY_HAND["bar"]]).astype(np.uint8)[:, None]
    images[0, 0, 5, 5] = 1
    found = measure(images, 256)
    for values in found.values():
        assert np.isnan(values[:2]).all() and np.isfinite(values[2])
    assert all(len(values) == 0 for values in measure(images[:0], 256).values())
    dot = np.zeros((1, 1, 200, 200), np.uint8)
    dot[..., 9, 9] = 255
    assert np.isnan(measure(dot, 256)["slant"][0])


def test_pictures() -> None:
    red, grey = np.zeros((3, 16, 16), np.uint8), np.full((3, 16, 16), 128, np.uint8)
    red[0] = 255
    framed = grey.copy()
    framed[2, [0, -1]] = framed[2, :, [0, -1]] = 255
    found = measure_pictures(np.stack([red, grey, framed]))
    assert found["hue"][0] == pytest.approx(0) and found["saturation"][0] == pytest.approx(1)
    assert found["brightness"] == pytest.approx([0.299, 128 / 255, found["brightness"][2]])
    assert found["contrast"][:2] == pytest.approx([0, 0]) and found["contrast"][2] > 0.01
    assert np.isnan(found["hue"][1]) and np.isnan(found["border_hue"][1])
    assert found["border_hue"][2] == pytest.approx(2 / 3)
    assert all(len(values) == 0 for values in measure_pictures(np.empty((0, 3, 8, 8), np.uint8)).values())


def test_the_border_tells_the_background_of_coloured_glyphs() -> None:
    drawn = glyphs.draw(400, coloured=True)
    hues = drawn.factors["background_hue"], measure(drawn.images, 256)["border_hue"]
    truth, found = (np.exp(2j * np.pi * hue) for hue in hues)
    assert 1 - (np.abs(truth - found) ** 2).mean() / (np.abs(truth - truth.mean()) ** 2).mean() > 0.95


def test_a_split_is_measured_once(drawn: glyphs.Glyphs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = Split(drawn.images[:5], None, {})
    first = measured(split, 256, tmp_path)
    assert all((first[name] == values).all() for name, values in measure(split.images, 256).items())
    monkeypatch.setattr(attributes, "measure", None)
    again = measured(Split(drawn.images[:5].copy(), None, {}), 256, tmp_path)
    assert all((again[name] == values).all() for name, values in first.items())
    with pytest.raises(TypeError):
        measured(split.take(np.arange(4)), 256, tmp_path)
