"""The bound of a run over its training, by step and by second."""

import json
from pathlib import Path

from stratiform.reproduce.course import Course
from stratiform.training.run import Run
from tiny import tiny


def written(path: Path, log: list[dict], timing: list[dict]) -> Run:
    for name, lines in (("log", log), ("timing", timing)):
        (path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Run(path, tiny())


def test_seconds_are_those_of_all_sittings_until_then(tmp_path: Path) -> None:
    log = [{"step": step, "loss": 1.0} for step in (5, 10, 15, 20)]
    log += [{"step": step, "test": {"elbo": -float(step)}} for step in (10, 20)]
    timing = [(5, 1.0, 0), (10, 2.0, 0), (15, 3.0, 0), (15, 4.0, 10), (20, 5.0, 10)]  # stopped at 15, went on from 10
    run = written(tmp_path, log, [{"step": a, "seconds": b, "from_step": c} for a, b, c in timing])
    assert Course.of(run) == Course((10, 20), (2.0, 8.0), (-10.0, -20.0))


def test_the_beginning_can_be_left_out(tmp_path: Path) -> None:
    course = Course((1, 2, 3, 10), (1.0, 2.0, 3.0, 10.0), (-4.0, -3.0, -2.0, -1.0))
    assert course.after(0.25) == Course((3, 10), (3.0, 10.0), (-2.0, -1.0))
    assert course.after(0.0) == course
    assert Course.of(written(tmp_path, [], [])).after(0.1) == Course((), (), ())
