"""The estimator: scikit-learn's own checks, then what they do not ask: densities, levels, sources, saving."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import stratiform
from stratiform.data.config import DataConfig
from stratiform.errors import UserError
from stratiform.evaluation.bound import bounds
from stratiform.recipes import RECIPES
from stratiform.sklearn import LayeredFeatures
from stratiform.sklearn.rows import REACH, keys

QUICK = {"steps": 2, "batch_size": 8, "importance_samples": 2, "random_state": 0}
DIGITS = {**QUICK, "image_shape": (8, 8), "bins": 17}


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return load_digits(return_X_y=True)[0][:60]


@pytest.fixture(scope="module")
def fitted(digits: np.ndarray) -> LayeredFeatures:
    """On digits as images of grey levels. Read it, do not change it."""
    return LayeredFeatures(**DIGITS).fit(digits)


@parametrize_with_checks([LayeredFeatures(latents=(1, 2), **QUICK)])
def test_scikit_learn_finds_nothing_wrong(estimator: LayeredFeatures, check: object) -> None:
    check(estimator)


def test_codes_are_the_posterior_means_of_the_chosen_levels(fitted: LayeredFeatures, digits: np.ndarray) -> None:
    latents = fitted.model_.encode(torch.from_numpy(digits.reshape(-1, 1, 8, 8) / 16.0))
    chosen = clone(fitted).set_params(levels=(3, 1)).fit(digits)
    assert list(chosen.get_feature_names_out()) == ["level3_0", "level3_1", "level1_0", "level1_1"]
    expected = torch.cat([latents[2].z, latents[0].z], 1).detach().numpy()
    np.testing.assert_allclose(chosen.transform(digits), expected)


def test_the_score_is_the_importance_weighted_bound_of_the_grey_levels(
    fitted: LayeredFeatures, digits: np.ndarray
) -> None:
    images = torch.from_numpy(digits.reshape(-1, 1, 8, 8) / 16.0)
    expected = bounds(fitted.model_, images, 2, first=keys(images)).bound
    np.testing.assert_allclose(fitted.score_samples(digits), expected.numpy())
    assert fitted.score(digits) == pytest.approx(expected.mean().item())


def test_a_density_follows_the_units_of_its_data() -> None:
    """Eight times the unit, an eighth of the density per column: powers of two, so that not one bit is rounded."""
    x = np.random.default_rng(0).normal(size=(40, 3))
    units = np.array([8.0, 1.0, 0.125 / 4])
    plain, scaled = (LayeredFeatures(**QUICK).fit(values) for values in (x, x * units))
    expected = plain.score_samples(x) - np.log(units).sum()
    np.testing.assert_allclose(scaled.score_samples(x * units), expected)


def test_a_density_integrates_to_one() -> None:
    """In one dimension, by the trapezium rule, far beyond what was standardised to [0, 1]."""
    x = np.random.default_rng(1).normal(3.0, 2.0, size=(200, 1))
    density = LayeredFeatures(latents=(1,), steps=30, importance_samples=100, random_state=0).fit(x)
    grid = np.linspace(3.0 - 4 * REACH * 2.0, 3.0 + 4 * REACH * 2.0, 240)
    mass = np.trapezoid(np.exp(density.score_samples(grid[:, None])), grid)
    assert mass == pytest.approx(1.0, abs=0.03)


def test_a_way_back_exists_for_some_levels_and_for_all(fitted: LayeredFeatures, digits: np.ndarray) -> None:
    back = fitted.inverse_transform(fitted.transform(digits))
    assert back.shape == digits.shape and back.min() >= 0 and back.max() <= 16
    top = clone(fitted).set_params(levels=3).fit(digits)
    assert top.inverse_transform(np.zeros((2, 2))).shape == (2, 64)
    with pytest.raises(ValueError, match=r"codes have 5 columns; those of levels \[3\] are 2"):
        top.inverse_transform(np.zeros((2, 5)))


def test_samples_are_grey_levels_and_follow_their_seed(fitted: LayeredFeatures) -> None:
    drawn = fitted.sample(5, random_state=3)
    assert drawn.shape == (5, 64) and (drawn == np.rint(drawn)).all() and 0 <= drawn.min() <= drawn.max() <= 16
    np.testing.assert_array_equal(drawn, fitted.sample(5, random_state=3))
    assert (drawn != fitted.sample(5, random_state=4)).any()
    means = fitted.sample(5, random_state=3, pixels="mean")
    assert (means != np.rint(means)).any()


def test_samples_of_continuous_data_are_in_its_units() -> None:
    x = np.random.default_rng(0).normal([100.0, -5.0], [10.0, 0.1], size=(300, 2))
    drawn = LayeredFeatures(steps=60, random_state=0).fit(x).sample(400, random_state=0)
    assert abs(drawn.mean(0) - x.mean(0)) == pytest.approx(0.0, abs=8.0)
    assert abs(drawn[:, 1].mean() + 5.0) < 0.1


def test_pieces_are_learnt_one_after_the_other(digits: np.ndarray) -> None:
    estimator = LayeredFeatures(**DIGITS)
    first = estimator.partial_fit(digits).transform(digits)
    assert estimator.n_iter_ == 8  # 60 images by 8
    second = estimator.partial_fit(digits[:20]).transform(digits)
    assert estimator.n_iter_ == 11 and (first != second).any()
    again = LayeredFeatures(**DIGITS).partial_fit(digits).partial_fit(digits[:20])
    np.testing.assert_array_equal(second, again.transform(digits))


@pytest.mark.parametrize("how", ["saved", "pickled"])
def test_what_is_kept_is_what_was_fitted(how: str, digits: np.ndarray, tmp_path: Path) -> None:
    fitted = LayeredFeatures(levels=(2, 3), **DIGITS).fit(digits)
    if how == "saved":
        fitted.save(tmp_path / "kept")
        again = LayeredFeatures.load(tmp_path / "kept")
    else:
        again = pickle.loads(pickle.dumps(fitted))
    assert again.get_params() == fitted.get_params()
    for ask in ("transform", "score_samples"):
        np.testing.assert_array_equal(getattr(fitted, ask)(digits), getattr(again, ask)(digits))
    np.testing.assert_array_equal(fitted.sample(2), again.sample(2))
    np.testing.assert_array_equal(
        fitted.partial_fit(digits).transform(digits), again.partial_fit(digits).transform(digits)
    )


def test_a_saved_estimator_is_a_run_without_pickle(fitted: LayeredFeatures, tmp_path: Path) -> None:
    fitted.save(tmp_path / "kept")
    assert {path.suffix for path in (tmp_path / "kept").iterdir()} == {".json", ".jsonl", ".safetensors"}
    loaded = stratiform.load(tmp_path / "kept")
    for name, weight in loaded.model.state_dict().items():
        assert torch.equal(weight.double(), fitted.model_.state_dict()[name])
    with pytest.raises(UserError, match="is there already"):
        fitted.save(tmp_path / "kept")


def test_damage_is_refused_in_one_line(fitted: LayeredFeatures, tmp_path: Path) -> None:
    fitted.save(tmp_path / "kept")
    (tmp_path / "kept" / "weights.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match="damaged"):
        LayeredFeatures.load(tmp_path / "kept")
    (tmp_path / "kept" / "estimator.json").write_text("{")
    with pytest.raises(UserError, match=r"estimator\.json cannot be read"):
        LayeredFeatures.load(tmp_path / "kept")
    with pytest.raises(UserError, match="is no saved estimator"):
        LayeredFeatures.load(tmp_path / "nowhere")


def test_a_recipe_of_ones_own_is_kept_too(digits: np.ndarray, tmp_path: Path) -> None:
    recipe = RECIPES["hvae-digits"].recipe
    fitted = LayeredFeatures(recipe, **DIGITS).fit(digits)
    fitted.save(tmp_path / "kept")
    assert LayeredFeatures.load(tmp_path / "kept").recipe == recipe


def test_folders_of_images_are_learnt_and_encoded(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(12):
        pixels = rng.integers(0, 256, (10, 10), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i:02}.png")
    estimator = LayeredFeatures(**QUICK, image_shape=(8, 8)).fit(tmp_path)
    assert estimator.spec_.shape == (1, 8, 8) and estimator.spec_.bins == 256 and estimator.n_features_in_ == 64
    codes = estimator.transform(str(tmp_path))
    assert codes.shape == (12, 6) and np.isfinite(codes).all()
    assert estimator.score_samples(tmp_path).shape == (12,)
    with pytest.raises(UserError, match="this was fitted to"):
        estimator.transform(DataConfig(source=str(tmp_path), size=4))


def test_it_works_where_estimators_do(digits: np.ndarray) -> None:
    labels = load_digits(return_X_y=True)[1][:60]
    pipeline = make_pipeline(LayeredFeatures(**DIGITS), StandardScaler(), LogisticRegression())
    assert 0.0 <= pipeline.fit(digits, labels).score(digits, labels) <= 1.0
    search = GridSearchCV(LayeredFeatures(**DIGITS), {"latents": [(2,), (1, 2)]}, cv=2).fit(digits)
    assert search.best_estimator_.get_feature_names_out().size in (2, 3)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"recipe": "vlae-digit"}, "recipe is 'vlae-digit'; give one of vlae-digits"),
        ({"recipe": "pixelcnn-digits"}, "pixelcnn-digits has no levels, and so no features"),
        ({"recipe": "matnet-inpaint-digits"}, "matnet-inpaint-digits completes images"),
        ({"image_shape": (8, 9)}, r"image_shape is \(8, 9\), but a row has 64 features"),
        ({"bins": 2}, "with bins=2 values are the whole numbers 0 to 1; these reach from 0 to 16"),
        ({"recipe": "vae-digits", "latents": (1, 1)}, "VAE has no latents to choose"),
        ({"likelihood": "bernoulli"}, "likelihood 'bernoulli' is no distribution for data of 17 levels"),
    ],
)
def test_wrong_use_is_answered_in_one_line(params: dict[str, object], message: str, digits: np.ndarray) -> None:
    with pytest.raises(UserError, match=message):
        LayeredFeatures(**{**DIGITS, **params}).fit(digits)


def test_levels_that_do_not_exist_are_refused(digits: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"levels is 4; give 1 \(nearest the data\) to 3"):
        LayeredFeatures(levels=4, **DIGITS).fit(digits).transform(digits)
    with pytest.raises(UserError, match="differ in every call"):
        LayeredFeatures(**QUICK).fit(DataConfig(source="digits", binarise="dynamic"))
