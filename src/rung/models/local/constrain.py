"""Constrained decoding: which tokens may come next.

`ChoiceConstraint` walks a trie of the choices' own tokens: the answer is one of them by
construction, and whatever has only one continuation costs no computation. `JsonConstraint`
asks llguidance, a library made for it.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rung.errors import MissingExtraError, ProviderError
from rung.models.local.codec import Codec
from rung.task.json_schema import enforceable

Logits = NDArray[np.float32]


class Constraint(Protocol):
    """Decides an answer token by token."""

    done: bool
    """True when the answer is complete."""

    def forced(self) -> list[int]:
        """Tokens that must come next, already accepted; empty where there is a choice."""
        ...

    def allowed(self) -> NDArray[np.int64]:
        """Token ids that may come next, ascending. May include the end token."""
        ...

    def accept(self, token: int, probability: float) -> None:
        """Take the chosen token; `probability` is among the allowed ones."""
        ...


class TokenTrie:
    """The choices as paths of tokens, each closed by the end token.

    The end token makes a choice that is the beginning of another one possible.
    """

    def __init__(self, choices: Sequence[Sequence[int]], end: int) -> None:
        self.root: dict[int, Any] = {}
        for tokens in choices:
            node = self.root
            for token in [*tokens, end]:
                node = node.setdefault(token, {})


class ChoiceConstraint:
    """The answer is exactly one of the choices.

    `confidence` is the product, over the places where the choices part, of the probability of
    the token taken among the tokens possible there: the probability of the chosen path, not a
    sum over all paths.
    """

    def __init__(self, trie: TokenTrie) -> None:
        self._node = trie.root
        self._log_confidence = 0.0
        self.done = False

    @property
    def confidence(self) -> float:
        """Probability of the path so far, in [0, 1]."""
        return math.exp(self._log_confidence)

    def forced(self) -> list[int]:
        """Tokens up to the next parting of the ways, or to the end."""
        tokens: list[int] = []
        while len(self._node) == 1:
            token, self._node = next(iter(self._node.items()))
            tokens.append(token)
        self.done = not self._node
        return tokens

    def allowed(self) -> NDArray[np.int64]:
        """The tokens at this parting."""
        return np.array(sorted(self._node), dtype=np.int64)

    def accept(self, token: int, probability: float) -> None:
        """Follow one of them."""
        self._node = self._node[token]
        self._log_confidence += math.log(max(probability, 1e-300))
        self.done = not self._node


class JsonConstraint:
    """The answer is JSON that satisfies a schema, written as `json.dumps` writes it."""

    def __init__(self, matcher: Any, vocabulary: int) -> None:
        self._matcher = matcher
        self._bits = np.zeros((vocabulary + 31) // 32, dtype=np.int32)
        self.done = False

    def forced(self) -> list[int]:
        """Punctuation and keys that the schema leaves no choice about."""
        tokens: list[int] = self._matcher.compute_ff_tokens()
        if tokens and not self._matcher.consume_tokens(tokens):
            self._fail()
        self.done = bool(self._matcher.is_stopped())
        return tokens

    def allowed(self) -> NDArray[np.int64]:
        """Every token that keeps the answer on the way to valid JSON."""
        self._matcher.unsafe_compute_mask_ptr(self._bits.ctypes.data, self._bits.nbytes)
        if self._matcher.is_error():
            self._fail()
        flags = np.unpackbits(self._bits.view(np.uint8), bitorder="little")
        return np.flatnonzero(flags)

    def accept(self, token: int, probability: float) -> None:
        """Take a token."""
        if not self._matcher.consume_token(token):
            self._fail()
        self.done = bool(self._matcher.is_stopped())

    def _fail(self) -> None:
        raise ProviderError(f"constrained decoding failed: {_first_line(self._matcher)}")


class Constrainer:
    """Makes constraints for one tokenizer and keeps what is expensive to prepare."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._tries: dict[tuple[str, ...], TokenTrie] = {}
        self._matchers: dict[str, Any] = {}
        self._tokenizer: Any = None

    def choices(self, choices: tuple[str, ...]) -> ChoiceConstraint:
        """Raises `ProviderError` (status 400) on an empty list or an empty choice."""
        trie = self._tries.get(choices)
        if trie is None:
            tokens = [self._codec.encode(choice) for choice in choices]
            if not tokens or not all(tokens):
                raise ProviderError(f"choices must be non-empty texts: got {choices!r}", status=400)
            trie = self._tries[choices] = TokenTrie(tokens, self._codec.end_token)
        return ChoiceConstraint(trie)

    def schema(self, schema: Mapping[str, Any]) -> JsonConstraint:
        """Enforces what can be; raises `ProviderError` (status 400) where llguidance does not.

        Without the keywords that it cannot enforce the schema allows more, and nothing else less.
        """
        key = json.dumps(enforceable(dict(schema))[0])
        if key not in self._matchers:
            self._matchers[key] = self._compile(key)
        return JsonConstraint(self._matchers[key].deep_copy(), self._tokenizer.vocab_size)

    def _compile(self, schema: str) -> Any:
        try:
            from llguidance import LLMatcher, LLTokenizer
        except ImportError as error:
            raise MissingExtraError("JSON answers of a local model", "local") from error
        if self._tokenizer is None:
            ends = [self._codec.end_token]
            self._tokenizer = LLTokenizer(self._codec.tokenizer.to_str(), eos_token=ends)
        grammar = LLMatcher.grammar_from_json_schema(
            schema,
            # As json.dumps writes: what a tuned model was shown is what it may say.
            overrides={"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "},
        )
        matcher = LLMatcher(self._tokenizer, grammar, log_level=0)
        if matcher.is_error():
            raise ProviderError(
                f"the JSON schema cannot be enforced: {_first_line(matcher)}", status=400
            )
        return matcher


def _first_line(matcher: Any) -> str:
    # The rest of the report is the parser's inner state.
    return str(matcher.get_error()).strip().partition("\n")[0]
