"""What is served: winners kept by hash, swapped after a paired test, rolled back, re-indexed."""
