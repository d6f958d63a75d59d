"""`stratiform reproduce`: every experiment can be run, each of its kinds was."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import stratiform
from stratiform.cli import main
from stratiform.data.config import DataConfig
from stratiform.data.source import load
from stratiform.distributions import Gaussian
from stratiform.evaluation.bootstrap import Estimate
from stratiform.evaluation.likeness import Likeness
from stratiform.recipes import RECIPES
from stratiform.reproduce import EXPERIMENTS, agave, lengths

VERDICTS = ("confirmed", "refuted", "not decided")


def answered(capfd: pytest.CaptureFixture[str], *words: str) -> dict:
    assert main([*words, "--json"]) == 0, capfd.readouterr().err
    return json.loads(capfd.readouterr().out)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, tuple[str, ...]], None]:
    """Leaves an experiment some of its recipes."""

    def leave(name: str, recipes: tuple[str, ...]) -> None:
        assert set(recipes) <= set(EXPERIMENTS[name].recipes)
        monkeypatch.setitem(EXPERIMENTS, name, replace(EXPERIMENTS[name], recipes=recipes))

    return leave


def test_the_table(capfd: pytest.CaptureFixture[str]) -> None:
    found = answered(capfd, "reproduce")["experiments"]
    assert [row["name"] for row in found] == list(EXPERIMENTS)
    for row in found:
        assert all(row[key] for key in ("paper", "claim", "minutes", "expected", "measured"))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_trains_recipes_that_exist(name: str) -> None:
    assert set(EXPERIMENTS[name].recipes) <= set(RECIPES)


def test_prop_1_is_exact(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = answered(capfd, "reproduce", "prop-1", "--folder", str(tmp_path))
    (rows,) = found["tables"].values()
    assert len(rows) == 2
    for row in rows:
        assert row["moved at the optimum"] < 1e-6 < 0.05 < row["moved before"]
        assert row["2nd eigenvalue"] < 1.0
    assert len(found["words"]) == 2 and all(words.endswith(": confirmed.") for words in found["words"])


def test_hierarchies_are_compared(capfd: pytest.CaptureFixture[str], few: Callable, tmp_path: Path) -> None:
    few("hierarchies-digits", ("vae-digits", "hvae-digits"))
    found = answered(capfd, "reproduce", "hierarchies-digits", "--steps", "2", "--folder", str(tmp_path))
    levels, over_seeds, models = found["tables"].values()
    assert [(row["recipe"], row["level"]) for row in levels] == [
        (name, level) for name in ("vae-digits", "hvae-digits") for level in (1, 2, 3)
    ]
    assert all(math.isfinite(row["controls pixels"]) for row in levels)
    assert [row["recipe"] for row in models] == ["vae-digits", "hvae-digits"]
    assert [(row["recipe"], row["level"]) for row in over_seeds] == [(row["recipe"], row["level"]) for row in levels]
    unused, top, led = found["words"]
    assert unused.startswith("hvae-digits: ") and "of 1 runs" in unused and "the top level's" in top
    assert led.startswith("alignment, hvae-digits above vae-digits: ") and led.endswith(" ± ?: not decided.")
    assert {Path(path).name for path in found["files"]} == {
        "hierarchies-digits.json",
        "hierarchies-digits-vae-digits.png",
        "hierarchies-digits-hvae-digits.png",
    }
    assert all(Path(path).stat().st_size > 500 for path in found["files"])
    stamp = (tmp_path / "hvae-digits-digits-seed0" / "weights.safetensors").stat().st_mtime_ns
    assert answered(capfd, "reproduce", "hierarchies-digits", "--steps", "2", "--folder", str(tmp_path)) == found
    assert (tmp_path / "hvae-digits-digits-seed0" / "weights.safetensors").stat().st_mtime_ns == stamp


def test_chains_are_scored(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stratiform.reproduce import gibbs

    monkeypatch.setattr(gibbs, "CHAINS", 40)
    monkeypatch.setattr(gibbs, "STEPS", (1, 3))
    found = answered(capfd, "reproduce", "gibbs-digits", "--steps", "2", "--folder", str(tmp_path))
    (rows,) = found["tables"].values()
    assert [(row["start"], row["steps"]) for row in rows] == [
        ("other data", 0),
        ("ancestral", 0),
        *((start, step) for start in ("from data", "from samples", "from noise") for step in (1, 3)),
    ]
    said = found["words"][1:]
    assert [words.split(",")[0] for words in said] == [start for start in gibbs.STARTS for _ in gibbs.SCORES]
    assert all(words.endswith((": confirmed.", ": refuted.", ": not decided.")) for words in said)
    assert {Path(path).name for path in found["files"]} == {
        "gibbs-digits.json",
        "gibbs-digits-hvae-digits.png",
        "gibbs-digits-hvae-digits-scores.png",
    }


def test_a_chain_is_better_where_its_score_lies_on_the_better_side() -> None:
    from stratiform.reproduce.gibbs import _better

    def scored(entropy: float, coverage: float) -> Likeness:
        known = {"conditional_entropy": entropy, "marginal_entropy": coverage, "frechet": 0.0, "mean_distance": 0.0}
        of = {name: Estimate(value=value, stderr=0.1) for name, value in (known | {"neighbour": 0.5}).items()}
        return Likeness(**of, kolmogorov={})

    chain, ancestral = scored(0.1, 1.0), scored(0.4, 2.0)
    assert _better("conditional_entropy", chain, ancestral).value == pytest.approx(0.3)
    assert _better("marginal_entropy", chain, ancestral).value == pytest.approx(-1.0)
    assert _better("frechet", chain, ancestral).error == pytest.approx(1.96 * 0.1 * 2**0.5, rel=1e-3)


def test_bounds_and_units(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stratiform.reproduce import units

    monkeypatch.setattr(units, "IMAGES", 20)
    paces = {"lvae-digits": 20.0, "hvae-digits": 10.0}
    monkeypatch.setattr(units, "pace", lambda recipe, data: paces[recipe.name])
    recipes = tuple(paces)
    monkeypatch.setitem(EXPERIMENTS, "ladder-mnist", replace(EXPERIMENTS["ladder-mnist"], recipes=recipes, samples=3))
    words = ("reproduce", "ladder-mnist", "--steps", "4", "--folder", str(tmp_path), "--seeds", "1", "2")
    found = answered(capfd, *words)
    rows, gained = found["tables"].values()
    assert [(row["recipe"], row["seed"], row["steps"]) for row in rows] == [
        *((name, seed, 4) for name in recipes for seed in (1, 2)),
        *(("lvae-digits", seed, 2) for seed in (1, 2)),
    ]
    assert all(len(row["KL per level"].split()) == 3 for row in rows)
    assert [(row["seed"], row["at equal"], row["steps"], row["its steps"]) for row in gained] == [
        (seed, *how) for seed in (1, 2) for how in (("steps", 4, 4), ("seconds", 2, 4))
    ]
    assert all(row["recipe"] == "lvae-digits" and row["against"] == "hvae-digits" for row in gained)
    (*judged, own, other) = found["words"]
    assert len(judged) == 8 and "bound, lvae-digits above hvae-digits at equal seconds: " in judged[-1]
    assert other.startswith("hvae-digits: bound -") and "81.74" in own
    assert (tmp_path / "ladder-mnist-training.png").exists()
    again = answered(capfd, *words)
    assert again == found


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("prop-2",), "prop-1"),
        (("prop-1", "--steps", "0"), "--steps is 0; give 1 or more"),
    ],
)
def test_wrong_use(words: tuple[str, ...], told: str, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["reproduce", *words, "--folder", str(tmp_path / "new")]) == 2
    assert told in capfd.readouterr().err
    assert not (tmp_path / "new").exists()


def test_lambda_is_swept(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On digits, with few of everything: a run, a row and a picture for each, and a verdict for each claim."""
    monkeypatch.setattr(agave, "LAMBDAS", (1, 2, 12))
    offline(monkeypatch, "agave-lambda", "agave-digits", "pixelcnnpp-digits", "iaf-digits")
    found = answered(capfd, "reproduce", "agave-lambda", "--steps", "2", "--folder", str(tmp_path))
    (rows,) = found["tables"].values()
    *swept, pixels, vae = rows
    assert [row["model"] for row in swept] == ["lambda 1", "lambda 2", "lambda 12"]
    assert all(0.0 <= row["label probe"] <= 1.0 and row["KL"] != "–" and row["squared error"] > 0.0 for row in swept)
    assert pixels["label probe"] is None and pixels["KL"] == "0.000 ± 0.000" and 0.0 <= vae["label probe"] <= 1.0
    *judged, both = found["words"]
    assert len(judged) == 8 + 2 * 3 and all(words.rpartition(": ")[2][:-1] in VERDICTS for words in judged)
    assert both.startswith("Both, by the values alone: ")
    pictures = {Path(path).name for path in found["files"]} - {"agave-lambda.json"}
    assert pictures == {f"agave-lambda-{name}.png" for name in ("curves", "reconstructions", "samples")}
    weights = {path.parent.name for path in tmp_path.glob("*/weights.safetensors")}
    swept = {f"agave-digits{of}-digits-seed0" for of in ("-lambda-1", "", "-lambda-12")}  # 2 is the recipe's own
    assert weights == swept | {"pixelcnnpp-digits-digits-seed0", "iaf-digits-digits-seed0"}


