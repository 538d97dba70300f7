"""Training against the published way (`reference_training.py`), on one device, from the same data in the same run.

    python benchmarks/training.py --data DIR --config configs/anny/full.yaml [--model MODEL] [--json FILE]

For each stage: points per second of both, the share of ours that goes into drawing samples (time of a step against one
with fixed samples), and its arithmetic beside what the device reaches in a product of two random 8192 x 8192 bfloat16
matrices. Samples of the published way are drawn beforehand on the device, and their time is not counted.

For the pose stage also the mean distance between predicted and true surface points of evenly spaced training frames,
after --ours-seconds of ours and after --reference-seconds of the published way, both with the same shape codes: those
of --model, or random ones. Each has its learning rates fitted to its time: a cosine over the steps that fit, and the
published halvings at the same shares of the training. Ours pays for its start-up, compilation included.

Sizes of networks and codes are those of --config on both sides; those of Palafox et al. 2021 are in
configs/anny/full.yaml. On a CPU: configs/anny/tiny.yaml with --reference-points 2000.
"""

import argparse
import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from reference_training import (
    POSE,
    SHAPE,
    ReferenceDecoder,
    ReferenceTraining,
    initial_codes,
    pose_loss,
    posed_points,
    shape_loss,
)
from timing import REPEATS, measure_device, seconds_per_call, synchronise
from torch import Tensor

from engine.core.devices import describe_device, resolve_device
from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.core.progress import Progress
from engine.dataset.registered import RegisteredDataset
from engine.evaluate.representation import multiply_adds
from engine.models.checkpoint import load_model
from engine.models.labels import ModelInfo
from engine.models.model import NeuralParametricModel
from engine.models.networks.decoder import ShapeDecoder
from engine.training.config import TrainingConfig, load_training_config
from engine.training.fabric import make_fabric
from engine.training.pose_stage import PoseTraining
from engine.training.shape_stage import ShapeTraining
from engine.training.stage import TrainingStage
from engine.training.stepper import Stepper
from external.datasets import open_dataset

WARM_UP = 8
"""Steps: more than pass before ours records its graphs."""
LOOKS = 10
BLOCK = 8
"""Batches that are drawn at a time for the published way."""
MANY_STEPS = 100_000
FRAMES, SURFACE_POINTS = 128, 512


class Messages(Progress):
    """Prints messages, such as that compiling or CUDA graphs are not possible, and is silent otherwise."""

    def message(self, text: str) -> None:
        print(text, flush=True)


class FixedSamples:
    """A stage whose draws are always the same samples: what is left of a step without its data path."""

    def __init__(self, stage: TrainingStage) -> None:
        self._stage = stage
        self._samples: tuple[Tensor, ...] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage, name)

    def draw(self, rows: Tensor, mine: slice, generator: torch.Generator) -> tuple[Tensor, ...]:
        if self._samples is None:
            self._samples = self._stage.draw(rows, mine, generator)
        return self._samples


