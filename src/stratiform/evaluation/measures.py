"""All representation measures of a trained model, for each level's code and for all levels joined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from stratiform.core.model import LatentModel
from stratiform.data.batches import in_order
from stratiform.data.split import Data, chosen
from stratiform.errors import UserError
from stratiform.evaluation.bootstrap import RESAMPLES, Estimate
from stratiform.evaluation.cluster import Agreement, agreement
from stratiform.evaluation.codes import codes_and_kl
from stratiform.evaluation.disentangle import DCI, SHARED, FactorVAE, Gap, dci, factor_vae, mig, sap
from stratiform.evaluation.factors import Factor, of_images, unmeasured
from stratiform.evaluation.information import information
from stratiform.evaluation.labelled import LEAST, active, lone, usable
from stratiform.evaluation.probe import PROBES, Score

WIDE = 128  # units; beyond, forests take hours, and no one reads single units


@dataclass(frozen=True, kw_only=True)
class UnitMeasures:
    """How the units of one code share the factors."""

    mig: Gap
    sap: Gap
    dci: DCI
    factor_vae: FactorVAE


@dataclass(frozen=True, kw_only=True)
class FactorMeasures:
    """What one code as a whole says of one factor."""

    kind: str  #: class, number or angle
    information: Estimate  #: nats
    probes: Mapping[str, Score]  #: neighbours, linear, mlp
    clusters: Agreement | None  #: of classes


@dataclass(frozen=True, kw_only=True)
class CodeMeasures:
    """One code: a level, 1 (nearest the image) to L, or all of them joined (None)."""

    level: int | None
    units: int
    active_units: int  #: the measures are of these alone
    by_unit: UnitMeasures | None  #: None without active units, or with too many
    factors: Mapping[str, FactorMeasures]  #: empty without active units


@dataclass(frozen=True, kw_only=True)
class Measures:
    """The outcome of `measures`."""

    images: int
    resamples: int
    seed: int
    notes: tuple[str, ...]  #: what was left out, one line each
    levels: tuple[CodeMeasures, ...]
    together: CodeMeasures | None  #: None for a single level

    def to_json(self) -> dict[str, Any]:
        """As `measures --json` prints it: null where a number has no meaning, no NaN."""
        return asdict(self)


def measures(
    model: LatentModel,
    data: Data,
    *,
    split: Literal["train", "test"] = "test",
    limit: int = 2000,
    resamples: int = RESAMPLES,
    seed: int = 0,
    split_code: int | None = None,
) -> Measures:
    """The measures of a trained model's posterior means, with the factors that `levels` takes.

    Args:
        limit: images, at most.
        resamples: behind each standard error; 0: none.
        seed: of folds, halves, resamples, and of what starts at random.
        split_code: read the code of a one-level model as so many levels.

    Raises:
        UserError: there are no levels, too few images, or no factor that says anything.
    """
    if not len(model.hierarchy.levels):
        raise UserError("this model has no levels, so there is no representation to measure")
    source = data.train if split == "train" else data.test
    source = source.take(chosen(len(source), limit))
    if len(source) < LEAST:
        raise UserError(f"{len(source)} images are too few to measure a representation on; {LEAST} are needed")
    codes, _ = codes_and_kl(model, in_order(data, split, limit=limit, seed=seed), seed=seed, split_code=split_code)
    return measures_of(codes, of_images(source, data.grid), source.labels, resamples=resamples, seed=seed)


def measures_of(
    codes: Sequence[np.ndarray],
    factors: Mapping[str, Factor],
    labels: np.ndarray | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Measures:
    """The measures of codes [N, d], bottom -> top, with factors [N]; what cannot be measured is left out and noted.

    Args:
        labels: [N] classes, whose means are taken out for the probes' `within`.
    """
    kept, notes = usable(factors)
    if not kept:
        raise UserError(f"there is nothing to measure: {'; '.join(notes) or 'no factor is known of these images'}")
    whole = [(i, code) for i, code in enumerate(codes, start=1)]
    joined = [(None, np.concatenate(list(codes), 1))] if len(codes) > 1 else []
    found = [_of_code(level, code, kept, labels, resamples, seed) for level, code in [*whole, *joined]]
    return Measures(
        images=len(codes[0]),
        resamples=resamples,
        seed=seed,
        notes=(*unmeasured(kept), *notes, *_alone(kept), *_rare(found), *_idle(found)),
        levels=tuple(found[: len(codes)]),
        together=found[-1] if joined else None,
    )


def _of_code(
    level: int | None,
    code: np.ndarray,
    factors: Mapping[str, Factor],
    labels: np.ndarray | None,
    resamples: int,
    seed: int,
) -> CodeMeasures:
    units = active(code)
    kept, again = {level: units}, {"resamples": resamples, "seed": seed}
    each, by_unit = {}, None
    if units.shape[1]:
        shared = information(kept, factors, **again)[level]
        classes = {name: factor for name, factor in factors.items() if factor.kind == "class"}
        clusters = agreement(kept, classes, **again)[level] if classes else {}
        probes = {name: probe(units, seed=seed) for name, probe in PROBES.items()}
        each = {
            name: FactorMeasures(
                kind=factor.kind,
                information=shared[name],
                probes={kind: probe(factor, labels) for kind, probe in probes.items()},
                clusters=clusters.get(name),
            )
            for name, factor in factors.items()
        }
    if 0 < units.shape[1] <= WIDE:
        by_unit = UnitMeasures(
            mig=mig(kept, factors, **again)[level],
            sap=sap(kept, factors, **again)[level],
            dci=dci(kept, factors, **again)[level],
            factor_vae=factor_vae(kept, factors, **again)[level],
        )
    return CodeMeasures(level=level, units=code.shape[1], active_units=units.shape[1], by_unit=by_unit, factors=each)


def _alone(factors: Mapping[str, Factor]) -> Iterator[str]:
    for name, factor in factors.items():
        if count := int(lone(factor).sum()):
            yield f"{name}: {count} images are alone in their class (left out of its mutual information)"


def _rare(found: Sequence[CodeMeasures]) -> Iterator[str]:
    for name, count in next((c.by_unit.factor_vae.left_out for c in found if c.by_unit), {}).items():
        yield f"{name}: {count} images whose value fewer than {SHARED} share (left out of FactorVAE's score)"


def _idle(found: Sequence[CodeMeasures]) -> Iterator[str]:
    for code in found:
        name = "all levels" if code.level is None else f"level {code.level}"
        if code.active_units < code.units:
            yield f"{name}: {code.units - code.active_units} of {code.units} units are not in use (left out)"
        if code.active_units > WIDE:
            yield f"{name}: {code.active_units} units are too many to tell apart (MIG, SAP, DCI, FactorVAE left out)"
