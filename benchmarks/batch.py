"""Fits of a batch: two GPUs against one, or, where there is none, two workers against one on the cores.

``python benchmarks/batch.py [--fits 24] [--frames 20] [--most 2]``: the same fits of the built-in sequence in their own
folders, with one worker and with as many as ``--most``. The start of the workers, which takes as long whatever there
is to do, is not counted: seconds are from the first task that is begun to the last one that has ended.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from engine.core.process import prepare_process
from engine.core.progress import Progress
from engine.geometry.mesh import load_mesh
from engine.sequences.depth_sequence import load_depth_sequence, save_depth_sequence
from npm_studio.batch.fits import fit_tasks
from npm_studio.batch.log import FILE
from npm_studio.batch.manifest import read_manifest
from npm_studio.batch.running import run_tasks
from npm_studio.batch.task import TaskOutcome
from npm_studio.batch.workers import Workers, visible_gpus
from npm_studio.resources import demo_sequence


class Said(Progress):
    """Prints what is said of the workers."""

    def message(self, text: str) -> None:
        print(text, flush=True)


def write_manifest(folder: Path, fits: int, frames: int, model: str) -> Path:
    """A manifest of ``fits`` fits of the first ``frames`` frames of the built-in sequence, with a seed each."""
    demo = load_depth_sequence(demo_sequence())
    cut = folder / "recording"
    depths = [demo.depth_m(index) for index in range(min(frames, len(demo)))]
    save_depth_sequence(cut, depths, demo.camera, demo.camera_at(0), 10.0)
    path = folder / "fits.csv"
    lines = [f"recording,fit{index:03d},{model},{index}" for index in range(fits)]
    path.write_text("\n".join(["sequence,name,model,seed", *lines]) + "\n")
    return path


def measure(manifest: Path, out: Path, workers: int) -> float:
    """Seconds from the first fit that is begun to the last that has ended."""
    rows, wrong = read_manifest(manifest)
    assert not wrong, wrong
    outcomes: Sequence[TaskOutcome] = run_tasks(fit_tasks(rows, out), out, Workers(count=workers), Said())
    failed = [outcome for outcome in outcomes if outcome.state != "done"]
    assert not failed, failed[0].error
    times = [datetime.fromisoformat(json.loads(line)["time"]) for line in (out / FILE).read_text().splitlines()]
    return (max(times) - min(times)).total_seconds()


def farthest_mm(one: Path, other: Path) -> float:
    """The largest distance between equal vertices of all meshes of two batches, millimetres; infinite where they differ
    in triangles."""
    farthest = 0.0
    for path in sorted(one.glob("fit*/meshes/*.ply")):
        first, second = load_mesh(path), load_mesh(other / path.relative_to(one))
        if first.vertices.shape != second.vertices.shape or not np.array_equal(first.faces, second.faces):
            return float("inf")
        farthest = max(farthest, 1000 * float(np.abs(first.vertices - second.vertices).max()))
    return farthest


def main() -> None:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=24)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--most", type=int, default=2, help="workers to compare with one")
    parser.add_argument("--model", default="anny-compact")
    options = parser.parse_args()
    gpus = visible_gpus()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        manifest = write_manifest(folder, options.fits, options.frames, options.model)
        seconds = {count: measure(manifest, folder / str(count), count) for count in (1, options.most)}
        difference = farthest_mm(folder / "1", folder / str(options.most))
    what = "GPUs" if len(gpus) >= options.most else "workers on one GPU" if gpus else "workers on the cores"
    for count, taken in seconds.items():
        print(f"{count} {what}: {options.fits} fits of {options.frames} frames in {taken:.1f} s")
    print(f"{options.most} {what} are {seconds[1] / seconds[options.most]:.2f} times as fast as one")
    print(f"meshes of both differ by at most {difference:.3g} mm")


if __name__ == "__main__":
    main()