@dataclasses.dataclass(frozen=True, eq=False)
class Bench:
    """What both stages are measured with."""

    dataset: RegisteredDataset
    config: TrainingConfig
    model: NeuralParametricModel
    """Whose shape codes the pose stage takes."""
    device: torch.device
    window: float
    reference_points: int
    seed: int

    @property
    def half(self) -> bool:
        """Whether hidden layers of ours are in bfloat16."""
        return self.config.half == "on" or (self.config.half == "auto" and self.device.type == "cuda")

    def stage(self, name: str, steps: int = MANY_STEPS) -> ShapeTraining | PoseTraining:
        """A stage of ours, from the start, whose schedule is fitted to ``steps``."""
        config = dataclasses.replace(self.config, **{name: fitted(getattr(self.config, name), steps)})
        torch.manual_seed(self.seed)
        if name == "shape":
            return ShapeTraining(self.dataset, config, self.half, self.device, None, Progress())
        return PoseTraining(self.dataset, self.model, config, self.half, self.device, None, Progress())

    def stepper(self, stage: TrainingStage) -> Stepper:
        compile_loss = self.config.compile and self.device.type == "cuda"
        return Stepper(stage, make_fabric(self.device), self.seed, compile_loss, Messages())

    def reference(self, stage: ShapeTraining | PoseTraining) -> ReferenceTraining:
        """The published training of what ``stage`` learns, from the start."""
        assert stage.codes is not None
        torch.manual_seed(self.seed)
        rows, size = stage.codes.shape
        book = initial_codes(rows, size, self.seed, self.device)
        inputs, config = stage.network.code_size, stage.network.config
        if isinstance(stage, ShapeTraining):
            return ReferenceTraining(ReferenceDecoder(inputs, 1, config).to(self.device), book, shape_loss, SHAPE)
        decoder = ReferenceDecoder(inputs, 3, config).to(self.device)
        return ReferenceTraining(decoder, book, pose_loss, POSE, stage.shape_codes)

    def reference_batches(
        self, stage: ShapeTraining | PoseTraining, rows_per_batch: int
    ) -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
        """Rows and samples of one batch after the other, from the samplers of ``stage``; without end."""
        generator = torch.Generator(self.device).manual_seed(self.seed)
        points = self.reference_points
        while True:
            order = torch.randperm(stage.rows, generator=generator, device=self.device)
            for rows in order.split(rows_per_batch):
                if len(rows) < min(rows_per_batch, stage.rows):
                    continue
                if isinstance(stage, ShapeTraining):
                    near = round(0.7 * points)
                    samples = stage.pools.draw(rows, slice(None), near, points - near, generator)
                    yield rows, (samples[..., :3].contiguous(), samples[..., 3].contiguous())
                else:
                    yield rows, stage.sampler.draw(rows, points, stage.stage.sigmas, generator)


def fitted(stage: Any, steps: int) -> Any:
    """The configuration of a stage with a cosine over ``steps`` and warm-ups that are the same share of them."""
    fraction = steps / stage.schedule.steps
    schedule = dataclasses.replace(
        stage.schedule, steps=steps, decay="cosine", warmup=round(fraction * stage.schedule.warmup)
    )
    return dataclasses.replace(
        stage,
        schedule=schedule,
        code_weight_warmup=round(fraction * stage.code_weight_warmup),
        frequency_warmup=round(fraction * stage.frequency_warmup),
    )


def measure_speed(bench: Bench, name: str) -> dict[str, Any]:
    """Points per second of both ways, the share of the data path in ours, and its arithmetic."""
    stage = bench.stage(name)
    started = time.perf_counter()
    stepper = bench.stepper(stage)
    for _ in range(WARM_UP):
        stepper.step()
    synchronise(bench.device)
    start_up = time.perf_counter() - started
    seconds = seconds_per_call(stepper.step, bench.device, bench.window)
    rows = stepper.rows_per_batch
    points = stage.stage.points_per_identity if isinstance(stage, ShapeTraining) else stage.stage.points_per_frame
    folded = multiply_adds(stage.network)
    layers = range(stage.network.config.layers + 1)
    full = sum(stage.network.layer(index).weight.numel() for index in layers)  # with the code at every point
    del stepper

    fixed = bench.stepper(FixedSamples(stage))
    for _ in range(WARM_UP):
        fixed.step()
    without_draw = seconds_per_call(fixed.step, bench.device, bench.window)
    del fixed

    torch.set_float32_matmul_precision("highest")  # no TF32
    training = bench.reference(stage)
    batches = bench.reference_batches(stage, training.published.rows)
    drawn = [next(batches) for _ in range(BLOCK)]
    turns = itertools.cycle(drawn)
    reference_seconds = seconds_per_call(lambda: training.step(0.0, *next(turns)), bench.device, bench.window)
    reference_rows = len(drawn[0][0])
    ours_rate, reference_rate = rows * points / seconds, reference_rows * bench.reference_points / reference_seconds
    return {
        "ours": {
            "points_per_second": ours_rate,
            "seconds_per_step": seconds,
            "rows": rows,
            "points_per_row": points,
            "multiply_adds_per_point": folded,
            "tflops": 6 * folded * ours_rate / 1e12,
            "data_path_share": max(0.0, 1 - without_draw / seconds),
            "start_up_seconds": start_up,
        },
        "published": {
            "points_per_second": reference_rate,
            "seconds_per_step": reference_seconds,
            "rows": reference_rows,
            "points_per_row": bench.reference_points,
            "multiply_adds_per_point": full,
            "tflops": 6 * full * reference_rate / 1e12,
        },
        "ratio": ours_rate / reference_rate,
    }


