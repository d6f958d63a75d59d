"""The explorer under a hand and under a crowd.

Drag: a pad is dragged in headless Chromium; of every movement of the pointer, the time from when the browser was told
of it (the event's own timestamp, not when the page heard of it) until the page has painted the first frame that shows
its pixels or those of a newer one (the newest wins: how many were drawn is told). A frame is painted when the message
comes that its animation callback sent: messages wait for style, layout and paint; only what the compositor then does
is not in it. Crowd: clients that each ask
for the next picture as soon as they have the last one, and every tenth time for eight neighbours: errors, pictures a
second, and the memory of the server before they come, after a tenth of the time (torch has its buffers then) and at
the end.

Without a run: VLAE as in the recipe vlae-mnist on 28 x 28 images, and MatNet as in matnet-small and in matnet-cifar10
(its published size) on 32 x 32 in colour, all with the weights that training begins with; how fast they are does not
depend on the weights. Each has a server of its own.

    python benchmarks/explorer.py [RUN ...] [--moves 200] [--clients 30] [--seconds 60] [--json]
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import torch
from playwright.sync_api import sync_playwright

from stratiform.data.config import DataConfig
from stratiform.data.source import load
from stratiform.recipes import RECIPES
from stratiform.training.recipe import Recipe
from stratiform.training.run import Run

LISTEN = """() => {
  const canvas = document.querySelector("canvas.live");
  const moves = [], late = [], asked = new Map();
  let seen = 0, drawn = 0;
  window.told = () => ({ late, movements: moves.length, drawn });
  addEventListener("pointermove", (event) => event.buttons && moves.push(event.timeStamp), true);
  const fetched = window.fetch;
  window.fetch = (path, options) => {
    if (path.endsWith("/pixels")) asked.set(JSON.stringify(JSON.parse(options.body).view), moves.length);
    return fetched(path, options);
  };
  new MutationObserver(() => {
    const known = asked.get(canvas.dataset.view) ?? 0;
    if (known <= seen) return;
    const shown = moves.slice(seen, known);
    seen = known;
    drawn += 1;
    requestAnimationFrame(() => {
      const painted = new MessageChannel();
      painted.port1.onmessage = () => shown.forEach((then) => late.push(performance.now() - then));
      painted.port2.postMessage(null);
    });
  }).observe(canvas, { attributes: true, attributeFilter: ["data-view"] });
}"""
PATIENCE = 600_000  # milliseconds that a large model may take to encode the data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--moves", type=int, default=200)
    parser.add_argument("--clients", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = chosen.runs or [
            untrained(Path(folder), name, shape)
            for name, shape in (
                ("vlae-mnist", (28, 28)),
                ("matnet-small", (32, 32, 3)),
                ("matnet-cifar10", (32, 32, 3)),
            )
        ]
        found = []
        if not chosen.json:
            print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}", flush=True)
        for run in runs:
            with served(run) as (address, process):
                dragged = drag(address, run.name, chosen.moves)
                asked = crowd(address, run.name, process, chosen.clients, chosen.seconds)
                found.append({"run": run.name} | dragged | asked)
            if not chosen.json:
                words = (f"{name.replace('_', ' '):>28}  {value}" for name, value in found[-1].items())
                print("", *words, sep="\n", flush=True)
    if chosen.json:
        print(json.dumps(found))


def untrained(folder: Path, name: str, shape: tuple[int, ...]) -> Path:
    """A run of a recipe's model on images of noise, with the weights that training begins with."""
    file = folder / f"{name}.npz"
    np.savez(file, images=np.random.default_rng(0).integers(0, 256, (300, *shape), np.uint8))
    recipe = Recipe(name=name, model=RECIPES[name].recipe.model, data=DataConfig(source=str(file)))
    data, run = load(recipe.data, folder), Run.create(folder / name, recipe)
    torch.manual_seed(0)
    run.begin(data)
    run.write_weights(recipe.model.build(data.spec), 0)
    return run.path


@contextmanager
def served(run: Path) -> Iterator[tuple[str, int]]:
    """Its address, and the process."""
    command = [sys.executable, "-m", "stratiform", "explore", str(run), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[1], server.pid
        finally:
            server.terminate()


def drag(address: str, run: str, moves: int) -> dict[str, Any]:
    """Milliseconds from a movement of the pointer to the frame with its pixels."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}#run={run}")
        page.get_by_text("bits per image").first.wait_for(timeout=PATIENCE)
        page.locator(".pad:not(.waiting)").first.wait_for(timeout=PATIENCE)
        page.wait_for_load_state("networkidle", timeout=PATIENCE)  # strips, factors: what is asked for once
        page.evaluate(LISTEN)
        page.locator(".pad").first.scroll_into_view_if_needed()
        box = page.locator(".pad").first.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
        page.mouse.down()
        for i in range(moves):
            angle = 0.1 * i
            across, up = 0.5 + 0.3 * np.cos(angle), 0.5 + 0.3 * np.sin(angle)
            page.mouse.move(box["x"] + across * box["width"], box["y"] + up * box["height"])
            page.wait_for_timeout(16)
        page.mouse.up()  # what it asks for is the last movement's
        while len((told := page.evaluate("window.told()"))["late"]) < told["movements"]:
            page.wait_for_timeout(50)
        browser.close()
    return {
        "drag_p50_ms": round(statistics.median(told["late"]), 1),
        "drag_p95_ms": round(float(np.percentile(told["late"], 95)), 1),
        "movements": told["movements"],
        "drawn": told["drawn"],
    }


def crowd(address: str, run: str, process: int, clients: int, seconds: float) -> dict[str, Any]:
    """Answers, errors and memory while so many clients ask without pause."""
    answers: list[list[float]] = [[] for _ in range(clients)]
    errors: list[str] = []
    end = time.monotonic() + seconds
    asking = [
        threading.Thread(target=client, args=(address, run, i, end, answers[i], errors), daemon=True)
        for i in range(clients)
    ]
    spent, before = processor_seconds(process), resident(process)
    for thread in asking:
        thread.start()
    time.sleep(0.1 * seconds)
    early = resident(process)
    for thread in asking:
        thread.join()
    took = [each for own in answers for each in own]
    return {
        "clients": clients,
        "seconds": seconds,
        "answers": len(took),
        "answers_per_second": round(len(took) / seconds, 1),
        "answer_p50_ms": round(1000 * statistics.median(took), 1),
        "answer_p95_ms": round(1000 * float(np.percentile(took, 95)), 1),
        "processor_ms_per_answer": round(1000 * (processor_seconds(process) - spent) / len(took), 1),
        "errors": len(errors),
        "first_error": errors[0] if errors else None,
        "memory_start_mib": before,
        "memory_tenth_mib": early,
        "memory_end_mib": resident(process),
    }


def client(address: str, run: str, seed: int, end: float, took: list[float], errors: list[str]) -> None:
    """Asks for one picture after another over one connection."""
    draw = random.Random(seed)
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    while time.monotonic() < end:
        several = draw.random() < 0.1
        body = json.dumps({"view": {"seed": draw.randrange(10**6)}} | ({"count": 8} if several else {}))
        began = time.monotonic()
        try:
            path = f"/api/runs/{run}/{'neighbours' if several else 'pixels'}"
            connection.request("POST", path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200:
                errors.append(content.decode())
        except OSError as error:
            errors.append(repr(error))
            connection.close()
        took.append(time.monotonic() - began)


def processor_seconds(process: int) -> float:
    """What a process has had of the processors, all threads together: the same however busy the machine is."""
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def resident(process: int) -> int:
    """MiB of memory that a process holds."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1024


if __name__ == "__main__":
    main()
