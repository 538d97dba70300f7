"""Dragging a shape slider in the real application: meshes shown, and how long the window was held up.

    python benchmarks/drag.py [--model M] [--values N] [--json FILE.json]

On a virtual screen of its own, 120 values of the first shape slider arrive at 60 Hz, once by themselves and once while
a depth sequence is fitted in the background. Counted are the distinct meshes that were drawn from the first value to
the last, those that were made but replaced by a newer one before the next drawing left out, and whether the mesh of the
newest value is the one that stays. How many cores other programs took meanwhile is printed, too.

The drag is repeated with drawing switched off (`setUpdatesEnabled` of the window), because a software renderer takes
most of the cores: what remains are the slider, the live thread, and handing its meshes to VTK. Measured are then
- the event loop: the longest time between two turns of a timer that fires at every turn of the loop;
- the interpreter: the longest time that a thread which sleeps for 1 ms at a time came too late, that is, how long
  another thread held the lock of the interpreter, or the machine was busy.
Both are also measured while nobody moves anything, which is what the machine's other load costs. Exits 1 when fewer
than 40 meshes (15 during a fit) are drawn, when the newest is not the last, or when the event loop was held up for more
than 100 ms.
"""

import argparse
import os
import platform
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from application import Finest, open_window, own_screen, run_for, screen_process, wait_until

from engine.core.files import write_json
from engine.core.process import prepare_process
from npm_studio.resources import demo_model, demo_sequence

if TYPE_CHECKING:
    from npm_studio.views.main_window import MainWindow

HERTZ = 60.0
FEWEST_MESHES = {"alone": 40, "during a fit": 15}
LONGEST_BLOCK_MS = 100.0


