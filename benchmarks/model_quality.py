"""What a model can represent, on its training data and on identities and motions that it has never seen.

    python benchmarks/model_quality.py --model MODEL.npm [--split configs/anny/quality.yaml] [--data TRAINING_DATASET]
                                       [--seed S] [--unseen DATASET] [--fits N] [--json FILE]

Sections, in canonical units:

- training (with --data, all of the training dataset or a part): IoU and Chamfer-l2 of the canonical surfaces, and how
  far moved surface points are from where they are in training frames;
- unseen identities: the same figures of surfaces whose codes are fitted to signed distances of the true canonical mesh;
- unseen motions of those identities: pose codes fitted to corresponding points of complete posed surfaces; measured on
  points that the fit did not have;
- arithmetic: multiply-adds per point of both decoders;
- with --fits: monocular depth sequences of the unseen motions, rendered, fitted and compared with the true meshes.

Who is unseen is laid down in the split; --seed draws others. Figures are compared with the split's bars for the model's
name (or --bars); the exit status is 1 when one is missed.
"""

import argparse
import dataclasses
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.core.devices import describe_device, resolve_device
from engine.core.errors import InputError
from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.dataset.preparation.sdf_pools import sample_pools
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.dataset.rendering import render_sequence
from engine.dataset.splits import shape_rows
from engine.evaluate.code_fitting import fit_pose_codes, fit_shape_codes
from engine.evaluate.metrics import evaluate_sequence
from engine.evaluate.representation import corresponding_points, deformation_errors, multiply_adds, surface_metrics
from engine.methods.evaluation import prediction_of
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.npm.config import FitConfig
from engine.methods.npm.method import METHOD
from engine.methods.request import FitRequest
from engine.models.checkpoint import load_model
from engine.models.model import NeuralParametricModel
from engine.models.networks.decoder import DecoderConfig, PoseDecoder, ShapeDecoder
from engine.sequences.depth_sequence import load_depth_sequence
from engine.sequences.truth import load_truth
from engine.training.encoder_stage import pose_rows
from external.anny.quality import Bars, QualitySplit, choose_identities, generate_unseen, load_quality_split

Figures = dict[str, Any]
METRICS = ("iou", "chamfer_l2", "accuracy", "completeness", "normal_consistency", "epe")
POOL = (60_000, 20_000, 1)
"""Near, uniform and surface samples that shape codes are fitted to."""
FITTED_POINTS, MEASURED_POINTS = 4096, 4096
"""Per frame; the measured ones are others."""
TRAINING_POINTS = 256
"""Per training frame."""


def training_figures(model: NeuralParametricModel, dataset: RegisteredDataset, surfaces: int, frames: int) -> Figures:
    """Surfaces of all identities, Chamfer-l2 of ``surfaces`` of them, and motions of ``frames`` frames."""
    assert model.pose_codes is not None
    generator = np.random.default_rng(0)
    shape_codes = model.shape_codes[torch.from_numpy(shape_rows(dataset, model.info))]
    pose_codes = model.pose_codes[pose_rows(dataset, model)]
    with_mesh = set(evenly(len(dataset.identities), surfaces))
    found = []
    for identity, code in enumerate(shape_codes):
        mesh = dataset.canonical(identity), dataset.faces(identity)
        found.append(surface_metrics(model, code, *mesh, generator, chamfer=identity in with_mesh))
    errors = []
    chosen: dict[int, list[int]] = {}
    for label in evenly(len(dataset.labels), frames):
        chosen.setdefault(dataset.labels[label].identity, []).append(label)
    for identity, labels in chosen.items():
        places = [dataset.labels[label] for label in labels]
        positions = [(f.sequence, dataset.samples_of(identity, f.sequence).index(f.sample)) for f in places]
        points = corresponding_points(dataset, identity, positions, TRAINING_POINTS, generator)
        canonical, posed = (torch.from_numpy(value).to(model.device) for value in points)
        shape, canonical = (value.expand(len(labels), *value.shape) for value in (shape_codes[identity], canonical))
        errors.append(deformation_errors(model, shape, pose_codes[labels], canonical, posed))
    return summary(found) | {"frames": sum(map(len, errors))} | spread(torch.cat(errors))


