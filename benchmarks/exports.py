"""Time and memory of exports: long runs are written frame by frame.

    python benchmarks/exports.py [--frames N] [--json FILE]

Makes a run of a moving ball of 21,000 vertices, about as many as a body has at a resolution of 256, and exports it in
processes of their own, whose largest memory is taken. The alternative for PLY files is trimesh, which most scripts use:
the same meshes read and written one by one. A GLB file takes 500 frames at most; for more, some are left out.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from plain import measured

from engine.core.process import prepare_process
from engine.geometry.mesh import Mesh
from engine.methods.run import Run, RunInputs, frame_records, save_run
from engine.sequences.mesh_sequence import MeshSequence, regular_times

MOST_GB = 2.0
"""Of memory for 1000 frames as PLY."""
_WITH_TRIMESH = """
import sys, pathlib, trimesh
out = pathlib.Path(sys.argv[2])
out.mkdir()
for path in sorted(pathlib.Path(sys.argv[1], "meshes").iterdir()):
    trimesh.load(path, process=False).export(out / path.name)
"""
_REPORTING = (
    "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL).returncode; "
)
_REPORTING += "print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"


def make_run(folder: Path, frames: int) -> None:
    """A ball of waves that walks."""
    ball = trimesh.creation.uv_sphere(count=[145, 145])
    start, faces = np.asarray(ball.vertices, np.float32), np.asarray(ball.faces, np.int32)

    def read(index: int) -> Mesh:
        waves = 1 + 0.1 * np.sin(0.1 * index + 4 * start[:, [1, 2, 0]])
        return Mesh((start * waves + (0.01 * index, 1, 0)).astype(np.float32), faces)

    names = tuple(f"{index:06d}" for index in range(frames))
    meshes = MeshSequence("ball", names, regular_times(frames, 30.0), read, one_topology=True)
    save_run(Run(folder, "imported", RunInputs(folder), meshes, frame_records(meshes), {"total": 1.0}))


def timed(command: list[str]) -> dict[str, Any]:
    """Seconds and largest memory of ``command`` in a process of its own."""
    started = time.perf_counter()
    said = subprocess.run([sys.executable, "-c", _REPORTING, *command], capture_output=True, text=True, check=True)
    code, kilobytes = (int(word) for word in said.stdout.split()[-2:])
    assert code == 0, command
    return {"seconds": time.perf_counter() - started, "gigabytes": kilobytes / 1e6}


def measure(work: Path, frames: int) -> dict[str, Any]:
    make_run(work / "run", frames)
    step = str(-(-frames // 500))
    export = [sys.executable, "-m", "npm_studio", "export", str(work / "run"), "--out"]
    results = {
        "ply": timed([*export, str(work / "ply")]),
        "trimesh": timed([sys.executable, "-c", _WITH_TRIMESH, str(work / "run"), str(work / "trimesh")]),
        "pc2": timed([*export, str(work / "ball.pc2")]),
        "glb": timed([*export, str(work / "ball.glb"), "--every", step]),
    }
    for name, row in results.items():
        print(f"{name:8s}  {row['seconds']:6.1f} s  {row['gigabytes']:.3f} GB")
    ratio = results["trimesh"]["seconds"] / results["ply"]["seconds"]
    print(f"PLY files: {ratio:.1f} times as fast as trimesh; at most {MOST_GB:g} GB are wanted")
    return {"frames": frames, **results, "times_as_fast_as_trimesh": ratio}


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1000, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {options.frames} frames")
    results = measured(lambda work: measure(work, options.frames), options.json)
    return 2 if results is None else int(results["ply"]["gigabytes"] > MOST_GB)


if __name__ == "__main__":
    sys.exit(main())
