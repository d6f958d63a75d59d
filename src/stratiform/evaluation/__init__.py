"""What a trained model is worth: bounds on log p(x), what each level learnt, the laws of probability."""