def unseen_figures(
    model: NeuralParametricModel, split: QualitySplit, dataset: RegisteredDataset, surfaces: int
) -> tuple[Figures, Figures]:
    """Identities fitted to their canonical surfaces, and their motions fitted to complete posed surfaces."""
    generator = np.random.default_rng(split.seed)
    adults, children = choose_identities(split, dataset)
    identities = [*adults, *children]
    meshes = [(dataset.canonical(identity), dataset.faces(identity)) for identity in identities]
    half = model.device.type == "cuda"
    pools = []
    for mesh in meshes:
        sampled = sample_pools(*mesh, POOL, generator)
        pools.append(torch.from_numpy(np.concatenate((sampled.near, sampled.uniform))))
    clock = time.perf_counter()
    codes = fit_shape_codes(model, torch.stack(pools).to(model.device), split.shape_steps, half=half)
    seconds = elapsed(clock, model)
    with_mesh = set(evenly(len(identities), surfaces))
    found = [
        surface_metrics(model, code, *mesh, generator, chamfer=row in with_mesh)
        for row, (code, mesh) in enumerate(zip(codes, meshes, strict=True))
    ]
    shapes = summary(found) | {f"adults_{k}": v for k, v in summary(found[: len(adults)]).items()}
    if children:
        shapes |= {f"children_{k}": v for k, v in summary(found[len(adults) :]).items()}
    return shapes | {"fit_seconds": seconds}, motion_figures(
        model, split, dataset, identities, len(adults), codes, half, generator
    )


def motion_figures(
    model: NeuralParametricModel,
    split: QualitySplit,
    dataset: RegisteredDataset,
    identities: list[int],
    adults: int,
    shape_codes: Tensor,
    half: bool,
    generator: np.random.Generator,
) -> Figures:
    """Pose codes of all frames of ``identities``, the first of which are ``adults``, fitted at once and measured."""
    canonical, posed, shapes, names = [], [], [], []
    for row, identity in enumerate(identities):
        frames = [
            (sequence, position)
            for sequence in dataset.sequences_of(identity)
            for position in evenly(len(dataset.samples_of(identity, sequence)), split.frames)
        ]
        own = corresponding_points(dataset, identity, frames, FITTED_POINTS + MEASURED_POINTS, generator)
        canonical.append(torch.from_numpy(own[0]).expand(len(frames), -1, -1))
        posed.append(torch.from_numpy(own[1]))
        shapes.append(shape_codes[row].expand(len(frames), -1))
        names += [(row, f"{dataset.identities[identity]} {sequence}") for sequence, _ in frames]
    shape, source, target = torch.cat(shapes), *(torch.cat(value).to(model.device) for value in (canonical, posed))
    (source, measured_source), (target, measured) = (
        value.split((FITTED_POINTS, MEASURED_POINTS), dim=1) for value in (source, target)
    )
    clock = time.perf_counter()
    pose = fit_pose_codes(model, shape, source, target, split.pose_steps, half=half)
    seconds = elapsed(clock, model)
    errors = deformation_errors(model, shape, pose, measured_source, measured).cpu()
    means: dict[str, list[float]] = {}
    for (_, name), error in zip(names, errors.mean(dim=1).tolist(), strict=True):
        means.setdefault(name, []).append(error)
    sequences = {name: float(np.mean(values)) for name, values in means.items()}
    worst = max(sequences, key=sequences.__getitem__)
    is_child = torch.tensor([row >= adults for row, _ in names])
    figures = {"frames": len(errors)} | spread(errors) | {"adults_deformation_mean": float(errors[~is_child].mean())}
    if is_child.any():
        figures["children_deformation_mean"] = float(errors[is_child].mean())
    return figures | {"worst": worst, "worst_mean": sequences[worst], "fit_seconds": seconds, "sequences": sequences}


