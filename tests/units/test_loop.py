import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from stratiform.core.model import LatentModel
from stratiform.data.batches import Batches, in_order, mix
from stratiform.data.config import DataConfig
from stratiform.data.source import load
from stratiform.distributions import Likelihood
from stratiform.errors import Failed, UserError
from stratiform.evaluation.bound import evaluate
from stratiform.models import MODELS
from stratiform.models.agave import AGAVE
from stratiform.models.iaf import Ladder
from stratiform.models.pixelcnn import PixelCNNpp
from stratiform.objective import ELBO
from stratiform.training import loop
from stratiform.training.events import Began, Event, Finished, Logged, Scored, Skipped
from stratiform.training.log import read_log
from stratiform.training.loop import find_device, seed_step, train
from stratiform.training.recipe import Optimiser, Player, Recipe, Stage, Warmup
from stratiform.training.run import Run
from stratiform.training.run import load as load_run
from stratiform.training.state import TrainState
from tiny import tiny

PLAYERS = (Player(), Player(trains=("posterior",), data="own samples"))
BERNOULLI = replace(tiny().model, likelihood=Likelihood(name="bernoulli"))
RECIPES = {
    "plain": tiny(),
    "two stages": tiny(stages=(Stage(share=5), Stage(players=PLAYERS, share=7))),
    "noisy data": tiny(data=replace(tiny().data, binarise="dynamic"), model=BERNOULLI),
    "halved": tiny(optimiser=Optimiser(lr=1e-2, betas=(0.8, 0.9), halve=(0.25, 8.0), settle=0.95)),
    "denoising, raw weights": tiny({"denoise": True, "average": None}),
    "set from the first batch, dropout": tiny(model=PixelCNNpp(filters=4, resnets=1, scales=2)),
    "two parts side by side, then both": tiny(
        model=AGAVE(
            ladder=Ladder(depth=(1, 1), units=1, width=4), pixels=PixelCNNpp(filters=4, resnets=1, scales=2), tower=3
        ),
        objective=ELBO(weight=8.0),
        stages=(Stage(players=(Player(part="vae"), Player(part="pixels"))), Stage()),
    ),
}


class Stop(Exception):
    """Stands for a kill."""


def run_of(recipe: Recipe, folder: Path) -> Run:
    run = Run.create(folder, recipe)
    train(recipe, run)
    return run


