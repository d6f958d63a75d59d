"""Parquet in the Hugging Face layout, and sets in the cache of `datasets`."""

from pathlib import Path
from types import SimpleNamespace

import datasets
import numpy as np
import pytest
from datasets import ClassLabel, Features, Image, Value
from huggingface_hub import HfApi

from images import encoded, noise
from stratiform.data.config import DataConfig
from stratiform.data.hub import read_hub, read_parquet
from stratiform.data.listing import Listing
from stratiform.data.source import load
from stratiform.errors import UserError

datasets.disable_progress_bars()


def write(path: Path, split: str, columns: dict[str, list], **features: object) -> None:
    columns = {"image": [{"bytes": encoded(noise(i)), "path": None} for i in range(3)], **columns}
    kinds = Features({"image": Image(), **features})
    path.mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_dict(columns, features=kinds).to_parquet(path / f"{split}-00000-of-00001.parquet")


def labels(listing: Listing, split: str = "train") -> list[str | None]:
    return [item.label for item in listing.splits[split]()]


def test_labels_attributes_and_splits(tmp_path: Path) -> None:
    kinds = {"label": ClassLabel(names=["b", "a"]), "age": Value("float32"), "track": Value("int64")}
    kinds |= {"smiles": Value("bool"), "group": ClassLabel(names=["x", "y"]), "words": Value("string")}
    columns = {"label": [0, 1, 1], "age": [0.5, 1.5, None], "track": [7, 8, 9], "smiles": [True, False, True]}
    columns |= {"group": [1, 0, 1], "words": ["u", None, "v"]}
    write(tmp_path, "train", columns, **kinds)
    write(tmp_path, "test", {"label": [-1, 1, 0]}, label=kinds["label"])
    listing = read_parquet(tmp_path)
    assert listing.class_names == ("b", "a")
    assert labels(listing) == ["b", "a", "a"] and labels(listing, "test") == [None, "a", "b"]
    items = list(listing.splits["train"]())
    assert items[2].factors == {"age": None, "track": 9, "smiles": True, "group": 1, "words": "v"}
    assert items[1].factors["words"] == ""
    assert items[0].image == encoded(noise(0)) and items[0].name == "row 0 of train"


def test_each_split_has_its_own_class_names(tmp_path: Path) -> None:
    write(tmp_path, "train", {"label": [0, 1, 0]}, label=ClassLabel(names=["a", "b"]))
    write(tmp_path, "test", {"label": [0, 1, 0]}, label=ClassLabel(names=["c", "d"]))
    listing = read_parquet(tmp_path)
    assert listing.class_names == ("a", "b", "c", "d")
    assert labels(listing, "test") == ["c", "d", "c"]


def test_which_split_is_trained_on(tmp_path: Path) -> None:
    for split in ("train", "extra", "validation"):
        write(tmp_path / "data", split, {"y": [split == "extra"] * 3}, y=Value("bool"))
    extra = read_parquet(tmp_path, train=("extra", "train"))
    assert labels(extra) == ["True"] * 3
    assert extra.notes == (
        "train images are the split extra",
        "test images are the split validation",
        "the split train is not used",
    )
    assert labels(read_parquet(tmp_path)) == ["False"] * 3
    write(tmp_path / "apart", "more", {})
    assert read_parquet(tmp_path).notes[-1] == "1 parquet files belong to no split that the library knows"


def test_a_test_split_alone_has_no_training_images(tmp_path: Path) -> None:
    write(tmp_path, "test", {})
    with pytest.raises(UserError, match="no training images"):
        read_parquet(tmp_path)


def test_unmarked_columns_of_bytes(tmp_path: Path) -> None:
    content = [encoded(noise(i)) for i in range(3)]
    datasets.Dataset.from_dict({"img": content, "label": ["p", "q", "p"]}).to_parquet(tmp_path / "all.parquet")
    listing = read_parquet(tmp_path)
    assert [item.image for item in listing.splits["train"]()] == content and labels(listing) == ["p", "q", "p"]


def test_no_images_and_damaged_files(tmp_path: Path) -> None:
    datasets.Dataset.from_dict({"a": [1, 2]}).to_parquet(tmp_path / "all.parquet")
    with pytest.raises(UserError, match="no column of images; its columns are a"):
        read_parquet(tmp_path)
    (tmp_path / "all.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(UserError, match="cannot be read"):
        read_parquet(tmp_path)


def test_from_the_cache_of_the_library_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "set", "train", {"label": [0, 1, 1]}, label=ClassLabel(names=["a", "b"]))
    builder = datasets.load_dataset_builder(str(tmp_path / "set"), cache_dir=str(tmp_path / "cache"))
    builder.download_and_prepare()
    (tmp_path / "cache" / "set").rename(tmp_path / "cache" / "owner___set")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    listing = read_hub("owner/set")
    assert labels(listing) == ["a", "b", "b"]
    assert (np.array([len(item.image) for item in listing.splits["train"]()]) > 0).all()
    with pytest.raises(UserError, match="owner/other cannot be fetched"):
        read_hub("owner/other")


def test_a_set_of_the_hub_is_decoded_on_its_way_and_then_needs_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "set", "train", {"label": [0, 1, 0]}, label=ClassLabel(names=["a", "b"]))
    local = datasets.load_dataset_builder
    reached: list[str] = []

    def info(self: HfApi, name: str, timeout: float) -> SimpleNamespace:
        reached.append(name)
        if len(reached) > 1:
            raise OSError("no network")
        return SimpleNamespace(sha="a commit")

    monkeypatch.setattr(HfApi, "dataset_info", info)
    monkeypatch.setattr(datasets, "load_dataset_builder", lambda *_, **__: local(str(tmp_path / "set")))
    monkeypatch.setattr(datasets.DatasetBuilder, "download_and_prepare", lambda *_: pytest.fail("it was copied whole"))
    first, again = load(DataConfig(source="owner/streamed")), load(DataConfig(source="owner/streamed"))
    assert reached == ["owner/streamed"] * 2
    assert sorted([*first.train.labels, *first.test.labels]) == [0, 0, 1]
    assert (again.fingerprint, again.class_names) == (first.fingerprint, ("a", "b"))
    with pytest.raises(UserError, match=r"cannot be fetched from the hub \(no network\)"):
        load(DataConfig(source="owner/streamed", size=4))
