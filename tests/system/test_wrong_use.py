"""Wrong use: one short line that says what came and what is allowed, exit status 2, nothing written."""

import os
from pathlib import Path

import numpy as np
import pytest

from system.conftest import TINY, Say, everything_in

TRAIN = ("train", "vlae-digits")
WRONG = {
    "unknown command": (("trian",), "did you mean train?"),
    "unknown recipe": (("train", "vlae-digitz"), "did you mean vlae-digits?"),
    "no recipe": (("train",), "RECIPE must be given"),
    "unknown flag": ((*TRAIN, "--training.stepz", "3"), "did you mean --training.steps?"),
    "unknown flag with a value": ((*TRAIN, "--trainig.steps=3"), "did you mean --training.steps?"),
    "unknown source": ((*TRAIN, "--data.source", "digit"), "did you mean digits?"),
    "a word too many": ((*TRAIN, "soon"), "does not know what to do with 'soon'"),
    "word for a number": ((*TRAIN, "--training.steps", "many"), "--training.steps is 'many'; give a whole number"),
    "word for a fraction": ((*TRAIN, "--optimiser.lr", "big"), "--optimiser.lr is 'big'; give a number"),
    "flag without its value": ((*TRAIN, "--training.steps"), "--training.steps needs a value"),
    "not among the choices": ((*TRAIN, "--optimiser.name", "sgd"), "--optimiser.name is 'sgd'; give one of 'adam'"),
    "number out of range": ((*TRAIN, "--training.steps", "0"), "training.steps is 0; give 1 or more"),
    "unknown likelihood": ((*TRAIN, "--model.likelihood.name", "bernouli"), "choose one of bernoulli"),
    "binary likelihood, grey data": ((*TRAIN, "--model.likelihood.name", "bernoulli"), "use one of laplace"),
    "image too small": ((*TRAIN, "--data.size", "2"), "4 x 4"),
    "unknown objective": ((*TRAIN, "--minimise", "mdm"), "did you mean mmd?"),
    "another objective's flag": ((*TRAIN, "--minimise=mmd", "--objective.nats", "1"), "no flag '--objective.nats'"),
    "no such device": ((*TRAIN, "--training.device", "abacus"), "give auto, cpu or cuda"),
    "no run": (("evaluate", "nowhere"), "nowhere is no run"),
    "no run given": (("evaluate",), "RUN must be given"),
}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("words", "told"), WRONG.values(), ids=WRONG)
def test_is_told_in_one_line_and_writes_nothing(words: tuple[str, ...], told: str, say: Say, tmp_path: Path) -> None:
    said = say(*words)
    assert said.status == 2
    assert told in said.err
    assert said.err.startswith("error: ") and said.err.count("\n") == 1 and len(said.err) < 300
    assert not said.out
    assert not os.listdir(tmp_path)


ON_A_RUN = {
    "level too high": (("sweep", "--level", "4"), "give 1 (nearest the image) to 3"),
    "level 0": (("sweep", "--level", "0"), "give 1 (nearest the image) to 3"),
    "more levels than there are": (("reconstruct", "--keep-top", "9"), "3 levels"),
    "images of another size": (("evaluate", "--data.size", "9"), "9 x 9"),
    "unknown split": (("evaluate", "--split", "validation"), "'train', 'test'"),
    "no samples": (("evaluate", "--samples", "0"), "1 or more"),
    "no images": (("sample", "--images", "0"), "1 or more"),
    "unknown flag": (("levels", "--data.sauce", "digits"), "did you mean --data.source?"),
    "no place for the picture": (("sample", "--out", "nowhere/a.png"), "no folder nowhere"),
    "codes of no format": (("encode", "digits", "--out", "codes.csv"), ".parquet or .npz"),
    "slices of a ladder": (("levels", "--split-code", "2"), "single level"),
}


@pytest.mark.parametrize(("words", "told"), ON_A_RUN.values(), ids=ON_A_RUN)
def test_on_a_run(words: tuple[str, ...], told: str, say: Say, copied: Path, tmp_path: Path) -> None:
    before = everything_in(tmp_path)
    command, *rest = words
    said = say(command, copied, *rest)
    assert (said.status, said.out) == (2, "")
    assert told in said.err and said.err.count("\n") == 1
    assert everything_in(tmp_path) == before


def test_another_recipe_in_the_folder_of_a_run(say: Say, copied: Path, tmp_path: Path) -> None:
    before = everything_in(tmp_path)
    said = say(*TRAIN, "--run", copied, *TINY, "--optimiser.lr", "0.5")
    assert said.status == 2 and "optimiser.lr" in said.err and "--run" in said.err
    assert everything_in(tmp_path) == before


def test_a_folder_that_is_no_run(say: Say, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.txt").write_text("meow")
    before = everything_in(tmp_path)
    said = say(*TRAIN, "--run", "photos", *TINY)
    assert said.status == 2 and "photos" in said.err
    assert everything_in(tmp_path) == before


def test_a_source_without_training_images(say: Say, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    np.savez(tmp_path / "none.npz", x_train=np.zeros((0, 8, 8), np.uint8), x_test=np.zeros((3, 8, 8), np.uint8))
    before = everything_in(tmp_path)
    for source in ("empty", "none.npz"):
        said = say(*TRAIN, "--data.source", source)
        assert said.status == 2, said.err
        assert source in said.err and said.err.count("\n") == 1
    assert everything_in(tmp_path) == before


def test_debug_shows_where(say: Say) -> None:
    said = say("evaluate", "nowhere", "--debug")
    assert said.status == 2 and "Traceback" in said.err and "nowhere is no run" in said.err
