"""The laws that make a model's numbers probabilities, each a function of a `Case` that raises `Broken`."""
