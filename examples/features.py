"""Layered features in scikit-learn: fit on the digits, use the codes, see what every level draws.

Runs cell by cell in an editor that knows `# %%`, or as a whole:

    python examples/features.py [STEPS [PICTURE]]
"""

# %% The digits as scikit-learn gives them: 1,797 rows of 64 whole numbers, 0 to 16.
from __future__ import annotations

import sys

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from sklearn.base import TransformerMixin
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stratiform.sklearn import LayeredFeatures

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
PICTURE = sys.argv[2] if len(sys.argv) > 2 else "features.png"
X, digit = load_digits(return_X_y=True)
X_train, X_test, digit_train, digit_test = train_test_split(X, digit, stratify=digit, random_state=0)

# %% Three levels of two numbers each; no label is looked at. bins=17: what is scored is the mass of grey levels.
features = LayeredFeatures("vlae-digits", image_shape=(8, 8), bins=17, steps=STEPS, random_state=0).fit(X_train)
print(f"features: {', '.join(features.get_feature_names_out())}")
print(f"log p(x) of an unseen digit: {features.score(X_test):.1f} nats or more, on average")


# %% Which digit is it? Nearest neighbours on the codes of one level, of all, and on as many principal components.
def right(transformer: TransformerMixin) -> float:
    """The share of unseen digits that neighbours on these features tell right."""
    neighbours = make_pipeline(StandardScaler(), KNeighborsClassifier(15))
    neighbours.fit(transformer.transform(X_train), digit_train)
    return neighbours.score(transformer.transform(X_test), digit_test)


for levels in (1, 2, 3, None):
    features.set_params(levels=levels)  # what `transform` gives; nothing is fitted anew
    print(f"{'all levels' if levels is None else f'level {levels}':10}  {right(features):.3f} right")
print(f"PCA of 6    {right(PCA(6, random_state=0).fit(X_train)):.3f} right")

# %% Each level: where unseen digits lie in its plane, and what is drawn along it with the other levels at rest.
SIDE, REACH = 9, 2.2
figure = Figure(figsize=(10.5, 7.4), layout="constrained")
upper, lower = figure.subplots(2, 3)
for level, codes_axis, images_axis in zip((3, 2, 1), upper, lower, strict=True):
    features.set_params(levels=level)
    codes = features.transform(X_test)
    colours = colormaps["tab10"](digit_test)
    codes_axis.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", title=f"level {level}{', the top' * (level == 3)}")
    for place, name, colour in zip(codes, digit_test, colours, strict=True):
        codes_axis.text(*place, name, color=colour, size=7, ha="center", va="center", clip_on=True)
    ticks = np.linspace(-REACH, REACH, SIDE)
    across, up = np.meshgrid(ticks, ticks[::-1])
    drawn = features.inverse_transform(np.column_stack([across.ravel(), up.ravel()]))
    framed = np.pad(drawn.reshape(SIDE, SIDE, 8, 8), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    mosaic = framed.swapaxes(1, 2).reshape(10 * SIDE, 10 * SIDE)
    images_axis.imshow(mosaic, cmap="gray", vmin=0, vmax=16, extent=(-REACH, REACH, -REACH, REACH))
    images_axis.set(xlabel="first number", ylabel="second number")
figure.suptitle("Codes of unseen digits, and the images along each level")
figure.savefig(PICTURE, dpi=110)
print(f"picture: {PICTURE}")
