"""Training speed on several devices of one machine against one of them.

    python benchmarks/training_scaling.py --data DIR --config configs/anny/full.yaml --devices 2 [--json FILE]

Runs the pose stage under torchrun three times, for --window seconds of steps three times each after a warm-up: one
process with the batch of the preset, N processes that share this batch, and N processes with N times this batch.
Prints points per second of all processes together and their ratio to the first. Shape codes are random unless --model
has them. With --device cpu processes share the cores, which shows that it runs and no more.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from timing import REPEATS, synchronise
from training import MANY_STEPS, WARM_UP, Messages, fitted, shape_codes_of

from engine.core.devices import describe_device, resolve_device
from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.core.progress import Progress
from engine.training.config import load_training_config
from engine.training.fabric import make_fabric
from engine.training.pose_stage import PoseTraining
from engine.training.stepper import Stepper
from external.datasets import open_dataset


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """What one of the processes does; all take the same number of steps."""
    config = load_training_config(options.config)
    pose = dataclasses.replace(config.pose, frames_per_batch=config.pose.frames_per_batch * options.times)
    config = dataclasses.replace(config, pose=fitted(pose, MANY_STEPS))
    fabric = make_fabric(resolve_device(options.device))
    device, dataset = fabric.device, open_dataset(options.data)
    model = shape_codes_of(options, dataset, config).to(device)
    on_gpu = device.type == "cuda"
    half = config.half == "on" or (config.half == "auto" and on_gpu)
    torch.manual_seed(options.seed)
    stage = PoseTraining(dataset, model, config, half, device, None, Progress())
    stepper = Stepper(stage, fabric, options.seed, config.compile and on_gpu, Messages())

    def timed(count: int) -> float:
        """Seconds that the slowest process takes for ``count`` steps."""
        fabric.barrier()
        synchronise(device)
        started = time.perf_counter()
        for _ in range(count):
            stepper.step()
        synchronise(device)
        seconds = torch.tensor(time.perf_counter() - started, dtype=torch.float64)
        gathered = fabric.all_gather(seconds.to(device))
        assert isinstance(gathered, torch.Tensor)
        return float(gathered.max())

    timed(WARM_UP)
    count, spent = 2, timed(2)
    while spent < options.window / 5:
        count *= 2
        spent = timed(count)
    count = max(1, round(count * options.window / spent))
    seconds = sorted(timed(count) for _ in range(REPEATS))[REPEATS // 2] / count
    return {
        "processes": fabric.world_size,
        "device": describe_device(device),
        "frames_per_batch": stepper.rows_per_batch,
        "points_per_frame": stage.stage.points_per_frame,
        "seconds_per_step": seconds,
        "points_per_second": stepper.rows_per_batch * stage.stage.points_per_frame / seconds,
    }


def under_torchrun(processes: int, times: int, words: list[str]) -> dict[str, Any]:
    """What `measure` says in ``processes`` processes with ``times`` times the batch."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "speed.json"
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        command += [__file__, *words, "--times", str(times), "--worker", str(out)]
        environment = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // processes))} | dict(os.environ)
        subprocess.run(command, check=True, env=environment)
        return dict(json.loads(out.read_text()))


def main() -> None:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a dataset")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="a preset")
    parser.add_argument("--model", type=Path, help="whose shape codes are taken")
    parser.add_argument("--devices", type=int, default=2, metavar="N")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto")
    parser.add_argument("--window", type=float, default=5.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--times", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        result = measure(options)
        if int(os.environ["RANK"]) == 0:
            write_json(options.worker, result)
        return
    rows: list[dict[str, Any]] = []
    for processes, times in ((1, 1), (options.devices, 1), (options.devices, options.devices)):
        row = under_torchrun(processes, times, sys.argv[1:])
        row["ratio"] = row["points_per_second"] / (rows[0] if rows else row)["points_per_second"]
        rows.append(row)
        print(
            f"{processes} x {row['device']}, batches of {row['frames_per_batch']} x {row['points_per_frame']}: "
            f"{row['points_per_second'] / 1e6:.3f} M points/s, {1000 * row['seconds_per_step']:.2f} ms/step, "
            f"{row['ratio']:.2f} x",
            flush=True,
        )
    if options.json:
        write_json(options.json, {"torch": torch.__version__, "config": options.config.name, "runs": rows})


if __name__ == "__main__":
    main()
