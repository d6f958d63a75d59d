"""A model in plain PyTorch, which knows nothing of Stratiform, with defects of published code: which law finds each.

The model has two levels, drawn from the bottom up, q(z_1 | x) q(z_2 | z_1), under p(z_2) p(z_1 | z_2) p(x | z_1), on
images of 2 x 2 pixels of three grey levels. Each defect overrides one method. The laws take what the model says of
images as functions (`stratiform.Claims`), and never look inside.

    python examples/planted_defects.py
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, one_hot

from stratiform import Claims, ImageSpec, check

SPEC = ImageSpec(channels=1, height=2, width=2, bins=3)
Gauss = tuple[Tensor, Tensor]  # mean and log of the standard deviation, [B, units] each


def log_normal(z: Tensor, p: Gauss) -> Tensor:
    """log N(z; p), each unit by itself."""
    mean, log_scale = p
    return -0.5 * ((z - mean) * torch.exp(-log_scale)) ** 2 - log_scale - 0.5 * math.log(2.0 * math.pi)


def kl(q: Gauss, p: Gauss) -> Tensor:
    """KL(q || p), each unit by itself."""
    ratio = torch.exp(2.0 * (q[1] - p[1]))
    return 0.5 * (ratio + ((q[0] - p[0]) * torch.exp(-p[1])) ** 2 - 1.0) + p[1] - q[1]


def draw(q: Gauss) -> Tensor:
    return q[0] + torch.exp(q[1]) * torch.randn_like(q[0])


class TwoLevels(nn.Module):
    """A correct one."""

    def __init__(self, units: int = 2) -> None:
        super().__init__()
        self.up, self.higher = nn.Linear(4, 2 * units), nn.Linear(units, 2 * units)  # q(z_1 | x), q(z_2 | z_1)
        self.down, self.out = nn.Linear(units, 2 * units), nn.Linear(units, 4)  # p(z_1 | z_2), p(x | z_1)
        for layer in (self.up, self.higher, self.down, self.out):
            nn.init.normal_(layer.weight, std=0.4)

    def gauss(self, layer: nn.Module, below: Tensor) -> Gauss:
        mean, raw = layer(below).chunk(2, 1)
        return mean, 0.3 * torch.tanh(raw)

    def infer(self, x: Tensor) -> tuple[Gauss, Tensor, Gauss, Tensor]:
        """q_1, z_1, q_2, z_2"""
        q_1 = self.gauss(self.up, self.entered(x))
        z_1 = draw(q_1)
        q_2 = self.gauss(self.higher, z_1)
        return q_1, z_1, q_2, draw(q_2)

    def entered(self, x: Tensor) -> Tensor:
        return 2.0 * x.flatten(1) - 1.0

    def standard(self, z: Tensor) -> Gauss:
        return torch.zeros_like(z), torch.zeros_like(z)

    def masses(self, z_1: Tensor) -> Tensor:
        """log P of each grey level, [B, 4, 3]: a logistic of scale 0.3 around the output, cut at 1/4 and 3/4."""
        at = (torch.tensor([0.25, 0.75]) - torch.sigmoid(self.out(z_1))[..., None]) / 0.3
        below, above = logsigmoid(at), logsigmoid(-at)
        middle = below[..., 1] + above[..., 0] + math.log(-math.expm1(-0.5 / 0.3))
        return torch.stack([below[..., 0], middle, above[..., 1]], -1)

    def log_px(self, x: Tensor, z_1: Tensor) -> Tensor:
        level = one_hot((2.0 * x.flatten(1)).round().long(), 3)
        return (self.masses(z_1) * level).sum((1, 2))

    def kls(self, q_1: Gauss, z_1: Tensor, q_2: Gauss, z_2: Tensor) -> tuple[Tensor, Tensor]:
        """Below by the draw, for its prior waits for z_2; at the top in closed form."""
        lower = log_normal(z_1, q_1) - log_normal(z_1, self.gauss(self.down, z_2))
        return lower.sum(1), kl(q_2, self.standard(z_2)).sum(1)

    def elbo(self, x: Tensor) -> Tensor:
        drawn = self.infer(x)
        lower, upper = self.kls(*drawn)
        return self.log_px(x, drawn[1]) - lower - upper

    def log_weight(self, x: Tensor) -> Tensor:
        q_1, z_1, q_2, z_2 = self.infer(x)
        log_p = log_normal(z_2, self.standard(z_2)) + log_normal(z_1, self.gauss(self.down, z_2))
        return self.log_px(x, z_1) + (log_p - log_normal(z_1, q_1) - log_normal(z_2, q_2)).sum(1)

    def sample(self, n: int) -> Tensor:
        z_1 = draw(self.gauss(self.down, torch.randn(n, 2)))
        level = torch.distributions.Categorical(logits=self.masses(z_1)).sample()
        return (level / 2.0).view(n, 1, 2, 2)

    def bits_per_dim(self, x: Tensor) -> float:
        batches = [self.elbo(some).detach() for some in x.split(8)]
        return -sum(batch.sum().item() for batch in batches) / len(x) / (4 * math.log(2.0))

    def claims(self) -> Claims:
        return Claims(
            module=self, log_weight=self.log_weight, elbo=self.elbo, sample=self.sample, bits_per_dim=self.bits_per_dim
        )


class MeanOverPixels(TwoLevels):
    """the likelihood is averaged over pixels, not summed: every KL is weighted anew"""

    def log_px(self, x: Tensor, z_1: Tensor) -> Tensor:
        return super().log_px(x, z_1) / 4


class SquaredError(TwoLevels):
    """a squared error is called log-likelihood: no scale, no constant"""

    def log_px(self, x: Tensor, z_1: Tensor) -> Tensor:
        return -((x.flatten(1) - torch.sigmoid(self.out(z_1))) ** 2).sum(1)


class DensityForMass(TwoLevels):
    """the density at a grey level is reported as its mass"""

    def log_px(self, x: Tensor, z_1: Tensor) -> Tensor:
        t = (x.flatten(1) - torch.sigmoid(self.out(z_1))) / 0.3
        return (logsigmoid(t) + logsigmoid(-t) - math.log(0.3)).sum(1)


class EncoderForPrior(TwoLevels):
    """the lower KL is taken against what the encoder says of z_1 (it reads x), not against the top-down prior"""

    def kls(self, q_1: Gauss, z_1: Tensor, q_2: Gauss, z_2: Tensor) -> tuple[Tensor, Tensor]:
        return (log_normal(z_1, q_1) - log_normal(z_1, (q_2[0], q_2[1]))).sum(1), super().kls(q_1, z_1, q_2, z_2)[1]


class AnalyticBelow(TwoLevels):
    """the lower KL in closed form, though its prior was drawn from z_1: allowed at the top alone"""

    def kls(self, q_1: Gauss, z_1: Tensor, q_2: Gauss, z_2: Tensor) -> tuple[Tensor, Tensor]:
        return kl(q_1, self.gauss(self.down, z_2)).sum(1), super().kls(q_1, z_1, q_2, z_2)[1]


class NoTopKL(TwoLevels):
    """the top level's KL is left out"""

    def kls(self, q_1: Gauss, z_1: Tensor, q_2: Gauss, z_2: Tensor) -> tuple[Tensor, Tensor]:
        return super().kls(q_1, z_1, q_2, z_2)[0], torch.zeros(len(z_1))


