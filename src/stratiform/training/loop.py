"""The plain loop: the same weights and the same log, whenever and however often it is stopped.

Batches and random numbers are functions of (seed, step); no generator has a state that would have to be saved.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

from stratiform.data.batches import Batches, in_order, mix
from stratiform.data.source import load
from stratiform.data.split import Data
from stratiform.errors import Failed, UserError
from stratiform.evaluation.bound import bits_of, evaluate
from stratiform.training.events import Began, Finished, Logged, Scored, Skipped, Watch, unwatched
from stratiform.training.log import Log
from stratiform.training.player import NonFinite
from stratiform.training.recipe import Recipe, Training
from stratiform.training.run import Run
from stratiform.training.starts import audition
from stratiform.training.state import TrainState
from stratiform.training.tensors import write_tensors


def train(recipe: Recipe, run: Run, watch: Watch = unwatched, data: Data | None = None) -> None:
    """Trains the recipe's model into the run's folder, or goes on where that run stopped.

    Args:
        data: images that are in memory already; None: what the recipe names.

    While it works the process is its own: torch's threads are set to `recipe.training.threads`, torch's generator is
    seeded before each step; both are put back.

    Raises:
        UserError: data, model and recipe do not fit each other, or the saved state is damaged; nothing was written.
        Failed: a full disk, or a number that is not finite; the last saved state is intact.
    """
    data = load(recipe.data) if data is None else data
    if not len(data.test):
        raise UserError(f"{recipe.data.source} has no image left to test on; give a source of two images or more")
    with _owned(recipe.training) as device:
        _train(recipe, run, recipe.training.steps, data=data, device=device, watch=watch)


def _train(recipe: Recipe, run: Run, until: int, *, data: Data, device: torch.device, watch: Watch) -> None:
    """Up to the step `until`; of several starts, the best."""
    seed_step(device, mix(recipe.training.seed))
    state = TrainState(recipe, recipe.model.build(data.spec).to(device))
    if run.state.exists():
        state.restore(run.state)
    run.begin(data)
    with run.alone():
        if run.state.exists() and not run.weights.exists():
            run.write_weights(state.average, state.step)
        if recipe.training.starts > 1 and not run.state.exists():
            watch(audition(recipe, run, data, partial(_train, data=data, device=device, watch=watch)))
            state.restore(run.state)
        _Session(run, data, state, device, watch, until).go()


def seed_step(device: torch.device, seed: int) -> None:
    """torch.manual_seed for one device; the general one asks every back end, for a tenth of a millisecond."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


@contextmanager
def _owned(training: Training) -> Iterator[torch.device]:
    """The device, with torch's threads as the recipe wants them; threads and generators are put back afterwards."""
    device, threads = find_device(training.device), torch.get_num_threads()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.set_num_threads(training.threads or threads)
        try:
            yield device
        finally:
            torch.set_num_threads(threads)


