"""PixelCNN++: what reads what, the cache, initialisation from data, and training options."""

import itertools
from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stratiform.nn import pixelcnnpp
from stratiform.nn.causal import Conditions, Form, Normed, Site
from stratiform.nn.pixelcnnpp import PixelCNNpp
from stratiform.nn.shifted import Map, concat_elu, drop, gate, padded, shift_down, shift_right

FEATURES = 3  # of f(z)
SIZES = [(1, 1), (2, 2), (1, 6), (5, 1), (3, 5), (8, 8), (9, 6)]

every_size = pytest.mark.parametrize("size", SIZES, ids=str)
every_scale = pytest.mark.parametrize("scales", [1, 2, 3])
every_form = pytest.mark.parametrize("form", ["none", "vector", "map"])


@pytest.fixture(autouse=True)
def _random(float64: None) -> None:
    torch.manual_seed(0)


def build(channels: int = 1, outputs: int = 5, *, form: Form = "none", **choices) -> PixelCNNpp:
    """A small network with random weights, scales and biases, so that nothing is hidden by a zero."""
    conditions = partial(Conditions, features=FEATURES, form=form)
    net = PixelCNNpp(channels, outputs, **{"filters": 4, "resnets": 1, "conditions": conditions, **choices}).eval()
    for layer in normed(net):
        nn.init.normal_(layer.g)
        nn.init.normal_(layer.b)
    return net


def normed(net: nn.Module) -> list[Normed]:
    return [layer for layer in net.modules() if isinstance(layer, Normed)]


def blocks(net: nn.Module) -> list[pixelcnnpp.Gated]:
    return [block for block in net.modules() if isinstance(block, pixelcnnpp.Gated)]


def given(form: Form, batch: int, size: tuple[int, int]) -> Tensor:
    """f(z) of that form."""
    return torch.randn(batch, *{"none": (0,), "vector": (FEATURES,), "map": (FEATURES, *size)}[form])


def unseen(x: Tensor) -> Tensor:
    """f(z) that is nothing."""
    return x.new_zeros(len(x), 0)


# what reads what


def reads(net: PixelCNNpp, x: Tensor, h: Tensor) -> Tensor:
    """Which pixel depends on which: bool [H W, H W], any parameter of the one on any channel of the other."""
    jacobian = torch.autograd.functional.jacobian(lambda x: net(x, h), x, vectorize=True)[0, :, :, :, 0]
    return (jacobian != 0).any(0).any(2).flatten(2).flatten(0, 1)


@every_size
@every_scale
@pytest.mark.parametrize("channels", [1, 3])
def test_a_pixel_reads_those_before_it_and_no_other(size: tuple[int, int], scales: int, channels: int) -> None:
    x, width = torch.rand(1, channels, *size), size[1]
    seen = reads(build(channels, scales=scales), x, unseen(x))
    assert not seen.triu().any()
    for i, j in itertools.product(range(size[0]), range(width)):
        here = i * width + j
        assert j == 0 or seen[here, here - 1], "the pixel to the left"
        assert i == 0 or seen[here, here - width], "the pixel above"


def test_with_three_scales_a_pixel_reads_all_before_it() -> None:
    x = torch.rand(1, 1, 8, 8)
    assert torch.equal(reads(build(resnets=2), x, unseen(x)), torch.ones(64, 64, dtype=torch.bool).tril(-1))


