"""Which search a climb takes where the embedder cannot read the documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.climbing import retrieval
from rung.climbing.retrieval import choose_context
from rung.climbing.tools import ClimbOptions, Tools
from rung.models.embedder import open_embedder
from rung.task.types import Document, Example, Models, Target, Task, TextOutput
from scripted import ScriptedEmbedder

EMBEDDER = "local/all-minilm-l6-v2"


def task(root: Path, said: bool = True) -> Task:
    things = [f"{colour}{thing}" for colour in "红蓝绿黄" for thing in ("台灯", "帐篷", "相机")]
    rows = tuple(
        Example(
            id=str(i), input=f"{thing}保修多久?", expected=f"{i + 11}个月" if said else "不知道"
        )
        for i, thing in enumerate(things)
    )
    return Task(
        name="warranty",
        instruction="回答问题",
        output=TextOutput(),
        target=Target(metric="exact_match", score=0.8),
        models=Models(to_try=("x/y",), embedder=EMBEDDER),
        train=rows,
        dev=rows,
        test=rows,
        documents=tuple(
            Document(id=f"d{i}", text=f"{thing}的保修期为{i + 11}个月。")
            for i, thing in enumerate(things)
        ),
        root=root,
    )


@pytest.mark.parametrize("said", [True, False])
async def test_words_alone_where_the_embedder_reads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bool
) -> None:
    options = ClimbOptions(embedders={EMBEDDER: ScriptedEmbedder()}, folder=tmp_path / ".rung")
    for unread, search in ((0.0, "hybrid"), (0.9, "lexical")):
        monkeypatch.setattr(retrieval, "unread_here", lambda _, share=unread: share)
        tools = Tools(task(tmp_path, said), options, priced=False)
        assert (await choose_context(tools)).search == search
        await tools.aclose()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("The β-blocker costs 5 µg; a naïve señor's Größe", 0.0, 0.01),
        ("Taitettavan lampun takuu kestää kaksitoista kuukautta", 0.0, 0.0),
        ("红色台灯的保修期为十二个月", 0.5, 1.0),
        ("赤いランプの保証期間は十二か月です", 0.5, 1.0),
        ("빨간 램프의 보증 기간은", 0.9, 1.0),
        ("โคมไฟสีแดงมีการรับประกัน", 0.9, 1.0),
        ("Гарантия на складную лампу", 0.9, 1.0),
        ("مدة ضمان المصباح", 0.9, 1.0),
        ("लाल दीपक की वारंटी", 0.8, 1.0),
        ("", 0.0, 0.0),
    ],
)
def test_how_much_the_english_embedder_cannot_read(text: str, least: float, most: float) -> None:
    assert least <= open_embedder(EMBEDDER).unread([text]) <= most
