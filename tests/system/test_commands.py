"""What each command answers: for machines one JSON object, for people tables, and the files that it says it wrote."""

import json
import math
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet

from stratiform.cli.options import plain
from stratiform.report.origin import command
from stratiform.training.run import load
from system.conftest import TINY, Say

EVALUATION = {
    *("recipe", "data", "split", "images", "dimensions", "estimator", "samples", "seed", "binarisation", "weights"),
    *("elbo", "elbo_stderr", "log_likelihood_bound", "log_likelihood_bound_stderr", "bits_per_dim"),
    *("auxiliary_bits_per_dim", "levels"),
}
STROKES = {"label", "thickness", "slant", "width", "height", "area", "length"}


def answer(say: Say, *words: object) -> Any:
    """The one JSON object on standard output."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    said = say(*words, "--json")
    assert said.status == 0, said.err
    assert said.out.count("\n") == 1
    return json.loads(said.out, parse_constant=refuse)


def is_picture(path: str | Path) -> bool:
    with Image.open(path) as image:
        values = np.unique(np.array(image.convert("L")))
        return image.format == "PNG" and min(image.size) > 30 and len(values) > 2


def test_train_says_where_and_resumes(say: Say, tmp_path: Path) -> None:
    words = ("train", "vlae-digits", "--run", tmp_path / "run", *TINY)
    first = answer(say, *words)
    assert (first["run"], first["recipe"], first["steps"]) == (str(tmp_path / "run"), "vlae-digits", 6)
    assert math.isfinite(first["test"]["elbo"]) and len(first["test"]["kl"]) == 3
    log = (tmp_path / "run" / "log.jsonl").read_bytes()
    assert answer(say, *words) == first
    assert (tmp_path / "run" / "log.jsonl").read_bytes() == log


def test_another_objective_can_be_minimised(say: Say, tmp_path: Path) -> None:
    chosen = ("--minimise", "free-bits", "--objective.nats", "0.5")
    assert say("train", "vlae-digits", *chosen, "--run", tmp_path / "run", *TINY).status == 0
    kept = json.loads((tmp_path / "run" / "recipe.json").read_text())["recipe"]
    assert kept["objective"] == {"kind": "free-bits", "nats": 0.5, "samples": 1}


def test_train_without_a_run_names_it(say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert answer(say, "train", "vlae-digits", *TINY)["run"] == "runs/vlae-digits-digits"
    assert (tmp_path / "runs" / "vlae-digits-digits" / "weights.safetensors").exists()


def test_seed_is_the_recipes_and_changes_the_weights(say: Say, trained: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert say("train", "vlae-digits", "--run", run, "--seed", 1, *TINY).status == 0
    assert json.loads((run / "recipe.json").read_text())["recipe"]["training"]["seed"] == 1
    assert (run / "weights.safetensors").read_bytes() != (trained / "weights.safetensors").read_bytes()


def test_evaluate(say: Say, copied: Path) -> None:
    found = answer(say, "evaluate", copied, "--samples", 4, "--limit", 20)
    assert found.keys() == EVALUATION
    assert (found["recipe"], found["data"], found["split"]) == ("vlae-digits", "digits", "test")
    assert (found["images"], found["dimensions"], found["samples"], found["seed"]) == (20, 64, 4, 0)
    assert (found["estimator"], found["binarisation"], found["weights"]) == ("iw", "no", "average")
    assert found["elbo"] <= found["log_likelihood_bound"] < 0
    bits = -found["log_likelihood_bound"] / (64 * math.log(2))
    assert found["bits_per_dim"] == pytest.approx(bits) and found["auxiliary_bits_per_dim"] is None
    assert [level["level"] for level in found["levels"]] == [1, 2, 3]
    assert all(level.keys() == {"level", "kl", "units", "active_units"} for level in found["levels"])
    assert json.loads((copied / "metrics.json").read_text())["evaluate"] == found


def test_evaluate_other_data_and_another_seed(say: Say, copied: Path) -> None:
    first = answer(say, "evaluate", copied, "--limit", 8, "--samples", 2, "--split", "train")
    second = answer(say, "evaluate", copied, "--limit", 8, "--samples", 2, "--split", "train", "--seed", 1)
    assert first["split"] == "train" and first["elbo"] != second["elbo"]
    limited = answer(say, "evaluate", copied, "--data.limit", 5, "--samples", 2)
    assert limited["images"] == 5


def test_levels_check_and_report(say: Say, copied: Path) -> None:
    found = answer(say, "levels", copied, "--limit", 60, "--draws", 20)
    assert found.keys() >= {"probe", "judge_accuracy", "levels"}
    for number, level in enumerate(found["levels"], start=1):
        assert level["level"] == number and level["factors"].keys() >= STROKES
        for factor in level["factors"].values():
            assert factor.keys() >= {"kind", "score", "score_within", "chance", "control"}
            assert factor["kind"] in ("class", "number")
        assert level["factors"]["label"]["score_within"] is None
    assert json.loads((copied / "metrics.json").read_text())["levels"] == found
    people = say("report", copied)
    assert people.status == 0 and str(copied / "report.html") in people.out
    page = (copied / "report.html").read_text()
    assert "data:image/png;base64," in page and 'src="http' not in page and "<script" not in page


def test_check(say: Say, copied: Path) -> None:
    found = answer(say, "check", copied)
    assert found["ok"] and len(found["laws"]) >= 10
    assert all(law.keys() >= {"name", "ok", "detail"} for law in found["laws"])
    people = say("check", copied).out
    assert all(law["name"] in people for law in found["laws"]) and "✓" in people


def test_pictures(say: Say, copied: Path, tmp_path: Path) -> None:
    for words in (("sample", "--images", 4), ("sweep", "--level", 2), ("sweep",), ("reconstruct", "--images", 3)):
        command, *rest = words
        path = answer(say, command, copied, *rest)["picture"]
        assert Path(path).parent == copied and is_picture(path)
    out = tmp_path / "mine.png"
    assert answer(say, "reconstruct", copied, "--keep-top", 1, "--images", 2, "--out", out) == {"picture": str(out)}
    assert is_picture(out)


def test_the_same_seed_gives_the_same_picture(say: Say, copied: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        assert say("sample", copied, "--images", 4, "--seed", seed, "--out", path).status == 0
    one, same, other = (path.read_bytes() for path in paths)
    assert one == same != other


def test_encode(say: Say, copied: Path, tmp_path: Path) -> None:
    for name in ("codes.npz", "codes.parquet"):
        found = answer(say, "encode", copied, "digits", "--out", tmp_path / name)
        assert found["columns"] == ["split", "index", "label", "level_1", "level_2", "level_3"]
    arrays = np.load(tmp_path / "codes.npz")
    table = parquet.read_table(tmp_path / "codes.parquet")
    assert len(table) == found["images"] == len(arrays["label"]) and set(arrays["split"]) == {"train", "test"}
    assert arrays["level_2"].shape == (found["images"], 2) and np.isfinite(arrays["level_2"]).all()
    assert np.array_equal(np.array(table["level_3"].to_pylist(), np.float32), arrays["level_3"])
    assert table["label"].to_pylist() == arrays["label"].tolist()


def test_encode_names_the_files_of_a_folder(say: Say, trained: Path, tmp_path: Path) -> None:
    images = tmp_path / "pictures"
    images.mkdir()
    for i in range(20):
        Image.fromarray(np.full((8, 8), 10 * i, np.uint8)).save(images / f"{i}.png")
    answer(say, "encode", trained, images, "--data.levels", "17", "--out", tmp_path / "codes.npz")
    with np.load(tmp_path / "codes.npz", allow_pickle=False) as codes:
        assert len(codes["file"]) == len(codes["level_1"]) == 20


def test_recipes(say: Say) -> None:
    rows = answer(say, "recipes")["recipes"]
    assert {"vlae-digits", "vae-digits", "vlae-mnist"} <= {row["recipe"] for row in rows}
    wanted = {"levels", "likelihood", "parameters", "minutes", "expect", "use_it_when"}
    assert all(row.keys() >= wanted for row in rows)
    people = say("recipes")
    assert people.status == 0 and all(row["recipe"] in people.out for row in rows)


def test_datasets(say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert {"digits", "glyphs", "mnist"} <= {row["name"] for row in answer(say, "datasets")["datasets"]}
    found = answer(say, "datasets", "digits")
    assert found["train"] + found["test"] == 1797 and found["levels_used"] == 17
    assert (found["height"], found["width"], found["channels"]) == (8, 8, 1)
    assert "duplicates_in_train" in found and "test_also_in_train" in found
    assert is_picture(found["contact_sheet"])
    assert "levels used" in say("datasets", "digits", "--out", "sheet.png").out and is_picture("sheet.png")


def test_numbers_that_are_not_finite_become_null() -> None:
    values = {"a": math.nan, "b": [math.inf, 1.0], "c": np.float32("nan"), "d": np.arange(2), 3: Path("x")}
    assert plain(values) == {"a": None, "b": [None, 1.0], "c": None, "d": [0, 1], "3": "x"}


def test_the_command_in_the_report_trains_the_same_recipe(say: Say, tmp_path: Path) -> None:
    flags = ("--training.denoise", "--minimise", "iwae", "--objective.samples", 3, "--optimiser.betas", 0.5, 0.9)
    words = ("train", "vlae-digits", "--run", tmp_path / "a run", *TINY, *flags, "--training.average", "None")
    assert say(*words).status == 0
    kept = (tmp_path / "a run" / "recipe.json").read_bytes()
    typed = shlex.split(command(load(tmp_path / "a run")))
    assert typed[0] == "stratiform"
    assert say(*typed[1:]).status == 0
    assert (tmp_path / "a run" / "recipe.json").read_bytes() == kept
    assert say(*typed[1:], "--training.no-denoise").status == 2
