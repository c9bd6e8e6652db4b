"""Trains a LoRA adapter on exactly the prompts that the solver will send.

LoRA: https://arxiv.org/abs/2106.09685. The loss counts the answer's tokens only. The weights
that learn are few, so an fp32 copy of them is updated whatever type all computing is in.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rung.behaviour.trainers.base import ROWS, TuningExample, sized, whole
from rung.behaviour.trainers.batches import Encoded, collate, epoch_order, in_order
from rung.candidate import Weights
from rung.errors import MissingExtraError, RungError, UserError
from rung.models.base import Adapter
from rung.models.local.attention import use_packed_attention
from rung.models.local.card import sha256_file
from rung.models.local.codec import Codec
from rung.models.local.engine import LocalModel
from rung.models.local.machine import at_work, machine_seconds, refuse_what_does_not_fit
from rung.models.local.network import load_base, plain_layers
from rung.state import read_kept
from rung.task.types import Frozen

if TYPE_CHECKING:
    from torch import Tensor

STEP_TOKENS = 4096
"""Most padded tokens per step: bounds the memory."""
DEV_EXAMPLES = 40
PATIENCE = 2
"""Measurements of the loss on dev without a better one, after which training ends."""
WARM_UP = 0.06
"""Share of the steps in which the learning rate rises."""
CLIP = 1.0
"""Largest norm of a gradient."""
RESULT = "tuning.json"
WEIGHTS_FILE = "adapter_model.safetensors"


class TuningResult(Frozen):
    """A trained adapter and what its training took."""

    adapter: Adapter
    train_tokens: int
    """Tokens read in all epochs, prompts included, padding not."""
    seconds: float
    """Compute seconds of this machine."""
    epochs_run: int
    dev_losses: tuple[float, ...]
    """Per answer token (nats), before training and after each epoch; empty without dev."""
    train_losses: tuple[float, ...]
    """Mean over each epoch's answer tokens."""
    weights: Weights
    """As they were trained: its recipe is a stated one."""
    steps: int
    """Steps taken."""
    left_out: int = 0
    """Train rows longer than the model's window."""


class Trained(NamedTuple):
    """What a training loop leaves, before it is kept."""

    model: Any
    """PEFT's model."""
    seconds: float
    steps: int
    dev_losses: tuple[float, ...]
    train_losses: tuple[float, ...]
    epochs: float = 0.0
    """Passes over the rows, the last one perhaps cut."""
    weights: Weights = Weights()
    tokens: int = 0


class TrainingStopped(RungError):
    """The caller's `stop` asked for an end; nothing was kept."""