@pytest.mark.parametrize("removed", [0, 1, 2], ids=["u down", "ul down", "ul right"])
def test_without_any_one_of_the_three_shifts_a_pixel_reads_itself(
    removed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = itertools.count()

    def but_one(shift: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda x: x if next(calls) % 3 == removed else shift(x)

    monkeypatch.setattr(pixelcnnpp, "shift_down", but_one(shift_down))
    monkeypatch.setattr(pixelcnnpp, "shift_right", but_one(shift_right))
    x = torch.rand(1, 1, 8, 8)
    assert reads(build(), x, unseen(x)).triu().sum() >= 64


def test_images_of_a_batch_do_not_meet() -> None:
    net = build(2, form="vector", dropout=0.0).train()
    x, h = torch.rand(3, 2, 5, 6), given("vector", 3, (5, 6))
    alone = torch.cat([net(x[b : b + 1], h[b : b + 1]) for b in range(3)])
    assert torch.allclose(net(x, h), alone, rtol=0, atol=1e-12)


# the order and the places of the layers


class Impulse(nn.Module):
    """Both streams 1 at place (1, 1) of the coarser map, 0 elsewhere, whatever they were."""

    def forward(self, streams: pixelcnnpp.Streams, conditions: object) -> pixelcnnpp.Streams:
        maps = [torch.zeros_like(stream.features) for stream in streams]
        for features in maps:
            features[:, :, 1, 1] = 1.0
        return Map(maps[0]), Map(maps[1])


@pytest.mark.parametrize("size", [(5, 5), (6, 7), (4, 8)], ids=str)
def test_a_place_of_a_coarser_map_is_doubled_to_the_places_that_it_was_halved_from(size: tuple[int, int]) -> None:
    """ul (1, 1) to (2, 2) .. (3, 3); u, whose kernel is three wide, also to the column before."""
    between = build(scales=2).scale.between
    assert between is not None
    nn.init.zeros_(between.double_u.b), nn.init.zeros_(between.double_ul.b)
    between.scale = Impulse()
    x = torch.rand(1, 4, *size)
    for stream, first in zip(between((Map(x), Map(x)), iter(())), (1, 2), strict=True):
        reached = torch.zeros(size, dtype=torch.bool)
        reached[2:4, first:4] = True
        assert stream.features.shape == x.shape
        assert torch.equal((stream.features != 0).any(1)[0], reached)


def test_going_down_the_last_block_of_a_scale_reads_what_came_in_and_the_first_what_went_on() -> None:
    read: dict[nn.Module, pixelcnnpp.Streams | None] = {}
    made: dict[nn.Module, pixelcnnpp.Streams] = {}

    def note(module: nn.Module, arguments: tuple, streams: pixelcnnpp.Streams) -> None:
        made[module], read[module] = streams, arguments[2] if len(arguments) > 2 else None

    net = build(resnets=2, scales=2)
    for module in net.modules():
        if isinstance(module, pixelcnnpp.Pair | pixelcnnpp.Scale):
            module.register_forward_hook(note)
    came_in: dict[nn.Module, pixelcnnpp.Streams] = {}
    for scale in (net.scale, net.scale.between.scale):
        scale.register_forward_pre_hook(lambda scale, arguments: came_in.update({scale: arguments[0]}))
    x = torch.rand(1, 1, 6, 6)
    net(x, unseen(x))
    fine, coarse = came_in
    assert [read[pair] for pair in (*fine.up, *coarse.up)] == [None] * 4
    assert [read[pair] for pair in fine.down] == [made[fine.up[1]], made[fine.up[0]], came_in[fine]]
    assert [read[pair] for pair in coarse.down] == [made[coarse.up[0]], came_in[coarse]]


# conditions


def test_two_conditions_per_pair_of_blocks_at_its_scale_in_the_order_of_the_pass() -> None:
    listed: list[Site] = []

    def conditions(sites: list[Site]) -> Conditions:
        listed.extend(sites)
        return Conditions(sites, 0, "none")

    build(resnets=2, conditions=conditions)
    up_and_down = [0] * 4 + [1] * 4 + [2] * 8 + [1] * 6 + [0] * 6
    assert listed == [Site(8, halvings) for halvings in up_and_down]


@pytest.mark.parametrize("form", ["vector", "map"])
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (8, 8)], ids=str)
def test_a_condition_reaches_every_block_and_the_outputs(form: Form, size: tuple[int, int]) -> None:
    net = build(form=form)
    x, h = torch.rand(2, 1, *size), given(form, 2, size).requires_grad_(True)
    net(x, h).square().sum().backward()
    assert len(net.conditions.maps) == len(blocks(net)) == 16
    assert all(linear.weight.grad.any() for linear in net.conditions.maps)
    assert h.grad is not None and h.grad.flatten(1).any(1).all()


