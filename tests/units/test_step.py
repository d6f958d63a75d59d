import torch

from stratiform.core.latent import Terms
from stratiform.data.source import load
from stratiform.objective import ELBO, IWAE
from stratiform.training.step import TrainingStep, corrupt
from tiny import tiny


def model_and_images():
    recipe = tiny()
    data = load(recipe.data)
    torch.manual_seed(0)
    return recipe.model.build(data.spec), data.train.rows(range(4)) / (data.grid - 1)


def test_the_loss_is_minus_the_elbo_at_beta_1_and_its_parts_add_up():
    model, x = model_and_images()
    loss, record = TrainingStep(model, ELBO())(x, torch.tensor(1.0))
    assert torch.allclose(loss, -record["elbo"])
    assert torch.allclose(record["elbo"], record["log_px"] - record["kl"].sum())
    assert record["kl"].shape == (2,)
    assert not any(value.requires_grad for value in record.values())


def test_beta_weighs_the_kl_and_not_the_record():
    model, x = model_and_images()
    losses, records = [], []
    for beta in (0.0, 0.5):
        torch.manual_seed(1)
        loss, record = TrainingStep(model, ELBO())(x, torch.tensor(beta))
        losses.append(loss)
        records.append(record)
    assert torch.allclose(losses[1] - losses[0], 0.5 * records[0]["kl"].sum(), rtol=1e-4)
    assert torch.equal(records[0]["elbo"], records[1]["elbo"])


def test_images_are_repeated_side_by_side_as_the_objective_asks():
    seen = {}

    class Spy(torch.nn.Module):
        def forward(self, x, given):
            seen["x"] = x
            return Terms(x.flatten(1).sum(1), ())

    x = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1)
    loss, record = TrainingStep(Spy(), IWAE(samples=3))(x, torch.tensor(1.0))
    assert seen["x"].flatten().tolist() == [1, 1, 1, 2, 2, 2]
    assert loss == -1.5
    assert record["kl"].shape == (0,)


def test_denoising_corrupts_what_inference_sees_and_not_what_is_scored():
    x = torch.full((200, 1, 10, 10), 0.5)
    torch.manual_seed(0)
    noisy = corrupt(x)
    assert noisy.min() >= 0
    assert noisy.max() <= 1
    dropped, raised = (noisy < 0.25).float().mean(), (noisy > 0.75).float().mean()
    assert 0.08 < dropped < 0.11
    assert 0.09 < raised < 0.13

    given = {}

    class Spy(torch.nn.Module):
        def forward(self, x, seen):
            given.update(x=x, seen=seen)
            return Terms(x.flatten(1).sum(1), ())

    TrainingStep(Spy(), ELBO(), denoise=True)(x, torch.tensor(1.0))
    assert torch.equal(given["x"], x)
    assert not torch.equal(given["seen"], x)
    TrainingStep(Spy(), ELBO())(x, torch.tensor(1.0))
    assert given["seen"] is None


def test_one_graph_without_a_break():
    model, x = model_and_images()
    torch._dynamo.reset()
    step = torch.compile(TrainingStep(model, ELBO(), denoise=True), backend="eager", fullgraph=True)
    for beta in (0.1, 0.2, 0.3):
        torch.manual_seed(0)
        loss, _ = step(x, torch.tensor(beta))
        torch.manual_seed(0)
        assert torch.allclose(loss, TrainingStep(model, ELBO(), denoise=True)(x, torch.tensor(beta))[0])