def train_lora(
    model: LocalModel,
    train: Sequence[TuningExample],
    dev: Sequence[TuningExample],
    weights: Weights,
    folder: Path,
    on_progress: Callable[[str, float], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> TuningResult:
    """Train an adapter for `model` into `folder` (PEFT format) and return it.

    A folder that holds a finished result is returned as it is. The best epoch by loss on (up
    to 40 of) `dev` is kept, and training ends early when that loss has not fallen for `PATIENCE`
    epochs. Rows that exceed the model's window are left out and counted. Equal data and seed
    give an equal adapter on the same machine. Blocks; the engine goes on answering between
    steps. `on_progress` hears what is done and the share of all steps. Raises `UserError`
    where there is nothing to learn from, `TrainingStopped` when `stop()` turns true,
    `StoreError` where the folder cannot be written.
    """
    done = finished_result(folder)
    if done is not None:
        return done
    learn, weights = as_learnt(model, train, weights)
    check = fitting(model, dev[:DEV_EXAMPLES])
    refuse_what_does_not_fit(model.name, model.parameters)
    say = on_progress or (lambda doing, share: None)
    trainer = _Trainer(model, weights, learn, check, stop or (lambda: False))
    trainer.run(say)
    trained = Trained(
        model=trainer.model,
        weights=weights,
        tokens=trainer.tokens,
        seconds=trainer.seconds,
        steps=trainer.steps,
        dev_losses=tuple(trainer.dev_losses),
        train_losses=tuple(trainer.train_losses),
    )
    return keep(trained, model.name, folder, len(train) - len(learn))


def as_learnt(
    model: LocalModel, train: Sequence[TuningExample], weights: Weights
) -> tuple[list[Encoded], Weights]:
    """The rows that fit the window, and a stated recipe for them. `UserError` where none fits."""
    if not train:
        raise UserError("a LoRA adapter cannot be trained: there are no training examples")
    learn = fitting(model, train)
    if not learn:
        raise UserError(
            f"no training example fits into the window of {model.context_window} tokens of "
            f"{model.name}: shorten their inputs, or tune a model that reads more"
        )
    if weights.recipe != "stated":
        weights = sized(weights, model.parameters, len(learn))
    return learn, weights


def fitting(model: LocalModel, examples: Sequence[TuningExample]) -> list[Encoded]:
    """The examples as tokens; those that the model's window does not hold are left out."""
    encoded = []
    for example in examples:
        try:
            encoded.append(encode(model.codec, example, model.context_window))
        except UserError:
            continue
    return encoded


def finished_result(folder: Path) -> TuningResult | None:
    """The result of an earlier training in `folder`, or None. The folder may have moved."""
    result = read_kept(folder / RESULT, TuningResult)
    if result is None:
        return None
    adapter = result.adapter.model_copy(update={"path": str(folder)})
    return result.model_copy(update={"adapter": adapter})


def encode(codec: Codec, example: TuningExample, window: int) -> Encoded:
    """The tokens that the engine would read for this prompt, then the answer's, then the end."""
    prompt = codec.encode_prompt(example.messages)
    answer = [*codec.encode(example.answer), codec.end_token]
    if len(prompt) + len(answer) > window:
        raise UserError(
            f"a training example has {len(prompt) + len(answer)} tokens, more than the window "
            f"of {window}: shorten its input {example.messages[-1].content[:60]!r}"
        )
    return Encoded(prompt, answer)


class _Trainer:
    """One training run: the model's own copy, the optimiser, the ledger."""

    def __init__(
        self,
        base: LocalModel,
        weights: Weights,
        train: list[Encoded],
        dev: list[Encoded],
        stop: Callable[[], bool],
    ) -> None:
        self.weights = weights
        self.tokens = 0
        self.seconds = 0.0
        self.dev_losses: list[float] = []
        self.train_losses: list[float] = []
        self._train = train
        self._dev = dev
        self._stop = stop
        self._epochs = _epochs(train, weights)
        self._steps = sum(map(len, self._epochs))
        self.steps = 0
        with at_work():
            self.model = _with_lora(base, weights)
            self._parameters = [p for p in self.model.parameters() if p.requires_grad]
            # bf16 has too few digits to add small steps up: they are added up here.
            self._masters = [p.detach().float().clone() for p in self._parameters]
        self._optimizer = self._make_optimizer()

    def run(self, say: Callable[[str, float], None]) -> None:
        """Train until the epochs are over or patience is; leaves the best weights by dev."""
        best: tuple[float, list[Tensor]] | None = None
        waited = 0
        self._measure_dev(say)
        for number, batches in enumerate(self._epochs, start=1):
            total, count = 0.0, 0
            for batch in batches:
                if self._stop():
                    raise TrainingStopped("training was stopped before it was finished")
                loss, answers = self._learn([self._train[i] for i in batch])
                total, count = total + loss * answers, count + answers
                say(f"epoch {number} of {len(self._epochs)}", self.steps / self._steps)
            self.train_losses.append(total / count)
            if not self._dev:
                continue
            self._measure_dev(say)
            if best is None or self.dev_losses[-1] < best[0]:
                best = self.dev_losses[-1], [p.detach().clone() for p in self._parameters]
                waited = 0
                continue
            waited += 1
            if waited == PATIENCE:
                break
        if best is not None:
            self._restore(best[1])
        say("trained", 1.0)

    def _learn(self, examples: list[Encoded]) -> tuple[float, int]:
        import torch

        with at_work():
            started = machine_seconds()
            loss, answers = self._loss(examples)
            loss.backward()
            for parameter, master in zip(self._parameters, self._masters, strict=True):
                master.grad = parameter.grad.float()
                parameter.grad = None
            torch.nn.utils.clip_grad_norm_(self._masters, CLIP)
            for group in self._optimizer.param_groups:
                group["lr"] = self.weights.learning_rate * _schedule(self.steps, self._steps)
            self._optimizer.step()
            self._restore(self._masters)
            self.steps += 1
            self.tokens += sum(example.length for example in examples)
            self.seconds += machine_seconds() - started
            return float(loss.detach()), answers

    def _loss(self, examples: list[Encoded]) -> tuple[Tensor, int]:
        """Mean cross entropy per answer token, and how many those are."""
        import torch

        batch = collate(examples)
        # Without a mask: padding is on the right, where causal attention never looks back at it.
        hidden = self.model.base_model.model.model(
            input_ids=torch.from_numpy(batch.ids), use_cache=False
        ).last_hidden_state
        chosen = hidden.flatten(0, 1)[torch.from_numpy(batch.at)]
        # Only answers need logits: the vocabulary is the widest layer by far.
        logits = self.model.get_output_embeddings()(chosen)
        targets = torch.from_numpy(batch.targets)
        return torch.nn.functional.cross_entropy(logits.float(), targets), len(targets)

    def _measure_dev(self, say: Callable[[str, float], None]) -> None:
        import torch

        if not self._dev:
            return
        say("loss on dev", self.steps / self._steps)
        total, count = 0.0, 0
        for batch in in_order(self._dev, ROWS, STEP_TOKENS):
            with at_work(), torch.inference_mode():
                started = machine_seconds()
                loss, answers = self._loss([self._dev[i] for i in batch])
                total, count = total + float(loss) * answers, count + answers
                self.seconds += machine_seconds() - started
        self.dev_losses.append(total / count)

    def _restore(self, values: Sequence[Tensor]) -> None:
        import torch

        with torch.no_grad():
            for parameter, value in zip(self._parameters, values, strict=True):
                parameter.copy_(value)

    def _make_optimizer(self) -> Any:
        import torch

        return torch.optim.AdamW(
            self._masters, lr=self.weights.learning_rate, weight_decay=0.0, foreach=True
        )


def _epochs(train: list[Encoded], weights: Weights) -> list[list[list[int]]]:
    """Batches of each epoch, all of them or the first share; the last epoch may be cut."""
    epochs = [
        epoch_order(train, weights.rows, STEP_TOKENS, weights.seed * 1009 + epoch)
        for epoch in range(weights.epochs)
    ]
    left = max(1, round(weights.share * sum(map(len, epochs))))
    kept = []
    for batches in epochs:
        kept.append(batches[:left])
        left -= len(kept[-1])
    return [batches for batches in kept if batches]


def _schedule(step: int, steps: int) -> float:
    """Factor on the learning rate: linear warm-up, then half a cosine down to a tenth."""
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    through = (step - warm) / max(1, steps - warm)
    return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * through))


