"""pytest: `@pytest.mark.laws(make)` turns a test into one test per law, of a model that `make` builds.

    @pytest.mark.laws(mine=make)           # make() -> (LatentModel or Claims, ImageSpec)
    def test_my_model(law):
        law()

A law that does not apply is skipped with its reason; one that is broken fails with one line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

MARK = "laws(name=make, ...): one test per law of probability and model; make() gives (model, ImageSpec)"


@dataclass(frozen=True)
class Trial:
    """A law about to be tried on a model."""

    try_it: Callable[[], Any]

    def __call__(self) -> None:
        found = self.try_it()
        if not found.applies:
            pytest.skip(found.detail)
        if not found.ok:
            pytest.fail(f"{found.name}: {found.detail}", pytrace=False)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARK)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marks = list(metafunc.definition.iter_markers("laws"))
    if not marks:
        return
    if not all(mark.kwargs and not mark.args for mark in marks):
        raise pytest.UsageError(f"{metafunc.definition.name}: name what is tried, as in pytest.mark.laws(mine=make)")
    if "law" not in metafunc.fixturenames:
        raise pytest.UsageError(
            f"{metafunc.definition.name} is marked `laws`; give it the argument `law`, and call it"
        )
    from stratiform.evaluation.check import trials

    made = [(name, trials(*make())) for mark in marks for name, make in mark.kwargs.items()]
    found = [(f"{who}: {law}", Trial(try_it)) for who, laws in made for law, try_it in laws.items()]
    metafunc.parametrize("law", [trial for _, trial in found], ids=[name for name, _ in found])
