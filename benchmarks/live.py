"""From a slider to a mesh: time of each stage, against the published way in the same run, and whether it is the same.

    python benchmarks/live.py [--model M] [--resolutions N ...] [--precisions P ...] [--codes N] [--compared N]
                              [--device D] [--json FILE.json]

Codes are drawn along all principal directions of the training codes, within 2.5 standard deviations; codes are
medians over them, over a fifth of them at 1024^3. *Change* is from a new shape code to the posed mesh in host memory,
*pose* the same for a new pose code of a known shape; both are timed as a caller sees them, after ten codes that load
kernels. The stages are timed in calls of their own, because that takes waiting for the device after each. Precisions:
`float32` decides what becomes a vertex in full precision (three products of TF32 where there are tensor cores) and
sorts out the rest in half precision where the hardware is fast at that, `tf32` is the same with products of 10 bits,
and `half` runs in half precision only, as previews do. Poses are computed in half precision on a GPU where that is
measured to be fine; *off* is what it moves vertices by, in millionths of the cube.

The published way evaluates the decoder in float32 at every node of the grid, in chunks of 500,000 points, contours
with PyMCubes (or scikit-image) and moves all vertices by the pose decoder. Missed and extra cells are those whose
corners have both signs on one grid but not the other: the sparse one of each precision, and the dense one in float32.

What matters most comes first, and the file is written anew after each line, so that a run may be stopped at any time:
first the times at all resolutions, then, on a GPU, what it and the host do during one change, then the dense grids.
These are costly: `--compared` codes are compared at 256^3 on a GPU and 64^3 on a CPU, the sixteenth of them at twice
the resolution, all below, and the published way is timed with two. Exits 1 where a surface in float32 has
other cells than the dense grid, or where any surface is not closed and outward.
"""

import argparse
import platform
import resource
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from dense_surface import (
    Clock,
    cell_keys,
    crossed_cells,
    difference,
    is_closed_and_outward,
    marching_cubes,
    published_way,
)
from device_profile import profile
from torch import Tensor

from engine.core.devices import describe_device, resolve_device, to_host
from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.geometry.mesh import Mesh
from engine.models.checkpoint import load_model
from engine.models.code_space import CodeSpace
from engine.models.model import NeuralParametricModel
from engine.surface import contour, extract
from engine.surface.contour import contour_cells
from engine.surface.extract import dense_field, pose_vertices
from engine.surface.folded import SignedDistance
from engine.surface.lipschitz import lipschitz_bounds
from engine.surface.octree import surface_cells
from engine.surface.precision import half_type
from npm_studio.resources import demo_model

RESOLUTIONS = {"cpu": (64, 128, 256), "cuda": (64, 128, 256, 512, 1024)}
PRECISIONS = {"cpu": ("float32", "half"), "cuda": ("float32", "tf32", "half")}
# the resolution at which all `--compared` codes meet the dense grid
COMPARED_AT = {"cpu": 64, "cuda": 256}
# above, a fifth of the codes has to do
ALL_CODES_UP_TO = 512
# codes whose stages are timed and whose surfaces are looked at, and that the published way is timed with, at most
STAGED, PUBLISHED = 20, 2
LIMIT = 2.5
WARM_UP = 10
KERNELS = 8
STAGES = ("fold", "prune", "corners", "exact", "search", "contour", "copy")


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


def change(model: NeuralParametricModel, codes: Codes, resolution: int, half: bool) -> dict[str, float]:
    """Milliseconds from a new shape code to a posed mesh in host memory, and from a new pose code alone."""
    clock = Clock(model.device)
    mesh = extract.extract_surface(model, codes.shape, resolution, half)
    surface = clock.lap()
    if codes.pose is None:
        return {"change": 1000 * surface}
    pose_vertices(model, codes.shape, codes.pose, mesh.vertices, half or None)
    pose = clock.lap()
    return {"change": 1000 * (surface + pose), "pose_change": 1000 * pose}


@dataclass(frozen=True, eq=False)
class Stages:
    """What `extract_surface` does, one stage after the other."""

    milliseconds: dict[str, float]
    points: dict[str, int]
    """Evaluated in each stage."""
    cells: Tensor
    """(A, 3) with both signs."""
    mesh: Mesh