def lora_config(weights: Weights) -> Any:
    """PEFT's description of the adapter: all linear layers, alpha twice the rank."""
    from peft import LoraConfig

    return LoraConfig(
        r=weights.rank,
        lora_alpha=2 * weights.rank,
        lora_dropout=0.0,
        target_modules="all-linear",
        bias="none",
        task_type="CAUSAL_LM",
    )


def _with_lora(base: LocalModel, weights: Weights) -> Any:
    try:
        import torch
        from peft import get_peft_model
    except ImportError as error:
        raise MissingExtraError("training an adapter", "local") from error
    model = load_base(base.folder, base.dtype)
    if plain_layers(model):
        use_packed_attention(model)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        # peft asks transformers for a property that is about to be renamed.
        warnings.simplefilter("ignore", FutureWarning)
        torch.manual_seed(weights.seed)
        return get_peft_model(model, lora_config(weights), autocast_adapter_dtype=False)


def keep(trained: Trained, model_name: str, folder: Path, left_out: int) -> TuningResult:
    """Write the adapter and what it took."""
    with whole(folder, "adapter") as built:
        # The folder may travel: it names the model, not where it lay.
        trained.model.peft_config["default"].base_model_name_or_path = model_name
        trained.model.save_pretrained(str(built), save_embedding_layers=False)
        (built / "README.md").unlink(missing_ok=True)
        digest = sha256_file(built / WEIGHTS_FILE)
        result = TuningResult(
            adapter=Adapter(path=str(folder), digest=digest),
            train_tokens=trained.tokens,
            seconds=trained.seconds,
            epochs_run=len(trained.train_losses),
            dev_losses=trained.dev_losses,
            train_losses=trained.train_losses,
            weights=trained.weights,
            steps=trained.steps,
            left_out=left_out,
        )
        (built / RESULT).write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return result
