"""Distance of every node of a grid to the nearest visible point: the kernel against k-d trees, as published code uses.

    python benchmarks/partial_sdf.py [--resolution N] [--focal-scale S] [--share K] [--repeats N] [--out FILE.json]

The points are those of one depth image of a body: a mesh of the demo, 1280 x 960 pixels unless told otherwise.
pykdtree, where installed, queries every node; SciPy's k-d tree, which is far slower, every K-th slab of nodes, scaled
up. Exits 1 when the kernel is not at least 20 times faster than the fastest of them or a distance differs.
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
import scipy
from scipy.spatial import cKDTree

from csrc.depth import thread_count
from csrc.distance_grid import nearest_distance_grid
from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.dataset.preparation.view_grids import PosedDepthImage, occupancy_grid, partial_sdf_grid
from engine.geometry.camera import REFERENCE_CAMERA, PinholeCamera, front_camera_to_world
from engine.geometry.ray_casting import render_depth
from engine.sequences.depth_sequence import load_depth_sequence
from engine.sequences.truth import load_truth

ROOT = Path(__file__).parents[1]
BAR = 20.0
TOLERANCE = 1e-6


def body_view(scale: float) -> PosedDepthImage:
    """One frame of the demo as the reference camera with ``scale`` times its resolution sees it."""
    c = REFERENCE_CAMERA
    intrinsics = (scale * value for value in (c.fx, c.fy, c.cx, c.cy))
    camera = PinholeCamera(round(scale * c.width), round(scale * c.height), *intrinsics)
    sequence = load_depth_sequence(ROOT / "assets/sequences/anny-demo")
    truth = load_truth(sequence.root / "truth")
    mesh, similarity = truth.meshes.read(0), truth.similarity
    assert similarity is not None
    pose = front_camera_to_world(similarity)
    return PosedDepthImage(render_depth(mesh.vertices, mesh.faces, camera, pose), camera, pose, similarity)


def seconds(function: Callable[[], Any], repeats: int) -> tuple[Any, float]:
    """Last result, and median time of one call."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - started)
    return result, statistics.median(times)


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--focal-scale", type=float, default=2.0, metavar="S", help="1 is 640 x 480 pixels")
    parser.add_argument("--share", type=int, default=16, metavar="K", help="SciPy queries every K-th slab of nodes")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/partial_sdf.json"))
    options = parser.parse_args()
    load_before = os.getloadavg()
    n, view = options.resolution, body_view(options.focal_scale)
    points = partial_sdf_grid(view, 8).points
    axis = np.linspace(-0.5, 0.5, n)
    plane = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)

    def nodes(x: float, dtype: type = np.float64) -> np.ndarray:
        """One slab of nodes (N^2, 3)."""
        return np.column_stack((np.full(len(plane), x), plane)).astype(dtype)

    print(f"{len(points)} points, {n}^3 nodes, {thread_count()} threads, {os.cpu_count()} processors")
    print(f"load average {load_before[0]:.2f}\n{'way':<38}{'seconds':>10}{'ratio':>9}{'largest error':>16}")
    distances, kernel = seconds(lambda: nearest_distance_grid(points, axis), options.repeats)
    rows: dict[str, dict[str, float]] = {}

    def report(name: str, taken: float, error: float) -> None:
        rows[name] = {"seconds": taken, "ratio": taken / kernel, "largest_error": error}
        print(f"{name:<38}{taken:>10.3f}{taken / kernel:>9.1f}{error:>16.1e}")

    report("kernel", kernel, 0.0)
    slabs = range(0, n, options.share)
    queries = np.concatenate([nodes(axis[x]) for x in slabs])
    found, taken = seconds(lambda: cKDTree(points).query(queries, workers=-1)[0], 1)
    errors = np.abs(found - distances[slabs].ravel())
    report(f"scipy.spatial.cKDTree (1/{options.share}, scaled)", taken * n / len(slabs), float(errors.max()))
    try:
        from pykdtree.kdtree import KDTree
    except ImportError:
        print("pykdtree is not installed: `pip install pykdtree` to compare with it")
    else:
        queries = np.concatenate([nodes(x, np.float32) for x in axis])
        found, taken = seconds(lambda: KDTree(points.astype(np.float32)).query(queries)[0], 1)
        report(f"pykdtree {version('pykdtree')}, float32", taken, float(np.abs(found - distances.ravel()).max()))
    _, whole = seconds(lambda: partial_sdf_grid(view, n), options.repeats)
    _, occupancy = seconds(lambda: occupancy_grid(view, n), options.repeats)
    print(f"whole partial SDF grid with signs and validity {whole:.3f} s, occupancy grid {occupancy:.4f} s")
    alternatives = [row for name, row in rows.items() if name != "kernel"]
    ratio, error = min(row["ratio"] for row in alternatives), max(row["largest_error"] for row in alternatives)
    good = ratio >= BAR and error <= TOLERANCE
    print(f"{ratio:.1f} times faster than the fastest k-d tree (bar: {BAR:g}), distances differ by at most {error:.1e}")
    results = {
        "points": len(points),
        "resolution": n,
        "threads": thread_count(),
        "processors": os.cpu_count(),
        "load_average": {"before": load_before, "after": os.getloadavg()},
        "machine": platform.processor() or platform.machine(),
        "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "python": platform.python_version()},
        "ways": rows,
        "partial_sdf_grid_seconds": whole,
        "occupancy_grid_seconds": occupancy,
        "ratio": ratio,
        "passed": good,
    }
    write_json(options.out, results)
    print(f"written: {options.out}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
