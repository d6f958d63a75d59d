"""The HTTP API: JSON in, JSON, PNG and NPZ out. Documented in docs/explorer.md.

A run is named, never pathed: nothing that a client sends becomes part of a path.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from torch import Tensor

from stratiform.errors import UserError
from stratiform.explorer import answers, strict, upload
from stratiform.explorer import view as views
from stratiform.explorer.about import about, hidden
from stratiform.explorer.asked import Desk, query, view_of
from stratiform.explorer.attached import Attached, Opened
from stratiform.explorer.codes import factors
from stratiform.explorer.hands import Hands
from stratiform.explorer.limits import PICTURES, Limits, Refused
from stratiform.explorer.painting import Easels
from stratiform.explorer.picture import completes, held, images, picture, shown, tensor
from stratiform.explorer.places import grid, where
from stratiform.explorer.score import score, strangeness
from stratiform.explorer.script import script
from stratiform.explorer.view import View

LARGEST_SIDE = 2048  # of a PNG


class Api:
    """The routes over some runs."""

    def __init__(self, runs: Mapping[str, Attached], limits: Limits) -> None:
        self.runs, self.limits = runs, limits
        self.hands = Hands(limits)
        self.desk = Desk(runs)
        self.easels = Easels(self.desk, limits.painting)

    def routes(self) -> list[Route]:
        asked = {"": self.about, "/progress": self.progress, "/codes": self.codes, "/factors": self.factors}
        sent = {
            "/picture": self.picture,
            "/pixels": self.pixels,
            "/npz": self.npz,
            "/python": self.python,
            "/where": self.where,
            "/neighbours": self.neighbours,
            "/sweep": self.sweep,
            "/between": self.between,
            "/image": self.image,
            "/score": self.score,
            "/strangeness": self.strangeness,
            "/paint": self.easels.paint,
            "/complete": self.easels.complete,
        }
        return [
            Route("/api/runs", self.index, methods=["GET"]),
            *(Route(f"/api/runs/{{run}}{path}", answer, methods=["GET"]) for path, answer in asked.items()),
            Route("/api/runs/{run}/examples", self.examples, methods=["GET"]),
            *(Route(f"/api/runs/{{run}}{path}", answer, methods=["POST"]) for path, answer in sent.items()),
        ]

    async def index(self, request: Request) -> Response:
        return JSONResponse(
            {"runs": [{"name": run.name, "recipe": run.run.recipe.name} for run in self.runs.values()]}
        )

    async def about(self, request: Request) -> Response:
        """What the page is built from."""
        run = self.desk.run(request)
        return JSONResponse(await self.hands.do(request, lambda: about(run, run.now())))

    async def progress(self, request: Request) -> Response:
        run = self.desk.run(request)
        return JSONResponse(await self.hands.do(request, run.progress))

    async def codes(self, request: Request) -> Response:
        """The images' codes along two axes of each level, and what each level's units say of them."""
        run = self.desk.run(request)

        def work() -> dict[str, Any]:
            opened = run.now()
            found = opened.codes()
            levels = [level.to_json(number) for number, level in enumerate(found.levels, start=1)]
            told = {"version": opened.version, "split": found.split, "images": len(found.images)}
            return {**told, "levels": levels, "factors": factors(found.images, run.data(), measured=False)}

        return JSONResponse(await self.hands.do(request, work))

    async def factors(self, request: Request) -> Response:
        """The same with what can be measured on the images."""
        run = self.desk.run(request)
        return JSONResponse({"factors": await self.hands.do(request, lambda: run.now().factors())})

    async def examples(self, request: Request) -> Response:
        """Some of the images that lie on the pads."""
        run = self.desk.run(request)
        first = query(request, "first", 0, 0, 10**6)
        count = query(request, "count", 24, 1, 100)

        def work() -> dict[str, Any]:
            opened = run.now()
            seen = opened.codes().seen
            own = [each.tobytes() for each in seen[first : first + count]]
            told = {"first": first, "of": len(seen), "images": [strict.unpacked(image) for image in own]}
            return told | hidden(opened, own)

        return JSONResponse(await self.hands.do(request, work))

    async def picture(self, request: Request) -> Response:
        """PNG"""
        opened, given = await self.desk.fields(request, ("view", "scale"))
        side = max(opened.spec.height, opened.spec.width)
        scale = strict.whole(given.get("scale", 1), "scale", 1, max(1, LARGEST_SIDE // side))
        view = view_of(given, opened)
        made = await self.hands.do(request, lambda: answers.png(_picture(opened, view)[0], scale))
        return Response(made, media_type="image/png")

    async def pixels(self, request: Request) -> Response:
        """The same without the file: a byte per value of [C, H, W], ready for a screen."""
        opened, given = await self.desk.fields(request, ("view",))
        view = view_of(given, opened)
        made = await self.hands.follow(request, lambda: shown(_picture(opened, view)[0]).numpy().tobytes())
        return Response(made, media_type="application/octet-stream")

    async def npz(self, request: Request) -> Response:
        """The picture in full precision, what each level holds, and the view."""
        opened, given = await self.desk.fields(request, ("view",))
        view = view_of(given, opened)

        def work() -> bytes:
            levels = held(opened.model, [view], opened.encoded)
            noise = {f"noise_{level + 1}": e.numpy() for level, e in levels.noise.items()}
            values = {f"value_{level + 1}": z.numpy() for level, z in levels.values.items()}
            return answers.npz(
                {"image": _picture(opened, view).numpy(), "view": np.array(view.canonical())} | noise | values
            )

        return Response(await self.hands.do(request, work), media_type="application/zip")

    async def python(self, request: Request) -> Response:
        opened, given = await self.desk.fields(request, ("view",))
        text = script(view_of(given, opened), opened)
        return JSONResponse({"python": text})

    async def where(self, request: Request) -> Response:
        """What each level of each view holds."""
        opened, given = await self.desk.fields(request, ("views",))
        asked = [view_of({"view": each}, opened) for each in strict.listed(given.get("views"), "views", 1, 8)]
        return JSONResponse({"views": await self.hands.do(request, lambda: [where(opened, view) for view in asked])})

    async def neighbours(self, request: Request) -> Response:
        """The free levels drawn anew."""
        opened, given = await self.desk.fields(request, ("view", "count", "first"))
        count = strict.whole(given.get("count", 8), "count", 1, 16)
        first = strict.whole(given.get("first", 1), "first", 0, views.LARGEST - 16)
        return await self._several(request, opened, views.neighbours(view_of(given, opened), count, first))

    async def sweep(self, request: Request) -> Response:
        """One level put to a grid of places along its two axes (one: along it), the others as they are."""
        opened, given = await self.desk.fields(request, ("view", "level", "cells", "reach"))
        count = len(opened.model.hierarchy.shapes)
        level = strict.whole(given.get("level"), "level", 1, count) - 1
        cells = strict.whole(given.get("cells", 9), "cells", 2, 15)
        reach = strict.number(given.get("reach", 2.5), "reach", 0.1, 5.0)
        view = view_of(given, opened)
        return await self._several(
            request, opened, await self.hands.do(request, lambda: grid(opened, view, level, cells, reach))
        )

    async def between(self, request: Request) -> Response:
        """From image a to image b: in all levels, then in each alone, bottom -> top, the others those of a."""
        opened, given = await self.desk.fields(request, ("view", "steps"))
        steps = strict.whole(given.get("steps", 7), "steps", 2, 15)
        view, count = view_of(given, opened), len(opened.model.hierarchy.shapes)
        rows = [None] if count == 1 else [None, *range(count)]
        return await self._several(request, opened, [v for row in rows for v in views.between(view, row, steps)])

    async def image(self, request: Request) -> Response:
        """An image file as the model sees it."""
        opened = await self.desk.opened(request)
        if request.headers.get("content-type", "").split(";")[0].strip().lower() not in PICTURES:
            raise Refused(415, "send an image as image/png, jpeg, webp, gif or bmp")
        file = await request.body()
        own = await self.hands.do(request, lambda: upload.seen(file, opened.loaded, self.limits.picture_pixels))
        return JSONResponse({"image": strict.unpacked(own)} | hidden(opened, [own]))

    async def score(self, request: Request) -> Response:
        """Bits of one image, by level and by pixel, and what is left of it, from all levels down to none."""
        opened, view = await self.desk.image(request, "known")
        run = self.desk.run(request)
        found = await self.hands.do(
            request, lambda: score(opened.model, view, opened.spec, run.grid(), opened.encoded)
        )
        kept = None if found.kept is None else answers.pictures(found.kept)
        told = {"bound": found.bound, "bits_per_dim": found.bits_per_dim, "level_bits": found.level_bits}
        return JSONResponse(told | {"pixel_bits": found.pixel_bits.tolist(), "kept": kept})

    async def strangeness(self, request: Request) -> Response:
        """Anomaly scores of one image beside those of some images of the data."""
        opened, view = await self.desk.image(request)
        if completes(opened.model):
            raise UserError("this model completes images; how likely a whole one is, it does not say")
        x = tensor(view.a, opened.spec)
        found = await self.hands.do(request, lambda: strangeness(opened.model, x, opened.reference()))
        return JSONResponse({"scores": found})

    async def _several(self, request: Request, opened: Opened, asked: list[View]) -> Response:
        made = await self.hands.do(request, lambda: images(opened.model, asked, opened.spec, opened.encoded))
        return JSONResponse({"views": [view.to_json() for view in asked], **answers.pictures(made)})


def _picture(opened: Opened, view: View) -> Tensor:
    return picture(opened.model, view, opened.spec, opened.encoded)
