"""Recall@1 of word search, vector search and both in eight languages, on one-fact documents.

    python benchmarks/languages.py [--embedder local/all-minilm-l6-v2] [--json]

A language has 36 documents, six things in six colours, each with the months of its warranty, and 36
questions in other words and, where the language bends words, other forms. Documents share all their
words with five others but the colour, and with five but the thing. Written for this; made-up
sentences of one form, so that figures say whether a search reads a language, not how well.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any, NamedTuple

from rung.candidate import Context
from rung.knowledge.retriever import Retriever
from rung.models.base import Embedder
from rung.models.metered import unread_share
from rung.models.registry import open_embedder
from rung.task.types import Document

SEARCHES = ("lexical", "dense", "hybrid")


class Language(NamedTuple):
    """Words as they stand in a document and, behind a slash, in a question if other."""

    name: str
    document: str
    question: str
    colours: str
    things: str


LANGUAGES = (
    Language(
        "English",
        "The warranty of the {c} {t} lasts {n} months.",
        "For how long are {c} {t} under warranty?",
        "red blue green white black yellow",
        "lamp/lamps chair/chairs jacket/jackets bag/bags watch/watches wallet/wallets",
    ),
    Language(
        "Chinese",
        "{c}{t}的保修期为{n}个月。",
        "请问{c}的{t}能保修多久?",
        "红色 蓝色 绿色 白色 黑色 黄色",
        "台灯 椅子 外套 背包 手表 钱包",
    ),
    Language(
        "Japanese",
        "{c}{t}の保証期間は{n}か月です。",
        "{c}{t}は何か月保証されますか?",
        "赤い 青い 白い 黒い 黄色い 茶色い",
        "ランプ 椅子 上着 鞄 時計 財布",
    ),
    Language(
        "Korean",
        "{c} {t} 보증이 {n}개월입니다.",
        "{c} {t} 보증 기간은 얼마나 되나요?",
        "빨간 파란 초록 흰 검은 노란",
        "램프는/램프의 의자는/의자의 외투는/외투의 가방은/가방의 시계는/시계의 지갑은/지갑의",
    ),
    Language(
        "Thai",
        "{t}{c}รับประกัน{n}เดือน",
        "{t}{c}มีประกันนานเท่าไร",
        "สีแดง สีน้ำเงิน สีเขียว สีขาว สีดำ สีเหลือง",
        "โคมไฟ เก้าอี้ เสื้อ กระเป๋า แก้ว ปากกา",
    ),
    Language(
        "Russian",
        "{c} {t}: гарантия {n} месяцев.",
        "Какой гарантийный срок у {c} {t}?",
        "красная/красной синяя/синей зелёная/зеленой белая/белой чёрная/черной жёлтая/желтой",
        "лампа/лампы куртка/куртки сумка/сумки книга/книги кружка/кружки ручка/ручки",
    ),
    Language(
        "Arabic",
        "مدة ضمان {t} {c} هي {n} شهرا.",
        "كم يدوم الضمان على {t} {c}؟",
        "الأحمر/أحمر الأزرق/أزرق الأخضر/أخضر الأبيض/أبيض الأسود/أسود الأصفر/أصفر",
        "المصباح/مصباح الكرسي/كرسي المعطف/معطف الكتاب/كتاب الكوب/كوب القلم/قلم",
    ),
    Language(
        "Hindi",
        "{c} {t}: वारंटी {n} महीने।",
        "{c} {t} की वारंटी कितने समय की है?",
        "लाल नीला/नीले हरा/हरे सफ़ेद काला/काले पीला/पीले",
        "दीपक जूता/जूते थैला/थैले कप चश्मा/चश्मे पंखा/पंखे",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--embedder", default="local/all-minilm-l6-v2")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    embedder = open_embedder(args.embedder)
    rows = [asyncio.run(measured(language, embedder)) for language in LANGUAGES]
    if args.json:
        print(json.dumps({"embedder": args.embedder, "rows": rows}, indent=2))
        return
    for row in rows:
        recalls = " | ".join(f"{row[search]:.2f}" for search in SEARCHES)
        print(f"| {row['language']} | {row['n']} | {row['unread']:.0%} | {recalls} |")


def made(language: Language) -> tuple[list[Document], list[str]]:
    """Documents, and a question for each."""
    documents, questions = [], []
    for place, (colour, thing) in enumerate(
        (c, t) for c in language.colours.split() for t in language.things.split()
    ):
        (c, *other_c), (t, *other_t) = colour.split("/"), thing.split("/")
        text = language.document.format(c=c, t=t, n=place + 3)
        documents.append(Document(id=str(place), text=text))
        questions.append(language.question.format(c=(other_c or [c])[0], t=(other_t or [t])[0]))
    return documents, questions


async def measured(language: Language, embedder: Embedder) -> dict[str, Any]:
    """Shares of the questions whose document comes first."""
    documents, questions = made(language)
    unread = unread_share(embedder, [d.text for d in documents])
    row: dict[str, Any] = {"language": language.name, "n": len(questions), "unread": unread}
    for search in SEARCHES:
        context = Context(kind="retrieved", search=search)  # type: ignore[arg-type]
        retriever = await Retriever.build(documents, context, embedder)
        found = [await retriever.search(question, 1) for question in questions]
        first = [
            bool(f) and f[0].document_id == d.id for f, d in zip(found, documents, strict=True)
        ]
        row[search] = sum(first) / len(first)
    return row


if __name__ == "__main__":
    main()
