"""Walking the choices, without any model."""

import math

from hypothesis import given
from hypothesis import strategies as st

from rung.models.local.constrain import ChoiceConstraint, TokenTrie

END = 0


def walk(choices, pick):
    """Tokens of one answer; `pick` chooses among the allowed."""
    constraint = ChoiceConstraint(TokenTrie(choices, END))
    said = constraint.forced()
    while not constraint.done:
        allowed = constraint.allowed()
        token = pick(list(allowed))
        constraint.accept(token, 0.5)
        said += [token, *constraint.forced()]
    return said, constraint


choices = st.lists(
    st.lists(st.integers(1, 4), min_size=1, max_size=5), min_size=1, max_size=8, unique_by=tuple
)


@given(choices, st.randoms())
def test_every_walk_ends_on_exactly_one_choice(choices, rng):
    said, constraint = walk(choices, rng.choice)
    assert said[-1] == END
    assert said[:-1] in choices
    assert 0 < constraint.confidence <= 1


def test_a_choice_that_begins_another_can_be_said():
    assert walk([[1], [1, 2]], min)[0] == [1, END]
    assert walk([[1], [1, 2]], max)[0] == [1, 2, END]


def test_one_choice_needs_no_model_and_is_certain():
    said, constraint = walk([[3, 4]], None)
    assert said == [3, 4, END]
    assert constraint.confidence == 1


def test_confidence_multiplies_where_the_choices_part():
    _, constraint = walk([[1, 2, 3], [1, 2, 4], [5]], min)
    assert math.isclose(constraint.confidence, 0.25)
