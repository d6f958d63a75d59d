"""What a trained model is worth: bounds on log p(x), what each level learnt, and the laws that make the numbers probabilities."""
