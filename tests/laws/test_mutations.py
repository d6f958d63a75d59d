"""Bugs planted on purpose: each must break a law or a known answer, else the laws prove little.

A bug replaces one function of the library. Laws are tried on a few small models until one of them breaks.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

import causal
import known
import zoo
from stratiform.core import latent
from stratiform.core.decoder import AutoregressiveImage
from stratiform.core.hierarchy import Carry, Hierarchy, Pick
from stratiform.core.latent import Latent, Terms
from stratiform.core.model import LatentModel
from stratiform.core.posterior import BottomUp, TopDown, sample
from stratiform.distributions import Distribution, Gaussian, GaussianMixture, Likelihood, gaussian_mixture, image
from stratiform.distributions.families import Laplace
from stratiform.distributions.image import Binned
from stratiform.evaluation import bound
from stratiform.evaluation.bound import bounds, log_weights
from stratiform.evaluation.check import LAWS, tick
from stratiform.evaluation.laws.case import Case
from stratiform.nn import pixelcnnpp
from stratiform.nn.masked import Masked
from stratiform.objective import MixtureELBO
from stratiform.objective import mixture as under_mixture
from stratiform.spec import ImageSpec

Plant = Callable[[pytest.MonkeyPatch], None]


def _replace(owner: object, name: str, make: Callable[[Callable], Callable]) -> Plant:
    return lambda patch: patch.setattr(owner, name, make(getattr(owner, name)))


def _kl(change: Callable[[Gaussian, Gaussian, Callable], Tensor]) -> Plant:
    return _replace(latent, "gaussian_kl", lambda kl: lambda q, p: change(q, p, kl))


def _average_over_units(_: Callable) -> Callable:
    return lambda each: each.flatten(1).mean(1)


def _analytic_everywhere(pick: Callable) -> Callable:
    """q of a lower level against the prior at draws that came later."""

    def planted(self: BottomUp, x: Tensor, draw: Callable = sample) -> Pick:
        inner = pick(self, x, draw)

        def claims_exact(level: int, h: Tensor, p: Distribution, carry: Carry) -> tuple[Latent, Carry]:
            drawn, carry = inner(level, h, p, carry)
            return replace(drawn, exact=True), carry

        return claims_exact

    return planted


def _state_in_the_closure(pick: Callable) -> Callable:
    """The merge state kept by the pick instead of handed on by the walk."""

    def planted(self: TopDown, x: Tensor, draw: Callable = sample) -> Pick:
        inner, state = pick(self, x, draw), [None]

        def keeps(level: int, h: Tensor, p: Distribution, carry: Carry) -> tuple[Latent, Carry]:
            drawn, state[0] = inner(level, h, p, state[0])
            return drawn, None

        return keeps

    return planted


def _detached_carry(descend: Callable) -> Callable:
    def planted(self: Hierarchy, *arguments: object) -> tuple:
        drawn, h, carry, above = descend(self, *arguments)
        return drawn, h, carry._replace(state=carry.state.detach()) if hasattr(carry, "state") else carry, above

    return planted


def _detached_z(draw: Callable) -> Callable:
    def planted(self: Gaussian, *arguments: object, **how: object) -> tuple[Tensor, Tensor]:
        z, log_prob = draw(self, *arguments, **how)
        return z.detach(), log_prob

    return planted


def _batch_statistics(forward: Callable) -> Callable:
    return lambda self, h: forward(self, h - h.mean(0, keepdim=True))


def _log_variance_for_log_scale(_: property) -> property:
    return property(lambda self: (0.5 * self.log_scale).exp())


def _reversed_levels(descend: Callable) -> Callable:
    def planted(self: Hierarchy, *arguments: object) -> tuple:
        f, latents = descend(self, *arguments)
        return f, tuple(reversed(latents))

    return planted


def _sees_itself(_: Callable) -> Callable:
    """Mask B in the first layer."""

    def planted(self: nn.Module, x: Tensor) -> Tensor:
        mask = self.mask.clone()
        mask[1, 1] = 1.0
        return nn.functional.conv2d(x, self.weight * mask, self.bias, padding=1)

    return planted


def _shifted_stepper(at: Callable) -> Callable:
    """The cache read one column to the left."""
    return lambda self, padded, i, j: at(self, padded, i, max(j - 1, 0))


def _mean_for_sample(_: Callable) -> Callable:
    def planted(self: AutoregressiveImage, generator: torch.Generator | None = None) -> Tensor:
        x = self.h.new_zeros(len(self.h), *self.shape)
        step = self.net.stepper(self.h)
        for i in range(self.shape[1]):
            for j in range(self.shape[2]):
                x[:, :, i, j] = self.head(step(i, j, x)[:, :, None, None]).mean[:, :, 0, 0]
        return x

    return planted


def _no_edges(_: Callable) -> Callable:
    """The first and last bin end where the others do: mass is lost."""

    def planted(self: Binned, x: Tensor) -> Tensor:
        shrink = torch.exp(-self.log_scale)
        offset = (x - self.mean) * shrink
        return self.family.log_masses(offset, 0.5 * shrink / (self.bins - 1))[2]

    return planted


def _density_for_mass(_: Callable) -> Callable:
    def planted(self: Binned, x: Tensor) -> Tensor:
        return self.family.log_density((x - self.mean) * torch.exp(-self.log_scale)) - self.log_scale

    return planted


def _reads_the_posterior(forward: Callable) -> Callable:
    """Generation that touches inference."""

    def planted(self: nn.Module, n: int, pick: Pick, prior: object = None) -> object:
        leak = sum(parameter.sum() for parameter in self.posterior.parameters()) * 1e-9
        f = self.hierarchy.descend(n, pick, prior)[0]
        return self.decoder(f + leak)

    return planted


def _hidden_state(forward: Callable) -> Callable:
    """Something learnt that is neither parameter nor buffer."""

    def planted(self: nn.Module, x: Tensor, *rest: object, **how: object) -> Terms:
        self.__dict__.setdefault("memory", next(self.decoder.parameters()).detach().sum() * 1e-3)
        terms = forward(self, x, *rest, **how)
        return Terms(terms.log_px + self.memory, terms.latents)

    return planted


BUGS: dict[str, Plant] = {
    "KL with its sign flipped": _kl(lambda q, p, kl: -kl(q, p)),
    "q and p swapped in the KL": _kl(lambda q, p, kl: kl(p, q)),
    "KL without its half": _kl(lambda q, p, kl: kl(q, p) + 0.5),
    "log-variance read as log-scale": _replace(Gaussian, "scale", _log_variance_for_log_scale),
    "KL averaged over units": _replace(latent, "total", _average_over_units),
    "likelihood averaged over pixels": _replace(image, "total", _average_over_units),
    "KL at half weight in the bound": _replace(Terms, "kls", lambda kls: lambda self: 0.5 * kls(self)),
    "analytic KL in the importance weights": _replace(Terms, "log_weight", lambda _: Terms.elbo),
    "prior forgotten in the weights": _replace(Latent, "log_p", lambda log_p: lambda self: 0.0 * log_p(self)),
    "log k dropped": _replace(bound, "math", lambda _: SimpleNamespace(**{**vars(math), "log": lambda k: 0.0})),
    "every level's KL analytic, bottom-up": _replace(BottomUp, "pick", _analytic_everywhere),
    "merge state in a closure": _replace(TopDown, "pick", _state_in_the_closure),
    "carry detached": _replace(Hierarchy, "_descend_one", _detached_carry),
    "z detached": _replace(Gaussian, "draw", _detached_z),
    "levels handed out top first": _replace(Hierarchy, "descend", _reversed_levels),
    "batch statistics": _replace(nn.LayerNorm, "forward", _batch_statistics),
    "generation reads the posterior": _replace(LatentModel, "decode", _reads_the_posterior),
    "a state that is not saved": _replace(LatentModel, "forward", _hidden_state),
    "edge bins cut": _replace(Binned, "log_mass", _no_edges),
    "density reported as mass": _replace(Binned, "log_mass", _density_for_mass),
    "Laplace without its 1/2": _replace(
        Laplace, "log_survival", lambda survival: lambda self, t: survival(self, t) + math.log(2.0)
    ),
    "log k dropped in Eq. 12": _replace(
        latent, "mixture_kl_bound", lambda bound: lambda q, p: bound(q, p) - math.log(len(p.means))
    ),
    "entropy penalty with its sign flipped": _replace(
        under_mixture, "entropy", lambda entropy: lambda log_r: -entropy(log_r)
    ),
    "units of a mixture drawn and scored apart": _replace(
        gaussian_mixture, "_log_weights", lambda weights: lambda each: weights(torch.zeros_like(each))
    ),
    "mask B first": _replace(causal.Masked, "forward", _sees_itself),
    "cache read one pixel off": _replace(causal.Masked, "at", _shifted_stepper),
    "a channel reads itself": _replace(Masked, "masked", lambda masked: property(lambda self: self.weight)),
    "the image is not shifted": _replace(pixelcnnpp, "shift_down", lambda shift: lambda x: x),
    "means fed back instead of samples": _replace(AutoregressiveImage, "sample", _mean_for_sample),
}


def _models() -> dict[str, Case]:
    spec = ImageSpec(1, 2, 2, 3)
    pixels = known.pixels(spec, Likelihood())
    carried, golden, mixed = known.markov((2, 2)), known.golden_chain(), known.mixed()
    return {
        "vae": zoo.case("vae, dense, binary 2x2"),
        "vlae": zoo.case("vlae, dense, two channels 1x3 of three levels"),
        "laplace": zoo.case("vae, digits-like"),
        "pixels": Case.of(pixels, spec),
        "gated-pixelcnn": zoo.case("gated-pixelcnn, colour, 2x2"),
        "pixelcnnpp": zoo.case("pixelcnnpp, binary 2x2"),
        "carried": Case.of(carried.top_down(carried=True)[0], carried.spec),
        "mixture": Case.of(mixed.top_down(), mixed.spec),
        "bottom-up": Case.of(golden.bottom_up()[0], golden.spec),
    }


def _known_answer() -> bool:
    """The golden chain, exactly, and a gap between the ELBO and log p(x) that the importance bound closes."""
    golden, x = known.golden_chain(), torch.full((1, 1, 1, 1), 1.7, dtype=torch.float64)
    if not torch.allclose(log_weights(golden.top_down()[0], x, 5), torch.tensor(-1.837937).double(), atol=1e-6):
        return False
    if not _known_mixture():
        return False
    made = known.flat((2, 2))
    x = made.draw(3)
    model, gap = made.top_down()
    found = bounds(model, x, 1000)
    return bool((made.log_p(x) - found.elbo - gap).abs().max() < 0.2) and bool(
        (found.bound < made.log_p(x) + 0.5).all()
    )


def _known_mixture() -> bool:
    """Components equal to q: a KL of 0, an image undecided between all five; and log p(x) under a mixture on top."""
    q = Gaussian(torch.zeros(2, 3), torch.zeros(2, 3))
    p = GaussianMixture(torch.zeros(5, 3), torch.zeros(5, 3), 2)
    terms = Terms(torch.zeros(2), (Latent(torch.ones(2, 3), p, q, exact=True),))
    if not math.isclose(MixtureELBO()(terms, torch.ones(())).item(), 0.4 * math.log(5), rel_tol=1e-5):
        return False
    made = known.mixed()
    x = made.draw(2)
    return bool((bounds(made.top_down(), x, 10_000).bound - made.log_p(x)).abs().max() < 0.1)


def _first_broken() -> str | None:
    """The law or known answer that does not hold, if there is one."""
    if not _known_answer():
        return "known answer"
    for name, case in _models().items():
        for law in LAWS:
            if law != "one graph" and not tick(law, case).ok:
                return f"{law}, {name}"
    return None


def test_without_a_bug_nothing_breaks() -> None:
    assert _first_broken() is None


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_breaks_something(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        BUGS[bug](patch)
        broken = _first_broken()
    assert broken, f"no law noticed: {bug}"
