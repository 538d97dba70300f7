"""How fast a subject is tracked, how near, and how soon it is found again.

    PYTHONPATH=. python benchmarks/tracking.py --recording FOLDER [FOLDER ...] [--model anny-full] [--device auto]
        [--frames 300] [--json FILE]
    PYTHONPATH=. python benchmarks/tracking.py --scenes FOLDER --set test [--only NAME ...]

Without either, the built-in demonstration. Scenes are made where they are not on disk yet, which needs the Anny model;
recordings need nothing. Each is opened as `npm-studio fit` opens it. Measured:

- latency: from `push` to codes and pose of the subject on the host, no mesh, over the frames of the recording forwards
  and backwards again and again, with time stamps that go on, after the first ones in which everything is made ready.
  What can wait is done between frames and is not part of it; the rate with it is said beside.
- surface: mean distance of what was seen of the subject to the mesh, as `engine.methods.distances` measures it, of the
  track as it was told frame by frame (each mesh with the shape that was known then), of the same poses with the last
  shape, and of the offline fit; on the same pixels, those that the offline fit took for the subject. Where there is a
  truth, the mean distance of its vertices to the mesh.
- found again: frames that are lost after 10 frames without any depth, and after a jump. To the tracker the jump is one
  of 1 m and 90 degrees: from one frame to the next the camera is said to have moved by that about the subject, while
  the images go on, so that the subject is neither where nor as it is expected.

The exit status is 1 when a bar is missed; those of speed are of a data-centre GPU with the larger model, or of a CPU.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from plain import measured
from scenes import make_scenes

from engine.core.devices import describe_device, resolve_device
from engine.core.process import prepare_process
from engine.core.progress import Progress
from engine.geometry.camera import transform_points
from engine.geometry.mesh import Mesh
from engine.geometry.mesh_distance import MeshDistance
from engine.methods.distances import measure as measure_distances
from engine.methods.method import LoadedModel, MethodInputs
from engine.methods.npm.config import FitConfig
from engine.methods.npm.sequence import fit_sequence
from engine.models.checkpoint import load_model
from engine.models.model import NeuralParametricModel
from engine.sequences.capture_options import AS_RECORDED
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.depth_source import DepthFrame
from engine.sequences.mesh_sequence import MeshSequence
from engine.sequences.opening import open_subject
from engine.sequences.reader import registered_readers
from engine.sequences.truth import load_truth
from engine.surface.extract import extract_surface, pose_vertices
from engine.tracking.config import TrackerConfig
from engine.tracking.npm_tracker import NpmTracker
from engine.tracking.tracker import TrackedFrame
from npm_studio.resources import demo_sequence, model_path

Figures = dict[str, Any]
GPU_RATE, GPU_P95_MS, CPU_RATE = 60.0, 25.0, 5.0
TIMES_OFFLINE, SURFACE_MM, FOUND_WITHIN = 1.3, 14.0, 5
_WARM_UP = 10
_BLANK, _BEFORE, _AFTER = 10, 12, 12
_REACH_M = 0.2


def frames_of(sequence: DepthSequence, count: int | None = None) -> list[DepthFrame]:
    """``count`` frames of ``sequence``, forwards and backwards again and again, with time stamps that go on."""
    rows = list(range(len(sequence)))
    if count is not None:
        there_and_back = rows + rows[-2:0:-1]
        rows = [there_and_back[index % len(there_and_back)] for index in range(count)]
    step = float(np.median(np.diff(sequence.times_s))) if len(sequence) > 1 else 1 / 30
    images = {row: sequence.depth_m(row) for row in sorted(set(rows))}
    return [
        DepthFrame(
            sequence.frame_names[row],
            float(sequence.times_s[row]) if count is None else index * step,
            images[row],
            sequence.camera_at(row),
        )
        for index, row in enumerate(rows)
    ]


def pushed(tracker: NpmTracker, sequence: DepthSequence, frames: Sequence[DepthFrame]) -> Iterator[TrackedFrame]:
    """What ``tracker`` says of ``frames``; between them it does all that can wait."""
    tracker.start(sequence.camera, sequence.world, subject_alone=sequence.scene is not None)
    for frame in frames:
        yield tracker.push(frame)
        while tracker.improve():
            pass


def speed(tracker: NpmTracker, sequence: DepthSequence, count: int) -> Figures:
    """Latencies of ``count`` frames after the first ones."""
    frames = frames_of(sequence, count + _WARM_UP)
    clock, told = 0.0, []
    for index, tracked in enumerate(pushed(tracker, sequence, frames)):
        if index == _WARM_UP:
            clock = time.perf_counter()
        told.append(tracked)
    total = time.perf_counter() - clock
    ms = np.array([1000 * each.latency_s for each in told[_WARM_UP:]])
    median = float(np.median(ms))
    return {
        "first_ms": 1000 * told[0].latency_s,
        "median_ms": median,
        "p95_ms": float(np.quantile(ms, 0.95)),
        "max_ms": float(ms.max()),
        "frames_per_second": 1000 / median,
        "frames_per_second_with_improving": (len(ms) - 1) / total,
        "lost": sum(each.lost for each in told),
        "searched": sum(each.searched for each in told[1:]),
        "shape_versions": told[-1].shape_version,
        "graph": tracker.graph,
    }


def surface(sequence: DepthSequence, loaded: LoadedModel, inputs: MethodInputs, resolution: int) -> Figures:
    """Mean distances, millimetres, of the track and of the offline fit."""
    clock = time.perf_counter()
    offline = fit_sequence(sequence, inputs, FitConfig(resolution=resolution), Progress())
    seconds = time.perf_counter() - clock
    print(f"  offline fit: {seconds:.1f} s", flush=True)
    tracker = NpmTracker(loaded, TrackerConfig(resolution=resolution))
    told = list(pushed(tracker, sequence, frames_of(sequence)))
    track = tracker.finish(Progress(), sequence)
    subject = offline.subject or sequence
    kinds = {
        "told": told_meshes(loaded.model, told, sequence, resolution),
        "last_shape": track.meshes,
        "offline": offline.meshes,
    }
    figures: Figures = {"offline_seconds": seconds, "lost": sum(each.lost for each in told), "frames": len(told)}
    truth = None if sequence.truth_folder is None else load_truth(sequence.truth_folder).meshes
    for kind, meshes in kinds.items():
        means = [frame.mean_m for frame in measure_distances(meshes, subject).frames if frame.mean_m is not None]
        figures[f"{kind}_mm"] = 1000 * float(np.mean(means))
        if truth is not None and (off := truth_distance_m(meshes, truth, sequence)) is not None:
            figures[f"{kind}_truth_mm"] = 1000 * off
    return figures


def told_meshes(
    model: NeuralParametricModel, told: Sequence[TrackedFrame], sequence: DepthSequence, resolution: int
) -> MeshSequence:
    """Meshes of ``told`` frames as they were told, each with the shape of its time."""
    rest: dict[int, Mesh] = {}
    meshes = []
    for frame in told:
        shape, pose = (torch.from_numpy(code).to(model.device) for code in (frame.shape_code, frame.pose_code))
        if frame.shape_version not in rest:
            rest[frame.shape_version] = extract_surface(model, shape, resolution)
        surface = rest[frame.shape_version]
        local = model.info.similarity.to_world(pose_vertices(model, shape, pose, surface.vertices))
        meshes.append(Mesh(transform_points(frame.subject_to_world, local), surface.faces))
    return MeshSequence("told", sequence.frame_names, sequence.times_s, meshes.__getitem__, False)


def truth_distance_m(meshes: MeshSequence, truth: MeshSequence, sequence: DepthSequence) -> float | None:
    """Mean distance of the vertices of ``truth`` to ``meshes`` in frames of the same names; None without any.

    The truth of a scene stands before its camera: ``sequence`` says where that is.
    """
    distance_to, values = MeshDistance(), []
    for row, name in enumerate(meshes.frame_names):
        if (index := truth.index_of(name)) is not None:
            vertices: NDArray[np.floating] = truth.read(index).vertices.astype(np.float64)
            if truth.frame == "camera":
                vertices = transform_points(sequence.camera_at(row), vertices)
            values.append(float(distance_to(vertices, meshes.read(row), _REACH_M).mean()))
    return float(np.mean(values)) if values else None


def found_again(loaded: LoadedModel, sequence: DepthSequence) -> Figures:
    """Frames that are lost after 10 without depth, and after a jump of 1 m and 90 degrees."""
    frames = frames_of(sequence, _BEFORE + _AFTER)
    before, after = frames[:_BEFORE], frames[_BEFORE:]
    step = before[1].time_s - before[0].time_s if before[1].time_s and before[0].time_s is not None else 1 / 30
    nothing = np.zeros_like(before[-1].depth_m)
    blank = [replace(before[-1], depth_m=nothing, time_s=(_BEFORE + index) * step) for index in range(_BLANK)]
    later = [replace(frame, time_s=(_BEFORE + _BLANK + index) * step) for index, frame in enumerate(after)]
    tracker = NpmTracker(loaded, TrackerConfig())
    told = list(pushed(tracker, sequence, [*before, *blank, *later]))
    missing = [each.lost for each in told[-_AFTER:]]

    tracker = NpmTracker(loaded, TrackerConfig())
    tracker.start(sequence.camera, sequence.world, subject_alone=sequence.scene is not None)
    last = [tracker.push(frame) for frame in before][-1]
    jump = moved_about(last.subject_to_world[:3, 3])
    jumped = []
    for frame in after:
        assert frame.camera_to_world is not None
        jumped.append(tracker.push(replace(frame, camera_to_world=jump @ frame.camera_to_world)))
    apart = np.linalg.inv(last.subject_to_world) @ jumped[0].subject_to_world
    return {
        "after_missing": until_found(missing),
        "after_jump": until_found([each.lost for each in jumped]),
        "jumped_degrees": float(np.degrees(np.arccos(np.clip((np.trace(apart[:3, :3]) - 1) / 2, -1, 1)))),
    }


def moved_about(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rigid motion (4, 4) by 90 degrees about the vertical through ``place`` (3,) and 1 m across."""
    motion = np.eye(4)
    motion[:3, :3] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    motion[:3, 3] = place - motion[:3, :3] @ place + np.array([1.0, 0.0, 0.0])
    return motion