def test_a_condition_is_added_to_both_halves_before_the_gate() -> None:
    """With leave = 0, a block gives x + h_a sigmoid(h_b)."""
    block = blocks(build())[0]
    nn.init.zeros_(block.leave.g), nn.init.zeros_(block.leave.b)
    x, h = torch.randn(2, 4, 3, 3), torch.randn(2, 8, 3, 3)
    assert torch.allclose(block(h, Map(x)).features, x + h[:, :4] * torch.sigmoid(h[:, 4:]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [(5, 7), (8, 8)], ids=str)
def test_a_map_may_be_read_ahead_and_the_image_still_not(size: tuple[int, int]) -> None:
    net, x, h = build(form="map"), torch.rand(1, 1, *size), given("map", 1, size)
    ahead = torch.autograd.functional.jacobian(lambda h: net(x, h), h, vectorize=True)[0, :, :, :, 0]
    assert (ahead != 0).any(0).any(2).flatten(2).flatten(0, 1).triu(1).any()
    assert not reads(net, x, h).triu().any()


# the cache


def stepped(net: PixelCNNpp, x: Tensor, h: Tensor) -> Tensor:
    """The stepper's outputs for an image that grows pixel by pixel; what is not drawn yet is not a number."""
    batch, _, height, width = x.shape
    growing, step, outputs = torch.full_like(x, torch.nan), net.stepper(h, (height, width)), []
    for i, j in itertools.product(range(height), range(width)):
        outputs.append(step(i, j, growing))
        growing[:, :, i, j] = x[:, :, i, j]
    return torch.stack(outputs, 2).view(batch, -1, height, width)


@every_size
@every_scale
@every_form
@pytest.mark.parametrize("channels", [1, 3])
def test_the_stepper_is_the_network(size: tuple[int, int], scales: int, form: Form, channels: int) -> None:
    net = build(channels, scales=scales, form=form)
    x, h = torch.rand(2, channels, *size), given(form, 2, size)
    assert (stepped(net, x, h) - net(x, h)).abs().max() < 1e-10


def test_the_stepper_is_the_network_on_32_by_32_pixels_whether_it_trains_or_not() -> None:
    net = build(3, resnets=2, form="map")
    x, h = torch.rand(1, 3, 32, 32), given("map", 1, (32, 32))
    parameters = net(x, h)
    assert parameters.std() > 0.1
    assert (stepped(net.train(), x, h) - parameters).abs().max() < 1e-10


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 0.5)])
def test_the_stepper_keeps_the_precision_of_the_network(dtype: torch.dtype, tolerance: float) -> None:
    net = build(2, form="map").to(dtype)
    x, h = torch.rand(2, 2, 4, 5).to(dtype), given("map", 2, (4, 5)).to(dtype)
    outputs = stepped(net, x, h)
    assert outputs.dtype == dtype and not outputs.requires_grad
    assert (outputs - net(x, h)).abs().max() < tolerance


# parameters, initialisation and training


@pytest.mark.parametrize(
    ("choices", "parameters"),
    [({}, 53_659_080), ({"filters": 64}, 8_610_504), ({"filters": 80, "resnets": 2}, 6_046_440)],
)
def test_numbers_of_parameters_of_the_paper(choices: dict[str, int], parameters: int) -> None:
    with torch.device("meta"):
        net = PixelCNNpp(3, 100, **choices)
    assert sum(parameter.numel() for parameter in net.parameters()) == parameters


