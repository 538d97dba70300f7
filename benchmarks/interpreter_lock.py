"""How long the live lane keeps the interpreter's lock, without which the window cannot move.

    python benchmarks/interpreter_lock.py [--model M] [--device D] [--rounds N] [--json FILE.json]

Everything that the lane does is done in a thread, step by step. A watcher, another thread, sleeps for 1 ms at a time
and notes how late it gets on, and where the lane is then. The switch interval is 0.1 ms, so that a thread that waits
for the lock gets it between two byte codes: what remains is a single call that keeps the lock, or that the machine had
no core for the watcher. The first comes again in every round, the second does not, so of the longest waits of all
rounds the median counts. What the machine alone costs is the row "nothing": products of matrices, which keep no lock.
The row "the lock, 20 ms" sleeps with the lock in its hands, to show that the watcher sees it, but for 1 or 2 ms.

The first step loads kernels and happens once. Garbage collections keep the lock too, whoever causes them; they are off
while the steps are measured, and their duration is a row of its own. Exits 1 when a step keeps the lock for more than
10 ms in half of the rounds.
"""

import argparse
import ctypes
import gc
import itertools
import os
import platform
import statistics
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from engine.core.devices import resolve_device
from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.models.code_space import CodeSpace
from engine.surface.folded import SignedDistance, not_cancelled
from npm_studio.resources import demo_model
from npm_studio.session.document.explorer import Codes
from npm_studio.session.live.anchors import choose_anchors
from npm_studio.session.live.field import FINE_NODES, SlicePlane
from npm_studio.session.live.field_picture import paint_field
from npm_studio.session.live.level_set_projection import project_onto_level_set
from npm_studio.session.live.mesher import FINE_RESOLUTION, Mesher
from npm_studio.session.live.request import MeshRequest, Quality, make_posed_mesh
from npm_studio.session.model import open_model

LONGEST_MS = 10.0
CHECK = "the lock, 20 ms"
ROOT = Path(__file__).resolve().parents[1]
Step = Callable[[], object]


class Watcher:
    """A thread that wants to run every millisecond while ``thread`` works."""

    def __init__(self, thread: int) -> None:
        self.longest_ms, self.place = 0.0, ""
        self._lane, self._stop = thread, threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        self._ready.set()
        while not self._stop.is_set():
            before, own = time.perf_counter(), time.thread_time()
            time.sleep(0.001)
            late = 1e3 * (time.perf_counter() - before - (time.thread_time() - own)) - 1.0
            if late > self.longest_ms:
                self.longest_ms, self.place = late, place_of(sys._current_frames().get(self._lane))


def place_of(frame: FrameType | None) -> str:
    """The innermost line of this project in ``frame`` and those that called it."""
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT) and ".venv" not in path.parts:
            return f"{path.relative_to(ROOT)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def watched(step: Step) -> dict[str, Any]:
    """Duration of ``step`` and the longest wait of a watcher, in ms; done in a thread of its own."""
    found: dict[str, Any] = {}

    def act() -> None:
        with torch.no_grad():
            watcher = Watcher(threading.get_ident())
            started = time.perf_counter()
            step()
            found["ms"] = 1e3 * (time.perf_counter() - started)
            watcher.stop()
        found["held_ms"], found["place"] = watcher.longest_ms, watcher.place

    lane = threading.Thread(target=act)
    lane.start()
    lane.join()
    return found


