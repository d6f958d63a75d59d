"""Held-out images and limits."""

import numpy as np

from stratiform.data.split import Split, chosen, held_out, pack


def test_a_tenth_is_held_out_and_equal_files_stay_together() -> None:
    digests = np.random.default_rng(0).integers(0, 2**64, 20_000, dtype=np.uint64)
    test = held_out(digests)
    assert abs(test.mean() - 0.1) < 0.01
    assert (held_out(np.concatenate([digests, digests])) == np.concatenate([test, test])).all()
    assert (held_out(digests[:100]) == test[:100]).all(), "does not depend on the others"


def test_both_sides_get_an_image_as_soon_as_there_are_two() -> None:
    low, high = np.uint64(3), np.uint64(2**63)
    assert held_out(np.array([high, high + np.uint64(1)])).tolist() == [True, False]
    assert held_out(np.array([low, low + np.uint64(1)])).tolist() == [True, False]
    assert held_out(np.array([low, low])).tolist() == [False, False], "an only image is for training"
    assert held_out(np.array([], np.uint64)).tolist() == []


def test_a_limit_chooses_over_the_whole_range_and_in_order() -> None:
    few = chosen(10_000, 100)
    assert len(set(few)) == 100 and (np.diff(few) > 0).all()
    assert few.min() < 1000 and few.max() > 9000
    assert set(few) < set(chosen(10_000, 200)), "a larger limit keeps the images of a smaller one"
    assert chosen(5, None).tolist() == chosen(5, 9).tolist() == [0, 1, 2, 3, 4]


def test_rows_and_take() -> None:
    images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)
    split = Split(images, np.arange(6), {"age": np.linspace(0, 1, 6)})
    assert split.rows(np.array([4, 1])).flatten().tolist() == [4, 1]
    few = split.take(np.array([2, 5]))
    assert (len(few), few.labels.tolist(), few.factors["age"].tolist()) == (2, [2, 5], [0.4, 1.0])
    assert split.names(np.array([0])) is few.names(np.array([0])) is None


def test_names_of_files_come_back() -> None:
    names = ["a.png", "sub/größer.jpg", "", "\udcff.png"]
    split = Split(np.zeros((4, 1, 1, 1), np.uint8), None, {}, pack(names))
    assert split.names(np.array([1, 0, 2])) == [names[1], names[0], names[2]]
    assert split.names(np.array([3])) == ["?.png"], "what is no text"
    assert split.take(np.array([1, 3])).names(np.array([0])) == [names[1]]
    assert pack([]).shape[0] == 0
