"""The page is whole by itself, says what was measured, and measures nothing twice."""

import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path

import pytest

from stratiform import report as reporting
from stratiform.data.config import DataConfig
from stratiform.evaluation import judge
from stratiform.evaluation.metrics import Metrics
from stratiform.models import MODELS
from stratiform.models.parts import Network
from stratiform.recipes import RECIPES
from stratiform.report import findings, measured, sections
from stratiform.report.origin import command
from stratiform.training.loop import train
from stratiform.training.run import Run, load
from tiny import tiny


@pytest.fixture(scope="module")
def made(tmp_path_factory, cache):
    """A tiny run with its report."""
    before, judge.STEPS = judge.STEPS, 20
    run = tmp_path_factory.mktemp("runs") / "tiny <run>"
    train(tiny(), Run.create(run, tiny()))
    reporting.report(run)
    judge.STEPS = before
    return run


@pytest.fixture
def run(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "copy"))


@pytest.fixture
def no_measuring(monkeypatch):
    monkeypatch.setattr(measured, "evaluate", None)
    monkeypatch.setattr(measured, "levels", None)


class Page(HTMLParser):
    """Checks that tags are closed, and gathers what could reach out of the page."""

    VOID = ("meta", "img", "source", "br", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.sources, self.tags, self.text = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.sources += [value for name, value in attributes if name in ("src", "srcset", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_page_is_whole_by_itself(made):
    page = Page((made / "report.html").read_text())
    assert page.open == []
    assert len(page.sources) > 10 and all(source.startswith("data:image/png;base64,") for source in page.sources)
    tags = [tag for tag, _ in page.tags]
    assert "script" not in tags and "link" not in tags and "iframe" not in tags
    assert "url(" not in (made / "report.html").read_text()
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")


def test_page_says_what_a_reader_needs(made):
    text = Page((made / "report.html").read_text()).text
    for words in (
        "64 images to learn from",
        "17 possible values",
        "Bits per dimension",
        "Level 2 of 2 (the top)",
        "Level 1 of 2 (nearest the image)",
        "Which level knows, and which controls",
        "12 steps of 8 images",
        "training seed 0",
    ):
        assert words in text, words
    assert "NaN" not in text and "None" not in re.sub(r"\{.*\}", "", text, flags=re.DOTALL)
    assert text.index("Level 2 of 2") < text.index("Level 1 of 2")
    assert "tiny <run>" in text


def test_report_measures_nothing_twice(run, no_measuring):
    before = (run / "report.html").read_bytes().replace(b"tiny &lt;run&gt;", b"copy")
    reporting.report(run)
    after = (run / "report.html").read_bytes()
    assert len(after) == pytest.approx(len(before), abs=500)
    reporting.report(run)
    assert (run / "report.html").read_bytes() == after


@pytest.mark.parametrize("stale", ["weights", "other split", "split code"])
def test_what_is_stale_is_measured_anew(run, stale, monkeypatch):
    metrics = Metrics(run / "metrics.json", run / "weights.safetensors")
    bound, learnt = metrics.get("evaluate"), metrics.get("levels")
    if stale == "weights":
        (run / "metrics.json").unlink()
    if stale == "other split":
        metrics.put("evaluate", bound | {"split": "train"})
    if stale == "split code":
        metrics.put("levels", learnt | {"levels": learnt["levels"] * 2})
    calls = []
    monkeypatch.setattr(measured, "_bound", lambda *_: calls.append("evaluate") or bound)

    class Found:
        def to_json(self):
            return calls.append("levels") or learnt

    monkeypatch.setattr(measured, "levels", lambda *_, **__: Found())
    reporting.report(run)
    assert calls == {"weights": ["evaluate", "levels"], "other split": ["evaluate"], "split code": ["levels"]}[stale]
    assert metrics.get("evaluate") == bound and metrics.get("levels") == learnt


def test_what_a_switched_off_level_knows_is_explained(run, no_measuring):
    metrics = Metrics(run / "metrics.json", run / "weights.safetensors")
    learnt = metrics.get("levels")
    for kl, explained in ((0.01, True), (3.0, False)):
        learnt["levels"][0]["kl"] = kl
        learnt["levels"][1]["kl"] = 3.0
        metrics.put("levels", learnt)
        assert ("its noise drowns it" in reporting.report(run).read_text()) is explained


def test_measures_are_on_the_page_once_they_are_measured(run, no_measuring):
    assert "The measures of the literature" not in reporting.report(run).read_text()
    score = {"score": -0.2, "stderr": 0.01, "within": None}
    factor = {"information": {"value": 0.5, "stderr": None}, "clusters": None}
    factor["probes"] = dict.fromkeys(("neighbours", "linear", "mlp"), score)
    code = {"units": 3, "active_units": 2, "by_unit": None, "factors": {"stroke_width": factor}}
    found = {"images": 60, "split": "test", "notes": ["one unit is left out"]}
    found |= {"levels": [code | {"level": 1}, code | {"level": 2, "factors": {}}], "together": code | {"level": None}}
    Metrics(run / "metrics.json", run / "weights.safetensors").put("measures", found)
    page = Page(reporting.report(run).read_text())
    assert not page.open
    for words in (
        "Of the codes of 60 test images",
        "2 of 3",
        "stroke width",
        "0.500",
        "−0.200 ± 0.010",
        "One unit is left",
    ):
        assert words in page.text, words


def test_a_flat_code_of_many_units_has_a_page(tmp_path, monkeypatch, cache):
    monkeypatch.setattr(judge, "STEPS", 5)
    model = MODELS["vae"](latent=4, network=Network(kind="dense", hidden=8))
    recipe = tiny({"steps": 2}, model=model, data=DataConfig(source="digits", limit=40, binarise="fixed"))
    recipe = replace(recipe, model=replace(model, likelihood=replace(model.likelihood, name="bernoulli")))
    train(recipe, Run.create(tmp_path, recipe))
    text = Page(reporting.report(tmp_path).read_text()).text
    assert "a short code in 1 level." in text and "It is drawn at random in each cell." in text


def test_command_names_what_differs_from_the_published_recipe(tmp_path, made):
    published = RECIPES["vlae-digits"].recipe
    training = replace(published.training, steps=7, threads=1)
    own = replace(published, training=training, data=replace(published.data, limit=50))
    words = command(replace(load(made), recipe=own, run=replace(load(made).run, path=Path("r"))))
    assert words == "stratiform train vlae-digits --run r --data.limit 50 --training.steps 7"


def factor(**changes):
    empty = {"kind": "number", "score": None, "score_within": None, "chance": 0.0, "control": None}
    return empty | {"control_share": None, "control_first": None} | changes


LEVELS = [
    {
        "level": 1,
        "kl": 5.0,
        "factors": {
            "label": factor(kind="class", score=0.30, chance=0.1, control=0.4, control_share=0.45),
            "stroke_width": factor(score=0.70, score_within=0.73, control=0.78, control_first=0.7),
            "width": factor(score=0.22, score_within=0.03, control=0.10, control_first=0.1),
            "pixels": factor(chance=None, control=0.9),
        },
    },
    {
        "level": 2,
        "kl": 7.0,
        "factors": {
            "label": factor(kind="class", score=0.68, chance=0.1, control=0.76, control_share=0.9),
            "stroke_width": factor(score=0.01, score_within=-0.004, control=0.13, control_first=0.1),
            "width": factor(score=0.63, score_within=0.30, control=0.85, control_first=0.8),
            "pixels": factor(chance=None, control=0.3),
        },
    },
]


def test_sentences_follow_the_numbers():
    assert findings.headline(LEVELS, 0) == "knows stroke width best and controls stroke width most"
    assert findings.headline(LEVELS, 1) == "knows label and width best and controls label and width most"
    low, high = (findings.about_level(LEVELS, index) for index in (0, 1))
    assert low == (
        "Of all levels, its code knows stroke width (R² 0.73, the next level 0.00) best. "
        "In generated images it has the strongest hold on stroke width (78 % of its variance)."
    )
    assert "label (68 %, the next level 30 %) and width (R² 0.30, the next level 0.03)" in high
    assert "label (drawing only this level anew changes it 76 % of the time)" in high


def test_a_level_that_says_nothing_is_called_so():
    off = [LEVELS[0] | {"kl": 0.02}, LEVELS[1]]
    assert findings.headline(off, 0) == "is switched off" and findings.about_level(off, 0).startswith("Switched off")


def test_a_level_that_leads_in_nothing_is_called_so():
    weak = [level | {"factors": {"width": level["factors"]["width"]}} for level in LEVELS]
    assert findings.headline(weak, 0) == "leads in none of the properties measured"
    assert "in none of the properties" in findings.about_level(weak, 0)


def test_a_single_level_is_compared_with_none():
    alone = findings.about_level(LEVELS[:1], 0)
    assert "next level" not in alone and "only level" in alone and "stroke width (R² 0.73)" in alone


def test_cells_write_the_fair_score_first():
    knows, controls = findings.knows_cells(LEVELS), findings.controls_cells(LEVELS)
    assert list(knows) == ["label", "stroke width", "width"] and list(controls)[-1] == "pixels"
    cell = knows["width"][1]
    assert (cell.text, cell.note, cell.shade) == ("0.30", "overall 0.63", 0.30)
    assert knows["label"][1].text == "68 %" and knows["label"][1].shade == pytest.approx(0.58 / 0.9)
    assert (controls["label"][0].text, controls["label"][0].shade) == ("40 %", 0.45)
    assert controls["stroke width"][0].note == "alone 0.70"


@pytest.mark.parametrize(("value", "text"), [(-0.004, "0.00"), (-0.12, "−0.12"), (None, "–"), (0.5, "0.50")])
def test_numbers_are_written_for_people(value, text):
    assert findings.number(value) == text


def test_a_page_of_a_pixel_model_does_not_speak_of_what_it_has_not(tmp_path):
    run = tmp_path / "run"
    recipe = tiny(model=MODELS["pixelcnn"](width=4, blocks=1, kernel=3))
    train(recipe, Run.create(run, recipe))
    page = Page((reporting.report(run)).read_text())
    assert not page.open
    for said in ("how likely each pixel is, given the pixels before it", "Of an unseen image, exactly", "new images"):
        assert said in page.text
    said = page.text.split("How it was made")[0]
    assert not [word for word in ("level", "R²", "Alignment") if word in said]


def test_what_a_recipe_is_about_is_said_of_its_own_images_alone(run):
    text = Page((run / "report.html").read_text()).text
    assert "Variational Ladder Autoencoder. It was shown" in text  # tiny is no recipe of the table
    for source, said in (("digits", RECIPES["vlae-digits"].about[1:]), ("elsewhere", "Autoencoder. It was")):
        recipe = replace(RECIPES["vlae-digits"].recipe, data=DataConfig(source=source))
        opening = next(islice(sections.opening(_of(run, recipe)), 1, None))
        assert said in opening


def _of(run, recipe):
    made = measured.Measured.of(run, 0)
    return replace(made, loaded=replace(made.loaded, recipe=recipe))
