"""Names open the right provider, and a wrong name gets a sentence that helps."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from rung.errors import UserError
from rung.models.registry import PROVIDERS, known_forms, open_embedder, open_model
from scripted import ScriptedEmbedder, ScriptedModel


@pytest.fixture(autouse=True)
def local_shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for the local engine, so that no weights are needed here."""
    local = ModuleType("rung.models.local")
    local.open_local = lambda name: ScriptedModel([], name)  # type: ignore[attr-defined]
    embedder = ModuleType("rung.models.embedder")
    embedder.open_embedder = ScriptedEmbedder  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rung.models.local", local)
    monkeypatch.setitem(sys.modules, "rung.models.embedder", embedder)


def test_local_names_folders_and_gguf_files(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "m.gguf").write_bytes(b"")
    assert open_model("local/smollm2-135m-instruct").name == "local/smollm2-135m-instruct"
    assert open_model("weights", tmp_path).name == str(tmp_path / "weights")
    assert open_model("./m.gguf", tmp_path).name == str(tmp_path / "m.gguf")
    assert open_embedder("local/all-minilm-l6-v2").name == "local/all-minilm-l6-v2"
    assert open_embedder(str(tmp_path / "weights")).name == str(tmp_path / "weights")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("opnai/gpt-5", "did you mean openai/gpt-5?"),
        ("Local/smollm2-135m-instruct", "did you mean local/smollm2-135m-instruct?"),
        ("gpt-5", "known: local/smollm2-135m-instruct, openai/<model>"),
        ("./nowhere", "there is no model folder or .gguf file at './nowhere'"),
        ("missing.gguf", "there is no model folder or .gguf file at 'missing.gguf'"),
    ],
)
def test_unknown_names(name: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        open_model(name, tmp_path)
    assert says in str(caught.value) and repr(name) in str(caught.value)


def test_unknown_embedder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no embedder is called 'nobody/x'"):
        open_embedder("nobody/x", tmp_path)


def test_the_known_forms_are_the_shelf() -> None:
    assert len(known_forms()) == len(PROVIDERS) + 2
