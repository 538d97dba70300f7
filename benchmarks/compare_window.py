"""A comparison of six sides in the real application: frames per second, what holds the window up, and memory.

    python benchmarks/compare_window.py [--seconds S] [--openings N] [--json FILE.json]

On a virtual screen of its own, the truth of the built-in depth sequence (20 frames) and five runs made of it are shown
in six linked views, drawn by the cores of this machine. Measured are
- how often all six views are drawn while one of them is turned at every turn of the event loop;
- how many different frames all six views draw while the sequence plays at 60 frames per second, the first time round,
  while it is read and measured, and from then on;
- with drawing switched off: the longest time between two turns of the event loop while errors are measured;
- what opening and leaving the comparison N times leaves behind: of VTK objects, threads and memory.
How much processor time of this program each drawing took, whatever the load, and how many cores other programs took
meanwhile is printed, too. Exits 1 when drawing all six views takes more than 200 ms of processor time, the event loop
was held up for more than 100 ms, or more than 2 % is left behind.
"""

import argparse
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from application import open_window, own_screen, run_for, wait_until
from drag import Others, undrawn
from leaks import MOST_GROWTH, compare

from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.methods.run import Run, RunInputs, frame_records, save_run
from engine.sequences.truth import load_truth
from npm_studio.resources import demo_sequence
from npm_studio.session.document.comparison import ComparisonState, SideSource

if TYPE_CHECKING:
    from npm_studio.views.main_window import MainWindow

MOST_PROCESSOR_MS, LONGEST_BLOCK_MS = 200.0, 100.0
SHIFTS_M = (0.005, 0.01, 0.02, 0.03, 0.05)


class Painted:
    """What each of six views drew."""

    def __init__(self, window: "MainWindow") -> None:
        self._views = {id(view.view): place for place, view in enumerate(window.viewports.views)}
        self.frames: list[list[int]] = [[] for _ in self._views]
        self._kind = type(window.viewports.left.view)
        self._paint = paint = self._kind.paintGL
        timeline = window.session.document.timeline

        def paint_and_note(view: Any) -> None:
            paint(view)
            if id(view) in self._views:
                self.frames[self._views[id(view)]].append(timeline.frame)

        self._kind.paintGL = paint_and_note

    def stop(self) -> None:
        self._kind.paintGL = self._paint

    @property
    def drawings(self) -> int:
        """Of the view that was drawn the least."""
        return min(len(frames) for frames in self.frames)

    @property
    def changes(self) -> int:
        """Frames of the sequence that the view that showed the fewest went through."""
        return min(1 + int((np.diff(frames) != 0).sum()) if frames else 0 for frames in self.frames)


def make_runs(folder: Path) -> tuple[Path, list[Path]]:
    """The built-in sequence, and runs whose meshes are its truth, moved."""
    recording = Path(shutil.copytree(demo_sequence(), folder / "sequence"))
    truth = load_truth(recording / "truth").meshes
    runs = []
    for shift in SHIFTS_M:
        meshes = truth.map(lambda _, vertices, shift=shift: vertices + np.float32(shift))  # type: ignore[misc]
        run = folder / f"{round(1000 * shift)} mm"
        save_run(Run(run, "npm", RunInputs(recording), meshes, frame_records(meshes), {"total": 1.0}))
        runs.append(run)
    return recording, runs


def open_six(window: "MainWindow", recording: Path, runs: list[Path]) -> None:
    """Six sides in six views, as soon as they can be seen."""
    from npm_studio.views.workspaces.compare import CompareWorkspace

    for run in runs:
        window.files.open_run(run)
        wait_until(lambda run=run: any(r.folder == run for r in window.session.document.runs), "a run")  # type: ignore[misc]
    window.session.document.set_comparison(six(recording, runs))
    window.session.document.show_workspace("compare")
    workspace = window.workspace_of(CompareWorkspace)
    wait_until(lambda: workspace.lineup is not None, "the comparison")


def six(recording: Path, runs: list[Path]) -> ComparisonState:
    sides = (*(SideSource("run", run.resolve()) for run in runs), SideSource("truth", recording.resolve()))
    return ComparisonState(sides, layout=6)


