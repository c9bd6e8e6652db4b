"""LoRA by TRL and PEFT, as a trainer of the shelf: for a GPU, and the same on processors.

TRL's `SFTTrainer` is given the very tokens that the solver sends, so that only the loop is its
own: gradient checkpointing and bf16 where a GPU is there, 4-bit base weights (QLoRA, arXiv
2305.14314) where bitsandbytes is and 16 bits would not fit.
"""

import logging
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rung.behaviour.trainers.base import Hooks, Order, TuningExample
from rung.behaviour.trainers.batches import Encoded
from rung.behaviour.trainers.embedded import Embedded
from rung.behaviour.trainers.lora import (
    CLIP,
    DEV_EXAMPLES,
    PATIENCE,
    WARM_UP,
    Trained,
    TrainingStopped,
    TuningResult,
    as_learnt,
    finished_result,
    fitting,
    keep,
    lora_config,
)
from rung.candidate import Weights
from rung.errors import MissingExtraError
from rung.models.local.card import count_parameters
from rung.models.local.engine import LocalModel
from rung.models.local.machine import (
    at_work,
    device,
    machine_seconds,
    precision,
    refuse_what_does_not_fit,
    takes_four_bits,
)
from rung.project import workspace
from rung.task.types import JsonValue

Rows = tuple[Sequence[TuningExample], Sequence[TuningExample]]
"""Those of train and of dev."""


class Trl(Embedded):
    """Adapters for models whose weights are here, trained by TRL on whatever device is there."""

    named = ("trl",)

    def run(self, base: LocalModel, order: Order, folder: Path, hooks: Hooks) -> TuningResult:
        """See `train_trl`."""
        rows = order.train, order.dev
        return train_trl(base, rows, order.weights, folder, hooks.progress, hooks.stop)

    def told(self) -> dict[str, JsonValue]:
        """Where, and by what."""
        return {"device": device(), "by": "TRL"}


def train_trl(
    model: LocalModel,
    rows: Rows,
    weights: Weights,
    folder: Path,
    say: Callable[[str, float], None],
    stop: Callable[[], bool],
) -> TuningResult:
    """What `train_lora` does, by TRL; `rows` are those of train and of dev.

    Killed, it begins anew: nothing but a finished folder counts. Raises as `train_lora` does, and
    `UserError` where the device's memory will not suffice, before anything is loaded.
    """
    done = finished_result(folder)
    if done is not None:
        return done
    learn, weights = as_learnt(model, rows[0], weights)
    check = fitting(model, rows[1][:DEV_EXAMPLES])
    read = sum(example.length for example in learn)
    trained = looped(
        model,
        lambda work: _trainer(model.folder, weights, learn, check, work),
        Hooks(say, stop),
        folder,
    )
    trained = trained._replace(weights=weights, tokens=round(read * trained.epochs))
    return keep(trained, model.name, folder, len(rows[0]) - len(learn))


