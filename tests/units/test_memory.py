"""Freed memory stays with the process."""

from __future__ import annotations

import subprocess
import sys

import pytest

FAULTS = """
import resource, numpy
from stratiform.cli.memory import keep_freed
{first}
for round in range(20):
    if round == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    [numpy.ones(2**21, dtype=numpy.int8) for _ in range(8)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(first: str) -> int:
    """Pages asked of the system for eight arrays of 2 MiB, made again and again, after the first time."""
    code = FAULTS.format(first=first)
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="of glibc's allocator")
def test_arrays_made_again_and_again_ask_the_system_for_their_pages_once() -> None:
    assert faults("keep_freed()") < 0.1 * faults("")
