"""The plug-in of ``docs/examples/plugin``, found by its entry points as if it were installed."""

import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.core.registry import registered

PLUGIN = Path(__file__).parents[2] / "docs" / "examples" / "plugin"


@contextmanager
def installed_plugin(site: Path) -> Iterator[None]:
    """Its metadata lie in ``site``, as pip would write them, and its modules are imported from where they are."""
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    metadata = site / "npm_studio_example-0.1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n")
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {place}" for name, place in points.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLUGIN))
        patch.syspath_prepend(str(site))
        paths = [str(PLUGIN), str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))  # for what runs in a process of its own
        registered.cache_clear()
        yield
    registered.cache_clear()
