"""The plain loop: the same weights and the same log, whenever and however often it is stopped.

Batches and random numbers are functions of (seed, step); no generator has a state that would have to be saved.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor

from stratiform.core.model import LatentModel
from stratiform.data.batches import Ahead, Batches, in_order, mix
from stratiform.data.source import load
from stratiform.data.split import Data
from stratiform.errors import Failed, Unsaid, UserError
from stratiform.evaluation.bound import bits_of, evaluate
from stratiform.training.events import Began, Finished, Logged, Scored, Skipped, Watch, unwatched
from stratiform.training.log import Log
from stratiform.training.parallel import check_shares
from stratiform.training.player import NonFinite
from stratiform.training.processes import Processes, joined
from stratiform.training.recipe import Recipe, Training
from stratiform.training.run import Run
from stratiform.training.starts import audition
from stratiform.training.state import TrainState
from stratiform.training.tensors import write_tensors


def train(recipe: Recipe, run: Run, watch: Watch = unwatched, data: Data | None = None) -> None:
    """Trains the recipe's model into the run's folder, or goes on where that run stopped.

    Started by torchrun, the processes do it together: each has its share of every batch, the first alone writes.

    Args:
        data: images that are in memory already, for this process by itself; None: what the recipe names.

    While it works the process is its own: torch's threads are set to `recipe.training.threads`, its default type is
    the recipe's, its generator is seeded before each step; all are put back.

    Raises:
        UserError: data, model and recipe do not fit each other, or the saved state is damaged; nothing was written.
        Failed: a full disk, a number that is not finite, another process that ended; the last saved state is intact.
    """
    with owned(recipe.training, by_itself=data is not None) as processes, processes.as_one(run.path):
        with processes.agreed():
            check_shares(recipe, processes.world)
        data = processes.in_turn(partial(load, recipe.data)) if data is None else data
        if not len(data.test):
            raise UserError(f"{recipe.data.source} has no image left to test on; give a source of two images or more")
        watch = watch if processes.first else unwatched
        _train(recipe, run, recipe.training.steps, data=data, processes=processes, watch=watch)


def _train(recipe: Recipe, run: Run, until: int, *, data: Data, processes: Processes, watch: Watch) -> None:
    """Up to the step `until`; of several starts, the best."""
    with processes.agreed():
        begun = run.state.exists()
        state = starting_state(recipe, data, processes.device, fresh=not begun and recipe.training.starts == 1)
    processes.same(int(begun), f"{run.state} is not seen by all processes; give a --run on a disk that all share")
    state.spread(processes)
    if begun:
        with processes.agreed():
            state.restore(run.state)
    with _held(run, data, processes):
        session = partial(_Session, run, data, state, processes, watch, until)
        if begun and processes.told(int(not run.weights.exists())):
            session().write_weights()
        if recipe.training.starts > 1 and not begun:
            again = partial(_train, data=data, processes=processes, watch=watch)
            watch(audition(recipe, run, data, again, processes))
            state.restore(run.state)
        session().go()


def starting_state(recipe: Recipe, data: Data, device: torch.device, fresh: bool) -> TrainState:
    """What training starts from; `fresh`: with all that is taken from the first batch."""
    seed_step(device, mix(recipe.training.seed))
    state = TrainState(recipe, recipe.model.build(data.spec).to(device))
    if fresh:
        batches = Batches(data, recipe.training.batch, seed=state.seed, device=device)
        seed_step(device, mix(state.seed))
        state.initialise(batches.at(0).to(torch.get_default_dtype()))
    return state


@contextmanager
def _held(run: Run, data: Data, processes: Processes) -> Iterator[None]:
    """The run's folder, begun and locked by the first process."""
    with ExitStack() as held:
        with processes.agreed():
            if processes.first:
                run.begin(data)
                held.enter_context(run.alone())
        yield


