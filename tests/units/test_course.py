"""The bound of a run over its training, by step and by second."""

import json
from pathlib import Path

import pytest

from stratiform.reproduce.course import Course, pace
from stratiform.training.run import Run
from tiny import tiny


def written(path: Path, log: list[dict], timing: list[tuple[int, float, int]]) -> Run:
    times = [{"step": step, "seconds": seconds, "from_step": first} for step, seconds, first in timing]
    for name, lines in (("log", log), ("timing", times)):
        (path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Run(path, tiny())


def test_the_course_is_what_the_log_tells_of_the_test_images(tmp_path: Path) -> None:
    log = [{"step": step, "loss": 1.0} for step in (5, 10, 15, 20)]
    log += [{"step": step, "test": {"elbo": -float(step)}} for step in (10, 20)]
    course = Course.of(written(tmp_path, log, [(20, 4.0, 0)]))
    assert course == Course((10, 20), (-10.0, -20.0), pytest.approx(0.2))
    assert course.seconds == pytest.approx((2.0, 4.0))


def test_the_pace_is_that_of_the_undisturbed_intervals(tmp_path: Path) -> None:
    quiet = [(50 * i, 10.0 * i, 0) for i in range(1, 5)]
    busy = [(200 + 50 * i, 40.0 + 90.0 * i, 0) for i in range(1, 7)]
    resumed = [(450, 30.0, 400), (500, 60.0, 400)]
    assert pace(written(tmp_path, [], quiet + busy + resumed)) == pytest.approx(0.2)
    assert pace(written(tmp_path, [], [])) == 0.0


def test_the_beginning_can_be_left_out(tmp_path: Path) -> None:
    course = Course((1, 2, 3, 10), (-4.0, -3.0, -2.0, -1.0), 0.5)
    assert course.after(0.25) == Course((3, 10), (-2.0, -1.0), 0.5)
    assert course.after(0.0) == course
    assert Course.of(written(tmp_path, [], [])).after(0.1) == Course((), (), 0.0)
