"""Depth images of bodies: ray casting of this project against what one would use instead, in the same run.

    python benchmarks/depth_rendering.py [--frames N] [--device D] [--out FILE.json]

The meshes are the true surfaces of the built-in depth sequence, the camera is the one of the published NPM code. Each
way starts from the vertices of a frame and ends with a depth image in memory, as the frames of a sequence demand.
Alternatives: trimesh with Embree (`pip install embreex`, left out where it is missing), Embree called directly, and
the depth buffer of VTK. Each figure is the median over the frames; a warm-up frame comes first. Images must agree but
for pixels on outlines; exits 1 when ray casting differs from Embree by more than 1 mm in more than 0.1 % of the pixels.
"""

import argparse
import importlib.util
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import warp as wp

from engine.core.devices import resolve_device
from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.geometry.camera import REFERENCE_CAMERA, front_camera_to_world, orbit
from engine.geometry.ray_casting import DepthRenderer
from engine.geometry.similarity import Similarity
from engine.sequences.depth_sequence import load_depth_sequence
from engine.sequences.truth import read_stored_truth
from npm_studio.reports.pictures.offscreen import require_offscreen_graphics
from npm_studio.resources import demo_sequence

SIMILARITY = Similarity(0.4)
TOLERANCE_M = 0.001
ALLOWED_FRACTION = 0.001
CAMERA = REFERENCE_CAMERA
POSE = front_camera_to_world(SIMILARITY)
Render = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Way:
    """From vertices (V, 3) in metres to depth images of ``views`` cameras."""

    render: Callable[[np.ndarray], Any]
    device: torch.device = torch.device("cpu")
    views: int = 1


def with_trimesh(faces: np.ndarray) -> Render:
    """`trimesh` finds the Embree bindings by itself."""
    import trimesh

    directions = (CAMERA.rays().reshape(-1, 3) @ POSE[:3, :3].T).astype(np.float64)
    origins = np.broadcast_to(POSE[:3, 3], directions.shape)

    def render(vertices: np.ndarray) -> np.ndarray:
        mesh = trimesh.Trimesh(vertices, faces, process=False)
        places, rays, _ = mesh.ray.intersects_location(origins, directions, multiple_hits=False)
        depth = np.zeros(len(directions), np.float32)
        depth[rays] = (places - POSE[:3, 3]) @ POSE[:3, 2]
        return depth.reshape(CAMERA.height, CAMERA.width)

    return render


def with_embree(faces: np.ndarray) -> Render:
    """The bindings alone: a scene per frame and one query for the distances of all rays."""
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene

    rays = np.ascontiguousarray(CAMERA.rays().reshape(-1, 3) @ POSE[:3, :3].T.astype(np.float32))
    origins = np.tile(POSE[:3, 3].astype(np.float32), (len(rays), 1))

    def render(vertices: np.ndarray) -> np.ndarray:
        scene = EmbreeScene()
        TriangleMesh(scene, vertices, faces)
        distances = scene.run(origins, rays, query="DISTANCE")
        distances[distances > 1e6] = 0  # rays have Z = 1, so distances are depths
        return distances.reshape(CAMERA.height, CAMERA.width)

    return render


def with_vtk(faces: np.ndarray) -> Render:
    """Rasterised; a window centre and an aspect ratio give VTK the principal point and both focal lengths."""
    require_offscreen_graphics()
    import pyvista

    plotter: Any = pyvista.Plotter(off_screen=True, window_size=(CAMERA.width, CAMERA.height), lighting="none")
    plotter.render_window.SetMultiSamples(0)
    surface = pyvista.PolyData.from_regular_faces(np.zeros((int(faces.max()) + 1, 3), np.float32), faces)
    plotter.add_mesh(surface, lighting=False, render=False)
    view = plotter.camera
    view.position, view.up = POSE[:3, 3], -POSE[:3, 1]
    view.focal_point = POSE[:3, 3] + POSE[:3, 2]
    view.view_angle = 2 * np.degrees(np.arctan(CAMERA.height / 2 / CAMERA.fy))
    view.SetWindowCenter(1 - 2 * CAMERA.cx / CAMERA.width, 2 * CAMERA.cy / CAMERA.height - 1)
    view.SetExplicitAspectRatio(CAMERA.width / CAMERA.fx * CAMERA.fy / CAMERA.height)
    view.SetUseExplicitAspectRatio(True)

    def render(vertices: np.ndarray) -> np.ndarray:
        surface.points = vertices
        view.clipping_range = (1.5, 5.5)
        plotter.render_window.Render()
        buffer = np.asarray(plotter.get_image_depth(fill_value=0.0, reset_camera_clipping_range=False))
        return np.maximum(-buffer, 0).astype(np.float32)

    plotter.show(auto_close=False)
    return render


