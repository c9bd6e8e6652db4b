"""The comment for a pull request."""

from __future__ import annotations

from rung.report.markdown import escape, markdown

from .synthetic import make_run, make_task


def test_the_comment_holds_verdict_ladder_and_what_it_took() -> None:
    result, _ = make_run(make_task())
    text = markdown(result, ("Volume: more.",))
    lines = text.splitlines()
    assert lines[0] == "### ✅ ticket-routing: sufficient"
    assert "Prompt, 5 nearest examples" in lines[2] and "at least" in lines[2]
    whole, _, rest = text.partition("<details>")
    assert "By part, on dev" in rest and "| part | right | recall | precision |" in rest
    table = [line for line in whole.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(result.candidates)
    assert len({line.count(" | ") for line in table}) == 1
    assert "of 1,000 exhaustive" in text and "What would change it" in text


def test_nothing_in_a_text_is_mark_up() -> None:
    assert escape("a|b\n<img src=x> `c` [d](e)") == "a\\|b \\<img src=x\\> \\`c\\` \\[d\\](e)"
