import copy
import inspect
import json
import math
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from stratiform.errors import UserError
from stratiform.models import MODELS
from stratiform.objective import IWAE, FreeBits
from stratiform.training import recipe as module
from stratiform.training.recipe import Optimiser, Player, Recipe, Stage, Training, Warmup, from_json, to_json

PLAIN = Recipe(name="plain", model=MODELS["vlae"](latents=(1, 2)))
RICH = Recipe(
    name="rich",
    model=MODELS["vae"](latent=3),
    objective=FreeBits(nats=0.5),
    optimiser=Optimiser(name="adamw", warmup=0.1, decay="cosine", decay_from=0.5, halve=(0.1, 500.0), settle=0.95),
    beta=Warmup(form="exponential", steps=2000),
    training=Training(average=None, clip=100.0),
    stages=(
        Stage(share=3),
        Stage(players=(Player(), Player(trains=("posterior",), data="own samples", objective=IWAE(samples=2)))),
    ),
)


@pytest.mark.parametrize("recipe", [PLAIN, RICH], ids=lambda recipe: recipe.name)
def test_json_gives_the_recipe_back(recipe: Recipe):
    assert from_json(json.loads(json.dumps(to_json(recipe), allow_nan=False))) == recipe


def test_fields_left_out_take_their_defaults():
    assert from_json({"name": "plain", "model": {"kind": "vlae", "latents": [1, 2]}}) == PLAIN


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["trainig"], {}, "trainig does not exist; the nearest name is training"),
        (["training", "bacth"], 5, "the nearest name is training.batch"),
        (["optimiser", "learning_rate"], 1e-3, "optimiser.learning_rate does not exist"),
        (["model", "kind"], "vlea", "the nearest is vlae"),
        (["model", "latents"], [2, 2.5], "model.latents[1] is 2.5; give a whole number"),
        (["model", "latent"], 3, "the nearest name is model.latents"),
        (["model", "network", "kind"], "dens", "model.network.kind is 'dens'"),
        (["objective", "kind"], "elob", "the nearest is elbo"),
        (["objective", "kind"], ["elbo"], "whose kind is one of"),
        (["objective"], None, "whose kind is one of"),
        (["optimiser", "betas"], [0.9], "a list of 2"),
        (["optimiser", "name"], "sgd", "one of 'adam', 'adamax', 'adamw'"),
        (["training", "steps"], True, "give a whole number"),
        (["training", "compile"], 1, "give true or false"),
        (["training", "precision"], "bf16", "one of 'float32', 'bfloat16'"),
        (["stages", 0], 3, "stages[0] is 3"),
        (["stages", 0, "players", 0, "train"], [], "the nearest name is stages[0].players[0].trains"),
        (["data", "channels"], True, "data.channels is True"),
        (["name"], None, "name is None; give text"),
    ],
)
def test_a_near_miss_is_refused_by_name(path: list[Any], value: Any, said: str):
    values = to_json(PLAIN)
    place = values
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(UserError) as error:
        from_json(values)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("values", [[], "vlae", None, {"name": "x"}, {}])
def test_what_is_no_recipe_at_all_is_refused(values: Any):
    with pytest.raises(UserError):
        from_json(values)


@pytest.mark.parametrize(
    ("make", "values"),
    [
        (Training, {"steps": 0}),
        (Training, {"batch": -1}),
        (Training, {"accumulate": 0}),
        (Training, {"average": 1.0}),
        (Training, {"clip": 0.0}),
        (Training, {"guard": 1.0}),
        (Training, {"threads": 0}),
        (Training, {"log_every": 0}),
        (Optimiser, {"lr": 0.0}),
        (Optimiser, {"lr": math.nan}),
        (Optimiser, {"betas": (0.9, 1.0)}),
        (Optimiser, {"weight_decay": -1.0}),
        (Optimiser, {"shrink": 1.1}),
        (Optimiser, {"warmup": -0.1}),
        (Optimiser, {"decay_from": -0.5}),
        (Optimiser, {"decay_from": 0.5}),
        (Optimiser, {"halve": (0.1, 0.0)}),
        (Optimiser, {"settle": 0.95}),
        (Warmup, {"steps": -1.0}),
        (Stage, {"players": ()}),
        (Stage, {"players": (Player(after=0.5),)}),
        (Player, {"after": -1.0}),
        (Stage, {"share": 0.0}),
    ],
)
def test_values_that_cannot_be_are_refused(make: type, values: dict[str, Any]):
    (name,) = values
    with pytest.raises(UserError, match=name.replace("_", "-")):
        make(**values)


