"""Attempts: solver x examples, cached, budgeted, resumable."""
