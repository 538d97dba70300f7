"""Which room imports which, and whether an arrow points upwards or in a circle.

    python scripts/import_graph.py [PACKAGE ...]

Prints the rooms of the engine, layer by layer as ``[tool.importlinter]`` in pyproject.toml orders them, and those of
``external``, each with the rooms that it imports and by how many imports between files; then what import-linter says of
its contracts. Exits with 1 when one is broken.
"""

import sys
import tomllib
from collections import Counter
from pathlib import Path

import grimp
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("csrc", "engine", "external", "npm_studio")


def room_of(module: str) -> str:
    """``engine.geometry`` for ``engine.geometry.repair.repair``."""
    return ".".join(module.split(".")[:2])


def arrows_between_rooms(packages: tuple[str, ...] = PACKAGES) -> dict[str, Counter[str]]:
    """Room to the rooms that it imports, each with the number of imports between files."""
    graph = grimp.build_graph(*packages)
    arrows: dict[str, Counter[str]] = {room_of(module): Counter() for module in graph.modules}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            if room_of(imported) != room_of(module):
                arrows[room_of(module)][room_of(imported)] += 1
    return arrows


def layers_of_the_engine() -> list[list[str]]:
    """Rooms of the engine from the top to the bottom; those of one layer do not import each other."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "rooms")
    return [[f"engine.{name.strip()}" for name in layer.split("|")] for layer in layers]


def main() -> int:
    sys.path.insert(0, str(ROOT))
    arrows = arrows_between_rooms()
    for layer in [*layers_of_the_engine(), sorted(room for room in arrows if room.startswith("external."))]:
        for room in layer:
            targets = ", ".join(f"{target} {count}" for target, count in sorted(arrows[room].items()))
            print(f"{room:22s} -> {targets or 'nothing'}")
        print()
    return int(lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True))


if __name__ == "__main__":
    sys.exit(main())
