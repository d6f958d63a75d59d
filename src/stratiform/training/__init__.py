"""From a recipe to a trained run: the plain loop, its state, its log."""
