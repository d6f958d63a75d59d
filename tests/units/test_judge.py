"""The judge learns what can be read, says what cannot, and is kept for the set it was made for."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from stratiform.data.config import DataConfig
from stratiform.data.split import Data, Split
from stratiform.evaluation import judge as judging
from stratiform.evaluation.judge import judge_of
from stratiform.spec import ImageSpec


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(judging, "STEPS", 100)


def bars(count: int = 400, **changes) -> Data:
    """A bright row at a height that is the label, its brightness a number."""

    def split(seed: int) -> Split:
        rng = np.random.default_rng(seed)
        labels, ink, luck = rng.integers(0, 4, count), rng.uniform(100, 255, count), rng.normal(size=count)
        images = np.zeros((count, 1, 9, 7), np.uint8)
        images[np.arange(count), 0, 2 * labels] = ink[:, None]
        ink[:20] = np.nan
        classes = {"fixed": np.zeros(count, int), "serial": np.arange(count), "far": 5 - 10**9 * labels}
        return Split(images, labels, {"ink": ink, "luck": luck, **classes})

    data = Data(DataConfig(), ImageSpec(1, 9, 7, 256), 256, split(0), split(1), tuple("abcd"), (), "bars")
    return replace(data, **changes)


def test_it_reads_what_is_there_and_says_what_is_not():
    judge = judge_of(bars())
    assert judge.skill["label"] > 0.95 and judge.skill["ink"] > 0.8 and judge.skill["luck"] < 0.2
    assert judge.readable("label") and judge.readable("ink") and not judge.readable("luck")
    assert judge.skill["far"] > 0.9 and "fixed" not in judge.skill and "serial" not in judge.skill
    images = torch.zeros(2, 1, 9, 7)
    images[0, :, 0], images[1, :, 6] = 0.8, 0.6
    read = judge.read(images)
    assert read["label"].tolist() == [0, 3] and read["far"].tolist() == [5, 5 - 3 * 10**9]
    assert read["ink"][:, 0] == pytest.approx([204, 153], abs=30)


def test_hues_are_read_as_points_of_a_circle():
    data = bars()
    turn = [Split(s.images, None, {"ink_hue": (s.labels / 4 - 0.02) % 1.0}) for s in (data.train, data.test)]
    judge = judge_of(bars(train=turn[0], test=turn[1]))
    assert judge.skill["ink_hue"] > 0.9
    assert judge.read(torch.zeros(1, 1, 9, 7))["ink_hue"].shape == (1, 2)


def test_nothing_to_read_needs_no_judge():
    data = bars()
    bare = Split(data.train.images, None, {})
    assert judge_of(bars(train=bare, test=bare)) is None


def test_it_is_kept_and_read_again(tmp_path, monkeypatch):
    file, images = tmp_path / "judge.safetensors", torch.rand(5, 1, 9, 7)
    made = judge_of(bars(), file)
    monkeypatch.setattr(judging, "_trained", None)
    kept = judge_of(bars(), file)
    assert kept.skill == made.skill
    assert all(np.array_equal(kept.read(images)[name], made.read(images)[name]) for name in made.skill)


@pytest.mark.parametrize("spoil", ["other data", "other seed", "cut short", "not ours"])
def test_another_judge_is_not_taken_for_it(spoil, tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "STEPS", 3)
    file = tmp_path / "judge.safetensors"
    judge_of(bars(fingerprint="other" if spoil == "other data" else "bars"), file, seed=spoil == "other seed")
    if spoil == "cut short":
        file.write_bytes(file.read_bytes()[:1000])
    if spoil == "not ours":
        file.write_bytes(b"hello")
    before = file.read_bytes()
    made = judge_of(bars(), file)
    assert file.read_bytes() != before
    assert judge_of(bars(), file).skill == made.skill


def test_training_leaves_the_random_numbers_of_others_alone(monkeypatch):
    monkeypatch.setattr(judging, "STEPS", 3)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    judge_of(bars())
    assert torch.equal(torch.rand(3), expected)