def test_every_parameter_gets_a_gradient() -> None:
    net = build(3, resnets=2, form="vector")
    x = torch.rand(2, 3, 9, 8)
    net(x, given("vector", 2, (9, 8))).square().sum().backward()
    assert not [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]


def test_set_from_data_every_layer_has_mean_0_and_its_scale_on_that_batch() -> None:
    net, x = PixelCNNpp(3, 5, filters=6, resnets=2), torch.rand(8, 3, 16, 16)
    seen: dict[Normed, Tensor] = {}
    for layer in normed(net):
        layer.from_data = True
        layer.register_forward_hook(lambda layer, _, outputs: seen.update({layer: outputs}))
    parameters = net(x, unseen(x))
    assert set(seen) == set(normed(net)) and not any(layer.from_data for layer in seen)
    for layer, outputs in seen.items():
        deviation, mean = torch.std_mean(outputs, (0, 2, 3), correction=0)
        assert mean.abs().max() < 1e-10
        assert torch.allclose(deviation, torch.full_like(deviation, layer.scale), rtol=1e-10, atol=0)
    assert {layer.scale for layer in seen} == {1.0, 0.1}
    assert parameters.std(correction=0).item() == pytest.approx(1.0)
    before = [layer.g.clone() for layer in normed(net)]
    net(2 * x - 1, unseen(x))
    assert all(torch.equal(layer.g, g) for layer, g in zip(normed(net), before, strict=True))


def test_recomputed_gradients_are_the_same_with_dropout() -> None:
    def gradients(checkpoint: bool) -> list[Tensor]:
        torch.manual_seed(1)
        net = build(2, resnets=2, form="map", checkpoint=checkpoint).train()
        x, h = torch.rand(2, 2, 6, 5), given("map", 2, (6, 5))
        net(x, h).square().sum().backward()
        return [parameter.grad for parameter in net.parameters() if parameter.grad is not None]

    kept, recomputed = gradients(False), gradients(True)
    assert len(kept) == len(recomputed) > 100
    for a, b in zip(kept, recomputed, strict=True):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-10)


def test_recomputing_keeps_less_for_the_backward_pass() -> None:
    def kept(checkpoint: bool) -> int:
        net, x, sizes = build(resnets=2, checkpoint=checkpoint).train(), torch.rand(2, 1, 16, 16), []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            net(x, unseen(x))
        return sum(sizes)

    assert kept(True) < kept(False) / 3


