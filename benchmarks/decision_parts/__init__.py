"""Parts of the decision benchmark: ladders, methods, and one module per measured goal."""