class SurfaceError:
    """Mean distance between predicted and true positions of surface points, on evenly spaced training frames."""

    def __init__(self, stage: PoseTraining, seed: int) -> None:
        count = min(FRAMES, stage.rows)
        self.frames = torch.linspace(0, stage.rows - 1, count).round().long().to(stage.device)
        generator = torch.Generator(stage.device).manual_seed(seed + 1)
        self.canonical, self.posed = stage.sampler.draw(self.frames, SURFACE_POINTS, (0.0,), generator)

    @torch.no_grad()
    def __call__(self, predict: Callable[[Tensor, Tensor], Tensor]) -> float:
        """Of ``predict``, from frames (B,) and canonical points (B, P, 3) to posed ones."""
        return float((predict(self.frames, self.canonical) - self.posed).norm(dim=-1).mean())


Curve = list[dict[str, float]]
"""Seconds, steps and error at several times."""


def error_curves(bench: Bench, speed: dict[str, Any], our_limit: float, reference_limit: float) -> dict[str, Curve]:
    """Of both ways, from the same samplers and shape codes."""
    start_up, seconds_per_step = speed["ours"]["start_up_seconds"], speed["ours"]["seconds_per_step"]
    stage = bench.stage("pose", max(LOOKS, int((our_limit - start_up) / seconds_per_step)))
    assert isinstance(stage, PoseTraining)
    error = SurfaceError(stage, bench.seed)
    return {
        "ours": our_curve(bench, stage, error, start_up),
        "published": reference_curve(bench, stage, error, reference_limit),
    }


def our_curve(bench: Bench, stage: PoseTraining, error: SurfaceError, start_up: float) -> Curve:
    """Ours, to the end of the schedule; the clock begins at ``start_up``."""
    steps = stage.schedule.steps
    stepper = bench.stepper(stage)

    def predict(frames: Tensor, canonical: Tensor) -> Tensor:
        assert stage.codes is not None
        return canonical + stage.network(torch.cat((stage.shape_codes[frames], stage.codes[frames]), dim=1), canonical)

    spent = start_up
    curve: Curve = []
    for look in range(1, LOOKS + 1):
        due = round(steps * look / LOOKS)
        synchronise(bench.device)
        started = time.perf_counter()
        while stepper.steps_done < due:
            stepper.step()
            if stepper.steps_done == WARM_UP:  # until here is the start-up, which has been counted
                synchronise(bench.device)
                started = time.perf_counter()
        synchronise(bench.device)
        spent += time.perf_counter() - started
        curve.append({"seconds": spent, "steps": stepper.steps_done, "error": error(predict)})
    return curve


def reference_curve(bench: Bench, stage: PoseTraining, error: SurfaceError, limit: float) -> Curve:
    """The published way over ``limit`` seconds of steps, on the data of ``stage``."""
    torch.set_float32_matmul_precision("highest")
    training = bench.reference(stage)
    batches = bench.reference_batches(stage, training.published.rows)

    def predict(frames: Tensor, canonical: Tensor) -> Tensor:
        return posed_points(training.decoder, training.codes(frames), canonical)

    spent, steps = 0.0, 0
    curve: Curve = []
    while spent < limit:
        drawn = [next(batches) for _ in range(BLOCK)]
        synchronise(bench.device)
        started = time.perf_counter()
        for rows, samples in drawn:
            training.step(training.published.epochs * spent / limit, rows, samples)
        synchronise(bench.device)
        spent += time.perf_counter() - started
        steps += BLOCK
        if spent >= min(1, (len(curve) + 1) / LOOKS) * limit:
            curve.append({"seconds": spent, "steps": steps, "error": error(predict)})
    return curve


