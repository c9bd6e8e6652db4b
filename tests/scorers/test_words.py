"""What is the same text and what is not: SQuAD's normalising with its losses mended."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.records import Passage
from rung.scorers.contains import Contains
from rung.scorers.exact_match import ExactMatch
from rung.scorers.rouge_l import RougeL
from rung.scorers.token_f1 import TokenF1
from rung.scorers.words import normalised, words
from rung.task.types import Example, TextOutput

from .tasks import answer

DIFFERENT = [
    ("3.5", "35"),
    ("2.5 mg", "25 mg"),
    ("-5", "5"),
    ("5%", "5"),
    ("50%", "50"),
    ("5%", "$5"),
    ("$5", "5"),
    ("10^6", "106"),
    ("10⁶", "106"),
    ("x<y", "x>y"),
    ("a+b", "a-b"),
    ("C++", "C#"),
    ("C++", "C"),
    ("C#", "C"),
    ("1-5", "15"),
    ("1.21", "12.1"),
    ("1.10", "1.1"),
    ("1:30", "130"),
    ("2024-01-12", "2024-11-2"),
    ("Vitamin A", "Vitamin"),
    ("a.com/b", "acomb"),
    ("👍", "👎"),
    ("great 👍", "great 👎"),
    ("5±1", "51"),
    ("5±1", "5"),
    ("±5", "5"),
    ("A-", "A"),
    ("A+", "A"),
    ("A+", "A-"),
    ("O-", "O+"),
    ("<5", ">5"),
    ("<5", "5"),
    ("≤5", "<5"),
    ("1e-6", "1e6"),
    ("1e-6", "16"),
    ("10^-6", "10^6"),
    ("x^2", "x2"),
    ("1/2", "12"),
    ("½", "12"),
    ("km/h", "kmh"),
    ("5°C", "5°F"),
    ("5°C", "5"),
    ("192.168.0.1", "19216801"),
    ("3,5", "35"),
    ("A, B", "B"),
    ("x-y", "xy"),
    ("x = 5", "x = -5"),
    ("H₂O", "HO"),
    ("m²", "m"),
    ("B♭", "B"),
    ("24/7", "247"),
    ("3:2", "32"),
    ("5'10", "510"),
    ("$2.5M", "$25M"),
    ("a ≠ b", "a = b"),
    ("50‰", "50%"),
    ("-$5", "$5"),
    ("3.14", "314"),
    ("+5", "-5"),
    ("0.5", "5"),
    (".5", "5"),
    ("1.5e3", "15e3"),
    ("Na+", "Na"),
    ("2+ years", "2 years"),
    ("1,5,7", "157"),
    ("7:00 AM", "700 AM"),
    ("€5", "$5"),
    ("x*y", "xy"),
    ("AT&T", "ATT"),
    ("i<j", "ij"),
    ("(-5)", "5"),
    ("–5", "5"),
    ("3−5", "35"),
    ("10,5", "105"),
    ("1.000", "1000"),
    ("12.5%", "125%"),
    ("the A", "the B"),
    ("$1.50", "$150"),
    ("2^10", "210"),
    ("10**6", "106"),
    ("v1.2", "v12"),
    ("٢٫٥", "٢٥"),
    ("٥٪", "٥"),
    ("-٥", "٥"),
    ("२.५", "२५"),
    ("1.234,56", "123456"),
    ("1.234,56", "1.234.56"),
    ("−½", "½"),
    ("10⁻⁶", "10⁶"),
    ("H₂O", "H₂O₂"),
    ("🇩🇪", "🇫🇷"),
    ("✓", "✗"),
    ("→", "←"),
    ("★★★", "★★"),
    ("C♯", "C"),
    ("は", "ば"),
    ("가", "각"),
    ("กรุงเทพ", "กรุงเทพฯ"),
    ("कि", "की"),
    ("и", "й"),
    ("a_b", "ab"),
    ("007", "7"),
    ("1.50", "1.5"),
    ("R$5", "$5"),
    ("5 mg", "5 µg"),
    ("1e-6", "1e+6"),
    ("3.x", "3"),
    *[
        ("1—5", "15"),
        ("5〜10", "510"),
        ("5～10", "510"),
        ("5、6", "56"),
        ("2·3", "23"),
        ("2*3*4", "234"),
        ("10^{6}", "106"),
        ("5\\%", "5"),
        ("%50", "50"),
        ("₿5", "5"),
        ("Article 3(2)", "Article 32"),
        ("Section 5(1)(a)", "Section 51a"),
        ("Fe(OH)3", "FeOH3"),
        ("2(x+1)", "2x+1"),
        ("(a+b)/c", "a+b/c"),
        ("(a+b)^2", "a+b^2"),
        ("3-(x+1)", "3-x+1"),
        ("2*(a+b)", "2*a+b"),
        ("\\frac{a+b}{c}", "a+b/c"),
        ("\\frac{1}{2}", "1/3"),
        ("(1,2]", "[1,2)"),
        ("[0, 1)", "[0, 1]"),
        ("(0,1]", "(0,1)"),
        ("-x", "x"),
        ("-∞", "∞"),
        ("−π", "π"),
        ("x = -y", "x = y"),
        ("10⁻⁶", "10^6"),
        ("5′", "5″"),
        ("5″", "5"),
        ("A*", "A"),
        ("A**", "A*"),
        ("50 m2", "50 m"),
        ("1.000.000", "1.000"),
        ("100 200 300", "100200300"),
        ("&lt;5", "5"),
    ],
]
SAME = [
    ("-5", "−5"),
    ("1,000", "1000"),
    ("1,000,000", "1000000"),
    ("1,00,000", "100000"),
    ("A", "a"),
    ("A", "A."),
    ("Plan A", "plan a."),
    ("The Green Line", "green line."),
    ("café", "café"),
    ("don’t", "don't"),
    ("Straße", "Strasse"),
    ("İstanbul", "istanbul"),
    ("ＡＢＣ", "abc"),
    ("5 €", "€5"),
    ("5€", "€5"),
    ("$ 5", "$5"),
    ("50 %", "50%"),
    ("½", "1/2"),
    ("5½", "5 1/2"),
    ("10⁶", "10^6"),
    ("10**6", "10^6"),
    ("3×10^8", "3x10^8"),
    ("3 × 10^8", "3x10^8"),
    ("2.5mg", "2.5 mg"),
    ("1–5", "1-5"),
    ("x < y", "x<y"),
    ("a + b", "a+b"),
    ("<= 5", "≤5"),
    ("**5**", "5"),
    ("# Title", "title"),
    ("- item", "item"),
    ("$5$", "5"),
    ("5.", "5"),
    ("(5)", "5"),
    ("'5'", "5"),
    ("+5", "5"),
    (".5", "0.5"),
    ("1\xa0000", "1000"),
    ("كِتَاب", "كتاب"),
    ("U.S.", "US"),
    ("well-known", "wellknown"),
    ("the", "the"),
    ("«Émile»", "émile"),
    ("Windows™", "windows"),
    ("5 °C", "5°C"),
    ("10 ± 2", "10±2"),
    ("+/-5", "±5"),
    ("20°", "20 °"),
    ("It's", "its"),
    ("北京。", "北京"),
    ("the cat, a dog", "cat dog"),
    ("£1,234.50", "£1234.50"),
    ("$1,000", "$1000"),
    ("GPT-4", "GPT4"),
    ("e-mail", "email"),
    ("答案：5", "答案5"),
    ("٢٥", "25"),
    ("۲۵", "25"),
    ("२५", "25"),
    ("２５％", "25%"),
    ("١٬٠٠٠", "1000"),
    ("٢٫٥", "2.5"),
    ("٥٪", "5%"),
    ("－５", "-5"),
    ("北\u200b京", "北京"),
    ("\u200e5\u200f", "5"),
    ("\ufeffabc", "abc"),
    ("co\u00adoperate", "cooperate"),
    ("\u2068Anna\u2069", "Anna"),
    ("1.234,56", "1,234.56"),
    ("1.234.567,8 €", "€1,234,567.8"),
    ("1’234’567", "1234567"),
    ("1e+6", "1E6"),
    ("5ºC", "5 °C"),
    ("5℃", "5°C"),
    ("5lb", "5 lb"),
    ("5:30 pm", "5:30pm"),
    ("10 – 20", "10-20"),
    ("~5", "≈ 5"),
    ("서울 특별시", "서울특별시"),
    ("東京 都", "東京都"),
    ("กรุงเทพ มหานคร", "กรุงเทพมหานคร"),
    ("ភ្នំ\u200bពេញ", "ភ្នំពេញ"),
    ("می\u200cخواهم", "میخواهم"),
    ("أ،ب", "أ ب"),
    ("צה״ל", 'צה"ל'),
    ("„Haus“", "»Haus«"),
    ("「東京」", "東京"),
    ("ｶﾞ", "ガ"),
    ("Ⅳ", "iv"),
    ("ﬁne", "fine"),
    ("ΣΊΣΥΦΟΣ", "Σίσυφος"),
    ("❤️", "❤"),
    ("1/2", "1⁄2"),
    *[
        ("1—5", "1-5"),
        ("5〜10", "5-10"),
        ("5～10", "5-10"),
        ("5、6", "5, 6"),
        ("2·3", "2×3"),
        ("10^{6}", "10^6"),
        ("$10^{6}$", "10^6"),
        ("5\\%", "5%"),
        ("\\boxed{5}", "5"),
        ("$\\boxed{\\frac{1}{2}}$", "1/2"),
        ("\\(x^{2}\\)", "x^2"),
        ("$$5$$", "5"),
        ("\\left(1,2\\right]", "(1, 2]"),
        ("(x+1)", "x+1"),
        ("2(x + 1)", "2(x+1)"),
        ("(a+b) / c", "(a+b)/c"),
        ("10⁻⁶", "10^-6"),
        ("-x", "−x"),
        ("x = -y", "x=-y"),
        ("1 000 000 €", "€1,000,000"),
        ("10 000", "10,000"),
        ("1.000.000", "1,000,000"),
        ("1 234,56", "1234.56"),
        ("1\u00a0234,56", "1234.56"),
        ("12 345 678,9", "12345678.9"),
        ("%50", "50%"),
        ("% 50", "50%"),
        ("٪۵", "5%"),
        ("п’ять", "пʼять"),
        ("it´s", "it's"),
        ("Hawaiʻi", "Hawai'i"),
        ("یک", "يك"),
        ("Iğdır", "ığdır"),
        ("IŞIK", "ışık"),
        ("№ 5", "№5"),
        ("No. 5", "№5"),
        ("C♯", "C#"),
        ("a -> b", "a → b"),
        ("1️⃣", "1"),
        ("J. R. R. Tolkien", "J.R.R. Tolkien"),
        ("J. K. Rowling", "JK Rowling"),
        ("U. S.", "US"),
        ("50 m²", "50 m2"),
        ("50m²", "50 m^2"),
        ("5㎡", "5 m²"),
        ("1 / 2", "1/2"),
        ("16 : 9", "16:9"),
        ("3 x 4 cm", "3×4 cm"),
        ("45° N", "45°N"),
        ("10%–20%", "10–20%"),
        ("> Paris", "Paris"),
        ("[Paris](https://a.org/Paris)", "Paris"),
        ("<b>Paris</b>", "Paris"),
        ("AT&amp;T", "AT&T"),
        ("***Paris***", "Paris"),
        ("Paris—the capital", "Paris, capital"),
        ("Section 5 (1)", "Section 5(1)"),
        ("1,2,3", "1, 2, 3"),
        ("(3,4)", "(3, 4)"),
    ],
]


def marks(scorer: object, gold: str, said: str) -> float | None:
    example = Example(id="1", input="q", expected=gold)
    return scorer.compare(example, answer(TextOutput(), said)).value


@pytest.mark.parametrize(("gold", "said"), DIFFERENT)
def test_different_answers_stay_different(gold: str, said: str) -> None:
    for one, other in ((gold, said), (said, gold)):
        assert marks(ExactMatch(), one, other) == 0.0
        assert marks(TokenF1(), one, other) < 1.0


@pytest.mark.parametrize(("gold", "said"), SAME)
def test_spellings_of_one_answer_are_the_same(gold: str, said: str) -> None:
    for one, other in ((gold, said), (said, gold)):
        assert marks(ExactMatch(), one, other) == marks(TokenF1(), one, other) == 1.0
        assert marks(Contains(), one, f"so {other}.") == 1.0


@pytest.mark.parametrize(
    ("gold", "said", "there"),
    [
        ("2.5 mg", "Take 2.5mg daily.", 1), ("2.5 mg", "Take 25 mg daily.", 0),
        ("A", "Grade A because of it", 1), ("A", "It is a test", 0), ("Plan A", "Plan A it is", 1),
        ("5", "It is -5.", 0), ("5", "x = 5", 1), ("5", "5%", 0), ("50", "it costs $50", 0),
        ("2", "1/2", 0), ("C", "C++", 0), ("C++", "written in C++, mostly", 1),
        ("北京", "首都是北京。", 1), ("北京", "首都是南京。", 0), ("東京", "東京タワーです", 1),
        ("กรุงเทพ", "เมืองหลวงคือกรุงเทพ", 1), ("ភ្នំពេញ", "រាជធានីគឺភ្នំពេញ", 1), ("서울", "서울은 수도", 1),
        ("25", "العمر ٢٥ سنة", 1), ("25", "العمر ٢٥٫٥ سنة", 0), ("25", "২৫ বছর", 1),
        ("3", "3.0", 0),
        ("5%", "النسبة ٥٪", 1), ("5", "5岁", 1), ("5", "25岁", 0), ("iPhone", "我的iPhone手机", 1),
        ("New York", "New-York", 0), ("cat", "concatenate", 0), ("$50", "50$ total", 1),
        ("3/4", "3⁄4 cup", 1), ("10:30", "at 10:30am", 1), ("a.m.", "10 am", 1),
        ("مصر", "في مصر،", 1),
        ("2024-01-02", "on 2024-01-02.", 1), ("שלום", "שָׁלוֹם", 1), ("北京", "北\u200b京市", 1),
        ("A", "A*", 0), ("1.5", "1,5, 2,5", 0), ("2,5", "1,5, 2,5", 1), ("-x", "It is -x.", 1),
        ("200", "100 200 300", 1), ("iPhone 15", "iPhone 15 128GB", 1), ("5", "Section 5(1)", 1),
        ("Paris", "Paris—the capital", 1), ("1990", "Smith(1990)", 1), ("cats", "cat(s)", 1),
        ("ວຽງຈັນ", "ນະຄອນຫຼວງວຽງຈັນ", 1), ("နေပြည်တော်", "မြို့တော်နေပြည်တော်", 1),
    ],
)  # fmt: skip
def test_contains_whole_words(gold: str, said: str, there: float) -> None:
    assert marks(Contains(), gold, said) == there


@pytest.mark.parametrize(
    ("gold", "said", "value"),
    [
        ("北京市", "北京", 0.8),
        ("天气很好适合出门", "天气很好不要出门", 0.75),
        ("東京タワー", "東京タワーです", 5 / 6),
        ("서울", "서울은", 0.8),
        ("हिन्दी भाषा", "हिन्दी", 2 / 3),
    ],
)
def test_partial_credit_by_character(gold: str, said: str, value: float) -> None:
    assert marks(TokenF1(), gold, said) == pytest.approx(value)


def test_passages_that_an_answer_names_are_no_words_of_it() -> None:
    read = (Passage(document_id="d", text="Paris is the capital."),)
    for gold, said, same in [
        ("Paris", "Paris [1]", 1), ("Paris", "Paris【1】。", 1), ("Paris", "Paris [1, 2][3-4].", 1),
        ("Paris", "Paris [Passage 1].", 1), ("Paris", "Paris [2024]", 0), ("Paris [1]", "Paris", 0),
        ("[1, 2]", "[1, 2]", 1), ("1, 2", "[1, 2]", 1),
    ]:  # fmt: skip
        example = Example(id="1", input="q", expected=gold)
        for scorer in (ExactMatch(), TokenF1(), RougeL()):
            given = answer(TextOutput(), said).model_copy(update={"passages": read})
            assert (scorer.compare(example, given).value == 1.0) == bool(same), (gold, said)


@given(st.text(st.sampled_from(string.ascii_letters + "   .!?'\"()[]{}"), max_size=40))
def test_words_without_numbers_are_those_of_squad(text: str) -> None:
    """`normalize_answer` of SQuAD's script, but for articles that no word follows."""
    bare = "".join(c for c in text.lower() if c not in set(string.punctuation))
    articles = re.compile(r"\b(a|an|the)\b")
    if not articles.search(bare):
        assert normalised(text) == " ".join(bare.split())


@given(st.text(max_size=60))
def test_normalising_twice_changes_no_word_count(text: str) -> None:
    assert words(text) == words(text) and (not text.strip() or words(text))


def test_official_cases_of_squad() -> None:
    """Pairs and figures of the SQuAD script's rules, by hand: articles, case, punctuation."""
    for gold, said, f1 in [
        ("the Denver Broncos", "Denver Broncos", 1.0),
        ("Santa Clara, California", "Santa Clara", 0.8),
        ("gold", "the golden anniversary", 0.0),
        ("Levi's Stadium", "Levi's Stadium in the Bay Area", 2 * 2 / (2 + 5)),
    ]:
        assert marks(TokenF1(), gold, said) == pytest.approx(f1)
