"""Modules that run when they are used, and those that a window can do without at first."""

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from npm_studio.late_import import imported_when_used, not_found


def test_a_module_runs_when_something_in_it_is_asked_for_and_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "seldom_used.py").write_text("import builtins\nbuiltins.runs_of_it.append(1)\nanswer = 42\n")
    (tmp_path / "user.py").write_text("import seldom_used as late\n")
    runs: list[int] = []
    monkeypatch.setattr("builtins.runs_of_it", runs, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    with imported_when_used("seldom_used"):
        user = importlib.import_module("user")
        importlib.import_module("seldom_used")
    again = importlib.import_module("seldom_used")
    assert runs == []
    assert user.late.answer == 42
    assert again.answer == 42
    assert again.__file__ == str(tmp_path / "seldom_used.py")
    assert runs == [1]
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = again.nothing_like_it
    del sys.modules["seldom_used"], sys.modules["user"]


def test_a_class_that_is_taken_to_be_called_later_runs_its_module_when_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import builtins\nbuiltins.runs_of_it.append(1)\nclass Box(dict):\n    pass\n"
    (tmp_path / "seldom_called.py").write_text(code)
    (tmp_path / "caller.py").write_text("from seldom_called import Box\n")
    runs: list[int] = []
    monkeypatch.setattr("builtins.runs_of_it", runs, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    with imported_when_used("seldom_called", called=("Box",)):
        caller = importlib.import_module("caller")
    assert runs == []
    assert caller.Box(size=3) == {"size": 3}
    assert runs == [1]
    assert isinstance(importlib.import_module("seldom_called").Box, type)  # who takes it from now on gets itself
    del sys.modules["seldom_called"], sys.modules["caller"]


def test_a_package_is_not_found_meanwhile_and_found_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "unwanted.py").write_text("there = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with not_found("unwanted"):
        assert importlib.util.find_spec("unwanted") is None
        with pytest.raises(ImportError):
            importlib.import_module("unwanted")
    unwanted = importlib.import_module("unwanted")
    assert unwanted.there
    with not_found("unwanted"):
        assert importlib.import_module("unwanted") is unwanted
    del sys.modules["unwanted"]


@pytest.mark.slow
def test_a_window_and_its_first_body_are_made_without_what_only_later_work_needs() -> None:
    late = {"warp", "scipy", "dask", "lightning", "matplotlib.figure", "matplotlib.text", "mypy"}
    late |= {"engine.methods.npm.fit", "engine.training.run"}
    code = f"""
import sys
from npm_studio import bootstrap
bootstrap.import_graphics()
import npm_studio.views.main_window
from npm_studio.resources import demo_model
from npm_studio.session.live.mesher import warm_up
from npm_studio.session.model import open_model
warm_up(open_model(demo_model()))
print(sorted({late!r} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