class MeanOverUnits(TwoLevels):
    """KLs are averaged over units, not summed"""

    def kls(self, q_1: Gauss, z_1: Tensor, q_2: Gauss, z_2: Tensor) -> tuple[Tensor, Tensor]:
        lower, upper = super().kls(q_1, z_1, q_2, z_2)
        return lower / 2, upper / 2


class WeightInBound(TwoLevels):
    """the KL's training weight of 0.00025 stays in the bound that is reported"""

    def kls(self, q_1: Gauss, z_1: Tensor, q_2: Gauss, z_2: Tensor) -> tuple[Tensor, Tensor]:
        lower, upper = super().kls(q_1, z_1, q_2, z_2)
        return 0.00025 * lower, 0.00025 * upper


class FlippedSign(TwoLevels):
    """the KL is subtracted with its sign flipped"""

    def kls(self, q_1: Gauss, z_1: Tensor, q_2: Gauss, z_2: Tensor) -> tuple[Tensor, Tensor]:
        lower, upper = super().kls(q_1, z_1, q_2, z_2)
        return -lower, -upper


class AnalyticWeights(TwoLevels):
    """importance weights are made of an ELBO whose KL is analytic: their mean is no likelihood"""

    def log_weight(self, x: Tensor) -> Tensor:
        return self.elbo(x)


class NoConstant(TwoLevels):
    """log 2 pi is left out of the prior's density, and kept in the posterior's"""

    def log_weight(self, x: Tensor) -> Tensor:
        return super().log_weight(x) + 2 * math.log(2.0 * math.pi)


class NegativeForPositive(TwoLevels):
    """what is called negative log-likelihood is positive, or the reverse"""

    def log_weight(self, x: Tensor) -> Tensor:
        return -super().log_weight(x)


class BatchStatistics(TwoLevels):
    """batch normalisation: in training an image's bound depends on its neighbours"""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)

    def entered(self, x: Tensor) -> Tensor:
        return self.norm(x.flatten(1))


class ForgottenBatch(TwoLevels):
    """the sum over batches is divided by the index of the last one, counted from 0"""

    def bits_per_dim(self, x: Tensor) -> float:
        batches = [self.elbo(some).mean().item() for some in x.split(8)]
        return -sum(batches) / (len(batches) - 1) / (4 * math.log(2.0))


class MeansForSamples(TwoLevels):
    """the mean of p(x | z) is given for a sample"""

    def sample(self, n: int) -> Tensor:
        return torch.sigmoid(self.out(draw(self.gauss(self.down, torch.randn(n, 2))))).view(n, 1, 2, 2)


class SamplesOfAnotherModel(TwoLevels):
    """pixels are sampled as if they were binary"""

    def sample(self, n: int) -> Tensor:
        return torch.bernoulli(MeansForSamples.sample(self, n))


DEFECTS = TwoLevels.__subclasses__()


def make(kind: type[TwoLevels] = TwoLevels) -> tuple[Claims, ImageSpec]:
    """The claims of a model of this kind, its weights from one seed."""
    torch.manual_seed(0)
    return kind().claims(), SPEC


def main() -> None:
    for kind in (TwoLevels, *DEFECTS):
        broken = [tick for tick in check(*make(kind)) if not tick.ok]
        print(f"{kind.__name__}: {kind.__doc__}")
        for tick in broken:
            print(f"    ✗ {tick.name}: {tick.detail}")
        if not broken:
            print("    ✓ every law holds")


if __name__ == "__main__":
    main()
