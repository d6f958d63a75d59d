from pathlib import Path

import pytest

from stratiform.errors import Failed
from stratiform.training.log import Log, read_log


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "log.jsonl"
    log = Log(path, until=0)
    for step in (2, 4, 4, 6):
        log.write({"step": step, "value": 0.1 * step})
    return path


def test_lines_come_back(path: Path):
    assert [line["step"] for line in read_log(path)] == [2, 4, 4, 6]
    assert read_log(path)[0]["value"] == 0.2
    assert read_log(path.with_name("none")) == []


def test_going_on_drops_later_lines_and_keeps_the_rest_bit_for_bit(path: Path):
    whole = path.read_bytes().splitlines(keepends=True)
    Log(path, until=4)
    assert path.read_bytes() == b"".join(whole[:3])


def test_a_log_cut_anywhere_is_cut_back_to_its_whole_lines(path: Path):
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        Log(path, until=6)
        assert path.read_bytes() == whole[: whole.rfind(b"\n", 0, length) + 1]


def test_nan_is_never_written(path: Path):
    with pytest.raises(ValueError, match="JSON"):
        Log(path, until=6).write({"step": 7, "value": float("nan")})


def test_a_full_disk_is_a_failure_with_one_line(path: Path):
    log = Log(path, until=6)
    log.path = Path("/dev/full")
    with pytest.raises(Failed, match=r"^cannot write /dev/full: No space left on device; .*intact$"):
        log.write({"step": 8})
