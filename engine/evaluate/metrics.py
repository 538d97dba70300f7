"""How well predicted meshes of a sequence agree with the true ones.

The definitions are those of Palafox et al. 2021 (NPMs), in canonical units. A closed surface is compared by random
samples, so every figure comes with the number of samples and the seed that it was made with.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, InputError
from engine.core.files import natural_key
from engine.core.progress import Progress
from engine.evaluate.measures import compare_samples, draw_samples, end_point_errors, keyframes_of, volume_iou
from engine.geometry.mesh import load_mesh

FAILED_CHAMFER_L2 = 0.05e-3
"""A frame with a larger Chamfer-l2 has lost at least a limb: its fit is in a wrong local minimum."""


@dataclass(frozen=True)
class MetricDefinition:
    """What a figure means; shown wherever the figure is."""

    name: str
    title: str
    unit: str
    better: Literal["higher", "lower"]
    definition: str


METRICS: tuple[MetricDefinition, ...] = (
    MetricDefinition(
        "iou",
        "IoU",
        "1",
        "higher",
        "Volume of the intersection over volume of the union, by random points. The points fill the joint bounding "
        "box of both meshes: the value expected is that of the whole cube, where both are empty outside the box.",
    ),
    MetricDefinition(
        "chamfer_l2",
        "Chamfer-l2",
        "canonical units squared",
        "lower",
        "Half the sum of the mean squared distances between surface samples, prediction to truth and truth to "
        "prediction.",
    ),
    MetricDefinition(
        "accuracy",
        "Accuracy",
        "canonical units",
        "lower",
        "Mean distance of samples of the prediction to the nearest sample of the truth.",
    ),
    MetricDefinition(
        "completeness",
        "Completeness",
        "canonical units",
        "lower",
        "Mean distance of samples of the truth to the nearest sample of the prediction.",
    ),
    MetricDefinition(
        "normal_consistency",
        "Normal consistency",
        "1",
        "higher",
        "Mean absolute cosine between the face normals of nearest samples, average of both directions.",
    ),
    MetricDefinition(
        "epe",
        "EPE",
        "canonical units",
        "lower",
        "End-point error of tracking: mean distance, in all frames but the keyframe, between points of the true "
        "surface and the points of the prediction that were nearest to them in the keyframe.",
    ),
)
"""Every figure of `SequenceMetrics`, in the order of reports."""


@dataclass(frozen=True, eq=False)
class SequenceMetrics:
    """Figures of one sequence: means over its frames, named as in `METRICS`."""

    iou: float
    chamfer_l2: float
    accuracy: float
    completeness: float
    normal_consistency: float
    epe: float
    """NaN for a sequence of one frame: there is no motion to follow."""
    per_frame: Mapping[str, NDArray[np.float64]]
    """The same figures frame by frame, (F,) each; the EPE of the only keyframe is NaN."""
    samples: int
    """Surface samples per mesh."""
    iou_points: int
    """Points per frame."""
    seed: int
    keyframes: tuple[int, ...]

    @property
    def median_frame_chamfer_l2(self) -> float:
        """Chamfer-l2 of the median frame: what a typical frame looks like when a few have failed."""
        return float(np.median(self.per_frame["chamfer_l2"]))

    @property
    def failed_frames(self) -> float:
        """Share of the frames whose Chamfer-l2 is above `FAILED_CHAMFER_L2`."""
        return float((self.per_frame["chamfer_l2"] > FAILED_CHAMFER_L2).mean())

    def means(self) -> dict[str, float | None]:
        """Figure by name, None for one that is not defined, ready for JSON."""
        return {metric.name: _json_number(getattr(self, metric.name)) for metric in METRICS}

    def as_dict(self, frame_names: tuple[str, ...]) -> dict[str, Any]:
        """Everything, with definitions, ready for JSON.

        Args:
            frame_names: F names
        """
        assert len(frame_names) == len(self.per_frame["iou"])
        return {
            **self.means(),
            "median_frame_chamfer_l2": self.median_frame_chamfer_l2,
            "failed_frames": self.failed_frames,
            "samples": self.samples,
            "iou_points": self.iou_points,
            "seed": self.seed,
            "keyframes": [frame_names[index] for index in self.keyframes],
            "frames": list(frame_names),
            "per_frame": {name: [_json_number(v) for v in values] for name, values in self.per_frame.items()},
            "definitions": {m.name: {k: v for k, v in asdict(m).items() if k != "name"} for m in METRICS},
        }


def evaluate_sequence(
    predicted_vertices: NDArray[np.floating],
    predicted_faces: NDArray[np.integer],
    truth_vertices: NDArray[np.floating],
    truth_faces: NDArray[np.integer],
    samples: int = 100_000,
    iou_points: int = 1_000_000,
    seed: int = 0,
    progress: Progress | None = None,
) -> SequenceMetrics:
    """Compare a predicted sequence of meshes with the true one, frame by frame.

    Args:
        predicted_vertices: (F, V, 3), canonical units
        predicted_faces: (T, 3), one topology for all frames
        truth_vertices: (F, W, 3), canonical units
        truth_faces: (U, 3)
        samples: surface samples per mesh and frame
        iou_points: points per frame
        seed: of all samples; the same arguments give the same figures

    Raises:
        InputError: a mesh has no area or coordinates that are not finite.
        Cancelled: ``progress`` asked to stop.
    """
    progress = progress or Progress()
    for vertices, faces, whose in (
        (predicted_vertices, predicted_faces, "prediction"),
        (truth_vertices, truth_faces, "truth"),
    ):
        assert vertices.ndim == 3 and vertices.shape[2] == 3, vertices.shape
        assert faces.ndim == 2 and faces.shape[1] == 3, faces.shape
        _check_surfaces(vertices, faces, whose)
    frames = len(truth_vertices)
    assert len(predicted_vertices) == frames > 0, (len(predicted_vertices), frames)
    *streams, tracking = np.random.default_rng(seed).spawn(frames + 1)
    rows = []
    progress.stage("evaluate", frames)
    for frame, stream in enumerate(streams):
        if progress.cancelled():
            raise Cancelled
        predicted = draw_samples(predicted_vertices[frame], predicted_faces, samples, stream)
        truth = draw_samples(truth_vertices[frame], truth_faces, samples, stream)
        figures = compare_samples(*predicted, *truth)
        figures["iou"] = volume_iou(
            predicted_vertices[frame], predicted_faces, truth_vertices[frame], truth_faces, iou_points, stream
        )
        rows.append(figures)
        progress.advance(frame + 1)
    per_frame = {
        metric.name: np.array([row[metric.name] for row in rows]) for metric in METRICS if metric.name != "epe"
    }
    keyframes = keyframes_of(frames)
    errors = end_point_errors(
        predicted_vertices, predicted_faces, truth_vertices, truth_faces, keyframes, samples, tracking
    )
    means = {name: float(values.mean()) for name, values in per_frame.items()}
    return SequenceMetrics(
        **means,
        epe=_mean_of_known(errors),
        per_frame={**per_frame, "epe": np.array([_mean_of_known(column) for column in errors.T])},
        samples=samples,
        iou_points=iou_points,
        seed=seed,
        keyframes=keyframes,
    )


def surface_distance(
    points: NDArray[np.floating], vertices: NDArray[np.floating], faces: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Unsigned distance (N,) of ``points`` (N, 3) to a mesh, exact, in the mesh's unit; colours of error maps.

    Args:
        vertices: (V, 3)
        faces: (T, 3)
    """
    import igl

    assert points.ndim == 2 and points.shape[1] == 3, points.shape
    squared = igl.point_mesh_squared_distance(
        np.ascontiguousarray(points, np.float64),
        np.ascontiguousarray(vertices, np.float64),
        np.ascontiguousarray(faces, np.int64),
    )[0]
    distance: NDArray[np.float32] = np.sqrt(squared).astype(np.float32)
    return distance


