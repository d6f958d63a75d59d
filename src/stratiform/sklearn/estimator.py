"""`LayeredFeatures`: a hierarchy of features as a scikit-learn transformer and density."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from torch import Generator, Tensor

from stratiform.core.hierarchy import from_prior, given, with_noise
from stratiform.core.model import LatentModel
from stratiform.data.arrays import of_array
from stratiform.data.batches import in_order, is_random, mix
from stratiform.data.config import DataConfig
from stratiform.data.source import load as load_data
from stratiform.data.split import Data
from stratiform.distributions import Likelihood
from stratiform.errors import UserError
from stratiform.evaluation.bound import bounds
from stratiform.recipes import RECIPES
from stratiform.sklearn import stored
from stratiform.sklearn.rows import Rows, keys, shape_of
from stratiform.training.loop import train
from stratiform.training.recipe import Recipe, Stage, Warmup
from stratiform.training.run import Run, load

Source: TypeAlias = str | Path | DataConfig
AT_ONCE = 500  # images that go through the network together


class LayeredFeatures(TransformerMixin, BaseEstimator):
    """Codes of several levels, learnt without labels; a density of the data; a way back.

    X is an array [n, D] of rows, or a source of images: a folder, a name of `stratiform datasets`, or a `DataConfig`.
    What is fitted is a recipe of `stratiform recipes`, by the training loop of `stratiform train`; a fitted estimator
    is a run, and `save` writes its folder.

    Args:
        recipe: a name, or a `Recipe`; its data are not read.
        latents: units of each level, bottom (nearest the data) to top; None: the recipe's.
        levels: the levels whose codes `transform` gives, 1 (nearest the data) to L; None: all.
        image_shape: (height, width) or (channels, height, width) of a row; None: a row is no image.
        bins: grey levels, where values are whole numbers 0 ... bins - 1: the likelihood is then a mass. None: values
            are continuous, they are standardised, and the likelihood is a density.
        likelihood: one of `stratiform.distributions.HEADS`; None: gaussian with one learnt scale where values are
            continuous, else the recipe's.
        steps: of training; None: the recipe's.
        batch_size: images per step; None: the recipe's.
        learning_rate: at its peak; None: the recipe's.
        importance_samples: draws of z per row behind `score_samples`.
        random_state: as everywhere in scikit-learn.

    Attributes:
        model_: the `LatentModel`, averaged weights, in float64.
        recipe_: the `Recipe` that was trained.
        spec_: the `ImageSpec` of what the model sees.
        n_iter_: training steps taken.
        n_features_in_: D.
    """

    def __init__(
        self,
        recipe: str | Recipe = "vlae-digits",
        *,
        latents: Sequence[int] | None = None,
        levels: int | Sequence[int] | None = None,
        image_shape: Sequence[int] | None = None,
        bins: int | None = None,
        likelihood: str | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        importance_samples: int = 32,
        random_state: Any = None,
    ) -> None:
        self.recipe = recipe
        self.latents = latents
        self.levels = levels
        self.image_shape = image_shape
        self.bins = bins
        self.likelihood = likelihood
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.importance_samples = importance_samples
        self.random_state = random_state

    def fit(self, X: Any, y: object = None) -> Self:
        """Trains from the start."""
        data = self._learnt_from(X, first=True)
        self._train(self._recipe(data), data, {})
        return self

    def partial_fit(self, X: Any, y: object = None) -> Self:
        """Trains on, one pass over X, at a constant rate, with the full KL; the first call standardises for good."""
        begun = hasattr(self, "model_")
        data = self._learnt_from(X, first=not begun)
        recipe = _constant(self.recipe_ if begun else self._recipe(data))
        passed = self.n_iter_ if begun else 0
        steps = passed + max(1, -(-len(data.train) // recipe.training.batch))
        recipe = replace(recipe, training=replace(recipe.training, steps=steps, evaluate_every=steps))
        self._train(recipe, data, self._files if begun else {})
        return self

    def transform(self, X: Any) -> np.ndarray:
        """The codes: posterior means of the chosen levels, float64 [n, d]; of a source, its training images first."""
        chosen = [level - 1 for level in self._levels()]
        codes = []
        for x in self._batches(X):
            with torch.no_grad():
                latents = self.model_.encode(x)
            codes.append(torch.cat([latents[level].z.flatten(1) for level in chosen], 1))
        return torch.cat(codes).numpy()

    def inverse_transform(self, X: Any) -> np.ndarray:
        """From codes of the chosen levels to what is expected there, [n, D]; other levels at their priors' mean."""
        check_is_fitted(self)
        codes = torch.from_numpy(check_array(X, dtype=np.float64))
        shapes, chosen = self.model_.hierarchy.shapes, [level - 1 for level in self._levels()]
        sizes = [_units(shapes[level]) for level in chosen]
        if codes.shape[1] != sum(sizes):
            raise ValueError(f"codes have {codes.shape[1]} columns; those of levels {self._levels()} are {sum(sizes)}")
        rows = []
        for some in codes.split(AT_ONCE):
            parts = some.split(sizes, 1)
            z = {level: part.view(-1, *shapes[level]) for level, part in zip(chosen, parts, strict=True)}
            quiet = {level: torch.zeros(len(some), *shape).double() for level, shape in enumerate(shapes)}
            with torch.no_grad():
                image = self.model_.decode(len(some), given(z, with_noise(quiet, from_prior())))
                rows.append(image.sample(Generator().manual_seed(0)) if image.mean is None else image.mean)
        return self._rows.rows(torch.cat(rows))

    def sample(
        self, n_samples: int = 1, random_state: Any = None, pixels: Literal["drawn", "mean"] = "drawn"
    ) -> np.ndarray:
        """Draws from the model, [n_samples, D].

        Args:
            random_state: None: the estimator's own.
            pixels: drawn from p(x | z), or their mean given the z drawn: smoother than what was learnt from.
        """
        check_is_fitted(self)
        seed = _seed(self.random_state if random_state is None else random_state)
        generators = {i: Generator().manual_seed(mix(seed, i)) for i in range(len(self.model_.hierarchy.levels))}
        with torch.no_grad():
            image = self.model_.decode(n_samples, from_prior(generators=generators))
            mean = image.mean if pixels == "mean" else None
            drawn = image.sample(Generator().manual_seed(mix(seed, -1))) if mean is None else mean
        return self._rows.rows(drawn)

    def score_samples(self, X: Any) -> np.ndarray:
        """Importance-weighted lower bounds on log p(x), float64 [n], in nats: of a density in X's units, or a mass.

        The noise of a row follows from its values: the same whatever its place, and in every call.
        """
        found = []
        for x in self._batches(X):
            found.append(bounds(self.model_, x, self.importance_samples, first=keys(x)).bound)
        return torch.cat(found).numpy() - self._rows.log_volume

    def score(self, X: Any, y: object = None) -> float:
        """The mean of `score_samples`, in nats per row: what `GridSearchCV` makes as large as it can."""
        return float(self.score_samples(X).mean())

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """level1_0, level1_1, ..., level2_0, ...: level 1 is nearest the data."""
        check_is_fitted(self)
        shapes = self.model_.hierarchy.shapes
        names = [f"level{level}_{i}" for level in self._levels() for i in range(_units(shapes[level - 1]))]
        return np.array(names, dtype=object)

    def save(self, path: str | Path) -> None:
        """Writes a folder that `load`, `stratiform.load` and the command line read; nothing in it is pickled.

        Raises:
            UserError: the folder is there and is not empty.
        """
        check_is_fitted(self)
        names = list(map(str, self.feature_names_in_)) if hasattr(self, "feature_names_in_") else None
        stored.write(Path(path), self._files, self.get_params(deep=False), self._rows, names)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """What `save` wrote.

        Raises:
            UserError: it is not there, damaged or of another kind.
        """
        files, params, rows, names = stored.read(Path(path))
        self = cls(**params)
        self._rows, self.n_features_in_ = rows, len(rows.shift)
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        self._take(files)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Without the network: it is in the run's files."""
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("model_", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_files" in state:
            self._take(self._files)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64"]
        return tags

    @property
    def _n_features_out(self) -> int:
        return len(self.get_feature_names_out())

    def _learnt_from(self, X: Any, first: bool) -> Data:
        """What the loop learns from; `first` settles what a row is."""
        if isinstance(X, Source):
            data = load_data(self._config(X))
            if is_random(data):
                raise UserError("binarised or dequantised images differ in every call; leave binarise, dequantise out")
            if first:
                self.n_features_in_ = data.spec.dimensions
                self._rows = Rows.of_levels(data.grid, data.spec.shape)
            return self._same(data)
        values = validate_data(self, X, dtype=np.float64, reset=first)
        if first:
            shape = shape_of(values.shape[1], self.image_shape)
            self._rows = Rows.standardised(values, shape) if self.bins is None else Rows.of_levels(self.bins, shape)
        if not self._rows.density:
            bins = int(self._rows.scale[0]) + 1
            return of_array(values.reshape(-1, *self._rows.shape), bins)
        return of_array(self._rows.images(values).numpy(), None)

    def _config(self, source: Source) -> DataConfig:
        """How a source is read: as it says itself, else in the size and the grey levels asked for."""
        if isinstance(source, DataConfig):
            return source
        asked = self.image_shape
        if asked is not None and asked[-1] != asked[-2]:
            raise UserError(
                f"image_shape is {tuple(asked)}; images of a source are cut to squares, or left as they are"
            )
        return DataConfig(source=str(source), size=None if asked is None else asked[-1], levels=self.bins)

    def _same(self, data: Data) -> Data:
        """Refuses images that are not what was fitted."""
        if data.spec.shape != self._rows.shape or self._rows.density or data.grid - 1 != self._rows.scale[0]:
            raise UserError(
                f"{data.config.source} has images {list(data.spec.shape)} of {data.grid} grey levels, this was fitted "
                f"to {list(self._rows.shape)}{'' if self._rows.density else f' of {self._rows.scale[0] + 1:g}'}"
            )
        return data

    def _recipe(self, data: Data) -> Recipe:
        """The recipe with what was asked for in place."""
        if isinstance(self.recipe, str) and self.recipe not in RECIPES:
            raise UserError(f"recipe is {self.recipe!r}; give one of {', '.join(RECIPES)}, or a Recipe")
        recipe = RECIPES[self.recipe].recipe if isinstance(self.recipe, str) else self.recipe
        training, optimiser = recipe.training, recipe.optimiser
        steps = training.steps if self.steps is None else int(self.steps)
        batch = training.batch if self.batch_size is None else int(self.batch_size)
        rate = optimiser.lr if self.learning_rate is None else float(self.learning_rate)
        how: dict[str, Any] = {"steps": steps, "batch": batch, "seed": _seed(self.random_state)}
        often: dict[str, Any] = {"evaluate_every": steps, "save_every": steps}
        return replace(
            recipe,
            data=data.config,
            model=self._model(recipe.model, data),
            optimiser=replace(optimiser, lr=rate),
            training=replace(training, audition=min(training.audition, steps), **how, **often),
        )

    def _model(self, model: Any, data: Data) -> Any:
        """The recipe's model with the likelihood, the units and, where rows are no images, the dense layers."""
        has = {field.name for field in fields(model)}
        if self.likelihood is not None:
            model = replace(model, likelihood=Likelihood(name=self.likelihood))
        elif data.spec.bins is None:
            model = replace(model, likelihood=Likelihood(name="gaussian", learn="image"))
        if self.latents is not None:
            if "latents" not in has:
                raise UserError(f"{type(model).__name__} has no latents to choose; leave them out, or give a Recipe")
            model = replace(model, latents=tuple(map(int, self.latents)))
        if self.image_shape is None and data.spec.height == 1 and hasattr(getattr(model, "network", None), "kind"):
            model = replace(model, network=replace(model.network, kind="dense"))
        return model

    def _train(self, recipe: Recipe, data: Data, files: dict[str, bytes]) -> None:
        """The loop of `stratiform train`, in a folder of its own that is gone afterwards."""
        _refuse_without_codes(recipe, data)
        with tempfile.TemporaryDirectory(prefix="stratiform-") as folder:
            run = Run(Path(folder), recipe)
            if files:
                run.state.write_bytes(files[run.state.name])
            train(recipe, run, data=data)
            self._take(stored.files_of(Path(folder)))

    def _take(self, files: dict[str, bytes]) -> None:
        """Becomes what the files of a run hold."""
        with tempfile.TemporaryDirectory(prefix="stratiform-") as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            loaded = load(folder)
        self._files, self.recipe_, self.spec_ = files, loaded.recipe, loaded.spec
        self.model_: LatentModel = loaded.model.double()
        self.n_iter_ = loaded.recipe.training.steps

    def _batches(self, X: Any) -> Iterator[Tensor]:
        """What the model sees of X, float64 [at most AT_ONCE, C, H, W]."""
        check_is_fitted(self)
        if isinstance(X, Source):
            data = self._same(load_data(self._config(X)))
            splits: Iterable[Literal["train", "test"]] = ("train", "test")
            return (x.double() for split in splits for x in in_order(data, split, size=AT_ONCE))
        values = validate_data(self, X, dtype=np.float64, reset=False)
        return (self._rows.images(some) for some in np.split(values, range(AT_ONCE, len(values), AT_ONCE)))

    def _levels(self) -> list[int]:
        """The chosen levels, from 1."""
        check_is_fitted(self)
        count = len(self.model_.hierarchy.levels)
        if self.levels is None:
            return list(range(1, count + 1))
        chosen = [self.levels] if isinstance(self.levels, int | np.integer) else list(self.levels)
        if not chosen or not all(1 <= level <= count for level in chosen):
            raise UserError(f"levels is {self.levels}; give 1 (nearest the data) to {count}, one or several")
        return [int(level) for level in chosen]


def _refuse_without_codes(recipe: Recipe, data: Data) -> None:
    """Refuses recipes of models that have no code of a whole image."""
    with torch.device("meta"):
        model = recipe.model.build(data.spec)
    if not len(model.hierarchy.levels):
        raise UserError(f"{recipe.name} has no levels, and so no features; give a recipe that has, as vlae-digits")
    if not model.whole:
        raise UserError(f"{recipe.name} completes images; give a recipe that models whole ones, as vlae-digits")


def _constant(recipe: Recipe) -> Recipe:
    """The recipe for data that come piece by piece: nothing in it depends on how long it will be."""
    if len(recipe.stages) > 1:
        raise UserError(f"{recipe.name} has {len(recipe.stages)} stages; partial_fit takes recipes of one")
    rule = replace(recipe.optimiser, warmup=0.0, decay="constant", decay_from=0.0, halve=(), settle=None)
    stages = tuple(Stage(players=stage.players) for stage in recipe.stages)
    return replace(recipe, optimiser=rule, beta=Warmup(), stages=stages, training=replace(recipe.training, starts=1))


def _units(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=int))


def _seed(random_state: Any) -> int:
    return int(check_random_state(random_state).randint(2**31 - 1))
