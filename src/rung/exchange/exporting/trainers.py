"""Trainers elsewhere: their data and their configuration, for the same training as `tuning.lora`.

Same messages, loss on the answer alone, LoRA on all linear layers with alpha twice the rank, the
best epoch by loss on dev. What differs stays different: batches, precision and kernels are the
trainer's, so an adapter from elsewhere is measured before it is believed.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from rung.behaviour.trainers.base import TuningExample, preferring
from rung.behaviour.trainers.dpo import BETA
from rung.behaviour.trainers.hosted.base import chat_turns
from rung.behaviour.trainers.lora import CLIP, WARM_UP
from rung.candidate import Weights
from rung.exchange.exporting.bases import base_model
from rung.exchange.exporting.files import Files
from rung.exchange.exporting.source import Source
from rung.task.types import JsonValue

ROUND_TO = 128
"""Sequence lengths are rounded up to a multiple of this."""
DPO = "train_dpo.py"
"""The second step of a training by preference."""
SPARE_TOKENS = 32
"""For what another template may add around the turns."""


class Lesson(NamedTuple):
    """What the trainers are told."""

    base: str
    """A model folder, or a name on the hub."""
    weights: Weights
    tokens: int
    """The longest example fits."""
    rows: int
    """Training examples."""
    has_dev: bool

    @property
    def warm_up(self) -> int:
        """Steps in which the learning rate rises: a number every release of the trainers takes."""
        return max(1, round(WARM_UP * -(-self.rows // self.weights.rows) * self.weights.epochs))


async def export_trainer(source: Source, name: str) -> Files:
    """Data and configuration of one trainer."""
    solver = await source.taught()
    train, dev = await source.lessons(solver)
    model = source.chat(solver.candidate.model)
    longest = max(model.count_tokens(e.turns) for e in (*train, *dev))
    tokens = -(-(longest + SPARE_TOKENS) // ROUND_TO) * ROUND_TO
    files = Files()
    lesson = Lesson(
        base_model(source, solver.candidate.model, files),
        source.recipe(solver),
        tokens,
        len(train),
        bool(dev),
    )
    for split, examples in (("train", train), ("dev", dev)):
        if examples:
            files.put(f"{split}.jsonl", _jsonl(ROWS_OF[name](examples)))
    for path, text in CONFIGS[name](lesson).items():
        files.put(path, text)
    corrected = [one for one in train if one.rejected is not None]
    if corrected and name == "trl":
        preferred = lesson._replace(weights=preferring(lesson.weights), rows=len(corrected))
        files.put("corrections.jsonl", _jsonl(_preferences(corrected)))
        files.put(DPO, _script(DPO)(preferred)[DPO])
    files.note(f"base model: {lesson.base}; longest example {longest} tokens")
    files.note(COMMANDS[name])
    if corrected:
        files.note(_second_step(name, len(corrected), solver.candidate.weights.prefers))
    return files


def _second_step(name: str, corrected: int, learnt: bool) -> str:
    """What is said of rows that hold the answer which was corrected."""
    whose = ", as the winner was trained" if learnt else ""
    if name == "trl":
        return (
            f"then python {DPO} goes on from that adapter with {corrected} corrections against "
            f"what they replaced (DPO){whose}"
        )
    return (
        f"{corrected} rows hold the answer that was corrected, which this trainer is not told"
        f"{'; the winner learnt them too' if learnt else ''}: --to trl writes both steps"
    )


def _preferences(examples: Sequence[TuningExample]) -> list[dict[str, JsonValue]]:
    """TRL's conversational prompt, and the right answer beside the one that it replaced."""
    return [
        {
            "prompt": row["prompt"],
            "chosen": row["completion"],
            "rejected": [{"role": "assistant", "content": example.rejected}],
        }
        for row, example in zip(_pairs(examples), examples, strict=True)
    ]


def _pairs(examples: Sequence[TuningExample]) -> list[dict[str, JsonValue]]:
    """TRL's conversational prompt and completion: loss on the completion alone."""
    return [
        {
            "prompt": [m.model_dump(exclude_defaults=True) for m in e.messages],
            "completion": [{"role": "assistant", "content": e.answer}],
        }
        for e in examples
    ]


def _flagged(examples: Sequence[TuningExample]) -> list[dict[str, JsonValue]]:
    """Every turn says whether it is learnt (axolotl's `message_field_training`)."""
    rows: list[dict[str, JsonValue]] = []
    for example in examples:
        turns = chat_turns(example.messages, example.answer, weights=False)
        last = len(turns) - 1
        rows.append({"messages": [{**t, "train": i == last} for i, t in enumerate(turns)]})
    return rows


def _plain(examples: Sequence[TuningExample]) -> list[dict[str, JsonValue]]:
    return [{"messages": chat_turns(e.messages, e.answer, weights=False)} for e in examples]


