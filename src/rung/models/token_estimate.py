"""How many tokens a text has, where nobody counts them.

By kind of character, as the tokenizers in use split them: a Latin letter is a quarter of a token,
a letter of another alphabet half of one, a Chinese, Japanese, Thai or Indic character one, and a
digit one (Qwen, Gemma and Mistral split numbers into digits; OpenAI's take three at a time).
"""

import math
import re

_SHARES = (
    (re.compile(r"[\x20A-Za-z]"), 0.25),
    (re.compile(r"[0-9]"), 1.0),
    (re.compile(r"[\x00-\x1f\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]"), 0.5),
    (re.compile(r"[\x80-\u08ff]"), 0.5),
    (re.compile(r"[\u0900-\uffff]"), 1.0),
    (re.compile(r"[\U00010000-\U0010ffff]"), 2.0),
)
"""Tokens a character. Our own figures, on the safe side of the tokenizers named above."""


def estimated_tokens(text: str) -> int:
    """Tokens, rounded up; 0 for an empty text."""
    if text.isascii() and text.isalpha():
        return math.ceil(len(text) / 4)
    return math.ceil(sum(share * len(kind.findall(text)) for kind, share in _SHARES))
