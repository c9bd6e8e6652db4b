"""The weights in memory: load, run forward, swap adapters. Only the worker thread touches it."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rung.errors import MissingExtraError, ProviderError, UserError
from rung.models.base import Adapter
from rung.models.local.attention import split, use_packed_attention
from rung.models.local.batching import Padded
from rung.models.local.kv import GrowingLayer, Prefix, Slots
from rung.models.local.machine import device, quiet_waiting

if TYPE_CHECKING:
    from torch import Tensor

ALL = slice(None)
ADAPTERS = 4
"""Adapters kept in memory beside the base weights."""


def load_base(folder: Path, dtype: str) -> Any:
    """The causal language model of `folder` in torch's `dtype`, ready to run.

    It takes under a second for 135M.

    Raises `MissingExtraError` without the extra `local`, `UserError` where transformers
    cannot load the folder.
    """
    quiet_waiting()
    try:
        import torch
        from transformers import AutoModelForCausalLM
        from transformers.utils.logging import disable_progress_bar
    except ImportError as error:
        raise MissingExtraError("a local model", "local") from error
    disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=getattr(torch, dtype),
            attn_implementation="sdpa",
            local_files_only=True,
        )
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"transformers cannot load {str(folder)!r}: {error}") from error
    return model.eval().requires_grad_(False)


def plain_layers(model: Any) -> bool:
    """True where every layer attends to everything before: no sliding windows, no state."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)


class Cache(NamedTuple):
    """What a batch has read so far."""

    held: Any
    """transformers' cache."""
    slots: Slots | None
    """None for a model with sliding windows."""


class Network:
    """One model with any number of adapters, one of them (or none) switched on."""

    def __init__(self, folder: Path, dtype: str) -> None:
        from transformers.cache_utils import CacheLayerMixin

        # transformers asks for the type; importing it where the class stands would load torch.
        CacheLayerMixin.register(GrowingLayer)
        self._device = device()
        self._base = load_base(folder, dtype).to(self._device)
        self._tuned: Any = None
        self._loaded: OrderedDict[str, None] = OrderedDict()
        self._config = self._base.config
        self.batches = plain_layers(self._base)
        """False for models with sliding windows: they run one text at a time, as they come."""
        if self.batches:
            use_packed_attention(self._base)
        text = self._config.get_text_config(decoder=True)
        shared = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
        self._group = text.num_attention_heads // shared
        self._layers = text.num_hidden_layers
        self._last: Tensor | None = None
        self._every = False
        self._base.get_output_embeddings().register_forward_pre_hook(self._only_last)

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

    def new_cache(self, rows: int, prefix: Prefix | None) -> Cache:
        """A cache for `rows` texts that all begin with `prefix`."""
        from transformers import DynamicCache

        if not self.batches:
            return Cache(DynamicCache(config=self._config), None)
        held, slots = DynamicCache(), Slots(prefix.length if prefix else 0)
        starts = prefix.layers if prefix else [None] * self._layers
        held.layers = [GrowingLayer(slots, rows, start) for start in starts]
        return Cache(held, slots)

    def keep_rows(self, cache: Cache, rows: list[int]) -> None:
        """Drop the other rows from a cache."""
        import torch

        for layer in cache.held.layers:
            layer.select(torch.tensor(rows, device=self._device))

    def forward(
        self,
        padded: Padded,
        cache: Cache,
        batch: slice = ALL,
        *,
        reading: bool = False,
        every: bool = False,
    ) -> Tensor:
        """Logits after each row's last token, (rows, vocabulary). The cache grows.

        `batch` says which of the cache's rows the padded ones are, `reading` that they are of
        prompts: attention then goes the way that suits many tokens. `every` gives the logits after
        all tokens, (rows, longest, vocabulary).
        """
        import torch

        if cache.slots is not None:
            cache.slots.batch = batch
        ids, positions = torch.from_numpy(padded.ids), torch.from_numpy(padded.positions)
        self._last, self._every = torch.from_numpy(padded.last), every
        if ids.numel() == 1 and cache.slots is not None:
            # A single token takes another path through the matrix library, with other rounding:
            # one token of padding keeps a text alone on the path of a text in company.
            ids, positions = ids.repeat(1, 2), torch.cat([positions, positions + 1], dim=1)
        with torch.inference_mode():
            out = self._base(
                input_ids=ids.to(self._device),
                **self._place(positions, cache.slots, reading),
                position_ids=positions.to(self._device),
                past_key_values=cache.held,
                use_cache=True,
            )
        logits: Tensor = (out.logits if every else out.logits[:, 0]).cpu()
        return logits

    def _place(self, positions: Tensor, slots: Slots | None, reading: bool) -> dict[str, Any]:
        """Tell the cache where the new tokens go, and attention what they may look at."""
        import torch

        if slots is None:
            return {}
        first, last = int(positions[:, 0].min()), int(positions[:, -1].max())
        slots.length = max(slots.length, last + 1)
        same = last - first + 1 == positions.shape[1]
        slots.together = slice(first, last + 1) if same else None
        slots.rows = torch.arange(len(positions))[:, None]
        slots.columns = positions
        parts = split(positions, self._group, self._base.dtype, reading)
        parts = [part._replace(mask=part.mask.to(self._device)) for part in parts]
        # A mask in four dimensions is taken as it is; attention goes by the parts.
        return {"attention_mask": parts[-1].mask, "parts": parts}

    def _only_last(self, _: Any, inputs: tuple[Tensor]) -> tuple[Tensor]:
        """Before the widest layer: all but each row's last token is dropped."""
        import torch

        (hidden,) = inputs
        if self._every:
            return (hidden,)
        assert self._last is not None
        return (hidden[torch.arange(len(hidden)), self._last][:, None],)

    def _load(self, adapter: Adapter) -> None:
        from peft import PeftModel

        place, name = adapter.path, adapter.digest
        if not (Path(place) / "adapter_config.json").is_file():
            raise ProviderError(f"the adapter folder {place!r} is gone: train it again", status=404)
        with warnings.catch_warnings():
            # peft asks transformers for a property that is about to be renamed.
            warnings.simplefilter("ignore", FutureWarning)
            # Adapter weights in the base's type: mixed types cost a conversion per layer.
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
