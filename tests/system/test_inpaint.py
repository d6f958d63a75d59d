"""`inpaint` of all models, `sample` of those that draw pixel after pixel: pictures, what is said, wrong use."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import known
from stratiform.cli import main
from stratiform.cli.pictures import about_samples
from stratiform.distributions import Likelihood
from stratiform.evaluation import explore
from stratiform.spec import ImageSpec
from stratiform.training.run import load
from system.conftest import Say, everything_in

SMALL = (
    "--model.width=8",
    "--model.blocks=1",
    "--model.kernel=3",
    "--data.limit=64",
    "--training.steps=20",
    "--training.batch=8",
    "--training.evaluate-images=16",
    "--training.device=cpu",
)


@pytest.fixture(scope="module")
def pixels(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small PixelCNN."""
    run = tmp_path_factory.mktemp("runs") / "pixels"
    assert main(["train", "pixelcnn-digits", "--run", str(run), *SMALL]) == 0
    return run


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """An image, and masks: of its lower half, of one pixel, of all, of none, of another size, of grey values."""
    random, mask = np.random.default_rng(0), np.zeros((8, 8), np.uint8)
    lower, one = mask.copy(), mask.copy()
    lower[4:], one[2, 3] = 255, 128
    held = {"image": random.integers(0, 256, (20, 20), np.uint8), "lower": lower, "one": one}
    held |= {"all": mask + 255, "none": mask + 127, "large": np.zeros((9, 8), np.uint8), "ones": lower // 255}
    held["soft"] = lower.copy()
    held["soft"][3], held["soft"][0, 0] = 128, 7
    for name, values in held.items():
        Image.fromarray(values).save(tmp_path / f"{name}.png")
    return {name: str(tmp_path / f"{name}.png") for name in held}


def answer(say: Say, *words: object) -> dict:
    said = say(*words, "--json")
    assert said.status == 0, said.err
    return json.loads(said.out)


def test_what_comes_last_is_drawn_exactly(say: Say, pixels: Path, tmp_path: Path) -> None:
    out = tmp_path / "one.png"
    found = answer(say, "inpaint", pixels, 3, "--hide", "bottom", "--images", 4, "--out", out)
    assert len(found.pop("log_p")) == 4 and found.pop("distinct") == 4
    told = {"exact": True, "particles": 4, "effective": 4.0, "images": 4, "temperature": 1.0, "seed": 0}
    told["estimator"] = "exact"
    assert found == {"picture": str(out), **told}
    with Image.open(out) as picture:
        assert len(picture.getcolors(2**20) or []) > 20


def test_anything_else_is_resampled_and_a_poor_choice_is_warned_of(say: Say, pixels: Path, tmp_path: Path) -> None:
    words = ("inpaint", pixels, 3, "--hide", "top", "--images", 4, "--out", tmp_path / "a.png")
    found = answer(say, *words, "--particles", 50)
    assert (found["exact"], found["particles"], found["log_p"]) == (False, 50, None)
    assert 1 <= found["effective"] < 50 and 1 <= found["distinct"] <= 4
    said = say(*words, "--particles", 4)
    assert said.status == 0 and "effective number" in said.out
    assert said.err.startswith("warning: few particles carry the weight") and said.err.count("\n") == 1
    assert not say(*words[:4], "bottom", *words[5:]).err


def test_a_mask_file_hides_what_is_brighter(say: Say, pixels: Path, files: dict[str, str], tmp_path: Path) -> None:
    same = []
    for hidden in (("--mask", files["lower"]), ("--mask", files["ones"]), ("--hide", "bottom")):
        out = tmp_path / f"{len(same)}.png"
        same.append(answer(say, "inpaint", pixels, files["image"], *hidden, "--out", out) | {"picture": None})
    assert same[0] == same[1] == same[2]
    assert len({(tmp_path / f"{index}.png").read_bytes() for index in range(3)}) == 1
    found = answer(say, "inpaint", pixels, files["image"], "--mask", files["one"], "--out", tmp_path / "3.png")
    assert not found["exact"] and found["distinct"] > 1


def test_the_seed_and_the_image_decide(say: Say, pixels: Path, tmp_path: Path) -> None:
    def drawn(*words: object) -> bytes:
        assert say("inpaint", pixels, *words, "--hide", "bottom", "--out", tmp_path / "a.png").status == 0
        return (tmp_path / "a.png").read_bytes()

    assert drawn(0) == drawn(0) != drawn(0, "--seed", 1)
    assert len({drawn(0), drawn(1), drawn(0, "--split", "train"), drawn(0, "--temperature", 0.5)}) == 4


def test_the_picture_lies_in_the_run_unless_told_otherwise(say: Say, pixels: Path) -> None:
    assert say("inpaint", pixels, 0, "--hide", "right").status == 0 and (pixels / "inpaint.png").is_file()


@pytest.fixture(scope="module")
def completing(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small model that completes images."""
    run = tmp_path_factory.mktemp("runs") / "completing"
    small = [word for word in SMALL if not word.startswith("--model")]
    sizes = ("--model.stages=1", "--model.network.channels", "4", "4", "--model.network.stem=4")
    assert main(["train", "matnet-inpaint-digits", "--run", str(run), *sizes, *small]) == 0
    return run


def test_models_with_levels_complete_by_weighted_particles(say: Say, trained: Path, tmp_path: Path) -> None:
    words = ("inpaint", trained, 3, "--hide", "quadrants", "--images", 4, "--out", tmp_path / "a.png")
    found = answer(say, *words, "--particles", 40)
    assert (found["exact"], found["estimator"], found["particles"]) == (False, "estimate", 40)
    assert 1 <= found["effective"] <= 40 and len(found["log_p"]) == 4 and max(found["log_p"]) < 0


def test_models_that_complete_draw_exactly_and_bound_log_p(say: Say, completing: Path, tmp_path: Path) -> None:
    words = ("inpaint", completing, 3, "--images", 4, "--particles", 30, "--samples", 5, "--out", tmp_path / "a.png")
    found = answer(say, *words, "--hide", "occluders", "--seed", 1)
    assert (found["exact"], found["estimator"], found["effective"]) == (True, "bound", 30.0)
    assert len(found["log_p"]) == 4 and found["distinct"] == 4
    pictures = []
    for seed in (1, 1, 2):
        assert say(*words, "--hide", "occluders", "--seed", seed).status == 0
        pictures.append((tmp_path / "a.png").read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


def test_samples_are_pixels_and_their_temperature_tells(say: Say, pixels: Path, tmp_path: Path) -> None:
    def drawn(*words: object) -> bytes:
        assert say("sample", pixels, "--images", 12, *words, "--out", tmp_path / "a.png").status == 0
        return (tmp_path / "a.png").read_bytes()

    assert drawn() == drawn() != drawn("--temperature", 0.5)
    x = explore.samples(load(pixels).model, 3)
    assert torch.equal((16 * x).round() / 16, x)


def test_the_caption_says_what_was_drawn_and_what_the_temperature_did() -> None:
    spec, softmax = ImageSpec(1, 2, 2, 4), Likelihood(name="softmax")
    said = {make: about_samples(make(spec, softmax), 0.5) for make in (known.pixels, known.pixels_given_z)}
    assert said[known.pixels] == "Samples of p(x), pixel after pixel; temperature 0.5, times the spread of each"
    assert said[known.pixels_given_z].startswith("Samples of p(x | z), pixel after pixel, all levels from the prior")
    assert said[known.pixels_given_z].endswith("temperature 0.5, times their noise and pixels' spread")
    means = about_samples(known.flat().top_down()[0], 1.0)
    assert means == "The mean of p(x | z), all levels from the prior; temperature 1, times their noise"


WRONG = {
    "nothing said of what is hidden": (("0",), "give either --hide bottom"),
    "said twice": (("0", "--hide", "top", "--mask", "lower"), "give either --hide bottom"),
    "no such part": (("0", "--hide", "inside"), "--hide"),
    "no image": (("--hide", "top"), "IMAGE must be given"),
    "no such file": (("nowhere.png", "--hide", "top"), "nowhere.png cannot be read"),
    "no such test image": (("999", "--hide", "top"), "there is no test image 999; digits has 0 to 63"),
    "mask of another size": (("0", "--mask", "large"), "large.png is 9 x 8, but the run models images of 8 x 8"),
    "no mask": (("0", "--mask", "nowhere.png"), "nowhere.png cannot be read"),
    "all hidden": (("0", "--mask", "all"), "everything is hidden"),
    "nothing hidden": (("0", "--mask", "none"), "nothing is hidden"),
    "one completion": (("0", "--hide", "top", "--images", "1"), "--images is 1; give 2 or more"),
    "grey mask": (
        ("0", "--mask", "soft"),
        "soft.png is no mask: it has 4 grey values (0, 7, 128, ...); give an image of",
    ),
    "too few particles": (("0", "--hide", "top", "--particles", "7"), "give 8 or more"),
    "colder than cold": (("0", "--hide", "top", "--temperature", "-1"), "--temperature is -1; give 0 or more"),
    "no place": (("0", "--hide", "top", "--out", "nowhere/a.png"), "there is no folder nowhere"),
}


@pytest.mark.parametrize(("words", "told"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_told_in_one_line_and_writes_nothing(
    words: tuple[str, ...], told: str, say: Say, pixels: Path, files: dict[str, str], tmp_path: Path
) -> None:
    before = everything_in(tmp_path) | everything_in(pixels)
    said = say("inpaint", pixels, *(files.get(word, word) for word in words))
    assert (said.status, said.out) == (2, "")
    assert told in said.err and said.err.count("\n") == 1
    assert everything_in(tmp_path) | everything_in(pixels) == before


NEED_LEVELS = (
    "levels RUN",
    "measures RUN",
    "sweep RUN --out a.png",
    "sweep RUN --level 1 --out a.png",
    "reconstruct RUN --out a.png",
    "gibbs RUN --out a.png",
    "encode RUN digits --out codes.npz",
)


@pytest.mark.parametrize("command", NEED_LEVELS)
def test_a_model_without_levels_says_so(
    command: str, say: Say, pixels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = everything_in(pixels)
    said = say(*command.replace("RUN", str(pixels)).split())
    assert said.status == 2 and said.err.startswith("error: this model has no levels") and said.err.count("\n") == 1
    assert everything_in(pixels) == before and not list(tmp_path.iterdir())