def _axolotl(lesson: Lesson) -> dict[str, str]:
    weights = lesson.weights
    config: dict[str, Any] = {
        "base_model": lesson.base,
        "datasets": [_axolotl_data("train")],
        "dataset_prepared_path": "prepared",
        "output_dir": "adapter",
        "adapter": "lora",
        "lora_r": weights.rank,
        "lora_alpha": 2 * weights.rank,
        "lora_dropout": 0.0,
        "lora_target_linear": True,
        "sequence_len": lesson.tokens,
        "sample_packing": False,
        "micro_batch_size": weights.rows,
        "gradient_accumulation_steps": 1,
        "num_epochs": weights.epochs,
        **_schedule(lesson),
        "warmup_ratio": WARM_UP,
        "lr_scheduler": "cosine",
        "optimizer": "adamw_torch",
        "bf16": "auto",
        "saves_per_epoch": 1,
    }
    if lesson.has_dev:
        config |= {"test_datasets": [_axolotl_data("dev")], "evals_per_epoch": 1, **BEST}
    return {"axolotl.yaml": dump_yaml(config)}


def _axolotl_data(split: str) -> dict[str, Any]:
    return {
        "path": f"{split}.jsonl",
        "ds_type": "json",
        "split": "train",
        "type": "chat_template",
        "chat_template": "tokenizer_default",
        "field_messages": "messages",
        "message_property_mappings": {"role": "role", "content": "content"},
        "message_field_training": "train",
        "roles_to_train": [],
        "train_on_eos": "turn",
    }


def _llama_factory(lesson: Lesson) -> dict[str, str]:
    weights = lesson.weights
    config: dict[str, Any] = {
        "model_name_or_path": lesson.base,
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "lora_target": "all",
        "lora_rank": weights.rank,
        "lora_alpha": 2 * weights.rank,
        "lora_dropout": 0.0,
        "dataset_dir": ".",
        "dataset": "train",
        # None: the template is read from the tokenizer, so that prompts are those sent here.
        "template": None,
        "cutoff_len": lesson.tokens,
        "mask_history": True,
        "train_on_prompt": False,
        "output_dir": "adapter",
        "per_device_train_batch_size": weights.rows,
        "gradient_accumulation_steps": 1,
        "num_train_epochs": float(weights.epochs),
        **_schedule(lesson),
        "warmup_steps": lesson.warm_up,
        "lr_scheduler_type": "cosine",
        "bf16": True,
        "save_strategy": "epoch",
        "report_to": "none",
    }
    info = {"train": _factory_data("train")}
    if lesson.has_dev:
        info["dev"] = _factory_data("dev")
        config |= {"eval_dataset": "dev", "eval_strategy": "epoch", **BEST}
    return {
        "llama_factory.yaml": dump_yaml(config),
        "dataset_info.json": json.dumps(info, indent=1) + "\n",
    }


def _factory_data(split: str) -> dict[str, Any]:
    return {
        "file_name": f"{split}.jsonl",
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
        },
    }


def _schedule(lesson: Lesson) -> dict[str, Any]:
    """What all trainers on top of transformers call alike."""
    return {
        "learning_rate": lesson.weights.learning_rate,
        "max_grad_norm": CLIP,
        "weight_decay": 0.0,
        "seed": lesson.weights.seed,
    }


BEST = {"load_best_model_at_end": True, "metric_for_best_model": "eval_loss"}
"""The best epoch by loss on dev is kept."""


def _script(template: str) -> Callable[[Lesson], dict[str, str]]:
    def make(lesson: Lesson) -> dict[str, str]:
        made = Environment(
            loader=PackageLoader("rung.exchange.exporting"),
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            autoescape=False,  # Python source; every value is put in with `repr`
        )
        text = made.get_template(f"{template}.jinja").render(
            base=repr(lesson.base),
            weights=lesson.weights,
            tokens=lesson.tokens,
            has_dev=lesson.has_dev,
            rows=lesson.weights.rows,
            warm_up=lesson.warm_up,
            clip=CLIP,
            beta=BETA,
        )
        return {template: text}

    return make


def dump_yaml(value: JsonValue) -> str:
    """YAML in the order given."""
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
    return text


def _jsonl(rows: Sequence[dict[str, JsonValue]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


ROWS_OF = {"trl": _pairs, "unsloth": _pairs, "axolotl": _flagged, "llama-factory": _plain}
CONFIGS: dict[str, Callable[[Lesson], dict[str, str]]] = {
    "trl": _script("train_trl.py"),
    "unsloth": _script("train_unsloth.py"),
    "axolotl": _axolotl,
    "llama-factory": _llama_factory,
}
COMMANDS = {
    "trl": "run in that folder: pip install 'trl>=1.16,<2' peft datasets && python train_trl.py",
    "unsloth": "run in that folder, on a GPU: pip install unsloth && python train_unsloth.py",
    "axolotl": "run in that folder, on a GPU: pip install axolotl && axolotl train axolotl.yaml",
    "llama-factory": "run in that folder, on a GPU: pip install llamafactory && "
    "llamafactory-cli train llama_factory.yaml",
}
"""How each is started."""
