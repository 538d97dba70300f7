"""Voxelisation and inside test of a mesh: the kernels against trimesh and libigl.

    python benchmarks/voxels.py [--mesh FILE] [--resolution N] [--points N] [--repeats N] [--out FILE.json]

trimesh marks the cells that the vertices of a subdivided surface fall into, so it misses corners that the exact test
finds; its inside test casts rays (with Embree where embreex is installed). libigl's is the fast winding number. Points
are uniform in the bounding box of the mesh. Exits 1 when a kernel is slower than a library or its answers differ.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from csrc.depth import thread_count
from csrc.inside import inside_parity
from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.geometry.mesh import Mesh, load_mesh
from engine.geometry.signed_distance import is_inside
from engine.geometry.voxels import inside_by_parity, solid_voxels, surface_voxels
from engine.sequences.truth import read_stored_truth
from npm_studio.resources import demo_sequence


def seconds(function: Callable[[], Any], repeats: int) -> tuple[Any, float]:
    """Last result, and median time of one call after one to warm up."""
    function()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - started)
    return result, statistics.median(times)


def compare_voxels(mesh: Mesh, solid: trimesh.Trimesh, resolution: int, repeats: int) -> list[dict[str, Any]]:
    occupied, kernel = seconds(lambda: surface_voxels(mesh, resolution), repeats)
    filled, filling = seconds(lambda: solid_voxels(mesh, resolution), 1)
    # the half step puts trimesh's cells, which are centred on multiples of the pitch, where those of the kernel are
    shifted = solid.copy()
    shifted.apply_translation(3 * [0.5 - 0.5 / resolution])
    found, library = seconds(lambda: shifted.voxelized(1 / resolution), 1)
    marked = np.rint(found.points * resolution).astype(int)
    inside = ((marked >= 0) & (marked < resolution)).all(axis=1)
    name = f"surface {resolution}^3"
    return [
        {"task": name, "way": "kernel", "seconds": kernel, "cells": int(occupied.sum())},
        {
            "task": name,
            "way": "trimesh",
            "seconds": library,
            "cells": len(marked),
            "differing": int((~occupied[tuple(marked[inside].T)]).sum() + (~inside).sum()),
        },
        {"task": f"solid {resolution}^3", "way": "kernel", "seconds": filling, "cells": int(filled.sum())},
    ]


def compare_inside(mesh: Mesh, solid: trimesh.Trimesh, count: int, repeats: int) -> list[dict[str, Any]]:
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    points = np.random.default_rng(0).uniform(low, high, (count, 3))
    triangles = mesh.vertices.astype(np.float64)[mesh.faces]
    (inside, holes), kernel = seconds(lambda: inside_parity(points, triangles), repeats)
    (resolved, doubtful), three = seconds(lambda: inside_by_parity(points, mesh), repeats)
    winding, library = seconds(lambda: is_inside(points, mesh.vertices, mesh.faces), 1)
    some = max(count // 10, 1)
    rays, casting = seconds(lambda: solid.contains(points[:some]), 1)
    engine = type(solid.ray).__module__.rsplit(".", 1)[-1]
    task = f"inside {count} points"
    return [
        {"task": task, "way": "kernel", "seconds": kernel, "cells": int(inside.sum()), "holes": int(holes.sum())},
        {
            "task": task,
            "way": "kernel, 3 axes",
            "seconds": three,
            "cells": int(resolved.sum()),
            "differing": int((resolved != winding).sum()),
            "holes": int(doubtful.sum()),
        },
        {
            "task": task,
            "way": "igl winding number",
            "seconds": library,
            "cells": int(winding.sum()),
            "differing": int((winding != inside).sum()),
        },
        {
            "task": task,
            "way": f"trimesh {engine} (1/10, scaled)",
            "seconds": casting * count / some,
            "cells": int(rays.sum()),
            "differing": int((rays != inside[:some]).sum()),
        },
    ]


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mesh", type=Path, help="(default: the first true mesh of the demo)")
    parser.add_argument("--resolution", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/voxels.json"))
    options = parser.parse_args()
    load_before = os.getloadavg()
    truth = demo_sequence() / "truth"
    mesh = read_stored_truth(truth).meshes.read(0) if options.mesh is None else load_mesh(options.mesh)
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    print(f"{options.mesh or truth}: {len(mesh.faces)} triangles, watertight: {solid.is_watertight}")
    print(f"{thread_count()} threads, {os.cpu_count()} processors, load average {load_before[0]:.2f}")
    print(f"{'task':<24}{'way':<36}{'seconds':>9}{'ratio':>8}{'true':>9}{'differing':>11}")
    rows = []
    for resolution in options.resolution:
        rows += compare_voxels(mesh, solid, resolution, options.repeats)
    rows += compare_inside(mesh, solid, options.points, options.repeats)
    kernels = {row["task"]: row["seconds"] for row in rows if row["way"] == "kernel"}
    for row in rows:
        row["ratio"] = row["seconds"] / kernels[row["task"]]
        differing = row.get("differing", "")
        print(
            f"{row['task']:<24}{row['way']:<36}{row['seconds']:>9.4f}{row['ratio']:>8.1f}{row['cells']:>9}{differing:>11}"
        )
    libraries = [row for row in rows if not row["way"].startswith("kernel")]
    faster = min(row["ratio"] for row in libraries) > 1
    same = all(row["differing"] <= 1e-4 * row["cells"] for row in libraries)
    print(f"every kernel {'is' if faster else 'is NOT'} faster; answers {'agree' if same else 'DIFFER'}")
    results = {
        "mesh": options.mesh.name,
        "triangles": len(mesh.faces),
        "threads": thread_count(),
        "processors": os.cpu_count(),
        "load_average": {"before": load_before, "after": os.getloadavg()},
        "machine": platform.processor() or platform.machine(),
        "versions": {name: version(name) for name in ("numpy", "trimesh", "libigl")},
        "rows": rows,
        "passed": faster and same,
    }
    write_json(options.out, results)
    print(f"written: {options.out}")
    return 0 if faster and same else 1


if __name__ == "__main__":
    sys.exit(main())
