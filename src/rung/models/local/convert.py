"""Turns a GGUF file into a folder that loads fast: bf16 safetensors, tokenizer, chat template.

Tensor by tensor, so that it takes little more memory than the largest of them.
"""

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from rung.errors import MissingExtraError, UserError

WEIGHTS = "model.safetensors"
VALUES = 2**24
"""Values of a large table that are unpacked at once: 64 MiB of them."""
BYTES = 2
"""Of a bf16 value."""
TABLES = ("token_embd.weight", "output.weight")
"""The widest tensors, which no architecture rearranges: unpacked row by row."""


def convert_gguf(
    file: Path, folder: Path, on_progress: Callable[[float], None] | None = None
) -> None:
    """Unpack `file` to bf16 in `folder`, once; `on_progress` hears the share that is done.

    Raises `UserError` where transformers cannot read the file, `MissingExtraError` without the
    extra `local`.
    """
    try:
        import gguf
        from transformers.utils.logging import disable_progress_bar
    except ImportError as error:
        raise MissingExtraError("reading a GGUF file", "local") from error
    disable_progress_bar()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        # The GGUF reader draws a bar of its own that no switch of transformers turns off.
        with contextlib.redirect_stderr(io.StringIO()):
            model, tokenizer = _described(file)
        reader = gguf.GGUFReader(str(file))
        rule = reader.fields.get("tokenizer.ggml.pre")
        _restore_digits(tokenizer, None if rule is None else str(rule.contents()))
        tokenizer.model_max_length = model.config.max_position_embeddings
        _write_weights(reader, model, folder / WEIGHTS, on_progress or (lambda share: None))
    except (OSError, ValueError, KeyError, NotImplementedError) as error:
        raise UserError(f"transformers cannot read {str(file)!r}: {error}") from error
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _described(file: Path) -> tuple[Any, Any]:
    """The model without weights, and its tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    place = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    tokenizer = AutoTokenizer.from_pretrained(**place)
    config = AutoConfig.from_pretrained(**place)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.config.architectures = [type(model).__name__]
    return model, tokenizer


def _write_weights(
    reader: Any, model: Any, target: Path, on_progress: Callable[[float], None]
) -> None:
    """https://huggingface.co/docs/safetensors: the length of a header, the header, the values."""
    shapes = {name: tuple(tensor.shape) for name, tensor in sorted(_state(model).items())}
    places: dict[str, int] = {}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        places[name], begin = end, end
        end += BYTES * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": (begin, end)}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    missing = set(shapes)
    with target.open("wb") as sink:
        sink.write(len(text).to_bytes(8, "little") + text)
        begin = sink.tell()
        sink.truncate(begin + end)
        for name, parts in _tensors(reader, model):
            if name not in missing:
                continue
            sink.seek(begin + places[name])
            wrote = sum(_write(sink, part) for part in parts)
            if wrote != BYTES * int(np.prod(shapes[name])):
                raise ValueError(f"the tensor {name} is not {shapes[name]}")
            missing.discard(name)
            on_progress(1 - len(missing) / len(shapes))
    if missing:
        raise ValueError(f"it holds no {min(missing)}")


def _state(model: Any) -> Mapping[str, Any]:
    """Every weight by name, one that stands for another left out."""
    tied = getattr(model, "all_tied_weights_keys", None) or {}
    return {name: value for name, value in model.state_dict().items() if name not in tied}


def _tensors(reader: Any, model: Any) -> Iterator[tuple[str, Iterator[NDArray[np.float32]]]]:
    """Each weight's name and values, a few rows of a table at a time."""
    from gguf import dequantize
    from transformers.modeling_gguf_pytorch_utils import (
        TENSOR_PROCESSORS,
        TensorProcessor,
        get_gguf_hf_weights_map,
    )

    architecture = str(reader.fields["general.architecture"].contents())
    processor = TENSOR_PROCESSORS.get(architecture, TensorProcessor)(config=model.config.to_dict())
    names = get_gguf_hf_weights_map(model, processor)
    whole: dict[str, Any] = {}
    """Experts of a layer, which lie apart in the file: they are written when all are there."""
    for tensor in reader.tensors:
        if tensor.name in TABLES and tensor.name in names:
            yield names[tensor.name], _by_rows(tensor)
            continue
        made = processor.process(
            weights=dequantize(tensor.data, tensor.tensor_type),
            name=tensor.name,
            tensor_key_mapping=names,
            parsed_parameters={"tensors": whole},
        )
        if made.name in names:
            yield names[made.name], iter([made.weights])
    for name, value in whole.items():
        yield name, iter([value.numpy()])


def _by_rows(tensor: Any) -> Iterator[NDArray[np.float32]]:
    from gguf import dequantize

    step = max(1, VALUES // int(tensor.shape[0]))
    for at in range(0, len(tensor.data), step):
        yield dequantize(tensor.data[at : at + step], tensor.tensor_type)


def _write(sink: BinaryIO, values: NDArray[np.float32]) -> int:
    import torch

    rounded = torch.from_numpy(np.require(values, requirements=["C", "W"])).to(torch.bfloat16)
    return sink.write(rounded.view(torch.int16).numpy().data)


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
