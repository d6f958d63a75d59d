"""Laws of the wiring: what depends on what, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from safetensors.torch import load, save
from torch import Generator, Tensor, nn

from stratiform.core.conditional import ConditionalModel
from stratiform.core.hierarchy import from_prior, given
from stratiform.core.latent import Terms
from stratiform.core.model import LatentModel
from stratiform.evaluation.laws.case import Broken, Case, NotApplicable, near


def one_graph(case: Case) -> str:
    """The loss compiles to one graph without a break, the same graph for the next batch."""

    def loss(x: Tensor) -> Tensor:
        return -case.model(x).elbo().mean()

    torch.compiler.reset()
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    torch.manual_seed(0)
    ours = compiled(case.x)
    with torch._dynamo.config.patch(error_on_recompile=True):
        compiled(case.x.flip(0))
    torch.manual_seed(0)
    return near("losses compiled and not", ours.detach(), loss(case.x).detach(), 1e-9)


def every_parameter_learns(case: Case) -> str:
    """The ELBO, with an auxiliary observation where there is one, has a finite gradient in every parameter, not 0."""
    model = case.copy()
    _shake(model)
    parameters = dict(model.named_parameters())
    gradients = torch.autograd.grad(_loss(case, model), list(parameters.values()), allow_unused=True)
    for name, gradient in zip(parameters, gradients, strict=True):
        if gradient is None or not gradient.any():
            raise Broken(f"{name} gets no gradient: the bound does not depend on it")
        if not gradient.isfinite().all():
            raise Broken(f"{name} has a gradient that is not finite")
    return f"{len(gradients)} tensors of parameters"


def gradients_are_derivatives(case: Case) -> str:
    """Autograd's derivative along a direction equals the central difference, in every part: nothing is detached."""
    model, worst = case.copy(), 0.0
    _shake(model)
    for part in (model.hierarchy, model.posterior, model.decoder, getattr(model, "condition", None), model.auxiliary):
        parameters = [] if part is None else list(part.parameters())
        if not parameters:
            continue
        gradients = torch.autograd.grad(_loss(case, model), parameters)
        direction = [a + b for a, b in zip(_unit(gradients), _unit(_noise_like(parameters)), strict=True)]
        claimed = sum((g * d).sum() for g, d in zip(gradients, direction, strict=True))
        measured = _central_difference(case, model, parameters, direction)
        difference = abs(float(claimed) - measured) / max(abs(measured), 1e-3)
        if difference > 1e-4:
            raise Broken(f"autograd says {float(claimed):.6g}, the loss changes by {measured:.6g} along one direction")
        worst = max(worst, difference)
    return f"autograd and differences within {worst:.1g}"


def checkpointing_changes_nothing(case: Case) -> str:
    """Recomputing activations in the backward pass gives the same gradients: no pick keeps a state."""
    case.need_levels()
    model = case.copy()
    parameters = list(model.parameters())
    plain = torch.autograd.grad(_loss(case, model), parameters, allow_unused=True)
    model.hierarchy.checkpoint = True
    again = torch.autograd.grad(_loss(case, model), parameters, allow_unused=True)
    return near("gradients with and without", _flat(again), _flat(plain), 1e-10)


def rows_are_independent(case: Case) -> str:
    """Row i of every term depends on row i of x alone."""
    x = case.x.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(case.terms(x=x).elbo()[0], x)
    if gradient[1:].any():
        raise Broken("the first image's ELBO has a gradient in another image")
    others = torch.cat([case.x[:1], case.x[1:].flip(0, 2)])
    ours, theirs = _pieces(case.terms()), _pieces(case.terms(x=others))
    return near("the first image's terms in two batches", ours[:, 0], theirs[:, 0], 1e-9)


def same_seed_same_result(case: Case) -> str:
    """The same seed gives the same terms and the same picture, to the bit."""
    results = []
    for _ in range(2):
        torch.manual_seed(1)
        terms = case.model(case.x)
        results.append((_pieces(terms), case.picture()))
    return near("terms and pictures", _flat(results[0]), _flat(results[1]), 0.0)


