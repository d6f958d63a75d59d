import json
import pickle
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from stratiform.errors import Failed, UserError
from stratiform.training.tensors import read_notes, read_tensors, write_tensors

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(7)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file.safetensors"
    write_tensors(path, TENSORS, {"step": "3"})
    return path


def test_what_is_written_is_read(path: Path):
    assert read_notes(path) == {"step": "3"}
    read = read_tensors(path, TENSORS)
    assert all(torch.equal(read[name], TENSORS[name]) for name in TENSORS)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_cut_anywhere_is_refused(path: Path):
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match="damaged") as error:
            read_tensors(path, TENSORS)
        assert "\n" not in str(error.value)


def test_a_pickle_is_refused_unread(path: Path):
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return pytest.fail, ("it was unpickled",)

    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UserError, match="damaged"):
        read_tensors(path, TENSORS)
    torch.save(TENSORS, path)
    with pytest.raises(UserError, match="damaged"):
        read_tensors(path, TENSORS)


def test_a_header_that_lies_is_refused(path: Path):
    header = json.dumps({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 4)
    with pytest.raises(UserError, match="damaged"):
        read_tensors(path, TENSORS)
    path.write_bytes(struct.pack("<Q", 2**60) + b"{}")
    with pytest.raises(UserError, match="damaged"):
        read_tensors(path, TENSORS)


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"a": TENSORS["a"]}, "lacks tensor b"),
        ({**TENSORS, "c": torch.zeros(1)}, "holds the unknown tensor c"),
        ({**TENSORS, "a": torch.zeros(3, 2)}, r"float32 \[3, 2\]; this model needs float32 \[2, 3\]"),
        ({**TENSORS, "a": TENSORS["a"].double()}, "float64"),
        ({**TENSORS, "a": torch.full((2, 3), torch.nan)}, "not finite"),
        ({**TENSORS, "a": torch.full((2, 3), -torch.inf)}, "not finite"),
    ],
)
def test_other_tensors_are_refused_by_name(path: Path, held: dict[str, torch.Tensor], said: str):
    save_file(held, path)
    with pytest.raises(UserError, match=said):
        read_tensors(path, TENSORS)


def test_a_missing_file_says_so(tmp_path: Path):
    with pytest.raises(UserError, match="does not exist; train first"):
        read_tensors(tmp_path / "none", TENSORS)


def test_a_failed_write_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch):
    before = path.read_bytes()
    with pytest.raises(Failed, match="cannot write"):
        write_tensors(path.parent / "no folder" / "file", TENSORS, {})
    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(Failed, match="No space left"):
        write_tensors(path, {"a": torch.zeros(1)}, {})
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")