def seed_step(device: torch.device, seed: int) -> None:
    """torch.manual_seed for one device; the general one asks every back end, for a tenth of a millisecond."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


@contextmanager
def owned(training: Training, by_itself: bool) -> Iterator[Processes]:
    """The processes, with torch's threads and default type as the recipe wants them; all is put back afterwards."""
    threads, kind = torch.get_num_threads(), torch.get_default_dtype()
    group = nullcontext(Processes(find_device(training.device))) if by_itself else joined(training.device, find_device)
    with group as processes:
        device = processes.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.set_num_threads(training.threads or threads)
            torch.set_default_dtype(torch.float64 if training.precision == "float64" else kind)
            try:
                yield processes
            finally:
                torch.set_num_threads(threads)
                torch.set_default_dtype(kind)


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
        self, run: Run, data: Data, state: TrainState, processes: Processes, watch: Watch, until: int
    ) -> None:
        self.run, self.data, self.state, self.processes, self.watch = run, data, state, processes, watch
        self.device = processes.device
        self.until = until  # the last step to take now
        self.recipe, self.training = state.recipe, state.recipe.training
        if processes.first:
            self.log, self.timing = Log(run.log, state.step), Log(run.timing, self.training.steps)
        self.first, self.began = state.step, time.perf_counter()
        self.saved = self.began

    def go(self) -> None:
        """All steps that are left up to that one."""
        steps, until, ends, state = self.training.steps, self.until, self.recipe.stage_ends(), self.state
        parameters = sum(parameter.numel() for parameter in state.model.parameters())
        self.watch(Began(self.run.path, state.step, steps, parameters, self.data.notes))
        share = {"rank": self.processes.rank, "world": self.processes.world, "parts": self.training.accumulate}
        batches = Batches(self.data, self.training.batch, seed=state.seed, device=self.device, **share)
        state.model.train()
        with Ahead(batches, until) as ahead:
            while state.step < until:
                self._seed()
                self._move_all(ahead.at(state.step).to(torch.get_default_dtype()))
                state.step += 1
                state.follow()
                logs = state.step % self.training.log_every == 0 or state.step in (*ends, until)
                if logs:
                    self._log()
                if state.step % self.training.evaluate_every == 0 or state.step == steps:
                    self._test()
                if state.step in ends[:-1]:
                    state.enter_stage()
                self._save_if_due(logs)
        self.watch(Finished(self.run.path, until, self._seconds()))

    def _seed(self) -> None:
        """Seeds the step: alike in all processes, which take their rows; a compiled step cannot, it has its own."""
        own = (self.processes.rank,) if self.training.compile and not self.processes.first else ()
        seed_step(self.device, mix(self.state.seed, self.state.step, 0, *own))

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
        seconds = self._seconds()
        with self.processes.agreed():
            if self.processes.first:
                self.log.write(line)
                self.timing.write({"step": step, "seconds": round(seconds, 3), "from_step": self.first})
        left = seconds / (step - self.first) * (self.until - step)
        self.watch(Logged(line, seconds, left))

    def _test(self) -> None:
        """Scores the first test images with the averaged weights, at beta = 1, one draw of z each."""
        average = self.state.averaged()
        with self.processes.agreed():
            if self.processes.first:
                self._score(average)

    def _score(self, average: LatentModel) -> None:
        shown = in_order(self.data, "test", limit=self.training.evaluate_images, device=self.device)
        images = (x.to(torch.get_default_dtype()) for x in shown)
        grid = self.data.grid if self.recipe.data.dequantise else None
        found = evaluate(average, self.data.spec, images, samples=1, seed=self.state.seed, grid=grid)
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

    def _save_if_due(self, logged: bool) -> None:
        """Log, weights, state, in this order: whoever finds the state finds what belongs to it.

        Several processes ask for the time only where they meet for the log; the first one's clock decides.
        """
        step, now = self.state.step, time.perf_counter()
        at_step = step % self.training.save_every == 0 or step == self.until
        late = now - self.saved >= self.training.save_seconds
        if self.processes.world > 1:
            late = logged and not at_step and bool(self.processes.told(int(late)))
        if at_step or late:
            if self.processes.first:
                self.log.sync()
            self.write_weights()
            tensors = self.state.whole()
            with self.processes.agreed():
                if self.processes.first:
                    self.state.save(self.run.state, tensors)
            self.saved = now

    def write_weights(self) -> None:
        """Replaces the weights for use."""
        average = self.state.averaged()
        with self.processes.agreed():
            if self.processes.first:
                single = copy.deepcopy(average).float() if self.training.precision == "float64" else average
                self.run.write_weights(single, self.state.step)

    def _stopped(self, broken: NonFinite) -> Failed:
        """Keeps state and batch, and says what was not finite."""
        tensors = self.state.whole()
        if not self.processes.first:
            return Unsaid()
        step, path = self.state.step + 1, self.run.nonfinite
        terms = {name: value.tolist() for name, value in broken.record.items()}
        notes = {"step": str(step), "terms": json.dumps(terms)}
        write_tensors(path, tensors | {"batch": broken.x}, notes)
        kl = ", ".join(f"{value:.4g}" for value in terms["kl"])
        return Failed(
            f"step {step}: loss {terms['loss']:.4g}, log p(x|z) {terms['log_px']:.4g}, KL of levels 1 to L "
            f"{kl or 'none'}, gradient norm {broken.norm:.4g}; state and batch are in {path}; "
            "try a smaller --optimiser.lr or --training.clip 100"
        )

    def _seconds(self) -> float:
        return time.perf_counter() - self.began
