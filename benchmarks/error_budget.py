"""Where the error of a fit comes from: shape or poses, and which term of the energy pulls away from the truth.

    python benchmarks/error_budget.py [--model anny-full] [--seed 1234] [--subjects N] [--json FILE]

On sequences of the canonical benchmark (see canonical_fit.py), each seen from four sides. Measured like there, and by
the mean distance of corresponding points:

- fit: of the first view, as `npm-studio fit` does it;
- true shape, fitted poses: the same of a model that knows no other shape than the true one;
- fitted shape, true poses: the shape of the fit, its poses from true correspondences;
- both true: what the model can represent;
- four views: all four views in one fit, the ceiling of one view.

The true shape is the code that agrees best with signed distances of the true surface, true poses are Gauss-Newton
steps on correspondences all over the surface. Then, at the true codes, of each term at the end of the fit, for the
whole body and its parts (see `energy_terms.term_figures`): mean residual and bias in mm, gradients, and which step it
would take from the truth. A term without fault pulls nowhere.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from body_parts import PARTS, BodyParts, vertex_parts
from canonical_measures import Figures, PosedSurface, measure_surface
from energy_terms import state_at, term_figures
from plain import measured
from torch import Tensor
from true_codes import EXACT, TrueSurface, of_one_shape, true_poses, true_shape, true_surface

from engine.core.devices import describe_device, resolve_device
from engine.core.errors import InputError
from engine.core.process import prepare_process
from engine.geometry.mesh import Mesh
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import FittedCodes, fit_codes
from engine.methods.npm.observations import Observations
from engine.methods.npm.observing import observe
from engine.models.checkpoint import load_model
from engine.models.model import NeuralParametricModel
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.opening import open_subject
from engine.sequences.reader import registered_readers
from engine.sequences.truth import load_truth
from engine.surface.extract import extract_surface, pose_vertices
from external.anny.rig import AnnyModel, Rig
from npm_studio.resources import model_path
from npm_studio.suites.canonical import BODIES, FRAMES, SUBJECTS, CanonicalSequence, make_sequences

VIEWS = 4
FIT, TRUE_SHAPE, TRUE_POSES, BOTH_TRUE, AROUND = (
    "fit", "true shape, fitted poses", "fitted shape, true poses", "both true", "four views",
)  # fmt: skip
COLUMNS = ("iou", "chamfer_l2", "epe", "correspondence_mm", "failed_frames")
_CORES_PER_PROCESS = 4


@dataclass(frozen=True)
class Effort:
    """How much work to do; less to try things out."""

    config: FitConfig
    exact: FitConfig
    shape_steps: int


def observe_view(folder: Path, model: NeuralParametricModel) -> Observations:
    return observe(open_subject(folder, registered_readers(), CaptureOptions(), model), model)


def fits_of(
    model: NeuralParametricModel, views: Sequence[Observations], truth: TrueSurface, effort: Effort
) -> dict[str, FittedCodes]:
    """The codes of each line of the budget."""
    shape = true_shape(model, truth.rest, effort.shape_steps).cpu()
    fit = fit_codes(model, views[0], effort.config)
    under_true = fit_codes(of_one_shape(model, shape), views[0], effort.config)
    return {
        FIT: fit,
        TRUE_SHAPE: replace(under_true, shape_code=shape),
        TRUE_POSES: true_poses(model, fit.shape_code, truth, effort.exact),
        BOTH_TRUE: true_poses(model, shape, truth, effort.exact),
        AROUND: fit_codes(model, replace(views[0], others=tuple(views[1:])), effort.config),
    }


def surface_of(model: NeuralParametricModel, codes: FittedCodes, resolution: int) -> PosedSurface:
    """The surface of ``codes`` in all frames.

    Raises:
        InputError: the shape has none.
    """
    similarity, shape = model.info.similarity, codes.shape_code.to(model.device)
    mesh = extract_surface(model, shape, resolution)
    if mesh.is_empty:
        raise InputError(model.info.name, "a fitted shape has no surface", "train the model longer")
    places = zip(codes.pose_codes, codes.rotations.double().numpy(), codes.translations.double().numpy(), strict=True)
    frames = [
        similarity.to_world(pose_vertices(model, shape, pose.to(model.device), mesh.vertices) @ rotation.T + shift)
        for pose, rotation, shift in places
    ]
    rest = Mesh(similarity.to_world(mesh.vertices).astype(np.float32), mesh.faces)
    return PosedSurface(rest, np.stack(frames).astype(np.float32))


def parts_of(rig: Rig, rest: Mesh, device: torch.device) -> "_PartOf":
    """The parts of points on the true surface ``rest``, whose vertices are those of ``rig``.

    Raises:
        InputError: they are not.
    """
    if len(rest.vertices) != len(rig.weights):
        problem = f"has {len(rest.vertices)} vertices, and bodies of Anny {len(rig.weights)}"
        raise InputError("the truth", problem, "make the sequences again")
    return _PartOf(BodyParts(rest.vertices, vertex_parts(rig.bone_names, rig.weights)), device)


@dataclass(frozen=True)
class _PartOf:
    """`BodyParts` of tensors."""

    parts: BodyParts
    device: torch.device

    def __call__(self, points: Tensor) -> Tensor:
        return torch.from_numpy(self.parts(points.cpu().numpy())).to(self.device)


def mean_terms(sequences: Sequence[Sequence[Figures]]) -> list[Figures]:
    """Means over sequences of rows of `term_figures`; of what is not known everywhere, over those that know it."""
    groups: dict[tuple[str, str], list[Figures]] = {}
    for rows in sequences:
        for row in rows:
            groups.setdefault((row["term"], row["part"]), []).append(row)
    found = []
    for (term, part), group in groups.items():
        known = [row for row in group if row["residual"] is not None]
        mean: Figures = {"term": term, "part": part}
        mean["residual"] = float(np.mean([row["residual"] for row in known])) if known else None
        mean["bias"] = np.mean([row["bias"] for row in known], axis=0).tolist() if known else []
        names = [name for name in group[0] if name.startswith(("gradient", "pull"))]
        found.append(mean | {name: float(np.mean([row[name] for row in group])) for name in names})
    return found


def print_budget(title: str, rows: Mapping[str, Figures]) -> None:
    print(f"{title:34s}{'IoU':>7s}{'Chamfer-l2':>12s}{'EPE':>9s}{'match mm':>10s}{'failed':>8s}")
    for name, row in rows.items():
        iou, chamfer, epe, match, failed = (row[column] for column in COLUMNS)
        print(f"  {name:32s}{iou:7.3f}{chamfer * 1e3:9.4f}e-3{epe:9.4f}{match:10.1f}{failed:8.1%}", flush=True)


def print_terms(rows: Sequence[Figures], mm: float) -> None:
    """``mm`` to a canonical unit."""
    print(
        f"  {'at the true codes':26s}{'residual':>9s}{'bias, mm':>24s}{'gradient: shape':>16s}{'poses':>9s}"
        f"{'pull: shape':>12s}{'poses':>7s}{'pull, mm':>10s}"
    )
    for row in rows:
        residual = "" if row["residual"] is None else f"{row['residual'] * mm:.2f}"
        bias = " ".join(f"{value * mm:7.2f}" for value in row["bias"])
        gradients = f"{row['gradient_shape']:16.1f}{row['gradient_pose']:9.1f}"
        pulls = f"{row['pull_shape']:12.2f}{row['pull_pose']:7.2f}{row['pull'] * mm:10.2f}"
        print(f"  {row['term']:14s}{row['part']:12s}{residual:>9s}{bias:>24s}{gradients}{pulls}", flush=True)


@dataclass(frozen=True, eq=False)
class _Waiting:
    """A sequence whose meshes are being measured."""

    name: str
    measured: Mapping[str, Future[Figures]]
    terms: Sequence[Figures]


def _begin(
    sequence: CanonicalSequence,
    model: NeuralParametricModel,
    rig: Rig,
    effort: Effort,
    pool: ProcessPoolExecutor,
    sizes: tuple[int, int],
) -> _Waiting:
    folders = [sequence.folder / f"view_{view}" for view in range(VIEWS)]
    folder, similarity = folders[0] / "truth", model.info.similarity
    truth = true_surface(load_truth(folder), similarity)
    views = [observe_view(view, model) for view in folders]
    codes = fits_of(model, views, truth, effort)
    measured = {
        name: pool.submit(
            measure_surface, surface_of(model, each, effort.config.resolution), similarity, folder, *sizes
        )
        for name, each in codes.items()
    }
    state = state_at(model, views[0], effort.config, codes[BOTH_TRUE])
    terms = term_figures(state, parts_of(rig, truth.rest, model.device), PARTS)
    print(f"fitted {sequence.name}", flush=True)
    return _Waiting(sequence.name, measured, terms)


def measure(options: argparse.Namespace, work: Path) -> Figures:
    path = model_path(options.model)
    model = load_model(path, resolve_device(options.device))
    children = min(BODIES.children, options.subjects - 1)
    split = replace(
        BODIES, seed=options.seed, adults=options.subjects - children, children=children, frames=options.frames
    )
    sequences = make_sequences(split, work / "sequences", views=VIEWS, device=model.device)
    effort = Effort(FitConfig(), EXACT, BODIES.shape_steps)
    if options.steps is not None:
        config, exact = (each.model_copy(update={"steps": options.steps}) for each in (effort.config, effort.exact))
        effort = Effort(config, exact, options.steps)
    rig, mm = AnnyModel().rig, 1e3 / model.info.similarity.scale
    processes = max(1, (os.cpu_count() or 1) // _CORES_PER_PROCESS)
    machine = describe_device(model.device)
    print(f"{model.info.name} on {machine}; canonical units where no other is said")
    budgets, terms = {}, {}
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        sizes = options.samples, options.iou_points
        waiting = [_begin(sequence, model, rig, effort, pool, sizes) for sequence in sequences]
        for each in waiting:
            budgets[each.name] = {name: future.result() for name, future in each.measured.items()}
            terms[each.name] = each.terms
            print_budget(each.name, budgets[each.name])
            print_terms([row for row in each.terms if row["part"] == "all"], mm)
    names = next(iter(budgets.values())).keys()
    mean = {
        name: {column: float(np.mean([budget[name][column] for budget in budgets.values()])) for column in COLUMNS}
        for name in names
    }
    print_budget(f"mean of {len(budgets)}", mean)
    means = mean_terms(list(terms.values()))
    print_terms(means, mm)
    return {
        "model": model.info.name,
        "machine": machine,
        "budgets": budgets,
        "terms": terms,
        "mean": mean,
        "mean_terms": means,
    }


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="anny-full", metavar="M", help="folder or name")
    parser.add_argument("--seed", type=int, default=BODIES.seed)
    parser.add_argument("--subjects", type=int, default=SUBJECTS)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--steps", type=int, help="of every fit, in place of its default")
    parser.add_argument("--samples", type=int, default=100_000, help="points of each surface; fewer raise Chamfer-l2")
    parser.add_argument("--iou-points", type=int, default=1_000_000)
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keep the sequences here")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = measured(lambda work: measure(options, options.work or work), options.json)
    return 2 if results is None else 0


if __name__ == "__main__":
    sys.exit(main())
