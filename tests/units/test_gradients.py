"""Gradient estimators of the importance-weighted bound, and the total correlation, where the answer is known."""

import math

import pytest
import torch
from torch import Tensor

import known
import zoo
from stratiform.core.conditional import ConditionalModel
from stratiform.core.latent import Latent, Terms
from stratiform.core.model import LatentModel
from stratiform.distributions import Gaussian
from stratiform.errors import UserError
from stratiform.objective import ELBO, IWAE, TotalCorrelation, terms_for
from stratiform.training.step import TrainingStep

ONE = torch.ones((), dtype=torch.float64)
HIERARCHIES = {
    "blind": lambda: known.flat(),
    "top-down, q reads theta": lambda: known.shortcut(),
    "bottom-up": lambda: known.markov(),
}


def imperfect(name: str) -> tuple[LatentModel, Tensor]:
    """A known model whose q was moved away from its best, and one image."""
    truth = HIERARCHIES[name]()
    model = (truth.bottom_up() if name == "bottom-up" else truth.top_down())[0]
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.posterior.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model, truth.draw(1)


def gradient(model: LatentModel, x: Tensor, objective: IWAE, repeats: int) -> Tensor:
    """The gradients of all parameters, a row per repeat, each a mean over as many copies of x as it has rows."""
    rows = []
    for _ in range(repeats):
        loss = objective(terms_for(objective, model, x.repeat_interleave(objective.samples, 0), ONE), ONE)
        rows.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))]))
    return torch.stack(rows)


@pytest.mark.parametrize("name", HIERARCHIES)
@pytest.mark.parametrize("samples", [1, 3])
def test_dreg_has_the_gradient_of_the_bound_on_average(name: str, samples: int) -> None:
    """Every parameter, theta and phi: the means of two estimators agree within their errors."""
    model, x = imperfect(name)
    x = x.expand(50, *x.shape[1:])
    torch.manual_seed(0)
    plain, ours = (gradient(model, x, IWAE(samples=samples, gradient=g), 60) for g in ("reparameterised", "dreg"))
    error = (plain.var(0) / len(plain) + ours.var(0) / len(ours)).sqrt()
    z = (plain.mean(0) - ours.mean(0)) / error.clamp(min=1e-9)
    assert z.abs().max() < 5.0, z


@pytest.mark.parametrize("name", HIERARCHIES)
def test_dreg_and_stl_are_the_same_for_one_sample(name: str) -> None:
    model, x = imperfect(name)
    both = []
    for estimator in ("stl", "dreg"):
        torch.manual_seed(0)
        both.append(gradient(model, x, IWAE(samples=1, gradient=estimator), 3))
    assert torch.allclose(*both, rtol=1e-9)


@pytest.mark.parametrize("estimator", ["stl", "dreg"])
def test_where_q_is_the_posterior_its_gradient_has_no_noise(estimator: str) -> None:
    """Sticking the landing: exactly zero for phi, where the plain estimator is far from it."""
    truth = known.flat(sizes=(1,))
    model, gap = truth.top_down()
    assert gap == pytest.approx(0.0, abs=1e-9)
    phi = sum(p.numel() for p in model.posterior.parameters())
    of_phi = [n for n, _ in model.named_parameters()].index("posterior.recognisers.0.of_x")
    before = sum(p.numel() for p in list(model.parameters())[:of_phi])
    for gradient_name, least, most in ((estimator, 0.0, 1e-9), ("reparameterised", 0.1, math.inf)):
        found = gradient(model, truth.draw(1), IWAE(samples=4, gradient=gradient_name), 5)[:, before : before + phi]
        assert least <= found.abs().max() <= most


