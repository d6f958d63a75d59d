"""The benchmark compares like with like: its plain loop computes what our model computes."""

import importlib.util
from pathlib import Path

import torch

FILE = Path(__file__).parents[2] / "benchmarks" / "against_plain_loop.py"


def test_both_sides_compute_the_same_numbers() -> None:
    spec = importlib.util.spec_from_file_location("against_plain_loop", FILE)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    ours, plain = benchmark.sides()
    x = plain.images[:4].float() / 255
    torch.manual_seed(0)
    terms = ours.state.model(x)
    torch.manual_seed(0)
    log_px, kl, log_ratio = plain.forward(x)
    torch.testing.assert_close(log_px, terms.log_px)
    torch.testing.assert_close(kl, terms.kls().sum(0))
    torch.testing.assert_close(log_px + log_ratio, terms.log_weight())
