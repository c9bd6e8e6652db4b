"""Learning corrections against what they replaced, as a trainer of the shelf: DPO by TRL.

Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290): the right answer is made
likelier than the rejected one, measured against the adapter that training goes on from.
"""

from pathlib import Path
from typing import Any

from rung.behaviour.trainers.base import Hooks, Order, TuningExample
from rung.behaviour.trainers.lora import TuningResult, finished_result, fitting, keep, lora_config
from rung.behaviour.trainers.trl import Trl, load_base, looped, options
from rung.candidate import Weights
from rung.errors import MissingExtraError, UserError
from rung.models.base import Adapter
from rung.models.local.engine import LocalModel

BETA = 0.1
"""How dear leaving the adapter it goes on from is: the paper's value for dialogue and TRL's own."""
Pair = dict[str, list[int]]
"""Tokens of what is asked, of the right answer and of the rejected one."""


class Preferences(Trl):
    """Adapters that prefer the right answer of each row to its rejected one."""

    named = ("dpo",)

    def run(self, base: LocalModel, order: Order, folder: Path, hooks: Hooks) -> TuningResult:
        """See `train_dpo`."""
        return train_dpo(base, order, folder, hooks)


def train_dpo(model: LocalModel, order: Order, folder: Path, hooks: Hooks) -> TuningResult:
    """Train on the train rows that have a rejected answer, from `order.start` or a new adapter.

    Killed, it begins anew: nothing but a finished folder counts. Pairs beyond the model's window
    are left out and counted. Raises as `train_trl` does; `UserError` where there is no pair.
    """
    done = finished_result(folder)
    if done is not None:
        return done
    corrected = [example for example in order.train if example.rejected is not None]
    pairs = [pair for example in corrected if (pair := _pair(model, example)) is not None]
    if not pairs:
        raise UserError(
            "nothing can be learnt by preference: no training example has both an answer and a "
            "rejected one that the model's window holds"
        )

    def made(work: Path) -> Any:
        return _trainer(model.folder, order.weights, pairs, order.start, work)

    trained = looped(model, made, hooks, folder)
    if "ref" in trained.model.peft_config:  # the copy that was measured against
        trained.model.delete_adapter("ref")
    read = sum(2 * len(p["prompt_ids"]) + len(p["chosen_ids"] + p["rejected_ids"]) for p in pairs)
    trained = trained._replace(weights=order.weights, tokens=round(read * trained.epochs))
    return keep(trained, model.name, folder, len(corrected) - len(pairs))


def _pair(model: LocalModel, example: TuningExample) -> Pair | None:
    other = example.model_copy(update={"answer": example.rejected})
    both = fitting(model, [example, other])
    if len(both) < 2:
        return None
    right, wrong = both
    return {"prompt_ids": right.prompt, "chosen_ids": right.answer, "rejected_ids": wrong.answer}


def _trainer(
    base: Path, weights: Weights, pairs: list[Pair], start: Adapter | None, work: Path
) -> Any:
    try:
        from datasets import Dataset
        from peft import PeftModel
        from trl import DPOConfig, DPOTrainer
    except ImportError as error:
        raise MissingExtraError("learning by preference", "trl") from error

    class OnTokens(DPOTrainer):  # type: ignore[misc]
        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset  # the very tokens that the solver sends

    model = load_base(base, weights)
    if start is not None:
        model = PeftModel.from_pretrained(model, start.path, is_trainable=True)
    return OnTokens(
        model=model,
        args=DPOConfig(**options(weights, len(pairs), work), beta=BETA, save_strategy="no"),
        train_dataset=Dataset.from_list(pairs),
        peft_config=lora_config(weights) if start is None else None,
    )