def arithmetic(model: NeuralParametricModel) -> Figures:
    """Multiply-adds per point, and their sum against that of the published sizes (8 x 512 and 8 x 1024)."""
    assert model.pose_decoder is not None
    shape, pose = multiply_adds(model.shape_decoder), multiply_adds(model.pose_decoder)
    with torch.device("meta"):
        reference = ShapeDecoder(256, DecoderConfig()), PoseDecoder(256, 256, DecoderConfig(width=1024))
    return {"shape": shape, "pose": pose, "ratio": (shape + pose) / sum(map(multiply_adds, reference))}


def monocular_fits(
    model_folder: Path, model: NeuralParametricModel, dataset: RegisteredDataset, identities: list[int], work: Path
) -> Figures:
    """Depth of one sequence of each of ``identities`` from the front, fitted and compared with the truth."""
    rows = []
    for identity in identities:
        name, sequence = dataset.identities[identity], dataset.sequences_of(identity)[0]
        capture = work / f"{name}-{sequence}"
        render_sequence(dataset, identity, sequence, capture)
        loaded = LoadedModel(model_folder, model)
        run = run_fit(FitRequest(METHOD, FitConfig(), load_depth_sequence(capture), work / f"run-{name}", loaded))
        metrics = evaluate_sequence(prediction_of(run, capture / "truth"), load_truth(capture / "truth"))
        row = {"sequence": f"{name} {sequence}", **{key: metrics.means[key] for key in METRICS}}
        row |= {"median_frame_chamfer_l2": metrics.median_frame_chamfer_l2, "failed_frames": metrics.failed_frames}
        rows.append(row | {"seconds": run.seconds})
        print_fit(rows[-1])
    mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0] if key != "sequence"}
    print_fit({"sequence": "mean", **mean})
    return {"sequences": rows, "mean": mean}


def summary(found: list[Any]) -> Figures:
    """Means of `SurfaceFigures`; Chamfer-l2 None where no mesh was extracted."""
    chamfer = [figures.chamfer_l2 for figures in found if figures.chamfer_l2 is not None]
    floor = [figures.floor for figures in found if figures.floor is not None]
    return {
        "surfaces": len(found),
        "iou_mean": float(np.mean([figures.iou for figures in found])),
        "iou_min": float(np.min([figures.iou for figures in found])),
        "chamfer_surfaces": len(chamfer),
        "chamfer_l2": float(np.mean(chamfer)) if chamfer else None,
        "chamfer_l2_floor": float(np.mean(floor)) if floor else None,
    }


def spread(errors: Tensor) -> Figures:
    """Mean, median and 99th percentile of all entries of ``errors`` (B, P)."""
    values = errors.flatten().cpu().numpy()
    return {
        "deformation_mean": float(values.mean()),
        "deformation_median": float(np.median(values)),
        "deformation_p99": float(np.quantile(values, 0.99)),
    }


def against_bars(results: Figures, bars: Bars) -> list[Figures]:
    """One row per bar whose figure was measured."""
    measured = {
        "training_iou": results.get("training", {}).get("iou_mean"),
        "training_chamfer_l2": results.get("training", {}).get("chamfer_l2"),
        "training_deformation": results.get("training", {}).get("deformation_mean"),
        "unseen_iou": results["unseen_identities"]["iou_mean"],
        "children_iou": results["unseen_identities"].get("children_iou_mean"),
        "unseen_deformation": results["unseen_motions"]["deformation_mean"],
        "arithmetic": results["arithmetic"]["ratio"],
    }
    rows = []
    for name, bar in dataclasses.asdict(bars).items():
        value = measured[name]
        if bar is not None and value is not None:
            passed = value >= bar if name.endswith("iou") else value <= bar
            rows.append({"bar": name, "value": value, "limit": bar, "passed": passed})
    return rows


