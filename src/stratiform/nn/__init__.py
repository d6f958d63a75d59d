"""Networks without probability."""
