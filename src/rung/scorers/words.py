"""Texts as comparable words: SQuAD's normalising (Rajpurkar et al. 2016), with what it loses kept.

As there: lower case, no punctuation, no English articles. Other than there, commas, semicolons and
colons part words, and, because answers that differ would become the same:

- a number keeps sign, point, exponent, per cent, currency and degree, and stays whole in a date, a
  range, a time, a version or a fraction: 2.5 is not 25, -5 not 5, 10^6 not 106, 1.10 not 1.1;
- a symbol that is part of a name or a formula stays: C++, C#, A-, x<y;
- an article falls only before another word: `A` is an answer, and so is `Vitamin A`;
- Chinese, Japanese, Korean, Thai and their neighbours are taken apart by character (see
  `rung.task.scripts`).

Spellings of one thing are folded: 1,000, 1 000 and 1000, 1.234,5 and 1234.5, − and -, ½ and 1/2,
5 € and €5, × and x, J. K. and J.K., LaTeX's \\frac{1}{2} and 1/2, digits of other scripts, wide
letters, composed and decomposed accents, quotation marks, vowel signs of Arabic and Hebrew,
characters that nobody sees. A sign that is no punctuation in its place stays: the brackets of
2(x+1) and [0, 1), the dash of 1—5, the prime of 5′.
"""

import html
import re
import unicodedata
from collections.abc import Callable

from rung.task.scripts import split_characters, without_invisible

_CURRENCY = "$¢£¥฿" + "".join(map(chr, range(0x20A0, 0x20C1)))
_UNITS = (
    "mg|kg|µg|μg|mcg|g|lbs?|oz|ft|ml|cl|dl|km|cm|mm|nm|µm|μm|ms|ns|min|hrs?|[kmgt]b|[kmg]?hz|[km]w|kwh|mph|"
    "psi|[km]pa|mmhg|ppm|kcal|kj|px|m?mol|m?ah|[mk]v|[ap]m"
)
_BLANK = "\u00a0\u2009\u202f'’"
_OPEN, _CLOSE = "\ue000", "\ue001"
"""Brackets of a formula; private characters, which no text has."""
_PAIR = r"([^\[\](),;]{1,40})[,;]([^\[\](),;]{1,40})"
_GROUP = r"([^()]{0,80}\w ?[-+*/=<>] ?\w[^()]{0,80})"
_To = str | Callable[[re.Match[str]], str]


def _rules(*pairs: tuple[str, _To]) -> tuple[tuple[re.Pattern[str], _To], ...]:
    return tuple((re.compile(pattern, re.M), to) for pattern, to in pairs)