def until_found(lost: Sequence[bool]) -> int:
    """Frames until the first one that is not lost, 1 for the first; one more than there are if all are."""
    return next((number for number, is_lost in enumerate(lost, 1) if not is_lost), len(lost) + 1)


def measure(options: argparse.Namespace, work: Path) -> Figures:
    device = resolve_device(options.device)
    loaded = LoadedModel(options.model, load_model(options.model, device))
    inputs = MethodInputs(work, device, 0, loaded)
    folders = options.recording or [demo_sequence()]
    if options.scenes is not None:
        make_scenes(options)
        folders = sorted(path.parent for path in options.scenes.glob("*/scene.json"))
        folders = [path for path in folders if not options.only or path.name in options.only]
    print(f"{describe_device(device)}, {options.model.name}", flush=True)
    rows: dict[str, Figures] = {}
    for folder in folders:
        print(folder.name, flush=True)
        sequence = open_subject(folder, registered_readers(), AS_RECORDED, loaded.model)
        row: Figures = {"speed": speed(NpmTracker(loaded, TrackerConfig()), sequence, options.frames)}
        print("  " + line(row["speed"]), flush=True)
        row["found"] = found_again(loaded, sequence)
        print("  " + line(row["found"]), flush=True)
        if not options.speed_alone:
            row["surface"] = surface(sequence, loaded, inputs, options.resolution)
            print("  " + line(row["surface"]), flush=True)
        rows[folder.name] = row
    bars = against_bars(list(rows.values()), device.type)
    for bar in bars:
        print(f"{'passed' if bar['passed'] else 'MISSED'}  {bar['name']}: {bar['value']:.4g} (bar {bar['bar']:.4g})")
    return {"device": describe_device(device), "model": str(options.model), "recordings": rows, "bars": bars}


