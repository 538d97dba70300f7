"""How long the published recipe takes: per step and per frame.

    python benchmarks/reference_fit.py [--model anny-compact] [--recording FOLDER] [--frames N] [--device auto]
        [--steps 5] [--points 20000] [--json FILE]

The recording is the demo unless another is given, whose subject is alone and at the place of the model. Times are those
of a clock that waits for the device, medians of the steps after one that is not counted, with nearest points and
without them, as the first and the second half of the schedule are. Beside them the seconds of the processor on this
process, which other work on the machine does not change. What the whole published schedule would take is said for the
released configuration. What a step consists of, beside one of `npm`, is shown by benchmarks/step_profiles.py.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from timing import synchronise

from engine.core.config import read_config
from engine.core.devices import describe_device, resolve_device
from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.methods.npm.variables import plain_model
from engine.methods.npm_reference.config import ReferenceConfig
from engine.methods.npm_reference.fit import Batch, batches, energy_terms
from engine.methods.npm_reference.observed import Observed, observe_grids
from engine.methods.npm_reference.schedule import schedule
from engine.methods.npm_reference.start import Codes, first_codes, points_around
from engine.models.checkpoint import load_model
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_sequence import load_depth_sequence
from npm_studio.resources import model_path

ROOT = Path(__file__).parents[1]


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measured(work: Callable[[], Any], device: torch.device) -> tuple[Any, dict[str, float]]:
    """What ``work`` gives, and its seconds."""
    synchronise(device)
    started, used = time.perf_counter(), processor_seconds()
    result = work()
    synchronise(device)
    return result, {"seconds": time.perf_counter() - started, "processor": processor_seconds() - used}


def one_step(
    model: NeuralParametricModel, codes: Codes, batch: Batch, observed: Observed, config: ReferenceConfig, icp: float
) -> None:
    """Energy and gradient; the update of the codes is nothing beside them."""
    terms = energy_terms(model, codes, batch, observed, config, icp)
    torch.stack(list(terms.values())).sum().backward()


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="anny-compact")
    parser.add_argument("--recording", type=Path, default=ROOT / "assets/sequences/anny-demo")
    parser.add_argument("--frames", type=int, help="the first N; all when absent")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--points", type=int, default=ReferenceConfig().points)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    device = resolve_device(options.device)
    config = read_config(ReferenceConfig, {"points": options.points})
    model = plain_model(load_model(model_path(options.model), device))
    sequence = load_depth_sequence(options.recording)
    sequence = sequence.subset(range(min(options.frames or len(sequence), len(sequence))))
    count, generator = len(sequence), torch.Generator(device).manual_seed(0)
    what = f"{options.model}, {count} frames, {config.points} points"
    print(f"{describe_device(device)}, {model.shape_codes.dtype}, {what}")
    observed, grids = measured(lambda: observe_grids(sequence, model.info.similarity, config.grid, device), device)
    start = first_codes(model, sequence, config, generator)
    pool, pooling = measured(lambda: points_around(model, start.shape, config, 0), device)
    figures: dict[str, Any] = {"grid": {name: value / count for name, value in grids.items()}, "pool": pooling}
    codes = Codes(start.shape.clone().requires_grad_(), start.poses.clone().requires_grad_())
    for name, weight in (("with nearest points", config.icp_weight), ("without", 0.0)):
        rounds = []
        for _ in range(options.steps + 1):
            batch = next(batches(observed, pool, config, generator))
            rounds.append(measured(lambda: one_step(model, codes, batch, observed, config, weight), device)[1])  # noqa: B023
        figures[name] = {part: statistics.median(each[part] for each in rounds[1:]) for part in rounds[0]}
    for name, seconds in figures.items():
        print(f"{name:<24}{seconds['seconds']:>10.4f} s{seconds['processor']:>10.4f} s of processors")
    plan = schedule(config)
    per_pass, first = count // min(config.batch, count), sum(each.icp_weight > 0 for each in plan)
    steps = {"with nearest points": first * per_pass, "without": (len(plan) - first) * per_pass}
    whole = sum(steps[name] * figures[name]["seconds"] for name in steps)
    figures |= {"steps": steps, "schedule_seconds": whole, "schedule_seconds_per_frame": whole / count}
    print(f"the released schedule: {sum(steps.values())} steps, {whole:.0f} s, {whole / count:.1f} s per frame")
    if options.json is not None:
        facts = {"device": describe_device(device), "precision": str(model.shape_codes.dtype), "model": options.model}
        write_json(options.json, {**facts, "frames": count, "points": config.points, **figures})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
