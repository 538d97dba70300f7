"""Who may import whom, and what the engine must do without."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = ("csrc", "engine", "external", "npm_studio")
WINDOW_PACKAGES = ("PyQt6", "vtk", "vtkmodules", "pyvista", "pyvistaqt")
WITHOUT_WINDOW = ("engine", "npm_studio/document")
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


@pytest.mark.parametrize("package", ORDER)
def test_imports_run_one_way(package: str) -> None:
    allowed = ORDER[: ORDER.index(package) + 1]
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(package)
        for name, line in imports_of(path)
        if name.split(".")[0] in ORDER and name.split(".")[0] not in allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("package", ["csrc", "engine", "external", "npm_studio/document"])
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