def saved_is_loaded(case: Case) -> str:
    """The weights through safetensors and back into a model of other weights give the same terms, to the bit."""
    blob = save({name: tensor.contiguous() for name, tensor in case.model.state_dict().items()})
    other = case.copy()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.normal_()
    other.load_state_dict(load(blob))
    return near("terms saved and loaded", _pieces(case.terms(other)), _pieces(case.terms()), 0.0)


def generation_ignores_inference(case: Case) -> str:
    """With every parameter of the posterior NaN, samples are the same to the bit."""
    case.need_levels()
    blind = case.copy()
    with torch.no_grad():
        for parameter in blind.posterior.parameters():
            parameter.fill_(torch.nan)
    return near("samples without a posterior", case.picture(blind), case.picture(), 0.0)


def hidden_pixels_are_not_read(case: Case) -> str:
    """What is hidden, changed: the model that completes the image draws the same, to the bit."""
    model = case.model
    if not isinstance(model, ConditionalModel):
        raise NotApplicable("the model does not complete images")
    known = model.known(case.x)
    pictures = [
        model.decode(len(x), case.prior(), model.given(x, known)).sample(Generator().manual_seed(2))
        for x in (case.x, torch.where(known, case.x, 1.0 - case.x))
    ]
    return near("completions of two images that differ where they are hidden", *pictures, 0.0)


def generation_repeats_inference(case: Case) -> str:
    """The z that inference drew, handed to the generator level by level, give the same priors and the same image."""
    terms = case.terms()
    picked = given({level: latent.z for level, latent in enumerate(terms.latents)}, from_prior())
    f, latents = case.model.hierarchy.descend(len(case.x), picked, case.condition(len(case.x)))
    again = [latent.log_p() for latent in latents]
    before = [latent.log_p() for latent in terms.latents]
    if not isinstance(case.model, ConditionalModel):  # which scores what is hidden alone
        again, before = [*again, case.model.decoder(f).log_prob(case.x)], [*before, terms.log_px]
    return near("log p(z) and log p(x | z)", _flat(again), _flat(before), 1e-9)


def _loss(case: Case, model: LatentModel) -> Tensor:
    terms = case.terms(model)
    return -(terms.elbo() if terms.log_py is None else terms.elbo() + terms.log_py).mean()


def _pieces(terms: Terms) -> Tensor:
    """Everything in nats and every z, [pieces, B]."""
    per_row = [terms.log_px[:, None], terms.kls().T, terms.log_weight()[:, None]]
    per_row += [latent.z.flatten(1) for latent in terms.latents]
    return torch.cat(per_row, 1).detach().T


def _shake(model: nn.Module) -> None:
    """Moves every parameter a little: a layer that starts at zero hides nothing, no ReLU stands on its kink."""
    generator = Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype), alpha=1e-2)


def _central_difference(
    case: Case, model: LatentModel, parameters: list[nn.Parameter], direction: list[Tensor]
) -> float:
    losses, step = [], 1e-8  # small enough that hardly a ReLU turns over
    with torch.no_grad():
        for move in (step, -2.0 * step):
            for parameter, d in zip(parameters, direction, strict=True):
                parameter.add_(d, alpha=move)
            losses.append(_loss(case, model).item())
        for parameter, d in zip(parameters, direction, strict=True):
            parameter.add_(d, alpha=step)
    return (losses[0] - losses[1]) / (2.0 * step)


def _noise_like(tensors: list[nn.Parameter]) -> Iterator[Tensor]:
    generator = Generator().manual_seed(4)
    return (torch.randn(t.shape, generator=generator, dtype=t.dtype) for t in tensors)


def _unit(tensors: Iterator[Tensor] | tuple[Tensor, ...]) -> list[Tensor]:
    """Scaled together to length 1."""
    tensors = list(tensors)
    length = _flat(tensors).norm().clamp(min=1e-30)
    return [t / length for t in tensors]


def _flat(tensors: list[Tensor] | tuple[Tensor | None, ...]) -> Tensor:
    return torch.cat([t.detach().flatten() for t in tensors if t is not None])
