"""Training: LoRA adapters on this machine (`lora`), and bought from a provider (`hosted`)."""

from rung.behaviour.trainers.base import TuningExample
from rung.behaviour.trainers.lora import TrainingStopped, TuningResult, train_lora

__all__ = ["TrainingStopped", "TuningExample", "TuningResult", "train_lora"]