def run_stages(model: NeuralParametricModel, codes: Codes, resolution: int, half: bool) -> Stages:
    """`extract_surface` with a clock around everything that it calls.

    *fold* prepares the decoder, *prune* evaluates the centres of blocks, *corners* nodes of the grid in half precision
    and *exact* nodes in full, *search* is what else finding the cells takes, and *copy* brings the mesh to the host.
    """
    seconds = dict.fromkeys(STAGES, 0.0)
    points, found = {"prune": 0, "corners": 0, "exact": 0}, [torch.empty(0, 3)]

    class TimedDistance(SignedDistance):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            clock = Clock(model.device)
            super().__init__(*arguments, **named)
            self._of_nodes = "corners" if arguments[2] else "exact"
            seconds["fold"] += clock.lap()

        def __call__(self, at: Tensor, *arguments: Any) -> Tensor:
            stage = self._of_nodes if are_nodes(at, resolution) else "prune"
            clock = Clock(model.device)
            values = super().__call__(at, *arguments)
            seconds[stage] += clock.lap()
            points[stage] += len(at)
            return values

    def timed_search(*arguments: Any, **named: Any) -> Any:
        clock = Clock(model.device)
        cells, values = surface_cells(*arguments, **named)
        seconds["search"] += clock.lap() - sum(seconds[name] for name in points)
        found[0] = cells
        return cells, values

    def timed_copy(*tensors: Tensor) -> Any:
        clock = Clock(model.device)
        arrays = to_host(*tensors)
        seconds["copy"] += clock.lap()
        return arrays

    def timed_contour(*arguments: Any, **named: Any) -> Mesh:
        clock = Clock(model.device)
        mesh = contour_cells(*arguments, **named)
        seconds["contour"] += clock.lap() - seconds["copy"]
        return mesh

    with (
        patch.object(extract, "SignedDistance", TimedDistance),
        patch.object(extract, "surface_cells", timed_search),
        patch.object(extract, "contour_cells", timed_contour),
        patch.object(contour, "to_host", timed_copy),
    ):
        mesh = extract.extract_surface(model, codes.shape, resolution, half)
    return Stages({name: 1000 * value for name, value in seconds.items()}, points, found[0], mesh)


def are_nodes(points: Tensor, resolution: int) -> bool:
    """Whether ``points`` (P, 3) are nodes of the grid; the centres of blocks lie between nodes, but for a few."""
    nodes = (points[:1000] + 0.5) * (resolution - 1)
    return bool((nodes - nodes.round()).abs().mean() < 0.1)


def compared_codes(count: int, resolution: int, device: torch.device) -> int:
    """How many codes meet the dense grid of ``resolution``, where ``count`` do at the device's usual one."""
    fraction = (COMPARED_AT[device.type] / resolution) ** 4
    return int(count * min(1.0, fraction))


