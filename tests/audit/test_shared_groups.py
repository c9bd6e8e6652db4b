"""Test examples of a customer that train has too are flagged, whoever drew the split."""

from __future__ import annotations

from rung.audit.checks.shared_groups import check
from rung.records import Flag
from rung.task.types import Example, SplitName, Task

from .tasks import label_splits, label_task, material


def grouped(field: str, values: int, *, apart: bool = False, cluster: str | None = None) -> Task:
    def owned(split: str, n: int, example: Example) -> Example:
        value = f"{split if apart else ''}c{n % values}"
        return example.model_copy(update={"meta": {field: value}})

    splits: dict[SplitName, list[Example]] = {
        split: [owned(split, n, one) for n, one in enumerate(rows)]
        for split, rows in label_splits().items()
    }
    return label_task(splits, cluster=cluster)


def flag_of(task: Task) -> Flag | None:
    return next(iter(check(material(task, embedded=False)).flags), None)


def test_a_cluster_on_both_sides_is_a_warning() -> None:
    flag = flag_of(grouped("kundennummer", 30, cluster="kundennummer"))
    assert flag is not None and flag.severity == "warn" and flag.figure == 1.0
    assert "share meta.kundennummer with train or dev: 30 values" in flag.text


def test_a_field_named_like_somebody_is_told() -> None:
    for name in ("customer", "conversationId", "thread_id", "User ID"):
        flag = flag_of(grouped(name, 30))
        assert flag is not None and flag.severity == "info", name
        assert f'[task] cluster = "{name}"' in flag.advice


def test_what_is_apart_or_no_entity_is_no_flag() -> None:
    assert flag_of(grouped("customer", 30, apart=True)) is None
    assert flag_of(grouped("customer", 30, apart=True, cluster="customer")) is None
    assert flag_of(grouped("channel", 30)) is None
    assert flag_of(grouped("customer", 3)) is None  # kinds of customers
    assert flag_of(label_task()) is None
