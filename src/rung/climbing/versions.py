"""Versions of what a run's figures depend on."""

from __future__ import annotations

from importlib.metadata import version

from rung import __version__

RECORDED = ("numpy", "scipy", "torch", "transformers", "peft", "openai", "genai-prices")


def versions() -> dict[str, str]:
    """By distribution; those that are not installed are left out."""
    found = {"rung": __version__}
    for name in RECORDED:
        try:
            found[name] = version(name)
        except ModuleNotFoundError:
            continue
    return found
