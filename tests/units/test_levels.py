"""The two tables on models whose answer is known: linear-Gaussian ones, and one that paints brightness and hue."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from known import flat, markov, shortcut
from known import pixels as pixels_alone
from stratiform.core.decoder import Decoder
from stratiform.core.hierarchy import Hierarchy, Level
from stratiform.core.model import LatentModel
from stratiform.core.posterior import TopDown
from stratiform.data.colour import FROM_BOTH, LUMA, TO_CHROMA
from stratiform.data.config import DataConfig
from stratiform.data.split import Data, Split
from stratiform.distributions import Density, Gaussian, Likelihood
from stratiform.distributions.families import Normal
from stratiform.errors import UserError
from stratiform.evaluation import judge as judging
from stratiform.evaluation.bound import bounds
from stratiform.evaluation.codes import codes_and_kl
from stratiform.evaluation.levels import FactorAtLevel, _few, alignment, controls, levels
from stratiform.spec import ImageSpec


def pixels(images: Tensor) -> dict[str, np.ndarray]:
    return {"pixels": images.flatten(1).numpy()}


@pytest.mark.parametrize("family", [flat, markov, shortcut])
def test_control_of_a_linear_model_is_its_share_of_the_variance(family):
    """x is affine in independent noise: S_T = S_1 = each level's part of the total variance of the mean image."""
    known = family(sizes=(2, 1, 2))
    parts = [(c**2).sum() for c in known.joint()[2].c[:, :5].split([2, 1, 2], 1)]
    share = np.array([part / sum(parts) for part in parts])
    found = controls(known.top_down()[0], pixels, draws=4000)["pixels"]
    assert found.total == pytest.approx(share, abs=0.04)
    assert found.first == pytest.approx(share, abs=0.05)
    assert (found.stderr < 0.02).all()


def test_control_of_a_split_code_is_that_of_its_parts():
    known = flat(sizes=(4,))
    c = known.joint()[2].c[:, :4]
    share = np.array([(c[:, :2] ** 2).sum(), (c[:, 2:] ** 2).sum()]) / (c**2).sum().item()
    found = controls(known.top_down()[0], pixels, draws=4000, split_code=2)["pixels"]
    assert found.total == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize("family", [flat, shortcut])
def test_codes_are_posterior_means_and_kl_is_what_evaluation_reports(family):
    known = family(sizes=(1, 2))
    model, x = known.top_down()[0], known.draw(300)
    codes, kl = codes_and_kl(model, x.split(128), seed=1)
    assert [code.shape for code in codes] == [(300, 1), (300, 2)]
    assert codes[1] == pytest.approx(known.code(1, x).numpy(), abs=1e-9)
    assert kl == pytest.approx(bounds(model, x, 1, seed=1).kl.mean(1).detach().numpy())


def test_a_split_code_is_cut_into_equal_slices():
    known = flat(sizes=(6,))
    model, x = known.top_down()[0], known.draw(50)
    (whole,), (kl,) = codes_and_kl(model, [x])
    slices, kls = codes_and_kl(model, [x], split_code=3)
    assert [code.shape for code in slices] == [(50, 2)] * 3
    assert np.array_equal(np.concatenate(slices, 1), whole)
    assert kls.sum() == pytest.approx(kl)


@pytest.mark.parametrize(("sizes", "slices"), [((6,), 4), ((2, 2), 2), ((6,), 0)])
def test_a_code_that_cannot_be_split_so_is_refused(sizes, slices):
    with pytest.raises(UserError, match=f"split_code is {slices}, but"):
        codes_and_kl(flat(sizes=sizes).top_down()[0], [], split_code=slices)


def test_alignment_of_two_tables_worked_out_by_hand():
    """The scores of two calibration runs: 0.35 for a ladder, 0.12 for the split control."""

    def rows(thickness, slant, label):
        cells = zip(thickness, slant, label, strict=True)
        return [
            {
                "thickness": FactorAtLevel(kind="number", score_within=t),
                "slant": FactorAtLevel(kind="number", score_within=s),
                "label": FactorAtLevel(kind="class", score=d),
            }
            for t, s, d in cells
        ]

    ladder = rows((0.581, -0.010, -0.009), (0.245, 0.408, 0.106), (0.305, 0.348, 0.632))
    control = rows((0.185, 0.171, 0.179), (0.528, 0.046, 0.264), (0.269, 0.461, 0.381))
    assert alignment(ladder) == pytest.approx(0.346, abs=1e-3)
    assert alignment(control) == pytest.approx(0.117, abs=1e-3)
    assert alignment(ladder[:1]) is None
    assert alignment([{"hue": FactorAtLevel(kind="number", score=0.3)}] * 2) is None


# A model that paints: level 1 sets the brightness of a plane, level 2 its hue; every posterior is exact and narrow.
SIZE, NARROW = 6, math.log(0.05)


class Gather(Level):
    shape = (1,)

    def prior(self, h):
        return Gaussian.standard(self.shape, h), h

    def step(self, h, z):
        return torch.cat([h, z], 1)


class Paint(Decoder):
    def forward(self, h):
        hue, brightness = h[:, 0], h[:, 1]
        chroma_and_luma = torch.stack([0.15 * hue.cos(), 0.15 * hue.sin(), 0.5 + 0.08 * brightness], 1)
        plane = chroma_and_luma @ torch.tensor(FROM_BOTH.T, dtype=h.dtype)
        return Density(Normal(), plane[:, :, None, None].expand(-1, 3, SIZE, SIZE), torch.tensor(-3.0))


