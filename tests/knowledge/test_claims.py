"""Claims of an answer against its passages, by the text alone."""

import pytest

from rung.knowledge.claims import claims
from rung.records import Passage

PASSAGES = tuple(
    Passage(document_id=str(i), title=title, text=text)
    for i, (title, text) in enumerate(
        [
            ("Refunds", "Refunds are paid within 14 days of the parcel's return. Ask at the desk."),
            (
                "Turnover",
                "In 2024 the shop sold 12,500 bicycles and repaired many of the old ones.",
            ),
            ("保修", "红色台灯的保修期为十二个月。蓝色台灯为六个月。"),
        ]
    )
)


@pytest.mark.parametrize(
    ("answer", "support"),
    [
        ("Within 14 days", "held"),
        ("Within 14 days [1].", "held"),
        ("Within 14 days [2].", "elsewhere"),
        ("Refunds are paid within 14 days of the return of the parcel.", "held"),
        ("Refunds are paid within 30 days of the return of the parcel.", "unheld"),
        ("Refunds are not paid within 14 days of the return of the parcel.", "untold"),
        ("The shop sold 12500 bicycles in 2024.", "held"),
        ("The shop sold 12 500 bicycles in 2024.", "held"),
        ("The shop sold 13,500 bicycles in 2024.", "unheld"),
        ("The shop sold 3 bicycles in 2024 [2].", "untold"),
        ("Money comes back in two weeks.", "untold"),
        ("Binnen zweier Wochen [1].", "untold"),
        ("红色台灯的保修期为十二个月。", "held"),
        ("绿色台灯没有保修。", "untold"),
    ],
)
def test_a_claim_is_held_missing_or_left_to_a_judge(answer: str, support: str) -> None:
    (claim,) = claims(answer, PASSAGES)
    assert claim.support == support


def test_each_sentence_is_a_claim_and_says_which_passages_it_names() -> None:
    found = claims("Yes. Refunds are paid within 14 days [1]. It sold 99 cars [2, 3].", PASSAGES)
    assert [(c.support, c.named) for c in found] == [("held", (0,)), ("unheld", (1, 2))]
    assert claims("", PASSAGES) == claims("No.", PASSAGES) == []
    assert [c.support for c in claims("It sold 99 cars.", ())] == ["untold"]
