"""Signed-distance pools of Anny bodies against other ways to make them, and how far two engines agree.

    python benchmarks/sdf_pools.py [--bodies N] [--points N] [--reference-points N] [--seed S] [--out FILE.json]

Part one: the pool of one mesh (3/4 near, 1/4 uniform samples), with the number of wrong signs by the exact winding
number and the error of the distance against the exact one, for

- ours: `engine.dataset.preparation.sdf_pools.sample_pools`;
- trimesh: ``trimesh.proximity.signed_distance`` of the same points, its inside test by ray parity in NumPy, or by
  Embree where embreex is installed. It gets fewer points; its time is scaled up in proportion, without set-up;
- scan style: what mesh-to-sdf does, without its renderer, which needs OpenGL: a cloud of surface samples with normals
  (--scan-points), the distance to the nearest of them in a k-d tree, the sign by the majority of the 11 nearest
  normals.

Needs rtree, and embreex for the last row.

Part two: a million points (near and uniform) around ten bodies by both engines of the project: every sign that differs
counts, those of points within rounding of the surface too. Beside them the sign tests that Warp offers itself.
Exits 1 where the engines differ in more than 1e-4 of the signs.
"""

import argparse
import importlib.util
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, no_type_check

import igl
import numpy as np
import trimesh
import warp as wp
from bodies import canonical_bodies
from scipy.spatial import cKDTree

from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.core.warp_runtime import start_warp
from engine.dataset.preparation.sdf_pools import sample_pools
from engine.dataset.preparation.second_engine import check_samples, second_signed_distance
from engine.geometry.signed_distance import face_normals, sample_surface, unsigned_distance

LIMIT = 1e-4
NEIGHBOURS = 11


