"""Images and codes: `datasets`, `encode`."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from tyro.conf import Positional, arg

from stratiform.cli.options import Answer, Options, place
from stratiform.cli.runs import OnData
from stratiform.cli.tables import cell, table
from stratiform.core.model import LatentModel
from stratiform.data.batches import in_order
from stratiform.data.config import DataConfig
from stratiform.data.inspect import contact_sheet, describe
from stratiform.data.source import SOURCES
from stratiform.data.source import load as load_data
from stratiform.data.split import Data
from stratiform.evaluation.codes import codes_and_kl
from stratiform.files import atomic

FORMATS = (".parquet", ".npz")


@dataclass(frozen=True, kw_only=True)
class Datasets(Options):
    """What there is to train on; with a NAME, what is in it, and a contact sheet."""

    name: Annotated[Positional[str | None], arg(metavar="NAME")] = None
    """A built-in name, an alias, owner/name of the hub, a folder, or an .npz."""
    data: DataConfig = field(default_factory=DataConfig)
    out: Path | None = None
    """The contact sheet (runs/datasets/NAME.png)."""

    def work(self) -> Answer:
        if self.name is None:
            rows = [[source.name, source.title] for source in SOURCES.values()]
            hint = "\nalso: owner/name of the hub, a folder of images or parquet, an .npz"
            return Answer(
                {"datasets": [dict(zip(("name", "title"), row, strict=True)) for row in rows]},
                (table(["name", ""], rows), hint),
            )
        config = replace(self.data, source=self.name)
        found = describe(config)
        path = self.out or Path("runs") / "datasets" / f"{Path(self.name).stem}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary:
            contact_sheet(load_data(config)).save(temporary, format="PNG")
        told = {key: value for key, value in found.items() if key != "notes" and value not in ((), [], None)}
        rows = [[key.replace("_", " "), cell(value)] for key, value in told.items()]
        closing = (f"\ncontact sheet: {path}", *found["notes"])
        return Answer({**found, "contact_sheet": path}, (table(["", ""], rows), *closing))


@dataclass(frozen=True, kw_only=True)
class Encode(OnData):
    """The code of every image of a source: posterior means, level by level; with split, file, label, attributes."""

    source: Annotated[Positional[str], arg(metavar="SOURCE")]
    """What to encode: the name of a source, or a path."""
    out: Path
    """F.parquet or F.npz."""

    def work(self) -> Answer:
        place(self.out, FORMATS)
        loaded, data = replace(self, data=replace(self.data, source=self.source)).opened()
        columns = _columns(loaded.model, data)
        write = _write_npz if self.out.suffix == ".npz" else _write_parquet
        with atomic(self.out) as temporary:
            write(temporary, columns)
        values = {"codes": self.out, "images": len(columns["split"]), "columns": list(columns)}
        return Answer(values, (f"{values['images']} codes: {self.out} ({', '.join(columns)})",))


def _columns(model: LatentModel, data: Data) -> dict[str, np.ndarray]:
    """Column name -> [N, ...]: split, index in it, file, label, known attributes, and the levels' codes [N, d]."""
    parts = []
    for name, split in (("train", data.train), ("test", data.test)):
        if not len(split):
            continue
        codes, _ = codes_and_kl(model, in_order(data, name))
        known = {} if split.labels is None else {"label": split.labels}
        index = np.arange(len(split))
        files = split.names(index)
        parts.append(
            {
                "split": np.full(len(split), name),
                "index": index,
                **({} if files is None else {"file": np.array(files)}),
                **known,
                **split.factors,
                **{f"level_{level}": code.astype(np.float32) for level, code in enumerate(codes, start=1)},
            }
        )
    shared = [column for column in parts[0] if all(column in part for part in parts)]
    return {column: np.concatenate([part[column] for part in parts]) for column in shared}


def _write_npz(path: Path, columns: Mapping[str, np.ndarray]) -> None:
    with zipfile.ZipFile(path, "w") as archive:  # `np.savez` takes no column called file
        for name, values in columns.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, values, allow_pickle=False)


def _write_parquet(path: Path, columns: Mapping[str, np.ndarray]) -> None:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({name: _arrow(values) for name, values in columns.items()}), path)


def _arrow(values: np.ndarray) -> Any:
    """A column; of codes [N, d] lists of d numbers."""
    import pyarrow

    if values.ndim == 1:
        return pyarrow.array(values)
    return pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(values.reshape(-1)), values.shape[1])
