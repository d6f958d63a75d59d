"""`stratiform measures` on a trained run: what it prints, what it keeps, what it refuses."""

import json
from pathlib import Path

from system.conftest import Say

WORDS = ("--limit", 60, "--resamples", 2)


def test_measures_of_each_level_and_of_all(say: Say, copied: Path) -> None:
    said = say("measures", copied, *WORDS, "--json")
    assert said.status == 0, said.err
    found = json.loads(said.out)
    assert found.keys() >= {"recipe", "data", "split", "images", "resamples", "seed", "notes", "levels", "together"}
    assert (found["images"], found["split"], found["resamples"]) == (60, "test", 2)
    assert [code["level"] for code in [*found["levels"], found["together"]]] == [1, 2, 3, None]
    together = found["together"]
    assert together["units"] == sum(code["units"] for code in found["levels"])
    for name, factor in together["factors"].items():
        assert factor["probes"].keys() == {"neighbours", "linear", "mlp"}
        assert factor["information"]["value"] is not None
        assert (factor["clusters"] is not None) == (factor["kind"] == "class"), name
    assert together["by_unit"].keys() == {"mig", "sap", "dci", "factor_vae"}
    assert together["by_unit"]["mig"]["mean"].keys() == {"value", "stderr"}
    assert json.loads((copied / "metrics.json").read_text())["measures"] == found


def test_measures_for_people(say: Say, copied: Path) -> None:
    people = say("measures", copied, "--limit", 60, "--resamples", 0)
    assert people.status == 0, people.err
    for word in ("level 3", "all", "MIG", "FactorVAE", "thickness", "NEAREST NEIGHBOURS: accuracy", "CLUSTERS"):
        assert word in people.out
    assert "(chance 0." in people.out and "nan" not in people.out


def test_too_few_images_and_one_resample_are_refused(say: Say, copied: Path) -> None:
    for words, told in ((("--limit", 20), "20 images are too few"), (("--resamples", 1), "2 or more, or 0")):
        said = say("measures", copied, *words)
        assert (said.status, said.out) == (2, "") and told in said.err and said.err.count("\n") == 1
        assert not (copied / "metrics.json").exists() or "measures" not in (copied / "metrics.json").read_text()
