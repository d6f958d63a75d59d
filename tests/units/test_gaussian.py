"""The diagonal Gaussian: density, draws, KL."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from stratiform.distributions import Gaussian, gaussian_kl
from stratiform.distributions.tools import LOG_SCALE_MAX, LOG_SCALE_MIN

quick = settings(deadline=None, derandomize=True, max_examples=50)
means, log_scales = st.floats(-50.0, 50.0), st.floats(-7.0, 7.0)


def one(mean: float, log_scale: float) -> Gaussian:
    return Gaussian(torch.tensor([mean], dtype=torch.float64), torch.tensor([log_scale], dtype=torch.float64))


def test_kl_golden_value() -> None:
    kl = gaussian_kl(one(0.3, math.log(0.7)), one(-0.2, math.log(1.4)))
    assert kl.item() == pytest.approx(0.381923, abs=1e-6)


@quick
@given(means, log_scales, means, log_scales)
def test_kl_against_torch_and_its_own_laws(m: float, s: float, big_m: float, big_s: float) -> None:
    q, p = one(m, s), one(big_m, big_s)
    normal = [torch.distributions.Normal(d.mean, d.scale) for d in (q, p)]
    expected = torch.distributions.kl_divergence(*normal)
    assert torch.allclose(gaussian_kl(q, p), expected, rtol=1e-9, atol=1e-9)
    assert gaussian_kl(q, p).item() >= -1e-12
    assert gaussian_kl(q, q).item() == pytest.approx(0.0, abs=1e-12)


def test_kl_is_flat_where_q_is_p_and_not_symmetric() -> None:
    mean, log_scale = torch.tensor([0.3], requires_grad=True), torch.tensor([-0.4], requires_grad=True)
    gaussian_kl(Gaussian(mean, log_scale), Gaussian(mean.detach(), log_scale.detach())).backward()
    assert mean.grad.item() == log_scale.grad.item() == pytest.approx(0.0, abs=1e-7)
    assert gaussian_kl(one(0.0, 0.0), one(0.0, 1.0)).item() != pytest.approx(
        gaussian_kl(one(0.0, 1.0), one(0.0, 0.0)).item(), abs=0.1
    )


def test_kl_is_the_mean_log_ratio() -> None:
    q, p, n = one(0.4, -0.5), one(-1.1, 0.3), 200_000
    wide = Gaussian(q.mean.expand(n), q.log_scale.expand(n))
    z, log_q = wide.draw(generator=Generator().manual_seed(0))
    ratio = log_q - p.log_prob(z)
    assert abs(ratio.mean() - gaussian_kl(q, p)) < 4.0 * ratio.std() / math.sqrt(n)


@quick
@given(means, log_scales, st.floats(-100.0, 100.0))
def test_log_prob_against_torch(m: float, s: float, z: float) -> None:
    expected = torch.distributions.Normal(one(m, s).mean, one(m, s).scale).log_prob(torch.tensor([z]).double())
    assert torch.allclose(one(m, s).log_prob(torch.tensor([z]).double()), expected, rtol=1e-9)


def test_draw_is_where_it_says_and_scores_itself() -> None:
    q = one(2.0, math.log(0.5))
    z, log_q = q.draw(torch.tensor([3.0], dtype=torch.float64))
    assert z.item() == 3.5
    assert log_q.item() == pytest.approx(q.log_prob(z).item())
    z, log_q = q.draw(torch.tensor([3.0], dtype=torch.float64), temperature=0.5)
    assert z.item() == 2.75
    assert log_q.item() == pytest.approx(q.log_prob(z).item())


def test_the_gradient_flows_through_the_draw() -> None:
    mean, log_scale = torch.tensor([0.2], requires_grad=True), torch.tensor([0.1], requires_grad=True)
    Gaussian(mean, log_scale).draw(torch.tensor([1.5]))[0].backward()
    assert mean.grad.item() == 1.0
    assert log_scale.grad.item() == pytest.approx(1.5 * math.exp(0.1))


def test_generators_and_the_global_one() -> None:
    q = Gaussian(torch.zeros(5), torch.zeros(5))

    def drawn(seed: int) -> Tensor:
        return q.draw(generator=Generator().manual_seed(seed))[0]

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    torch.manual_seed(1)
    assert torch.equal(q.draw()[0], drawn(1))


def test_raw_parameters_are_split_clamped_and_at_least_float32() -> None:
    raw = torch.tensor([[1.0, 2.0, 100.0, -100.0]], dtype=torch.bfloat16)
    q = Gaussian.from_raw(raw)
    assert q.mean.tolist() == [[1.0, 2.0]]
    assert q.log_scale.tolist() == [[LOG_SCALE_MAX, LOG_SCALE_MIN]]
    assert q.mean.dtype == q.log_scale.dtype == torch.float32
    assert Gaussian.from_raw(raw.double()).mean.dtype == torch.float64


def test_the_standard_one() -> None:
    p = Gaussian.standard((2, 3), torch.zeros(4, 7, dtype=torch.float64))
    assert p.mean.shape == p.scale.shape == (4, 2, 3)
    assert p.mean.dtype == torch.float64
    assert not p.mean.any() and not p.log_scale.any()
