import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import stratiform
from stratiform.data.source import load as load_data
from stratiform.errors import UserError
from stratiform.training.loop import train
from stratiform.training.recipe import Optimiser, Recipe
from stratiform.training.run import Run, load
from tiny import tiny


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run.create(tmp_path_factory.mktemp("runs") / "tiny", tiny())
    train(run.recipe, run)
    return run


def retrained(recipe: Recipe, **fields: object) -> Recipe:
    return replace(recipe, training=replace(recipe.training, **fields))


def test_creating_a_run_writes_nothing(tmp_path: Path):
    Run.create(tmp_path / "new", tiny())
    assert list(tmp_path.iterdir()) == []


def test_the_folder_holds_the_recipe_and_what_it_found_in_the_data(trained: Run):
    data = load_data(trained.recipe.data)
    again = Run.open(trained.path)
    assert again.recipe == trained.recipe
    assert again.spec == data.spec
    assert again.class_names == tuple("0123456789")
    assert json.loads((trained.path / "recipe.json").read_text())["data"] == data.fingerprint


def test_loading_gives_the_averaged_model_in_eval_mode(trained: Run):
    before = torch.get_rng_state()
    loaded = load(trained.path)
    assert torch.equal(before, torch.get_rng_state())
    assert stratiform.load is load
    assert not loaded.model.training
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert (loaded.recipe, loaded.spec, loaded.run) == (trained.recipe, trained.spec, trained)
    state = load_state(trained)
    for name, value in loaded.model.state_dict().items():
        assert torch.equal(value, state[f"average/{name}"])
        assert not torch.equal(value, state[f"weights/{name}"])


def load_state(run: Run) -> dict[str, torch.Tensor]:
    return load_file(run.state)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: replace(r, optimiser=Optimiser(lr=2e-2)), "optimiser.lr is 0.01 there, 0.02 here"),
        (lambda r: retrained(r, steps=13), "training.steps is 12 there, 13 here"),
        (lambda r: replace(r, name="other"), "name is 'tiny' there, 'other' here"),
    ],
)
def test_another_recipe_in_the_same_folder_is_refused(trained: Run, change, said: str):
    with pytest.raises(UserError, match="another recipe's run") as error:
        Run.create(trained.path, change(trained.recipe))
    assert said in str(error.value)


def test_how_a_run_is_carried_out_may_change(trained: Run):
    other = retrained(trained.recipe, threads=1, save_every=3, save_seconds=1.0, device="auto")
    assert Run.create(trained.path, other).recipe == other


def test_a_folder_of_other_things_is_refused_and_left_alone(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("all of it")
    for place in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(UserError, match="is no run; choose another --run"):
            Run.create(place, tiny())
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_a_kill_left_behind_is_swept_away(tmp_path: Path):
    (tmp_path / ".recipe.json.123.tmp").write_text("{")
    run = Run.create(tmp_path, tiny())
    run.begin(load_data(run.recipe.data))
    with run.alone():
        assert [file.name for file in tmp_path.iterdir()] == ["recipe.json"]


def test_two_processes_do_not_train_into_one_folder(trained: Run):
    before = {file.name: file.read_bytes() for file in trained.path.iterdir()}
    with trained.alone(), pytest.raises(UserError, match="is being trained by another process"):
        train(trained.recipe, trained)
    assert {file.name: file.read_bytes() for file in trained.path.iterdir()} == before
    train(trained.recipe, trained)


def test_changed_data_are_refused(tmp_path: Path):
    run = Run.create(tmp_path / "run", tiny())
    data = load_data(run.recipe.data)
    run.begin(data)
    with pytest.raises(UserError, match="digits has changed since"):
        run.begin(replace(data, fingerprint="other"))


@pytest.mark.parametrize("content", ["", "{", "[]", '"recipe"', "{}", '{"recipe": {}}', "\0\1"])
def test_a_damaged_recipe_is_refused_in_one_line(tmp_path: Path, content: str):
    (tmp_path / "recipe.json").write_text(content)
    with pytest.raises(UserError) as error:
        Run.open(tmp_path)
    assert "\n" not in str(error.value)


def test_no_run_at_all_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="is no run: it has no recipe"):
        load(tmp_path)
    with pytest.raises(UserError, match="is no run"):
        load(tmp_path / "nowhere")


def test_damaged_weights_are_refused(trained: Run, tmp_path: Path):
    for name in ("recipe.json", "weights.safetensors"):
        (tmp_path / name).write_bytes((trained.path / name).read_bytes())
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-5])
    with pytest.raises(UserError, match=r"weights\.safetensors is damaged"):
        load(tmp_path)
    weights.unlink()
    with pytest.raises(UserError, match="does not exist; train first"):
        load(tmp_path)
