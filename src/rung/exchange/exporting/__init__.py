"""What leaves Rung: training files, trainer scripts, adapters, prompts, evaluations elsewhere."""

from rung.exchange.exporting.shelf import FORMATS, Export, export

__all__ = ["FORMATS", "Export", "export"]
