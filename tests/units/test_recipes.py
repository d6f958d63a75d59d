import inspect
import json
import math
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import torch

from stratiform import recipes as package
from stratiform.data.config import DataConfig
from stratiform.data.source import SOURCES, load
from stratiform.recipes import RECIPES
from stratiform.recipes.entry import Entry
from stratiform.training.loop import train
from stratiform.training.player import ActivePlayer
from stratiform.training.recipe import Player, from_json, to_json
from stratiform.training.run import Run

OFFLINE = [name for name in RECIPES if SOURCES[RECIPES[name].recipe.data.source].draw is not None]
FILES = [path.stem for path in Path(package.__file__).parent.glob("*.py") if path.stem not in ("__init__", "entry")]


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_known_by_its_own_name_and_survives_json(name: str):
    recipe = RECIPES[name].recipe
    assert recipe.name == name
    assert from_json(json.loads(json.dumps(to_json(recipe)))) == recipe
    assert recipe.data.source in SOURCES


@pytest.mark.parametrize("name", RECIPES)
def test_it_builds_for_its_images_with_the_levels_it_says(name: str):
    entry = RECIPES[name]
    with torch.device("meta"):
        model = entry.recipe.model.build(entry.images)
    assert tuple(map(math.prod, model.hierarchy.shapes)) == entry.levels


@pytest.mark.parametrize("name", ["vlae-mnist-paper", "vlae-svhn-paper", "vlae-celeba-paper"])
def test_the_papers_settings_take_a_step(name: str):
    recipe, spec = RECIPES[name].recipe, RECIPES[name].images
    torch.manual_seed(0)
    player = ActivePlayer(Player(), recipe, recipe.model.build(spec))
    x = torch.randint(spec.bins, (2, *spec.shape)) / (spec.bins - 1)
    assert player.move(x, torch.tensor(recipe.beta.at(1, recipe.training.steps)), recipe.optimiser.lr).taken


def test_the_papers_schedule_is_the_references():
    recipe = RECIPES["vlae-mnist-paper"].recipe
    assert recipe.beta.at(2000, recipe.training.steps) == pytest.approx(0.632, abs=1e-3)
    assert {recipe.optimiser.rate(step, 60_000) for step in (0, 30_000, 59_999)} == {2e-4}
    assert (recipe.model.likelihood.scale, recipe.model.likelihood.density) == (1 / 8, True)


@pytest.mark.parametrize("name", OFFLINE)
def test_it_trains_offline_for_two_steps(name: str, tmp_path: Path):
    recipe = RECIPES[name].recipe
    few = replace(recipe.training, steps=2, batch=4, evaluate_images=4)
    small = replace(recipe, training=few, data=replace(recipe.data, limit=16, size=recipe.data.size or 8))
    run = Run.create(tmp_path / name, small)
    train(small, run)
    assert run.weights.exists()


@pytest.mark.parametrize("name", ["vlae-digits", "vae-digits"])
def test_the_images_are_those_of_the_source(name: str):
    assert load(RECIPES[name].recipe.data).spec == RECIPES[name].images


def test_parameters_are_counted_without_building():
    assert RECIPES["vlae-mnist-paper"].parameters == 25_907_853


def test_there_are_recipes_without_network():
    assert {"vae-digits", "vlae-digits", "vlae-glyphs", "vlae-colour-glyphs"} <= set(OFFLINE)


@pytest.mark.parametrize("file", FILES)
def test_every_file_opens_with_claim_command_minutes_and_number(file: str):
    module = import_module(f"stratiform.recipes.{file}")
    opening = [row.split()[0] for row in inspect.getdoc(module).splitlines() if row and row[0].isupper()]
    for word in ("Claim", "Command", "Minutes", "Reached"):
        assert word in opening, (file, word)
    entries = [value for value in vars(module).values() if isinstance(value, Entry)]
    assert entries
    for entry in entries:
        assert f"stratiform train {entry.recipe.name}" in inspect.getdoc(module)
        assert RECIPES[entry.recipe.name] is entry


def test_ours_and_the_control_differ_in_the_model_and_the_starts_alone():
    ladder, control = RECIPES["vlae-mnist"].recipe, RECIPES["vae-mnist"].recipe
    one_start = {"starts": 1, "choose": "bound", "audition": control.training.audition}
    assert ladder.training.starts == 4
    ladder = replace(ladder, training=replace(ladder.training, **one_start))
    for name in ("hvae-mnist", "hvae-shortcut-mnist", "lvae-mnist"):
        assert replace(ladder, name="", model=control.model) == replace(
            RECIPES[name].recipe, name="", model=control.model
        )
    assert replace(ladder, name="", model=control.model) == replace(control, name="")
    assert ladder.model.network == control.model.network
    assert sum(ladder.model.latents) == control.model.latent


def test_the_default_is_what_the_demo_trains():
    assert RECIPES["vlae-digits"].recipe.data == DataConfig(source="digits")