def test_the_score_walk_has_the_terms_of_the_forward_walk() -> None:
    for name in zoo.ZOO:
        case = zoo.case(name)
        if isinstance(case.model, ConditionalModel):  # which refuses
            continue
        torch.manual_seed(0)
        plain = case.model(case.x)
        torch.manual_seed(0)
        with torch.no_grad():  # with gradients a flow refuses
            scored = case.model.score(case.x, {level: latent.z for level, latent in enumerate(plain.latents)})
        assert torch.allclose(plain.log_weight(), scored.log_weight(), rtol=1e-9), name


def test_the_loss_is_the_bound_whatever_its_gradient() -> None:
    model, x = imperfect("blind")
    losses = []
    for estimator in ("reparameterised", "stl", "dreg"):
        torch.manual_seed(0)
        step = TrainingStep(model, IWAE(samples=4, gradient=estimator))
        losses.append(step(x, ONE)[0].item())
    assert losses == pytest.approx([losses[0]] * 3)


def hand_made(z: Tensor, mean: Tensor, log_scale: Tensor) -> Terms:
    p = Gaussian(torch.zeros_like(mean), torch.zeros_like(mean))
    half = z.shape[1] // 2
    parts = [slice(0, half), slice(half, None)]
    latents = tuple(
        Latent(z[:, s], Gaussian(p.mean[:, s], p.log_scale[:, s]), Gaussian(mean[:, s], log_scale[:, s]), exact=True)
        for s in parts
    )
    return Terms(torch.zeros(len(z), dtype=z.dtype), latents)


def test_the_three_pieces_add_up_to_the_kl() -> None:
    """At weight 1 the estimate of q(z) cancels: log q(z | x) - log p(z), whatever the minibatch."""
    torch.manual_seed(0)
    z, mean, log_scale = (torch.randn(5, 4).double() for _ in range(3))
    q = Gaussian(mean, log_scale)
    expected = (q.log_prob(z) - Gaussian.standard((4,), z).log_prob(z)).sum(1).mean()
    assert TotalCorrelation(weight=1.0)(hand_made(z, mean, log_scale), ONE).item() == pytest.approx(expected.item())


def test_the_total_correlation_of_correlated_codes_is_known() -> None:
    """Gaussian codes of correlation r, a unit at each of two levels: the total correlation is -log(1 - r^2) / 2."""
    torch.manual_seed(0)
    rho, width = 0.8, 0.3
    noise = torch.randn(3000, 2).double()
    mean = torch.stack([noise[:, 0], rho * noise[:, 0] + math.sqrt(1 - rho**2) * noise[:, 1]], 1)
    log_scale = torch.full_like(mean, math.log(width))
    made = hand_made(mean + width * torch.randn_like(mean), mean, log_scale)
    found = (TotalCorrelation(weight=2.0)(made, ONE) - TotalCorrelation(weight=1.0)(made, ONE)).item()
    assert found == pytest.approx(-0.5 * math.log(1 - (rho / (1 + width**2)) ** 2), rel=0.1)
    independent = hand_made(noise + width * torch.randn_like(noise), noise, log_scale)
    none = (TotalCorrelation(weight=2.0)(independent, ONE) - TotalCorrelation(weight=1.0)(independent, ONE)).item()
    assert abs(none) < 0.1 * found


@pytest.mark.parametrize("name", list(zoo.ZOO))
def test_total_correlation_takes_flat_models_alone(name: str) -> None:
    case = zoo.case(name)
    if name.startswith(("vae", "vlae")) and name != "vlae, top-down":
        assert TrainingStep(case.model, TotalCorrelation())(case.x, ONE)[0].isfinite()
    else:
        with pytest.raises(UserError, match="flat prior"):
            TrainingStep(case.model, TotalCorrelation())


def test_a_beta_vae_weights_the_kl() -> None:
    torch.manual_seed(0)
    made = hand_made(*(torch.randn(3, 2).double() for _ in range(3)))
    assert ELBO(weight=4.0)(made, ONE).item() == pytest.approx(4.0 * made.kls().sum(0).mean().item())
    with pytest.raises(UserError, match="give 0 or more"):
        ELBO(weight=-1.0)