def stop_after(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch after this step never comes."""
    whole = Batches.at

    def at(self: Batches, index: int) -> torch.Tensor:
        if index == step:
            raise Stop
        return whole(self, index)

    monkeypatch.setattr(Batches, "at", at)


def assert_same(run: Run, other: Run) -> None:
    assert run.log.read_bytes() == other.log.read_bytes()
    for one, two in ((run.state, other.state), (run.weights, other.weights)):
        a, b = load_file(one), load_file(two)
        assert a.keys() == b.keys()
        for name in a:
            assert torch.equal(a[name], b[name]), name
        assert one.read_bytes() == two.read_bytes()


STOPS = {
    "plain": range(12),
    "two stages": (2, 4, 5, 6, 11),
    "noisy data": (7,),
    "halved": (2, 3, 7, 8),
    "denoising, raw weights": (7,),
    "set from the first batch, dropout": (0, 7),
    "two parts side by side, then both": (3, 5, 6, 9),
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_run_stopped_after_any_step_ends_like_one_never_stopped(name: str, tmp_path: Path):
    recipe = RECIPES[name]
    whole = run_of(recipe, tmp_path / "whole")
    for step in STOPS[name]:
        run = Run.create(tmp_path / str(step), recipe)
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Stop):
            stop_after(step, patch)
            train(recipe, run)
        torch.manual_seed(step)  # what else goes on in the process does not matter
        train(recipe, Run.create(run.path, recipe))
        assert_same(run, whole)


def test_a_run_stopped_at_every_step_ends_like_one_never_stopped(tmp_path: Path):
    recipe = tiny({"save_every": 1})
    whole = run_of(recipe, tmp_path / "whole")
    for step in range(12):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Stop):
            stop_after(step, patch)
            train(recipe, Run.create(tmp_path / "stopped", recipe))
    assert_same(run_of(recipe, tmp_path / "stopped"), whole)


def test_the_first_batch_sets_what_takes_its_scale_from_data(tmp_path: Path):
    """Before the first step, and never again: scale, bias and their average."""
    recipe = RECIPES["set from the first batch, dropout"]
    data, seen = load(recipe.data), []
    initialise = LatentModel.initialise
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LatentModel, "initialise", lambda model, x: seen.append(x) or initialise(model, x))
        run = run_of(recipe, tmp_path / "run")
        train(recipe, run)
    assert len(seen) == 1
    assert torch.equal(seen[0], Batches(data, recipe.training.batch, seed=0, device=torch.device("cpu")).at(0))
    state = TrainState(recipe, recipe.model.build(data.spec))
    state.initialise(seen[0])
    first = dict(state.model.named_parameters())
    assert all(torch.equal(value, first[name]) for name, value in state.average.named_parameters())
    assert all(value.std() > 0 for name, value in first.items() if name.endswith(".g"))  # made all equal


def test_a_finished_run_is_left_as_it_is(tmp_path: Path):
    run = run_of(tiny(), tmp_path / "run")
    before = {file.name: file.read_bytes() for file in run.path.iterdir()}
    events: list[Event] = []
    train(run.recipe, run, events.append)
    assert {file.name: file.read_bytes() for file in run.path.iterdir()} == before
    assert [type(event) for event in events] == [Began, Finished]


def test_weights_that_were_deleted_come_back_from_the_state(tmp_path: Path):
    """The advice for damaged weights is to delete them and train again; a finished run has no step left to take."""
    run = run_of(tiny(), tmp_path / "run")
    before = run.weights.read_bytes()
    run.weights.unlink()
    train(run.recipe, run)
    assert run.weights.read_bytes() == before


def test_seeds_decide_everything(tmp_path: Path):
    one, two = (run_of(tiny({"seed": 3}), tmp_path / name) for name in "ab")
    assert_same(one, two)
    other = run_of(tiny({"seed": 4}), tmp_path / "c")
    assert one.log.read_bytes() != other.log.read_bytes()


def test_the_log_says_what_the_contract_says(tmp_path: Path):
    run = run_of(tiny(), tmp_path / "run")
    lines = read_log(run.log)
    steps = [line for line in lines if "test" not in line]
    assert [line["step"] for line in steps] == [2, 4, 6, 8, 10, 12]
    keys = ["step", "loss", "elbo", "bits_per_dim", "kl", "beta", "lr", "grad_norm", "skipped"]
    assert all(list(line) == keys and len(line["kl"]) == 2 for line in steps)
    assert steps[0]["beta"] == run.recipe.beta.at(1, 12)
    assert steps[-1]["lr"] == run.recipe.optimiser.rate(11, 12)
    assert steps[0]["bits_per_dim"] == pytest.approx(-steps[0]["elbo"] / (64 * math.log(2)))
    tests = [line for line in lines if "test" in line]
    assert [line["step"] for line in tests] == [6, 12]
    assert set(tests[0]["test"]) == {"images", "elbo", "elbo_stderr", "bits_per_dim", "kl", "active_units"}
    assert tests[0]["test"]["images"] == 16


def test_wall_clock_stays_out_of_the_log(tmp_path: Path):
    run = run_of(tiny(), tmp_path / "run")
    assert "seconds" not in run.log.read_text()
    assert [line["step"] for line in read_log(run.timing)] == [2, 4, 6, 8, 10, 12]


def test_evaluation_knows_no_warm_up(tmp_path: Path):
    """The test line is the ELBO of the averaged weights at beta 1, however small beta was."""
    recipe = tiny(beta=replace(tiny().beta, steps=1e9))
    run = run_of(recipe, tmp_path / "run")
    found = evaluate(load_run(run).model, run.spec, in_order(load(recipe.data), limit=16), samples=1, seed=0)
    assert read_log(run.log)[-1]["test"]["elbo"] == pytest.approx(found.elbo, rel=1e-6)
    assert read_log(run.log)[-2]["beta"] < 1e-7


def test_further_players_have_their_own_line_entries(tmp_path: Path):
    run = run_of(RECIPES["two stages"], tmp_path / "run")
    lines = [line for line in read_log(run.log) if "loss" in line]
    assert [line["step"] for line in lines] == [2, 4, 5, 6, 8, 10, 12]
    assert ["others" in line for line in lines] == [False] * 3 + [True] * 4
    assert set(lines[-1]["others"][0]) == {"loss", "elbo", "grad_norm"}
    rate, steps = run.recipe.optimiser.rate, [line["step"] for line in lines]
    expected = [rate(step - 1, 5) if step <= 5 else rate(step - 6, 7) for step in steps]
    assert [line["lr"] for line in lines] == expected


def test_halvings_reach_the_optimiser_rate_and_momentum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recipe, seen = RECIPES["halved"], []
    step = torch.optim.Adam.step

    def watched(self: torch.optim.Adam) -> None:
        seen.append((self.param_groups[0]["lr"], *self.param_groups[0]["betas"]))
        step(self)

    monkeypatch.setattr(torch.optim.Adam, "step", watched)
    run_of(recipe, tmp_path / "run")
    expected = [(1e-2, 0.8, 0.9)] * 3 + [(5e-3, 0.875, 0.9)] * 5 + [(2.5e-3, 0.9125, 0.9)] * 4
    assert [value for row in seen for value in row] == pytest.approx([value for row in expected for value in row])


@pytest.mark.parametrize("after", [5.0, 5 / 12])
def test_a_player_that_joins_later_leaves_the_first_steps_and_the_first_optimiser_alone(tmp_path: Path, after: float):
    """Unlike a stage of its own: no moment is lost, and no schedule begins anew."""
    late = replace(PLAYERS[1], after=after)
    plain, joined = (
        Run.create(tmp_path / name, tiny({"save_every": 5}, stages=(Stage(players=players),)))
        for name, players in (("plain", PLAYERS[:1]), ("joined", (PLAYERS[0], late)))
    )
    for run in (plain, joined):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Stop):
            stop_after(5, patch)
            train(run.recipe, run)
    before = [load_file(run.state) for run in (plain, joined)]
    assert all(torch.equal(value, before[1][name]) for name, value in before[0].items())
    assert not any(value.any() for name, value in before[1].items() if name.startswith("players/1/moments/"))
    train(joined.recipe, joined)
    whole = run_of(joined.recipe, tmp_path / "whole")
    assert_same(joined, whole)
    state = load_file(whole.state)
    for number, steps in ((0, 12), (1, 7)):
        of_player = [
            name for name in state if name.startswith(f"players/{number}/moments/") and name.endswith("/step")
        ]
        assert {state[name].item() for name in of_player} == {steps}
    lines = [line for line in read_log(whole.log) if "loss" in line]
    assert {line["step"]: "others" in line for line in lines} == {2: 0, 4: 0, 6: 1, 8: 1, 10: 1, 12: 1}


def test_a_stage_with_a_further_player_goes_on_from_one_without(tmp_path: Path):
    """MatNet's regulariser joins after the first epochs: until then the run is the plain one."""
    plain, joined = (
        Run.create(tmp_path / name, tiny({"save_every": 5}, stages=stages))
        for name, stages in (("plain", (Stage(share=5), Stage(share=7))), ("joined", RECIPES["two stages"].stages))
    )
    halfway = []
    for run in (plain, joined):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Stop):
            stop_after(5, patch)
            train(run.recipe, run)
        halfway.append(load_file(run.state))
        train(run.recipe, run)
    for name, value in halfway[0].items():
        if name.startswith(("weights/", "average/", "players/0/")):
            assert torch.equal(value, halfway[1][name]), name
    ends = [load_file(run.state) for run in (plain, joined)]
    assert not any(
        torch.equal(ends[0][name], ends[1][name]) for name in ends[0] if name.startswith("weights/posterior")
    )
    moments = {name for name in ends[1] if name.startswith("players/1/moments/")}
    assert moments and all(name.startswith("players/1/moments/posterior") for name in moments)