def ours(vertices: np.ndarray, faces: np.ndarray, points: int, seed: int) -> np.ndarray:
    counts = (3 * points // 4, points - 3 * points // 4, 1)
    pools = sample_pools(vertices, faces, counts, np.random.default_rng(seed))
    return np.concatenate((pools.near, pools.uniform))


def by_trimesh(vertices: np.ndarray, faces: np.ndarray, use_embree: bool) -> Callable[[np.ndarray], np.ndarray]:
    mesh = trimesh.Trimesh(vertices, faces, process=False, use_embree=use_embree)
    trimesh.proximity.signed_distance(mesh, np.zeros((10, 3)))  # builds its trees
    return lambda points: -np.asarray(trimesh.proximity.signed_distance(mesh, points))


def by_scan(vertices: np.ndarray, faces: np.ndarray, points: np.ndarray, scanned: int) -> np.ndarray:
    picks, barycentric = sample_surface(vertices, faces, scanned, np.random.default_rng(1))
    cloud = (vertices[faces[picks]].astype(np.float64) * barycentric[:, :, None]).sum(axis=1)
    normals = face_normals(vertices, faces)[picks]
    distances, nearest = cKDTree(cloud).query(points, k=NEIGHBOURS)
    spokes = points[:, None] - cloud[nearest]
    inside = ((spokes * normals[nearest]).sum(axis=2) < 0).sum(axis=1) > NEIGHBOURS / 2
    return np.where(inside, -distances[:, 0], distances[:, 0])


def timed(function: Callable[..., np.ndarray], *arguments: Any) -> tuple[np.ndarray, float]:
    started = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - started


def accuracy(points: np.ndarray, values: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> dict[str, float]:
    """Wrong signs by the exact winding number, and errors of the distance."""
    p, v, f = points.astype(np.float64), vertices.astype(np.float64), faces.astype(np.int64)
    inside = igl.winding_number(v, f, p) > 0.5
    error = np.abs(np.abs(values) - unsigned_distance(p, v, f))
    wrong = int(((values < 0) != inside).sum())
    return {"wrong_signs": wrong, "wrong_share": wrong / len(p), "mean_error": error.mean(), "max_error": error.max()}


def compare_ways(options: argparse.Namespace, vertices: np.ndarray, faces: np.ndarray) -> list[dict[str, Any]]:
    ours(vertices, faces, 1000, 0)  # compiles and warms up
    samples, seconds = timed(ours, vertices, faces, options.points, options.seed)
    fewer = np.random.default_rng(0).choice(len(samples), min(options.reference_points, len(samples)), replace=False)
    some = samples[fewer, :3].astype(np.float64)
    rows: list[dict[str, Any]] = [{"way": "ours", "points": len(samples), "seconds": seconds, "scaled": seconds}]
    rows[0] |= accuracy(samples[:, :3], samples[:, 3], vertices, faces)
    ways: dict[str, tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]] = {
        "trimesh": (some, by_trimesh(vertices, faces, False)),
        "scan style": (samples[:, :3].astype(np.float64), lambda p: by_scan(vertices, faces, p, options.scan_points)),
    }
    if importlib.util.find_spec("embreex"):
        ways["trimesh + embreex"] = (some, by_trimesh(vertices, faces, True))
    for name, (points, way) in ways.items():
        values, seconds = timed(way, points)
        row = {"way": name, "points": len(points), "seconds": seconds, "scaled": seconds * len(samples) / len(points)}
        rows.append(row | accuracy(points, values, vertices, faces))
    for row in rows:
        row["ratio"] = row["scaled"] / rows[0]["scaled"]
    return rows


@wp.kernel
@no_type_check
def _warp_sign(mesh: wp.uint64, points: wp.array(dtype=wp.vec3), test: wp.int32, inside: wp.array(dtype=wp.int32)):
    i = wp.tid()
    sign = wp.float32(1.0)
    if test == 0:
        sign = wp.mesh_query_point_sign_winding_number(mesh, points[i], 1.0e6).sign
    elif test == 1:
        sign = wp.mesh_query_point_sign_parity(mesh, points[i], 1.0e6).sign
    else:
        sign = wp.mesh_query_point_sign_normal(mesh, points[i], 1.0e6).sign
    inside[i] = wp.where(sign < 0.0, 1, 0)


WARP_TESTS = ("winding number", "ray parity", "normal")


def warp_inside(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray, test: int) -> np.ndarray:
    indices = wp.array(faces.ravel(), dtype=wp.int32, device="cpu")
    single = wp.array(vertices, dtype=wp.vec3, device="cpu")
    mesh = wp.Mesh(single, indices, support_winding_number=True)
    queries = wp.array(points.astype(np.float32), dtype=wp.vec3, device="cpu")
    inside = wp.zeros(len(points), dtype=wp.int32, device="cpu")
    wp.launch(_warp_sign, len(points), inputs=[mesh.id, queries, test], outputs=[inside], device="cpu")
    return inside.numpy() > 0


def compare_engines(bodies: np.ndarray, faces: np.ndarray, points: int, seed: int) -> dict[str, Any]:
    """Signs and distances of ``points`` around all ``bodies`` by both engines, and by Warp's own sign tests."""
    result: dict[str, Any] = {"points": 0, "sign_disagreements": 0, "farthest_disagreement": 0.0}
    result |= {"largest_difference": 0.0, "first_wrong": 0, "second_wrong": 0}
    for test in WARP_TESTS:
        result[f"warp {test} wrong"] = 0
    for index, vertices in enumerate(bodies):
        samples = ours(vertices, faces, points // len(bodies), seed + index)
        check = check_samples(samples, vertices, faces)
        exact = samples[:, :3].astype(np.float64)
        truth = igl.winding_number(vertices.astype(np.float64), faces.astype(np.int64), exact) > 0.5
        second = second_signed_distance(exact, vertices, faces)
        opposed = samples[:, 3] * second < 0
        result["points"] += check.points
        result["sign_disagreements"] += check.sign_disagreements
        result["largest_difference"] = max(result["largest_difference"], check.largest_difference)
        farthest = float(np.abs(second[opposed]).max(initial=0.0))
        result["farthest_disagreement"] = max(result["farthest_disagreement"], farthest)
        result["first_wrong"] += int(((samples[:, 3] < 0) != truth).sum())
        result["second_wrong"] += int(((second < 0) != truth).sum())
        for number, test in enumerate(WARP_TESTS):
            result[f"warp {test} wrong"] += int((warp_inside(exact, vertices, faces, number) != truth).sum())
    return result | {"rate": result["sign_disagreements"] / result["points"]}


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bodies", type=int, default=10, metavar="N")
    parser.add_argument("--points", type=int, default=400_000, metavar="N", help="of the pool of one mesh")
    parser.add_argument("--reference-points", type=int, default=5_000, metavar="N", help="that trimesh gets")
    parser.add_argument("--scan-points", type=int, default=1_000_000, metavar="N", help="of the scan style's cloud")
    parser.add_argument("--engine-points", type=int, default=1_000_000, metavar="N", help="of part two, all bodies")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/sdf_pools.json"))
    options = parser.parse_args()
    start_warp()
    bodies, faces = canonical_bodies(options.bodies, options.seed)
    print(f"pool of {options.points} points, {len(faces)} triangles, {os.cpu_count()} cores")
    heads = ("way", "points", "seconds", "scaled", "ratio", "wrong signs", "share", "mean error", "max error")
    print("  ".join(f"{head:>17}" for head in heads))
    ways = compare_ways(options, bodies[0], faces)
    for row in ways:
        times = f"{row['seconds']:17.2f}  {row['scaled']:17.2f}  {row['ratio']:17.1f}"
        errors = f"{row['wrong_share']:17.1e}  {row['mean_error']:17.1e}  {row['max_error']:17.1e}"
        print(f"{row['way']:>17}  {row['points']:17d}  {times}  {row['wrong_signs']:17d}  {errors}", flush=True)
    engines = compare_engines(bodies, faces, options.engine_points, options.seed)
    print(
        f"two engines, {engines['points']} points around {len(bodies)} bodies: {engines['sign_disagreements']} signs "
        f"differ ({engines['rate']:.1e}), the farthest {engines['farthest_disagreement']:.1e} from the surface; "
        f"distances differ by {engines['largest_difference']:.1e} at most"
    )
    wrong = [f"first {engines['first_wrong']}", f"second {engines['second_wrong']}"]
    wrong += [f"Warp's {test} {engines[f'warp {test} wrong']}" for test in WARP_TESTS]
    print(f"wrong signs by the exact winding number: {', '.join(wrong)}")
    results = {
        "triangles": len(faces),
        "bodies": len(bodies),
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "versions": {"trimesh": trimesh.__version__, "warp": wp.__version__, "python": platform.python_version()},
        "ways": ways,
        "engines": engines,
    }
    write_json(options.out, results)
    print(f"written: {options.out}")
    return 0 if engines["rate"] <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
