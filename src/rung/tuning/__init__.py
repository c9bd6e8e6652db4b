"""Training: LoRA adapters on this machine (`lora`), and bought from a provider (`hosted`)."""

from rung.tuning.lessons import TuningExample
from rung.tuning.lora import TrainingStopped, TuningResult, train_lora

__all__ = ["TrainingStopped", "TuningExample", "TuningResult", "train_lora"]
