"""`impute`: held-out log p of hidden pixels, of runs and of what needs no model; a picture; wrong use."""

import json
from pathlib import Path

import pytest
from PIL import Image

from stratiform.cli import main
from system.conftest import TINY, Say, everything_in

FEW = ("--limit", "4", "--particles", "20", "--draws", "10", "--shown", "2", "--samples", "3")


@pytest.fixture(scope="module")
def binary(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on binary digits."""
    run = tmp_path_factory.mktemp("runs") / "binary"
    words = ("--data.binarise=fixed", "--model.likelihood.name=bernoulli", *TINY)
    assert main(["train", "vae-digits", "--run", str(run), *words]) == 0
    return run


def answer(say: Say, *words: object) -> dict:
    said = say("impute", *words, *FEW, "--json")
    assert said.status == 0, said.err
    return json.loads(said.out)


def test_a_run_stands_beside_what_needs_no_model(say: Say, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    found = answer(say, trained, "--hide", "quadrants", "--out", out)
    assert (found["data"], found["split"], found["images"], found["hide"]) == ("digits", "test", 4, "quadrants")
    (run,), fills = found["runs"], found["fills"]
    assert (run["recipe"], run["estimator"], run["difference"]) == ("vlae-digits", "estimate", 0.0)
    assert run["log_p"] < 0 and run["log_p_stderr"] > 0 and 1 <= run["effective"] <= 20
    assert run["by_bounds"] < 0 and run["distance"] > 0 and run["reliability"] is None
    assert set(run["inside"]) == {"0.5", "0.9"} and all(0 < each["share"] < 1 for each in run["inside"].values())
    assert [fill["fill"] for fill in fills] == ["mean fill", "nearest"]
    for fill in fills:
        assert fill["difference"] == pytest.approx(fill["log_p"] - run["log_p"]) and fill["difference_stderr"] > 0
    with Image.open(out) as picture:
        assert len(picture.getcolors(2**20) or []) > 20
    assert answer(say, trained, "--hide", "quadrants", "--out", out) == found
    said = say("impute", trained, *FEW, "--hide", "quadrants", "--out", out)
    assert "nearest" in said.out and "in the central 50 %" in said.out and str(out) in said.out.replace("\n", "")


def test_runs_side_by_side_have_the_same_holes(say: Say, trained: Path, copied: Path, tmp_path: Path) -> None:
    found = answer(say, trained, copied, "--out", tmp_path / "a.png")
    one, same = found["runs"]
    assert one["log_p"] == same["log_p"] and (same["difference"], same["difference_stderr"]) == (0.0, 0.0)


def test_binary_images_have_a_reliability_table(say: Say, binary: Path, tmp_path: Path) -> None:
    found = answer(say, binary, "--hide", "half", "--out", tmp_path / "a.png")
    (run,) = found["runs"]
    assert run["inside"] is None and 0 <= run["miscalibration"] <= 1
    assert sum(row["count"] for row in run["reliability"]) == 4 * 32
    assert "share of ones, where so much was predicted" in say("impute", binary, *FEW, "--out", tmp_path / "a.png").out


WRONG = {
    "no run": ((), "RUN"),
    "twice": (("RUN", "RUN"), "is named twice"),
    "no such part": (("RUN", "--hide", "inside"), "--hide"),
    "no such folder": (("nowhere",), "nowhere is no run"),
    "no draws": (("RUN", "--draws", "1"), "--draws is 1; give 10 or more"),
    "other images": (("RUN", "--data.size", "9"), "9 x 9"),
    "no place": (("RUN", "--out", "nowhere/a.png"), "there is no folder nowhere"),
}


@pytest.mark.parametrize(("words", "told"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_told_in_one_line_and_writes_nothing(
    words: tuple[str, ...], told: str, say: Say, copied: Path, tmp_path: Path
) -> None:
    before = everything_in(tmp_path)
    said = say("impute", *(str(copied) if word == "RUN" else word for word in words))
    assert (said.status, said.out) == (2, "")
    assert told in said.err and said.err.count("\n") == 1
    assert everything_in(tmp_path) == before
