"""What the components of a mixture prior hold: `components`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from stratiform import figures
from stratiform.cli.options import Answer
from stratiform.cli.pictures import at_least_one, saved
from stratiform.cli.runs import OnSplit
from stratiform.cli.tables import table
from stratiform.data.batches import in_order
from stratiform.data.split import Data, chosen
from stratiform.errors import UserError
from stratiform.evaluation.codes import codes_and_kl
from stratiform.evaluation.components import (
    Agreement,
    agreement,
    by_k_means,
    from_component,
    level_of_mixture,
    responsibilities,
)
from stratiform.evaluation.explore import reconstruct
from stratiform.training.run import Loaded, load

SHOWN = 12  # components of the picture, those with most images
DRAWN = 6  # images of each
BATCH = 250


@dataclass(frozen=True, kw_only=True)
class Components(OnSplit):
    """Which component of the mixture prior the images belong to, what each draws, and whether classes agree."""

    limit: int = 5000
    """At most so many images."""
    beside: tuple[Path, ...] = ()
    """Further runs on the same images, for k-means with as many clusters on their upper code."""
    out: Path | None = None
    """The picture (RUN/components.png)."""

    def work(self) -> Answer:
        at_least_one("limit", self.limit)
        loaded, data = self.opened()
        images = torch.cat([*in_order(data, self.split, limit=self.limit, seed=self.seed or 0)])
        r = responsibilities(loaded.model, images.split(BATCH))
        assigned, count = r.argmax(1), r.shape[1]
        shares = np.bincount(assigned, minlength=count) / len(assigned)
        order = [int(i) for i in np.argsort(-shares, kind="stable") if shares[i] > 0]
        rows = self._agreements(loaded, data, images, assigned, count)
        answer = saved([self._picture(loaded, images, r, order[:SHOWN])], self.out or self.run / "components.png")
        values = {
            "recipe": loaded.recipe.name,
            "data": self.data.source,
            "split": self.split,
            "images": len(assigned),
            "components": count,
            "used": len(order),
            "entropy": float(-(r * np.log(np.clip(r, 1e-300, None))).sum(1).mean()),
            "shares": shares.tolist(),
            "agreement": {name: asdict(found) for name, found in rows.items()},
            **answer.values,
        }
        said = (
            f"{loaded.recipe.name} on {len(assigned)} {self.split} images of {self.data.source}: {len(order)} of "
            f"{count} components used, {values['entropy']:.2f} nats undecided per image"
        )
        return Answer(values, (said, *_tables(rows), *answer.text))

    def _agreements(
        self, loaded: Loaded, data: Data, images: Tensor, assigned: np.ndarray, count: int
    ) -> dict[str, Agreement]:
        """Of the components, and of k-means on the codes beside them; empty where the source has no labels."""
        split = data.test if self.split == "test" else data.train
        if split.labels is None:
            return {}
        classes, seed = split.labels[chosen(len(split), self.limit)], self.seed or 0
        found = {f"{loaded.recipe.name}, components": agreement(classes, assigned, count, seed=seed)}
        others = [(loaded, level_of_mixture(loaded.model)), *((load(run), -1) for run in self.beside)]
        for other, at in others:
            if other.spec != loaded.spec:
                raise UserError(f"{other.run.path} models other images than {self.run}; give a run on the same images")
            code = codes_and_kl(other.model, images.split(BATCH), seed=seed)[0][at]
            found[f"{other.recipe.name}, k-means of its top"] = by_k_means(classes, code, count, seed=seed)
        return found

    def _picture(self, loaded: Loaded, images: Tensor, r: np.ndarray, order: Sequence[int]) -> Figure:
        """Fig. 3: for each component the image that belongs to it most, what its upper levels keep, and samples."""
        examples = images[torch.as_tensor([int(r[:, i].argmax()) for i in order])]
        levels = len(loaded.model.hierarchy.levels)
        keep = sorted({levels, *(round(levels * share) for share in (0.75, 0.5, 0.25)), 1} - {0}, reverse=True)
        rows: dict[str, Tensor] = {"image": examples}
        for k in keep:
            rows[f"top {k} kept"] = reconstruct(loaded.model, examples, keep_top=k, seed=self.seed or 0)
        drawn = [from_component(loaded.model, i, DRAWN, self.seed or 0) for i in order]
        for j in range(DRAWN):
            rows["drawn" if j == 0 else f"drawn {j + 1}"] = torch.stack([each[j] for each in drawn])
        return figures.strips(
            rows,
            title=f"Components of the mixture prior, {loaded.recipe.name}",
            caption=f"A column per component, the {len(order)} with most images: the image that belongs to it most; "
            "rebuilt from its upper levels, the others drawn anew; images whose top is drawn from the component.",
        )


def _tables(rows: dict[str, Agreement]) -> tuple[Any, ...]:
    if not rows:
        return ("the images have no labels to compare with",)
    columns = ("clusters", "used", "accuracy", "purity", "NMI")
    cells = {
        name: [f.clusters, f.used, *(f"{e.value:.3f} ± {e.stderr:.3f}" for e in (f.accuracy, f.purity, f.nmi))]
        for name, f in rows.items()
    }
    note = "accuracy: best one-to-one map of clusters to classes; purity: each cluster given to its commonest class"
    return (table(("clustering", *columns), [[name, *row] for name, row in cells.items()]), note)
