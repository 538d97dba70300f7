"""From a slider to a mesh: time of each stage, against the published way in the same run, and whether it is the same.

    python benchmarks/live.py [--model M] [--resolutions N ...] [--precisions P ...] [--codes N] [--compared N]
                              [--device D] [--json FILE.json]

Codes are drawn along all principal directions of the training codes, within 2.5 standard deviations; figures are
medians over them. *Change* is from a new shape code to the posed mesh in host memory, *pose* the same for a new pose
code of a known shape; both are timed as a caller sees them. The stages are timed in calls of their own, because that
takes waiting for the device after each. Precisions: `float32` decides what becomes a vertex in full precision and sorts
out the rest in half precision where the hardware is fast at that, `tf32` is the same with products of 10 bits, and
`half` runs in half precision only, as previews do.

The published way evaluates the decoder in float32 at every node of the grid, in chunks of 500,000 points, contours
with PyMCubes (or scikit-image) and moves all vertices by the pose decoder. Missed and extra cells are those whose
corners have both signs on one grid but not the other: the sparse one of each precision, and the dense one in float32.

Dense grids are costly: `--compared` codes are compared at 256^3 on a GPU and 64^3 on a CPU, the eighth of them at
twice the resolution, all below. Exits 1 where a surface in float32 has other cells than the dense grid, or where any
surface is not closed and outward.
"""

import argparse
import platform
import resource
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.checkpoint import load_model
from engine.device import describe_device, resolve_device
from engine.files import write_json
from engine.geometry.mesh import Mesh
from engine.latent.code_space import CodeSpace
from engine.model import NeuralParametricModel
from engine.surface import extract
from engine.surface.contour import contour_cells
from engine.surface.extract import dense_field, pose_vertices
from engine.surface.folded import SignedDistance, half_type
from engine.surface.lipschitz import lipschitz_bounds
from engine.surface.octree import surface_cells
from npm_studio.resources import demo_model

RESOLUTIONS = {"cpu": (64, 128, 256), "cuda": (64, 128, 256, 512, 1024)}
PRECISIONS = {"cpu": ("float32", "half"), "cuda": ("float32", "tf32", "half")}
# the resolution at which all `--compared` codes meet the dense grid
COMPARED_AT = {"cpu": 64, "cuda": 256}
CHUNK = 500_000
LIMIT = 2.5
WARM_UP = 3
STAGES = ("fold", "prune", "corners", "search", "contour", "copy")


@dataclass(frozen=True, eq=False)
class Codes:
    """A shape code (Cs,) and a pose code (Cp,), None for models without poses."""

    shape: Tensor
    pose: Tensor | None


def draw_codes(model: NeuralParametricModel, count: int, seed: int) -> list[Codes]:
    """Random codes, normally distributed and within `LIMIT` standard deviations along every direction."""
    generator = torch.Generator().manual_seed(seed)

    def draw(known: Tensor) -> Tensor:
        space = CodeSpace.from_codes(known.cpu())
        steps = torch.randn(count, len(space.scales), generator=generator).clamp(-LIMIT, LIMIT)
        return space.code(steps).to(model.device)

    shapes = draw(model.shape_codes)
    poses = draw(model.pose_codes) if model.has_pose and model.pose_codes is not None else [None] * count
    return [Codes(shape, pose) for shape, pose in zip(shapes, poses, strict=True)]


