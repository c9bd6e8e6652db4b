"""Training: LoRA adapters for models of this machine."""

from rung.tuning.lora import TrainingStopped, TuningExample, TuningResult, train_lora

__all__ = ["TrainingStopped", "TuningExample", "TuningResult", "train_lora"]
