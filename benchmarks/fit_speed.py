"""How long a fit takes, from an opened recording to meshes in memory and as a command, and how that grows.

    python benchmarks/fit_speed.py [--recording FOLDER] [--model anny-full] [--device auto] [--repeats 5]
        [--frames 1000 2000] [--json FILE]

Measured of a recording of 640x480 pixels, a scene that is made beforehand where none is given (which needs the Anny
model), on the machine that is named:

- open to meshes: the recording is open, and `engine.methods.npm.sequence.fit_sequence` gives the meshes of all frames
  at `--resolution` in memory, with the method's defaults; median of the repeats after one that is not counted. Its
  parts by a clock that waits for the device.
- command: `npm-studio fit` in a process of its own, from its start to the finished run; median of the repeats after
  one that is not counted.
- growth (`--frames`): whole runs (`engine.methods.job.run_fit`) of the frames of the recording, forwards and backwards
  again and again with time stamps that go on, each in a process of its own that has fitted a few frames before. With
  the most memory that the process had resident, and that PyTorch held of the GPU.

The exit status is 1 when a bar is missed; bars are of a data-centre GPU and the larger model.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timing import synchronise

from engine.core.devices import describe_device, resolve_device
from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.core.progress import Progress
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel, MethodInputs, load_method
from engine.methods.npm.config import FitConfig
from engine.methods.npm.sequence import fit_sequence
from engine.methods.request import FitRequest
from engine.models.checkpoint import load_model
from engine.sequences.capture_options import AS_RECORDED
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.opening import open_subject
from engine.sequences.reader import registered_readers
from npm_studio.resources import model_path

Figures = dict[str, Any]
MESHES_S, COMMAND_S, GROWTH = 3.0, 8.0, 2.2
HOST_GB, GPU_GB, LARGE = 4.0, 12.0, 1000
"""Most memory, for recordings of up to as many frames."""
_WARM_UP_FRAMES = 8


class PartClock(Progress):
    """Seconds of each part of a fit, by its stages; waits for the device where one ends."""

    def __init__(self, device: torch.device) -> None:
        self.seconds: dict[str, float] = {}
        self._device, self._name, self._total = device, "", 0
        self._started = time.perf_counter()

    def stage(self, name: str, total: int) -> None:
        self._begin(name)
        self._total = total

    def advance(self, done: int, metrics: object = None) -> None:
        if self._name == "fit" and done == self._total:
            self._begin("confidence")  # which is no stage of its own

    def end(self) -> dict[str, float]:
        self._begin("")
        return self.seconds

    def _begin(self, name: str) -> None:
        synchronise(self._device)
        now = time.perf_counter()
        if self._name:
            self.seconds[self._name] = self.seconds.get(self._name, 0.0) + now - self._started
        self._name, self._started = name, now


def measure_meshes(sequence: DepthSequence, loaded: LoadedModel, config: FitConfig, repeats: int) -> Figures:
    """Seconds from an opened recording to meshes in memory, and those of the parts: medians."""
    device, rounds = loaded.model.device, []
    for _ in range(repeats + 1):
        with tempfile.TemporaryDirectory() as folder:
            synchronise(device)
            clock, started = PartClock(device), time.perf_counter()
            result = fit_sequence(sequence, MethodInputs(Path(folder), device, 0, loaded), config, clock)
            parts = clock.end()
            rounds.append(parts | {"total": time.perf_counter() - started})
        print(f"open to meshes: {rounds[-1]['total']:.2f} s", flush=True)
        vertices = len(result.meshes.read(0).vertices)
        del result
    counted = rounds[1:]
    medians = {name: statistics.median(each[name] for each in counted) for name in counted[0]}
    return {
        "seconds": medians.pop("total"),
        "parts": medians,
        "first": rounds[0]["total"],
        "all": [each["total"] for each in counted],
        "vertices": vertices,
    }


def measure_command(recording: Path, model: Path, device: str, fields: Sequence[str], repeats: int) -> Figures:
    """Seconds of the command in processes of its own, and of the parts that its run tells: medians."""
    seconds, runs = [], []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "npm_studio", "fit", str(recording), "--out", str(out)]
        command += ["--model", str(model), "--device", device, *fields]
        # a second start has its modules compiled, also where those of libraries cannot be written beside them
        compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(Path(folder) / "compiled")}
        environment = os.environ | compiled
        for _ in range(repeats + 1):
            started = time.perf_counter()
            finished = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
            seconds.append(time.perf_counter() - started)
            if not (out / "run.json").is_file():
                raise SystemExit(f"the command has failed:\n{finished.stderr}")
            runs.append(json.loads((out / "run.json").read_text()))
            print(f"command: {seconds[-1]:.2f} s", flush=True)
    timings = [run["timings"] for run in runs[1:]]
    parts = {name: statistics.median(each[name] for each in timings) for name in timings[0]}
    total = statistics.median(seconds[1:])
    verdict = runs[-1]["verdict"]
    return {"seconds": total, "first": seconds[0], "all": seconds[1:], "parts": parts, "verdict": verdict}


def repeated(sequence: DepthSequence, count: int) -> DepthSequence:
    """``count`` frames of ``sequence``, forwards and backwards again and again, with time stamps that go on."""
    last = len(sequence) - 1
    turn = np.arange(count) % max(1, 2 * last)
    rows = np.minimum(turn, 2 * last - turn) if last else np.zeros(count, int)
    interval = float(np.median(np.diff(sequence.times_s))) if last else 1 / 30
    names = tuple(f"{index:06d}" for index in range(count))
    return replace(
        sequence.subset(rows.tolist()), frame_names=names, times_s=interval * np.arange(count, dtype=np.float64)
    )


def measure_growth(options: argparse.Namespace, count: int) -> Figures:
    """A run of ``count`` frames, in a process of its own."""
    command = [sys.executable, __file__, "--recording", str(options.recording), "--model", options.model]
    command += ["--device", options.device, "--resolution", str(options.resolution), "--alone", str(count)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise SystemExit(f"{count} frames have failed:\n{finished.stderr}")
    figures: Figures = json.loads(finished.stdout.splitlines()[-1])
    return figures


def run_alone(sequence: DepthSequence, loaded: LoadedModel, config: FitConfig, count: int) -> Figures:
    """A run of ``count`` frames in this process, and the memory that it took."""
    method, device = load_method("npm"), loaded.model.device
    with tempfile.TemporaryDirectory() as folder:
        for frames in (min(_WARM_UP_FRAMES, len(sequence)), count):
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            request = FitRequest(method, config, repeated(sequence, frames), Path(folder) / "run", loaded)
            started = time.perf_counter()
            run = run_fit(request)
            seconds = time.perf_counter() - started
    unit = 1 if sys.platform == "darwin" else 1024
    gpu = torch.cuda.max_memory_reserved(device) if device.type == "cuda" else 0
    return {
        "frames": count,
        "seconds": seconds,
        "parts": dict(run.timings),
        "host_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9,
        "gpu_gb": gpu / 1e9,
    }


def make_recording(folder: Path) -> Path:
    """A scene of 100 frames of 640x480 pixels."""
    from dataclasses import asdict

    from external.scenes.plan import ScenePlan
    from npm_studio.batch.scenes import make_recording

    make_recording(folder / "scene", asdict(ScenePlan("walk-towards", 5, frames=100, distance=3.4)), "cpu")
    return folder / "scene"


def tell(figures: Figures) -> list[str]:
    """The figures in lines; says which bars are missed, and returns their names."""
    missed = []

    def bar(name: str, value: float, most: float, unit: str) -> str:
        if value > most:
            missed.append(name)
        return f"{name:34s} {value:7.2f} {unit:2s} (at most {most:g}: {'FAIL' if value > most else 'pass'})"

    print(f"{figures['machine']}, {figures['model']}, {figures['frames']} frames of {figures['size']}")
    if "meshes" in figures:
        meshes = figures["meshes"]
        print(bar("open to meshes", meshes["seconds"], MESHES_S, "s"))
        for name, seconds in meshes["parts"].items():
            print(f"  {name:32s} {seconds:7.3f} s")
        print(f"  not counted, the first            {meshes['first']:7.2f} s; {meshes['vertices']} vertices each")
    if "command" in figures:
        command = figures["command"]
        print(bar("command", command["seconds"], COMMAND_S, "s"))
        for name, seconds in command["parts"].items():
            print(f"  {name:32s} {seconds:7.3f} s")
        before = command["seconds"] - command["parts"]["total"]
        print(f"  start, opening and end            {before:7.3f} s; the first {command['first']:.2f} s")
    growth = figures.get("growth", [])
    for each in growth:
        parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in each["parts"].items())
        print(f"{each['frames']} frames: {each['seconds']:.2f} s ({parts})")
        if each["frames"] <= LARGE:
            print(bar(f"  host memory, {each['frames']} frames", each["host_gb"], HOST_GB, "GB"))
            print(bar(f"  GPU memory, {each['frames']} frames", each["gpu_gb"], GPU_GB, "GB"))
        else:
            print(f"  {each['host_gb']:.2f} GB of the host, {each['gpu_gb']:.2f} GB of the GPU")
    for few, many in pairwise(growth):
        most = GROWTH * many["frames"] / few["frames"] / 2
        print(bar(f"{many['frames']} frames against {few['frames']}", many["seconds"] / few["seconds"], most, "x"))
    return missed


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", type=Path, help="depth sequence folder; a scene is made when absent")
    parser.add_argument("--model", default="anny-full")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--resolution", type=int, default=256, help="grid of the meshes")
    parser.add_argument("--parts", nargs="*", default=["meshes", "command"], help="meshes, command, or neither")
    parser.add_argument("--frames", type=int, nargs="+", default=[], help="of whole runs, ascending")
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        options.recording = options.recording or make_recording(Path(folder))
        path = model_path(options.model)
        loaded = LoadedModel(path, load_model(path, resolve_device(options.device)))
        sequence = open_subject(options.recording, registered_readers(), AS_RECORDED, loaded.model)
        config = FitConfig(resolution=options.resolution)
        if options.alone is not None:
            print(json.dumps(run_alone(sequence, loaded, config, options.alone)))
            return 0
        figures: Figures = {
            "machine": describe_device(loaded.model.device),
            "model": path.stem,
            "frames": len(sequence),
            "size": f"{sequence.camera.width}x{sequence.camera.height}",
        }
        if "meshes" in options.parts:
            figures["meshes"] = measure_meshes(sequence, loaded, config, options.repeats)
        if "command" in options.parts:
            fields = ("--resolution", str(options.resolution))
            figures["command"] = measure_command(options.recording, path, options.device, fields, options.repeats)
        if options.frames:
            figures["growth"] = [measure_growth(options, count) for count in options.frames]
    missed = tell(figures)
    if options.json:
        write_json(options.json, figures)
    if missed:
        print(f"missed: {', '.join(name.strip() for name in missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
