"""Tracking in the real application while a slider is dragged beside it: how long the window was held up.

    PYTHONPATH=benchmarks:. python benchmarks/track_window.py [--model M] [--seconds S] [--every-frame] [--json F.json]

On a virtual screen of its own the window tracks the demonstration at its own rate, forwards and backwards again and
again, while values of the first shape slider arrive at 60 Hz. Measured are, each for S seconds:

- in the workspace Explore, drawing switched off (`setUpdatesEnabled` of the window), because a software renderer takes
  most of the cores: times between two turns of the event loop while the slider moves and the track goes on; and the
  same in the workspace Fit, where every tracked frame is handed to VTK, while the slider moves unseen;
- in both with drawing, which is timed apart: durations of `paintGL`, and the times between turns less what was drawn in
  them;
- the same without a track, which is what the machine's other load costs.

Percentiles are those over time: how long something that comes at any moment, such as a key, has to wait for the event
loop. Frames that were tracked and dropped are counted, and how many cores other programs took meanwhile. Exits 1 when
without drawing the wait is above 100 ms at the 99.9th percentile, or nothing was tracked.
"""

import argparse
import os
import platform
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from application import Finest, open_window, own_screen, run_for, wait_until
from drag import HERTZ, Others

from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.sequences.depth_sequence import load_depth_sequence, save_depth_sequence
from engine.sequences.source_kind import Pace
from npm_studio.resources import demo_model, demo_sequence

if TYPE_CHECKING:
    from npm_studio.views.main_window import MainWindow

LONGEST_BLOCK_MS, AT = 100.0, 0.999
_REPEATS = 200


class Turns:
    """Times between turns of the event loop, and of each what was spent on drawing, ms."""

    def __init__(self, window: "MainWindow") -> None:
        from PyQt6.QtCore import QTimer

        self.gaps: list[float] = []
        self.drawing: list[float] = []
        self._drawn = 0.0
        self._kind = type(window.viewports.left.view)
        self._paint = paint = self._kind.paintGL

        def paint_and_note(view: Any) -> None:
            started = time.perf_counter()
            paint(view)
            self.drawing.append(1e3 * (time.perf_counter() - started))
            self._drawn += self.drawing[-1]

        self._kind.paintGL = paint_and_note
        self._before = time.perf_counter()
        self._timer = QTimer()
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._turn)
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()
        self._kind.paintGL = self._paint

    def _turn(self) -> None:
        now = time.perf_counter()
        self.gaps.append(1e3 * (now - self._before) - self._drawn)
        self._before, self._drawn = now, 0.0


def long_demo(folder: Path) -> Path:
    """The demonstration forwards and backwards many times, at its own rate."""
    demo = load_depth_sequence(demo_sequence())
    images = [demo.depth_m(index) for index in range(len(demo))]
    there_and_back = [*images, *images[-2:0:-1]]
    save_depth_sequence(folder, there_and_back, demo.camera, demo.camera_at(0), demo.frame_rate)
    depth, count = folder / "depth", len(there_and_back)
    names = sorted(path.name for path in depth.iterdir())
    for repeat in range(1, _REPEATS):
        for index, name in enumerate(names):
            (depth / f"{repeat * count + index:06d}{Path(name).suffix}").hardlink_to(depth / name)
    return folder


def dragging(window: "MainWindow", seconds: float) -> None:
    """Move the first shape slider to and fro for ``seconds``, 60 values a second."""
    from PyQt6.QtCore import QObject, Qt, pyqtSignal

    from npm_studio.views.workspaces.explore import ExploreWorkspace

    class Hand(QObject):
        moved = pyqtSignal(int)

    explore = window.workspace_of(ExploreWorkspace)
    slider, hand = explore.shape.sliders[0].slider, Hand()
    # signals of another thread wait in the queue of this one
    hand.moved.connect(slider.setValue, type=Qt.ConnectionType.QueuedConnection)  # type: ignore[call-arg]

    def act() -> None:
        started = time.perf_counter()
        for index in range(int(seconds * HERTZ)):
            time.sleep(max(0.0, started + index / HERTZ - time.perf_counter()))
            hand.moved.emit(abs(index * 5 % 600 - 300) - 150)

    slider.setSliderDown(True)
    mover = threading.Thread(target=act)
    mover.start()
    run_for(seconds)
    mover.join()
    slider.setSliderDown(False)


