"""What a model says to the user, without what stands around it: thoughts, turn markers, end tokens.

Servers that read a model's own format take these out; many pass them on as text.
"""

import re
from typing import NamedTuple

_TAGS = r"(?:\w{1,12}[:_])?think|thinking|thoughts?|reasoning"
_OPENED = re.compile(
    rf"<(?P<tag>{_TAGS})\b[^>]*>"  # DeepSeek-R1, Qwen3, Seed
    r"|(?P<mistral>\[THINK\])|(?P<kimi>◁think▷)"
    r"|(?P<cohere><\|START_THINKING\|>)|(?P<bot><\|begin_of_thought\|>)"
    r"|(?P<gemma><\|channel>thought\b)",
    re.I,
)
_CLOSERS = {
    "mistral": r"\[/THINK\]",
    "kimi": r"◁/think▷",
    "cohere": r"<\|END_THINKING\|>",
    "bot": r"<\|end_of_thought\|>",
    "gemma": r"<channel\|>",
}
_CLOSED = re.compile("|".join((rf"</(?:{_TAGS})\s*>", *_CLOSERS.values())), re.I)

# https://cookbook.openai.com/articles/openai-harmony: the final channel holds the answer.
_CHANNEL = re.compile(
    r"<\|channel\|>\s*(\w+)[^<]*<\|message\|>(.*?)(?=<\|(?:end|return|call|start)\|>|$)", re.S
)
_BARE_CHANNEL = re.compile(r"\Aanalysis(?=\S).*assistantfinal", re.S)

_STARTS = r"<\|im_start\|>|<\|start_header_id\|>|<\|start\|>|<start_of_turn>|<\|turn>|\[INST\]|<s>"
_ENDS = (
    r"<\|im_end\|>|<\|eot_id\|>|<\|eom_id\|>|<\|endoftext\|>|<\|end_of_text\|>|<\|end\|>|<\|return\|>"
    r"|<\|eot\|>|<\|END_OF_TURN_TOKEN\|>|<\|END_RESPONSE\|>|<\|end_of_solution\|>|<\|im_sep\|>"
    r"|<\|(?:user|observation|EOT|eom)\|>|<end_of_utterance>|<pad>|\[gMASK\]|<end_of_turn>|<turn\|>|<eos>|</s>|\[/?EOS\]|\[e~\[|<｜end▁of▁sentence｜>"
)
_AT_THE_END = re.compile(
    rf"(?:{_ENDS})(?:\s*(?:{_ENDS}))*\s*(?:\Z|(?:{_STARTS}).*)|<\|endoftext\|>.*"
    r"|(?:<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>)\s*(?:user|system)\b.*",
    re.S,
)
_ANSWER = re.compile(r"\s*<(answer|response|output)>(.*)</\1>\s*", re.S)
"""Around the answer of models that were taught DeepSeek-R1-Zero's form."""
_AT_THE_START = re.compile(
    r"\A\s*(?:<s>|<bos>|<\|begin_of_text\|>|<\|START_RESPONSE\|>|<\|begin_of_solution\|>"
    r"|<\|im_start\|>\s*assistant\s*\n|<start_of_turn>model\s*\n"
    r"|<\|turn>model\s*\n|<\|assistant\|>|<｜Assistant｜>|<think\s*/>"
    r"|<\|start_header_id\|>assistant<\|end_header_id\|>\s*)+"
)


class Spoken(NamedTuple):
    """A text taken apart."""

    text: str
    thought: bool = False
    """Thoughts stood before it."""
    unfinished: bool = False
    """The thoughts never ended: there is no answer."""


def spoken(text: str) -> Spoken:
    """The answer in a model's text.

    Thoughts count only where they stand before the answer: a tag inside of it belongs to it.
    """
    words, thought = _AT_THE_START.sub("", _final_channel(text)), False
    thought = words != _AT_THE_START.sub("", text)
    while (opened := _OPENED.match(words.lstrip())) is not None:
        inside = words.lstrip()[opened.end() :]
        kind = opened.lastgroup or "tag"
        closer = _CLOSERS.get(kind) or rf"</{re.escape(opened['tag'])}\s*>"
        closed = re.search(closer, inside, re.I)
        if closed is None:
            return Spoken("", thought=True, unfinished=True)
        words, thought = inside[closed.end() :], True
    # The template of some models opens the thought, so that only its end is in the answer.
    if not words.lstrip().startswith(("{", "[", '"')) and not _OPENED.search(words):
        *before, words = _CLOSED.split(words)
        thought = thought or bool(before)
    words = _AT_THE_END.sub("", _AT_THE_START.sub("", words))
    if thought and (framed := _ANSWER.fullmatch(words)) is not None:
        words = framed[2]
    return Spoken(words.strip() if thought else words, thought)


def _final_channel(text: str) -> str:
    channels = _CHANNEL.findall(text)
    if channels:
        finals = [content for channel, content in channels if channel == "final"]
        return finals[-1] if finals else f"<think>{text}"
    return _BARE_CHANNEL.sub("", text, count=1)