class Look(nn.Module):
    def forward(self, x):
        mean = x.mean((2, 3))
        across, up = (mean @ torch.tensor(TO_CHROMA.T, dtype=x.dtype)).unbind(1)
        luma = mean @ torch.tensor(LUMA, dtype=x.dtype)
        return (((luma - 0.5) / 0.08)[:, None], torch.atan2(up, across)[:, None])


class Exactly(nn.Module):
    def forward(self, e, h, p, carry):
        return Gaussian(e, torch.full_like(e, NARROW)), carry


def painter() -> LatentModel:
    posterior = TopDown(Look(), [Exactly(), Exactly()])
    return LatentModel(Hierarchy([Gather(), Gather()]), posterior, Paint()).eval()


def painted(count: int = 500) -> Data:
    """Images of the painter; the label says whether they are bright, `mark` is measured on half of them."""
    model, rng = painter(), np.random.default_rng(0)

    def split(seed: int) -> Split:
        z = torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))
        images = (model.decoder(z).mean.clamp(0, 1) * 255).round().byte().numpy()
        mark = np.where(rng.random(count) < 0.5, z[:, 1].numpy(), np.nan)
        factors = {"mark": mark, "noise": rng.normal(size=count), "constant": np.ones(count)}
        return Split(images, (z[:, 1] > 0).long().numpy(), factors)

    return Data(
        DataConfig(), ImageSpec(3, SIZE, SIZE, 256), 256, split(1), split(2), ("dark", "bright"), (), "painted"
    )


@pytest.fixture(scope="module")
def report(cache):
    before, judging.STEPS = judging.STEPS, 150
    found = levels(painter(), painted(), draws=200)
    judging.STEPS = before
    return found


def test_each_level_knows_and_controls_what_it_paints(report):
    low, high = report.to_json()["levels"]
    assert (low["level"], high["level"]) == (1, 2)
    for name, one, other in (("brightness", low, high), ("hue", high, low)):
        assert one["factors"][name]["score"] > 0.9 and other["factors"][name]["score"] < 0.1, name
        assert one["factors"][name]["control"] > 0.9 and other["factors"][name]["control"] < 0.05, name
        assert one["factors"][name]["control_first"] > 0.85, name
    assert low["factors"]["label"]["score"] > 0.9 and high["factors"]["label"]["score"] < 0.65
    assert low["factors"]["label"]["control"] == pytest.approx(0.5, abs=0.1)
    assert low["factors"]["label"]["control_share"] == pytest.approx(1.0, abs=0.2)
    assert low["factors"]["brightness"]["score_within"] < low["factors"]["brightness"]["score"]


def test_kl_is_closed_form(report):
    """KL of N(m, 0.05^2) from N(0, 1), its m a standard normal draw: (0.05^2 + 1 - 1) / 2 - log 0.05 on average."""
    assert report.levels[0].kl == pytest.approx(0.5 * 0.05**2 - NARROW, abs=0.15)


def test_every_factor_has_its_keys(report):
    found = report.to_json()
    assert {"probe", "judge_accuracy", "levels", "alignment"} <= found.keys()
    assert {"level", "kl", "factors"} == found["levels"][0].keys()
    factors = found["levels"][0]["factors"]
    assert list(factors)[:4] == ["label", "mark", "noise", "constant"] and list(factors)[-1] == "pixels"
    for factor in factors.values():
        assert {"kind", "score", "score_within", "chance", "control", "control_first"} <= factor.keys()
    assert factors["label"]["kind"] == "class" and factors["hue"]["kind"] == "number"
    assert factors["label"]["score_within"] is None and factors["pixels"]["score"] is None
    assert factors["constant"]["score"] is None and factors["constant"]["control"] is None


def test_what_was_left_out_is_said(report):
    notes = " ".join(report.notes)
    assert "mark could not be measured on" in notes and "of 500 images" in notes
    assert "the judge cannot read noise" in notes
    assert report.levels[0].factors["noise"].control is None
    assert report.levels[0].factors["mark"].control > 0.9
    assert report.judge_accuracy > 0.95


def test_without_labels_nothing_is_judged(cache):
    data = painted(200)
    bare = Data(data.config, data.spec, 256, _unlabelled(data.train), _unlabelled(data.test), (), (), "bare")
    found = levels(painter(), bare, draws=50).to_json()
    assert found["judge_accuracy"] is None and "label" not in found["levels"][0]["factors"]
    assert found["levels"][0]["factors"]["brightness"]["score_within"] is None


def test_a_model_without_levels_has_none_to_report():
    model = pixels_alone(ImageSpec(3, SIZE, SIZE, 256), Likelihood(name="logistic"))
    with pytest.raises(UserError, match="has no levels"):
        levels(model, painted(20))


def _unlabelled(split: Split) -> Split:
    return Split(split.images, None, {})


def test_too_few_images_for_the_neighbours_are_told() -> None:
    assert not list(_few(63, "test")) and not list(_few(63, "train"))
    (said,) = _few(13, "test")
    assert said.startswith("13 images are too few for 25 neighbours") and "--split train" in said
    (said,) = _few(62, "train")
    assert "--split" not in said
