"""Rung: prompt, retrieve, fine-tune or both? Measured on your own examples."""

__version__ = "0.1.0"