def evenly(count: int, most: int) -> list[int]:
    """Up to ``most`` evenly spaced indices below ``count``."""
    return [index * count // min(most, count) for index in range(min(most, count))]


def elapsed(since: float, model: NeuralParametricModel) -> float:
    """Seconds ``since``, when the device has done its work."""
    if model.device.type == "cuda":
        torch.cuda.synchronize(model.device)
    return time.perf_counter() - since


def print_section(title: str, figures: Figures) -> None:
    print(title)
    for name, value in figures.items():
        if isinstance(value, dict) or value is None:
            continue
        if isinstance(value, float):
            value = f"{value * 1e3:.5f}e-3" if "chamfer_l2" in name else f"{value:.5f}"
        print(f"  {name:28s} {value}")
    sys.stdout.flush()


def print_fit(row: Figures) -> None:
    print(
        f"{row['sequence']:34s} IoU {row['iou']:.3f}  Chamfer-l2 {row['chamfer_l2'] * 1e3:.4f}e-3 "
        f"(median frame {row['median_frame_chamfer_l2'] * 1e3:.4f}e-3, failed {row['failed_frames']:.0%})  "
        f"EPE {row['epe']:.4f}  NC {row['normal_consistency']:.3f}  {row['seconds']:.0f} s",
        flush=True,
    )


def measure(options: argparse.Namespace, split: QualitySplit, work: Path) -> Figures:
    model = load_model(options.model, resolve_device(options.device))
    if not model.has_pose:
        raise InputError(options.model, "has no pose part", "train it first")
    bars = split.bars.get(options.bars or model.info.name, Bars())
    if options.bars and options.bars not in split.bars:
        raise InputError(f"--bars {options.bars}", "not in the split", f"choose from {', '.join(split.bars) or 'none'}")
    torch.backends.cuda.matmul.allow_tf32 = False  # an error of 2e-4 is what is being measured
    machine = describe_device(model.device)
    print(f"{model.info.name} on {machine}; lengths in canonical units")
    described = {name: value for name, value in dataclasses.asdict(split).items() if name != "bars"}
    results: Figures = {"model": model.info.name, "machine": machine, "split": described}
    results["arithmetic"] = arithmetic(model)
    print_section("multiply-adds per point", results["arithmetic"])
    if options.data:
        data = load_registered_dataset(options.data)
        results["training"] = training_figures(model, data, options.surfaces, options.frames)
        print_section("training data", results["training"])
    unseen = load_registered_dataset(options.unseen) if options.unseen else generate_unseen(split, work / "unseen")
    shapes, motions = unseen_figures(model, split, unseen, options.surfaces)
    results |= {"unseen_identities": shapes, "unseen_motions": motions}
    print_section("unseen identities", shapes)
    print_section("unseen identities in unseen motions", motions)
    if options.fits:
        adults, children = choose_identities(split, unseen)
        chosen = sorted(adults + children)[: options.fits]
        results["monocular"] = monocular_fits(options.model, model, unseen, chosen, work)
    results["bars"] = against_bars(results, bars)
    for row in results["bars"]:
        print(f"{'pass' if row['passed'] else 'FAIL'}  {row['bar']:22s} {row['value']:.4g} (bar {row['limit']:.4g})")
    measured = {row["bar"] for row in results["bars"]}
    unmeasured = [name for name, bar in dataclasses.asdict(bars).items() if bar is not None and name not in measured]
    if unmeasured:
        print(f"not measured without --data: {', '.join(unmeasured)}")
    return results


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--split", type=Path, default=Path("configs/anny/quality.yaml"))
    parser.add_argument("--seed", type=int, help="of other unseen identities than the split's")
    parser.add_argument("--unseen", type=Path, help="dataset of unseen identities and motions made earlier")
    parser.add_argument("--data", type=Path, help="the dataset that the model was trained on")
    parser.add_argument("--surfaces", type=int, default=16, help="of each kind, whose Chamfer-l2 is measured")
    parser.add_argument("--frames", type=int, default=2000, help="training frames, evenly spaced")
    parser.add_argument("--fits", type=int, default=0, help="monocular fits of so many unseen identities")
    parser.add_argument("--bars", help="name of the table of bars; by default the model's name")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        split = load_quality_split(options.split)
        if options.seed is not None:
            split = dataclasses.replace(split, seed=options.seed)
        with tempfile.TemporaryDirectory() as work:
            results = measure(options, split, Path(work))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    if options.json:
        write_json(options.json, results)
    return 0 if all(row["passed"] for row in results["bars"]) else 1


if __name__ == "__main__":
    sys.exit(main())
