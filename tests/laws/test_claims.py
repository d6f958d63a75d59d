"""Laws on claims: correct models keep them, planted defects break them; and the pytest plugin that tries them."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import stratiform
import zoo
from stratiform.errors import UserError
from stratiform.evaluation.claims import CLAIM_LAWS
from stratiform.spec import ImageSpec

FILE = Path(__file__).parents[2] / "examples" / "planted_defects.py"
SPEC = importlib.util.spec_from_file_location("planted_defects", FILE)
planted = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(planted)

FOUND = {
    "MeanOverPixels": "masses sum to 1",
    "SquaredError": "masses sum to 1",
    "DensityForMass": "masses sum to 1",
    "EncoderForPrior": "the ELBO is the mean log-weight",
    "AnalyticBelow": "the ELBO is the mean log-weight",
    "NoTopKL": "the ELBO is the mean log-weight",
    "MeanOverUnits": "the ELBO is the mean log-weight",
    "WeightInBound": "the ELBO is the mean log-weight",
    "FlippedSign": "a lower bound is not above",
    "AnalyticWeights": "masses sum to 1",
    "NoConstant": "masses sum to 1",
    "NegativeForPositive": "the ELBO is the mean log-weight",
    "BatchStatistics": "rows are independent",
    "ForgottenBatch": "bits are counted right",
    "MeansForSamples": "samples follow the masses",
    "SamplesOfAnotherModel": "samples follow the masses",
}


def test_a_correct_model_keeps_every_law() -> None:
    ticks = stratiform.check(*planted.make())
    assert [tick.name for tick in ticks] == list(CLAIM_LAWS)
    assert all(tick.ok and tick.applies for tick in ticks), [tick for tick in ticks if not (tick.ok and tick.applies)]


@pytest.mark.parametrize("defect", planted.DEFECTS, ids=lambda kind: kind.__name__)
def test_a_planted_defect_is_found(defect: type) -> None:
    broken = [tick.name for tick in stratiform.check(*planted.make(defect)) if not tick.ok]
    assert FOUND[defect.__name__] in broken


@pytest.mark.parametrize("name", ["vae, dense, binary 2x2", "hvae, markov, mean-field, tanh, binary"])
def test_our_own_models_keep_them_too(name: str) -> None:
    model = zoo.build(name).eval()
    claims = stratiform.Claims(
        module=model,
        log_weight=lambda x: model(x).log_weight(),
        elbo=lambda x: model(x).elbo(),
        sample=lambda n: model.decode(n, stratiform.from_prior()).sample(),
    )
    assert all(tick.ok for tick in stratiform.check(claims, zoo.ZOO[name][2]))


def test_what_cannot_be_enumerated_is_said_to_be_so() -> None:
    claims, _ = planted.make()
    found = {tick.name: tick for tick in stratiform.check(claims, ImageSpec(1, 28, 28, 256))}
    assert "there are more than 4096 images; build the model for 2 x 2 pixels" in found["masses sum to 1"].detail
    assert not found["masses sum to 1"].applies


def test_nothing_claimed_is_refused() -> None:
    with pytest.raises(UserError, match="give log_weight, elbo, or both"):
        stratiform.Claims(module=torch.nn.Linear(1, 1))
    with pytest.raises(UserError, match="Linear is no LatentModel; give"):
        stratiform.check(torch.nn.Linear(1, 1), planted.SPEC)


TESTS = f"""
import sys
sys.path.insert(0, {str(FILE.parent)!r})
import pytest
import planted_defects
import zoo

def correct():
    return planted_defects.make()

def wrong():
    return planted_defects.make(planted_defects.BatchStatistics)

def ours():
    return zoo.build("vae, dense, binary 2x2"), zoo.ZOO["vae, dense, binary 2x2"][2]

@pytest.mark.laws(correct=correct, wrong=wrong)
def test_claims(law):
    law()

@pytest.mark.laws(ours=ours)
def test_ours(law):
    law()
"""


def _pytest(folder: Path, *words: str) -> str:
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(Path(zoo.__file__).parent)
    command = [sys.executable, "-m", "pytest", "-p", "stratiform.pytest_plugin", "-p", "no:cacheprovider", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False).stdout


def test_the_plugin_makes_a_test_of_every_law(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(TESTS)
    said = _pytest(tmp_path, "-q", "--strict-markers", "-rfs", "-k", "rows or asking or pixels or parameter")
    assert "\nrows are independent: in training mode the first image's bound changes" in said, said
    assert "2 failed, 6 passed, 2 skipped" in said, said
    assert "does not apply: the pixels are independent given z" in said
    assert "Traceback" not in said


def test_a_mark_without_its_argument_is_named(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import pytest\n@pytest.mark.laws(one=int)\ndef test_nothing():\n    pass\n"
    )
    assert "test_nothing is marked `laws`; give it the argument `law`, and call it" in _pytest(tmp_path)