def test_learning_rate_at_the_start_the_middle_and_the_end():
    steps = 1000
    rates = {
        "constant": (1.0, 1.0, 1.0),
        "linear": (1.0, 0.5, 0.0),
        "cosine": (1.0, 0.5, 0.0),
    }
    for decay, expected in rates.items():
        rule = Optimiser(lr=2.0, decay=decay)
        assert [rule.rate(step, steps) / 2.0 for step in (0, 500, 1000)] == pytest.approx(expected)
    assert Optimiser(lr=1.0, decay="cosine").rate(250, steps) == pytest.approx(0.5 + 0.5 * math.cos(math.pi / 4))


def test_learning_rate_shrinks_by_a_factor_per_step():
    rule = Optimiser(lr=1e-3, shrink=0.999995)
    assert rule.rate(1000, 10**6) == pytest.approx(1e-3 * 0.999995**1000)
    assert Optimiser(lr=1.0, shrink=0.5, decay="linear").rate(2, 4) == pytest.approx(0.25 * 0.5)


@pytest.mark.parametrize("warmup", [0.1, 100.0])
def test_learning_rate_warms_up_in_steps_or_in_a_share_of_them(warmup: float):
    rule = Optimiser(lr=1.0, warmup=warmup, decay="linear")
    assert [rule.rate(step, 1000) for step in (0, 49, 99, 100, 550)] == pytest.approx([0.01, 0.5, 1.0, 1.0, 0.5])


def test_the_rate_is_halved_and_runs_out_as_in_the_matnet_code():
    """300 epochs, halved at 5, 15, 30, 60 and 100, linear to 0 over the last 150; beta_1 half-way to .95 each time."""
    epochs, steps = (5, 15, 30, 60, 100), 300 * 500
    shares = Optimiser(
        lr=1e-3,
        betas=(0.8, 0.98),
        halve=tuple(epoch / 300 for epoch in epochs),
        settle=0.95,
        decay="linear",
        decay_from=0.5,
    )
    counted = replace(shares, halve=tuple(500.0 * epoch for epoch in epochs), decay_from=150 * 500.0)
    for rule in (shares, counted):
        for done, epoch in enumerate(epochs):
            assert rule.rate(500 * epoch - 1, steps) == 1e-3 * 0.5**done
            assert rule.rate(500 * epoch, steps) == 1e-3 * 0.5 ** (done + 1)
            assert rule.momentum(500 * epoch, steps) == pytest.approx(0.95 - 0.15 * 0.5 ** (done + 1))
        assert rule.momentum(0, steps) == pytest.approx(0.8)
        ends = [rule.rate(500 * epoch, steps) for epoch in (101, 150, 225, 300)]
        assert ends == pytest.approx([1e-3 / 32, 1e-3 / 32, 1e-3 / 64, 0.0])


def test_the_decay_begins_where_it_is_told_but_not_before_the_peak():
    rule = Optimiser(lr=1.0, warmup=0.2, decay="cosine", decay_from=0.6)
    assert [rule.rate(step, 100) for step in (19, 20, 60, 80, 100)] == pytest.approx([1.0, 1.0, 1.0, 0.5, 0.0])
    assert replace(rule, decay_from=0.1).rate(60, 100) == replace(rule, decay_from=0.0).rate(60, 100)
    assert Optimiser(betas=(0.7, 0.9), halve=(0.5,)).momentum(99, 100) == 0.7


def test_beta_at_the_start_the_middle_and_the_end():
    steps = 1000
    cases = {
        Warmup(): (1.0, 1.0, 1.0),
        Warmup(steps=1.0): (0.0, 0.5, 1.0),
        Warmup(steps=0.25): (0.0, 1.0, 1.0),
        Warmup(steps=2000.0): (0.0, 0.25, 0.5),
        Warmup(form="exponential", steps=2000.0): (0.0, 1 - math.exp(-0.25), 1 - math.exp(-0.5)),
        Warmup(form="exponential"): (1.0, 1.0, 1.0),
    }
    for warmup, expected in cases.items():
        assert [warmup.at(step, steps) for step in (0, 500, 1000)] == pytest.approx(expected)


def test_a_player_moves_after_so_many_steps_or_a_share_of_them():
    for after in (0.05, 50.0):
        assert [Player(after=after).moves(step, 1000) for step in (0, 49, 50, 999)] == [False, False, True, True]
    assert Player().moves(0, 1000)


def test_stages_share_all_the_steps():
    assert RICH.stage_ends() == (1500, 2000)
    assert PLAIN.stage_ends() == (2000,)


def test_every_field_says_what_it_is():
    """Its docstring is the help text of the flag."""
    source = inspect.getsource(module)
    for cls in (
        value for value in vars(module).values() if is_dataclass(value) and value.__module__ == module.__name__
    ):
        for field in fields(cls):
            declared = source.split(f"class {cls.__name__}:")[1].split(f"\n    {field.name}: ")[1]
            assert declared.split("\n")[1].strip().startswith('"""'), (cls, field.name)


def test_a_recipe_is_a_value():
    assert copy.deepcopy(RICH) == RICH
    assert hash(RICH) == hash(copy.deepcopy(RICH))
