"""Texts as comparable words: SQuAD's normalising (Rajpurkar et al. 2016), with what it loses kept.

As there: lower case, no punctuation, no English articles. Other than there, commas, semicolons and
colons part words, and, because answers that differ would become the same:

- a number keeps sign, point, exponent, per cent, currency and degree, and stays whole in a date, a
  range, a time, a version or a fraction: 2.5 is not 25, -5 not 5, 10^6 not 106, 1.10 not 1.1;
- a symbol that is part of a name or a formula stays: C++, C#, A-, x<y;
- an article falls only before another word: `A` is an answer, and so is `Vitamin A`;
- Chinese, Japanese, Korean, Thai and their neighbours are taken apart by character (see
  `rung.task.scripts`).

Spellings of one thing are folded: 1,000 and 1000, 1.234,5 and 1234.5, − and -, ½ and 1/2, 5 € and
€5, × and x, digits of other scripts, wide letters, composed and decomposed accents, quotation
marks, vowel signs of Arabic and Hebrew, characters that nobody sees.
"""

import re
import unicodedata

from rung.task.scripts import split_characters, without_invisible

_CURRENCY = "$€£¥₹₩₽₺₫₪฿₴₦₱¢"
_UNITS = (
    "mg|kg|µg|μg|mcg|g|lbs?|oz|ft|ml|cl|dl|km|cm|mm|nm|µm|μm|ms|ns|min|hrs?|[kmgt]b|[kmg]?hz|[km]w|kwh|mph|"
    "psi|[km]pa|mmhg|ppm|kcal|kj|px|m?mol|m?ah|[mk]v|[ap]m"
)
_GROUPED_BY_POINTS = re.compile(r"(?<![\w.,])(\d{1,3}(?:\.\d{3})+),(\d+)(?![\w.,]*\d)")
"""1.234,56: the comma after the groups can only be the decimal one."""
_Rules = tuple[tuple[re.Pattern[str], str], ...]


def _rules(*pairs: tuple[str, str]) -> _Rules:
    return tuple((re.compile(pattern, re.M), to) for pattern, to in pairs)


_BEFORE_FOLDING = _rules(
    ("[‐‑‒–−﹣－]", "-"),
    ("[®©™℠]", ""),
    ("(?<=[\\w)])(?=[⁰¹²³⁴-⁹⁺⁻])(?<![⁰¹²³⁴-⁹])", "^"),  # NFKC makes 10⁶ 106
    ("(?<=\\d)(?=[¼-¾⅐-⅞])", " "),  # and 5½ 51/2
    ("(?<=\\d)\\s*º(?=\\s*[CFcf]\\b)", "°"),  # and 5ºC 5oC
    ("[\u200c\u200d]", ""),  # joiners
    ("٪", "%"),
    ("٫", "."),
    ("[٬،]", ","),
    ("[؛]", ";"),
    ("(?<=\\d)[\u00a0\u2009\u202f'’](?=\\d{3}(?!\\d))", ""),  # 1 000 and 1'000
    (r"(?<![\w$])\$([^\s$](?:[^$\n]*[^\s$])?)\$(?![\w$])", r"\1"),  # LaTeX
    (r"^[ \t]*(?:#+|[-*+•]|[■-◿])[ \t]+", ""),  # a heading, an item of a list
    (r"(?<!\*)\*\*?(?=\S)([^*\n]*[^*\s])\*\*?(?!\*)", r"\1"),  # bold and italic
)
_AFTER_FOLDING = _rules(
    ("[\u0591-\u05bd\u05bf-\u05c7\u0640\u064b-\u0652\u0670\ufe0e\ufe0f]", ""),  # optional marks
    ("i\u0307", "i"),
    ("[’‘´]", "'"),
    (r"\*\*", "^"),
    ("<=", "≤"),
    (">=", "≥"),
    ("!=", "≠"),
    (r"\+/?-", "±"),
    ("\N{FRACTION SLASH}", "/"),
    (r"(?<![\d.,])\d{1,3}(?:(?:,\d{3})+|(?:,\d\d)+,\d{3})(?!,?\d)", "\0"),  # groups, see below
    (r"(?<![\w.])\.(?=\d)", "0."),
    (rf"(?<![\w{_CURRENCY}.)])\+(?=[{_CURRENCY}]?\d)", ""),
    (rf"(\d)\s*([{_CURRENCY}])(?!\d)", r"\1\2"),
    (rf"(?<![\w.,])([\d.,]*\d)([{_CURRENCY}])(?!\d)", r"\2\1"),
    (rf"([{_CURRENCY}])\s*(-?)(?=\d)", r"\2\1"),
    (r"(?<=\d)\s+(?=[%‰°])", ""),
    (r"(?<=\d°)\s+(?=[cf]\b)", ""),
    (r"([<>≤≥≈~±])\s+(?=[-\d])", r"\1"),
    (r"(?<=\d)\s*±\s*(?=\d)", "±"),
    (r"(?<=\d)\s+-\s+(?=\d)", "-"),
    (r"(?<=\de)\+(?=\d)", ""),
    (r"≈(?=\s*[-\d])", "~"),
    (r"(?<=\d)\s*[×*]\s*(?=\d)", "x"),
    (rf"(?<=\d)(?=(?:{_UNITS})\b)", " "),
)
_BEFORE_A_NUMBER = "<>≤≥≈~±"
_IN_A_NUMBER = ".,:/'^±-"
_OPERATORS = "+*/&@"
_NEAR = 4
ARTICLES = ("a", "an", "the")
_ARTICLE = re.compile(
    rf"(?<!\S)(?:{'|'.join(ARTICLES)})(?=[ \t]+\w)"
    r"(?!\s+(?:and|or|nor|but|is|are|was|were|to|of|in|on|at|by|for|from|with|than|vs)\b)"
)


