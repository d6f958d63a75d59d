"""Metrics are kept for the weights that they were measured on, and for no others."""

import pytest

from stratiform.evaluation.metrics import Metrics


@pytest.fixture
def metrics(tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"one")
    return Metrics(tmp_path / "metrics.json", tmp_path / "weights.safetensors")


def test_what_was_put_is_got(metrics):
    assert metrics.get("levels") is None
    metrics.put("levels", {"alignment": 0.35, "judge": None})
    metrics.put("evaluate", {"elbo": -1.0})
    assert metrics.get("levels") == {"alignment": 0.35, "judge": None}
    assert metrics.get("evaluate") == {"elbo": -1.0}


def test_other_weights_have_no_metrics(metrics):
    metrics.put("levels", {"alignment": 0.35})
    metrics.weights.write_bytes(b"two")
    assert metrics.get("levels") is None
    metrics.put("evaluate", {"elbo": -1.0})
    assert metrics.get("levels") is None and metrics.get("evaluate") == {"elbo": -1.0}


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"levels": {}}'])
def test_a_damaged_file_is_as_good_as_none(metrics, content):
    metrics.file.write_text(content)
    assert metrics.get("levels") is None
    metrics.put("levels", {"alignment": 0.1})
    assert metrics.get("levels") == {"alignment": 0.1}
