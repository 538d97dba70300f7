"""What a long session leaves behind: VTK objects, threads and memory of the real application.

    python benchmarks/leaks.py [--model M] [--moves N] [--switches N] [--windows N] [--json FILE.json]

On a virtual screen of its own: random moves of the sliders, changes of the model, and windows opened and closed, each
with the model loaded. Every part is run in full three times; compared is the state after the third time with that after
the second, when caches are filled and everything is loaded that loads late. Objects and threads are counted after a
garbage collection; memory is what the process holds after giving free pages back to the system (`malloc_trim`). So that
holes between blocks in use do not count, blocks of a megabyte and more go back to the system at once (`mallopt`): with
the allocator's own choice, what the process holds goes up and down by 3 % while what is in use stays the same. Exits 1
when one of them grew by more than 2 %, or a window did not close cleanly.
"""

import argparse
import ctypes
import gc
import platform
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from application import Finest, open_window, own_screen, run_for, wait_until

from engine.core.files import write_json
from engine.core.process import prepare_process
from npm_studio.resources import demo_model

if TYPE_CHECKING:
    from npm_studio.views.main_window import MainWindow

MOST_GROWTH = 0.02
SURFACES = 10
"""More than are kept."""
M_MMAP_THRESHOLD = -3
"""Of `mallopt`, see `malloc.h`."""


def state() -> dict[str, float]:
    """Counts and megabytes, now: of memory the least of a few moments, as drawing takes some now and then."""
    from PyQt6.QtCore import QCoreApplication, QEvent
    from PyQt6.QtWidgets import QApplication

    memory = []
    for _ in range(3):  # a window that goes tells its slots to go, which takes another turn of the event loop
        for window in QApplication.topLevelWidgets():
            window.update()
        run_for(0.3)
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        gc.collect()
        if sys.platform == "linux":
            ctypes.CDLL(None).malloc_trim(0)
        memory.append(resident_mb())
    return {
        "vtk_objects": float(sum(vtk_objects().values())),
        "python_threads": float(threading.active_count()),
        "threads": float(len(list(Path("/proc/self/task").iterdir()))),
        "memory_mb": min(memory),
    }


def vtk_objects() -> Counter[str]:
    """Living VTK objects that Python knows of, by class."""
    from vtkmodules.vtkCommonCore import vtkObjectBase

    return Counter(type(thing).__name__ for thing in gc.get_objects() if isinstance(thing, vtkObjectBase))


def resident_mb() -> float:
    """Memory of the process that is not shared with files: resident, anonymous."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return float(line.split()[1]) / 1024
    raise RuntimeError("the system does not say how much memory this process holds")


def move_sliders(window: "MainWindow", count: int, chance: random.Random) -> None:
    """Random sliders to random values, some let go and waited for, most run over by the next.

    At the end the cache of surfaces is filled in the same way each time: what is kept with each takes megabytes.
    """
    from npm_studio.views.workspaces.explore import ExploreWorkspace

    finest = Finest(window)
    explore = window.workspace_of(ExploreWorkspace)
    sliders = [*explore.shape.sliders, *explore.pose.sliders]
    for index in range(count):
        slider = chance.choice(sliders).slider
        slider.setSliderDown(True)
        slider.setValue(chance.randint(-150, 150))
        run_for(0.02)
        slider.setSliderDown(False)
        if index % max(count // 20, 1) == 0:
            wait_until(lambda: finest.is_newest, "the fine mesh")
    for shape in range(SURFACES):
        explore.shape.sliders[0].slider.setValue(10 * shape)
        wait_until(lambda: finest.is_newest, "the fine mesh")
    finest.stop()


def switch_models(window: "MainWindow", model: Path, count: int) -> None:
    for _ in range(count):
        load(window, model)


def load(window: "MainWindow", model: Path) -> None:
    """Read ``model`` from disk, though it may be open, and wait for its fine mesh."""
    from engine.models.checkpoint import load_model
    from npm_studio.session.document.explorer import Explorer
    from npm_studio.session.model import preferred_device

    before, finest = window.session.document.model, Finest(window)
    window.files.open_model(model, lambda: Explorer(load_model(model, preferred_device())))
    wait_until(lambda: window.session.document.model is not before and finest.is_newest, "the model")
    if window.error is not None:
        sys.exit(window.error.details)
    finest.stop()


def open_and_close(model: Path, count: int) -> None:
    for _ in range(count):
        window = open_window()
        load(window, model)
        close(window)


def close(window: "MainWindow") -> None:
    window.close_unasked()
    if not window.clean_exit:
        sys.exit("a thread did not end with its window")
    window.deleteLater()


def compare(work: Callable[[], None]) -> dict[str, Any]:
    """State after the second and the third run of ``work``, and by how much each figure grew."""
    work()
    work()
    before, objects = state(), vtk_objects()
    work()
    after = state()
    growth = {name: after[name] / before[name] - 1 for name in before}
    return {"before": before, "after": after, "growth": growth, "new_objects": dict(vtk_objects() - objects)}


def one_window(model: Path, moves: int, switches: int) -> dict[str, dict[str, Any]]:
    """What slider moves and changes of the model leave behind in a window that stays open."""
    window, chance = open_window(), random.Random(0)
    load(window, model)
    results = {
        f"{moves} slider moves": compare(lambda: move_sliders(window, moves, chance)),
        f"{switches} model switches": compare(lambda: switch_models(window, model, switches)),
    }
    close(window)
    return results


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=demo_model())
    parser.add_argument("--moves", type=int, default=500)
    parser.add_argument("--switches", type=int, default=20)
    parser.add_argument("--windows", type=int, default=20)
    parser.add_argument("--json", type=Path, default=Path("out/benchmarks/leaks.json"))
    options = parser.parse_args()
    results: dict[str, dict[str, Any]] = {}
    if sys.platform == "linux":
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1 << 20)
    with own_screen():
        from npm_studio import bootstrap

        app = bootstrap.create_application()
        app.setQuitOnLastWindowClosed(False)
        results |= one_window(options.model, options.moves, options.switches)
        results[f"{options.windows} windows"] = compare(lambda: open_and_close(options.model, options.windows))
        leaking = [name for name, row in results.items() if max(row["growth"].values()) > MOST_GROWTH]
    print(f"{'':20} {'VTK objects':>16} {'threads':>12} {'of Python':>10} {'memory, MB':>18}")
    for name, row in results.items():
        a, b = row["before"], row["after"]
        pairs = [f"{a[key]:.0f} → {b[key]:.0f}" for key in ("vtk_objects", "threads", "python_threads", "memory_mb")]
        print(
            f"{name:20} {pairs[0]:>16} {pairs[1]:>12} {pairs[2]:>10} {pairs[3]:>12} ({row['growth']['memory_mb']:+.1%})"
        )
        if row["new_objects"]:
            print(f"{'':20} new: {row['new_objects']}")
    print(f"grown by more than {MOST_GROWTH:.0%}: {', '.join(leaking)}" if leaking else "nothing grew")
    write_json(options.json, {"model": str(options.model), "machine": platform.machine(), "results": results})
    print(f"written: {options.json}")
    return 1 if leaking else 0


if __name__ == "__main__":
    sys.exit(main())
