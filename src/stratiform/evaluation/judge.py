"""The judge: a small network that reads the label and the source's own attributes off an image.

It says what generated images show. It is trained on the training split, in less than a minute on two cores, and tried
on the test split; a number that it cannot read there is not judged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from scipy.special import softmax
from torch import Tensor, nn

from stratiform.data.split import Data, Split
from stratiform.evaluation.factors import Factor, of_source
from stratiform.evaluation.probe import r_squared
from stratiform.files import atomic

STEPS, BATCH, RATE = 1000, 128, 2e-3
READABLE = 0.5  # R^2 on the test split from which on a number is judged
TRIED = 10_000  # test images at most


@dataclass(frozen=True, kw_only=True)
class Task:
    """What one head answers: scores of `classes`, or points (`Factor.points`) in units of `scale` around `shift`."""

    name: str
    classes: list[int]  # none: a number or an angle
    shift: list[float]
    scale: list[float]

    @classmethod
    def of(cls, factor: Factor) -> Task:
        if factor.kind == "class":
            return cls(name=factor.name, classes=np.unique(factor.values).tolist(), shift=[], scale=[])
        points = factor.points()[factor.known]
        return cls(name=factor.name, classes=[], shift=points.mean(0).tolist(), scale=points.std(0).tolist())

    @property
    def outputs(self) -> int:
        return len(self.classes or self.shift)

    def target(self, factor: Factor) -> Tensor:
        """Class indices [N], or standardised points [N, d], NaN where unknown."""
        if self.classes:
            return torch.from_numpy(np.searchsorted(self.classes, factor.values))
        return torch.from_numpy((factor.points() - self.shift) / self.scale).float()

    def loss(self, raw: Tensor, target: Tensor) -> Tensor:
        if self.classes:
            return F.cross_entropy(raw, target)
        return torch.where(target.isnan(), 0.0, raw - target.nan_to_num()).square().mean()

    def verdict(self, raw: np.ndarray) -> np.ndarray:
        """[N, outputs] -> classes [N], or points [N, d]."""
        return np.array(self.classes)[raw.argmax(1)] if self.classes else raw * self.scale + self.shift

    def skill(self, raw: np.ndarray, factor: Factor) -> float | None:
        """Accuracy, or R^2, of the verdicts."""
        if self.classes:
            return float((self.verdict(raw) == factor.values).mean())
        return r_squared(factor.points()[factor.known], self.verdict(raw)[factor.known])[0]


class Network(nn.Module):
    """Strided convolutions down to 7 x 7 or less, one dense layer, one head per task."""

    def __init__(self, shape: tuple[int, int, int], tasks: list[Task]) -> None:
        super().__init__()
        channels, height, width = shape
        layers: list[nn.Module] = []
        out, kernel = 32, 5
        while not layers or max(height, width) > 7:
            layers += [nn.Conv2d(channels, out, kernel, 2, kernel // 2), nn.ReLU()]
            channels, out, kernel = out, min(2 * out, 128), 3
            height, width = -(-height // 2), -(-width // 2)
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * height * width, 128), nn.ReLU())
        self.heads = nn.ModuleList(nn.Linear(128, task.outputs) for task in tasks)

    def forward(self, x: Tensor) -> list[Tensor]:
        features = self.body(x)
        return [head(features) for head in self.heads]


@dataclass(frozen=True, kw_only=True)
class Judge:
    """A trained judge, and how well it reads each factor of the test split: accuracy or R^2, None for a constant."""

    network: Network
    tasks: list[Task]
    skill: Mapping[str, float | None]

    def readable(self, name: str) -> bool:
        """Every class is judged, a number only where R^2 >= READABLE."""
        classes = next(task.classes for task in self.tasks if task.name == name)
        return bool(classes) or (self.skill[name] or 0.0) >= READABLE

    def read(self, images: Tensor) -> dict[str, np.ndarray]:
        """Images [N, C, H, W] in [0, 1] -> per factor classes [N], or points [N, d]."""
        return {t.name: t.verdict(raw) for t, raw in zip(self.tasks, _raw(self.network, images), strict=True)}

    def chances(self, images: Tensor, name: str) -> np.ndarray | None:
        """p(class | image) of one factor, [N, classes]; None where it is not among the classes that are judged."""
        for task, raw in zip(self.tasks, _raw(self.network, images), strict=True):
            if task.name == name and task.classes:
                return softmax(raw, 1)
        return None

    @torch.no_grad()
    def features(self, images: Tensor) -> np.ndarray:
        """The network's last hidden layer, float64 [N, 128]."""
        return torch.cat([self.network.body(chunk.float().cpu()) for chunk in images.split(500)]).double().numpy()


def judge_of(data: Data, file: Path | None = None, *, seed: int = 0) -> Judge | None:
    """The judge of this set: read from `file`, else trained and kept there; None where there is nothing to read."""
    factors = [factor for factor in of_source(data.train).values() if not factor.trivial]
    if not factors:
        return None
    tasks = [Task.of(factor) for factor in factors]
    key = json.dumps([data.fingerprint, asdict(data.config), seed, STEPS, [asdict(task) for task in tasks]])
    judge = None if file is None else _kept(file, key, data.train.images.shape[1:], tasks)
    if judge is not None:
        return judge
    network = _trained(data, factors, tasks, seed)
    judge = Judge(network=network, tasks=tasks, skill=_tried(network, tasks, data))
    if file is not None:
        with atomic(file) as temporary:
            save_file(network.state_dict(), temporary, {"key": key, "skill": json.dumps(judge.skill)})
    return judge


def _trained(data: Data, factors: list[Factor], tasks: list[Task], seed: int) -> Network:
    targets = [task.target(factor) for task, factor in zip(tasks, factors, strict=True)]
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(data.train.images.shape[1:], tasks)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS)
    for _ in range(STEPS):
        rows = np.sort(rng.integers(0, len(data.train.images), BATCH))
        heads = network(_seen(data.train, rows, data.grid))
        loss = sum(t.loss(raw, target[rows]) for t, raw, target in zip(tasks, heads, targets, strict=True))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def _tried(network: Network, tasks: list[Task], data: Data) -> dict[str, float | None]:
    every = -(-len(data.test.images) // TRIED)
    rows = np.arange(0, len(data.test.images), every)
    truth, heads = of_source(data.test), _raw(network, _seen(data.test, rows, data.grid))
    return {t.name: t.skill(raw, truth[t.name].at(rows)) for t, raw in zip(tasks, heads, strict=True)}


def _kept(file: Path, key: str, shape: tuple[int, ...], tasks: list[Task]) -> Judge | None:
    """The judge in the file; None where there is none, or one of something else."""
    try:
        with safe_open(file, "pt") as kept:
            notes = kept.metadata() or {}
            weights = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118, a handle is not a mapping
    except (OSError, SafetensorError):
        return None
    if notes.get("key") != key:
        return None
    network = Network(shape, tasks)
    network.load_state_dict(weights)
    return Judge(network=network.eval(), tasks=tasks, skill=json.loads(notes["skill"]))


@torch.no_grad()
def _raw(network: Network, images: Tensor) -> list[np.ndarray]:
    """The heads' outputs on images [N, C, H, W], float64 [N, outputs] each."""
    parts = [network(chunk.float().cpu()) for chunk in images.split(500)]
    return [torch.cat(head).double().numpy() for head in zip(*parts, strict=True)]


def _seen(split: Split, rows: np.ndarray, grid: int) -> Tensor:
    """The stored grey levels as [n, C, H, W] in [0, 1], neither binarised nor dequantised."""
    return split.rows(rows).float() / (grid - 1)