_BEFORE_FOLDING = _rules(
    ("[ \t]+", " "),
    (  # 1.234,56: the comma after the groups can only be the decimal one
        rf"(?<![\w.,])(\d{{1,3}}([. {_BLANK}])\d{{3}}(?:\2\d{{3}})*),(\d+)(?![\w.,]*\d)",
        lambda n: f"{n[1].replace(n[2], '')}.{n[3]}",
    ),
    (  # 1.000.000, for two points can be no decimal ones; 10 000, where blanks surely part groups
        r"(?<![\w.,])(?<!\d )(?:\d{1,3}(?:\.\d{3}){2,}+(?![\w.,]*\d)|"
        r"[1-9]\d{0,2}(?: \d{3})* 000(?!\d| \d)|[1-9]\d?(?: \d{3}){2,}(?!\d| \d))",
        lambda n: re.sub("[. ]", "", n[0]),
    ),
    ("(?<=\\d) ?[—―~〜～] ?(?=\\d)", "-"),
    ("[‐‑‒–−﹣－]", "-"),
    ("[—―]", " - "),
    ("、", ", "),
    ("(?<=\\d) ?[·⋅∙] ?(?=\\d)", "×"),
    ("[’‘´ʼʻ]", "'"),  # NFKC makes ´ a blank with an accent
    ("№ ?", "no "),
    (r"\\(?:left|right|displaystyle|[,;!])(?![a-z])", ""),
    (r"\\(?:boxed|text|mathrm|mathbf)\{([^{}]*)\}", r"\1"),
    (r"\\[dt]?frac\{(\w+)\}\{(\w+)\}", r"\1/\2"),
    (r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}", r"(\1)/(\2)"),
    (r"\\(?:boxed|text)\{([^{}]*)\}", r"\1"),  # around a fraction
    (r"\\(?:times|cdot)(?![a-z])", "×"),
    (r"([\^_])\{([^{}]*)\}", r"\1\2"),
    (r"\\([%$#&_])", r"\1"),
    (r"\$(\$[^$\n]+\$)\$", r"\1"),
    ("[®©™℠]", ""),
    ("(?<=[\\w)])(?=[⁰¹²³⁴-⁹⁺⁻])(?<![⁰¹²³⁴-⁹])", "^"),  # NFKC makes 10⁶ 106
    ("(?<=\\d)(?=[¼-¾⅐-⅞])", " "),  # and 5½ 51/2
    ("(?<=\\d)\\s*º(?=\\s*[CFcf]\\b)", "°"),  # and 5ºC 5oC
    ("[\u200c\u200d]", ""),  # joiners
    ("٪", "%"),
    ("٫", "."),
    ("[٬،]", ","),
    ("[؛]", ";"),
    (f"(?<=\\d)[{_BLANK}](?=\\d{{3}}(?!\\d))", ""),  # 1 000 and 1'000
    (r"(?<![\w$])\$([^\s$](?:[^$\n]*[^\s$])?)\$(?![\w$])", r"\1"),  # LaTeX
    (r"^[ \t]*(?:#+|[-*+•]|[■-◿]|>(?=[ \t]+[^\W\d]))[ \t]+", ""),  # a heading, an item, a quote
    (r"(?<![*\w])\*{1,3}(?=\S)([^*\n]*[^*\s])\*{1,3}(?![*\w])", r"\1"),  # bold and italic
    (r"\[([^\[\]\n]{1,200})\]\((?:https?:|mailto:|[/#.])[^()\s]*\)", r"\1"),  # a link
    (r"</?(?:b|i|u|em|strong|sub|sup|span|p|br|code)\s*/?>", " "),
)
_AFTER_FOLDING = _rules(
    # Optional marks; the frame of a keycap.
    ("[\u0591-\u05bd\u05bf-\u05c7\u0640\u064b-\u0652\u0670\ufe0e\ufe0f\u20e3]", ""),
    ("i\u0307|ı", "i"),
    ("ی", "ي"),  # Persian letters on an Arabic keyboard
    ("ک", "ك"),
    ("−", "-"),  # of ⁻
    ("♯", "#"),
    ("-+>", "→"),
    (r"\*\*(?=[-\w(])", "^"),
    ("<=", "≤"),
    (">=", "≥"),
    ("!=", "≠"),
    (r"\+/?-", "±"),
    ("\N{FRACTION SLASH}", "/"),
    (
        r"(?<![\d.,])\d{1,3}(?:(?:,\d{3})+|(?:,\d\d)+,\d{3})(?!,?\d)",
        lambda n: n[0].replace(",", ""),
    ),
    (r"(?<![\d.,])-?\d+(?:,-?\d+){2,}+(?![\d.,]*\d)", lambda n: n[0].replace(",", ", ")),
    (r"(?<![\w.])\.(?=\d)", "0."),
    (rf"(?<![\w{_CURRENCY}.)])\+(?=[{_CURRENCY}]?\d)", ""),
    (r"(?<![\w%])% ?(\d[\d.,]*)(?<=\d)", r"\1%"),  # Turkish and Arabic write %50
    (r"(?<=\d)%(?=-[\d.]+%)", ""),
    (rf"(\d)\s*([{_CURRENCY}])(?!\d)", r"\1\2"),
    (rf"(?<![\w.,])([\d.,]*\d)([{_CURRENCY}])(?!\d)", r"\2\1"),
    (rf"([{_CURRENCY}])\s*(-?)(?=\d)", r"\2\1"),
    (r"(?<=\d)\s+(?=[%‰°])", ""),
    (r"(?<=\d°)\s+(?=[cfnsew]\b)", ""),
    (r"(?<=\d) ([/:]) (?=\d)", r"\1"),
    (r"([<>≤≥≈~±])\s+(?=[-\d])", r"\1"),
    (r"(?<=\d)\s*±\s*(?=\d)", "±"),
    (r"(?<=\d)\s+-\s+(?=\d)", "-"),
    (r"(?<=\de)\+(?=\d)", ""),
    (r"≈(?=\s*[-\d])", "~"),
    (r"(?<=\d)\s*[×*x]\s*(?=\d)", "x"),
    (r"(?<=\d)\s*([cdkm]?m|ft|in)\^?([23])\b", r" \1^\2"),
    (r"(?<=\b[^\W\d_]\.)\s+(?=[^\W\d_]\.)", ""),  # initials
    (rf"\[{_PAIR}\)", r"◧ \1, \2"),  # an interval, open above
    (rf"\({_PAIR}\]", r"◨ \1, \2"),
    (r"([(\[]-?[\d./]+),(?=-?[\d./]+[)\]])", r"\1, "),  # a point
    (rf"(?:(?<=[\w)])|(?<=[*/^√-])|(?<=[*/-] ))\({_GROUP}\)", rf"{_OPEN}\1{_CLOSE}"),
    (rf"\({_GROUP}\)(?= ?[*/^])", rf"{_OPEN}\1{_CLOSE}"),
    (rf"(?<=\d)(?=(?:{_UNITS})\b)", " "),
)
_BEFORE_A_NUMBER = "<>≤≥≈~±"
_IN_A_NUMBER = ".,:/'^±-"
_OPERATORS = "+*/&@"
_BEFORE_A_SIGN = f"=(<>≤≥≈≠*/^,[{_OPEN}"
"""Or nothing: what follows has a sign, as -x."""
_NEAR = 4
ARTICLES = ("a", "an", "the")
_ARTICLE = re.compile(
    rf"(?<!\S)(?:{'|'.join(ARTICLES)})(?=[ \t]+\w)"
    r"(?!\s+(?:and|or|nor|but|is|are|was|were|to|of|in|on|at|by|for|from|with|than|vs)\b)"
)


