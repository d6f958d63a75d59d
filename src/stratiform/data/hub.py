"""Data sets in the Hugging Face layout: a folder of parquet, or a name on the hub; read by the `datasets` library."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratiform.data import cache
from stratiform.data.columns import Columns
from stratiform.data.folder import TEST_NAMES, fingerprint, visible
from stratiform.data.listing import Item, Listing
from stratiform.errors import UserError
from stratiform.files import write_text

if TYPE_CHECKING:
    from datasets import DatasetBuilder, IterableDataset

TRAIN_NAMES = ("train", "training")
ANSWER = 10.0  # seconds that the hub has to say whether it knows a set


def read_parquet(path: Path, subset: str | None = None, train: tuple[str, ...] = TRAIN_NAMES) -> Listing:
    """A folder of parquet files, streamed; splits as the library finds them by the files' names.

    Args:
        subset: Which of the set's configurations, if the folder says that it has any.
        train: Names of the split to train on: the first that is there.
    """
    import datasets

    with _named(str(path)):
        found = _local(path, subset).config.data_files

    def table(split: str) -> IterableDataset:  # one by one: each split has its own columns and class names
        files = [str(file) for file in found[split]]
        return datasets.load_dataset("parquet", data_files={split: files}, split=split, streaming=True)

    files = [file for file in visible(path) if file.suffix == ".parquet"]
    listing = _listing(str(path), fingerprint(files), {str(split): partial(table, split) for split in found}, train)
    unused = len(files) - sum(len(of_split) for of_split in found.values())
    notes = [f"{unused} parquet files belong to no split that the library knows"] if unused else []
    return replace(listing, notes=(*listing.notes, *notes))


def read_hub(
    repository: str, subset: str | None = None, train: tuple[str, ...] = TRAIN_NAMES, folder: str | None = None
) -> Listing:
    """owner/name of the hub: from the cache of `datasets`, else streamed; `folder` is where it may be put.

    What is streamed is decoded on its way: the files themselves are not kept. Without a network it is found decoded.
    """
    builder = _cached(repository, subset)
    if builder is not None:
        tables = builder.as_dataset()
        read = {split: partial(tables.get, split) for split in tables}
        return _listing(repository, f"{repository} {builder.hash}", read, train)
    note = cache.folder() / f"hub-{hashlib.sha256(f'{repository} {subset}'.encode()).hexdigest()[:32]}.txt"
    try:
        identity, streams = _streamed(repository, subset)
    except Exception as error:  # no network, no such set, gated, damaged: the text says which
        unreachable = UserError(
            f"{repository} cannot be fetched from the hub ({_line(error)}), nor is it in the cache of `datasets`; "
            f"put its parquet into $STRATIFORM_DATA/{folder or repository}, or give a path"
        )
        if not note.exists():
            raise unreachable from error
        return Listing(identity=note.read_text(), splits={"train": partial(_refused, unreachable)})
    listing = _listing(repository, identity, streams, train)
    write_text(note, listing.identity)
    return listing


def _streamed(repository: str, subset: str | None) -> tuple[str, dict[str, Callable[[], Any]]]:
    """Its identity, and its splits, which are read from the hub whenever they are asked for."""
    import datasets
    from huggingface_hub import HfApi

    commit = HfApi().dataset_info(repository, timeout=ANSWER).sha  # answers at once; the library tries half a minute
    tables = datasets.load_dataset_builder(repository, name=subset, revision=commit).as_streaming_dataset()
    if any(table.features is None for table in tables.values()):  # it says what its columns are only when all is here
        builder = datasets.load_dataset_builder(repository, name=subset, revision=commit)
        builder.download_and_prepare()
        tables = builder.as_dataset()
    return f"{repository} {subset} {commit}", {str(split): partial(tables.get, split) for split in tables}


def _refused(error: UserError) -> Iterator[Item]:
    raise error


def _local(path: Path, subset: str | None) -> DatasetBuilder:
    import datasets

    try:
        return datasets.load_dataset_builder(str(path), name=subset)
    except ValueError:  # a copy without that configuration
        return datasets.load_dataset_builder(str(path))


def _cached(repository: str, subset: str | None) -> DatasetBuilder | None:
    from datasets.packaged_modules.cache.cache import Cache

    try:
        name = repository.split("/")[-1]
        return Cache(repo_id=repository, dataset_name=name, config_name=subset, version="auto", hash="auto")
    except ValueError:
        return None


def _listing(name: str, identity: str, tables: Mapping[str, Callable[[], Any]], train: tuple[str, ...]) -> Listing:
    """Chooses the splits, and names what is left."""
    only = next(iter(tables)) if len(tables) == 1 and next(iter(tables)) not in TEST_NAMES else None
    learnt = next((split for split in (*train, *TRAIN_NAMES) if split in tables), only)
    if learnt is None:
        raise UserError(f"{name} has no training images: its splits are {', '.join(tables)}, none of them train")
    tested = next((split for split in TEST_NAMES if split in tables), None)
    used = {"train": learnt} | ({"test": tested} if tested else {})
    named = {split: _columns(name, tables[origin]) for split, origin in used.items()}
    names = dict.fromkeys(label for columns in named.values() for label in columns.class_names)
    notes = [f"{split} images are the split {origin}" for split, origin in used.items() if split != origin]
    notes += [f"the split {split} is not used" for split in tables if split not in used.values()]
    return Listing(
        identity=f"{identity} {used}",
        splits={split: partial(_items, name, origin, tables[origin], named[split]) for split, origin in used.items()},
        class_names=tuple(names),
        notes=tuple(notes),
    )


def _columns(name: str, table: Callable[[], Any]) -> Columns:
    with _named(name):
        features = table().features
    columns = Columns.of(features)
    if columns is None:
        raise UserError(f"{name} has no column of images; its columns are {', '.join(features)}")
    return columns


def _items(name: str, split: str, table: Callable[[], Iterable[Any]], columns: Columns) -> Iterator[Item]:
    from datasets import Image

    rows: Any = table()
    if isinstance(rows.features[columns.image], Image):
        rows = rows.cast_column(columns.image, Image(decode=False))
    stream = enumerate(rows)
    while True:
        with _named(name):
            i, row = next(stream, (0, None))
        if row is None:
            return
        yield columns.item(row, f"row {i} of {split}")


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Whatever the library says of a damaged file, in one line that names the set."""
    try:
        yield
    except Exception as error:
        raise UserError(f"{name} cannot be read: {_line(error)}") from error


def _line(error: Exception) -> str:
    """The first line of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