def while_running(window: "MainWindow", work: Callable[[], None]) -> dict[str, float]:
    """Drawings and changes per second of the slowest view."""
    painted, others, started, used = Painted(window), Others(), time.perf_counter(), time.process_time()
    work()
    seconds, used = time.perf_counter() - started, time.process_time() - used
    painted.stop()
    return {
        "drawings_per_s": painted.drawings / seconds,
        "frames_per_s": painted.changes / seconds,
        "processor_ms": 1e3 * used / max(painted.drawings, 1),
        "others_cores": others.cores(),
    }


def orbit(window: "MainWindow", seconds: float) -> None:
    """Turn the first view, and with it the others, whenever the window has time for it."""
    camera, until = window.viewports.left.view.camera, time.monotonic() + seconds

    def turned() -> bool:
        camera.Azimuth(1.5)
        return time.monotonic() > until

    wait_until(turned, "an orbit")


def play(window: "MainWindow", seconds: float) -> None:
    timeline = window.session.document.timeline
    timeline.set_frame_rate(60.0)
    timeline.play()
    run_for(seconds)
    timeline.pause()


def measure_again(window: "MainWindow") -> None:
    """The errors of all sides and frames, from the beginning."""
    from npm_studio.views.workspaces.compare import CompareWorkspace

    workspace = window.workspace_of(CompareWorkspace)
    workspace.open_again()
    errors = workspace.errors
    wait_until(lambda: workspace.errors is not errors, "sides opened again")
    wait_until(lambda: workspace.errors is not None and workspace.errors.is_complete, "errors")


def open_and_leave(window: "MainWindow", count: int) -> None:
    from npm_studio.views.workspaces.compare import CompareWorkspace

    workspace = window.workspace_of(CompareWorkspace)
    for _ in range(count):
        window.session.document.show_workspace("compare")
        wait_until(lambda: workspace.errors is not None and workspace.errors.is_complete, "errors")
        window.session.document.show_workspace("fit")
        run_for(0.02)


def main() -> int:
    from npm_studio.views.workspaces.compare import CompareWorkspace

    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each orbit and playback")
    parser.add_argument("--openings", type=int, default=20)
    parser.add_argument("--json", type=Path, default=Path("out/benchmarks/compare_window.json"))
    options = parser.parse_args()
    with own_screen() as folder:
        from npm_studio import bootstrap

        app = bootstrap.create_application()
        app.setQuitOnLastWindowClosed(False)
        window = open_window()
        recording, runs = make_runs(folder)
        open_six(window, recording, runs)
        results = {"playing, first time": while_running(window, lambda: play(window, options.seconds))}
        workspace = window.workspace_of(CompareWorkspace)
        wait_until(lambda: workspace.errors is not None and workspace.errors.is_complete, "errors")
        results["playing"] = while_running(window, lambda: play(window, options.seconds))
        results["turning"] = while_running(window, lambda: orbit(window, options.seconds))
        held = undrawn(window, lambda: measure_again(window))
        idle = undrawn(window, lambda: run_for(2.0))
        left = compare(lambda: open_and_leave(window, options.openings))
        if window.error is not None:
            sys.exit(window.error.details)
        window.close_unasked()
        clean = window.clean_exit
    for name, row in results.items():
        what = "drawings_per_s" if name == "turning" else "frames_per_s"
        used, others = (
            f"{row['processor_ms']:.0f} ms of processor time each",
            f"others took {row['others_cores']:.2f} cores",
        )
        print(f"{name:20} {row[what]:5.1f} per second in all six views, {used}; {others}")
    print(f"event loop held up   {held['event_loop_ms']:.0f} ms while measuring, {idle['event_loop_ms']:.0f} ms idle")
    for name, growth in left["growth"].items():
        counts = f"{left['before'][name]:.0f} → {left['after'][name]:.0f}"
        print(f"{options.openings} times opened: {name:16} {counts} ({growth:+.1%})")
    about = {"machine": platform.machine(), "cores": os.cpu_count(), "openings": options.openings}
    write_json(options.json, about | {"results": results, "measuring": held, "idle": idle, "left": left})
    print(f"written: {options.json}")
    slow = max(results[name]["processor_ms"] for name in ("playing", "turning")) > MOST_PROCESSOR_MS
    grown = max(left["growth"].values()) > MOST_GROWTH
    return int(slow or grown or held["event_loop_ms"] > LONGEST_BLOCK_MS or not clean)


if __name__ == "__main__":
    sys.exit(main())