def measured(window: "MainWindow", is_drawn: bool, work: Callable[[], object]) -> dict[str, Any]:
    """Times in ms during ``work``."""
    window.setUpdatesEnabled(is_drawn)
    others, turns = Others(), Turns(window)
    work()
    turns.stop()
    window.setUpdatesEnabled(True)
    row = {"turns": len(turns.gaps), "others_cores": others.cores(), "longest_ms": max(turns.gaps)}
    row |= {f"loop_{100 * fraction:g}_ms": wait(turns.gaps, fraction) for fraction in (0.9, 0.99, AT)}
    if turns.drawing:
        row |= {f"drawing_{100 * fraction:g}_ms": quantile(turns.drawing, fraction) for fraction in (0.5, 0.99)}
    return row


def wait(gaps: list[float], fraction: float) -> float:
    """The wait for the next turn that is not exceeded at this ``fraction`` of all moments in ``gaps``, ms."""
    least, most, total = 0.0, max(gaps), sum(gaps)
    for _ in range(40):
        middle = 0.5 * (least + most)
        is_longer = sum(gap - middle for gap in gaps if gap > middle) > (1 - fraction) * total
        least, most = (middle, most) if is_longer else (least, middle)
    return most


def quantile(values: list[float], fraction: float) -> float:
    return sorted(values)[int(fraction * (len(values) - 1))]


def all_views(window: "MainWindow", seconds: float) -> dict[str, dict[str, Any]]:
    rows = {}
    for name in ("explore", "fit"):
        window.session.document.show_workspace(name)
        run_for(1.0)
        for drawn in (False, True):
            words = f"{name}, {'drawn' if drawn else 'not drawn'}"
            rows[words] = measured(window, drawn, lambda: dragging(window, seconds))
    return rows


def print_table(results: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Waits and drawing in ms, a line for each that was measured."""
    heads = ("90 %", "99 %", "99.9 %", "longest", "drawing", "99 %", "others")
    keys = ("loop_90_ms", "loop_99_ms", "loop_99.9_ms", "longest_ms", "drawing_50_ms", "drawing_99_ms")
    width = max(len(f"{when}: {name}") for when, rows in results.items() for name in rows) + 2
    print(" " * width + "".join(f"{head:>10}" for head in heads))
    for when, rows in results.items():
        for name, row in rows.items():
            cells = [f"{row[key]:.1f} ms" if key in row else "" for key in keys] + [f"{row['others_cores']:.2f}"]
            print(f"{when + ': ' + name:{width}}" + "".join(f"{cell:>10}" for cell in cells))


def main() -> int:
    from npm_studio.views.workspaces.fit import FitWorkspace

    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=demo_model())
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--every-frame", action="store_true", help="however late, instead of at its own rate")
    parser.add_argument("--json", type=Path, default=Path("out/benchmarks/track_window.json"))
    options = parser.parse_args()
    with own_screen() as folder:
        from npm_studio import bootstrap
        from npm_studio.session.jobs.tracking import TrackView, recording_on_show

        app = bootstrap.create_application()
        window = open_window()
        finest = Finest(window)
        window.files.open_model(options.model)
        wait_until(lambda: finest.is_newest, "the model")
        window.files.open_sequence(long_demo(folder / "demo"))
        fit = window.workspace_of(FitWorkspace)
        wait_until(lambda: fit.observation is not None, "the sequence")
        results: dict[str, Any] = {"alone": all_views(window, options.seconds)}
        tracking = fit.tracking
        shown: list[TrackView] = []
        tracking.advanced.connect(lambda: shown.extend([] if tracking.view is None else [tracking.view]))
        assert fit.observation is not None
        tracking.start(recording_on_show(fit.observation, Pace.EVERY if options.every_frame else Pace.LIVE))
        wait_until(lambda: len(shown) > 3, "the track")
        first, started = shown[-1], time.perf_counter()
        results["tracking"] = all_views(window, options.seconds)
        last, seconds = shown[-1], time.perf_counter() - started
        still_tracking = tracking.is_running
        if window.error is not None:
            sys.exit(window.error.details)
        tracking.discard()
        window.close_unasked()
        clean = window.clean_exit
        del app
    counts = {"tracked": last.frames - first.frames, "dropped": last.dropped - first.dropped, "lost": last.lost}
    latencies = sorted(1e3 * view.tracked.latency_s for view in shown[1:])
    print(f"{counts} of frames in {seconds:.0f} s; latency {latencies[len(latencies) // 2]:.0f} ms (median)")
    print_table(results)
    about = {"model": str(options.model), "machine": platform.machine(), "cores": os.cpu_count()}
    write_json(options.json, about | {"counts": counts, "seconds": seconds, "results": results})
    print(f"written: {options.json}")
    held = [row["loop_99.9_ms"] for name, row in results["tracking"].items() if "not drawn" in name]
    return 0 if clean and still_tracking and counts["tracked"] > 0 and max(held) <= LONGEST_BLOCK_MS else 1


if __name__ == "__main__":
    sys.exit(main())
