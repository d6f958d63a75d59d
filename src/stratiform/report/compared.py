"""Several runs of the same images with their numbers, from metrics.json where they fit, else measured now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from stratiform.data.batches import in_order
from stratiform.data.source import load as load_data
from stratiform.data.split import Data
from stratiform.errors import UserError
from stratiform.evaluation.bound import PerImage, bits_of
from stratiform.evaluation.levels import levels
from stratiform.evaluation.metrics import Metrics
from stratiform.evaluation.moments import Mean, paired
from stratiform.report.findings import WHOLE
from stratiform.training.run import Loaded, load

SAME = ("source", "crop", "levels", "binarise", "dequantise", "limit")  # of DataConfig; the rest shows in the spec


@dataclass(frozen=True, kw_only=True)
class Settings:
    """On what runs are compared: test images, draws and seeds are the same for all of them."""

    samples: int = 50  # draws of z per image, for the importance-weighted bound
    limit: int | None = 1000  # test images of the bound
    probed: int = 5000  # test images whose codes are probed
    draws: int = 400  # pairs of independent draws behind the indices of control
    split_code: int | None = None  # read the code of one-level models as so many levels
    baseline: Literal["first", "best"] = "first"
    seed: int = 0


@dataclass(frozen=True)
class Compared:
    """One run beside the others."""

    name: str
    loaded: Loaded
    images: PerImage
    learnt: Mapping[str, Any] | None  # `levels --json`; None of a model without levels
    difference: Mean | None  # of the bound to the baseline's, paired; None of the baseline itself

    @property
    def bound(self) -> Mean:
        return Mean.of(self.images.bound)

    @property
    def total_effects(self) -> list[float]:
        """The share of all pixels' variance that each level moves in generated images, bottom -> top."""
        return [] if self.learnt is None else [level["factors"][WHOLE]["control"] for level in self.learnt["levels"]]

    @property
    def alignment(self) -> float | None:
        return None if self.learnt is None else self.learnt["alignment"]


@dataclass(frozen=True)
class Comparison:
    """Runs of the same images."""

    data: Data
    settings: Settings
    runs: tuple[Compared, ...]
    baseline: Compared

    @property
    def best(self) -> Compared:
        """The run of the highest bound."""
        return max(self.runs, key=lambda run: run.bound.value)

    def bits(self, run: Compared) -> float | None:
        """Bits per dimension, from the importance-weighted bound."""
        grid = self.data.grid if self.data.config.dequantise else None
        return bits_of(run.loaded.model, run.bound.value, self.data.spec, grid)

    def to_json(self) -> dict[str, Any]:
        """As `compare --json` prints it."""
        return {
            "data": self.data.config.source,
            "split": "test",
            "images": len(self.baseline.images.bound),
            "dimensions": self.data.spec.dimensions,
            "binarisation": self.data.config.binarise,
            **{name: getattr(self.settings, name) for name in ("samples", "probed", "draws", "seed")},
            "baseline": self.baseline.loaded.run.path,
            "best": self.best.loaded.run.path,
            "runs": [self._run(run) for run in self.runs],
        }

    def _run(self, run: Compared) -> dict[str, Any]:
        elbo, difference = Mean.of(run.images.elbo), run.difference or Mean(0.0, 0.0)
        return {
            "run": run.loaded.run.path,
            "recipe": run.loaded.recipe.name,
            "training_seed": run.loaded.recipe.training.seed,
            "parameters": sum(parameter.numel() for parameter in run.loaded.model.parameters()),
            "estimator": "iw" if run.images.levels else "exact",
            "elbo": elbo.value,
            "elbo_stderr": elbo.stderr,
            "log_likelihood_bound": run.bound.value,
            "log_likelihood_bound_stderr": run.bound.stderr,
            "bits_per_dim": self.bits(run),
            "difference": difference.value,
            "difference_stderr": difference.stderr,
            "effective_samples": run.images.effective_samples,
            "levels": [asdict(level) for level in run.images.levels],
            "total_effects": run.total_effects,
            "alignment": run.alignment,
            "learnt": run.learnt,
        }