def test_parts_and_targets(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Table 1 and the targets share the recipe's own run."""
    offline(monkeypatch, "agave-table", "agave-digits", "pixelcnnpp-digits", "agave-digits", "iaf-digits")
    found = answered(capfd, "reproduce", "agave-table", "--steps", "2", "--folder", str(tmp_path))
    assert len(found["words"]) == 8 and all(words.rpartition(": ")[2][:-1] in VERDICTS for words in found["words"])
    monkeypatch.setattr(agave, "TARGETS", ("full", "2", "half", "quarter"))
    offline(monkeypatch, "agave-target", "agave-digits")
    found = answered(capfd, "reproduce", "agave-target", "--steps", "2", "--folder", str(tmp_path))
    (rows,) = found["tables"].values()
    assert [row["model"] for row in rows] == ["full", "2 levels", "half", "quarter"]
    weights = {path.parent.name for path in tmp_path.glob("agave-*/weights.safetensors")}
    changes = ("", f"-lambda-{agave.CHOSEN}", "-2-levels", "-half", "-quarter")
    assert weights == {f"agave-digits{of}-digits-seed0" for of in changes}


def offline(monkeypatch: pytest.MonkeyPatch, experiment: str, *recipes: str) -> None:
    """An experiment of few images, on the digits."""
    for name, value in {"IMAGES": 4, "SAMPLES": 2, "PROBED": 60}.items():
        monkeypatch.setattr(lengths, name, value)
    monkeypatch.setattr(agave, "SHOWN", 2)
    monkeypatch.setitem(EXPERIMENTS, experiment, replace(EXPERIMENTS[experiment], recipes=recipes, source=None))


def test_a_probe_of_a_draw_reads_nothing_from_levels_that_have_collapsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Means that differ by a thousandth of the noise: scaled up they say everything, drawn they say nothing."""
    monkeypatch.setattr(lengths, "PROBED", 400)
    data, loaded = load(DataConfig(source="digits")), stratiform.load("vae-digits")
    before = lengths.probed(loaded.model, data)
    (recogniser,) = loaded.model.posterior.recognisers
    plain = recogniser.forward

    def collapsed(*given: Any) -> tuple[Gaussian, Any]:
        q, state = plain(*given)
        return Gaussian(1e-3 * q.mean, torch.zeros_like(q.log_scale)), state

    monkeypatch.setattr(recogniser, "forward", collapsed)
    found = lengths.probed(loaded.model, data)
    assert found["known"] == pytest.approx(before["known"], abs=0.02) and found["known"] > 0.7 < before["carried"]
    assert abs(found["carried"] - found["chance"]) < 0.1


def test_the_code_of_another_image_misleads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels that read f(z) pay for a wrong one; where every code stands for the same f(z) they pay nothing."""
    monkeypatch.setattr(lengths, "IMAGES", 6)
    data = load(DataConfig(source="digits"))
    torch.manual_seed(0)
    model = RECIPES["vae-digits"].recipe.model.build(data.spec).eval()
    own = lengths.misled(model, data)["misled"]
    assert len(own) == 6 and max(map(abs, own)) > 1e-4
    with torch.no_grad():
        for weight in model.hierarchy.parameters():
            weight.zero_()
    assert max(map(abs, lengths.misled(model, data)["misled"])) < 1e-6
