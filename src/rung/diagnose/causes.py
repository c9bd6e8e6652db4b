"""The closed list of causes, and which candidates could mend which.

Sources of `mendable` are the founding documents' table of what each technique mends and does not:
"When to Fine-Tune vs RAG vs Prompting", "Fine-tuning vs Context: When to Train vs When to Prompt",
"Fine-Tuning vs RAG: The Decision Framework Nobody Talks About".
"""

from typing import Literal, get_args

from rung.candidate import Candidate

Cause = Literal[
    "missing_knowledge",
    "unread",
    "retrieval_miss",
    "context_ignored",
    "lost_among_distractors",
    "wrong_format",
    "wrong_behaviour",
    "too_weak",
    "instruction_unclear",
    "label_suspect",
    "ambiguous",
    "truncated",
    "refused",
    "errored",
    "unexplained",
]
CAUSES: tuple[Cause, ...] = get_args(Cause)

MEANING: dict[Cause, str] = {
    "missing_knowledge": "wrong without the passages that hold the answer, right with them",
    "unread": "the documents named for it do not hold the answer's words: lost in reading the "
    "files, or the wrong ones are named",
    "retrieval_miss": "the passage that holds the answer was not found, right once it is given",
    "context_ignored": "the passage was there and the answer is the one without any; right when "
    "the passage stands alone",
    "lost_among_distractors": "the passage was there among others, right when it stands alone",
    "wrong_format": "right in substance, wrong in form",
    "wrong_behaviour": "right once solved examples show the convention",
    "too_weak": "right only with the stronger model",
    "instruction_unclear": "right once the instruction is reworded or steps are asked for",
    "label_suspect": "others that are right elsewhere agree with each other against the label",
    "ambiguous": "asked again with a temperature, the answers disagree",
    "truncated": "cut short; right with more room",
    "refused": "refused by the model or by the guard on input length",
    "errored": "no answer came back",
    "unexplained": "no probe flipped it beyond its placebo",
}


def mendable(candidate: Candidate) -> frozenset[Cause]:
    """The causes that a candidate could mend. In doubt it could: only what is known is left out.

    New facts come from context, not from weights (all three documents: fine-tuning does not teach
    facts); form and convention come from examples or weights, not from passages (RAG mends neither
    format nor style); a wrong label, and a document whose text was lost, are mended by nobody but
    their author.
    """
    lacks: set[Cause] = {"label_suspect", "unread"}
    if not candidate.context.informs and candidate.way != "tools":
        lacks |= {
            "missing_knowledge",
            "retrieval_miss",
            "context_ignored",
            "lost_among_distractors",
        }
    prompt = candidate.prompt
    shown = prompt.shots.shown or candidate.weights.tuned or prompt.reasoning
    if not shown and candidate.uses_llm:
        lacks |= {"wrong_format", "wrong_behaviour"}
    return frozenset(CAUSES) - lacks
