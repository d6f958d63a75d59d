"""Layered features for scikit-learn: an estimator over the training loop, recipes and models of the command line."""

from __future__ import annotations

from stratiform.sklearn.estimator import LayeredFeatures

__all__ = ["LayeredFeatures"]
