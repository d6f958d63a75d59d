"""The examples run, and what they build keeps the laws."""

import importlib.util
import runpy
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from stratiform.evaluation.check import LAWS
from stratiform.evaluation.laws.case import Case, NotApplicable
from stratiform.spec import ImageSpec

FILE = Path(__file__).parents[2] / "examples" / "relations.py"
SPEC = importlib.util.spec_from_file_location("relations", FILE)
relations = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(relations)


@pytest.mark.parametrize("law", [name for name in LAWS if name != "one graph"])
@pytest.mark.parametrize("name", relations.RELATIONS)
def test_a_relation_keeps_the_laws(name: str, law: str) -> None:
    images = ImageSpec(1, 5, 6, 17)
    torch.manual_seed(0)
    case = Case.of(relations.RELATIONS[name](images), images)
    try:
        LAWS[law](case)
    except NotApplicable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("name", ["laplacian", "diffusion"])
def test_what_takes_the_image_apart_is_not_learnt(name: str) -> None:
    model = relations.RELATIONS[name](ImageSpec(1, 8, 8, 17))
    assert not list(model.posterior.parameters())


def test_the_details_add_up_to_the_image() -> None:
    """Without noise the last state of the Laplacian model is the image, on [-1, 1]."""
    model = relations.laplacian(ImageSpec(1, 7, 5, 17)).double()
    x = torch.rand(2, 1, 7, 5).double()
    f, _ = model.hierarchy.descend(2, model.posterior.pick(x, lambda level, q: (q.mean, q.log_prob(q.mean))))
    torch.testing.assert_close(f, 2.0 * x - 1.0)


def test_the_example_trains_and_says_what_came_of_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["relations.py", "--steps", "2"])
    relations.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == list(relations.RELATIONS)
    assert all("bits per dimension after 2 steps; KL of levels 1 to L:" in line for line in lines)


def test_the_features_of_the_digits_end_in_a_plot(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    picture = tmp_path / "features.png"
    monkeypatch.setattr(sys, "argv", ["features.py", "3", str(picture)])
    runpy.run_path(str(FILE.with_name("features.py")), run_name="__main__")
    said = capsys.readouterr().out
    assert [line.split("  ")[0] for line in said.splitlines()[2:6]] == ["level 1", "level 2", "level 3", "all levels"]
    with Image.open(picture) as image:
        assert image.size == (1155, 814) and len(image.getcolors(10**6)) > 100
