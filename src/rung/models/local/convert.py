"""Turns a GGUF file into a folder that loads fast: bf16 safetensors, tokenizer, chat template."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

from rung.errors import MissingExtraError, UserError


def convert_gguf(file: Path, folder: Path) -> None:
    """Read `file` with transformers, dequantised, and save it to `folder`.

    Takes about 15 s and 1 GB for 135M parameters, hence done once. Raises `UserError` where
    transformers cannot read the file, `MissingExtraError` without the extra `local`.
    """
    try:
        import gguf  # noqa: F401
        import torch
        from transformers.utils.logging import disable_progress_bar
    except ImportError as error:
        raise MissingExtraError("reading a GGUF file", "local") from error
    disable_progress_bar()
    # The GGUF reader draws a bar of its own that no switch of transformers turns off.
    with contextlib.redirect_stderr(io.StringIO()):
        model, tokenizer, rule = _read(file)
    _restore_digits(tokenizer, rule)
    tokenizer.model_max_length = model.config.max_position_embeddings
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _read(file: Path) -> tuple[Any, Any, str | None]:
    import gguf
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.quantization_config import GgufConfig

    place = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(**place)
        # Without dequantize=True the model cannot be saved.
        model = AutoModelForCausalLM.from_pretrained(
            **place, quantization_config=GgufConfig(dequantize=True), dtype=torch.float32
        )
        rule = gguf.GGUFReader(str(file)).fields.get("tokenizer.ggml.pre")
    except (OSError, ValueError, KeyError, NotImplementedError) as error:
        raise UserError(f"transformers cannot read {str(file)!r}: {error}") from error
    return model, tokenizer, None if rule is None else str(rule.contents())


def _restore_digits(tokenizer: Any, rule: str | None) -> None:
    """SmolLM splits numbers into digits before anything else; transformers drops that.

    The GGUF names its splitting rule (`tokenizer.ggml.pre`), which transformers does not read:
    without it "a  7" has other tokens than the model was trained on.
    """
    if rule != "smollm":
        return
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

    tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
        [Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)]
    )
