"""Decoded once into a cache file: what is stored, what is left out, what is held out."""

import multiprocessing
import resource
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from images import encoded, grey, noise
from stratiform.data import cache
from stratiform.data.config import DataConfig
from stratiform.data.listing import Item, Listing
from stratiform.data.prepare import prepared
from stratiform.errors import Failed, UserError

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 6, 5), dtype=np.uint8)


def listing(items: Iterable[Item], identity: str = "", test: Iterable[Item] | None = None, **more: object) -> Listing:
    splits = {"train": lambda: items} | ({} if test is None else {"test": lambda: test})
    return Listing(identity=identity, splits=splits, **more)


def items(pixels: np.ndarray = PIXELS, label: str | None = None) -> list[Item]:
    return [Item(f"image {i}", image, label) for i, image in enumerate(pixels)]


def stored(tmp_path: Path, listing: Listing, **config: object) -> cache.Contents:
    return prepared(listing, DataConfig(**config), tmp_path)


def test_images_come_back_bit_by_bit_and_in_order(tmp_path: Path) -> None:
    found = stored(tmp_path, listing(items(), test=items(PIXELS[:7])))
    assert (found.arrays["train/images"] == PIXELS[:, None]).all()
    assert (found.arrays["test/images"] == PIXELS[:7, None]).all()
    assert found.meta["grid"] == 256 and found.meta["notes"] == []
    assert [path.suffix for path in tmp_path.iterdir()] == [".safetensors"], "nothing else is left behind"


def test_an_image_is_decoded_once(tmp_path: Path) -> None:
    read = Counter()

    def counted() -> Iterator[Item]:
        read["times"] += 1
        yield from items()

    one = Listing(identity="one", splits={"train": counted})
    for config in ({}, {}, {"limit": 3}, {"dequantise": True}, {"binarise": "dynamic"}):
        stored(tmp_path, one, **config)
    assert read["times"] == 1
    stored(tmp_path, one, size=4)
    assert read["times"] == 2


def test_a_damaged_cache_file_is_made_anew(tmp_path: Path) -> None:
    stored(tmp_path, listing(items()))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-10])
    assert len(stored(tmp_path, listing(items())).arrays["train/images"]) + 1 >= 36


def decode_in_a_process(folder: Path) -> None:
    stored(folder, listing(items()))


