"""Training killed without warning (SIGKILL) at random moments and resumed each time: is what it leaves always whole?

    python benchmarks/resume_after_kill.py [--kills 20] [--steps N] [--seed S] [--json FILE]

A small shape stage on a CPU, in processes of its own, keeps a state every few steps. Moments are drawn from start-up
and from the steps; a run that reaches its end before it is killed is compared and the next one begins anew. After each
kill every state must be readable, the model, if there is one, must load, and the next process goes on from the newest
state. In the end each model must equal that of a run that nobody killed, bit for bit. Exits 1 where it is not so.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from engine.core.devices import describe_device
from engine.core.files import write_json
from engine.dataset.preparation.sdf_pools import prepare_pools
from engine.dataset.registered import load_registered_dataset
from engine.models.checkpoint import load_model
from engine.training.state import state_file, training_folder

EARLY = 0.3
"""Share of the moments that are drawn from the start-up of a process; the others come after its first state."""
ROOT = Path(__file__).parents[1]
PRESET = """
name: ellipsoids
shape:
  code_size: 8
  decoder: {width: 64, layers: 4, skip_layer: 2, full_width_skip: true, frequencies: 4}
  points_per_identity: 512
  schedule: {steps: 100, network_rate: 3.0e-3, warmup: 10}
pose:
  schedule: {steps: 100}