def compare(paths: Sequence[Path], settings: Settings) -> Comparison:
    """Runs of the same images beside each other.

    Numbers come from a run's metrics.json where they are of its weights, these images, draws and seeds; else they are
    measured and kept there.

    Raises:
        UserError: fewer than two runs, one named twice, or runs of different images.
    """
    if len(paths) < 2:
        raise UserError(f"{len(paths) or 'no'} run to compare; name two or more")
    twice = next((path for path in paths if [p.resolve() for p in paths].count(path.resolve()) > 1), None)
    if twice is not None:
        raise UserError(f"{twice} is named twice; name each run once")
    loaded = [load(path) for path in paths]
    _refuse_other_images(loaded)
    data = load_data(loaded[0].recipe.data)
    if data.spec != loaded[0].spec:
        raise UserError(f"{data.config.source} has changed since {paths[0]} was trained; train it anew")
    images = [_per_image(one, data, settings) for one in loaded]
    means = [Mean.of(each.bound).value for each in images]
    base = 0 if settings.baseline == "first" else means.index(max(means))
    names = [path.name for path in paths]
    runs = tuple(
        Compared(
            name=path.name if names.count(path.name) == 1 else str(path),
            loaded=one,
            images=each,
            learnt=_learnt(one, data, settings, judge=loaded[0].run.path / "judge.safetensors"),
            difference=None if index == base else paired(each.bound, images[base].bound),
        )
        for index, (path, one, each) in enumerate(zip(paths, loaded, images, strict=True))
    )
    return Comparison(data, settings, runs, runs[base])


def _refuse_other_images(loaded: Sequence[Loaded]) -> None:
    first = loaded[0]
    for other in loaded[1:]:
        said = [f"{what} is {a!r} there, {b!r} here" for what, a, b in _differences(first, other)]
        if said:
            raise UserError(
                f"{first.run.path} and {other.run.path} model different images: {'; '.join(said)}; "
                "only runs of the same images can be compared"
            )


def _differences(there: Loaded, here: Loaded) -> Iterator[tuple[str, Any, Any]]:
    """(what, there, here) of all that decides the images."""
    for name in SAME:
        yield from _unequal(f"data.{name}", getattr(there.recipe.data, name), getattr(here.recipe.data, name))
    for name, value in asdict(there.spec).items():
        yield from _unequal(name, value, getattr(here.spec, name))


def _unequal(what: str, there: Any, here: Any) -> Iterator[tuple[str, Any, Any]]:
    if there != here:
        yield what, there, here


def _per_image(loaded: Loaded, data: Data, settings: Settings) -> PerImage:
    """Kept under "per-image", for means alone do not tell how two models differ on the same image."""
    metrics = Metrics(loaded.run.metrics, loaded.run.weights)
    asked = {
        "data": data.fingerprint,
        "split": "test",
        "limit": settings.limit,
        "samples": settings.samples,
        "seed": settings.seed,
    }
    kept = metrics.get("per-image")
    if kept is not None and kept.items() >= asked.items():
        return PerImage.from_json(kept)
    batches = in_order(data, "test", limit=settings.limit, seed=settings.seed)
    found = PerImage.of(loaded.model, batches, samples=settings.samples, seed=settings.seed)
    metrics.put("per-image", asked | found.to_json())
    return found


def _learnt(loaded: Loaded, data: Data, settings: Settings, judge: Path) -> Mapping[str, Any] | None:
    """What `levels` says of the run; one judge reads the images of all runs that are measured now."""
    count = len(loaded.model.hierarchy.levels)
    if not count:
        return None
    split_code = settings.split_code if count == 1 else None
    asked = {
        "images": min(settings.probed, len(data.test)),
        "draws": settings.draws,
        "seed": settings.seed,
    }
    metrics = Metrics(loaded.run.metrics, loaded.run.weights)
    kept = metrics.get("levels")
    if kept is not None and kept.items() >= asked.items() and len(kept["levels"]) == (split_code or count):
        return kept
    found = levels(
        loaded.model,
        data,
        limit=settings.probed,
        draws=settings.draws,
        seed=settings.seed,
        split_code=split_code,
        judge_file=judge,
    ).to_json()
    metrics.put("levels", found)
    return found