def median_of(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Median of each column."""
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]} if rows else {}


def measure(model: NeuralParametricModel, codes: list[Codes], resolution: int, precision: str) -> dict[str, Any]:
    """Times of one resolution and precision, and whether the surfaces are whole."""
    codes = codes if resolution <= ALL_CODES_UP_TO else codes[: -(-len(codes) // 5)]
    with precision_of_products(precision) as half:
        for one in codes[:WARM_UP]:  # compiles, and finds the fastest kernels
            change(model, one, resolution, half)
        start_counting_memory(model.device)
        changes = median_of([change(model, one, resolution, half) for one in codes])
        memory = peak_memory(model.device)
        stages = [run_stages(model, one, resolution, half) for one in codes[:STAGED]]
    row: dict[str, Any] = {"resolution": resolution, "precision": precision, "codes": len(codes), **changes}
    row["stages"] = median_of([stage.milliseconds for stage in stages])
    row["points_of_stages"] = median_of([stage.points for stage in stages])
    row["points"] = statistics.median(sum(stage.points.values()) for stage in stages)
    row["share_of_grid"] = row["points"] / resolution**3
    row["vertices"] = statistics.median(len(stage.mesh.vertices) for stage in stages)
    row["triangles"] = statistics.median(len(stage.mesh.faces) for stage in stages)
    row["not_closed_or_outward"] = sum(not is_closed_and_outward(stage.mesh, model.device) for stage in stages)
    if codes[0].pose is not None:
        row["pose_off"] = max(
            pose_error(model, one, stage.mesh, half) for one, stage in zip(codes, stages, strict=False)
        )
    return row | memory


def pose_error(model: NeuralParametricModel, codes: Codes, mesh: Mesh, half: bool) -> float:
    """What posing as it is timed moves vertices by, against full precision."""
    assert codes.pose is not None
    posed, exact = (pose_vertices(model, codes.shape, codes.pose, mesh.vertices, way) for way in (half or None, False))
    return float(np.abs(posed - exact).max(initial=0))


def compare(
    model: NeuralParametricModel, codes: list[Codes], resolution: int, precision: str, dense: list[Tensor]
) -> dict[str, int]:
    """Cells of the surfaces of ``codes`` against ``dense``, the crossed cells (A,) of each."""
    with precision_of_products(precision) as half:
        found = [cell_keys(run_stages(model, one, resolution, half).cells, resolution) for one in codes]
    cells = [difference(*pair) for pair in zip(found, dense, strict=True)]
    sums = {name: sum(one[name] for one in cells) for name in cells[0]}
    return {"compared": len(cells), **sums, "cells_of_dense": sum(len(true) for true in dense)}


def profile_lines(model: NeuralParametricModel, codes: Codes, row: dict[str, Any]) -> Iterator[str]:
    """What a GPU and its host do during one change of ``row``, which gets the codes too."""
    with precision_of_products(row["precision"]) as half:
        seen = profile(lambda: change(model, codes, row["resolution"], half), model.device)
    row["profile"] = asdict(seen)
    yield (
        f"{row['resolution']}^3 {row['precision']}: GPU busy {seen.busy_ms:.2f} ms of {row['change']:.2f}, "
        f"{seen.launches} launches, {seen.waits} waits, {seen.copies} copies, {seen.allocations} allocations; "
        + ", ".join(f"{name} {count:.0f}" for name, count in row["points_of_stages"].items())
        + f" points, {row['vertices']:.0f} vertices"
    )
    for name, milliseconds, count in seen.kernels[:KERNELS]:
        yield f"{milliseconds:>12.3f} ms {count:>5}x  {name[:100]}"


def compare_with_dense(
    model: NeuralParametricModel,
    codes: list[Codes],
    rows: list[dict[str, Any]],
    results: dict[str, Any],
    tell: Callable[[str], None],
) -> None:
    """Add to ``rows``, all of one resolution, what the dense grid and the published way say about them."""
    resolution = rows[0]["resolution"]
    with precision_of_products("float32"):
        dense = [
            crossed_cells(torch.from_numpy(dense_field(model, one.shape, resolution)).to(model.device)) for one in codes
        ]
    for row in rows:
        row |= compare(model, codes, resolution, row["precision"], dense)
        tell(
            f"{resolution}^3 {row['precision']}: {row['missed_cells']} cells missed and {row['extra_cells']} extra "
            f"of {row['cells_of_dense']} in {row['compared']} surfaces"
        )
    with precision_of_products("float32"):
        slow = median_of([published_way(model, one.shape, one.pose, resolution) for one in codes[:PUBLISHED]])
    results["published_way"][str(resolution)] = slow
    for row in rows:
        row["ratio"] = slow["total"] / row["change"]
    tell(
        f"{resolution}^3 published way: "
        + ", ".join(f"{name} {value:.0f}" for name, value in slow.items())
        + "; as fast: "
        + ", ".join(f"{row['precision']} {row['ratio']:.0f}x" for row in rows)
    )


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


HEADS = ("grid", "precision", "change", "pose", *STAGES, "points", "share", "off", "broken", "MB")


def table_line(row: dict[str, Any]) -> str:
    """One line under `HEADS`; milliseconds where nothing else is said."""
    stages = row["stages"]
    texts = [f"{row['resolution']}^3", row["precision"], f"{row['change']:.1f}"]
    texts.append(f"{row['pose_change']:.1f}" if "pose_change" in row else "-")
    texts += [f"{stages[name]:.1f}" for name in STAGES]
    texts += [f"{row['points']:.0f}", f"{100 * row['share_of_grid']:.2f}%"]
    texts.append(f"{1e6 * row['pose_off']:.0f}" if "pose_off" in row else "-")
    texts += [str(row["not_closed_or_outward"]), f"{row['peak_mb'] + row.get('peak_warp_mb', 0):.0f}"]
    return format_line(texts)


def format_line(texts: list[str]) -> str:
    return " ".join(f"{text:>{max(len(head) + 1, 9)}}" for text, head in zip(texts, HEADS, strict=True))


def has_failed(row: dict[str, Any]) -> bool:
    """Whether a surface is not what it claims to be."""
    differs = row["precision"] == "float32" and row.get("missed_cells", 0) + row.get("extra_cells", 0) > 0
    return bool(differs or row["not_closed_or_outward"])


def main() -> int:
    prepare_process()
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
    results: dict[str, Any] = {"model": str(options.model), "machine": machine, "codes": len(codes)}
    results |= {"seed": options.seed, "lipschitz": bounds.as_dict(), "rows": rows, "published_way": {}}

    def tell(line: str) -> None:
        print(line, flush=True)
        if options.json:
            write_json(options.json, results)

    resolutions = options.resolutions or RESOLUTIONS[device.type]
    for resolution in resolutions:
        for precision in options.precisions or PRECISIONS[device.type]:
            rows.append(measure(model, codes, resolution, precision))
            tell(table_line(rows[-1]))
    for row in rows:
        if device.type == "cuda" and row["precision"] == "float32":
            for line in profile_lines(model, codes[0], row):
                tell(line)
    for resolution in resolutions:
        compared = codes[: compared_codes(options.compared, resolution, device)]
        if compared:
            compare_with_dense(model, compared, [r for r in rows if r["resolution"] == resolution], results, tell)
    failed = [f"{row['resolution']}^3 {row['precision']}" for row in rows if has_failed(row)]
    print(
        f"surfaces that are not what they claim: {', '.join(failed)}" if failed else "all surfaces are what they claim"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