"""


@dataclass(frozen=True)
class TrainingRun:
    """One model in the making, by as many processes as it takes."""

    data: Path
    config: Path
    out: Path
    steps: int
    keep_every: int

    def words(self) -> list[str]:
        """Of the command line, behind `npm-studio`; goes on from the newest state, where there is one."""
        words = ["train", "shape", "--device", "cpu", "--config", str(self.config), "--data", str(self.data)]
        words += ["--out", str(self.out), "--shape.schedule.steps", str(self.steps)]
        words += ["--keep_every", str(self.keep_every)]
        steps = {step: path.name.split(".")[1] for path, step in self.states().items()}
        return words + (["--resume", steps[max(steps)]] if steps else [])

    def states(self) -> dict[Path, int]:
        """States on disk and their steps, less temporary files, which nobody reads.

        Raises:
            Exception: a state is damaged; which one depends on the damage.
        """
        return {path: int(torch.load(path, weights_only=True)["step"]) for path in self.state_files()}

    def state_files(self) -> list[Path]:
        return [path for path in training_folder(self.out).glob("*.state") if not path.name.startswith(".")]

    def kill_when(self, ready: Callable[[], bool]) -> bool:
        """Start a process and kill it as soon as ``ready``; False when it came to its end before.

        Raises:
            RuntimeError: it failed by itself.
        """
        command = [sys.executable, "-m", "npm_studio", *self.words()]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not ready():
            time.sleep(0.01)
        process.kill()
        code = process.wait()
        if code not in (0, -9):
            raise RuntimeError(f"`npm-studio train` failed with exit code {code}")
        return code != 0

    def finish(self) -> None:
        """Go on to the end."""
        if self.kill_when(lambda: False):
            raise RuntimeError("`npm-studio train` was killed by something else")


def differences(first: Path, second: Path) -> list[str]:
    """Names of the tensors in which two models without a pose part differ in any bit."""
    a, b = load_model(first), load_model(second)
    left, right = (model.shape_decoder.state_dict() | {"codes": model.shape_codes} for model in (a, b))
    names = [name for name in left.keys() | right.keys() if not torch.equal(left[name], right[name])]
    return sorted(names)


def moment(run: TrainingRun, delay: float, early: bool) -> Callable[[], bool]:
    """Whether ``delay`` seconds have passed since now, or else since the next process has written its first state."""
    before = len(run.state_files())
    since = [time.monotonic()] if early else []

    def come() -> bool:
        if not since and len(run.state_files()) > before:
            since.append(time.monotonic())
        return bool(since) and time.monotonic() >= since[0] + delay

    return come


def look_at(run: TrainingRun) -> dict[str, Any]:
    """What a killed process left: number of states, step of the newest, whether there is a model, and any damage."""
    found: dict[str, Any] = {"states": 0, "newest_step": None, "model": False, "damage": ""}
    try:
        steps = run.states().values()
        found |= {"states": len(steps), "newest_step": max(steps, default=None)}
        if run.out.exists():
            load_model(run.out)
            found["model"] = True
    except Exception as error:  # whatever a damaged file raises
        found["damage"] = f"{error.__class__.__name__}: {error}"
    return found


def write_data(folder: Path) -> tuple[Path, Path]:
    """A prepared dataset and a preset in ``folder``."""
    sys.path.insert(0, str(ROOT))  # for tests/, which is not installed
    from tests.support.ellipsoids import write_ellipsoids

    data, config = write_ellipsoids(folder / "ellipsoids"), folder / "preset.yaml"
    prepare_pools(load_registered_dataset(data), (4000, 2000, 1000))
    config.write_text(PRESET)
    return data, config


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--keep-every", type=int, default=20, metavar="STEPS")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        results = kill_and_resume(Path(name), options)
    if options.json:
        write_json(options.json, results)
    return 1 if results["failures"] else 0


def kill_and_resume(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """See the text of this file."""
    data, config = write_data(folder)
    undisturbed = TrainingRun(data, config, folder / "undisturbed.npm", options.steps, options.keep_every)
    started = time.monotonic()
    first_state: list[float] = []

    def note_first_state() -> bool:
        if not first_state and state_file(undisturbed.out, "shape", "last").exists():
            first_state.append(time.monotonic() - started)
        return False

    undisturbed.kill_when(note_first_state)
    duration, start_up = time.monotonic() - started, first_state[0]
    machine = describe_device(torch.device("cpu"))
    print(f"{machine}\nundisturbed: {options.steps} steps in {duration:.1f} s, the first state after {start_up:.1f} s")
    print(f"{'kill':>4s}  {'run':>3s}  {'moment':25s}  {'newest state':>12s}  {'states':>6s}  model", flush=True)

    moments = random.Random(options.seed)
    rows: list[dict[str, Any]] = []
    failures: list[str] = []
    runs = [TrainingRun(data, config, folder / "run-1.npm", options.steps, options.keep_every)]

    def compare() -> None:
        different = differences(runs[-1].out, undisturbed.out)
        print(f"run {len(runs)} is done: {'equal' if not different else 'differs in ' + ', '.join(different)}")
        if different:
            failures.append(f"run {len(runs)} differs")

    while len(rows) < options.kills:
        run = runs[-1]
        early = moments.random() < EARLY
        delay = moments.uniform(0.0, start_up if early else (duration - start_up) / 5)
        if not run.kill_when(moment(run, delay, early)):
            compare()
            runs.append(replace(run, out=folder / f"run-{len(runs) + 1}.npm"))
            continue
        row: dict[str, Any] = {"run": len(runs), "seconds": delay, "after": "start" if early else "first state"}
        rows.append(row | look_at(run))
        print_kill(len(rows), rows[-1])
        if rows[-1]["damage"]:
            failures.append(f"kill {len(rows)}: {rows[-1]['damage']}")
            break
    else:
        runs[-1].finish()
        compare()
    print(f"{len(rows)} kills, {len(runs)} runs: {'; '.join(failures) if failures else 'all whole and equal'}")
    facts = {"machine": machine, "steps": options.steps, "seconds": duration}
    return facts | {"kills": rows, "runs": len(runs), "failures": failures}


def print_kill(number: int, row: dict[str, Any]) -> None:
    moment = f"{row['seconds']:.2f} s after {row['after']}"
    newest = "none" if row["newest_step"] is None else f"step {row['newest_step']}"
    model = row["damage"] or ("loads" if row["model"] else "none yet")
    print(f"{number:4d}  {row['run']:3d}  {moment:25s}  {newest:>12s}  {row['states']:6d}  {model}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
