"""Which images the model finds strange: `score`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from rich.console import RenderableType
from tyro.conf import Positional, arg

from stratiform.cli.options import Answer, place
from stratiform.cli.runs import OnSplit
from stratiform.cli.tables import table
from stratiform.data.batches import in_order
from stratiform.data.derived import DERIVED, derive
from stratiform.data.split import Data, Split, chosen
from stratiform.errors import UserError
from stratiform.evaluation.anomaly import Scores, auroc, scores
from stratiform.files import atomic
from stratiform.training.run import Loaded

STRANGEST = 5  # images that are named


@dataclass(frozen=True, kw_only=True)
class Score(OnSplit):
    """How strange the model finds the images of a source, one by one, and how well that tells other sources apart."""

    source: Annotated[Positional[str], arg(metavar="SOURCE")]
    """What to score: the name of a source, or a path."""
    against: tuple[str, ...] = ()
    """Other sources to tell it from, by AUROC; also flipped, inverted and noise, which are made from SOURCE."""
    samples: int = 20
    """Draws of z per image and per bound."""
    limit: int | None = 1000
    """At most so many images of each source; None: all."""
    out: Path | None = None
    """F.parquet: a row per image, with its scores."""

    def work(self) -> Answer:
        self._check()
        loaded, data = self._opened(self.source)
        others = {name: self._other(name, data) for name in self.against}
        found = {name: self._scored(loaded, images) for name, images in {self.source: data, **others}.items()}
        values = {
            "recipe": loaded.recipe.name,
            "split": self.split,
            "samples": self.samples,
            "seed": self.seed or 0,
            "sources": [_summary(name, scored) for name, scored in found.items()],
            "auroc": [row for name in others for row in _told_apart(name, found[self.source], found[name])],
            "strangest": self._strangest(found[self.source], data),
            "table": self.out,
        }
        if self.out is not None:
            parts = {self.source: data, **others}
            self._write(self.out, [self._columns(name, parts[name], scored) for name, scored in found.items()])
        return Answer(values, _shown(values))

    def _check(self) -> None:
        if self.out is not None:
            place(self.out, [".parquet"])
        names = [self.source, *self.against]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UserError(f"{twice} is named twice; name each source once")

    def _opened(self, source: str) -> tuple[Loaded, Data]:
        return replace(self, data=replace(self.data, source=source)).opened()

    def _other(self, name: str, data: Data) -> Data:
        if name in DERIVED:
            return derive(data, name, self.split, limit=self.limit, seed=self.seed or 0)
        return self._opened(name)[1]

    def _scored(self, loaded: Loaded, data: Data) -> Scores:
        seed = self.seed or 0
        batches = in_order(data, self.split, limit=self.limit, seed=seed)
        return scores(loaded.model, batches, samples=self.samples, seed=seed)

    def _rows(self, data: Data) -> tuple[Split, np.ndarray]:
        """The split, and which of its images are scored."""
        split = data.train if self.split == "train" else data.test
        return split, chosen(len(split), self.limit)

    def _strangest(self, scored: Scores, data: Data) -> dict[str, list[int] | list[str]]:
        """By every score, the files of images, or their indices in the split where they are no files."""
        split, rows = self._rows(data)
        most = {name: rows[np.argsort(-values)[:STRANGEST]] for name, values in scored.named().items()}
        return {name: split.names(indices) or indices.tolist() for name, indices in most.items()}

    def _columns(self, name: str, data: Data, scored: Scores) -> dict[str, Any]:
        """Column name -> [N]; label: the class's name, None where there is none."""
        split, rows = self._rows(data)
        names, nothing = data.class_names, [None] * len(rows)
        told = nothing if split.labels is None else [names[k] if names else str(k) for k in split.labels[rows]]
        return {
            "source": [name] * len(rows),
            "split": [self.split] * len(rows),
            "index": rows,
            "file": split.names(rows) or nothing,
            "label": told,
            "bound": scored.bound.numpy(),
            **{f"llr_{k}": row.numpy() for k, row in enumerate(scored.llr, start=1)},
        }

    def _write(self, path: Path, parts: Sequence[Mapping[str, Any]]) -> None:
        import pyarrow
        from pyarrow import parquet

        types = {"file": pyarrow.string(), "label": pyarrow.string()}
        tables = [
            pyarrow.table({key: pyarrow.array(values, types.get(key)) for key, values in part.items()})
            for part in parts
        ]
        with atomic(path) as temporary:
            parquet.write_table(pyarrow.concat_tables(tables), temporary)


def _summary(name: str, scored: Scores) -> dict[str, Any]:
    return {
        "source": name,
        "images": len(scored.bound),
        "bound": scored.bound.mean().item(),
        **{f"llr_{k}": row.mean().item() for k, row in enumerate(scored.llr, start=1)},
    }


def _told_apart(name: str, usual: Scores, strange: Scores) -> list[dict[str, Any]]:
    rows = []
    for score, values in usual.named().items():
        area, stderr = auroc(values, strange.named()[score])
        rows.append({"against": name, "score": score, "auroc": area, "stderr": stderr})
    return rows


def _shown(found: Mapping[str, Any]) -> tuple[RenderableType, ...]:
    """`score` for people."""
    means = [[*source.values()] for source in found["sources"]]
    first = found["sources"][0]
    parts: list[RenderableType] = [
        f"{found['recipe']}, {found['split']} images, {found['samples']} draws each; means in nats per image\n",
        table(list(first), means),
    ]
    against = list(dict.fromkeys(row["against"] for row in found["auroc"]))
    if against:
        names = [row["score"] for row in found["auroc"] if row["against"] == against[0]]
        cells = [[name, *(_area(row) for row in found["auroc"] if row["against"] == name)] for name in against]
        parts += [
            f"\nAUROC ± standard error: how often such an image scores higher than one of {first['source']}",
            table(["against", *names], cells),
        ]
    strangest = [[name, "  ".join(map(str, images))] for name, images in found["strangest"].items()]
    parts += [f"\nthe strangest images of {first['source']}", table(["by", "file, or index in the split"], strangest)]
    return (*parts, *([f"\ntable: {found['table']}"] if found["table"] else []))


def _area(row: Mapping[str, Any]) -> str:
    return f"{row['auroc']:.3f}" if row["stderr"] is None else f"{row['auroc']:.3f} ± {row['stderr']:.3f}"
