"""MatNet's relations (Bachman 2016, Sections 2.2 and 4): three older ways to generate in steps, from its modules.

ladder      a Probabilistic Ladder Network: the state is made of z alone, no path leads past the levels to the image
laplacian   as a LapGAN: the image grows by details, scale after scale; what the details of an image are is not learnt
diffusion   as a Diffusion Net: z_1 is the image with a little noise, z_2 with more, ...; only the way back is learnt

In the last two inference has no parameters: it takes the image apart "a priori", and generation learns to undo it.

    python examples/relations.py [--steps 300]
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stratiform.core.decoder import Factorised, Head
from stratiform.core.hierarchy import Hierarchy
from stratiform.core.model import LatentModel
from stratiform.core.posterior import BottomUp, TopDown
from stratiform.data.batches import Batches
from stratiform.data.config import DataConfig
from stratiform.data.source import load
from stratiform.distributions import Gaussian, Likelihood
from stratiform.models.matnet import MatNet, Modules
from stratiform.models.modules import Module
from stratiform.models.parts import FromTrail
from stratiform.nn.blocks import activation, halved
from stratiform.nn.matnet import Markov, Place
from stratiform.spec import ImageSpec

LIKELIHOOD = Likelihood(name="logistic", scale=0.1, learn="image")


def ladder(spec: ImageSpec) -> LatentModel:
    """A configuration, no more: `--model.network.update markov`."""
    network = Modules(depth=(1, 1), channels=(16, 24), halvings=0, stem=12, hidden=64, update="markov")
    return MatNet(latent=8, units=(2, 2), network=network, likelihood=LIKELIHOOD).build(spec)


class Add(nn.Module):
    """h' = h + z."""

    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        return h + z


class Enlarge(nn.Module):
    """Every pixel becomes four, cropped to `size`."""

    def __init__(self, size: Sequence[int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, h: Tensor) -> Tensor:
        return F.interpolate(h, scale_factor=2)[..., : self.size[0], : self.size[1]]


class Details(nn.Module):
    """x -> per scale the raw parameters of N(what enlarging the next smaller image leaves out, sigma^2)."""

    def __init__(self, scales: int, sigma: float) -> None:
        super().__init__()
        self.scales, self.log_scale = scales, math.log(sigma)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        images = [2.0 * x - 1.0]
        for _ in range(self.scales - 1):
            images.append(F.avg_pool2d(images[-1], 2, ceil_mode=True))
        details = [image - Enlarge(image.shape[2:])(small) for image, small in pairwise(images)] + images[-1:]
        return tuple(torch.cat([detail, torch.full_like(detail, self.log_scale)], 1) for detail in details)


def laplacian(spec: ImageSpec, scales: int = 3, sigma: float = 0.1, width: int = 24) -> LatentModel:
    """The state is the image so far; every level adds its detail to it, given it; a convolution reads the end off."""
    sizes = [(spec.height, spec.width)]
    for _ in range(scales - 1):
        sizes.append(halved(sizes[-1]))
    levels = []
    for i, size in enumerate(sizes):
        place = Place(spec.channels, size)
        net = conditional(place, width, 2 * spec.channels) if i < scales - 1 else None
        levels.append(Module(place, spec.channels, net, Add(), Enlarge(sizes[i - 1]) if i else nn.Identity()))
    head = Head(LIKELIHOOD, spec)
    hierarchy = Hierarchy(levels, top=(spec.channels, *sizes[-1]))
    posterior = TopDown(Details(scales, sigma), [FromTrail(nn.Identity(), Gaussian.from_raw) for _ in levels])
    return LatentModel(hierarchy, posterior, Factorised(Place(0, sizes[0]).layer(spec.channels, head.outputs), head))


class Noisier(nn.Module):
    """q(z_{l+1} | z_l) = N(sqrt(1 - b) z_l, b): raw parameters; the first one reads the image, on [-1, 1]."""

    def __init__(self, b: float, first: bool) -> None:
        super().__init__()
        self.keep, self.log_scale, self.first = math.sqrt(1.0 - b), 0.5 * math.log(b), first

    def forward(self, below: Tensor) -> Tensor:
        mean = self.keep * (2.0 * below - 1.0 if self.first else below)
        return torch.cat([mean, torch.full_like(mean, self.log_scale)], 1)


def diffusion(spec: ImageSpec, variances: Sequence[float] = (0.05, 0.2, 0.5, 0.9), width: int = 24) -> LatentModel:
    """As many levels as variances, each of the size of the image; p(z_l | z_{l+1}) reads z_{l+1} through its state."""
    place = Place(width, (spec.height, spec.width))
    nets = [conditional(place, width, 2 * spec.channels) for _ in variances[:-1]]
    levels = [
        Module(place, spec.channels, net, Markov(place, spec.channels, len(variances)), nn.Identity())
        for net in (*nets, None)
    ]
    head = Head(LIKELIHOOD, spec)
    posterior = BottomUp([Noisier(b, first=i == 0) for i, b in enumerate(variances)])
    hierarchy = Hierarchy(levels, top=place.shape(width))
    return LatentModel(hierarchy, posterior, Factorised(place.layer(width, head.outputs), head))


def conditional(place: Place, width: int, outputs: int) -> nn.Module:
    """From a state to the raw parameters of the prior of what comes next (Eq. 8)."""
    return nn.Sequential(place.layer(place.channels, width), activation(), place.layer(width, outputs))


RELATIONS = {"ladder": ladder, "laplacian": laplacian, "diffusion": diffusion}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    steps = parser.parse_args().steps
    data = load(DataConfig(source="digits"))
    batches = Batches(data, 64, seed=0, device="cpu")
    for name, make in RELATIONS.items():
        torch.manual_seed(0)
        model = make(data.spec)
        optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
        for step in range(steps):
            terms = model(batches.at(step))
            optimiser.zero_grad()
            (-terms.elbo().mean()).backward()
            optimiser.step()
        kl = ", ".join(f"{level:.1f}" for level in terms.kls().mean(1).tolist())
        bits = -terms.elbo().mean().item() / (data.spec.dimensions * math.log(2.0))
        print(f"{name}: {bits:.2f} bits per dimension after {steps} steps; KL of levels 1 to L: {kl} nats")


if __name__ == "__main__":
    main()
