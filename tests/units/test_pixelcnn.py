"""PixelCNN and Gated PixelCNN: what reads what, the cache, and that probabilities sum to one."""

import itertools
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stratiform.nn.causal import Conditions, Form
from stratiform.nn.gated import GatedPixelCNN
from stratiform.nn.masked import Masked, divided
from stratiform.nn.pixelcnn import PixelCNN

Net = PixelCNN | GatedPixelCNN
FEATURES = 3  # of f(z)
NETS = {
    "pixelcnn": lambda *shape, depth, **choices: PixelCNN(*shape, blocks=depth, **choices),
    "gated": lambda *shape, depth, **choices: GatedPixelCNN(*shape, layers=depth, **choices),
}
CHANNELS = [(1, False), (2, False), (2, True), (3, False), (3, True)]

every_net = pytest.mark.parametrize("kind", NETS)
every_size = pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 5), (5, 4), (6, 7)], ids=str)
every_form = pytest.mark.parametrize("form", ["none", "vector", "map"])
every_grouping = pytest.mark.parametrize(("channels", "grouped"), CHANNELS)


@pytest.fixture(autouse=True)
def _random(float64: None) -> None:
    torch.manual_seed(0)


def build(
    kind: str, channels: int = 1, grouped: bool = False, *, each: int = 2, form: Form = "none", **choices
) -> Net:
    """A network of `each` outputs per channel: the first of every channel, the second of every channel ...

    Biases are not 0 as at the start, and positive: few ReLUs are dead, which read nothing.
    """
    channel_of = tuple(range(channels)) * each if grouped else None
    conditions = partial(Conditions, features=FEATURES, form=form)
    choices = {"width": 22, "depth": 2, "channel_of": channel_of, "conditions": conditions, **choices}
    net = NETS[kind](channels, each * channels, **choices)
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            nn.init.uniform_(parameter, 0.0, 1.0)
    return net


def given(form: Form, batch: int, size: tuple[int, int]) -> Tensor:
    """f(z) of that form."""
    return torch.randn(batch, *{"none": (0,), "vector": (FEATURES,), "map": (FEATURES, *size)}[form])


def unseen(batch: int) -> Tensor:
    """f(z) that is nothing."""
    return torch.zeros(batch, 0)


# what reads what


def reads(net: Net, channels: int, size: tuple[int, int]) -> Tensor:
    """Which output depends on which value, in any of some random images: bool [P, H, W, C, H, W]."""
    x = torch.rand(6, channels, *size)
    jacobian = torch.autograd.functional.jacobian(lambda x: net(x, unseen(len(x))).sum(0), x, vectorize=True)
    return (jacobian != 0).any(3)


def may_read(net: Net, outputs: int, channels: int, size: tuple[int, int]) -> Tensor:
    """Which output comes after which value in the order of pixels and, with groups, of channels."""
    order = torch.arange(channels * size[0] * size[1]).view(*size, channels).permute(2, 0, 1)
    out = torch.arange(outputs) % channels if net.groups > 1 else torch.zeros(outputs, dtype=torch.long)
    return order < order[out][..., None, None, None]


@every_net
@every_size
@every_grouping
def test_outputs_read_earlier_pixels_and_with_groups_earlier_channels_of_their_own(
    kind: str, size: tuple[int, int], channels: int, grouped: bool
) -> None:
    net = build(kind, channels, grouped)
    seen, allowed = reads(net, channels, size), may_read(net, 2 * channels, channels, size)
    assert not (seen & ~allowed).any()
    for i, j in itertools.product(range(size[0]), range(size[1])):
        near = torch.zeros(channels, *size, dtype=torch.bool)  # the pixel, the one to its left and the one above
        near[:, i, max(j - 1, 0) : j + 1] = near[:, max(i - 1, 0) : i + 1, j] = True
        assert torch.equal(seen[:, i, j] & near, allowed[:, i, j] & near)


@pytest.mark.parametrize(("channels", "grouped"), [(1, False), (2, True)])
def test_gated_outputs_read_every_earlier_value_of_their_field(channels: int, grouped: bool) -> None:
    net, size = build("gated", channels, grouped, depth=3), (5, 6)
    assert torch.equal(reads(net, channels, size), may_read(net, 2 * channels, channels, size))


