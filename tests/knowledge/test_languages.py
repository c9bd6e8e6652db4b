"""Documents in other writing are found by their words."""

import json
from pathlib import Path

import pytest

from rung.candidate import Context
from rung.errors import UserError
from rung.knowledge.lexical import LexicalIndex
from rung.knowledge.retriever import Retriever
from rung.task.types import Document

WORDS = Context(kind="retrieved", search="lexical")


@pytest.mark.parametrize(
    ("texts", "query"),
    [
        (["红色台灯的保修期为十二个月", "蓝色台灯的保修期为六个月"], "请问红色的台灯保修多久?"),
        (["赤い上着の保証は二年です", "赤い時計の保証は一年です"], "上着の保証期間は?"),
        (["โคมไฟสีแดงรับประกันหนึ่งปี", "นาฬิกาสีแดงรับประกันสองปี"], "โคมไฟรับประกันนานเท่าไร"),
        (
            ["램프는 보증이 12개월입니다", "의자는 보증이 6개월입니다"],
            "램프의 보증은 얼마나 되나요",
        ),
        (["Гарантийный срок лампы: 2 года", "Гарантийный срок куртки: 1 год"], "срок на лампу"),
        (["الضمان على المصباح سنتان", "الضمان على الكرسي سنة"], "كم ضمان مصباح"),
        (["האחריות על מנורה היא שנה", "האחריות על כיסא היא שנתיים"], "מה האחריות של המנורה"),
        (["दीपक की वारंटी एक वर्ष है", "कुर्सी की वारंटी दो वर्ष है"], "दीपक की वारंटी कितनी है"),
        (["ΧΙ εγγύηση της λάμπας", "εγγύηση της καρέκλας"], "Η ΛΆΜΠΑ"),
        (["die große Lampe", "die kleine Lampe"], "GROSSE"),
        (["ＸＲ１の保証", "ＺＴ３の保証"], "XR1"),
        (["कुर्सी की वारंटी", "काला जूता"][::-1], "काले जूते"),
        (["القلم والورق", "الكوب والماء"], "قلم"),
        (["белая кружка", "синяя кружка"], "белой кружки"),
        (["μία λάμπα", "μία γάτα"], "λάμπες"),
        (["café noir", "thé noir"], "cafe\u0301"),
    ],
)
def test_the_text_meant_comes_first(texts: list[str], query: str) -> None:
    assert LexicalIndex(texts).search(query, 2)[0][0] == 0
    assert LexicalIndex(texts[::-1]).search(query, 2)[0][0] == 1


def test_one_character_is_found_inside_a_run() -> None:
    assert [i for i, _ in LexicalIndex(["我们喝水吧", "我们吃饭吧"]).search("水", 2)] == [0]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Всё о ёлке", "елке"),
        ("كِتَابٌ عن الأسماك", "كتاب"),
        ("الـــكتاب", "الكتاب"),
        ("שָׁלוֹם", "שלום"),
        ("Crème brûlée", "creme brulee"),
        ("한국어 사전", "한국어"),
    ],
)
def test_marks_that_may_be_left_out_do_not_count(text: str, query: str) -> None:
    assert LexicalIndex([text, "x"]).search(query, 1)[0][0] == 0


async def test_an_index_that_was_searched_otherwise_is_not_served(tmp_path: Path) -> None:
    (await Retriever.build([Document(id="a", text="red lamp")], WORDS, None)).save(tmp_path)
    manifest = json.loads((tmp_path / "retriever.json").read_text())
    assert await Retriever.load(tmp_path, None).search("lamp", 1)
    for older in (1, 2):
        (tmp_path / "retriever.json").write_text(json.dumps({**manifest, "format": older}))
        with pytest.raises(UserError, match="climb again"):
            Retriever.load(tmp_path, None)


@pytest.mark.parametrize(("text", "served"), [("red lamp", True), ("красная лампа", False)])
async def test_one_of_before_stems_is_served_where_its_writing_has_none(
    text: str, served: bool, tmp_path: Path
) -> None:
    (await Retriever.build([Document(id="a", text=text)], WORDS, None)).save(tmp_path)
    path = tmp_path / "retriever.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 3}))
    if served:
        assert await Retriever.load(tmp_path, None).search("lamp", 1)
        return
    with pytest.raises(UserError, match="climb again"):
        Retriever.load(tmp_path, None)
