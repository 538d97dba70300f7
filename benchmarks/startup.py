"""Time until `npm-studio --help` has answered, against importing PyTorch, which it does without.

    python benchmarks/startup.py [--out FILE.json] [--repeats N]

Each figure is the median of the repeats, in processes of their own.
"""

import argparse
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

from engine.core.files import write_json

COMMANDS = {
    "npm-studio --help": [sys.executable, "-m", "npm_studio", "--help"],
    "npm-studio fit --help": [sys.executable, "-m", "npm_studio", "fit", "--help"],
    "python -c 'import torch'": [sys.executable, "-c", "import torch"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/startup.json"))
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    medians = {}
    for name, command in COMMANDS.items():
        seconds = []
        for _ in range(options.repeats):
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - started)
        medians[name] = statistics.median(seconds)
        print(f"{name:26s} {medians[name]:6.3f} s")
    write_json(options.out, {"machine": platform.machine(), "repeats": options.repeats, "seconds": medians})


if __name__ == "__main__":
    main()
