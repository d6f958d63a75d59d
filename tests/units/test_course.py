"""The bound of a run over its training, and what a step costs."""

import json
import time
from pathlib import Path

import torch

from stratiform.data.batches import Batches
from stratiform.data.source import load as load_data
from stratiform.reproduce.course import Course, pace
from stratiform.training.run import Run
from tiny import tiny


def test_the_course_is_what_the_log_tells_of_the_test_images(tmp_path: Path) -> None:
    lines = [{"step": step, "loss": 1.0} for step in (5, 10, 15, 20)]
    lines += [{"step": step, "test": {"elbo": -float(step)}} for step in (10, 20)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert Course.of(Run(tmp_path, tiny())) == Course((10, 20), (-10.0, -20.0))


def test_the_beginning_can_be_left_out(tmp_path: Path) -> None:
    course = Course((1, 2, 3, 10), (-4.0, -3.0, -2.0, -1.0))
    assert course.after(0.25) == Course((3, 10), (-2.0, -1.0))
    assert course.after(0.0) == course
    assert Course.of(Run(tmp_path, tiny())).after(0.1) == Course((), ())


def test_the_pace_is_of_the_processor_and_does_not_count_waiting(cache: Path, monkeypatch) -> None:
    data, before, at = load_data(tiny().data), torch.get_rng_state(), Batches.at
    monkeypatch.setattr(Batches, "at", lambda batches, step: time.sleep(0.01) or at(batches, step))
    assert 0.0 < pace(tiny(), data) < 0.01
    assert torch.equal(torch.get_rng_state(), before)
    clock = iter(range(10**6))
    monkeypatch.setattr(time, "process_time", lambda: float(next(clock)))
    assert pace(tiny(), data) == 1.0