def test_a_model_with_parts_trains_part_by_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    stages = (Stage(players=(Player(part="first"),)), Stage(players=(Player(part="first", trains=("decoder",)),)))
    recipe = tiny(stages=stages)
    core = type(recipe.model.build(load(recipe.data).spec))
    monkeypatch.setattr(core, "parts", lambda self: {"first": self}, raising=False)
    run = run_of(recipe, tmp_path / "run")
    middle = Run.create(tmp_path / "middle", recipe)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stop):
        stop_after(10, patch)
        train(replace(recipe, training=replace(recipe.training, save_every=6)), middle)
    before, after = load_file(middle.state), load_file(run.state)
    for name in before:
        if name.startswith("weights/"):
            assert torch.equal(before[name], after[name]) != name.startswith("weights/decoder"), name


def test_players_of_different_parameters_move_in_turn(tmp_path: Path):
    players = (Player(trains=("decoder", "hierarchy")), Player(trains=("posterior",), data="own samples"))
    run = run_of(tiny({"log_every": 1}, stages=(Stage(players=players),)), tmp_path / "run")
    weights = {name: value for name, value in load_file(run.state).items() if name.startswith("weights/")}
    seed_step(torch.device("cpu"), mix(run.recipe.training.seed))
    untrained = run.recipe.model.build(run.spec).state_dict()
    assert not any(torch.equal(value, untrained[name.removeprefix("weights/")]) for name, value in weights.items())
    line = read_log(run.log)[0]
    assert line["grad_norm"] > 0
    assert line["others"][0]["grad_norm"] > 0


