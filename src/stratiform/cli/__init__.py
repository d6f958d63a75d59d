"""The command line: which commands there are, how each ends. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Command:
    """One command: `module` of this package holds the class `class_name`, whose fields are its flags."""

    usage: str
    about: str
    module: str
    class_name: str


COMMANDS = {
    "demo": Command("", "train on the built-in digits, measure, write a report: everything, offline", "demo", "Demo"),
    "recipes": Command("", "what can be trained, how long it takes, what number to expect", "train", "Recipes"),
    "datasets": Command("[NAME]", "what there is to train on; NAME: what it holds", "sources", "Datasets"),
    "train": Command("RECIPE", "train; the same command again goes on where it stopped", "train", "Train"),
    "plan": Command("RECIPE", "memory, disk and hours of a training, from twenty of its steps", "plan", "Plan"),
    "evaluate": Command("RUN", "bounds on log p(x), bits per dimension, KL of each level", "measure", "Evaluate"),
    "levels": Command("RUN", "which level knows, and which controls, each factor", "learnt", "Levels"),
    "measures": Command("RUN", "MIG, SAP, DCI, probes, clusters: how levels hold factors", "measured", "Measure"),
    "compare": Command("RUN...", "runs of the same images side by side, with paired errors", "compare", "Compare"),
    "report": Command("RUN", "RUN/report.html: one page with pictures, tables and curves", "learnt", "MakeReport"),
    "card": Command("RUN [--verify]", "RUN/README.md: the model's card; --verify: is it true?", "card", "Card"),
    "explore": Command(
        "RUN...", "the live page: see, steer and edit every level in the browser", "explore", "Explore"
    ),
    "sample": Command("RUN", "pictures drawn from the model", "pictures", "Sample"),
    "sweep": Command("RUN [--level K]", "what changes when only level K changes", "pictures", "Sweep"),
    "reconstruct": Command("RUN [--keep-top K]", "images rebuilt from their K top levels", "pictures", "Reconstruct"),
    "mix": Command("RUN A.png B.png", "two images, each with upper levels of the other", "exploring", "Mix"),
    "paint": Command("RUN", "one code and many images, many codes and one noise of the pixels", "paint", "Paint"),
    "gibbs": Command("RUN", "chains of z ~ q(z | x), x ~ p(x | z), from data, noise or samples", "exploring", "Gibbs"),
    "inpaint": Command(
        "RUN IMAGE", "an image whose hidden part is drawn anew: completions, where they differ", "inpaint", "Inpaint"
    ),
    "impute": Command(
        "RUN...", "log p(hidden | known) over a split, beside other runs and what needs no model", "impute", "Impute"
    ),
    "components": Command("RUN", "what the components of a mixture prior hold, and draw", "components", "Components"),
    "encode": Command("RUN SOURCE", "the code of every image of a source, level by level", "sources", "Encode"),
    "score": Command("RUN SOURCE", "how strange each image of a source is; AUROC against others", "score", "Score"),
    "reproduce": Command("[NAME]", "the papers' results: claim, minutes, what came of it", "reproduce", "Reproduce"),
    "check": Command("RUN", "the laws of probability on a trained run, as ticks", "measure", "Check"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status: 0 done, 1 failed, 2 wrong use, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if arguments[0] in ("-V", "--version"):
        from stratiform import __version__

        print(f"stratiform {__version__}")
        return 0
    # Read when torch is loaded: how long a thread that waits for others spins before it sleeps. Long, and two programs
    # on the same two cores slow each other down fivefold; not at all, and one alone takes 1.5 times as long.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    from stratiform.cli.ending import ended
    from stratiform.cli.memory import keep_freed

    keep_freed()
    return ended(arguments, _run)


def _run(arguments: list[str]) -> int:
    from stratiform.cli.arguments import nearest, parse

    name, *rest = arguments
    if name not in COMMANDS:
        raise nearest("command", name, COMMANDS, "stratiform --help lists them")
    command = COMMANDS[name]
    options = parse(getattr(import_module(f"stratiform.cli.{command.module}"), command.class_name), name, rest)
    return 0 if options is None else options.answer()


def _help() -> str:
    width = max(len(f"{name} {command.usage}") for name, command in COMMANDS.items())
    rows = [f"  {f'{name} {command.usage}':{width}}  {command.about}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: stratiform COMMAND ...",
            "",
            "Layered latent features from unlabelled images: train, measure, and see what each level learnt.",
            "",
            *rows,
            "",
            "Every command takes --help, --json (one JSON object on standard output), --seed and --debug.",
            "Start with: stratiform demo",
        ]
    )