class LatenessProbe:
    """A thread that wants to run every millisecond."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self.late_ms: list[float] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> list[float]:
        self._stop.set()
        self._thread.join()
        return self.late_ms

    def _run(self) -> None:
        before = time.perf_counter()
        while not self._stop.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            self.late_ms.append(1e3 * (now - before) - 1.0)
            before = now


class TurnProbe:
    """Times between turns of the event loop."""

    def __init__(self) -> None:
        from PyQt6.QtCore import QTimer

        self.gaps_ms: list[float] = []
        self._before = time.perf_counter()
        self._timer = QTimer()
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._turn)
        self._timer.start()

    def stop(self) -> list[float]:
        self._timer.stop()
        return self.gaps_ms

    def _turn(self) -> None:
        now = time.perf_counter()
        self.gaps_ms.append(1e3 * (now - self._before))
        self._before = now


class Drawn:
    """Which meshes the left view drew, and how long it took each time."""

    def __init__(self, window: "MainWindow", shown: list[int]) -> None:
        self.generations: list[int] = []
        self.milliseconds: list[float] = []
        self._kind = type(window.viewports.left.view)
        self._paint = paint = self._kind.paintGL

        def paint_and_note(view: Any) -> None:
            started = time.perf_counter()
            paint(view)
            if view is window.viewports.left.view and shown:
                self.generations.append(shown[-1])
                self.milliseconds.append(1e3 * (time.perf_counter() - started))

        self._kind.paintGL = paint_and_note

    def stop(self) -> None:
        self._kind.paintGL = self._paint


class Others:
    """How many cores other programs took; those of this process and of its screen are its own."""

    def __init__(self) -> None:
        self._before = self._read()

    def cores(self) -> float:
        busy, own, seconds = (now - before for now, before in zip(self._read(), self._before, strict=True))
        return max(0.0, (busy - own) / seconds)

    def _read(self) -> tuple[float, float, float]:
        tick = os.sysconf("SC_CLK_TCK")
        every = [int(field) / tick for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        # user, nice, system, idle, iowait, irq, softirq, steal
        screen = Path(f"/proc/{screen_process()}/stat").read_text().rsplit(")", 1)[1].split()
        own = time.process_time() + (int(screen[11]) + int(screen[12])) / tick
        return sum(every) - every[3] - every[4], own, time.perf_counter()


def drag(window: "MainWindow", count: int) -> dict[str, Any]:
    """Move the first shape slider to ``count`` values, 60 a second, and let it go."""
    from PyQt6.QtCore import QObject, Qt, pyqtSignal

    from npm_studio.views.workspaces.explore import ExploreWorkspace

    class Hand(QObject):
        moved = pyqtSignal(int)

    explore = window.workspace_of(ExploreWorkspace)
    slider = explore.shape.sliders[0].slider
    shown: list[int] = []
    vertices: list[int] = []
    durations: list[float] = []

    def note(reply: Any) -> None:
        shown.append(reply.generation)
        vertices.append(len(reply.meshes[0].vertices))
        durations.append(reply.milliseconds)

    arrived: list[int] = []

    def move(value: int) -> None:
        slider.setValue(value)
        arrived.append(value)

    values = [round(-150 + 300 * index / (count - 1)) for index in range(count)]
    hand = Hand()
    # signals of another thread wait in the queue of this one
    hand.moved.connect(move, type=Qt.ConnectionType.QueuedConnection)  # type: ignore[call-arg]

    def act() -> None:
        started = time.perf_counter()
        for index, value in enumerate(values):
            time.sleep(max(0.0, started + index / HERTZ - time.perf_counter()))
            hand.moved.emit(value)

    finest, drawn, others = Finest(window), Drawn(window, shown), Others()
    window.session.meshes_ready.connect(note)
    first = window.session.latest_generation + 1
    slider.setSliderDown(True)
    slider.setValue(values[0] - 1)
    started = time.perf_counter()
    mover = threading.Thread(target=act)
    mover.start()
    wait_until(lambda: len(arrived) == count, "the slider")
    seconds = time.perf_counter() - started
    taken = others.cores()
    mover.join()
    slider.setSliderDown(False)
    meshes = len({generation for generation in shown if generation >= first})
    drawn_meshes = len({generation for generation in drawn.generations if generation >= first})
    released = time.perf_counter()
    wait_until(lambda: finest.is_newest, "the fine mesh")
    window.session.meshes_ready.disconnect(note)
    drawn.stop()
    return {
        "seconds": seconds,
        "meshes": meshes,
        "drawn": drawn_meshes,
        "drawing_ms": statistics.median(drawn.milliseconds or [0.0]),
        "median_ms": statistics.median(durations),
        "median_vertices": statistics.median(vertices[:meshes]),
        "newest_is_last": bool(shown and shown[-1] == window.session.latest_generation),
        "fine_after_ms": 1e3 * (time.perf_counter() - released),
        "others_cores": taken,
    }


def undrawn(window: "MainWindow", work: Callable[[], object]) -> dict[str, float]:
    """The longest waits in ms during ``work`` without drawing."""
    window.setUpdatesEnabled(False)
    turns, probe = TurnProbe(), LatenessProbe()
    work()
    gaps, late = turns.stop(), probe.stop()
    window.setUpdatesEnabled(True)
    return {"event_loop_ms": max(gaps), "interpreter_ms": max(late), "interpreter_99_ms": quantile(late, 0.99)}


def quantile(values: list[float], fraction: float) -> float:
    return sorted(values)[int(fraction * (len(values) - 1))]


def start_fit(window: "MainWindow", folder: Path) -> None:
    """Fit the built-in sequence, in the background, until it is cancelled."""
    from PyQt6.QtWidgets import QSpinBox

    from npm_studio.views.workspaces.fit import FitWorkspace

    sequence = Path(shutil.copytree(demo_sequence(), folder / "sequence"))
    window.files.open_sequence(sequence)
    fit = window.workspace_of(FitWorkspace)
    wait_until(lambda: fit.observation is not None and fit.can_fit, "the sequence")
    steps = fit.form.fields["steps"]
    assert isinstance(steps, QSpinBox)
    steps.setValue(5000)
    fit.start()
    wait_until(lambda: fit.fitting.status.stage == "fit" and fit.fitting.status.done > 1, "the fit")
    window.session.document.show_workspace("explore")


def measure(window: "MainWindow", count: int) -> dict[str, Any]:
    from npm_studio.views.workspaces.explore import ExploreWorkspace

    finest = Finest(window)
    explore = window.workspace_of(ExploreWorkspace)
    explore.reset_shape()
    wait_until(lambda: finest.is_newest, "the fine mesh")
    return {
        "drag": drag(window, count),
        "undrawn": undrawn(window, lambda: drag(window, count)),
        "idle": undrawn(window, lambda: run_for(2.0)),
    }


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=demo_model())
    parser.add_argument("--values", type=int, default=120)
    parser.add_argument("--json", type=Path, default=Path("out/benchmarks/drag.json"))
    options = parser.parse_args()
    results: dict[str, Any] = {}
    with own_screen() as folder:
        from npm_studio import bootstrap

        app = bootstrap.create_application()
        window = open_window()
        window.files.open_model(options.model)
        finest = Finest(window)
        wait_until(lambda: finest.is_newest, "the model")
        results["alone"] = measure(window, options.values)
        start_fit(window, folder)
        results["during a fit"] = measure(window, options.values)
        if window.error is not None:
            sys.exit(window.error.details)
        still_fitting = window.session.is_fitting
        window.close_unasked()
        clean = window.clean_exit
        del window, app
    heads = (
        "made",
        "drawn",
        "drawing",
        "each",
        "vertices",
        "newest",
        "fine",
        "others",
        "loop",
        "idle",
        "Python",
        "idle",
    )
    print(f"{'':14}" + "".join(f"{head:>9}" for head in heads))
    good = clean and still_fitting
    for name, row in results.items():
        moved, held, rest = row["drag"], row["undrawn"], row["idle"]
        cells = (
            str(moved["meshes"]),
            str(moved["drawn"]),
            f"{moved['drawing_ms']:.0f} ms",
            f"{moved['median_ms']:.0f} ms",
            f"{moved['median_vertices']:.0f}",
            "yes" if moved["newest_is_last"] else "NO",
            f"{moved['fine_after_ms']:.0f} ms",
            f"{moved['others_cores']:.2f}",
            f"{held['event_loop_ms']:.0f} ms",
            f"{rest['event_loop_ms']:.0f} ms",
            f"{held['interpreter_ms']:.0f} ms",
            f"{rest['interpreter_ms']:.0f} ms",
        )
        print(f"{name:14}" + "".join(f"{cell:>9}" for cell in cells))
        good &= moved["drawn"] >= FEWEST_MESHES[name] and moved["newest_is_last"]
        good &= held["event_loop_ms"] <= LONGEST_BLOCK_MS
    about = {"model": str(options.model), "machine": platform.machine(), "cores": os.cpu_count()}
    write_json(options.json, about | {"values": options.values, "results": results})
    print(f"written: {options.json}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