@contextmanager
def precision_of_products(name: str) -> Iterator[bool]:
    """Float32 products as ``name`` says; gives whether hidden layers run in half precision."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")
    try:
        yield name == "half"
    finally:
        torch.set_float32_matmul_precision(before)


class Clock:
    """Seconds since the last look, after all work of a device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.lap()

    def lap(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        elapsed, self._last = now - getattr(self, "_last", now), now
        return elapsed


def change(model: NeuralParametricModel, codes: Codes, resolution: int, half: bool) -> dict[str, float]:
    """Milliseconds from a new shape code to a posed mesh in host memory, and from a new pose code alone."""
    clock = Clock(model.device)
    mesh = extract.extract_surface(model, codes.shape, resolution, half)
    surface = clock.lap()
    if codes.pose is None:
        return {"change": 1000 * surface}
    pose_vertices(model, codes.shape, codes.pose, mesh.vertices, half)
    pose = clock.lap()
    return {"change": 1000 * (surface + pose), "pose_change": 1000 * pose}


@dataclass(frozen=True, eq=False)
class Stages:
    """What `extract_surface` does, one stage after the other."""

    milliseconds: dict[str, float]
    points: int
    """Evaluated, in all."""
    cells: Tensor
    """(A, 3) with both signs."""
    mesh: Mesh


def run_stages(model: NeuralParametricModel, codes: Codes, resolution: int, half: bool) -> Stages:
    """`extract_surface` with a clock around everything that it calls.

    *fold* prepares the decoder, *prune* evaluates the centres of blocks and *corners* nodes of the grid, *search* is
    what else finding the cells takes, and *copy* brings the mesh to the host.
    """
    seconds = dict.fromkeys(STAGES, 0.0)
    points, found = 0, [torch.empty(0, 3)]

    class TimedDistance(SignedDistance):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            clock = Clock(model.device)
            super().__init__(*arguments, **named)
            seconds["fold"] += clock.lap()

        def __call__(self, at: Tensor, *arguments: Any) -> Tensor:
            nonlocal points
            stage = "corners" if are_nodes(at, resolution) else "prune"
            clock = Clock(model.device)
            values = super().__call__(at, *arguments)
            seconds[stage] += clock.lap()
            points += len(at)
            return values

    def timed_search(*arguments: Any, **named: Any) -> Any:
        clock = Clock(model.device)
        cells, values = surface_cells(*arguments, **named)
        seconds["search"] += clock.lap() - seconds["prune"] - seconds["corners"]
        found[0] = cells
        return cells, values

    def timed_contour(*arguments: Any, **named: Any) -> Mesh:
        clock = Clock(model.device)
        mesh = contour_cells(*arguments, **named)
        seconds["contour"] += clock.lap()
        on_device = [torch.from_numpy(array).to(model.device) for array in (mesh.vertices, mesh.faces)]
        clock.lap()
        for array in on_device:
            array.cpu()
        seconds["copy"] += clock.lap()
        seconds["contour"] -= seconds["copy"]
        return mesh

    with (
        patch.object(extract, "SignedDistance", TimedDistance),
        patch.object(extract, "surface_cells", timed_search),
        patch.object(extract, "contour_cells", timed_contour),
    ):
        mesh = extract.extract_surface(model, codes.shape, resolution, half)
    return Stages({name: 1000 * value for name, value in seconds.items()}, points, found[0], mesh)


def are_nodes(points: Tensor, resolution: int) -> bool:
    """Whether ``points`` (P, 3) are nodes of the grid; the centres of blocks lie between nodes, but for a few."""
    nodes = (points[:1000] + 0.5) * (resolution - 1)
    return bool((nodes - nodes.round()).abs().mean() < 0.1)


def published_way(model: NeuralParametricModel, codes: Codes, resolution: int) -> dict[str, float]:
    """Milliseconds of the dense grid, PyMCubes and posing, all in float32."""
    clock = Clock(model.device)
    line = torch.linspace(-0.5, 0.5, resolution, device=model.device)
    field = np.empty(resolution**3, np.float32)
    with torch.no_grad():
        for start in range(0, resolution**3, CHUNK):
            index = torch.arange(start, min(start + CHUNK, resolution**3), device=model.device)
            nodes = torch.stack((index // resolution**2, index // resolution % resolution, index % resolution), dim=1)
            values = model.sdf(codes.shape[None], line[nodes][None])[0]
            field[start : start + CHUNK] = values.cpu().numpy()
        evaluated = clock.lap()
        vertices = marching_cubes(field.reshape(3 * (resolution,))) / (resolution - 1) - 0.5
        contoured = clock.lap()
        if codes.pose is not None:
            for start in range(0, len(vertices), CHUNK):
                points = torch.from_numpy(vertices[start : start + CHUNK]).float().to(model.device)
                model.pose(codes.shape[None], codes.pose[None], points[None])[0].cpu()
    posed = clock.lap()
    seconds = {"field": evaluated, "contour": contoured, "pose": posed, "total": evaluated + contoured + posed}
    return {name: 1000 * value for name, value in seconds.items()}


def marching_cubes(field: NDArray[np.float32]) -> NDArray[np.float64]:
    """Vertices (V, 3) of the zero level of ``field`` (N, N, N), in nodes; both libraries make triangles, too."""
    try:
        import mcubes
    except ImportError:
        from skimage import measure

        return np.asarray(measure.marching_cubes(field, 0.0)[0], np.float64)
    return np.asarray(mcubes.marching_cubes(field, 0.0)[0], np.float64)


def crossed_cells(field: Tensor) -> Tensor:
    """Cells of ``field`` (N, N, N) whose corners have both signs: keys (A,) as in `cell_keys`, ascending."""
    some = every = field < 0
    for axis in range(3):
        low, high = (0, field.shape[axis] - 1), (1, field.shape[axis] - 1)
        some = some.narrow(axis, *low) | some.narrow(axis, *high)
        every = every.narrow(axis, *low) & every.narrow(axis, *high)
    return (some & ~every).flatten().nonzero()[:, 0]


def cell_keys(cells: Tensor, resolution: int) -> Tensor:
    """One number (A,) for each of ``cells`` (A, 3) of the grid of ``resolution`` nodes per axis."""
    x, y, z = cells.long().unbind(1)
    return (x * (resolution - 1) + y) * (resolution - 1) + z


def difference(found: Tensor, true: Tensor) -> dict[str, int]:
    """How many of the keys ``true`` are not ``found``, and the other way round."""
    return {
        "missed_cells": int((~torch.isin(true, found)).sum()),
        "extra_cells": int((~torch.isin(found, true)).sum()),
    }


def is_closed_and_outward(mesh: Mesh) -> bool:
    """Whether each edge is walked once in either direction, and the volume inside is positive."""
    faces = mesh.faces.astype(np.int64)
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    size = len(mesh.vertices)
    there, back = np.sort(start * size + end), np.sort(end * size + start)
    closed = bool(np.array_equal(there, back) and (there[1:] != there[:-1]).all())
    a, b, c = mesh.vertices.astype(np.float64)[faces].swapaxes(0, 1)
    return closed and float(np.einsum("ij,ij->", a, np.cross(b, c))) > 0


def compared_codes(count: int, resolution: int, device: torch.device) -> int:
    """How many codes meet the dense grid of ``resolution``, where ``count`` do at the device's usual one."""
    share = (COMPARED_AT[device.type] / resolution) ** 3
    return int(count * min(1.0, share))


def median_of(rows: list[dict[str, float]]) -> dict[str, float]:
    """Median of each column."""
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]} if rows else {}


def measure(
    model: NeuralParametricModel, codes: list[Codes], resolution: int, precision: str, dense: list[Tensor]
) -> dict[str, Any]:
    """Everything about one resolution and precision; ``dense`` are the crossed cells (A,) of the first codes."""
    with precision_of_products(precision) as half:
        for one in codes[:WARM_UP]:  # compiles, and finds the fastest kernels
            change(model, one, resolution, half)
        start_counting_memory(model.device)
        changes = median_of([change(model, one, resolution, half) for one in codes])
        memory = peak_memory(model.device)
        stages = [run_stages(model, one, resolution, half) for one in codes]
    keys = (cell_keys(stage.cells, resolution) for stage in stages)
    cells = [difference(found, true) for found, true in zip(keys, dense, strict=False)]
    row: dict[str, Any] = {"resolution": resolution, "precision": precision, **changes}
    row["stages"] = median_of([stage.milliseconds for stage in stages])
    row["points"] = statistics.median(stage.points for stage in stages)
    row["share_of_grid"] = row["points"] / resolution**3
    row["vertices"] = statistics.median(len(stage.mesh.vertices) for stage in stages)
    row["triangles"] = statistics.median(len(stage.mesh.faces) for stage in stages)
    row["not_closed_or_outward"] = sum(not is_closed_and_outward(stage.mesh) for stage in stages)
    row["compared"] = len(cells)
    if cells:
        row |= {name: sum(one[name] for one in cells) for name in cells[0]}
        row["cells_of_dense"] = sum(len(true) for true in dense)
    return row | memory


def start_counting_memory(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> dict[str, float]:
    """Megabytes: of a GPU since counting started (Warp's are of the whole run), of a CPU process since its start."""
    if device.type == "cuda":
        import warp as wp

        warp_bytes = wp.get_mempool_used_mem_high(wp.device_from_torch(device))
        return {"peak_mb": torch.cuda.max_memory_allocated(device) / 1e6, "peak_warp_mb": warp_bytes / 1e6}
    return {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3}


HEADS = ("grid", "precision", "change", "pose", *STAGES)
HEADS += ("points", "share", "ratio", "missed", "extra", "of", "broken", "MB")


def table_line(row: dict[str, Any]) -> str:
    """One line under `HEADS`; milliseconds where nothing else is said."""
    stages = row["stages"]
    texts = [f"{row['resolution']}^3", row["precision"], f"{row['change']:.1f}"]
    texts.append(f"{row['pose_change']:.1f}" if "pose_change" in row else "-")
    texts += [f"{stages[name]:.1f}" for name in STAGES]
    texts += [f"{row['points']:.0f}", f"{100 * row['share_of_grid']:.2f}%"]
    texts.append(f"{row['ratio']:.1f}x" if "ratio" in row else "-")
    texts += [str(row.get(name, "-")) for name in ("missed_cells", "extra_cells", "cells_of_dense")]
    texts += [str(row["not_closed_or_outward"]), f"{row['peak_mb']:.0f}"]
    return format_line(texts)


def format_line(texts: list[str]) -> str:
    return " ".join(f"{text:>{max(len(head) + 1, 9)}}" for text, head in zip(texts, HEADS, strict=True))


def has_failed(row: dict[str, Any]) -> bool:
    """Whether a surface is not what it claims to be."""
    differs = row["precision"] == "float32" and row.get("missed_cells", 0) + row.get("extra_cells", 0) > 0
    return bool(differs or row["not_closed_or_outward"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=demo_model())
    parser.add_argument("--resolutions", type=int, nargs="+", metavar="N", help="default: as the device allows")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS["cuda"], metavar="P", help="likewise")
    parser.add_argument("--codes", type=int, default=50, metavar="N")
    parser.add_argument("--compared", type=int, default=20, metavar="N", help="codes compared with the dense grid")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    device = resolve_device(options.device)
    model = load_model(options.model, device)
    codes = draw_codes(model, options.codes, options.seed)
    bounds = lipschitz_bounds(model)
    machine = f"{describe_device(device)}, PyTorch {torch.__version__}, Python {platform.python_version()}"
    print(f"{options.model} on {machine}; medians of {len(codes)} codes, in milliseconds")
    slopes = ", ".join(f"{name} {value:.2f}" for name, value in bounds.as_dict().items())
    print(f"half is {str(half_type(device)).removeprefix('torch.')}; slope bounds: {slopes}")
    print(format_line(list(HEADS)), flush=True)
    marching_cubes(np.pad(np.full((2, 2, 2), -1, np.float32), 1, constant_values=1))  # imports
    rows: list[dict[str, Any]] = []
    published: dict[str, dict[str, float]] = {}
    for resolution in options.resolutions or RESOLUTIONS[device.type]:
        compared = codes[: compared_codes(options.compared, resolution, device)]
        with precision_of_products("float32"):
            dense = [
                crossed_cells(torch.from_numpy(dense_field(model, c.shape, resolution))).to(device) for c in compared
            ]
            slow = median_of([published_way(model, one, resolution) for one in compared])
        for precision in options.precisions or PRECISIONS[device.type]:
            row = measure(model, codes, resolution, precision, dense)
            if slow:
                row["ratio"] = slow["total"] / row["change"]
            rows.append(row)
            print(table_line(row), flush=True)
        if slow:
            published[str(resolution)] = slow
            figures = ", ".join(f"{name} {value:.0f}" for name, value in slow.items())
            print(f"{'':>9} published way ({len(compared)} codes): {figures}", flush=True)
    if options.json:
        results = {"model": str(options.model), "machine": machine, "codes": len(codes), "seed": options.seed}
        results |= {"lipschitz": bounds.as_dict(), "rows": rows, "published_way": published}
        write_json(options.json, results)
        print(f"written: {options.json}")
    failed = [f"{row['resolution']}^3 {row['precision']}" for row in rows if has_failed(row)]
    print(
        f"surfaces that are not what they claim: {', '.join(failed)}" if failed else "all surfaces are what they claim"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