@pytest.mark.parametrize("depth", [2, 6])
def test_the_plain_network_never_reads_the_upper_right_and_the_gated_one_does(depth: int) -> None:
    """One row above, 7x7 then 3x3 kernels reach 3 + depth columns to the right; masked ones 3."""
    plain, gated = (reads(build(kind, depth=depth), 1, (2, 12))[0, 1, 3, 0, 0] for kind in NETS)
    assert plain[3 : 3 + 4].all() and not plain[3 + 4 :].any()
    assert gated[3 : 3 + 4 + depth - 1].all() and not gated[3 + 3 + depth :].any()


@every_net
def test_images_of_a_batch_do_not_meet(kind: str) -> None:
    net = build(kind, 2, grouped=True, form="vector").train()
    x, h = torch.rand(3, 2, 4, 5), given("vector", 3, (4, 5))
    alone = torch.cat([net(x[b : b + 1], h[b : b + 1]) for b in range(3)])
    assert torch.allclose(net(x, h), alone, rtol=0, atol=1e-12)


@every_net
@pytest.mark.parametrize("form", ["vector", "map"])
def test_a_condition_enters_every_layer(kind: str, form: Form) -> None:
    """Each site alone, the others cut, changes the outputs; a map does so at its place."""
    net, size = build(kind, depth=3, form=form), (3, 4)
    x, h = torch.rand(1, 1, *size), given(form, 1, size).requires_grad_(True)
    maps = net.conditions.maps
    assert len(maps) == {"pixelcnn": 1 + 3, "gated": 2 * 3}[kind]
    for kept in range(len(maps)):
        cut = build(kind, depth=3, form=form)
        cut.load_state_dict(net.state_dict())
        for s, other in enumerate(cut.conditions.maps):
            nn.init.zeros_(other.weight) if s != kept else None
        (gradient,) = torch.autograd.grad(cut(x, h)[0, :, 2, 2].sum(), h)
        assert gradient.any()
        from_above = kind == "gated" and kept % 2 == 0  # the vertical stack is shifted down by a row
        if form == "map":
            assert gradient[0, :, 1 if from_above else 2, 2].all()


# the cache


def stepped(net: Net, x: Tensor, h: Tensor, channels_at_once: bool = False) -> Tensor:
    """The stepper's outputs, one image growing pixel by pixel and, with groups, channel by channel.

    What is not drawn yet is not a number, but for the channels of the pixel that is being drawn.
    """
    batch, channels, height, width = x.shape
    growing, step, outputs = torch.full_like(x, torch.nan), net.stepper(h, (height, width)), []
    for i, j in itertools.product(range(height), range(width)):
        if net.groups == 1 or channels_at_once:
            growing[:, :, i, j] = x[:, :, i, j] if channels_at_once else torch.nan
            outputs.append(step(i, j, growing))
        else:
            growing[:, :, i, j] = 0.0
            parts = []
            for channel in range(channels):
                parts.append(step(i, j, growing)[:, channel::channels])
                growing[:, channel, i, j] = x[:, channel, i, j]
            outputs.append(torch.stack(parts, 2).flatten(1))
        growing[:, :, i, j] = x[:, :, i, j]
    return torch.stack(outputs, 2).view(batch, -1, height, width)


@every_net
@every_size
@every_grouping
@every_form
def test_the_stepper_is_the_network(
    kind: str, size: tuple[int, int], channels: int, grouped: bool, form: Form
) -> None:
    net = build(kind, channels, grouped, form=form)
    x, h = torch.rand(2, channels, *size), given(form, 2, size)
    assert (stepped(net, x, h) - net(x, h)).abs().max() < 1e-10


@every_net
def test_a_pixel_that_is_known_is_stepped_over_once(kind: str) -> None:
    net, x = build(kind, 3, grouped=True), torch.rand(2, 3, 4, 5)
    assert (stepped(net, x, unseen(2), channels_at_once=True) - net(x, unseen(2))).abs().max() < 1e-10


@every_net
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.1)])
def test_the_stepper_keeps_the_precision_of_the_network(kind: str, dtype: torch.dtype, tolerance: float) -> None:
    net = build(kind, 2, grouped=True, kernel=3, form="map").to(dtype)
    x, h = torch.rand(2, 2, 4, 5).to(dtype), given("map", 2, (4, 5)).to(dtype)
    outputs, whole = stepped(net, x, h), net(x, h)
    assert outputs.dtype == dtype and not outputs.requires_grad
    assert (outputs - whole).abs().max() < tolerance * whole.abs().max()


