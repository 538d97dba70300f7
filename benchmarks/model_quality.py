"""Quality of a model on bodies and motions that it has never seen, and on its training data.

    python benchmarks/model_quality.py --model assets/models/anny-compact.npm [--data TRAINING_DATASET] [--json FILE]

Unseen: four identities of another seed perform the motion families that are kept out of the training library
(jumping jack, throw); their depth is rendered from the front, fitted, and compared with the true meshes.
With --data also: the canonical surfaces and the deformation of the training data itself.
"""

import argparse
import platform
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.checkpoint import load_model
from engine.dataset.registered import load_registered_dataset
from engine.dataset.rendering import render_sequence
from engine.device import resolve_device
from engine.evaluate.metrics import evaluate_sequence, load_truth
from engine.files import write_json
from engine.fitting.job import FitRequest, run_fit
from engine.geometry.signed_distance import is_inside
from engine.model import NeuralParametricModel
from engine.training.flow_samples import FlowSampler
from external.anny.generate import generate_dataset
from external.anny.motions import TEST_FAMILIES

METRICS = ("iou", "chamfer_l2", "accuracy", "completeness", "normal_consistency", "epe")


def unseen(
    model_folder: Path, model: NeuralParametricModel, identities: int, frames: int, seed: int, work: Path
) -> list[dict[str, Any]]:
    """Fit one sequence of each of ``identities`` unseen bodies; one row of metrics per sequence."""
    data = work / "unseen"
    generate_dataset(data, identities, 1, frames, seed, families=tuple(TEST_FAMILIES))
    dataset = load_registered_dataset(data)
    rows = []
    for identity, name in enumerate(dataset.identities):
        sequence = dataset.sequences_of(identity)[0]
        capture = work / f"{name}-{sequence}"
        render_sequence(dataset, identity, sequence, capture)
        run = run_fit(FitRequest(capture, model_folder, work / f"run-{name}", device=str(model.device)), model=model)
        faces, vertices, _ = load_truth(capture / "truth")
        metrics = evaluate_sequence(run.vertices, run.faces, vertices, faces)
        row = {"sequence": f"{name} {sequence}", **{key: getattr(metrics, key) for key in METRICS}}
        row |= {"median_frame_chamfer_l2": metrics.median_frame_chamfer_l2, "failed_frames": metrics.failed_frames}
        rows.append(row | {"seconds": run.seconds})
        print_row(rows[-1])
    return rows


def training_figures(model: NeuralParametricModel, data: Path) -> dict[str, float]:
    """Occupancy IoU of the canonical surfaces and mean displacement error on training frames."""
    dataset = load_registered_dataset(data)
    generator = torch.Generator(model.device).manual_seed(0)
    overlaps = []
    for identity in range(len(dataset.identities)):
        points = (torch.rand(200_000, 3, generator=generator, device=model.device) - 0.5) * 0.98
        vertices = dataset.canonical(identity)
        low, high = torch.tensor(vertices.min(0) - 0.02), torch.tensor(vertices.max(0) + 0.02)
        points = low.to(points) + (points / 0.98 + 0.5) * (high - low).to(points)
        with torch.no_grad():
            learned = (model.sdf(model.shape_codes[identity : identity + 1], points[None])[0] < 0).cpu().numpy()
        true = is_inside(points.cpu().numpy(), vertices, dataset.faces(identity))
        overlaps.append((learned & true).sum() / (learned | true).sum())
    sampler = FlowSampler.load(dataset, model.device)
    errors = []
    assert model.pose_codes is not None
    for frames in torch.arange(len(dataset.labels), device=model.device).split(64):
        canonical, posed = sampler.draw(frames, 512, (0.0,), generator)
        shapes = model.shape_codes[sampler.identity_of_frame[frames]]
        with torch.no_grad():
            moved = model.pose(shapes, model.pose_codes[frames], canonical)
        errors.append((moved - posed).norm(dim=-1).mean(1))
    error = torch.cat(errors)
    return {
        "canonical_iou_mean": float(np.mean(overlaps)),
        "canonical_iou_min": float(np.min(overlaps)),
        "deformation_error_mean": float(error.mean()),
        "deformation_error_p99": float(error.quantile(0.99)),
    }


def print_row(row: dict[str, Any]) -> None:
    print(
        f"{row['sequence']:34s} IoU {row['iou']:.3f}  Chamfer-l2 {row['chamfer_l2'] * 1e3:.4f}e-3 "
        f"(median frame {row['median_frame_chamfer_l2'] * 1e3:.4f}e-3, failed {row['failed_frames']:.0%})  "
        f"EPE {row['epe']:.4f}  NC {row['normal_consistency']:.3f}  {row['seconds']:.0f} s",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="the dataset that the model was trained on")
    parser.add_argument("--identities", type=int, default=4)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1234)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    model = load_model(options.model, resolve_device(options.device))
    on_gpu = model.device.type == "cuda"
    machine = (
        torch.cuda.get_device_name(model.device)
        if on_gpu
        else f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
    )
    results: dict[str, Any] = {"model": options.model.name, "machine": machine, "seed": options.seed}
    if options.data:
        results["training"] = training_figures(model, options.data)
        print(results["training"], flush=True)
    if options.identities:
        with tempfile.TemporaryDirectory() as work:
            rows = unseen(options.model, model, options.identities, options.frames, options.seed, Path(work))
        mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0] if key != "sequence"}
        results["unseen"] = {"sequences": rows, "mean": mean}
        print_row({"sequence": "mean", **mean})
    if options.json:
        write_json(options.json, results)


if __name__ == "__main__":
    main()