def load_truth(folder: Path) -> tuple[NDArray[np.int32], NDArray[np.float32], tuple[str, ...]]:
    """The true meshes of a sequence: ``folder/*.ply`` in natural order, all of one topology, canonical units.

    Returns:
        Faces (T, 3), vertices (F, W, 3) and the F frame names.

    Raises:
        InputError: the folder has no such meshes, or one of them is damaged or of another topology.
    """
    cure = "give a folder of PLY files, one per frame"
    if not folder.is_dir():
        raise InputError(folder, "is a file, not a folder" if folder.exists() else "no such folder", cure)
    paths = sorted((p for p in folder.glob("*.ply") if not p.name.startswith(".")), key=natural_key)
    if not paths:
        raise InputError(folder, "has no PLY files", cure)
    first = load_mesh(paths[0])
    vertices = np.empty((len(paths), *first.vertices.shape), np.float32)
    for index, path in enumerate(paths):
        mesh = load_mesh(path)
        if len(mesh.vertices) != len(first.vertices) or not np.array_equal(mesh.faces, first.faces):
            raise InputError(path, f"has other triangles than {paths[0].name}", "all frames must share one topology")
        vertices[index] = mesh.vertices
    return first.faces, vertices, tuple(path.stem for path in paths)


def match_frames(wanted: tuple[str, ...], available: tuple[str, ...], folder: Path) -> list[int]:
    """Positions in ``available`` of the frames ``wanted``, by name.

    Raises:
        InputError: ``folder``, where the available ones come from, lacks one.
    """
    positions = {name: index for index, name in enumerate(available)}
    missing = [name for name in wanted if name not in positions]
    if missing:
        problem = f"lacks {len(missing)} of {len(wanted)} frames, the first is {missing[0]}.ply"
        raise InputError(folder, problem, "name the truth of the sequence that was fitted")
    return [positions[name] for name in wanted]


def _check_surfaces(vertices: NDArray[np.floating], faces: NDArray[np.integer], whose: str) -> None:
    if not np.isfinite(vertices).all():
        raise InputError(whose, "has vertices that are not finite", "fit or export it again")
    for frame, positions in enumerate(vertices):
        corners = positions[faces]
        edges = corners[:, 1:] - corners[:, :1]
        if not np.any(np.cross(edges[:, 0], edges[:, 1])):
            raise InputError(f"{whose}, frame {frame}", "has no surface", "fit or export it again")


def _mean_of_known(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def _json_number(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if math.isfinite(value) else None
