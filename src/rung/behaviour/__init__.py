"""How a model behaves: what it is told, what it is shown, and weights of its own."""
