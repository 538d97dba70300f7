"""Who may import whom, and what the engine must do without."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = ("csrc", "engine", "external", "npm_studio")
WINDOW_PACKAGES = ("PyQt6", "vtk", "vtkmodules", "pyvista", "pyvistaqt")
WITHOUT_WINDOW = ("engine", "npm_studio/batch", "npm_studio/session", "npm_studio/suites")
OF_GPUS = {"engine.surface.tensor_core_kernel": "triton"}
"""Modules that import what comes with PyTorch for GPUs alone."""

BLOCKER = f"""
import importlib, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {WINDOW_PACKAGES!r}:
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Blocker())
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def modules_under(folder: str) -> list[str]:
    paths = sorted((ROOT / folder).rglob("*.py"))
    return [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]


def imports_of(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield node.module or "", node.lineno


def sources(package: str) -> list[Path]:
    return [*(ROOT / package).rglob("*.py"), *(ROOT / package).rglob("*.pyi")]


@pytest.mark.parametrize("folder", WITHOUT_WINDOW)
def test_every_module_imports_without_a_window_toolkit(folder: str) -> None:
    modules = [name for name in modules_under(folder) if name not in OF_GPUS or find_spec(OF_GPUS[name])]
    assert len(modules) > 1
    done = subprocess.run([sys.executable, "-c", BLOCKER, *modules], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_the_blocker_blocks() -> None:
    for name in WINDOW_PACKAGES:
        done = subprocess.run([sys.executable, "-c", BLOCKER, name], capture_output=True, text=True, cwd=ROOT)
        assert f"{name} is blocked" in done.stderr


def test_imports_run_one_way_between_packages_and_between_rooms_of_the_engine_and_in_no_circle() -> None:
    done = subprocess.run([sys.executable, "scripts/import_graph.py"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout
    assert "3 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("engine/core/files.py", "from engine.geometry.mesh import Mesh"),
        ("engine/methods/job.py", "from engine.training.config import TrainingConfig"),
        ("external/bvh/clip.py", "from external.bvh.parse import read_bvh"),
        ("engine/geometry/mesh.py", "from npm_studio.cli.main import main"),
    ],
)
def test_an_arrow_that_points_the_wrong_way_is_noticed(path: str, wrong: str, tmp_path: Path) -> None:
    for package in ORDER:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    for name in ("pyproject.toml", "scripts/import_graph.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    with (tmp_path / path).open("a") as file:
        file.write(f"\n\ndef wrong():\n    {wrong}\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "scripts/import_graph.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 1, done.stdout
    assert "0 broken" not in done.stdout


@pytest.mark.parametrize("package", ["csrc", "engine", "external", "npm_studio/batch", "npm_studio/session"])
def test_window_toolkits_are_not_even_imported_inside_functions(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(package)
        for name, line in imports_of(path)
        if name.split(".")[0] in WINDOW_PACKAGES
    ]
    assert wrong == []


def test_commands_import_the_engine_inside_their_functions() -> None:
    for path in sources("npm_studio/cli"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("engine", "external")):
                assert node.module in ("engine.core.progress", "engine.core.errors"), (
                    f"{path}:{node.lineno} imports {node.module}"
                )
