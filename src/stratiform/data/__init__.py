"""Where images come from, and how a model sees them."""