def normalised(text: str) -> str:
    """The comparable words of a text with single blanks between them; may be empty."""
    composed = unicodedata.normalize("NFC", without_invisible(html.unescape(text)))
    text = "".join(map(_plain_digit, composed))
    for pattern, to in _BEFORE_FOLDING:
        text = pattern.sub(to, text)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    for pattern, to in _AFTER_FOLDING:
        folded = pattern.sub(to, folded)
    marked = _ARTICLE.sub(" ", folded)
    bare = "".join(_kept(marked, place) for place in range(len(marked)))
    return " ".join(split_characters(bare).split())


def _plain_digit(c: str) -> str:
    """A decimal digit of any script as 0 to 9."""
    return str(unicodedata.decimal(c)) if c.isdecimal() else c


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
    if c in "([)]" and (before.isdigit() or after.isdigit()):
        return " "  # Section 5(1) is not Section 51
    return " " if c in ",;:|\\" else ""


def _joins(c: str, text: str, place: int, before: str, after: str) -> bool:
    """Whether a sign belongs to the number or name that it touches."""
    if c in _IN_A_NUMBER and before.isdigit() and after.isdigit():
        return True
    if c == "_":
        return before.isalnum() and after.isalnum()
    if c in _CURRENCY:
        return after.isdigit()
    if c in "%‰°′":
        return before.isdigit() or before == c == "′"
    if c == "^":
        return not before.isspace() and (_wordy(after) or after in ("-", "("))
    if c in "+-" and before == "e" and after.isdigit() and text[place - 2 : place - 1].isdigit():
        return True
    if c == "-":
        return _is_minus(text, place, before, after)
    if c in "+#*":  # C++, C#, A+, 2+; A* and 5*, but a footnote's star after a word goes
        left = text[max(0, place - _NEAR) : place].rstrip(c)
        right = text[place : place + _NEAR].lstrip(c)[:1]
        return _wordy(left[-1:]) and not _wordy(right) and (c != "*" or not _wordy(left[-2:-1]))
    return False


def _is_minus(text: str, place: int, before: str, after: str) -> bool:
    """-5, -$5, -x, x-y, the grade A-; not well-known, COVID-19 or a dash."""
    if after.isdigit() or (after and after in _CURRENCY):
        return not (_wordy(before) or before in (")", "-"))
    signed = after in ("∞", "π", "√") or (
        after.isalpha() and not _wordy(text[place + 2 : place + 3])
    )
    if signed and (before.isspace() or before in _BEFORE_A_SIGN):
        return True
    left = re.search(r"(?<![\w-])[^\W\d_]{1,2}$", text[max(0, place - 3) : place])
    if left is None:
        return False
    right = re.match(r"[^\W\d_](?![\w-])", text[place + 1 : place + 3])
    return not (_wordy(after) or after == "-") or (right is not None and len(left[0]) == 1)


def _wordy(c: str) -> bool:
    return c.isalnum() or (c != "" and c in f"_{_OPEN}{_CLOSE}")