def steps_of(mesher: Mesher, codes: list[Codes]) -> dict[str, Step]:
    """What the lane does, by name; every call of a step does it for other codes."""
    model, device = mesher._model, mesher._model.device
    turn = itertools.count()

    def fresh(posed: bool = True) -> Codes:
        one = codes[next(turn) % len(codes)]
        return one if posed else replace(one, pose=None)

    def make(one: Codes, quality: Quality, on: Mesher = mesher) -> object:
        return on.make(MeshRequest(1, (one,), True), quality, not_cancelled)

    known = fresh()
    make(known, Quality.FINE)
    mesh = next(reversed(mesher._surfaces.values())).mesh
    coarse = Mesher(model, 128)
    make(known, Quality.FINE, coarse)
    low = next(reversed(coarse._surfaces.values())).mesh
    distance = SignedDistance(model, known.shape)
    plane = SlicePlane(2, 0.0, (-0.4, -0.4, -0.4), (0.4, 0.4, 0.4))
    points = torch.from_numpy(plane.nodes(FINE_NODES).reshape(-1, 3)).to(device)
    values = distance(points).reshape(FINE_NODES, FINE_NODES).cpu().numpy()
    anchors = choose_anchors(mesh.vertices, 3000)
    matrices = torch.randn(2, 512, 512)

    def nothing() -> None:
        for _ in range(20):
            torch.mm(*matrices)

    def ahead() -> None:
        mesher.prefetch(MeshRequest(1, (known,), False, (replace(known, pose=fresh().pose),)), not_cancelled)

    keeping = ctypes.PyDLL(None)  # whose functions are called with the lock
    return {
        CHECK: lambda: keeping.usleep(20_000),
        "nothing": nothing,
        "new shape, 64^3": lambda: make(fresh(), Quality.FINE, Mesher(model, 64)),
        "new shape, 128^3": lambda: make(fresh(), Quality.FINE, Mesher(model, 128)),
        f"new shape, {FINE_RESOLUTION}^3": lambda: make(fresh(), Quality.FINE, Mesher(model)),
        "project onto the shape, 128^3": lambda: project_onto_level_set(distance, low, 1 / 127, device),
        "pose, all vertices": lambda: make(replace(known, pose=fresh().pose), Quality.FINE),
        "pose, preview": lambda: make(replace(known, pose=fresh().pose), Quality.PREVIEW),
        "pose, ahead": ahead,
        "choose anchors": lambda: choose_anchors(mesh.vertices, 3000),
        "spread anchors": lambda: anchors.spread(anchors.weights[: len(anchors.rows), :3]),
        "normals": lambda: make_posed_mesh(mesh.vertices, mesh),
        "field, fine": lambda: distance(points).cpu().numpy(),
        "field, picture": lambda: paint_field(values, plane.size, 0.1, 0.01),
    }


def random_codes(model: Any, count: int) -> list[Codes]:
    """Codes distributed like the training ones."""
    generator = torch.Generator().manual_seed(0)
    shapes = CodeSpace.from_codes(model.shape_codes.cpu())
    poses = None if model.pose_codes is None else CodeSpace.from_codes(model.pose_codes.cpu())
    return [
        Codes(shapes.random(generator, 16), None if poses is None else poses.random(generator, 16))
        for _ in range(count)
    ]


def collections() -> dict[str, Any]:
    """A full garbage collection, with nothing but the lane in memory."""
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        gc.collect()
        seconds.append(time.perf_counter() - started)
    held = 1e3 * statistics.median(seconds)
    return {"ms": held, "held_ms": held, "worst_ms": 1e3 * max(seconds), "place": f"{len(gc.get_objects())} objects"}


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=demo_model())
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, default=Path("out/benchmarks/interpreter_lock.json"))
    options = parser.parse_args()
    sys.setswitchinterval(1e-4)
    gc.disable()
    model = open_model(options.model).model.to(resolve_device(options.device))
    codes = random_codes(model, 4 * options.rounds)
    mesher = Mesher(model)
    first = watched(lambda: mesher.make(MeshRequest(1, (codes[0],), False), Quality.PREVIEW, not_cancelled))
    rows = {"first mesh": first | {"worst_ms": first["held_ms"]}}
    steps = steps_of(mesher, codes)
    seen: dict[str, list[dict[str, Any]]] = {name: [] for name in steps}
    for _ in range(options.rounds):
        for name, step in steps.items():
            seen[name].append(watched(step))
    for name, rounds in seen.items():
        ranked = sorted(rounds, key=lambda one: one["held_ms"])
        median = ranked[len(ranked) // 2]
        rows[name] = median | {
            "ms": statistics.median(one["ms"] for one in rounds),
            "worst_ms": ranked[-1]["held_ms"],
        }
    rows["garbage collection"] = collections()
    print(f"{'':26}{'takes':>10}{'holds':>10}{'worst':>10}  where")
    for name, row in rows.items():
        figures = "".join(f"{row[key]:>7.1f} ms" for key in ("ms", "held_ms", "worst_ms"))
        print(f"{name:26}{figures}  {row['place']}")
    about = {"model": str(options.model), "device": str(model.device), "machine": platform.machine()}
    write_json(options.json, about | {"cores": os.cpu_count(), "rounds": options.rounds, "steps": rows})
    print(f"written: {options.json}")
    blind = rows[CHECK]["held_ms"] < LONGEST_MS
    return int(blind or any(rows[name]["held_ms"] > LONGEST_MS for name in steps if name != CHECK))


if __name__ == "__main__":
    sys.exit(main())
