"""The use case: one task up the ladder, from its files to a verdict and a saved solver."""
