"""Names of images: built in, known by an alias, on the hub, or a path; and `load`, which makes them ready."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from stratiform.data.config import DataConfig
from stratiform.data.digits import read_digits
from stratiform.data.folder import read_folder, visible
from stratiform.data.glyphs import read_glyphs
from stratiform.data.hub import TRAIN_NAMES, read_hub, read_parquet
from stratiform.data.listing import Listing
from stratiform.data.npz import read_npz
from stratiform.data.prepare import prepared
from stratiform.data.split import Data, Split, chosen
from stratiform.errors import UserError
from stratiform.spec import ImageSpec


@dataclass(frozen=True, kw_only=True)
class Source:
    """A named set of images.

    Attributes:
        name: What to type.
        title: One line: what, how many, how large.
        draw: Makes the images here, without files or network.
        hub: owner/name on the hub; None where no copy is known.
        subset: Which configuration of the hub's set.
        folder: Its name in $STRATIFORM_DATA, if not `name`.
        train: Splits to train on: the first that is there.
        size: Images are seen at this size unless the config says another.
        invert: Black ink on white paper, to be seen as ink = 1.
    """

    name: str
    title: str
    draw: Callable[[DataConfig], Listing] | None = None
    hub: str | None = None
    subset: str | None = None
    folder: str | None = None
    train: tuple[str, ...] = TRAIN_NAMES
    size: int | None = None
    invert: bool = False

    def read(self, config: DataConfig) -> Listing:
        """From $STRATIFORM_DATA, then the cache of `datasets`, then the hub."""
        if self.draw is not None:
            return self.draw(config)
        folder = self.folder or self.name
        local = _in_data_folder(folder)
        if local is not None:
            return _read_path(local, self.subset, self.train)
        if self.hub is None:
            raise UserError(
                f"{self.name} is read from $STRATIFORM_DATA/{folder}, which is not there; "
                "set STRATIFORM_DATA to the folder that holds it"
            )
        return read_hub(self.hub, self.subset, self.train, folder)


UNTRIED = "not tried against the hub"
LOCAL = "from $STRATIFORM_DATA only"
SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(name="digits", title="1,797 handwritten digits, 8 x 8, 17 grey levels; built in", draw=read_digits),
        Source(
            name="glyphs",
            title="25,000 digits drawn from known factors, grey, 28 x 28 or any size; built in",
            draw=read_glyphs,
        ),
        Source(
            name="colour-glyphs",
            title="25,000 house numbers drawn from known factors, RGB, 32 x 32 or any size; built in",
            draw=partial(read_glyphs, coloured=True),
        ),
        Source(name="mnist", title=f"70,000 handwritten digits, grey, 28 x 28; {UNTRIED}", hub="ylecun/mnist"),
        Source(
            name="fashion-mnist",
            title=f"70,000 pieces of clothing, grey, 28 x 28; {UNTRIED}",
            hub="zalando-datasets/fashion_mnist",
        ),
        Source(name="cifar10", title=f"60,000 photographs, RGB, 32 x 32; {UNTRIED}", hub="uoft-cs/cifar10"),
        Source(
            name="svhn",
            title=f"house numbers, RGB, 32 x 32: trains on the 531,131 of the extra split; {UNTRIED}",
            hub="ufldl-stanford/svhn",
            subset="cropped_digits",
            train=("extra", *TRAIN_NAMES),
        ),
        Source(
            name="celeba",
            title=f"202,599 faces, RGB, 178 x 218; the papers take crop 108, size 64; {UNTRIED}",
            hub="flwrlabs/celeba",
        ),
        Source(
            name="lsun-church",
            title=f"126,227 churches, RGB, 256 pixels high or wide, give a size; {UNTRIED}",
            hub="tglcourse/lsun_church_train",
        ),
        Source(
            name="lsun-bedroom",
            title=f"303,125 bedrooms (a tenth of LSUN's), RGB, 256 pixels high or wide, give a size; {UNTRIED}",
            hub="pcuenq/lsun-bedrooms",
        ),
        Source(name="lsun-tower", title=f"LSUN's towers, RGB, give a size; {LOCAL}"),
        Source(
            name="omniglot_lake28",
            title=f"32,460 characters in Lake's split, ink = 1, 28 x 28; not the set of published numbers; {LOCAL}",
            folder="omniglot",
            size=28,
            invert=True,
        ),
        Source(name="mnist_m", title=f"10,000 digits blended with photographs, RGB, 32 x 32; {LOCAL}"),
        Source(name="gtsrb32", title=f"6,025 traffic signs, RGB, 32 x 32, with the track of each; {LOCAL}"),
        Source(
            name="cifar10_jpeg",
            title=f"59,019 lossy CIFAR-10 photographs, 32 x 32; its bits per dimension are not CIFAR-10's; {LOCAL}",
        ),
    )
}


def load(config: DataConfig, cache_folder: Path | None = None) -> Data:
    """Reads, decodes and divides a source, or finds it ready in the cache folder.

    Raises:
        UserError: no such source, no training images, or images of several sizes without a size to give them.
    """
    source = find(config.source)
    asked = replace(config, size=config.size or source.size)
    listing = source.read(asked)
    stored = prepared(replace(listing, invert=source.invert), asked, cache_folder)
    train, test = (_split(stored.arrays, name, config.limit) for name in ("train", "test"))
    _, channels, height, width = train.images.shape
    grid = stored.meta["grid"]
    bins = None if config.dequantise else 2 if config.binarise != "no" else grid
    return Data(
        config=config,
        spec=ImageSpec(channels, height, width, bins),
        grid=grid,
        train=train,
        test=test,
        class_names=tuple(stored.meta["class_names"]),
        notes=tuple(stored.meta["notes"]),
        fingerprint=stored.meta["fingerprint"],
    )


def find(name: str) -> Source:
    """The named source, or one for a path, a folder of $STRATIFORM_DATA or a name of the hub."""
    if name in SOURCES:
        return SOURCES[name]
    path = Path(name).expanduser()
    if path.exists():
        return Source(name=name, title="images of your own", draw=lambda config: _read_path(path))
    if _in_data_folder(name) is not None:
        return Source(name=name, title=f"the folder {name} of $STRATIFORM_DATA")
    if name.count("/") == 1 and not name.startswith((".", "/", "~")) and not name.endswith(("/", ".npz")):
        return Source(name=name, title="a set of the hub", hub=name)
    near = difflib.get_close_matches(name.lower(), SOURCES, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "`stratiform datasets` lists the names;"
    raise UserError(f"no source {name!r}: {hint} else give a hub name owner/name, or a folder or .npz that exists")


def _in_data_folder(name: str) -> Path | None:
    """$STRATIFORM_DATA/name, if it is there."""
    folder = os.environ.get("STRATIFORM_DATA")
    path = Path(folder).expanduser() / name if folder else None
    return path if path is not None and path.exists() else None


def _read_path(path: Path, subset: str | None = None, train: tuple[str, ...] = TRAIN_NAMES) -> Listing:
    """A folder of parquet, a folder of images, or an .npz."""
    if path.is_dir():
        parquet = any(file.suffix == ".parquet" for file in visible(path))
        return read_parquet(path, subset, train) if parquet else read_folder(path)
    if path.suffix == ".npz":
        return read_npz(path)
    raise UserError(f"{path} is neither a folder nor an .npz; give a folder of images or of parquet, or an .npz")


def _split(arrays: Mapping[str, np.ndarray], name: str, limit: int | None) -> Split:
    """A split of the cache file, or `limit` images of it."""
    prefix = f"{name}/factors/"
    factors = {key.removeprefix(prefix): np.array(value) for key, value in arrays.items() if key.startswith(prefix)}
    labels = arrays.get(f"{name}/labels")
    files = arrays.get(f"{name}/files")
    split = Split(arrays[f"{name}/images"], None if labels is None else np.array(labels), factors, files)
    if limit is None or limit >= len(split):
        return split
    return split.take(chosen(len(split), limit))
