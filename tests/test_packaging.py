"""What an installation brings along, and whether all that the code imports is declared."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from npm_studio.reports import machine

ROOT = Path(__file__).parents[1]
PACKAGES = ("csrc", "engine", "external", "npm_studio")
IMPORTED_AS = {
    "igl": "libigl",
    "importlinter": "import-linter",
    "lightning_fabric": "lightning-fabric",
    "imageio_ffmpeg": "imageio-ffmpeg",
    "mcubes": "PyMCubes",
    "PIL": "pillow",
    "pytestqt": "pytest-qt",
    "tensorboardX": "tensorboardx",
    "vtkmodules": "vtk",
    "warp": "warp-lang",
    "yaml": "PyYAML",
}
"""Package by the module that it brings, where the names differ."""
NOT_OURS_TO_DECLARE = {
    "triton": "comes with PyTorch for GPUs",
    "skimage": "stands in for mcubes in a benchmark where that is missing",
    "setuptools": "builds the project",
    "Cython": "builds the project",
    "grimp": "is what import-linter is made of",
}
NOT_IMPORTED = {
    "PyQt6-Qt6": "narrows what PyQt6 brings",
    "build": "is started by make",
    "ruff": "is started by make",
    "mypy": "is started by make",
    "types-PyYAML": "is read by mypy",
    "pytest-cov": "is used by pytest",
    "pytest-xdist": "is used by pytest",
    "rtree": "is used by trimesh",
    "smplx": "is run by tests in a process of its own",
}


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def names(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w.-]+", requirement)[0] for requirement in requirements}  # type: ignore[index]


def declared(*extras: str) -> set[str]:
    optional = project()["optional-dependencies"]
    return names(project()["dependencies"]).union(*(names(optional[extra]) for extra in extras))


def third_party(*folders: str) -> Iterator[tuple[str, str]]:
    """The package that is imported, and where."""
    for path in (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))):
        own = {"tests", "scripts", *PACKAGES, *(script.stem for script in (ROOT / "benchmarks").glob("*.py"))}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            for top in {module.split(".")[0] for module in modules} - own - sys.stdlib_module_names:
                if top not in NOT_OURS_TO_DECLARE:
                    yield IMPORTED_AS.get(top, top), f"{path.relative_to(ROOT)}:{node.lineno}"


@pytest.mark.parametrize(
    ("folders", "extras"),
    [
        (("csrc", "engine", "external", "npm_studio"), ("gui", "realsense", "cpd", "batch")),
        (
            ("csrc", "engine", "external", "npm_studio/reports", "npm_studio/cli", "npm_studio/session/document"),
            ("realsense", "cpd"),
        ),
        (("tests", "scripts"), ("gui", "dev")),
        (("benchmarks",), ("gui", "dev", "bench")),
    ],
)
def test_every_package_that_is_imported_is_declared(folders: tuple[str, ...], extras: tuple[str, ...]) -> None:
    missing = [
        f"{where} imports {package}" for package, where in third_party(*folders) if package not in declared(*extras)
    ]
    assert missing == []


def test_every_package_that_is_declared_is_imported() -> None:
    imported = {package for package, _ in third_party(*PACKAGES, "tests", "benchmarks", "scripts")}
    assert declared("gui", "dev", "bench") - imported - set(NOT_IMPORTED) == set()


def test_doctor_looks_for_every_declared_package() -> None:
    assert sorted(machine.PACKAGES) == sorted(declared("gui") - {"PyQt6-Qt6"})


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_marked_as_typed_and_has_no_folder_that_an_installation_would_leave_out(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()
    for path in (ROOT / package).rglob("*.py"):
        assert (path.parent / "__init__.py").is_file(), path


def test_all_files_that_are_not_python_are_declared_as_package_data() -> None:
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a checkout with its history")
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    for name in listed.stdout.splitlines():
        package, rest = name.split("/", 1)
        assert rest.endswith(".py") or any(Path(rest).match(pattern) for pattern in data[package]), name
