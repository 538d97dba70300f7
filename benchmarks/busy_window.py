"""How long the window's event loop is held up while a fit, a training and a drag share the machine.

    PYTHONPATH=benchmarks:. python benchmarks/busy_window.py [--seconds S] [--json FILE]

On a virtual screen of its own the window fits the built-in sequence in a thread and trains a small model in a process
of its own, while values of the first shape slider arrive at 60 Hz. Times are those of `track_window.py`: with drawing
switched off, and with it, which is timed apart; both also while nothing but the drag goes on. Exits 1 when without
drawing the wait is above 100 ms at the 99.9th percentile, or the fit or the training was not there to the end.
"""

import argparse
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from application import Finest, open_window, own_screen, run_for, wait_until
from drag import start_fit
from kill_window import PRESET, write_data
from track_window import AT, LONGEST_BLOCK_MS, dragging, measured, print_table

from engine.core.files import write_json
from engine.core.process import prepare_process
from npm_studio.resources import demo_model

LONG_PRESET = PRESET.replace("steps: 3000", "steps: 1000000")


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", type=Path, default=Path("out/benchmarks/busy_window.json"))
    options = parser.parse_args()
    results: dict[str, dict[str, Any]] = {}
    with own_screen() as folder:
        from npm_studio import bootstrap
        from npm_studio.session.jobs.training import TrainingChoice
        from npm_studio.views.workspaces.train import TrainWorkspace

        work = folder / "work"
        write_data(work)
        (work / "preset.yaml").write_text(LONG_PRESET)
        app = bootstrap.create_application()
        window = open_window()
        finest = Finest(window)
        window.files.open_model(demo_model())
        wait_until(lambda: finest.is_newest, "the model")

        def both() -> dict[str, dict[str, Any]]:
            return {
                words: measured(window, is_drawn, lambda: dragging(window, options.seconds))
                for words, is_drawn in (("not drawn", False), ("drawn", True))
            }

        results["the drag alone"] = both()
        out = work / "ellipsoids.npm"
        trainings = window.workspace_of(TrainWorkspace).trainings
        steps: list[float] = []
        trainings.advanced.connect(lambda _: steps.append(time.perf_counter()))
        trainings.start(TrainingChoice(work / "ellipsoids", str(work / "preset.yaml"), out, "cpu"), "anew")
        wait_until(lambda: len(steps) > 3, "the training")
        start_fit(window, folder)
        run_for(1.0)
        results["with fit and training"] = both()
        goes_on = window.session.is_fitting and trainings.is_running(out)
        if window.error is not None:
            sys.exit(window.error.details)
        window.close_unasked()
        clean = window.clean_exit
        del app
    print_table(results)
    write_json(options.json, {"machine": platform.machine(), "cores": os.cpu_count(), "results": results})
    print(f"written: {options.json}")
    held = results["with fit and training"]["not drawn"][f"loop_{100 * AT:g}_ms"]
    return 0 if clean and goes_on and held <= LONGEST_BLOCK_MS else 1


if __name__ == "__main__":
    sys.exit(main())
