"""A model's card: `card`."""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import FlagCreatePairsOff

from stratiform.cli.options import Answer
from stratiform.cli.runs import OnRun
from stratiform.cli.tables import cell, table
from stratiform.hub.card import PAGE, write_card
from stratiform.hub.recomputed import verified


@dataclass(frozen=True, kw_only=True)
class Card(OnRun):
    """RUN/README.md: what the model is, its numbers with errors, its pictures, its limits; or whether that is true."""

    verify: FlagCreatePairsOff[bool] = False
    """Compute the numbers of the card again, and say which differ; exit status 1 where one does."""

    def work(self) -> Answer:
        if self.verify:
            return self._verified()
        numbers = write_card(self.run, seed=self.seed or 0)
        path = self.run / PAGE
        return Answer({"card": path, **numbers}, (f"card: {path}",))

    def _verified(self) -> Answer:
        entries = verified(self.run)
        wrong = [entry for entry in entries if not entry.same]
        values = {"ok": not wrong, "compared": len(entries), "differ": [vars(entry) for entry in wrong]}
        rows = [[entry.name, cell(entry.card), cell(entry.now)] for entry in wrong]
        told = f"{len(entries)} numbers computed again, {len(wrong) or 'none'} of them differ{'' if wrong else 's'}"
        shown = (table(["differs", "card", "now"], rows), "") if wrong else ()
        return Answer(values, (*shown, told), ok=values["ok"])
