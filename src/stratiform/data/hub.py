"""Data sets in the Hugging Face layout: a folder of parquet, or a name on the hub; read by the `datasets` library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratiform.data.columns import Columns
from stratiform.data.folder import TEST_NAMES, fingerprint, visible
from stratiform.data.listing import Item, Listing
from stratiform.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetBuilder, IterableDataset

TRAIN_NAMES = ("train", "training")
ANSWER = 10.0  # seconds that the hub has to say whether it knows a set

Table = "Dataset | IterableDataset"


def read_parquet(path: Path, subset: str | None = None, train: tuple[str, ...] = TRAIN_NAMES) -> Listing:
    """A folder of parquet files, streamed; splits as the library finds them by the files' names.

    Args:
        subset: Which of the set's configurations, if the folder says that it has any.
        train: Names of the split to train on: the first that is there.
    """
    import datasets

    try:
        found = _local(path, subset).config.data_files
    except Exception as error:  # the library raises of everything, and its text is all there is to say
        raise UserError(f"{path} cannot be read as a folder of parquet: {_line(error)}") from error

    def table(split: str) -> IterableDataset:  # one by one: each split has its own columns and class names
        files = [str(file) for file in found[split]]
        return datasets.load_dataset("parquet", data_files={split: files}, split=split, streaming=True)

    return _listing(str(path), fingerprint(visible(path)), {str(split): partial(table, split) for split in found}, train)


def read_hub(name: str, subset: str | None = None, train: tuple[str, ...] = TRAIN_NAMES) -> Listing:
    """A set of the hub: from the library's cache if it is there, else fetched."""
    builder = _cached(name, subset) or _fetched(name, subset)
    tables = builder.as_dataset()
    return _listing(name, f"{name} {builder.hash}", {split: partial(tables.get, split) for split in tables}, train)


def _local(path: Path, subset: str | None) -> DatasetBuilder:
    import datasets

    try:
        return datasets.load_dataset_builder(str(path), name=subset)
    except ValueError:  # a copy without that configuration
        return datasets.load_dataset_builder(str(path))


def _cached(name: str, subset: str | None) -> DatasetBuilder | None:
    from datasets.packaged_modules.cache.cache import Cache

    try:
        return Cache(repo_id=name, dataset_name=name.split("/")[-1], config_name=subset, version="auto", hash="auto")
    except ValueError:
        return None


def _fetched(name: str, subset: str | None) -> DatasetBuilder:
    import datasets
    from huggingface_hub import HfApi

    try:
        HfApi().dataset_info(name, timeout=ANSWER)  # answers at once; the library tries for half a minute
        builder = datasets.load_dataset_builder(name, name=subset)
        builder.download_and_prepare()
    except Exception as error:  # no network, no such set, gated, damaged: the text says which
        raise UserError(
            f"{name} is neither in $STRATIFORM_DATA nor in the cache of `datasets`, and fetching it failed: "
            f"{_line(error)}; put its parquet or images into $STRATIFORM_DATA/{name}, or give a path"
        ) from error
    return builder


def _listing(name: str, identity: str, tables: Mapping[str, Callable[[], Any]], train: tuple[str, ...]) -> Listing:
    """Chooses the splits, and names what is left."""
    only = next(iter(tables)) if len(tables) == 1 and next(iter(tables)) not in TEST_NAMES else None
    learnt = next((split for split in (*train, *TRAIN_NAMES) if split in tables), only)
    if learnt is None:
        raise UserError(f"{name} has no training images: its splits are {', '.join(tables)}; none is called {train[0]}")
    tests = [split for split in TEST_NAMES if split in tables]
    used = {"train": learnt} | ({"test": tests[0]} if tests else {})
    named = {split: _columns(name, tables[origin]()) for split, origin in used.items()}
    names = dict.fromkeys(label for columns in named.values() for label in columns.class_names)
    unused = [split for split in tables if split not in used.values()]
    return Listing(
        identity=f"{identity} {used}",
        splits={split: partial(_items, name, origin, tables[origin], named[split]) for split, origin in used.items()},
        class_names=tuple(names),
        notes=tuple(
            [f"trains on the split {learnt}"] * (learnt not in TRAIN_NAMES)
            + [f"tests on the split {used['test']}"] * ("test" in used and used["test"] != "test")
            + [f"the split {split} is not used" for split in unused]
        ),
    )


def _columns(name: str, table: Any) -> Columns:
    columns = Columns.of(table.features)
    if columns is None:
        raise UserError(f"{name} has no column of images; its columns are {', '.join(table.features)}")
    return columns


def _items(name: str, split: str, table: Callable[[], Iterable[Any]], columns: Columns) -> Iterator[Item]:
    from datasets import Image

    rows: Any = table()
    if isinstance(rows.features[columns.image], Image):
        rows = rows.cast_column(columns.image, Image(decode=False))
    stream = enumerate(rows)
    while True:
        try:
            i, row = next(stream)
        except StopIteration:
            return
        except Exception as error:  # a damaged file, in the words of whichever library met it
            raise UserError(f"{name} cannot be read on in its split {split}: {_line(error)}") from error
        yield columns.item(row, f"row {i} of {split}")


def _line(error: Exception) -> str:
    """The first line of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