# probabilities and training


@every_net
@pytest.mark.parametrize(("channels", "images"), [(1, 3**4), (2, 3**8)])
def test_probabilities_of_all_images_sum_to_one(kind: str, channels: int, images: int) -> None:
    """2x2 images, every channel of a pixel one of 3 levels."""
    net = build(kind, channels, grouped=channels > 1, each=3, width=6)
    levels = torch.cartesian_prod(*[torch.arange(3)] * (4 * channels)).view(-1, channels, 2, 2)
    assert len(levels) == images
    with torch.no_grad():
        logits = net(levels / 2.0, unseen(images)).unflatten(1, (3, channels))
    log_p = -F.cross_entropy(logits, levels, reduction="none").sum((1, 2, 3))
    assert abs(log_p.exp().sum().item() - 1) < 1e-10
    assert log_p.std() > 0.1


@every_net
@every_grouping
def test_every_parameter_gets_a_gradient(kind: str, channels: int, grouped: bool) -> None:
    net = build(kind, channels, grouped, form="vector", depth=3)
    net(torch.rand(4, channels, 8, 8), given("vector", 4, (8, 8))).square().sum().backward()
    without = [
        name for name, parameter in net.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert not without


def test_a_signal_neither_fades_nor_bursts_in_fifteen_layers() -> None:
    torch.manual_seed(0)
    x, kept = torch.rand(4, 1, 12, 12), []
    plain, gated = PixelCNN(1, 2, width=16, blocks=15), GatedPixelCNN(1, 2, width=16, layers=15)
    for layer in (*plain.blocks, *gated.layers):
        layer.register_forward_hook(
            lambda _, __, out: kept.append(out[0].std() if isinstance(out, tuple) else out.std())
        )
    assert all(0.1 < net(x, unseen(4)).std() < 2.0 for net in (plain, gated))
    blocks, vertical = kept[:15], kept[15:]
    assert blocks[-1] < 3 * blocks[0]  # branches of full size would make it four times as large
    assert vertical[-1] > 0.3 * vertical[0]


@every_net
def test_fifteen_layers_learn_that_a_row_is_the_one_above_it_moved(kind: str) -> None:
    torch.set_default_dtype(torch.float32)
    net = build(kind, width=12, depth=15, each=1)
    optimiser = torch.optim.Adam(net.parameters(), 5e-3)
    for _ in range(60):
        first = torch.randint(2, (32, 1, 1, 6)).float()
        x = torch.cat([first.roll(i, 3) for i in range(4)], 2)
        loss = F.binary_cross_entropy_with_logits(net(x, unseen(32)), x, reduction="none")[:, :, 1:, 1:].mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.1


# the parts


def test_groups_are_contiguous_and_as_even_as_can_be() -> None:
    assert divided(7, 3) == (0, 0, 0, 1, 1, 2, 2)
    assert divided(3, 3) == (0, 1, 2)
    assert divided(2, 1) == (0, 0)


def test_masks_of_the_paper() -> None:
    """Mask A reads the colours before its own at the centre, mask B its own too; in the order R, G, B."""
    a, b = (Masked((0, 1, 2), (0, 1, 2), mask, above=1, side=1).mask for mask in ("A", "B"))
    assert a.shape == b.shape == (3, 3, 2, 3)
    assert torch.equal(a[:, :, 1, 1], torch.ones(3, 3).tril(-1)) and torch.equal(
        b[:, :, 1, 1], torch.ones(3, 3).tril()
    )
    for mask in (a, b):
        assert mask[:, :, 0].all() and mask[:, :, 1, 0].all() and not mask[:, :, 1, 2].any()


def test_weights_start_as_large_as_what_they_read_asks_for() -> None:
    layer = Masked((0,) * 40, (0,) * 50, "A", above=1, side=1, gain=2.0)
    assert layer(torch.randn(8, 40, 9, 9))[:, :, 2:-2, 2:-2].std().item() == pytest.approx(2.0, rel=0.05)


@every_net
def test_choices_that_cannot_be_are_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="kernel is 4; it must be odd"):
        build(kind, kernel=4)
    with pytest.raises(ValueError, match="channel_of names 2 outputs of 4"):
        build(kind, 2, channel_of=(0, 1))
