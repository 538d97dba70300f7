"""From codes to meshes: time of each stage, and the same surface from the dense lattice with PyMCubes.

    python benchmarks/surface.py [--model M] [--resolution N] [--codes N] [--device D] [--out FILE.json]

Codes are drawn from the normal distribution of the training codes. For each, vertices and triangles of the sparse
surface are compared with those of marching cubes on the dense lattice, both ways. The dense way is timed in the same
run with the same folded decoder. Exits 1 when a surface differs.
"""

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mcubes
import numpy as np
import torch
import trimesh
from scipy.spatial import cKDTree
from torch import Tensor

from engine.checkpoint import load_model
from engine.device import resolve_device
from engine.files import write_json
from engine.geometry.mesh import Mesh
from engine.latent.code_space import CodeSpace
from engine.model import NeuralParametricModel
from engine.surface.contour import contour_cells
from engine.surface.extract import dense_field, extract_surface, pose_vertices
from engine.surface.folded import SignedDistance, bfloat16_is_fast
from engine.surface.lipschitz import lipschitz_bounds, measure_lipschitz
from engine.surface.octree import surface_cells
from npm_studio.resources import demo_model

TOLERANCE = 1e-4


class Timed:
    """A function of tensors that adds up its time and the number of points that it was asked for."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        self._function, self.seconds, self.points = function, 0.0, 0

    def __call__(self, points: Tensor) -> Tensor:
        started = clock()
        values = self._function(points)
        self.seconds += clock() - started
        self.points += len(points)
        return values


def clock() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def stage_times(model: NeuralParametricModel, code: Tensor, resolution: int) -> dict[str, float]:
    """Milliseconds of each stage of `extract_surface`, and points evaluated."""
    bounds, started = lipschitz_bounds(model), clock()
    exact = Timed(SignedDistance(model, code))
    rough = Timed(SignedDistance(model, code, half=bfloat16_is_fast(model.device)))
    folded = clock()
    cells, values = surface_cells(exact, rough, bounds, resolution, model.device)
    found = clock()
    mesh = contour_cells(cells, values, resolution)
    contoured = clock()
    times = {
        "fold": folded - started,
        "prune": rough.seconds,
        "nodes": exact.seconds,
        "search": found - folded - rough.seconds - exact.seconds,
        "contour": contoured - found,
        "total": contoured - started,
    }
    if model.pose_codes is not None and len(model.pose_codes):
        started = clock()
        pose_vertices(model, code, model.pose_codes[0], mesh.vertices)
        times["pose"] = clock() - started
    milliseconds = {name: 1000 * seconds for name, seconds in times.items()}
    return milliseconds | {"pruning_points": rough.points, "node_points": exact.points}


def compare(mesh: Mesh, field: np.ndarray, expected: Mesh) -> dict[str, Any]:
    """How ``mesh`` differs from the surface ``expected`` of the dense ``field`` (N, N, N).

    ``same`` demands equal vertices, and equal triangles but in cells with an ambiguous face: there marching cubes may
    join the surface in two ways, and the tables of PyMCubes and of Warp choose differently (both consistently).
    """
    if mesh.is_empty or expected.is_empty:
        empty = mesh.is_empty and expected.is_empty
        return {"same": empty, "distance": 0.0, "ambiguous": 0, "watertight": True}
    missing, partner = cKDTree(mesh.vertices).query(expected.vertices)
    surplus, _ = cKDTree(expected.vertices).query(mesh.vertices)
    distance = float(max(missing.max(), surplus.max()))
    unequal = np.array(list(triangles(mesh.faces) ^ triangles(partner[expected.faces[:, ::-1]])), int).reshape(-1, 3)
    cells = np.floor((mesh.vertices[unequal].mean(axis=1) + 0.5) * (len(field) - 1)).astype(int)
    excused = ambiguous_cells(field)[tuple(cells.T)]
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    return {
        "same": mesh.vertices.shape == expected.vertices.shape and distance < TOLERANCE and bool(excused.all()),
        "distance": distance,
        "ambiguous": len(unequal),
        "watertight": bool(solid.is_watertight and solid.is_winding_consistent),
    }


def ambiguous_cells(field: np.ndarray) -> np.ndarray:
    """Cells (N-1, N-1, N-1) of ``field`` (N, N, N) with a face whose corners change sign around it four times."""
    ambiguous = np.zeros([size - 1 for size in field.shape], bool)
    for axis in range(3):
        inside = np.moveaxis(field < 0, axis, 0)
        a, b, c, d = inside[:, :-1, :-1], inside[:, 1:, 1:], inside[:, :-1, 1:], inside[:, 1:, :-1]
        faces = (a == b) & (c == d) & (a != c)
        ambiguous |= np.moveaxis(faces[:-1] | faces[1:], 0, axis)
    return ambiguous


def triangles(faces: np.ndarray) -> set[tuple[int, ...]]:
    """Triangles of ``faces`` (F, 3), each starting at its lowest vertex."""
    first = faces.argmin(axis=1)
    return {tuple(np.roll(face, -start).tolist()) for face, start in zip(faces, first, strict=True)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=demo_model())
    parser.add_argument("--resolution", type=int, default=128)
    parser.add_argument("--codes", type=int, default=10, metavar="N")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/surface.json"))
    options = parser.parse_args()
    model = load_model(options.model, resolve_device(options.device))
    space, generator = CodeSpace.from_codes(model.shape_codes.cpu()), torch.Generator().manual_seed(options.seed)

    started = clock()
    measured = measure_lipschitz(model)
    measuring = clock() - started
    used = lipschitz_bounds(model)
    extract_surface(model, model.shape_codes[0], options.resolution)  # compiles and warms up
    print(f"{options.model} at {options.resolution}^3 on {model.device}")
    print(f"slope bounds: {used.coarse:.2f} coarse, {used.fine:.2f} fine (measured in {measuring:.2f} s)")
    heads = ("code", "vertices", "triangles", "ambiguous", "distance", "closed", "sparse ms", "dense ms", "ratio")
    print("  ".join(f"{head:>9}" for head in heads))
    rows = []
    for index in range(options.codes):
        code = space.random(generator, len(space.scales)).to(model.device)
        times = stage_times(model, code, options.resolution)
        mesh = extract_surface(model, code, options.resolution)
        started = clock()
        field = dense_field(model, code, options.resolution)
        evaluated = clock()
        vertices, faces = mcubes.marching_cubes(field, 0.0)
        contoured = clock()
        expected = Mesh((vertices / (options.resolution - 1) - 0.5).astype(np.float32), faces.astype(np.int32))
        dense_times = {"dense_field": 1000 * (evaluated - started), "dense_contour": 1000 * (contoured - evaluated)}
        row = {"code": index, "vertices": len(mesh.vertices), "triangles": len(mesh.faces), **times, **dense_times}
        row |= compare(mesh, field, expected)
        row["ratio"] = sum(dense_times.values()) / times["total"]
        rows.append(row)
        print(
            f"{index:9d}  {row['vertices']:9d}  {row['triangles']:9d}  {row['ambiguous']:9d}  "
            f"{row['distance']:9.1e}  {'yes' if row['watertight'] else 'NO':>9}  {times['total']:9.1f}  "
            f"{sum(dense_times.values()):9.1f}  {row['ratio']:9.1f}" + ("" if row["same"] else "  DIFFERS")
        )
    medians = {name: statistics.median(row[name] for row in rows) for name in (*times, *dense_times, "ratio")}
    stages = ("fold", "prune", "nodes", "search", "contour", "total", "pose", "dense_field", "dense_contour")
    print("median ms: " + ", ".join(f"{name} {medians[name]:.1f}" for name in stages if name in medians))
    share = (medians["node_points"] + medians["pruning_points"]) / options.resolution**3
    print(f"points evaluated: {100 * share:.1f} % of the lattice; {medians['ratio']:.1f} times faster than dense")
    differing = [row["code"] for row in rows if not row["same"] or not row["watertight"]]
    print(
        f"{len(rows) - len(differing)} of {len(rows)} surfaces equal the dense ones"
        + (f": not {differing}" * bool(differing))
    )
    results = {
        "model": str(options.model),
        "resolution": options.resolution,
        "device": str(model.device),
        "machine": f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads",
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "lipschitz": used.as_dict() | {"measured": measured.as_dict(), "seconds": measuring},
        "medians": medians,
        "all_equal": not differing,
        "codes": rows,
    }
    write_json(options.out, results)
    print(f"written: {options.out}")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