def test_dropout_is_of_training_only_and_inside_every_block() -> None:
    net, x = build(1), torch.rand(2, 1, 8, 8)
    assert torch.equal(net(x, unseen(x)), net(x, unseen(x)))
    first, second = net.train()(x, unseen(x)), net(x, unseen(x))
    assert not torch.equal(first, second)
    for block in blocks(net):
        maps = [Map(torch.randn(1, 4, 3, 3)) for _ in range(1 + (block.aside.v.shape[1] // 8 if block.aside else 0))]
        assert not torch.equal(block(torch.zeros(1), *maps).features, block(torch.zeros(1), *maps).features)
    without = build(1, dropout=0.0).train()
    assert torch.equal(without(x, unseen(x)), without.eval()(x, unseen(x)))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_each_feature_with_its_probability_and_the_mean_of_all(rate: float) -> None:
    x = torch.ones(8, 6, 50, 50).contiguous(memory_format=torch.channels_last).requires_grad_(True)
    dropped = drop(x, rate)
    values = dropped.detach().unique()
    assert torch.allclose(values, torch.tensor([0.0, 1 / (1 - rate)]))
    kept = (dropped.detach() != 0).double()
    error = (rate * (1 - rate)) ** 0.5
    assert (kept.mean((0, 2, 3)) - (1 - rate)).abs().max() < 4 * error / 20000**0.5
    neighbours = (kept - (1 - rate))[..., :-1] * (kept - (1 - rate))[..., 1:]
    assert neighbours.mean().abs() < 4 * error**2 / neighbours.numel() ** 0.5
    dropped.sum().backward()
    assert torch.equal(x.grad, dropped.detach())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_dropout_is_of_every_floating_type(dtype: torch.dtype) -> None:
    dropped = drop(torch.full((10_001,), 3.0, dtype=dtype), 0.5)
    assert dropped.dtype == dtype and dropped.unique().tolist() == [0.0, 6.0]
    assert (dropped != 0).double().mean().item() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("rate", "kept"), [(1e-9, 1.0), (0.25, 0.75), (1 - 1e-9, 0.0)])
def test_bits_of_dropout_at_either_end(rate: float, kept: float) -> None:
    assert (drop(torch.ones(10_000), rate) != 0).double().mean().item() == pytest.approx(kept, abs=0.02)


def test_bits_of_dropout_do_not_repeat_within_the_numbers_they_come_from() -> None:
    """A word of 64 bits decides for 63 features, each in a part of its own."""
    kept = (drop(torch.ones(63 * 10_000), 0.5) != 0).double()[: 63 * 9_999].view(63, -1) - 0.5
    assert (4 * kept @ kept.T / kept.shape[1] - torch.eye(63)).abs().max() < 5 / kept.shape[1] ** 0.5
    torch.manual_seed(5)
    again = drop(torch.ones(1000), 0.5)
    torch.manual_seed(5)
    assert torch.equal(again, drop(torch.ones(1000), 0.5))


# the parts


def test_concat_elu() -> None:
    x = torch.randn(2, 3, 4, 5)
    assert torch.allclose(concat_elu(x), torch.cat([F.elu(x), F.elu(-x)], 1), rtol=0, atol=1e-12)


def test_gradients_of_concat_elu_and_of_weight_normalised_convolutions_are_derivatives() -> None:
    x = torch.randn(2, 3, 4, 5, requires_grad=True)
    assert torch.autograd.gradcheck(concat_elu, x)
    for layer in (Normed(3, 2, (2, 3), padding=(1, 1, 1, 0)), Normed(3, 2, (2, 2), stride=2, transposed=True)):
        parameters = dict(layer.named_parameters())
        assert torch.autograd.gradcheck(
            lambda x, *values, layer=layer, names=tuple(parameters): torch.func.functional_call(
                layer, dict(zip(names, values, strict=True)), (x,)
            ),
            (x, *parameters.values()),
        )


def test_weights_are_g_v_over_the_length_of_v_per_output() -> None:
    for transposed in (False, True):
        layer = Normed(3, 4, (2, 3), transposed=transposed)
        nn.init.normal_(layer.g)
        for output, g in enumerate(layer.g):
            w, v = ((t[:, output] if transposed else t[output]) for t in (layer.weight, layer.v))
            assert torch.allclose(w, g * v / v.square().sum().sqrt(), rtol=0, atol=1e-12)


def test_a_gate_halves_the_channels_whatever_their_order_in_memory() -> None:
    x = torch.randn(2, 6, 4, 5)
    a, b = x.chunk(2, 1)
    for features in (x, x.contiguous(memory_format=torch.channels_last)):
        assert torch.allclose(gate(features), a * torch.sigmoid(b), rtol=0, atol=1e-12)


def test_shifts_move_by_one_and_let_in_zeros() -> None:
    x = torch.arange(1.0, 7.0).view(1, 1, 2, 3)
    assert shift_down(x).tolist() == [[[[0, 0, 0], [1, 2, 3]]]]
    assert shift_right(x).tolist() == [[[[0, 1, 2], [0, 4, 5]]]]


def test_ones_tell_the_image_from_the_zeros_around_it() -> None:
    """A grey image and none at all, both 0 after scaling, differ."""
    image = padded(torch.full((1, 2, 2, 2), 0.5))
    assert image[0, :, 0, 0].tolist() == [0.0, 0.0, 1.0]
