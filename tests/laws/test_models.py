"""Every law, for every model: those of the zoo, linear-Gaussian hierarchies, tiny autoregressive ones."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

import known
import zoo
from stratiform.core.hierarchy import Pick, from_prior, with_noise
from stratiform.core.model import LatentModel
from stratiform.distributions import Likelihood
from stratiform.errors import UserError
from stratiform.evaluation.check import LAWS
from stratiform.evaluation.laws.case import Case, NotApplicable, near
from stratiform.models import MODELS
from stratiform.models.parts import Network
from stratiform.spec import ImageSpec


def _of(made: known.Known, carried: bool = False) -> Case:
    return Case.of(made.top_down(carried)[0], made.spec)


def _pixels(make: Callable[[ImageSpec, Likelihood], LatentModel], spec: ImageSpec, likelihood: Likelihood) -> Case:
    return Case.of(make(spec, likelihood), spec)


CASES: dict[str, Callable[[], Case]] = {
    **{name: partial(zoo.case, name) for name in zoo.ZOO},
    "linear, flat": lambda: _of(known.flat((2, 3))),
    "linear, Markov, with a carry": lambda: _of(known.markov((2, 2, 2)), carried=True),
    "linear, shortcut": lambda: _of(known.shortcut((1, 2))),
    "linear, bottom-up": lambda: Case.of(known.markov((2, 1)).bottom_up()[0], known.markov((2, 1)).spec),
    "pixels, binary": lambda: _pixels(known.pixels, ImageSpec(1, 3, 4, 2), Likelihood(name="bernoulli")),
    "pixels, colour": lambda: _pixels(
        known.pixels, ImageSpec(3, 5, 3, 256), Likelihood(name="logistic", learn="pixel")
    ),
    "pixels given z": lambda: _pixels(known.pixels_given_z, ImageSpec(1, 2, 2, 4), Likelihood(learn="pixel")),
}
IN_A_FRESH_PROCESS = "one graph"


@pytest.mark.parametrize("law", [name for name in LAWS if name != IN_A_FRESH_PROCESS])
@pytest.mark.parametrize("case", CASES)
def test_law(law: str, case: str) -> None:
    try:
        LAWS[law](CASES[case]())
    except NotApplicable as reason:
        pytest.skip(str(reason))


def test_every_model_is_in_the_zoo() -> None:
    kinds = {kind: type(config) for kind, config, _ in zoo.ZOO.values()}
    assert kinds == MODELS


def test_every_law_applies_to_something() -> None:
    for name in (
        "images sum to 1",
        "analytic KL is Monte-Carlo KL",
        "bounds are ordered",
        "checkpointing changes nothing",
    ):
        LAWS[name](CASES["vae, dense, binary 2x2"]())
    for name in ("pixels see only earlier ones", "stepper is the network", "sampler is the network"):
        LAWS[name](CASES["pixels given z"]())


@pytest.mark.parametrize("kind", MODELS)
def test_one_graph_in_a_fresh_process(kind: str) -> None:
    case = next(name for name, (its_kind, *_) in zoo.ZOO.items() if its_kind == kind)
    code = (
        f"import zoo; from stratiform.evaluation.check import LAWS; LAWS[{IN_A_FRESH_PROCESS!r}](zoo.case({case!r}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(zoo.__file__).parent), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("name", zoo.ZOO)
def test_a_fresh_build_takes_saved_weights(name: str) -> None:
    """All that a model is lies in its configuration and its saved weights: nothing hides in the object."""
    case, other = zoo.case(name), zoo.build(name, seed=1).eval()
    other.load_state_dict(case.model.state_dict())
    near("terms of the two", case.terms(other).elbo(), case.terms().elbo(), 0.0)


@pytest.mark.parametrize("name", ["vlae, 5x7", "vlae-reference, small"])
def test_every_level_reaches_the_image(name: str) -> None:
    case = zoo.case(name)
    noise = {
        level: torch.zeros(1, *shape, dtype=torch.float64) for level, shape in enumerate(case.model.hierarchy.shapes)
    }
    before = case.model.decode(1, _held(noise)).mean
    for level in noise:
        after = case.model.decode(1, _held({**noise, level: noise[level] + 1.0})).mean
        assert (after - before).abs().max() > 1e-6


def _held(noise: dict[int, torch.Tensor]) -> Pick:
    return with_noise(noise, from_prior())


@pytest.mark.parametrize("height", range(1, 12))
@pytest.mark.parametrize("levels", [1, 2, 3, 5])
@pytest.mark.parametrize("kind", ["conv", "dense"])
def test_any_size_and_any_number_of_levels(height: int, levels: int, kind: str) -> None:
    spec = ImageSpec(3, height, 13, 256)
    config = MODELS["vlae"](latents=(1,) * levels, network=Network(kind=kind, width=2, hidden=8))
    if kind == "conv" and height < 4:
        with pytest.raises(UserError, match="at least 4 x 4"):
            config.build(spec)
        return
    model = config.build(spec)
    x = torch.rand(2, *spec.shape)
    assert model(x).kls().shape == (levels, 2)
    assert model.decode(2, _held({})).mean.shape == x.shape


def test_layers_that_normalisation_would_empty_are_refused() -> None:
    with pytest.raises(UserError, match="hidden is 7; give 8 or more"):
        Network(kind="dense", hidden=7)
