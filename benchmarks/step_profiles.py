"""What a step of `npm` and one of `npm-reference` do, at the same precision: time, launches, waits, costliest parts.

    python benchmarks/step_profiles.py [--model anny-full] [--recording FOLDER] [--frames N] [--device auto]
        [--precision float32 auto] [--points 20000] [--out FOLDER]

The recording is the demo unless another is given. Both methods see the same frames of it. Of `npm`, a step late in the
fit, on all frames at once with all terms; of `npm-reference` a step of the first half of its schedule, with nearest
points, on one batch of three pairs of frames. Times are medians of steps that are not profiled, by a clock that waits
for the device. How many steps a fit makes is said beside them, and what these take in all, without what else a fit
does: reading, the network that finds the subject, and meshes (those are in `npm-studio benchmark`).

--out writes a table of PyTorch's profiler for each (steps-<method>-<precision>.txt) and steps.json.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from device_profile import profile as profile_device
from timing import synchronise
from torch.profiler import ProfilerActivity, profile

from engine.core.config import read_config
from engine.core.devices import describe_device, resolve_device
from engine.core.files import replacing_file, write_json
from engine.core.process import prepare_process
from engine.core.progress import Progress
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import FitState, fitted_model, precision_of
from engine.methods.npm.observing import observe
from engine.methods.npm.posable import NeuralPosable
from engine.methods.npm.start import first_variables
from engine.methods.npm.variables import plain_model
from engine.methods.npm_reference.config import ReferenceConfig
from engine.methods.npm_reference.fit import batches, energy_terms
from engine.methods.npm_reference.observed import observe_grids
from engine.methods.npm_reference.schedule import schedule
from engine.methods.npm_reference.start import Codes, first_codes, points_around
from engine.models.checkpoint import load_model
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_sequence import DepthSequence, load_depth_sequence
from npm_studio.resources import demo_sequence, model_path

LATE = 0.75
"""Of the steps of `npm`: all terms are there."""
ROUNDS = 7
_ROWS = 15


def npm_step(model: NeuralParametricModel, sequence: DepthSequence, precision: str) -> tuple[Callable[[], None], int]:
    """A late step, to be repeated, and how many steps a fit has."""
    config = read_config(FitConfig, {"precision": precision})
    observations = observe(sequence, model)
    fitted = fitted_model(model, config)
    first = first_variables(fitted, observations, 0, Progress())
    state = FitState(NeuralPosable(fitted), observations, config, first, 0)
    for step in range(round(LATE * config.steps)):
        state.step(step)
    return lambda: state.step(round(LATE * config.steps)), config.steps


def reference_step(
    model: NeuralParametricModel, sequence: DepthSequence, points: int
) -> tuple[Callable[[], None], int]:
    """A step with nearest points, and how many steps the released schedule has."""
    config, plain = read_config(ReferenceConfig, {"points": points}), plain_model(model)
    generator = torch.Generator(model.device).manual_seed(0)
    observed = observe_grids(sequence, model.info.similarity, config.grid, model.device)
    start = first_codes(plain, sequence, config, generator)
    pool = points_around(plain, start.shape, config, 0)
    codes = Codes(start.shape.clone().requires_grad_(), start.poses.clone().requires_grad_())
    optimizer = torch.optim.Adam([{"params": [codes.shape]}, {"params": [codes.poses]}], lr=config.shape_rate)

    def step() -> None:
        batch = next(batches(observed, pool, config, generator))
        optimizer.zero_grad()
        terms = energy_terms(plain, codes, batch, observed, config, config.icp_weight)
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()

    return step, len(schedule(config)) * (len(sequence) // min(config.batch, len(sequence)))


def seconds_of(step: Callable[[], None], device: torch.device) -> float:
    step()
    rounds = []
    for _ in range(ROUNDS):
        synchronise(device)
        started = time.perf_counter()
        step()
        synchronise(device)
        rounds.append(time.perf_counter() - started)
    return statistics.median(rounds)


def table_of(step: Callable[[], None], device: torch.device) -> str:
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    with profile(activities=kinds) as profiled:
        step()
        synchronise(device)
    sort = f"self_{device.type}_time_total"
    found: str = profiled.key_averages().table(sort_by=sort, row_limit=_ROWS, max_name_column_width=60)
    return found


def figures_of(step: Callable[[], None], steps: int, frames: int, device: torch.device) -> dict[str, Any]:
    seconds = seconds_of(step, device)
    figures: dict[str, Any] = {
        "seconds_per_step": seconds,
        "steps": steps,
        "seconds_per_frame": seconds * steps / frames,
    }
    if device.type == "cuda":
        found = profile_device(step, device)
        figures |= {
            "launches": found.launches,
            "waits": found.waits,
            "copies": found.copies,
            "busy_ms": found.busy_ms,
            "kernels": found.kernels[:_ROWS],
        }
    return figures


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="anny-full")
    parser.add_argument("--recording", type=Path, default=demo_sequence())
    parser.add_argument("--frames", type=int, help="the first N; all when absent")
    parser.add_argument("--precision", nargs="+", choices=("float32", "auto"), default=["float32", "auto"])
    parser.add_argument("--points", type=int, default=ReferenceConfig().points, help="of npm-reference, per pair")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    device = resolve_device(options.device)
    model = load_model(model_path(options.model), device)
    sequence = load_depth_sequence(options.recording)
    sequence = sequence.subset(range(min(options.frames or len(sequence), len(sequence))))
    print(f"{describe_device(device)}; {options.model}, {len(sequence)} frames")
    steps = {
        f"npm-{precision_of(model, read_config(FitConfig, {'precision': precision}))}": npm_step(
            model, sequence, precision
        )
        for precision in options.precision
    }
    steps["npm-reference-float32"] = reference_step(model, sequence, options.points)
    results: dict[str, Any] = {}
    for name, (step, count) in steps.items():
        results[name] = figures = figures_of(step, count, len(sequence), device)
        launches = f", {figures['launches']} launches, {figures['waits']} waits" if "launches" in figures else ""
        took = f"{1000 * figures['seconds_per_step']:.4g} ms a step, {count} steps"
        print(f"{name}: {took}, {figures['seconds_per_frame']:.4g} s per frame in steps{launches}")
        table = table_of(step, device)
        print(table)
        if options.out is not None:
            with replacing_file(options.out / f"steps-{name}.txt") as temporary:
                temporary.write_text(table, encoding="utf-8")
    slow = results["npm-reference-float32"]["seconds_per_frame"]
    for name, figures in results.items():
        if name != "npm-reference-float32":
            print(f"npm-reference takes {slow / figures['seconds_per_frame']:.4g} times as long in steps as {name}")
    if options.out is not None:
        facts = {"device": describe_device(device), "torch": torch.__version__, "model": options.model}
        write_json(options.out / "steps.json", {**facts, "frames": len(sequence), "points": options.points, **results})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
