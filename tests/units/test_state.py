import copy
from pathlib import Path

import pytest
import torch

from stratiform.data.source import load
from stratiform.errors import UserError
from stratiform.models import MODELS
from stratiform.models.parts import Network
from stratiform.training.recipe import Player, Recipe, Stage
from stratiform.training.state import TrainState
from stratiform.training.tensors import write_tensors
from tiny import tiny

TWO_STAGES = (Stage(), Stage(players=(Player(), Player(trains=("posterior",), data="own samples"))))


def fresh(recipe: Recipe) -> tuple[TrainState, torch.Tensor]:
    data = load(recipe.data)
    torch.manual_seed(0)
    return TrainState(recipe, recipe.model.build(data.spec)), data.train.rows(range(8)) / (data.grid - 1)


def moved(state: TrainState, x: torch.Tensor, steps: int) -> TrainState:
    for _ in range(steps):
        torch.manual_seed(state.step)
        for player in state.players:
            player.claim()
            player.move(x, torch.tensor(1.0), 1e-2)
        state.step += 1
        state.follow()
    return state


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    state, x = fresh(tiny())
    moved(state, x, 3).save(tmp_path / "state")
    return tmp_path / "state", copy.deepcopy(state.tensors())


def test_what_is_saved_is_restored_bit_for_bit(saved: tuple[Path, dict[str, torch.Tensor]]):
    path, tensors = saved
    state, _ = fresh(tiny())
    state.restore(path)
    assert state.step == 3
    assert state.tensors().keys() == tensors.keys()
    assert all(torch.equal(tensors[name], value) for name, value in state.tensors().items())


def test_the_guard_and_the_sums_of_the_log_are_restored_too(tmp_path: Path):
    state, x = fresh(tiny())
    moved(state, x, 3).save(tmp_path / "state")
    again, _ = fresh(tiny())
    again.restore(tmp_path / "state")
    assert list(again.players[0].guard.norms) == list(state.players[0].guard.norms)
    assert len(again.players[0].guard.norms) == 3
    assert again.players[0].means() == state.players[0].means()


def test_it_is_one_file(saved: tuple[Path, dict[str, torch.Tensor]]):
    assert [file.name for file in saved[0].parent.iterdir()] == ["state"]
    groups = {name.split("/")[0] for name in saved[1]}
    assert groups == {"weights", "average", "players"}


def test_a_cut_state_is_refused_in_one_line(saved: tuple[Path, dict[str, torch.Tensor]]):
    whole = saved[0].read_bytes()
    for length in (0, 1, 8, 100, len(whole) // 2, len(whole) - 1):
        saved[0].write_bytes(whole[:length])
        with pytest.raises(UserError) as error:
            fresh(tiny())[0].restore(saved[0])
        assert "\n" not in str(error.value)


def test_the_state_of_another_model_is_refused(saved: tuple[Path, dict[str, torch.Tensor]]):
    other = tiny(model=MODELS["vlae"](latents=(1, 2), network=Network(kind="dense", hidden=9)))
    with pytest.raises(UserError, match="this model needs"):
        fresh(other)[0].restore(saved[0])
    with pytest.raises(UserError, match="unknown tensor average"):
        fresh(tiny({"average": None}))[0].restore(saved[0])


def test_a_state_with_nan_is_refused(tmp_path: Path):
    state, x = fresh(tiny())
    moved(state, x, 1)
    with torch.no_grad():
        next(iter(state.players[0].trained.values()))[:] = torch.nan
    state.save(tmp_path / "state")
    with pytest.raises(UserError, match="not finite"):
        fresh(tiny())[0].restore(tmp_path / "state")


def test_weights_are_no_state(tmp_path: Path):
    state, _ = fresh(tiny())
    write_tensors(tmp_path / "weights", state.model.state_dict(), {"step": "12"})
    with pytest.raises(UserError, match="is no stratiform training state"):
        state.restore(tmp_path / "weights")


def test_the_average_begins_fast_and_ends_slow():
    state, x = fresh(tiny({"average": 0.5}))
    before = copy.deepcopy(state.average.state_dict())
    moved(state, x, 1)
    name, weight = next(iter(state.model.named_parameters()))
    decay = 2 / 11
    assert torch.allclose(state.average.state_dict()[name], decay * before[name] + (1 - decay) * weight)
    state.step = 1000
    before = copy.deepcopy(state.average.state_dict())
    state.follow()
    assert torch.allclose(state.average.state_dict()[name], 0.5 * before[name] + 0.5 * weight)
    assert not state.average.training
    assert state.model.training


def test_without_an_average_the_weights_are_their_own():
    state, x = fresh(tiny({"average": None}))
    moved(state, x, 2)
    assert state.average is state.model
    assert not any(name.startswith("average") for name in state.tensors())


def test_stages_follow_each_other_and_are_found_again(tmp_path: Path):
    recipe = tiny(stages=TWO_STAGES)
    state, x = fresh(recipe)
    assert (state.stage, state.span, len(state.players)) == (0, (0, 6), 1)
    moved(state, x, 6).enter_stage()
    assert (state.stage, state.span, len(state.players)) == (1, (6, 12), 2)
    moved(state, x, 2).save(tmp_path / "state")
    again, _ = fresh(recipe)
    again.restore(tmp_path / "state")
    assert (again.stage, len(again.players)) == (1, 2)
    assert all(torch.equal(value, again.tensors()[name]) for name, value in state.tensors().items())


def test_a_wrong_name_in_a_later_stage_is_found_at_once():
    with pytest.raises(UserError, match="no parameter begins with 'encoder'"):
        fresh(tiny(stages=(Stage(), Stage(players=(Player(trains=("encoder",)),)))))