def test_watchers_see_everything_in_order(tmp_path: Path):
    events: list[Event] = []
    run = Run.create(tmp_path / "run", tiny())
    train(run.recipe, run, events.append)
    kinds = [type(event) for event in events]
    assert kinds[0] is Began
    assert kinds[-1] is Finished
    assert kinds.count(Logged) == 6
    assert kinds.count(Scored) == 2
    assert events[0].parameters > 100
    assert all(event.left >= 0 for event in events if isinstance(event, Logged))


def plant_nan(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The images of one step are no numbers."""
    whole = Batches.at
    monkeypatch.setattr(Batches, "at", lambda self, i: whole(self, i) * (torch.nan if i == step else 1.0))


@pytest.mark.parametrize("name", ["plain", "two stages"])
def test_a_number_that_is_not_finite_stops_the_run_and_keeps_the_evidence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = Run.create(tmp_path / "run", RECIPES[name])
    with monkeypatch.context() as patch, pytest.raises(Failed) as error:
        plant_nan(8, patch)
        train(run.recipe, run)
    message = str(error.value)
    assert message.startswith("step 9: loss nan, log p(x|z) nan, KL of levels 1 to L nan, nan, gradient norm nan;")
    assert "\n" not in message
    kept = load_file(run.nonfinite)
    assert kept["batch"].isnan().all()
    assert all(value.isfinite().all() for key, value in kept.items() if key.startswith("weights/"))
    train(run.recipe, run)  # the last good state is intact
    assert_same(run, run_of(RECIPES[name], tmp_path / "whole"))


def test_a_spike_is_skipped_counted_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recipe = tiny({"steps": 40})
    run, events = Run.create(tmp_path / "run", recipe), []
    monkeypatch.setattr(Warmup, "at", lambda self, step, steps: 1e6 if step == 30 else 1.0)
    train(recipe, run, events.append)
    skipped = [event for event in events if isinstance(event, Skipped)]
    assert [event.step for event in skipped] == [31]
    assert skipped[0].norm > skipped[0].limit
    counts = {line["step"]: line["skipped"] for line in read_log(run.log) if "skipped" in line}
    assert (counts[30], counts[32], counts[40]) == (0, 1, 1)


def test_a_full_disk_leaves_the_last_good_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recipe = tiny()
    run = Run.create(tmp_path / "run", recipe)
    saves: list[bytes] = []
    whole = loop.TrainState.save

    def save(self: Any, path: Path, tensors: Any) -> None:
        if saves:
            with monkeypatch.context() as patch, pytest.raises(Failed) as error:
                patch.setattr("os.fsync", full_disk)
                whole(self, path, tensors)
            raise error.value
        whole(self, path, tensors)
        saves.append(path.read_bytes())

    with monkeypatch.context() as patch, pytest.raises(Failed, match="No space left"):
        patch.setattr(loop.TrainState, "save", save)
        train(recipe, run)
    assert run.state.read_bytes() == saves[0]
    assert not list(run.path.glob(".*.tmp"))
    train(recipe, run)
    assert_same(run, run_of(recipe, tmp_path / "whole"))


def full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (tiny(data=replace(tiny().data, source="digitz")), "digits"),
        (tiny(model=BERNOULLI), "bernoulli"),
        (tiny(model=MODELS["vlae"](latents=())), "latents"),
        (tiny({"device": "abacus"}), "training.device 'abacus' is not here"),
        (tiny(stages=(Stage(players=(Player(trains=("encoder",)),)),)), "no parameter begins with"),
    ],
)
def test_wrong_use_writes_nothing(recipe: Recipe, said: str, tmp_path: Path):
    with pytest.raises(UserError, match=said):
        train(recipe, Run.create(tmp_path / "run", recipe))
    assert list(tmp_path.iterdir()) == []


def test_a_source_of_one_image_is_refused(tmp_path: Path):
    Image.new("L", (8, 8), 99).save(tmp_path / "only.png")
    recipe = tiny(data=DataConfig(source=str(tmp_path)))
    with pytest.raises(UserError, match="no image left to test on"):
        train(recipe, Run.create(tmp_path / "run", recipe))
    assert not (tmp_path / "run").exists()


def test_a_damaged_state_is_refused_and_left_alone(tmp_path: Path):
    run = run_of(tiny(), tmp_path / "run")
    half = run.state.read_bytes()[:-7]
    run.state.write_bytes(half)
    before = {file.name: file.read_bytes() for file in run.path.iterdir()}
    with pytest.raises(UserError, match=r"state\.safetensors is damaged") as error:
        train(run.recipe, run)
    assert "\n" not in str(error.value)
    assert {file.name: file.read_bytes() for file in run.path.iterdir()} == before


def test_threads_and_generators_are_put_back(tmp_path: Path):
    threads, generator = torch.get_num_threads(), torch.get_rng_state()
    seen = []
    run = Run.create(tmp_path / "run", tiny({"threads": 2, "steps": 1}))
    train(run.recipe, run, lambda event: seen.append(torch.get_num_threads()))
    assert set(seen) == {2}
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), generator)


def test_auto_is_a_device_of_this_machine():
    assert find_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert find_device("cpu").type == "cpu"


def test_saving_by_the_clock_changes_nothing_but_the_clock(tmp_path: Path):
    often = run_of(tiny({"save_seconds": 0.0}), tmp_path / "often")
    assert_same(often, run_of(tiny(), tmp_path / "seldom"))


def test_continuous_data_have_no_bits_without_a_grid(tmp_path: Path):
    recipe = tiny(data=replace(tiny().data, dequantise=True))
    run = run_of(recipe, tmp_path / "run")
    line = read_log(run.log)[0]
    bits = -line["elbo"] / (64 * math.log(2)) + math.log2(17)
    assert line["bits_per_dim"] == pytest.approx(bits)
    json.dumps(line, allow_nan=False)
