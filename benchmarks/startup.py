"""Time until `npm-studio --help` has answered, against importing PyTorch, which it does without; and until the window
shows its splash and the first body.

    python benchmarks/startup.py [--out FILE.json] [--repeats N] [--no-window]

Each figure is the median of the repeats, in processes of their own, with bytecode of all modules on disk as after an
installation. The window opens on a screen of its own (Xvfb), and with it the built-in model, as with `npm-studio gui`.
Its processor time says more than its time where other programs run on the machine.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

from application import own_screen

from engine.core.files import write_json

COMMANDS = {
    "npm-studio --help": [sys.executable, "-m", "npm_studio", "--help"],
    "npm-studio fit --help": [sys.executable, "-m", "npm_studio", "fit", "--help"],
    "python -c 'import torch'": [sys.executable, "-c", "import torch"],
}
WINDOW = """
import json, os, sys, time
from npm_studio.views.splash import Splash

began, seconds = float(os.environ["BEGAN"]), {}
enter = Splash.__enter__

def enter_and_note(splash):
    entered = enter(splash)
    splash.say("")
    seconds["splash"] = time.time() - began
    return entered

def watch(window):
    show(window)
    seconds["window"] = time.time() - began
    window.session.meshes_ready.connect(lambda _: QTimer.singleShot(0, lambda: end(window)))

def end(window):
    window.viewports.left.view.repaint()
    seconds["body"] = time.time() - began
    seconds["processor"] = time.process_time()
    pages = int(open("/proc/self/statm").read().split()[1])
    print(json.dumps({**seconds, "megabytes": pages * os.sysconf("SC_PAGE_SIZE") / 2**20}), flush=True)
    os._exit(0)

Splash.__enter__ = enter_and_note
from npm_studio import bootstrap
real = bootstrap._show_unexpected_errors

def hook(window):
    global show, QTimer
    from PyQt6.QtCore import QTimer
    show = type(window).show
    type(window).show = watch
    real(window)

bootstrap._show_unexpected_errors = hook
from npm_studio.cli.main import main
sys.exit(main(["gui"]))
"""
"""Notes seconds since the command was given, and ends with the first body drawn."""


def window_figures() -> dict[str, float]:
    """Of one start; the screen must be there."""
    command = [sys.executable, "-c", WINDOW]
    environment = {**os.environ, "BEGAN": repr(time.time())}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/startup.json"))
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--no-window", action="store_true", help="the command line alone")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the first start writes it
    medians = {}
    for name, command in COMMANDS.items():
        seconds = []
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # the second start counts
        for _ in range(options.repeats):
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - started)
        medians[name] = statistics.median(seconds)
        print(f"{name:26s} {medians[name]:6.3f} s")
    figures = {"machine": platform.machine(), "repeats": options.repeats, "seconds": medians}
    if not options.no_window:
        with own_screen():
            window_figures()  # the second start counts
            starts = [window_figures() for _ in range(options.repeats)]
        figures["window"] = {name: statistics.median(start[name] for start in starts) for name in starts[0]}
        for name, value in figures["window"].items():
            print(f"window: {name:18s} {value:8.2f} {'MB' if name == 'megabytes' else 's'}")
    write_json(options.out, figures)


if __name__ == "__main__":
    main()