def line(figures: Figures) -> str:
    """In one line."""
    texts = (f"{value:.4g}" if isinstance(value, float) else str(value) for value in figures.values())
    return ", ".join(f"{name} {text}" for name, text in zip(figures, texts, strict=True))


def against_bars(rows: Sequence[Figures], device: str) -> list[Figures]:
    """What is asked of all recordings together."""

    def mean(part: str, name: str) -> float:
        return statistics.mean(row[part][name] for row in rows)

    rate = GPU_RATE if device == "cuda" else CPU_RATE
    checks = [("frames per second, median", mean("speed", "frames_per_second"), rate, False)]
    if device == "cuda":
        checks.append(("95 % within, ms", mean("speed", "p95_ms"), GPU_P95_MS, True))
    for name in ("after_missing", "after_jump"):
        checks.append((f"frames until found {name}", max(row["found"][name] for row in rows), FOUND_WITHIN, True))
    if all("surface" in row for row in rows):
        told, offline = mean("surface", "told_mm"), mean("surface", "offline_mm")
        checks.append(("surface, mm", told, SURFACE_MM, True))
        checks.append(("surface, times the offline fit's", told / offline, TIMES_OFFLINE, True))
    return [
        {"name": name, "value": value, "bar": bar, "passed": value <= bar if is_most else value >= bar}
        for name, value, bar, is_most in checks
    ]


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--scenes", type=Path, metavar="FOLDER", help="of scenes")
    parser.add_argument("--set", dest="scene_set", default="test", help="of the scenes that are made there")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="of these scenes alone")
    parser.add_argument("--people", type=Path, metavar="FILE", help="bodies of these scenes, by scene_people.py")
    parser.add_argument("--model", type=model_path, default=model_path("anny-full"))
    parser.add_argument("--frames", type=int, default=300, help="of which the latency is measured")
    parser.add_argument("--speed-alone", action="store_true", help="no surface distances, which need an offline fit")
    parser.add_argument("--resolution", type=int, default=128, help="grid of the meshes whose distance is measured")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = measured(lambda work: measure(options, work), options.json)
    if results is None:
        return 2
    return 0 if all(bar["passed"] for bar in results["bars"]) else 1


if __name__ == "__main__":
    sys.exit(main())
