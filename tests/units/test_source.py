"""From a name or a path to splits."""

from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from images import encoded, grey, noise, write_folder
from stratiform.data.config import DataConfig
from stratiform.data.source import SOURCES, find, load
from stratiform.errors import UserError

datasets.disable_progress_bars()


def test_digits_are_whole_and_need_nothing() -> None:
    data = load(DataConfig())
    assert (data.spec.shape, data.spec.bins, data.grid) == ((1, 8, 8), 17, 17)
    assert len(data.train) + len(data.test) == 1797 and data.train.images.max() == 16
    assert data.class_names == tuple("0123456789") and np.bincount(data.test.labels).min() > 40


@pytest.mark.parametrize(
    ("config", "bins", "grid"),
    [
        ({"levels": 4}, 4, 4),
        ({"binarise": "dynamic"}, 2, 17),
        ({"binarise": "fixed"}, 2, 2),
        ({"dequantise": True}, None, 17),
        ({"levels": 5, "dequantise": True}, None, 5),
    ],
)
def test_what_models_see(config: dict[str, object], bins: int | None, grid: int) -> None:
    data = load(DataConfig(**config))
    assert (data.spec.bins, data.grid, int(data.train.images.max())) == (bins, grid, grid - 1)


def test_a_limit_keeps_all_classes() -> None:
    data, all_ = load(DataConfig(limit=100)), load(DataConfig())
    assert len(data.train) == len(data.test) == 100
    assert np.bincount(data.train.labels).min() >= 3
    assert data.fingerprint == all_.fingerprint


def test_a_folder_never_seen(tmp_path: Path) -> None:
    """Mixed sizes, grey, RGB, RGBA, palette, 16 bits, a file cut short, and words that are called an image."""
    images = {f"cats/{i}.png": noise(i, (20 + i, 30 - i), 1 + 2 * (i % 2)) for i in range(12)}
    images |= {f"dogs/{i}.jpg": encoded(noise(i, (40, 33), 3), "JPEG") for i in range(12)}
    images |= {"dogs/clear.png": Image.new("RGBA", (25, 25), (9, 9, 9, 9)), "dogs/index.png": noise(1).convert("P")}
    images |= {"cats/wide.png": Image.fromarray(np.full((30, 30), 65535, np.uint16))}
    images |= {"cats/cut.png": encoded(noise(0, (64, 64)))[:900], "cats/words.png": b"dear diary"}
    write_folder(tmp_path / "pets", images)
    data = load(DataConfig(source=str(tmp_path / "pets"), size=16))
    assert data.spec.shape == (3, 16, 16) and data.class_names == ("cats", "dogs")
    assert len(data.train) + len(data.test) == 27 and len(data.test) >= 1
    left_out = [note for note in data.notes if note.startswith("left out")]
    assert [note.split(":")[0] for note in left_out] == ["left out cats/cut.png", "left out cats/words.png"]
    with pytest.raises(UserError, match="sizes, most often"):
        load(DataConfig(source=str(tmp_path / "pets")))


def test_an_npz_and_a_folder_of_parquet(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", images=pixels, labels=np.arange(30) % 3, size=np.linspace(0, 1, 30))
    data = load(DataConfig(source=str(tmp_path / "a.npz")))
    assert len(data.train) + len(data.test) == 30 and set(data.train.factors) == {"size"}
    (tmp_path / "set").mkdir()
    rows = {"image": [{"bytes": encoded(grey(i)), "path": None} for i in range(30)]}
    features = datasets.Features({"image": datasets.Image()})
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "set" / "train.parquet")
    data = load(DataConfig(source=str(tmp_path / "set")))
    assert sorted([*data.train.images[:, 0, 0, 0], *data.test.images[:, 0, 0, 0]]) == list(range(30))
    assert data.train.labels is None


def test_names_are_looked_for_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    black_on_white = {f"{c}/{i}.png": Image.fromarray(np.eye(105) < 1) for c in "ab" for i in range(4)}
    write_folder(tmp_path / "omniglot", black_on_white)
    monkeypatch.setenv("STRATIFORM_DATA", str(tmp_path))
    data = load(DataConfig(source="omniglot_lake28"))
    assert data.spec.shape == (1, 28, 28)
    assert (data.train.images[0, 0].diagonal() > 50).all() and data.train.images[0, 0, 0, 20] == 0, "ink is one"
    raw = load(DataConfig(source="omniglot"))
    assert raw.spec.shape == (1, 105, 105) and raw.train.images[0, 0, 0, 0] == 0


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nist", "did you mean mnist"),
        ("Digits", "did you mean digits"),
        ("zzz", "`stratiform datasets` lists"),
        ("/no/such/folder", "no source '/no/such/folder'"),
        ("./absent.npz", "that exists"),
        ("lsun-tower", r"\$STRATIFORM_DATA/lsun-tower, which is not there"),
        ("owner/absent", "owner/absent cannot be fetched"),
        (__file__, "neither a folder nor an .npz"),
    ],
)
def test_unknown_sources(source: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRATIFORM_DATA", raising=False)
    with pytest.raises(UserError, match=message) as error:
        load(DataConfig(source=source))
    assert "\n" not in str(error.value)


def test_what_was_not_tried_says_so() -> None:
    for source in SOURCES.values():
        assert find(source.name) is source
        known = "built in" if source.draw else "not tried" if source.hub else "$STRATIFORM_DATA only"
        assert known in source.title


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"size": 0}, "data.size is 0"),
        ({"levels": 1}, "2 to 256"),
        ({"levels": 300}, "2 to 256"),
        ({"channels": 2}, r"1 \(grey\) or 3"),
        ({"binarise": "yes"}, "no, dynamic or fixed"),
        ({"binarise": "fixed", "dequantise": True}, "cannot be dequantised"),
        ({"limit": -1}, "data.limit is -1"),
        ({"source": ""}, "source is empty"),
    ],
)
def test_wrong_configurations(config: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        DataConfig(**config)
