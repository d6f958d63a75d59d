"""Laws for models that know nothing of this package: what they claim of images, as functions, held against each other.

    claims = Claims(module=vae, log_weight=vae.log_weight, elbo=vae.elbo, sample=vae.sample)
    stratiform.check(claims, ImageSpec(1, 2, 2, 3))

Where images are few enough to write down (2 x 2 pixels of a few grey levels), p(x) = E_q[p(x, z) / q(z | x)] must
sum to 1 over them. A mean for a sum, a constant left out, a KL of the wrong distribution or at the wrong weight, an
analytic KL in a weight, a density for a mass: each breaks that sum, or the equality of ELBO and mean log-weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from scipy.stats import chi2
from torch import Tensor, nn

from stratiform.errors import UserError
from stratiform.evaluation.laws.case import Broken, NotApplicable, apart, random_images
from stratiform.evaluation.laws.probability import MOST_IMAGES, SIGMAS
from stratiform.spec import ImageSpec

DRAWS = 2**17  # of z, of all images together
ROWS = 2**14  # images that go through the model at once
SAMPLES = 20_000  # images drawn, to be counted
FEWEST = 20.0  # that are expected of a cell of the count, lest chi-squared be none
IMPROBABLE = 1e-6  # of a count, under the masses claimed
UNDECIDED = 0.2  # of a mass: an error so large shows nothing
SAME = 1e-4  # relative: a model in float32


@dataclass(frozen=True, kw_only=True, eq=False)
class Claims:
    """What a model says, in nats, each image by itself. It is asked as it is: in its own type and on its own device.

    Attributes:
        module: what is asked; its parameters and its state are looked at.
        log_weight: x [B, C, H, W] -> log p(x, z) - log q(z | x) at one draw of z, [B]; without z: log p(x).
        elbo: x -> a lower bound on log p(x) from one draw, [B]: what is trained, without any weight.
        sample: n -> images [n, C, H, W] drawn from p(x).
        bits_per_dim: images [N, C, H, W] -> the one number that is reported of them.
    """

    module: nn.Module
    log_weight: Callable[[Tensor], Tensor] | None = None
    elbo: Callable[[Tensor], Tensor] | None = None
    sample: Callable[[int], Tensor] | None = None
    bits_per_dim: Callable[[Tensor], float] | None = None

    def __post_init__(self) -> None:
        if self.log_weight is None and self.elbo is None:
            raise UserError("nothing is claimed that could be checked; give log_weight, elbo, or both")


@dataclass(frozen=True)
class Asked:
    """Claims about images of one kind."""

    claims: Claims
    spec: ImageSpec

    def images(self, n: int, seed: int = 0) -> Tensor:
        """Random ones, in the type and on the device of the model, [n, C, H, W]."""
        return random_images(self.spec, n, seed).to(next(self.claims.module.parameters(), torch.zeros(())))

    def bound(self) -> Callable[[Tensor], Tensor]:
        """x -> [B]: what is trained."""
        bound = self.claims.elbo or self.claims.log_weight
        assert bound is not None  # by Claims
        return bound

    def log_weight(self) -> Callable[[Tensor], Tensor]:
        if self.claims.log_weight is None:
            raise NotApplicable("no log_weight is given")
        return self.claims.log_weight

    def all_images(self) -> Tensor:
        """Every image that exists, [N, C, H, W]."""
        spec = self.spec
        if spec.bins is None:
            raise NotApplicable("continuous data has a density")
        if spec.dimensions * math.log(spec.bins) > math.log(MOST_IMAGES) + 1e-9:
            raise NotApplicable(
                f"there are more than {MOST_IMAGES} images; build the model for 2 x 2 pixels, few levels"
            )
        values = torch.linspace(0.0, 1.0, spec.bins, dtype=torch.float64)
        return torch.cartesian_prod(*[values] * spec.dimensions).view(-1, *spec.shape).to(self.images(1))

    @torch.no_grad()
    def many(self, ask: Callable[[Tensor], Tensor], x: Tensor, draws: int) -> Tensor:
        """What is said of x [N, ...] in `draws` draws, float64 [draws, N]."""
        at_once = max(1, ROWS // len(x))
        sizes = [min(at_once, draws - start) for start in range(0, draws, at_once)]
        said = [ask(x.repeat(size, 1, 1, 1)).double().cpu().view(size, len(x)) for size in sizes]
        return torch.cat(said)


ClaimLaw = Callable[[Asked], str]
"""Returns what was seen; raises Broken or NotApplicable. Its docstring is what it proves."""


def one_number_per_image(asked: Asked) -> str:
    """What is said of a batch [B, C, H, W] is B numbers, finite for all images, black and white ones too."""
    x = asked.images(6)
    x[4], x[5] = 0.0, 1.0
    for name in ("log_weight", "elbo"):
        ask = getattr(asked.claims, name)
        if ask is None:
            continue
        said = ask(x)
        if said.shape != (6,):
            raise Broken(
                f"{name} of 6 images has the shape {list(said.shape)}, not [6]: sum over pixels, not over images"
            )
        if not said.isfinite().all():
            raise Broken(f"{name} is not finite: {said.tolist()}, the last two of a black and a white image")
    return "6 images, 6 finite numbers"


def rows_are_independent(asked: Asked) -> str:
    """What is said of an image depends on no other image of the batch, in training mode neither."""
    x, others = asked.images(4), asked.images(4, seed=1)
    others[0] = x[0]
    for training in (False, True):
        with _mode(asked.claims.module, training), torch.no_grad():
            ours, theirs = (_seeded(lambda x=x: asked.bound()(x)) for x in (x, others))
        difference = apart(ours[:1], theirs[:1])
        if difference > SAME:
            mode = "training" if training else "evaluation"
            raise Broken(
                f"in {mode} mode the first image's bound changes by {difference:.2g} with the images beside it"
            )
    return "the same beside other images, in both modes"


def asking_changes_nothing(asked: Asked) -> str:
    """The same seed gives the same numbers, and scoring leaves every parameter and buffer as it was."""
    module, x = asked.claims.module, asked.images(4)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with torch.no_grad():
        first, second = (_seeded(lambda: asked.bound()(x)) for _ in range(2))
    changed = [name for name, value in module.state_dict().items() if not torch.equal(value, before[name])]
    if changed:
        raise Broken(f"scoring images changes {changed[0]}")
    if not torch.equal(first, second):
        raise Broken(f"the same seed gives bounds that differ by {apart(first, second):.2g}")
    return f"{len(before)} tensors and 4 bounds stay"


def every_parameter_learns(asked: Asked) -> str:
    """The bound has a finite gradient, not all zero, in every parameter."""
    parameters = {name: p for name, p in asked.claims.module.named_parameters() if p.requires_grad}
    if not parameters:
        raise NotApplicable("no parameter asks for a gradient")
    loss = -asked.bound()(asked.images(16)).mean()
    gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    for name, gradient in zip(parameters, gradients, strict=True):
        if gradient is None or not gradient.any():
            raise Broken(f"{name} gets no gradient: the bound does not depend on it")
        if not gradient.isfinite().all():
            raise Broken(f"{name} has a gradient that is not finite")
    return f"{len(gradients)} tensors of parameters"


def masses_sum_to_one(asked: Asked) -> str:
    """Over all images that exist, E[p(x, z) / q(z | x)] sums to 1: the likelihood is one, and so are prior and q."""
    log_weight, x = asked.log_weight(), asked.all_images()
    mean, slack = _mean(asked.many(log_weight, x, max(64, DRAWS // len(x))).exp().sum(1))
    if not abs(mean - 1.0) <= slack:
        raise Broken(f"the {len(x)} images have mass {mean:.5f}, expected 1 within {slack:.2g}")
    _refuse_undecided(mean, slack)
    return f"{len(x)} images: {mean:.5f}, within {slack:.1g} of 1"


def the_elbo_is_the_mean_log_weight(asked: Asked) -> str:
    """E[ELBO] = E[log p(x, z) - log q(z | x)] for every image: KLs are those of the distributions drawn from."""
    if asked.claims.elbo is None:
        raise NotApplicable("no elbo is given")
    x, log_weight = asked.images(16), asked.log_weight()
    draws = max(64, DRAWS // len(x) // 2)
    (ours, error), (theirs, noise) = (_each(asked.many(ask, x, draws)) for ask in (asked.claims.elbo, log_weight))
    sigmas = (ours - theirs).abs() / ((error**2 + noise**2).sqrt() + SAME)
    worst = int(sigmas.argmax())
    if not sigmas[worst] <= SIGMAS + 1.0:
        raise Broken(f"the ELBO of an image is {ours[worst]:.4f} nats, its mean log-weight {theirs[worst]:.4f}")
    return f"16 images within {sigmas[worst]:.1f} standard errors"


def a_lower_bound_is_not_above(asked: Asked) -> str:
    """exp of the ELBO, summed over all images that exist, is at most 1."""
    x = asked.all_images()
    mean, error = _each(asked.many(asked.bound(), x, max(64, DRAWS // len(x) // 4)))
    total, slack = mean.exp().sum().item(), SIGMAS * (mean.exp() * error).square().sum().sqrt().item() + SAME
    if not total <= 1.0 + slack:
        raise Broken(f"exp(ELBO) of the {len(x)} images sums to {total:.5f}, more than 1: it bounds no log-likelihood")
    return f"{len(x)} images: {total:.5f}"


def samples_follow_the_masses(asked: Asked) -> str:
    """Images that are drawn are images, and come as often as their masses say (chi-squared)."""
    if asked.claims.sample is None:
        raise NotApplicable("no sample is given")
    log_weight, x = asked.log_weight(), asked.all_images()
    with torch.no_grad():
        drawn = asked.claims.sample(SAMPLES).double().cpu()
    levels = drawn * ((asked.spec.bins or 2) - 1)
    if tuple(drawn.shape[1:]) != asked.spec.shape or (levels - levels.round()).abs().max() > 1e-4:
        raise Broken("what is drawn is no image: its values are not grey levels; means were given for samples")
    place = (asked.spec.bins or 2) ** torch.arange(asked.spec.dimensions - 1, -1, -1)
    counts = torch.bincount((levels.round().long().flatten(1) * place).sum(1), minlength=len(x)).double()
    weights = asked.many(log_weight, x, max(64, DRAWS // len(x))).exp()
    _refuse_undecided(*_mean(weights.sum(1)))
    masses, error = _each(weights)
    statistic, cells = _chi_squared(counts, masses / masses.sum() * SAMPLES, error * SAMPLES)
    if chi2.sf(statistic, cells - 1) < IMPROBABLE:
        raise Broken(f"{SAMPLES} images drawn are not of these masses: chi-squared {statistic:.0f} over {cells} cells")
    return f"{SAMPLES} images: chi-squared {statistic:.0f} over {cells} cells"


def bits_are_counted_right(asked: Asked) -> str:
    """Bits per dimension are the mean over images of -log2 p(x) / D: nothing is left out or counted twice."""
    if asked.claims.bits_per_dim is None:
        raise NotApplicable("no bits_per_dim is given")
    x, draws = asked.images(37), 512  # no round number: the last batch is short
    scale = asked.spec.dimensions * math.log(2.0)
    mean, slack = _mean(asked.many(asked.bound(), x, draws).mean(1) / -scale)
    reported = [float(asked.claims.bits_per_dim(x)) for _ in range(64)]
    said, noise = _mean(torch.tensor(reported, dtype=torch.float64))
    if not abs(said - mean) <= slack + noise + SAME:
        raise Broken(f"{said:.4f} bits per dimension are reported of 37 images, {mean:.4f} follow from their bounds")
    return f"{said:.4f} bits per dimension"


CLAIM_LAWS: dict[str, ClaimLaw] = {
    "one number per image": one_number_per_image,
    "rows are independent": rows_are_independent,
    "asking changes nothing": asking_changes_nothing,
    "every parameter learns": every_parameter_learns,
    "masses sum to 1": masses_sum_to_one,
    "the ELBO is the mean log-weight": the_elbo_is_the_mean_log_weight,
    "a lower bound is not above": a_lower_bound_is_not_above,
    "samples follow the masses": samples_follow_the_masses,
    "bits are counted right": bits_are_counted_right,
}


def _seeded(ask: Callable[[], Tensor]) -> Tensor:
    torch.manual_seed(0)
    return ask()


@contextmanager
def _mode(module: nn.Module, training: bool) -> Iterator[None]:
    """The module in one mode, all that it keeps put back afterwards."""
    was, kept = module.training, {name: value.clone() for name, value in module.state_dict().items()}
    module.train(training)
    try:
        yield
    finally:
        module.train(was)
        module.load_state_dict(kept)


def _mean(values: Tensor) -> tuple[float, float]:
    """The mean of values [k], and SIGMAS of its standard errors."""
    return values.mean().item(), SIGMAS * values.std().item() / math.sqrt(len(values)) + 1e-6


def _each(values: Tensor) -> tuple[Tensor, Tensor]:
    """[k, N] -> the means over k and their standard errors, [N] each."""
    return values.mean(0), values.std(0) / math.sqrt(len(values))


def _refuse_undecided(mass: float, slack: float) -> None:
    if slack > UNDECIDED * max(1.0, mass):
        raise NotApplicable(f"the weights vary too much: mass {mass:.2f}, 1 within {slack:.2g}; train the posterior")


def _chi_squared(counts: Tensor, expected: Tensor, error: Tensor) -> tuple[float, int]:
    """The statistic and its cells: those of which too few are expected are taken as one.

    Args:
        counts, expected: [N], of the same sum.
        error: of what is expected, one standard error, [N].
    """
    rare = expected < FEWEST
    found, wanted, variance = (_pooled(values, rare) for values in (counts, expected, expected + error**2))
    keep = wanted > 1.0
    return ((found - wanted)[keep] ** 2 / variance[keep]).sum().item(), int(keep.sum())


def _pooled(values: Tensor, rare: Tensor) -> Tensor:
    return torch.cat([values[~rare], values[rare].sum()[None]])