def normalised(text: str) -> str:
    """The comparable words of a text with single blanks between them; may be empty."""
    composed = unicodedata.normalize("NFC", without_invisible(text))
    text = "".join(map(_plain_digit, composed))
    text = _GROUPED_BY_POINTS.sub(lambda n: f"{n[1].replace('.', '')}.{n[2]}", text)
    for pattern, to in _BEFORE_FOLDING:
        text = pattern.sub(to, text)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    for pattern, to in _AFTER_FOLDING:
        folded = pattern.sub(_ungrouped if to == "\0" else to, folded)
    marked = _ARTICLE.sub(" ", folded)
    bare = "".join(_kept(marked, place) for place in range(len(marked)))
    return " ".join(split_characters(bare).split())


def _plain_digit(c: str) -> str:
    """A decimal digit of any script as 0 to 9."""
    return str(unicodedata.decimal(c)) if c.isdecimal() else c


def _ungrouped(number: re.Match[str]) -> str:
    return number[0].replace(",", "")


def words(text: str) -> list[str]:
    """The normalised words; the raw ones where normalising leaves nothing, as of `"?"`."""
    return normalised(text).split() or text.split()


def _kept(text: str, place: int) -> str:
    """What becomes of one character: itself, a word of its own, or nothing."""
    c = text[place]
    kind = unicodedata.category(c)
    if kind[0] not in "PS":
        return c
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    if _joins(c, text, place, before, after):
        return c
    if c in _BEFORE_A_NUMBER and (after.isdigit() or after == "-"):
        return f" {c}"
    if c in _OPERATORS:
        left = text[max(0, place - _NEAR) : place].rstrip(" ")[-1:]
        right = text[place + 1 : place + _NEAR].lstrip(" ")[:1]
        return f" {c} " if _wordy(left) and _wordy(right) else ""
    if kind in ("Sm", "So") and c not in "~|":
        return f" {c} "
    return " " if c in ",;:|\\" else ""


def _joins(c: str, text: str, place: int, before: str, after: str) -> bool:
    """Whether a sign belongs to the number or name that it touches."""
    if c in _IN_A_NUMBER and before.isdigit() and after.isdigit():
        return True
    if c == "_":
        return before.isalnum() and after.isalnum()
    if c in _CURRENCY:
        return after.isdigit()
    if c in "%‰°":
        return before.isdigit()
    if c == "^":
        return not before.isspace() and (_wordy(after) or after in ("-", "("))
    if c in "+-" and before == "e" and after.isdigit() and text[place - 2 : place - 1].isdigit():
        return True
    if c == "-":
        return _is_minus(text, place, before, after)
    if c in "+#":  # C++, C#, A+, 2+
        left = text[max(0, place - _NEAR) : place].rstrip(c)[-1:]
        return _wordy(left) and not _wordy(text[place : place + _NEAR].lstrip(c)[:1])
    return False


def _is_minus(text: str, place: int, before: str, after: str) -> bool:
    """-5, -$5, x-y, the grade A-; not well-known, COVID-19 or a dash."""
    if after.isdigit() or (after and after in _CURRENCY):
        return not (_wordy(before) or before in (")", "-"))
    left = re.search(r"(?<![\w-])[^\W\d_]{1,2}$", text[max(0, place - 3) : place])
    if left is None:
        return False
    right = re.match(r"[^\W\d_](?![\w-])", text[place + 1 : place + 3])
    return not (_wordy(after) or after == "-") or (right is not None and len(left[0]) == 1)


def _wordy(c: str) -> bool:
    return c.isalnum() or c == "_"