def test_two_processes_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=decode_in_a_process, args=(tmp_path,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_tenth_is_held_out_and_duplicates_stay_together(tmp_path: Path) -> None:
    many = np.random.default_rng(1).integers(0, 256, (400, 2, 2), dtype=np.uint8)
    found = stored(tmp_path, listing(items(np.concatenate([many, many]))))
    train, test = (found.arrays[f"{name}/images"].reshape(-1, 4) for name in ("train", "test"))
    assert len(train) + len(test) == 800 and 40 <= len(test) <= 120
    assert not {tuple(image) for image in train} & {tuple(image) for image in test}
    assert found.meta["notes"] == [f"no test split: {len(test)} of 800 images held out by a hash of their bytes"]


def test_bad_files_are_named_and_left_out(tmp_path: Path) -> None:
    bad = [Item(f"bad {i}", b"words") for i in range(25)]
    found = stored(tmp_path, listing([*items()[:5], *bad, *items()[5:]], test=items()))
    assert (found.arrays["train/images"] == PIXELS[:, None]).all()
    assert found.meta["notes"][0] == "left out bad 0: not an image"
    assert found.meta["notes"][20:] == ["left out 5 more that could not be read"]


def test_one_colour_image_makes_all_three_channels(tmp_path: Path) -> None:
    mixed = [Item("grey", encoded(noise(0))), Item("colour", encoded(noise(1, channels=3)))]
    images = stored(tmp_path, listing(mixed, test=mixed)).arrays["train/images"]
    assert images.shape == (2, 3, 8, 8)
    assert (images[0] == np.asarray(noise(0))).all() and (
        images[1] == np.asarray(noise(1, channels=3)).T.swapaxes(1, 2)
    ).all()
    assert stored(tmp_path, listing(mixed, test=mixed), channels=1).arrays["train/images"].shape == (2, 1, 8, 8)


def test_mixed_sizes_need_a_size(tmp_path: Path) -> None:
    mixed = [Item(str(i), encoded(grey(i, (9, 7) if i % 3 else (4, 5)))) for i in range(9)]
    with pytest.raises(
        UserError, match=r"2 sizes, most often 9 x 7 \(6 images\) and 4 x 5 \(3 images\); .*--data.size"
    ):
        stored(tmp_path, listing(mixed))
    assert stored(tmp_path, listing(mixed), size=6).arrays["train/images"].shape[1:] == (1, 6, 6)
    with pytest.raises(UserError, match="2 sizes"):
        stored(tmp_path, listing(items(), test=items(PIXELS[:, :3])))


def test_no_training_images(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no training images \(1 could not be read; left out a: not an image\)"):
        stored(tmp_path, listing([Item("a", b"")], test=items()))


def test_levels_are_merged_in_equal_bins(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    for levels in (2, 8, 32):
        found = stored(tmp_path, listing(items(ramp)), levels=levels)
        k = found.arrays["train/images"].ravel()
        assert (k == np.arange(256) // (256 // levels)).all() and found.meta["grid"] == levels
    assert stored(tmp_path, listing(items(ramp % 17), "", levels=17)).meta["grid"] == 17
    with pytest.raises(UserError, match="has 17 grey levels, not 18"):
        stored(tmp_path, listing(items(ramp), levels=17), levels=18)


def test_fixed_binarisation_is_one_draw_with_the_grey_value_as_probability(tmp_path: Path) -> None:
    even = np.full((50, 20, 20), 64, np.uint8)
    found = stored(tmp_path, listing(items(even), test=items(even)), binarise="fixed")
    train, test = found.arrays["train/images"], found.arrays["test/images"]
    assert found.meta["grid"] == 2 and set(np.unique(train)) == {0, 1}
    assert abs(train.mean() - 64 / 255) < 3 * (0.25 * 0.75 / train.size) ** 0.5
    assert not (train[0] == train[1]).all() and not (train[0] == test[0]).all()
    again = stored(tmp_path / "elsewhere", listing(items(even[:5]), test=items(even)), binarise="fixed")
    assert (again.arrays["train/images"] == train[:5]).all()


def test_ink_is_one(tmp_path: Path) -> None:
    found = stored(tmp_path, listing(items(), test=items(), invert=True))
    assert (found.arrays["train/images"] == 255 - PIXELS[:, None]).all()


def test_labels_and_attributes(tmp_path: Path) -> None:
    rows = [("10", 1.5, 3, "u"), ("9", None, 4, "v"), ("9", 0.5, 5, "u")]
    of = [Item(a, PIXELS[i], a, {"age": b, "track": c, "word": d}) for i, (a, b, c, d) in enumerate(rows)]
    more = [Item("x", PIXELS[3], "8", {"age": 2, "track": 1, "word": "a"})]
    found = stored(tmp_path, listing(of, test=more))
    assert found.meta["class_names"] == ["8", "9", "10"]
    assert found.arrays["train/labels"].tolist() == [2, 1, 1] and found.arrays["test/labels"].tolist() == [0]
    assert found.arrays["train/factors/track"].dtype == np.int64
    assert found.arrays["train/factors/word"].tolist() == [1, 2, 1] and found.arrays["test/factors/word"].tolist() == [
        0
    ]
    assert np.isnan(found.arrays["train/factors/age"][1]) and found.arrays["test/factors/age"].tolist() == [2]
    ids = [Item(str(i), PIXELS[i % 40], None, {"id": i, "file": f"{i}.png", "half": i % 2}) for i in range(1200)]
    found = stored(tmp_path, listing(ids, "ids", test=[Item("t", PIXELS[0], None, {"id": 1, "half": None})]))
    assert found.arrays["train/factors/id"].dtype == np.float64, "too many values for classes"
    assert found.arrays["train/factors/half"].dtype == np.float64, "unknown somewhere, so a number everywhere"
    assert "train/factors/file" not in found.arrays
    part = [Item("a", PIXELS[0], "1"), Item("b", PIXELS[1])]
    found = stored(tmp_path, listing(part, "part", test=part))
    assert "train/labels" not in found.arrays and found.meta["notes"][0].startswith("1 images of train have no label")


def test_the_fingerprint_follows_content_not_place(tmp_path: Path) -> None:
    first = stored(tmp_path, listing(items(), "here")).meta["fingerprint"]
    assert stored(tmp_path, listing(items(), "there")).meta["fingerprint"] == first
    assert stored(tmp_path, listing(items(PIXELS[::-1]), "turned")).meta["fingerprint"] != first
    assert stored(tmp_path, listing(items(label="a"), "labelled")).meta["fingerprint"] != first


def test_a_full_disk_fails_in_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
    try:
        with pytest.raises(Failed, match=r"cannot decode into .*; free some space"):
            stored(tmp_path, listing(items()))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
