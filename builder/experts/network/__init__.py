"""The network of an agent in numpy: float64, rounded once."""
