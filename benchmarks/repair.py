"""How far repaired surfaces of Anny bodies with holes are from the intact ones.

    python benchmarks/repair.py [--bodies N] [--holes N] [--diameter METRES] [--seed S] [--out FILE.json]

Holes are what lies in balls around random points of the surface, cut from a mesh whose edges are short against them
(every triangle of the body divided into 16); "coarse" cuts all triangles of the body's own mesh that reach into such a
ball, so those holes are larger. The distance from the intact surface to the repaired one is measured for samples of the
whole surface, and for those of the removed patches alone. Beside them: the same with each hole closed by a flat fan
around its middle.
Exits 1 where the 95th percentile over the whole surface exceeds 5 mm.
"""

import argparse
import platform
import sys
import time
from pathlib import Path
from typing import Any

import igl
import numpy as np
from bodies import canonical_bodies

from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.geometry.repair.hole_caps import boundary_loops
from engine.geometry.repair.repair import repair_watertight
from engine.geometry.signed_distance import sample_surface, unsigned_distance
from engine.geometry.topology import defects
from engine.surface.winding_surface import winding_surface
from external.anny.generate import SIMILARITY

LIMIT_MM = 5.0
SAMPLES = 100_000


def cut_holes(
    vertices: np.ndarray, faces: np.ndarray, holes: int, radius: float, generator: np.random.Generator
) -> np.ndarray:
    """Faces (T,) that lie in one of ``holes`` balls of ``radius`` around random points of the surface, apart."""
    corners = vertices[faces]
    picks, _ = sample_surface(vertices, faces, 50 * holes, generator)
    centres: list[np.ndarray] = []
    for point in corners[picks].mean(axis=1):
        if all(np.linalg.norm(point - other) > 4 * radius for other in centres):
            centres.append(point)
        if len(centres) == holes:
            break
    removed = np.zeros(len(faces), bool)
    for centre in centres:
        removed |= unsigned_distance_to_triangles(centre, corners) < radius
    return removed


def unsigned_distance_to_triangles(point: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Distance (T,) from ``point`` (3,) to the nearest corner or middle of each of ``corners`` (T, 3, 3)."""
    candidates = np.concatenate((corners, corners.mean(axis=1, keepdims=True)), axis=1)
    return np.linalg.norm(candidates - point, axis=2).min(axis=1)


def flat_fans(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mesh with each hole closed by triangles around its middle."""
    points, triangles = [vertices], [faces]
    for index, loop in enumerate(boundary_loops(faces)):
        middle = np.full(len(loop), len(vertices) + index)
        triangles.append(np.stack((np.roll(loop, -1), loop, middle), axis=1))
        points.append(vertices[loop].mean(axis=0, keepdims=True))
    return np.concatenate(points), np.concatenate(triangles)


def distances_mm(vertices: np.ndarray, faces: np.ndarray, removed: np.ndarray, mesh: tuple) -> dict[str, float]:
    """Percentiles of the distance from the intact surface to ``mesh``, everywhere and where it was ``removed``."""
    generator = np.random.default_rng(1)
    results: dict[str, float] = {}
    for name, part in (("whole", faces), ("removed", faces[removed])):
        picks, barycentric = sample_surface(vertices, part, SAMPLES, generator)
        points = (vertices[part[picks]] * barycentric[:, :, None]).sum(axis=1)
        distance = 1000 * unsigned_distance(points, *mesh) / SIMILARITY.scale
        results |= {f"{name}_mean": float(distance.mean()), f"{name}_95": float(np.percentile(distance, 95))}
        results[f"{name}_max"] = float(distance.max())
    return results


def measure(vertices: np.ndarray, faces: np.ndarray, holes: int, diameter: float, seed: int) -> dict[str, Any]:
    removed = cut_holes(vertices, faces, holes, diameter / 2 * SIMILARITY.scale, np.random.default_rng(seed))
    loops = boundary_loops(faces[~removed])
    started = time.perf_counter()
    repair = repair_watertight(vertices, faces[~removed], resurface=winding_surface)
    seconds = time.perf_counter() - started
    repaired = distances_mm(vertices, faces, removed, (repair.mesh.vertices, repair.mesh.faces))
    fans = distances_mm(vertices, faces, removed, flat_fans(vertices, faces[~removed]))
    return {
        "triangles": len(faces),
        "holes": len(loops),
        "seconds": seconds,
        "steps": list(repair.steps),
        "closed": not defects(repair.mesh.faces),
        **repaired,
        "fan_removed_95": fans["removed_95"],
        "fan_removed_max": fans["removed_max"],
    }


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bodies", type=int, default=10, metavar="N")
    parser.add_argument("--holes", type=int, default=20, metavar="N")
    parser.add_argument("--diameter", type=float, default=0.02, metavar="METRES")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/repair.json"))
    options = parser.parse_args()
    bodies, faces = canonical_bodies(options.bodies, options.seed)
    heads = ("body", "mesh", "holes", "whole 95", "max", "removed mean", "95", "max", "fan 95", "max", "s")
    print(f"{options.holes} holes of {1000 * options.diameter:g} mm; distances in mm")
    print("  ".join(f"{head:>12}" for head in heads))
    rows = []
    for index, vertices in enumerate(bodies):
        fine = igl.upsample(vertices.astype(np.float64), faces.astype(np.int64), 2)
        for mesh, (v, f) in {"fine": fine, "coarse": (vertices.astype(np.float64), faces.astype(np.int64))}.items():
            row = {"body": index, "mesh": mesh, **measure(v, f, options.holes, options.diameter, options.seed + index)}
            rows.append(row)
            figures = [row[key] for key in ("whole_95", "whole_max", "removed_mean", "removed_95", "removed_max")]
            figures += [row["fan_removed_95"], row["fan_removed_max"], row["seconds"]]
            cells = "  ".join(f"{figure:12.3f}" for figure in figures)
            print(
                f"{index:12d}  {mesh:>12}  {row['holes']:12d}  {cells}" + ("" if row["closed"] else "  OPEN"),
                flush=True,
            )
    worst = {key: max(row[key] for row in rows) for key in ("whole_95", "removed_95", "removed_max")}
    print(
        f"worst 95th percentile: {worst['whole_95']:.3f} mm of the whole surface, {worst['removed_95']:.3f} mm of the "
        f"removed patches (most {worst['removed_max']:.3f} mm); limit {LIMIT_MM:g} mm"
    )
    good = worst["whole_95"] <= LIMIT_MM and all(row["closed"] for row in rows)
    results = {
        "holes": options.holes,
        "diameter_m": options.diameter,
        "samples": SAMPLES,
        "unit": "mm",
        "machine": platform.processor() or platform.machine(),
        "worst": worst,
        "rows": rows,
    }
    write_json(options.out, results)
    print(f"written: {options.out}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
