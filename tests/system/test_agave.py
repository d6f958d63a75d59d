"""The commands on a model with levels whose pixels are drawn in order: train, evaluate, paint, inpaint, sample."""

import json
from pathlib import Path

import pytest

from stratiform.cli import main
from system.conftest import Say

FEW = (
    "--data.limit=64",
    "--training.steps=4",
    "--training.batch=8",
    "--training.evaluate-images=8",
    "--training.device=cpu",
    "--model.auxiliary=half",
    "--model.ladder.flow=2",
    "--model.pixels.filters=8",
)


@pytest.fixture(scope="module")
def guided(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An AGAVE of few steps, two before its parts come together."""
    run = tmp_path_factory.mktemp("runs") / "guided"
    assert main(["train", "agave-digits", "--run", str(run), *FEW]) == 0
    return run


def test_it_is_evaluated_with_and_without_the_auxiliary_image(guided: Path, say: Say) -> None:
    said = say("evaluate", guided, "--samples", 3, "--limit", 8, "--json")
    found = json.loads(said.out)
    assert said.status == 0 and found["estimator"] == "iw" and len(found["levels"]) == 2
    assert found["auxiliary_bits_per_dim"] > 0 and found["bits_per_dim"] != found["auxiliary_bits_per_dim"]


def test_it_paints(guided: Path, say: Say, tmp_path: Path) -> None:
    said = say("paint", guided, "--images", 3, "--out", tmp_path / "paint.png", "--json")
    assert said.status == 0, said.err
    assert json.loads(said.out)["images"] == 3 and (tmp_path / "paint.png").stat().st_size > 1000


@pytest.mark.parametrize("hide", ["bottom", "centre"])
def test_it_completes_images(hide: str, guided: Path, say: Say, tmp_path: Path) -> None:
    words = ("inpaint", guided, 3, "--hide", hide, "--images", 2, "--particles", 20, "--out", tmp_path / "a.png")
    found = json.loads(say(*words, "--json").out)
    assert not found["exact"] and found["particles"] == 20 and found["log_p"] is None
    assert 1.0 <= found["effective"] <= 20.0 and (tmp_path / "a.png").is_file()


def test_it_draws_samples(guided: Path, say: Say, tmp_path: Path) -> None:
    assert say("sample", guided, "--images", 2, "--out", tmp_path / "a.png").status == 0


def test_models_that_draw_all_pixels_at_once_do_not_paint(trained: Path, say: Say, tmp_path: Path) -> None:
    said = say("paint", trained, "--out", tmp_path / "a.png")
    assert said.status == 2 and "draws all pixels at once" in said.err and not (tmp_path / "a.png").exists()
    said = say("paint", trained, "--images", 1)
    assert said.status == 2 and "--images is 1; give 2 or more" in said.err
