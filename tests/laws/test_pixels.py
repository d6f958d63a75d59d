"""Every causal network with every likelihood, with and without a condition: all images that exist have mass 1."""

import itertools

import pytest
import torch
from torch import Tensor

from stratiform.core.decoder import Autoregressive, Head
from stratiform.distributions import HEADS, Likelihood, fitting
from stratiform.models.pixelcnn import Causal, GatedPixelCNN, PixelCNN, PixelCNNpp
from stratiform.nn.causal import Conditions, Form, Normed, unconditional
from stratiform.spec import ImageSpec

NETWORKS: dict[str, Causal] = {
    "PixelCNN": PixelCNN(width=6, blocks=1, kernel=3),
    "Gated PixelCNN": GatedPixelCNN(width=6, layers=2, kernel=3),
    "PixelCNN++": PixelCNNpp(filters=4, resnets=1, scales=2),
}
SPECS = {"grey": ImageSpec(1, 2, 2, 4), "binary": ImageSpec(1, 2, 2, 2), "colour": ImageSpec(3, 2, 2, 2)}
CONDITIONS: dict[Form, tuple[int, ...]] = {"none": (0,), "vector": (3,), "map": (2, 2, 2)}  # one f(z)


def decoder(network: str, likelihood: str, spec: ImageSpec, form: Form) -> Autoregressive:
    """At random weights, float64."""
    torch.manual_seed(0)
    head = Head(Likelihood(name=likelihood, scale=0.3, learn="pixel", mixtures=2), spec)
    features = CONDITIONS[form][0]
    conditions = unconditional if form == "none" else lambda sites: Conditions(sites, features, form)
    net = NETWORKS[network].network(spec.channels, head, conditions)
    made = Autoregressive(net, head, spec.shape).double().eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return made


def every(spec: ImageSpec) -> Tensor:
    level = torch.linspace(0.0, 1.0, spec.bins, dtype=torch.float64)
    return torch.cartesian_prod(*[level] * spec.dimensions).view(-1, *spec.shape)


CASES = [
    (network, likelihood, name, form)
    for network, (name, spec), form in itertools.product(NETWORKS, SPECS.items(), CONDITIONS)
    for likelihood in fitting(spec.bins)
]


@pytest.mark.parametrize(("network", "likelihood", "spec", "form"), CASES)
def test_all_images_sum_to_one(network: str, likelihood: str, spec: str, form: Form) -> None:
    made, x = decoder(network, likelihood, SPECS[spec], form), every(SPECS[spec])
    f = torch.randn(1, *CONDITIONS[form], dtype=torch.float64)
    with torch.no_grad():
        log_p = made(f.expand(len(x), *f.shape[1:])).log_prob(x)
        assert log_p.logsumexp(0).item() == pytest.approx(0.0, abs=1e-10)
        other = torch.randn_like(f)
        assert (made(other.expand(len(x), *f.shape[1:])).log_prob(x) - log_p).abs().max() > 1e-3 or form == "none"


@pytest.mark.parametrize("network", NETWORKS)
def test_the_likelihood_is_the_sum_of_its_conditionals(network: str) -> None:
    """log p(x) = sum over pixels of log p(x_ij | earlier pixels), each from the cached stepper, given those alone."""
    spec = ImageSpec(3, 5, 4, 256)
    made, x = decoder(network, "mixture", spec, "none"), torch.randint(256, (2, 3, 5, 4)).double() / 255
    f, seen = torch.zeros(2, 0, dtype=torch.float64), torch.zeros_like(x)
    with torch.no_grad():
        step, total = made.net.stepper(f, (5, 4)), torch.zeros(2, dtype=torch.float64)
        for i, j in itertools.product(range(5), range(4)):
            total += made.head(step(i, j, seen)[:, :, None, None]).log_prob(x[:, :, i : i + 1, j : j + 1])
            seen[:, :, i, j] = x[:, :, i, j]
        assert torch.allclose(made(f).log_prob(x), total, rtol=1e-10)


def test_with_the_first_mask_open_the_masses_do_not_sum_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mask B on the first layer: the planted bug that this file is for."""
    made, x = decoder("PixelCNN", "softmax", SPECS["grey"], "none"), every(SPECS["grey"])
    made.net.first.mask.fill_(1.0)
    with torch.no_grad():
        log_p = made(torch.zeros(len(x), 0, dtype=torch.float64)).log_prob(x)
    assert abs(log_p.logsumexp(0).item()) > 0.01


def test_every_normalised_likelihood_is_here() -> None:
    tried = {likelihood for _, likelihood, *_ in CASES}
    assert tried == {name for name, kind in HEADS.items() if kind.normalised}


def test_the_first_batch_sets_scale_and_bias() -> None:
    """After `initialise` every weight-normalised map gives mean 0 and its deviation on those images."""
    spec = ImageSpec(3, 8, 8, 256)
    model = PixelCNNpp(filters=6, resnets=1, scales=2).build(spec)
    x, seen = torch.randint(256, (16, 3, 8, 8)) / 255, {}
    model.initialise(x)
    normed = {name: module for name, module in model.named_modules() if isinstance(module, Normed)}
    for name, module in normed.items():
        module.register_forward_hook(lambda m, inputs, output, name=name: seen.update({name: (m, output)}))
    model.eval()(x)
    assert seen.keys() == normed.keys() and not any(module.from_data for module in normed.values())
    for module, output in seen.values():
        deviation, mean = torch.std_mean(output, dim=(0, 2, 3), correction=0)
        varies = deviation > 1e-5
        assert varies.any()
        assert torch.allclose(mean[varies], torch.zeros(()), atol=1e-3)
        assert torch.allclose(deviation[varies], torch.tensor(module.scale), rtol=1e-2)
