"""Training killed without warning (SIGKILL) at random moments and resumed each time: is what it leaves always whole?

    python benchmarks/resume_after_kill.py [--kills 20] [--steps N] [--seed S] [--json FILE]

A small shape stage on a CPU, in processes of its own, keeps a state every few steps. Moments are drawn from start-up to
well into the steps; a run that reaches its end before it is killed is compared and the next one begins anew. After each
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.checkpoint import load_model
from engine.dataset.registered import load_registered_dataset
from engine.files import write_json
from engine.prepare.sdf_pools import prepare_pools
from engine.training.state import state_file, training_folder

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
        files = [path for path in training_folder(self.out).glob("*.state") if not path.name.startswith(".")]
        return {path: int(torch.load(path, weights_only=True)["step"]) for path in files}

    def kill_when(self, ready: Callable[[], bool]) -> bool:
        """Start a process and kill it as soon as ``ready``; False when it came to its end before.

        Raises:
            RuntimeError: it failed by itself.
        """
        command = [sys.executable, "-m", "npm_studio", *self.words()]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not ready():
            time.sleep(0.005)
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
    from tests.registered import write_ellipsoids

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
    print(f"undisturbed: {options.steps} steps in {duration:.1f} s, the first state after {start_up:.1f} s")
    print(f"{'kill':>4s}  {'run':>3s}  {'after':>7s}  {'newest state':>12s}  {'states':>6s}  model", flush=True)

    moments = random.Random(options.seed)
    longest = start_up + (duration - start_up) / 4
    rows: list[dict[str, Any]] = []
    failures: list[str] = []
    run_number, ends = 1, 0
    run = TrainingRun(data, config, folder / "run-1.npm", options.steps, options.keep_every)

    def compare() -> None:
        different = differences(run.out, undisturbed.out)
        print(f"run {run_number} is done: {'equal' if not different else 'differs in ' + ', '.join(different)}")
        if different:
            failures.append(f"run {run_number} differs")

    while len(rows) < options.kills:
        delay = moments.uniform(0.0, longest)
        until = time.monotonic() + delay
        if not run.kill_when(lambda until=until: time.monotonic() >= until):  # type: ignore[misc]
            compare()
            run_number, ends = run_number + 1, ends + 1
            run = TrainingRun(data, config, folder / f"run-{run_number}.npm", options.steps, options.keep_every)
            continue
        row: dict[str, Any] = {"run": run_number, "seconds": delay} | look_at(run)
        if row["damage"]:
            failures.append(f"kill {len(rows) + 1}: {row['damage']}")
        rows.append(row)
        newest = "none" if row["newest_step"] is None else f"step {row['newest_step']}"
        model = {False: "none yet", True: "loads"}.get(row["model"], "damaged")
        print(
            f"{len(rows):4d}  {run_number:3d}  {delay:5.2f} s  {newest:>12s}  {row['states']:6d}  {model}", flush=True
        )
    if not failures:
        run.finish()
        compare()
    print(f"{len(rows)} kills, {run_number} runs: {'; '.join(failures) if failures else 'all whole and equal'}")
    return {"steps": options.steps, "seconds": duration, "kills": rows, "runs": run_number, "failures": failures}


if __name__ == "__main__":
    sys.exit(main())