def looped(model: LocalModel, made: Callable[[Path], Any], hooks: Hooks, folder: Path) -> Trained:
    """Run a trainer of TRL; recipe and tokens are the caller's to say. `made` is given a folder
    for checkpoints, beside `folder`."""
    four_bits = takes_four_bits(model.parameters)
    refuse_what_does_not_fit(model.name, model.parameters, four_bits=four_bits)
    try:
        from transformers import PrinterCallback
    except ImportError as error:
        raise MissingExtraError("training by TRL", "trl") from error
    heard = _heard(hooks.progress, hooks.stop)
    with (
        workspace(folder) as work,
        at_work() if device() == "cpu" else nullcontext(),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", FutureWarning)  # of names that the libraries will change
        before, started = machine_seconds(), time.perf_counter()
        trainer = made(work)
        trainer.remove_callback(PrinterCallback)  # it writes to the output that is ours
        trainer.add_callback(heard)
        checked = trainer.eval_dataset is not None
        untrained = (float(trainer.evaluate()["eval_loss"]),) if checked else ()
        trainer.train()
        on_cpu, lasted = machine_seconds() - before, time.perf_counter() - started
    if heard.stopped:
        raise TrainingStopped("training was stopped before it was finished")
    return Trained(
        model=trainer.model,
        epochs=float(trainer.state.epoch or 0),
        seconds=on_cpu if device() == "cpu" else lasted,
        steps=int(trainer.state.global_step),
        dev_losses=(*untrained, *_logged(trainer, "eval_loss")),
        train_losses=_logged(trainer, "loss"),
    )


def _trainer(
    base: Path, weights: Weights, learn: list[Encoded], check: list[Encoded], work: Path
) -> Any:
    try:
        from datasets import Dataset
        from transformers import EarlyStoppingCallback
        from trl import SFTConfig, SFTTrainer
    except ImportError as error:
        raise MissingExtraError("training by TRL", "trl") from error
    config = SFTConfig(
        **options(weights, len(learn), work),
        completion_only_loss=True,
        packing=False,
        eval_strategy="epoch" if check else "no",
        save_strategy="epoch" if check else "no",
        save_total_limit=1,
        load_best_model_at_end=bool(check),
        metric_for_best_model="eval_loss" if check else None,
        greater_is_better=False if check else None,
    )
    return SFTTrainer(
        model=load_base(base, weights),
        args=config,
        train_dataset=Dataset.from_list([_row(e) for e in learn]),
        eval_dataset=Dataset.from_list([_row(e) for e in check]) if check else None,
        peft_config=lora_config(weights),
        callbacks=[EarlyStoppingCallback(PATIENCE)] if check else None,
    )


def options(weights: Weights, rows: int, work: Path) -> dict[str, Any]:
    """What every trainer of TRL is told; it is kept quiet."""
    from datasets import disable_progress_bars

    logging.getLogger("trl").setLevel(logging.ERROR)
    disable_progress_bars()
    on_gpu = device() == "cuda"
    steps = max(1, round(weights.share * -(-rows // weights.rows) * weights.epochs))
    return {
        "output_dir": str(work / "checkpoints"),
        "use_cpu": not on_gpu,
        "bf16": on_gpu,
        "gradient_checkpointing": on_gpu,
        "max_length": None,
        "per_device_train_batch_size": weights.rows,
        "per_device_eval_batch_size": weights.rows,
        "max_steps": steps,
        "learning_rate": weights.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": max(1, round(WARM_UP * steps)),
        "max_grad_norm": CLIP,
        "weight_decay": 0.0,
        "seed": weights.seed,
        "logging_strategy": "epoch",
        "report_to": "none",
        "disable_tqdm": True,
        "log_level": "error",
    }


def _row(example: Encoded) -> dict[str, list[int]]:
    """Tokens as they are, and which of them are learnt."""
    return {
        "input_ids": [*example.prompt, *example.answer],
        "completion_mask": [0] * len(example.prompt) + [1] * len(example.answer),
    }


def load_base(folder: Path, weights: Weights) -> Any:
    """The base weights on the device, in its type or 4 bits. The seed is set before any draw."""
    import torch
    from transformers import AutoModelForCausalLM, set_seed

    set_seed(weights.seed)
    count = count_parameters(folder)
    options: dict[str, Any] = {"dtype": getattr(torch, precision(count)), "local_files_only": True}
    if device() == "cuda":
        options["device_map"] = {"": torch.cuda.current_device()}
    if takes_four_bits(count):
        from transformers import BitsAndBytesConfig

        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    return AutoModelForCausalLM.from_pretrained(str(folder), **options)


def _heard(say: Callable[[str, float], None], stop: Callable[[], bool]) -> Any:
    """A callback of transformers that tells how far it is, and ends the training when asked."""
    from transformers import TrainerCallback

    class Heard(TrainerCallback):  # type: ignore[misc]
        stopped = False

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self._look(state, control)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self._look(state, control)
            epoch = int(state.epoch or 0) + 1
            say(f"epoch {epoch}", state.global_step / max(1, state.max_steps))

        def _look(self, state: Any, control: Any) -> None:
            if stop() and state.global_step < state.max_steps:
                self.stopped = True
                control.should_training_stop = True

    return Heard()


def _logged(trainer: Any, name: str) -> tuple[float, ...]:
    return tuple(float(entry[name]) for entry in trainer.state.log_history if name in entry)
