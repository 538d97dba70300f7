"""Sampling the signed-distance pools of a dataset's canonical meshes; `engine.dataset.pools` has their format.

Beside the samples, ``<identity>/pools`` holds ``report.json`` (settings, repair, agreement of two engines) and, where
it is not the canonical mesh, ``watertight.ply``: the mesh that was sampled. That is the closed mesh which came with the
dataset, if one did, else the canonical mesh, repaired where it had to be. ``canonical.npy`` stays as it is.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, Choice, InputError, Setting, Task, remedy
from engine.core.files import read_json, replacing_folder, write_json
from engine.core.progress import Progress
from engine.dataset.arrays import SdfPools
from engine.dataset.fingerprint import mesh_fingerprint
from engine.dataset.pools import mesh_to_sample, pools_are_stale, pools_folder
from engine.dataset.preparation.near_samples import SIGMAS, Distribution, near_points
from engine.dataset.preparation.second_engine import LIMIT, EngineCheck, check_samples
from engine.dataset.registered import RegisteredDataset
from engine.geometry.ply import save_compact_ply
from engine.geometry.repair.repair import TOLERANCE, NotRepairableError, Repair, repair_watertight
from engine.geometry.signed_distance import face_normals, sample_surface, signed_distance
from engine.surface.winding_surface import winding_surface

FEWEST_CHECKED = 2000
"""The second engine sees at least so many samples of each identity."""


@dataclass(frozen=True)
class Sampling:
    """How pools are sampled, apart from how many samples."""

    distribution: Distribution = "normal"
    """Of near samples; see `engine.dataset.preparation.near_samples.near_points`."""
    sigmas: tuple[float, ...] = SIGMAS
    """Of the distribution ``gaussian``, canonical units."""
    check_fraction: float = 0.02
    """Fraction of near and uniform samples that the second engine evaluates too."""
    tolerance: float = TOLERANCE
    """How far repair may move the surface, canonical units; see `engine.geometry.repair.repair`."""

    def stored_settings(self) -> dict[str, Any]:
        """For the report beside the pools, by the names that reports have had from the start."""
        return {
            "law": self.distribution,
            "sigmas": list(self.sigmas),
            "check_share": self.check_fraction,
            "tolerance": self.tolerance,
        }

    def __post_init__(self) -> None:
        if not 0 <= self.check_fraction <= 1:
            raise InputError(Choice(Setting.CHECKED, f"{self.check_fraction:g}"), "must lie between 0 and 1")
        if not self.sigmas or not all(0 < sigma <= 1 for sigma in self.sigmas):
            raise InputError(
                Choice(Setting.SPREAD, " ".join(f"{sigma:g}" for sigma in self.sigmas)),
                "must lie between 0 and 1 (canonical units)",
            )
        if not 0 < self.tolerance < 1:
            raise InputError(
                Choice(Setting.TOLERANCE, f"{self.tolerance:g}"), "must lie between 0 and 1 (canonical units)"
            )


_COUNTS = (Setting.NEAR_SAMPLES, Setting.UNIFORM_SAMPLES, Setting.SURFACE_SAMPLES)
SAMPLING = Sampling()


@dataclass(frozen=True)
class PoolSummary:
    """What `prepare_pools` did; names are identities."""

    written: tuple[str, ...]
    kept: tuple[str, ...]
    """Had pools of their own already."""
    given: tuple[str, ...]
    """Samples came with the dataset."""
    repaired: dict[str, dict[str, Any]]
    refused: dict[str, InputError]
    checked: int
    sign_disagreements: int
    largest_difference: float

    @property
    def disagreement_rate(self) -> float:
        """Fraction of checked samples about whose sign the two engines disagree."""
        return self.sign_disagreements / max(self.checked, 1)


def sample_pools(
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    counts: tuple[int, int, int],
    generator: np.random.Generator,
    sampling: Sampling = SAMPLING,
) -> SdfPools:
    """Sample the pools of one closed, outward canonical mesh.

    The value of a near sample is its distance to the whole mesh and not the offset that it was drawn with, which
    differs in folds. Points are rounded to single precision before their distance is taken, so values belong to the
    points as they are stored.

    Args:
        vertices: (V, 3), canonical units
        faces: (T, 3)
        counts: number of near, uniform and surface samples
    """
    near_count, uniform_count, surface_count = counts
    near = near_points(vertices, faces, near_count, sampling.distribution, sampling.sigmas, generator)
    uniform = generator.uniform(-0.5, 0.5, (uniform_count, 3))
    points = np.concatenate((near, uniform)).astype(np.float32)
    samples = np.column_stack((points, signed_distance(points, vertices, faces)))
    picks, barycentric = sample_surface(vertices, faces, surface_count, generator)
    surface = (np.asarray(vertices, np.float64)[faces[picks]] * barycentric[:, :, None]).sum(axis=1)
    normals = face_normals(vertices, faces)[picks]
    return SdfPools(samples[:near_count], samples[near_count:], np.column_stack((surface, normals)).astype(np.float32))


def check_pools(
    pools: SdfPools,
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    fraction: float,
    generator: np.random.Generator,
) -> EngineCheck:
    """A random ``fraction`` of near and uniform samples (at least `FEWEST_CHECKED`) evaluated by a second engine.

    Args:
        vertices: (V, 3) of the mesh that was sampled
        faces: (T, 3)
    """
    samples = np.concatenate((pools.near, pools.uniform))
    count = min(max(round(fraction * len(samples)), FEWEST_CHECKED), len(samples)) if fraction > 0 else 0
    return check_samples(samples[generator.choice(len(samples), count, replace=False)], vertices, faces)


def check_canonical(vertices: NDArray[np.floating], path: Path) -> None:
    """Refuse canonical vertices (V, 3) that are not finite or leave the cube.

    Raises:
        InputError: naming ``path``.
    """
    if not np.isfinite(vertices).all():
        raise InputError(path, "has vertices that are not finite", "export it again")
    extent = float(np.abs(vertices).max(initial=0.0))
    if extent > 0.5:
        problem = f"leaves the cube [-0.5, 0.5]^3 (reaches {extent:.3f})"
        raise InputError(path, problem, remedy("bring it into the cube: {}", Task.NORMALISE))


def prepare_pools(
    dataset: RegisteredDataset,
    counts: tuple[int, int, int] = (200_000, 100_000, 50_000),
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
    sampling: Sampling = SAMPLING,
) -> PoolSummary:
    """Write the pools of every identity that has none yet, or those of a canonical mesh that it has no longer.

    Identities whose canonical mesh is refused are skipped and named in the summary; the others are written.

    Args:
        counts: number of near, uniform and surface samples of each identity
        workers: processes, each with one thread; 1 works in this process.

    Raises:
        InputError: a count is not positive, or a worker was stopped from outside.
        Cancelled: asked to stop; finished identities are kept.
    """
    for setting, count in zip(_COUNTS, counts, strict=True):
        if count < 1:
            raise InputError(Choice(setting, str(count)), "must be at least 1")
    progress = progress or Progress()
    names = dataset.identities
    state = [_state(dataset, i) for i in range(len(names))]
    kept = [i for i, value in enumerate(state) if value == "kept"]
    stale = [i for i, value in enumerate(state) if value == "stale"]
    missing = {pools_folder(dataset, i): i for i, value in enumerate(state) if value in ("missing", "stale")}
    settings = {"counts": list(counts), "seed": seed, **sampling.stored_settings()}
    _report_other_settings(dataset, kept, settings, progress)
    if stale:
        more = f" and {len(stale) - 3} more" if len(stale) > 3 else ""
        changed = f"{', '.join(names[i] for i in stale[:3])}{more}"
        progress.message(f"{changed}: the canonical mesh is another than the pools were made of; they are made anew")
    tasks = [_Task(i, folder, counts, seed, sampling, settings) for folder, i in missing.items()]
    reports, refused = _make_pools(dataset, tasks, workers, progress)
    checks = [report["check"] for report in reports.values()]
    return PoolSummary(
        written=tuple(names[i] for i in sorted(reports)),
        kept=tuple(names[i] for i in kept),
        given=tuple(name for name, value in zip(names, state, strict=True) if value == "given"),
        repaired={names[i]: reports[i]["repair"] for i in sorted(reports) if reports[i]["repair"]},
        refused={names[i]: error for i, error in refused.items()},
        checked=sum(check["points"] for check in checks),
        sign_disagreements=sum(check["sign_disagreements"] for check in checks),
        largest_difference=max((check["largest_difference"] for check in checks), default=0.0),
    )


def _make_pools(
    dataset: RegisteredDataset, tasks: list["_Task"], workers: int, progress: Progress
) -> tuple[dict[int, dict[str, Any]], dict[int, InputError]]:
    """The report of each identity that was sampled, and why the others were refused.

    Raises:
        Cancelled: asked to stop.
    """
    progress.stage("prepare", len(tasks))
    reports: dict[int, dict[str, Any]] = {}
    refused: dict[int, InputError] = {}
    for done, (identity, outcome) in enumerate(_outcomes(dataset, iter(tasks), min(workers, len(tasks)), progress), 1):
        if isinstance(outcome, InputError):
            refused[identity] = outcome
            progress.notice(outcome.as_notice("refused"))
        else:
            reports[identity] = outcome
            _report(dataset.identities[identity], outcome, progress)
        progress.advance(done)
    if progress.cancelled():
        raise Cancelled
    return reports, refused


def _state(dataset: RegisteredDataset, identity: int) -> str:
    if pools_folder(dataset, identity).is_dir():
        return "stale" if pools_are_stale(dataset, identity) else "kept"
    stored = dataset.stored[identity]
    return "missing" if stored.store.pools(stored.name) is None else "given"


def _report_other_settings(
    dataset: RegisteredDataset, kept: list[int], settings: dict[str, Any], progress: Progress
) -> None:
    other = []
    for identity in kept:
        path = pools_folder(dataset, identity) / "report.json"
        report = read_json(path) if path.is_file() else None
        if not isinstance(report, dict) or report.get("settings") != settings:
            other.append(identity)
    if other:
        progress.message(
            f"{len(other)} identities keep pools that were made with other settings; remove "
            f"{pools_folder(dataset, other[0])}{' and the others' if len(other) > 1 else ''} to sample them again"
        )


def _report(name: str, report: dict[str, Any], progress: Progress) -> None:
    if report["came_watertight"]:
        progress.message(f"{name}: sampled from the watertight mesh that came with it")
    if repair := report["repair"]:
        progress.message(
            f"{name}: repaired: {', '.join(repair['steps'])}; 95 % of the surface stays within "
            f"{repair['distance_95']:.2g} canonical units, all of it within {repair['distance_max']:.2g}"
        )
    check = report["check"]
    if check["sign_disagreement_rate"] > LIMIT:
        progress.message(
            f"warning: {name}: two engines disagree about the sign of {check['sign_disagreements']} of "
            f"{check['points']} samples; check its canonical mesh"
        )


@dataclass(frozen=True)
class _Task:
    """The pools of one identity to make, wherever that happens."""

    identity: int
    folder: Path
    counts: tuple[int, int, int]
    seed: int
    sampling: Sampling
    settings: dict[str, Any]
    came_watertight: bool = False
    """Whether the mesh to sample is a closed one that came with the dataset, and not the canonical mesh."""


def _work(task: _Task, vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> dict[str, Any] | InputError:
    """Write the pools of one identity; returns its report, or why its mesh (V, 3), (T, 3) is refused."""
    canonical = task.folder.parent / "canonical.npy"
    subject = canonical if canonical.is_file() else task.folder.parent
    try:
        check_canonical(vertices, subject)
        repair = repair_watertight(vertices, faces, task.sampling.tolerance, winding_surface)
    except InputError as error:
        return error
    except NotRepairableError as error:
        return InputError(subject, str(error), remedy("repair the mesh, or allow more with {}", Setting.TOLERANCE))
    mesh = repair.mesh
    pools = sample_pools(
        mesh.vertices, mesh.faces, task.counts, np.random.default_rng([task.seed, task.identity]), task.sampling
    )
    chooser = np.random.default_rng([task.seed, task.identity, 1])
    check = check_pools(pools, mesh.vertices, mesh.faces, task.sampling.check_fraction, chooser)
    report = {
        "settings": task.settings,
        "mesh": mesh_fingerprint(vertices, faces),
        "came_watertight": task.came_watertight,
        "repair": _repair_as_dict(repair),
        "check": check.as_dict(),
    }
    with replacing_folder(task.folder) as folder:
        for name in ("near", "uniform", "surface"):
            np.save(folder / f"{name}.npy", getattr(pools, name))
        if repair.steps or task.came_watertight:
            save_compact_ply(mesh, folder / "watertight.ply")
        write_json(folder / "report.json", report)
    return report


def _repair_as_dict(repair: Repair) -> dict[str, Any] | None:
    if not repair.steps:
        return None
    return {
        "steps": list(repair.steps),
        "distance_95": repair.distance_95,
        "distance_max": repair.distance_max,
        "unit": "canonical",
        "vertices": len(repair.mesh.vertices),
        "triangles": len(repair.mesh.faces),
    }


def _outcomes(
    dataset: RegisteredDataset, tasks: Iterator[_Task], workers: int, progress: Progress
) -> Iterator[tuple[int, dict[str, Any] | InputError]]:
    """Identities and what came of them, in order, until ``progress`` asks to stop."""

    def load(task: _Task) -> tuple[_Task, NDArray[np.floating], NDArray[np.integer]] | InputError:
        try:
            vertices, faces, came = mesh_to_sample(dataset, task.identity)
            return replace(task, came_watertight=came), vertices, faces
        except InputError as error:
            return error

    if workers <= 1:
        for task in tasks:
            if progress.cancelled():
                return
            loaded = load(task)
            yield task.identity, loaded if isinstance(loaded, InputError) else _work(*loaded)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker)
    try:
        waiting: deque[tuple[int, Future[dict[str, Any] | InputError] | InputError]] = deque()
        while not progress.cancelled():
            for task in islice(tasks, 2 * workers - len(waiting)):  # no more meshes in memory than there is work for
                loaded = load(task)
                future = loaded if isinstance(loaded, InputError) else pool.submit(_work, *loaded)
                waiting.append((task.identity, future))
            if not waiting:
                return
            identity, outcome = waiting.popleft()
            yield identity, outcome if isinstance(outcome, InputError) else outcome.result()
    except BrokenProcessPool:
        problem = "a process that prepared it was stopped, most likely for want of memory"
        raise InputError(
            dataset.root, problem, "close other programs and go on: finished identities are kept"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which lets the identities in work end
    os.environ["IGL_NUM_THREADS"] = "1"  # there is one process per core; libigl is imported after this
