"""The base model of what is exported: by a name that others can load, and checked where it counts.

No path of this machine goes into an export: an embedded model is called as on the hub, a folder or
file of the user's by its last part.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rung.errors import UserError
from rung.exchange.exporting.files import Files
from rung.exchange.exporting.source import Source
from rung.models.fetch import PACKAGED
from rung.models.vendors import vendor_of

KINDS = ("model_type", "vocab_size", "num_attention_heads", "num_key_value_heads")


def base_model(source: Source, name: str, files: Files) -> str:
    """What trainers and servers load. `UserError` for a model whose weights nobody can load."""
    if source.base:
        return source.base
    packaged, vendor = PACKAGED.get(name), vendor_of(name)
    if packaged is not None and packaged.hub:
        files.note(
            f"base model: {packaged.hub}, the published weights; here {name} ran on weights that "
            "were packed to 4 bits, so measure what comes out before you believe it"
        )
        return packaged.hub
    if getattr(source.chat(name), "folder", None) is not None:
        base = Path(name).stem if name.endswith(".gguf") else Path(name).name
        files.note(f"base model: {base}; put the model folder there, or name another with --base")
        return f"./{base}"
    if vendor is not None and vendor[0].hub_names and "/" in vendor[1]:
        return vendor[1].partition(":")[0]
    raise UserError(
        f"{name} names no weights that can be loaded elsewhere: name a model folder or a hub name "
        "with --base"
    )


def check_base(source: Source, name: str, weights: Path) -> None:
    """`UserError` where `--base` names a model that the adapter in `weights` was not trained on.

    Sizes are compared, as `config.json` of the base has them: of a folder, or of a hub model that
    was fetched here. A hub model that is not here is taken where it is the base's own public name.
    """
    packaged = PACKAGED.get(name)
    if source.base is None or (packaged is not None and source.base == packaged.hub):
        return
    config = _config(source.base)
    if config is None:
        known = f", or leave --base out: it is {packaged.hub}" if packaged else ""
        raise UserError(
            f"whether {source.base} is the model that the adapter was trained on ({name}) cannot "
            f"be checked, because it is not on this machine: give its folder{known}"
        )
    wanted = {**adapter_sizes(weights), **_kind_of(source, name)}
    other = [f"{s} {config.get(s)}, not {n}" for s, n in wanted.items() if config.get(s) != n]
    if other:
        raise UserError(
            f"the adapter was trained on {name} and does not fit {source.base}: "
            f"{'; '.join(other)}; leave --base out or name the same model"
        )


def _kind_of(source: Source, name: str) -> dict[str, object]:
    """What else tells models of one size apart: architecture, vocabulary, heads, as trained on."""
    folder = getattr(source.chat(name), "folder", None)
    config = _config(str(folder)) if folder is not None else None
    return {key: config[key] for key in KINDS if key in config} if config else {}


def adapter_sizes(weights: Path) -> dict[str, int]:
    """Sizes of the base that a LoRA adapter was trained on, as its tensors show them."""
    from safetensors import safe_open

    sizes: dict[str, int] = {}
    with safe_open(weights, framework="np") as tensors:
        for key in tensors.keys():  # noqa: SIM118 (no mapping)
            shape = tensors.get_slice(key).get_shape()
            _, _, after = key.partition(".layers.")
            if not after:
                continue
            layer = int(after.partition(".")[0]) + 1
            sizes["num_hidden_layers"] = max(sizes.get("num_hidden_layers", 0), layer)
            if key.endswith("q_proj.lora_A.weight"):
                sizes["hidden_size"] = shape[1]
            if key.endswith("up_proj.lora_B.weight"):
                sizes["intermediate_size"] = shape[0]
    return sizes


def _config(base: str) -> Mapping[str, Any] | None:
    """`config.json` of a folder, or of a hub model that was fetched to this machine."""
    path: Path | None = Path(base).expanduser() / "config.json"
    if path is None or not path.is_file():
        path = _fetched(base)
    if path is None:
        return None
    try:
        config: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"--base {base}: its config.json cannot be read; name another") from error
    inner: Mapping[str, Any] = config.get("text_config", config)
    return inner


def _fetched(base: str) -> Path | None:
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError:
        return None
    try:
        config = try_to_load_from_cache(base, "config.json")
    except HFValidationError:
        return None
    return Path(config) if isinstance(config, str) else None