def shape_codes_of(options: argparse.Namespace, dataset: RegisteredDataset, config: TrainingConfig) -> Any:
    """The given model, or one with random shape codes for the identities of ``dataset``."""
    device = resolve_device(options.device)
    if options.model:
        return load_model(options.model, device)
    size = config.shape.code_size
    info = ModelInfo(
        name="random codes",
        identities=dataset.identities,
        identity_datasets=tuple(stored.dataset for stored in dataset.stored),
    )
    codes = torch.randn(len(dataset.identities), size, generator=torch.Generator().manual_seed(options.seed))
    return NeuralParametricModel(info, ShapeDecoder(size, config.shape.decoder), codes / size**0.5).to(device)


def print_speed(name: str, speed: dict[str, Any], peak: float) -> None:
    for way in ("published", "ours"):
        row = speed[way]
        print(
            f"{name:6s} {way:10s} {row['points_per_second'] / 1e6:10.3f} M points/s  "
            f"{1000 * row['seconds_per_step']:9.2f} ms/step of {row['rows']:3d} x {row['points_per_row']:5d}  "
            f"{row['tflops']:8.2f} TFLOP/s ({row['tflops'] / peak:.0%} of the peak)"
        )
    ours = speed["ours"]
    print(
        f"{name:6s} ratio {speed['ratio']:.1f}; drawing samples takes {ours['data_path_share']:.1%} of ours; "
        f"start-up {ours['start_up_seconds']:.1f} s",
        flush=True,
    )


def main() -> None:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a prepared dataset")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="a preset")
    parser.add_argument("--model", type=Path, help="whose shape codes the pose stage takes; random ones without it")
    parser.add_argument("--stages", default="shape,pose", metavar="shape,pose")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--window", type=float, default=5.0, metavar="SECONDS", help=f"of {REPEATS} measurements each")
    parser.add_argument("--ours-seconds", type=float, default=60.0, help="0: no error curves")
    parser.add_argument("--reference-seconds", type=float, default=300.0, help="0: no error curves")
    parser.add_argument("--reference-points", type=int, default=POSE.points, metavar="N", help="per identity or frame")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    device = resolve_device(options.device)
    dataset, config = open_dataset(options.data), load_training_config(options.config)
    model = shape_codes_of(options, dataset, config)
    bench = Bench(dataset, config, model, device, options.window, options.reference_points, options.seed)

    card = describe_device(device)
    reached = measure_device(device, options.window)
    peak = reached["bf16_tflops"]
    speeds = f"{peak:.2f} TFLOP/s in bfloat16, copies {reached['copy_gb_per_s']:.0f} GB/s"
    print(f"{card}, PyTorch {torch.__version__}: {speeds}")
    hidden = "bfloat16" if bench.half else "float32"
    print(f"{len(dataset.identities)} identities, {len(dataset.labels)} frames; hidden layers of ours in {hidden}")
    print("arithmetic: 6 x multiply-adds per point x points per second; ours does those of the code once per row")
    results: dict[str, Any] = {
        "device": card,
        "torch": torch.__version__,
        "config": dataclasses.asdict(config),
        "identities": len(dataset.identities),
        "frames": len(dataset.labels),
        "hidden_layers": hidden,
        "shape_codes": options.model.name if options.model else "random",
        "peak": reached,
        "window_seconds": options.window,
        "seed": options.seed,
    }
    for name in options.stages.split(","):
        results[name] = measure_speed(bench, name)
        print_speed(name, results[name], peak)
    if "pose" in results and options.ours_seconds and options.reference_seconds:
        curves = error_curves(bench, results["pose"], options.ours_seconds, options.reference_seconds)
        results["pose"]["deformation_error"] = curves
        print(f"deformation error on training frames, canonical units, {results['shape_codes']} shape codes")
        for way, curve in curves.items():
            points = ", ".join(f"{look['error']:.5f} at {look['seconds']:.0f} s" for look in curve)
            print(f"{way:10s} {points}")
    if options.json:
        write_json(options.json, results)


if __name__ == "__main__":
    main()
