"""The winner behind an OpenAI-compatible endpoint, and the page where its answers are reviewed.

Serving asks `Solver.answer`, the very path that was measured; there is no prompt in this room.
"""
