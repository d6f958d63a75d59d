"""`compare`: one table and one page of several runs, from what is known of them; only of the same images."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from stratiform.cli import main
from stratiform.data.batches import in_order
from stratiform.data.source import load as load_data
from stratiform.evaluation import judge
from stratiform.evaluation.bound import bounds
from stratiform.report import compared
from stratiform.training.run import load
from system.conftest import TINY, Say, everything_in
from system.test_commands import answer
from units.test_report import Page

QUICK = ("--limit", 20, "--samples", 3, "--probed", 60, "--draws", 12)


@pytest.fixture(scope="module")
def three(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """The trained run, one of another seed, and a one-level model; each measured by the first test that asks."""
    before, judge.STEPS = judge.STEPS, 20
    folder = tmp_path_factory.mktemp("three")
    shutil.copytree(trained, folder / "one <ladder>")
    assert (
        main(["train", "vlae-digits", "--run", str(folder / "other"), "--seed", "1", *TINY, "--training.log-every=2"])
        == 0
    )
    assert main(["train", "vae-digits", "--run", str(folder / "plain"), *TINY]) == 0
    yield [folder / "one <ladder>", folder / "other", folder / "plain"]
    judge.STEPS = before


def test_the_numbers_are_those_of_each_run_on_the_same_images(say: Say, three: list[Path]) -> None:
    found = answer(say, "compare", *three, *QUICK, "--split-code", 3)
    assert (found["data"], found["images"], found["samples"], found["seed"]) == ("digits", 20, 3, 0)
    assert [run["run"] for run in found["runs"]] == list(map(str, three)) and found["baseline"] == str(three[0])
    loaded = [load(path) for path in three]
    x = next(in_order(load_data(loaded[0].recipe.data), limit=20))
    each = [bounds(one.model, x, 3).bound.numpy() for one in loaded]
    for run, bound in zip(found["runs"], each, strict=True):
        assert run["log_likelihood_bound"] == pytest.approx(bound.mean())
        assert run["log_likelihood_bound_stderr"] == pytest.approx(bound.std(ddof=1) / np.sqrt(20))
        assert run["difference"] == pytest.approx((bound - each[0]).mean())
        assert run["difference_stderr"] == pytest.approx((bound - each[0]).std(ddof=1) / np.sqrt(20))
        assert run["bits_per_dim"] == pytest.approx(-bound.mean() / (64 * np.log(2)))
        assert len(run["learnt"]["levels"]) == len(run["total_effects"]) == 3
        assert run["alignment"] == run["learnt"]["alignment"]
        assert run["total_effects"] == [level["factors"]["pixels"]["control"] for level in run["learnt"]["levels"]]
    assert [len(run["levels"]) for run in found["runs"]] == [3, 3, 1]
    best = answer(say, "compare", *three, *QUICK, "--split-code", 3, "--baseline", "best")
    assert best["baseline"] == best["best"] == str(three[int(np.argmax([bound.mean() for bound in each]))])
    assert all(run["difference"] <= 0.0 for run in best["runs"])


def test_what_is_known_is_not_measured_again(
    say: Say, three: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = [shutil.copytree(path, tmp_path / path.name) for path in three]
    words = ("compare", *copies, *QUICK, "--split-code", 3)
    first = answer(say, *words)
    measured = []
    whole, levels = compared.PerImage.of, compared.levels
    monkeypatch.setattr(compared.PerImage, "of", lambda *a, **k: measured.append("bound") or whole(*a, **k))
    monkeypatch.setattr(compared, "levels", lambda *a, **k: measured.append("levels") or levels(*a, **k))
    assert answer(say, *words) == first and not measured
    other = (("--samples", 4), ["bound"] * 3), (("--samples", 4, "--draws", 13), ["levels"] * 3)
    for more, expected in (*other, (("--samples", 4, "--draws", 13, "--seed", 1), ["bound"] * 3 + ["levels"] * 3)):
        assert answer(say, *words, *more)["runs"] != first["runs"]
        assert sorted(measured) == expected
        measured.clear()
    (copies[1] / "weights.safetensors").write_bytes((copies[0] / "weights.safetensors").read_bytes())
    answer(say, *words, "--samples", 4, "--draws", 13, "--seed", 1)
    assert sorted(measured) == ["bound", "levels"]


def test_the_page_is_whole_by_itself(say: Say, three: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "compare.html"
    said = say("compare", *three, *QUICK, "--split-code", 3, "--out", out)
    assert said.status == 0 and str(out) in said.out and "± paired" in said.out and "KNOWS" in said.out
    page = Page(out.read_text())
    assert page.open == [] and page.sources
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}
    for words in (
        "3 models of the same images: digits",
        "the same 20 test images",
        "difference to one <ladder>",
        "The one code of plain is read as 3 equal parts",
        "How the levels came into use",
        "stratiform train vae-digits",
    ):
        assert words in page.text, words
    assert "NaN" not in page.text and "None" not in page.text


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--data.binarise", "fixed", "--model.likelihood.name", "bernoulli"), "data.binarise is 'no' there, 'fixed'"),
        (("--data.size", "6"), "height is 8 there, 6 here"),
        (("--data.limit", "40"), "data.limit is 64 there, 40 here"),
    ],
)
def test_runs_of_other_images_are_refused(
    flags: tuple[str, ...], told: str, say: Say, copied: Path, tmp_path: Path
) -> None:
    words = [word for word in TINY if not word.startswith("--data.limit") or "--data.limit" not in flags]
    assert say("train", "vae-digits", "--run", tmp_path / "odd", *words, *flags).status == 0
    before = everything_in(tmp_path)
    said = say("compare", copied, tmp_path / "odd", *QUICK)
    assert (said.status, said.out) == (2, "") and said.err.count("\n") == 1
    assert told in said.err and "only runs of the same images" in said.err
    assert everything_in(tmp_path) == before


def test_wrong_use(say: Say, copied: Path, tmp_path: Path) -> None:
    other = tmp_path / "copied" / ".." / "copied"
    for words, told in (
        ((copied,), "1 run to compare; name two or more"),
        ((), "no run to compare"),
        ((copied, other), "is named twice"),
        ((copied, tmp_path / "nowhere"), "nowhere is no run"),
        ((copied, other, "--out", "page.pdf"), "ends in .html"),
        ((copied, other, "--out", "nowhere/page.html"), "no folder nowhere"),
        ((copied, other, "--baseline", "worst"), "give one of 'first', 'best'"),
    ):
        said = say("compare", *words)
        assert (said.status, said.out) == (2, "") and told in said.err, said.err


def test_what_was_kept_is_the_runs_own(three: list[Path], say: Say) -> None:
    """Each image's bound is in metrics.json, beside what `levels` says."""
    answer(say, "compare", *three[:2], *QUICK)
    kept = json.loads((three[1] / "metrics.json").read_text())
    assert kept.keys() >= {"weights", "per-image", "levels"} and len(kept["per-image"]["bound"]) == 20