def clock(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def times_ms(ways: Mapping[str, Way], frames: list[np.ndarray]) -> dict[str, list[float]]:
    """Milliseconds of each frame by each way; the ways take turns, so that other work on the machine is shared."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for vertices in [frames[0], *frames]:
        for name, way in ways.items():
            started = clock(way.device)
            way.render(vertices)
            times[name].append(1000 * (clock(way.device) - started))
    return {name: measured[1:] for name, measured in times.items()}


def differing_share(depth: np.ndarray, expected: np.ndarray) -> float:
    """Share of the pixels with a surface in either image where they differ by more than `TOLERANCE_M`."""
    seen = (depth > 0) | (expected > 0)
    return float((np.abs(depth - expected)[seen] > TOLERANCE_M).mean())


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=20, metavar="N")
    parser.add_argument("--device", default="auto", help="where else to render (default: auto)")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/depth_rendering.json"))
    options = parser.parse_args()
    device = resolve_device(options.device)
    sequence = load_depth_sequence(demo_sequence())
    meshes = list(read_stored_truth(sequence.root / "truth").meshes)[: options.frames]
    faces, frames = meshes[0].faces, [SIMILARITY.to_world(mesh.vertices) for mesh in meshes]

    ours, orbiting = DepthRenderer(faces, CAMERA), orbit(POSE, SIMILARITY, 4)
    ways = {
        "ray casting": Way(lambda vertices: ours.render(vertices, POSE)),
        "  4 views at once": Way(lambda vertices: ours.render(vertices, orbiting), views=4),
        "  4 views, correspondences": Way(lambda vertices: ours.trace(vertices, orbiting), views=4),
    }
    if device.type == "cuda":
        there = DepthRenderer(faces, CAMERA, device)
        ways["ray casting, CUDA"] = Way(lambda vertices: there.render(vertices, POSE), device)
        ways["  4 views, kept there"] = Way(lambda vertices: there.trace(vertices, orbiting), device, 4)
    if importlib.util.find_spec("embreex"):
        ways["trimesh with Embree"] = Way(with_trimesh(faces))
        ways["Embree alone"] = Way(with_embree(faces))
    else:
        print("embreex is not installed: without the Embree rows")
    ways["VTK depth buffer"] = Way(with_vtk(faces))

    print(f"{CAMERA.width}x{CAMERA.height} pixels, {len(faces)} triangles, median of {len(frames)} frames")
    print(f"{'way':<30}{'ms per image':>14}{'ratio':>8}{'differs':>10}")
    times = times_ms(ways, frames)
    expected = ways["ray casting"].render(frames[0])
    rows: dict[str, dict[str, float]] = {}
    for name, way in ways.items():
        milliseconds = statistics.median(times[name]) / way.views
        row = {"ms_per_image": milliseconds}
        row["ratio"] = milliseconds / rows["ray casting"]["ms_per_image"] if rows else 1.0
        text = ""
        if way.views == 1:
            row["differing_share"] = differing_share(way.render(frames[0]), expected)
            text = f"{100 * row['differing_share']:.3f} %"
        rows[name] = row
        print(f"{name:<30}{milliseconds:>14.2f}{row['ratio']:>8.2f}{text:>10}")
    report = {
        "benchmark": "depth_rendering",
        "width": CAMERA.width,
        "height": CAMERA.height,
        "triangles": len(faces),
        "frames": len(frames),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "logical_cpus": os.cpu_count(),
        "machine": platform.processor() or platform.machine(),
        "versions": {"python": platform.python_version(), "warp": wp.__version__, "torch": torch.__version__},
        "ways": rows,
    }
    write_json(options.out, report)
    print(f"written: {options.out}")
    exact = [rows[name]["differing_share"] for name in ("trimesh with Embree", "Embree alone") if name in rows]
    return 1 if max(exact, default=0.0) > ALLOWED_FRACTION else 0


if __name__ == "__main__":
    sys.exit(main())
