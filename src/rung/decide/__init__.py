"""What to try, in which order, and which one is enough."""
