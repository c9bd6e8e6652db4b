"""The weights in memory: load, run forward, swap adapters. Only the worker thread touches it."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import MissingExtraError, ProviderError, UserError
from rung.models.base import Adapter
from rung.models.local.batching import Padded
from rung.models.local.kv import GrowingLayer, Prefix
from rung.models.local.machine import thread_count

if TYPE_CHECKING:
    from torch import Tensor

ADAPTERS = 4
"""Adapters kept in memory beside the base weights."""


def load_base(folder: Path) -> Any:
    """The causal language model of `folder` in bf16, ready to run (under a second for 135M).

    Raises `MissingExtraError` without the extra `local`, `UserError` where transformers
    cannot load the folder.
    """
    try:
        import torch
        from transformers import AutoModelForCausalLM
        from transformers.utils.logging import disable_progress_bar
    except ImportError as error:
        raise MissingExtraError("a local model", "local") from error
    disable_progress_bar()
    torch.set_num_threads(thread_count())
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=torch.bfloat16, attn_implementation="sdpa", local_files_only=True
        )
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"transformers cannot load {str(folder)!r}: {error}") from error
    return model.eval().requires_grad_(False)


class Network:
    """One model with any number of adapters, one of them (or none) switched on."""

    def __init__(self, folder: Path) -> None:
        from transformers import DynamicCache
        from transformers.cache_utils import CacheLayerMixin, DynamicLayer

        # transformers asks for the type; importing it where the class stands would load torch.
        CacheLayerMixin.register(GrowingLayer)
        self._base = load_base(folder)
        self._tuned: Any = None
        self._loaded: OrderedDict[str, None] = OrderedDict()
        self._config = self._base.config
        layers = DynamicCache(config=self._config).layers
        self.shares_prefixes = all(type(layer) is DynamicLayer for layer in layers)
        """False for models with sliding windows, whose caches cannot be cut at any place."""
        self._layers = len(layers)

    def use(self, adapter: Adapter | None) -> None:
        """Switch to an adapter, or to the base weights. Raises `ProviderError` if unusable."""
        if adapter is None:
            if self._tuned is not None:
                self._tuned.base_model.disable_adapter_layers()
            return
        if adapter.digest not in self._loaded:
            self._load(adapter)
        self._loaded.move_to_end(adapter.digest)
        self._tuned.base_model.enable_adapter_layers()
        self._tuned.set_adapter(adapter.digest)

    def new_cache(self, rows: int, prefix: Prefix | None) -> Any:
        """A cache for `rows` texts that all begin with `prefix`."""
        from transformers import DynamicCache

        if not self.shares_prefixes:
            return DynamicCache(config=self._config)
        cache = DynamicCache()
        starts = prefix.layers if prefix else [None] * self._layers
        cache.layers = [GrowingLayer(rows, start) for start in starts]
        return cache

    def keep_rows(self, cache: Any, rows: list[int]) -> None:
        """Drop the other rows from a cache."""
        import torch

        chosen = torch.tensor(rows)
        if not self.shares_prefixes:
            cache.batch_select_indices(chosen)
            return
        for layer in cache.layers:
            layer.select(chosen)

    def forward(self, padded: Padded, seen: Tensor, cache: Any) -> tuple[Tensor, Tensor]:
        """Logits after each row's last token (rows, vocabulary), and the mask seen so far.

        `seen` is the mask of what the cache holds: (rows, positions). The cache grows.
        """
        import torch

        mask = torch.cat([seen, torch.from_numpy(padded.mask)], dim=1)
        with torch.inference_mode():
            out = self._base(
                input_ids=torch.from_numpy(padded.ids),
                attention_mask=mask,
                position_ids=torch.from_numpy(padded.positions),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
        return out.logits[:, -1], mask

    def _load(self, adapter: Adapter) -> None:
        from peft import PeftModel

        place, name = adapter.path, adapter.digest
        if not (Path(place) / "adapter_config.json").is_file():
            raise ProviderError(f"the adapter folder {place!r} is gone: train it again", status=404)
        # Adapter weights in the base's bf16: mixed types would cost a conversion per layer.
        if self._tuned is None:
            self._tuned = PeftModel.from_pretrained(
                self._base, place, adapter_name=name, autocast_adapter_dtype=False
            ).eval()
        else:
            self._tuned.load_adapter(place, adapter_name=name, autocast_adapter_dtype=False)
        self._loaded[name] = None
        while len(self._loaded) > ADAPTERS:
            oldest, _ = self._loaded.popitem(last=False)
            self._tuned.delete_adapter(oldest)
