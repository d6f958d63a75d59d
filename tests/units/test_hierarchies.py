"""What is said of several trainings: over seeds, of the top level, of alignment."""

from types import SimpleNamespace

import pytest

from stratiform.reproduce.hierarchies import Member, _led, _over_seeds, _said


def member(name: str, seed: int, alignment: float | None, pixels: tuple[float, ...], kl: float = 1.0) -> Member:
    levels = [{"factors": {"pixels": {"control": share, "control_stderr": 0.01}}} for share in pixels]
    run = SimpleNamespace(count=len(pixels), bound={"levels": [{"kl": kl}]})
    return Member(name, seed, run, {"levels": levels, "alignment": alignment})


def test_numbers_are_gathered_level_by_level_over_seeds() -> None:
    rows = [["a", seed, level, 10.0 * level + seed, None] for seed in (0, 2) for level in (1, 2)]
    assert _over_seeds(rows) == [["a", 1, "11.000 ± 1.414", "–"], ["a", 2, "21.000 ± 1.414", "–"]]


@pytest.mark.parametrize(
    ("tops", "said"),
    [((0.9, 0.8), "confirmed"), ((0.1, 0.2), "refuted"), ((0.9, 0.1), "not decided"), ((0.51, 0.9), "not decided")],
)
def test_the_top_level_must_lead_the_best_of_the_others_in_every_training(tops: tuple[float, ...], said: str) -> None:
    own = [member("hvae", seed, 0.1, (0.5, 0.2, top), kl=0.01) for seed, top in enumerate(tops)]
    unused, lead = _said([*own, member("vae", 0, 0.1, (1.0,))])
    assert unused == "hvae: the top level is unused (below 0.1 nats) in 2 of 2 runs."
    assert lead.endswith(f": {said}.")


def test_alignment_is_compared_over_seeds() -> None:
    claimed = [member("vlae", seed, 0.6 + 0.01 * seed, (0.5, 0.5)) for seed in range(3)]
    other = [member("hvae", seed, 0.2 + 0.01 * seed, (0.5, 0.5)) for seed in range(3)]
    unknown = [member("odd", seed, None, (0.5, 0.5)) for seed in range(3)]
    (said,) = _led([*claimed, *other, *unknown], "vlae")
    assert said == "alignment, vlae above hvae: +0.400 ± 0.023: confirmed."
    (alone,) = _led([claimed[0], other[0]], "vlae")
    assert alone.endswith("± ?: not decided.")
