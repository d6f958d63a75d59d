"""`mix` and `gibbs`: a ladder, a chain with a bottom-up posterior, images of all kinds, wrong use."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from stratiform.cli import main
from stratiform.cli.images import picture
from stratiform.data.batches import in_order
from stratiform.data.config import DataConfig
from stratiform.data.source import load as load_data
from stratiform.errors import UserError
from stratiform.spec import ImageSpec
from stratiform.training.run import load
from system.conftest import TINY, Say, everything_in


@pytest.fixture(scope="module")
def hierarchy(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Markov hierarchy with a bottom-up posterior."""
    run = tmp_path_factory.mktemp("runs") / "hvae"
    assert main(["train", "hvae-digits", "--run", str(run), *TINY]) == 0
    return run


@pytest.fixture
def images(tmp_path: Path) -> tuple[Path, Path]:
    """A photograph in colour, larger and not square; and a small grey one."""
    random, paths = np.random.default_rng(0), (tmp_path / "a.png", tmp_path / "b.jpg")
    Image.fromarray(random.integers(0, 256, (40, 30, 3), np.uint8)).save(paths[0])
    Image.fromarray(random.integers(0, 256, (8, 8), np.uint8)).save(paths[1])
    return paths


def pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image.convert("L"))


def answer(say: Say, *words: object) -> dict:
    said = say(*words, "--json")
    assert said.status == 0, said.err
    return json.loads(said.out)


@pytest.mark.parametrize("run", ["trained", "hierarchy"])
def test_mix(run: str, say: Say, images: tuple[Path, Path], tmp_path: Path, request: pytest.FixtureRequest) -> None:
    words = ("mix", request.getfixturevalue(run), *images)
    found = answer(say, *words, "--out", tmp_path / "all.png")
    assert found == {"picture": str(tmp_path / "all.png"), "levels": [3, 2], "hold": "noise"}
    found = answer(say, *words, "--level", 1, "--hold", "value", "--out", tmp_path / "one.png")
    assert (found["levels"], found["hold"]) == ([1], "value")
    everything, one = pixels(tmp_path / "all.png"), pixels(tmp_path / "one.png")
    assert everything.shape != one.shape and len(np.unique(one)) > 2


@pytest.mark.parametrize("start", ["data", "noise", "samples"])
def test_gibbs(start: str, say: Say, hierarchy: Path, tmp_path: Path) -> None:
    words = ("gibbs", hierarchy, "--images", 3, "--steps", 2, 1, "--start", start)
    out = tmp_path / "one.png"
    found = answer(say, *words, "--out", out)
    assert found == {"picture": str(out), "start": start, "steps": [1, 2], "images": 3, "seed": 0}
    assert say(*words, "--out", tmp_path / "same.png").status == 0
    assert say(*words, "--seed", 1, "--out", tmp_path / "other.png").status == 0
    one, same, other = ((tmp_path / f"{name}.png").read_bytes() for name in ("one", "same", "other"))
    assert one == same != other


def test_a_bottom_up_posterior_keeps_its_top_levels(say: Say, hierarchy: Path, tmp_path: Path) -> None:
    for keep in (0, 1, 3):
        words = ("--keep-top", keep, "--images", 2, "--out", tmp_path / f"{keep}.png")
        assert say("reconstruct", hierarchy, *words).status == 0
    one, two, three = (pixels(tmp_path / f"{keep}.png") for keep in (0, 1, 3))
    assert one.shape == two.shape == three.shape and not np.array_equal(one, three)


def test_the_picture_lies_in_the_run_unless_told_otherwise(say: Say, copied: Path, images: tuple[Path, Path]) -> None:
    assert say("mix", copied, *images).status == say("gibbs", copied, "--steps", 1, "--images", 2).status == 0
    assert (copied / "mix.png").is_file() and (copied / "gibbs.png").is_file()


WRONG = {
    "level too high": (("mix", "RUN", "A", "B", "--level", "4"), "give 1 (nearest the image) to 3"),
    "level 0": (("mix", "RUN", "A", "B", "--level", "0"), "there is no level 0"),
    "no second image": (("mix", "RUN", "A"), "B.png must be given"),
    "no such image": (("mix", "RUN", "A", "nowhere.png"), "nowhere.png cannot be read"),
    "no image at all": (("mix", "RUN", "A", "RUN/recipe.json"), "recipe.json cannot be read (not an image)"),
    "neither noise nor value": (("mix", "RUN", "A", "B", "--hold", "tight"), "give one of 'noise', 'value'"),
    "no such start": (("gibbs", "RUN", "--start", "here"), "give one of 'data', 'noise', 'samples'"),
    "step 0": (("gibbs", "RUN", "--steps", "0", "3"), "--steps is 0 3; give numbers of 1 or more"),
    "no steps": (("gibbs", "RUN", "--steps"), "--steps"),
    "no chains": (("gibbs", "RUN", "--images", "0"), "--images is 0; give 1 or more"),
}


@pytest.mark.parametrize(("words", "told"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_told_in_one_line_and_writes_nothing(
    words: tuple[str, ...], told: str, say: Say, copied: Path, images: tuple[Path, Path], tmp_path: Path
) -> None:
    before = everything_in(tmp_path)
    places = {"RUN": str(copied), "A": str(images[0]), "B": str(images[1])}
    said = say(*(places.get(word, word.replace("RUN/", f"{copied}/")) for word in words))
    assert (said.status, said.out) == (2, "")
    assert told in said.err and said.err.count("\n") == 1
    assert everything_in(tmp_path) == before


def test_a_file_is_seen_as_the_runs_own_images_are(trained: Path, tmp_path: Path) -> None:
    """Digits of 17 grey levels, written as 256 and read again."""
    x = next(in_order(load_data(DataConfig(source="digits")), size=20, limit=20))
    for one in x:
        Image.fromarray((255 * one[0]).round().byte().numpy()).save(tmp_path / "digit.png")
        assert torch.allclose(picture(tmp_path / "digit.png", load(trained))[0], one)


def _loaded(spec: ImageSpec, source: str = "mnist") -> SimpleNamespace:
    return SimpleNamespace(spec=spec, recipe=SimpleNamespace(data=replace(DataConfig(), source=source)))


def test_files_for_all_kinds_of_models(tmp_path: Path) -> None:
    grey = np.array([[0, 127], [128, 255]], np.uint8)
    Image.fromarray(grey).save(tmp_path / "four.png")

    def values(spec: ImageSpec, source: str = "mnist") -> list[float]:
        x = picture(tmp_path / "four.png", _loaded(spec, source))
        spec.check(x)
        return x.flatten(2).mean(1)[0].tolist()

    assert values(ImageSpec(1, 2, 2, 2)) == [0, 0, 1, 1]
    assert values(ImageSpec(1, 2, 2, 2), "omniglot_lake28") == [1, 1, 0, 0]  # ink is black in its files
    assert values(ImageSpec(3, 2, 2, 256)) == pytest.approx([0, 127 / 255, 128 / 255, 1])
    assert values(ImageSpec(1, 2, 2, None)) == pytest.approx([0.5 / 256, 127.5 / 256, 128.5 / 256, 255.5 / 256])
    assert picture(tmp_path / "four.png", _loaded(ImageSpec(1, 5, 5, 256))).shape == (1, 1, 5, 5)
    with pytest.raises(UserError, match=r"four.png is 2 x 2, but the run models images of 2 x 3; cut it to that"):
        values(ImageSpec(1, 2, 3, 256))
