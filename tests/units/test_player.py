import copy
from functools import partial

import pytest
import torch

from stratiform.data.source import load
from stratiform.errors import UserError
from stratiform.models import MODELS
from stratiform.models.pixelcnn import PixelCNN
from stratiform.objective import Sleep
from stratiform.training.guard import ENOUGH
from stratiform.training.player import RULES, ActivePlayer, NonFinite, own_samples
from stratiform.training.recipe import Optimiser, Player
from tiny import tiny

BETA = torch.tensor(1.0)


def setting(player: Player | None = None, training: dict | None = None, **fields: object):
    """A player at work, and the images it moves on."""
    recipe = tiny(training, **fields)
    data = load(recipe.data)
    torch.manual_seed(0)
    active = ActivePlayer(player or Player(), recipe, recipe.model.build(data.spec))
    active.claim()
    return active, data.train.rows(range(8)) / (data.grid - 1)


@pytest.mark.parametrize("name", RULES)
def test_the_moments_put_in_place_are_those_torch_would_make(name: str):
    active, x = setting(optimiser=Optimiser(name=name, weight_decay=0.01))
    model = copy.deepcopy(active.part)
    plain = RULES[name](model.parameters(), lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    for step in range(5):
        torch.manual_seed(step)
        active.move(x, BETA, 1e-2)
        torch.manual_seed(step)
        loss = -model(x).elbo().mean()
        plain.zero_grad()
        loss.backward()
        plain.step()
    for ours, theirs in zip(active.part.parameters(), model.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)
    state = plain.state[next(model.parameters())]
    assert active.optimiser.state[next(active.part.parameters())].keys() == state.keys()


def test_it_moves_in_float64_too(float64: None):
    active, x = setting()
    assert active.move(x.double(), BETA.double(), 1e-2).taken
    assert all(parameter.dtype == torch.float64 for parameter in active.trained.values())


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_a_batch_in_parts_is_the_same_step(float64: None, parts: int):
    """Of a model without noise: the gradient is that of the whole batch, also where the parts are unequal."""
    moved = []
    for accumulate in (1, parts):
        active, x = setting(training={"accumulate": accumulate}, model=PixelCNN(width=4, blocks=1, kernel=3))
        move = active.move(x.double(), BETA.double(), 1e-2)
        moved.append((move.norm, active.means()["loss"], [p.detach().clone() for p in active.trained.values()]))
    (norm, loss, weights), (norm_in_parts, loss_in_parts, weights_in_parts) = moved
    assert norm_in_parts == pytest.approx(norm) and loss_in_parts == pytest.approx(loss)
    assert all(torch.allclose(a, b) for a, b in zip(weights, weights_in_parts, strict=True))


def test_a_player_of_phi_leaves_theta_bit_equal():
    active, x = setting(Player(trains=("posterior.",), data="own samples"))
    before = copy.deepcopy(active.part.state_dict())
    for step in range(3):
        torch.manual_seed(step)
        assert active.move(x, BETA, 1e-2).taken
    after = active.part.state_dict()
    for name, value in before.items():
        assert torch.equal(value, after[name]) != name.startswith("posterior."), name


def moved_by(player: Player, **fields: object) -> list[str]:
    """The names of what changes, bit for bit, when it moves after the model's own player has."""
    recipe = tiny(**fields)
    data = load(recipe.data)
    torch.manual_seed(0)
    model = recipe.model.build(data.spec)
    first, second = ActivePlayer(Player(), recipe, model), ActivePlayer(player, recipe, model)
    x = data.train.rows(range(8)) / (data.grid - 1)
    first.claim()
    first.move(x, BETA, 1e-2)
    before = copy.deepcopy(model.state_dict()), copy.deepcopy(first.tensors())
    second.claim()
    second.move(x, BETA, 1e-2)
    assert second.optimiser is not first.optimiser
    assert {name.split("/")[1] for name in second.tensors() if name.startswith("moments/")} == set(second.trained)
    assert all(torch.equal(value, first.tensors()[name]) for name, value in before[1].items())
    return [name for name, value in model.state_dict().items() if not torch.equal(value, before[0][name])]


@pytest.mark.parametrize(
    "player",
    [Player(trains=("posterior",), data="own samples"), Player(trains=("posterior",), objective=Sleep())],
    ids=["Eq. 13", "its mirror"],
)
@pytest.mark.parametrize("name", ["vlae", "lvae", "hvae"])
def test_an_inference_only_step_leaves_the_generator_and_the_other_optimiser_bit_equal(player: Player, name: str):
    """Also where q reads the states of the generator (lvae), and where the model draws against the walk (hvae)."""
    moved = moved_by(player, model=MODELS[name](latents=(2, 1)))
    assert moved and all(changed.startswith("posterior.") for changed in moved)


def test_sleep_moves_in_a_compiled_step():
    torch._dynamo.reset()
    active, x = setting(Player(trains=("posterior",), objective=Sleep()))
    compiled = torch.compile(active.step, backend="eager")
    losses = []
    for step in (active.step, compiled):
        torch.manual_seed(0)
        losses.append(step(x, BETA)[0])
    assert torch.allclose(*losses)


def test_own_samples_are_images_of_the_data_and_need_no_gradient():
    active, x = setting()
    images = own_samples(active.part, 5)
    assert images.shape == (5, *x.shape[1:])
    assert not images.requires_grad
    assert active.part.training
    assert torch.equal((images * 16).round() / 16, images)


def test_a_long_gradient_is_shortened_in_its_own_direction():
    free, x = setting()
    clipped, _ = setting(training={"clip": 0.5})
    for active in (free, clipped):
        torch.manual_seed(0)
        norm = active.move(x, BETA, 1e-2).norm
        assert norm > 0.5
    for a, b in zip(free.trained.values(), clipped.trained.values(), strict=True):
        assert torch.allclose(a.grad * 0.5 / norm, b.grad, atol=1e-6)


def test_a_spike_moves_nothing_and_is_told():
    active, x = setting()
    for step in range(ENOUGH):
        torch.manual_seed(step)
        assert active.move(x, BETA, 1e-3).taken
    before = copy.deepcopy(active.tensors()), copy.deepcopy(active.part.state_dict())
    move = active.move(x, torch.tensor(1e6), 1e-3)
    assert not move.taken
    assert move.norm > move.limit
    assert active.guard.skipped == 1
    assert all(torch.equal(value, active.part.state_dict()[name]) for name, value in before[1].items())
    moments = [name for name in before[0] if name.startswith("moments/")]
    assert all(torch.equal(before[0][name], active.tensors()[name]) for name in moments)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_number_that_is_not_finite_moves_nothing_and_stops(value: float):
    active, x = setting()
    before = copy.deepcopy(active.part.state_dict())
    with pytest.raises(NonFinite) as broken:
        active.move(x, torch.tensor(value), 1e-2)
    assert set(broken.value.record) == {"loss", "elbo", "log_px", "kl"}
    assert torch.equal(broken.value.x, x)
    assert all(torch.equal(before[name], now) for name, now in active.part.state_dict().items())


def test_means_are_over_the_steps_since_they_were_asked():
    active, x = setting()
    losses = []
    for step in range(3):
        torch.manual_seed(step)
        losses.append(-active.part(x).elbo().mean().item())
        torch.manual_seed(step)
        active.move(x, BETA, 1e-2)
    assert active.means()["loss"] == pytest.approx(sum(losses) / 3, rel=1e-5)
    active.move(x, BETA, 1e-2)
    means = active.means()
    assert means["elbo"] == pytest.approx(means["log_px"] - sum(means["kl"]), rel=1e-5)


def test_bfloat16_is_for_networks_densities_stay_float32():
    active, x = setting(training={"precision": "bfloat16"})
    kinds = {}

    def spy(module, inputs, output):
        kinds["network"] = output.dtype

    linear = next(module for module in active.part.modules() if isinstance(module, torch.nn.Linear))
    linear.register_forward_hook(spy)
    loss, _ = active.step(x, BETA)
    with active.autocast:
        approximate, record = active.step(x, BETA)
    assert kinds["network"] == torch.bfloat16
    assert approximate.dtype == record["log_px"].dtype == record["kl"].dtype == torch.float32
    assert approximate.item() == pytest.approx(loss.item(), rel=0.1)
    assert active.move(x, BETA, 1e-2).taken
    assert all(parameter.dtype == torch.float32 for parameter in active.trained.values())


def test_compiling_gives_the_same_step(monkeypatch: pytest.MonkeyPatch):
    compiler = torch.compile
    monkeypatch.setattr(torch, "compile", partial(compiler, backend="aot_eager", fullgraph=True))
    torch._dynamo.reset()
    plain, x = setting()
    compiled, _ = setting(training={"compile": True})
    for step, size in enumerate((8, 8, 4)):
        for active in (plain, compiled):
            torch.manual_seed(step)
            active.move(x[:size], BETA, 1e-2)
    assert compiled.step is not plain.step
    for a, b in zip(plain.trained.values(), compiled.trained.values(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


@pytest.mark.parametrize(
    ("player", "said"),
    [
        (Player(trains=("posteriors",)), "no parameter begins with 'posteriors'; the nearest is posterior"),
        (Player(part="vae"), "the model has no part 'vae'; give one of model"),
        (Player(objective=Sleep()), "sleep trains the posterior alone"),
        (Player(objective=Sleep(), trains=("posterior", "decoder")), "sleep trains the posterior alone"),
    ],
)
def test_names_that_do_not_exist_are_refused(player: Player, said: str):
    with pytest.raises(UserError, match=said):
        setting(player)
