"""A rubric of one's own for the judge: criteria, a scale, and marked examples, from one file.

A `.toml` file has `criteria` (text, or a table of names and what each asks), `scale` (a table of
whole marks and what each means) and `[[examples]]` with `input`, `answer`, `mark` and `reason`. Any
other file is the criteria as text, on the scale of right and wrong.
"""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from rung.errors import UserError
from rung.task.rows import read_text
from rung.task.types import Rubric


def read_rubric(path: Path, name: str) -> Rubric:
    """The rubric of a file; `UserError` with what is wrong in it."""
    text = read_text(path, name).strip()
    if not text:
        raise UserError(f"{name}: the rubric is empty; write what the judge goes by")
    if path.suffix.lower() != ".toml":
        return Rubric(criteria=text)
    try:
        rubric = Rubric.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as problem:
        raise UserError(f"{name}: not valid TOML: {problem}; correct it") from None
    except ValidationError as problem:
        error = problem.errors(include_url=False)[0]
        place = ".".join(str(step) for step in error["loc"]) or "the file"
        raise UserError(f"{name}: {place}: {error['msg']}; correct it") from None
    outside = [one.mark for one in rubric.examples if one.mark not in rubric.scale]
    if outside:
        raise UserError(
            f"{name}: an example has the mark {outside[0]}, which is not on the scale of "
            f"{', '.join(map(str, sorted(rubric.scale)))}; correct the mark or the scale"
        )
    return rubric