def find_device(name: str) -> torch.device:
    """The device of this name; "auto" is a GPU if there is one.

    Raises:
        UserError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"training.device {name!r} is not here; give auto, cpu or cuda") from error
    return device


class _Session:
    """One process's part of a run."""

    def __init__(
        self, run: Run, data: Data, state: TrainState, device: torch.device, watch: Watch, until: int
    ) -> None:
        self.run, self.data, self.state, self.device, self.watch = run, data, state, device, watch
        self.until = until  # the last step to take now
        self.recipe, self.training = state.recipe, state.recipe.training
        self.log, self.timing = Log(run.log, state.step), Log(run.timing, self.training.steps)
        self.first, self.began = state.step, time.perf_counter()
        self.saved = self.began

    def go(self) -> None:
        """All steps that are left up to that one."""
        steps, until, ends, state = self.training.steps, self.until, self.recipe.stage_ends(), self.state
        parameters = sum(parameter.numel() for parameter in state.model.parameters())
        self.watch(Began(self.run.path, state.step, steps, parameters, self.data.notes))
        batches = Batches(self.data, self.training.batch, seed=state.seed, device=self.device)
        if state.step == 0:
            seed_step(self.device, mix(state.seed))
            state.initialise(batches.at(0))
        state.model.train()
        while state.step < until:
            seed_step(self.device, mix(state.seed, state.step, 0))
            self._move_all(batches.at(state.step))
            state.step += 1
            state.follow()
            if state.step % self.training.log_every == 0 or state.step in (*ends, until):
                self._log()
            if state.step % self.training.evaluate_every == 0 or state.step == steps:
                self._test()
            if state.step in ends[:-1]:
                state.enter_stage()
            self._save_if_due()
        self.watch(Finished(self.run.path, until, self._seconds()))

    def _move_all(self, x: Tensor) -> None:
        """One move of every player."""
        beta, at = torch.tensor(self._beta(self.state.step), device=self.device), self._place()
        for player in self.state.players:
            if not player.player.moves(*at):
                continue
            if len(self.state.players) > 1:
                player.claim()
            try:
                move = player.move(x, beta, player.rule.rate(*at), player.rule.momentum(*at))
            except NonFinite as broken:
                raise self._stopped(broken) from broken
            if not move.taken:
                self.watch(Skipped(self.state.step + 1, move.norm, move.limit))

    def _beta(self, step: int) -> float:
        return self.recipe.beta.at(step, self.training.steps)

    def _place(self, back: int = 0) -> tuple[int, int]:
        """The next step, or so many steps before it, within its stage, and the steps of that stage."""
        begin, end = self.state.span
        return self.state.step - back - begin, end - begin

    def _log(self) -> None:
        """The means since the last line, of the first player; of those others that moved their loss and gradient."""
        step, (first, *others) = self.state.step, self.state.players
        mean = first.means()
        grid = self.data.grid if self.recipe.data.dequantise else None
        line = {
            "step": step,
            "loss": mean["loss"],
            "elbo": mean["elbo"],
            "bits_per_dim": bits_of(first.part, mean["elbo"], self.data.spec, grid),
            "kl": mean["kl"],
            "beta": self._beta(step - 1),
            "lr": first.rule.rate(*self._place(back=1)),
            "grad_norm": mean["grad_norm"],
            "skipped": sum(player.guard.skipped for player in self.state.players),
        }
        means = [player.means() for player in others if player.count]
        if means:
            line["others"] = [{name: mean[name] for name in ("loss", "elbo", "grad_norm")} for mean in means]
        self.log.write(line)
        seconds = self._seconds()
        self.timing.write({"step": step, "seconds": round(seconds, 3), "from_step": self.first})
        left = seconds / (step - self.first) * (self.until - step)
        self.watch(Logged(line, seconds, left))

    def _test(self) -> None:
        """Scores the first test images with the averaged weights, at beta = 1, one draw of z each."""
        images = in_order(self.data, "test", limit=self.training.evaluate_images, device=self.device)
        grid = self.data.grid if self.recipe.data.dequantise else None
        found = evaluate(self.state.average, self.data.spec, images, samples=1, seed=self.state.seed, grid=grid)
        test = {
            "images": found.images,
            "elbo": found.elbo,
            "elbo_stderr": found.elbo_stderr,
            "bits_per_dim": found.bits_per_dim,
            "kl": [level.kl for level in found.levels],
            "active_units": [level.active_units for level in found.levels],
        }
        self.log.write({"step": self.state.step, "test": test})
        self.watch(Scored(self.state.step, test))

    def _save_if_due(self) -> None:
        """Log, weights, state, in this order: whoever finds the state finds what belongs to it."""
        step, now = self.state.step, time.perf_counter()
        at_step = step % self.training.save_every == 0 or step == self.until
        if at_step or now - self.saved >= self.training.save_seconds:
            self.log.sync()
            self.run.write_weights(self.state.average, step)
            self.state.save(self.run.state)
            self.saved = now

    def _stopped(self, broken: NonFinite) -> Failed:
        """Keeps state and batch, and says what was not finite."""
        step, path = self.state.step + 1, self.run.nonfinite
        terms = {name: value.tolist() for name, value in broken.record.items()}
        notes = {"step": str(step), "terms": json.dumps(terms)}
        write_tensors(path, self.state.tensors() | {"batch": broken.x}, notes)
        kl = ", ".join(f"{value:.4g}" for value in terms["kl"])
        return Failed(
            f"step {step}: loss {terms['loss']:.4g}, log p(x|z) {terms['log_px']:.4g}, KL of levels 1 to L "
            f"{kl or 'none'}, gradient norm {broken.norm:.4g}; state and batch are in {path}; "
            "try a smaller --optimiser.lr or --training.clip 100"
        )

    def _seconds(self) -> float:
        return time.perf_counter() - self.began
