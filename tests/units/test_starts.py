"""Several starts: the best goes on, and nothing else is different."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from stratiform.data.batches import in_order
from stratiform.data.source import load
from stratiform.errors import UserError
from stratiform.evaluation.clustered import lead_of_the_top
from stratiform.training import starts
from stratiform.training.events import Chosen, Event
from stratiform.training.log import read_log
from stratiform.training.loop import train
from stratiform.training.run import Run
from stratiform.training.run import load as load_run
from stratiform.training.starts import heard, start
from tiny import tiny

SEVERAL = {"steps": 40, "starts": 3, "audition": 0.5}


def trained(folder: Path, recipe: object) -> tuple[Run, list[Event]]:
    run, events = Run.create(folder, recipe), []
    train(recipe, run, events.append)
    return run, events


def test_the_best_start_goes_on_as_if_it_had_been_the_only_one(tmp_path: Path) -> None:
    recipe = tiny(SEVERAL)
    run, events = trained(tmp_path / "run", recipe)
    (chosen,) = [event for event in events if isinstance(event, Chosen)]
    alone = [trained(tmp_path / str(index), start(recipe, index))[0] for index in range(3)]
    bounds = [heard_until(one, 20) for one in alone]
    assert (
        chosen.worths == pytest.approx(bounds) and chosen.by == "bound" and chosen.start == bounds.index(max(bounds))
    )
    assert len(set(bounds)) == 3
    ours, theirs = load_file(run.weights), load_file(alone[chosen.start].weights)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    first, *rest = read_log(run.log)
    assert first == {"step": 0, "chosen": chosen.start, "bound": list(chosen.worths)}
    assert rest == read_log(alone[chosen.start].log)
    assert not (run.path / "starts").exists()


def heard_until(run: Run, until: int) -> float:
    lines = [line for line in read_log(run.log) if line["step"] <= until]
    copy = Run.create(run.path / "part", run.recipe)
    copy.path.mkdir()
    copy.log.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return heard(copy, until)


def test_the_first_start_has_the_recipes_seed_and_none_the_same() -> None:
    recipe = tiny(SEVERAL)
    seeds = [start(recipe, index).training.seed for index in range(3)]
    assert seeds[0] == recipe.training.seed and len(set(seeds)) == 3
    assert start(recipe, 1).training.starts == 1


def test_the_time_of_all_starts_counts(tmp_path: Path) -> None:
    run, _ = trained(tmp_path / "run", tiny(SEVERAL))
    kept = read_log(run.timing)
    assert {line.get("start") for line in kept} == {0, 1, 2, None}
    last = {(line.get("start"), line["from_step"]): line["seconds"] for line in kept}
    assert run.seconds() == pytest.approx(sum(last.values())) and len(last) == 4


@pytest.mark.parametrize("wrong", [{"starts": 0}, {"audition": 0.0}, {"audition": 41.0}])
def test_wrong_settings(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=f"training.{next(iter(wrong))} is"):
        tiny(SEVERAL | wrong)


def test_a_start_may_be_chosen_by_its_clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worth = {"0": 0.1, "1": -0.2, "2": 0.3}
    monkeypatch.setattr(starts, "clustered", lambda run, data: worth[run.path.name])
    run, events = trained(tmp_path / "run", tiny({**SEVERAL, "choose": "clusters"}))
    (chosen,) = [event for event in events if isinstance(event, Chosen)]
    assert chosen == Chosen(2, (0.1, -0.2, 0.3), "clusters")
    assert read_log(run.log)[0] == {"step": 0, "chosen": 2, "clusters": [0.1, -0.2, 0.3]}


def test_what_is_chosen_is_read_off_the_weights_and_the_training_images(tmp_path: Path) -> None:
    run, _ = trained(tmp_path / "run", tiny())
    data = load(run.recipe.data)
    x = next(in_order(data, "train", size=len(data.train)))
    assert starts.clustered(run, data) == pytest.approx(lead_of_the_top(load_run(run).model, x))
