"""Untrusted text made safe to look at: inputs, answers, titles and names come from anywhere.

Escaping is the template's work. This makes visible what a page would hide or obey (control
characters, direction overrides), and cuts what no one can read.
"""

import json
import re
from typing import Any

from markupsafe import Markup, escape

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""C0 and C1 controls but tab and line feed, marks that turn the direction of text or have no
width, lone surrogates, and tag characters. Joiners stay: emoji and scripts need them."""
_CONTROL_PICTURES = 0x2400


def clean(text: str) -> str:
    """The text with every hidden character made visible; carriage returns become line feeds."""
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub(_visible, text.replace("\r\n", "\n").replace("\r", "\n"))


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(_CONTROL_PICTURES + code)
    if 0xD800 <= code <= 0xDFFF:
        return REPLACEMENT
    return f"⟨U+{code:04X}⟩"


def cut(text: str, limit: int) -> str:
    """The text as far as `limit` characters, with a note of how many are left out."""
    if len(text) <= limit:
        return clean(text)
    return f"{clean(text[:limit])} … [{len(text) - limit:,} of {len(text):,} characters cut]"


def one_line(text: str, limit: int = 160) -> str:
    """The text on one line, cut."""
    flat = " ".join(clean(text[: limit * 4]).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def finalize(value: Any) -> Any:
    """For a template: plain text is cleaned wherever it is put out; markup of ours stays."""
    return clean(value) if type(value) is str else value


def ticked(text: str) -> Markup:
    """A sentence whose commands stand in backticks, with each as code."""
    parts = clean(text).split("`")
    if len(parts) % 2 == 0:  # a backtick without its pair is one of the text's own
        return escape(clean(text))
    pieces = (Markup("<code>{}</code>").format(p) if i % 2 else escape(p)
              for i, p in enumerate(parts))  # fmt: skip
    return Markup("").join(pieces)


def script_json(value: Any) -> Markup:
    """JSON that can stand inside a script element: nothing in it ends or opens an element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)
