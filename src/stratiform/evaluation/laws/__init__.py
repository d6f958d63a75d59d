"""The laws that make a model's numbers probabilities, in three groups. Each is a function of a `Case` that raises `Broken`."""
