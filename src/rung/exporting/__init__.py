"""What leaves Rung: training files, trainer scripts, adapters, prompts, evaluations elsewhere."""

from rung.exporting.shelf import FORMATS, Export, export

__all__ = ["FORMATS", "Export", "export"]
