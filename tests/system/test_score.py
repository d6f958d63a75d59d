"""`score`: a table with a row per image, and how well each score tells other sources apart."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pyarrow import parquet
from sklearn.metrics import roc_auc_score

from stratiform.data.batches import in_order
from stratiform.data.source import load as load_data
from stratiform.evaluation.bound import bounds
from stratiform.training.run import load
from system.conftest import Say, everything_in
from system.test_commands import answer


def test_table_and_auroc_agree(say: Say, copied: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    words = ("--against", "flipped", "noise", "--limit", 12, "--samples", 3, "--out", out)
    found = answer(say, "score", copied, "digits", *words)
    assert [(row["source"], row["images"]) for row in found["sources"]] == [
        (name, 12) for name in ("digits", "flipped", "noise")
    ]
    rows = parquet.read_table(out).to_pydict()
    assert list(rows) == ["source", "split", "index", "file", "label", "bound", "llr_1", "llr_2"]
    source = np.array(rows["source"])
    assert found["table"] == str(out) and len(source) == 36
    assert all(label is None for label, name in zip(rows["label"], source, strict=True) if name == "noise")
    by_score = {"-bound": -np.array(rows["bound"]), "llr_1": np.array(rows["llr_1"]), "llr_2": np.array(rows["llr_2"])}
    assert [(row["against"], row["score"]) for row in found["auroc"]] == [
        (name, score) for name in ("flipped", "noise") for score in by_score
    ]
    for row in found["auroc"]:
        told = np.isin(source, ["digits", row["against"]])
        area = roc_auc_score(source[told] == row["against"], by_score[row["score"]][told])
        assert row["auroc"] == pytest.approx(area) and 0 <= row["stderr"] < 0.3
    index = np.array(rows["index"])[source == "digits"]
    assert found["strangest"]["-bound"] == index[np.argsort(np.array(rows["bound"])[:12])[:5]].tolist()


def test_a_row_is_the_image_it_names(say: Say, copied: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    answer(say, "score", copied, "digits", "--limit", 9, "--samples", 2, "--seed", 4, "--split", "train", "--out", out)
    rows, loaded = parquet.read_table(out).to_pydict(), load(copied)
    data = load_data(loaded.recipe.data)
    assert rows["label"] == [data.class_names[k] for k in data.train.labels[rows["index"]]]
    x = next(in_order(data, "train", limit=9))
    assert np.array_equal(x.numpy(), data.train.rows(np.array(rows["index"])).numpy() / np.float32(16))
    assert rows["bound"] == pytest.approx(bounds(loaded.model, x, 2, seed=4).bound.tolist())


def test_people_read_it_and_a_folder_may_be_named(say: Say, copied: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for i in range(12):
        Image.fromarray(np.random.default_rng(i).integers(256, size=(10, 12), dtype=np.uint8)).save(
            folder / f"{i}.png"
        )
    seen = ("--data.levels", 17, "--data.size", 8)
    refused = say("score", copied, "digits", "--against", folder)
    assert refused.status == 2 and f"{folder} has 10 x 12, grey, 256 levels" in refused.err
    assert "--data.size, --data.channels and --data.levels change them" in refused.err
    said = say("score", copied, "digits", "--against", folder, *seen, "--limit", 20, "--samples", 2)
    assert said.status == 0, said.err
    assert "AUROC ± standard error" in said.out and str(folder) in said.out and "llr_2" in said.out
    assert "AUROC" not in say("score", copied, "digits", "--limit", 3, "--samples", 1).out


def test_images_of_a_folder_are_called_by_their_files(say: Say, copied: Path, tmp_path: Path) -> None:
    """`score` and `encode` on a folder: the file that a row names is the image that it is about."""
    folder = tmp_path / "mine"
    for i in range(30):
        place = folder / "ab"[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 8 * i, np.uint8)).save(place / f"grau-ß {i}.png")
    seen, files = ("--data.levels", 17), {path.relative_to(folder).as_posix() for path in folder.glob("*/*.png")}
    out, codes = tmp_path / "scores.parquet", tmp_path / "codes.parquet"
    found = answer(say, "score", copied, folder, *seen, "--split", "train", "--samples", 2, "--out", out)
    rows = parquet.read_table(out).to_pydict()
    assert set(rows["file"]) <= files and len(set(rows["file"])) == len(rows["file"]) > 20
    assert [file.split("/")[0] for file in rows["file"]] == rows["label"]
    strangest = np.argsort(np.array(rows["bound"]))[:5]
    assert found["strangest"]["-bound"] == [rows["file"][i] for i in strangest]
    answer(say, "encode", copied, folder, *seen, "--out", codes)
    table = parquet.read_table(codes).to_pydict()
    assert set(table["file"]) == files
    loaded = load(copied)
    for file, code in zip(table["file"], table["level_1"], strict=True):
        x = torch.full((1, 1, 8, 8), (8 * int(file.split()[1][:-4])) * 17 // 256 / 16)
        assert code == pytest.approx(loaded.model.encode(x)[0].z[0].tolist(), abs=1e-5)


WRONG = {
    "images of another size": (("digits", "--data.size", "9"), "9 x 9"),
    "unknown source": (("digits", "--against", "flippped"), "no source 'flippped'"),
    "named twice": (("digits", "--against", "noise", "noise"), "noise is named twice"),
    "of no format": (("digits", "--out", "scores.csv"), "ends in .parquet"),
    "no place": (("digits", "--out", "nowhere/scores.parquet"), "no folder nowhere"),
    "no samples": (("digits", "--samples", "0"), "1 or more"),
    "no source": ((), "SOURCE must be given"),
}


@pytest.mark.parametrize(("words", "told"), WRONG.values(), ids=WRONG)
def test_wrong_use(words: tuple[str, ...], told: str, say: Say, copied: Path, tmp_path: Path) -> None:
    before = everything_in(tmp_path)
    said = say("score", copied, *words)
    assert (said.status, said.out) == (2, "")
    assert told in said.err and said.err.count("\n") == 1 and len(said.err) < 300
    assert everything_in(tmp_path) == before
