"""How well predicted meshes of a sequence agree with the true ones.

Measured in metres, frame by frame, on frames of the same name or time. A closed surface is compared by random samples,
so every figure comes with the number of samples and the seed that it was made with. Figures in canonical units, as in
Palafox et al. 2021 (NPMs), are derived with a similarity that is named beside them.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.evaluate.correspondence import Correspondences, corresponding_points
from engine.evaluate.definitions import CANONICAL_METRICS, METRICS
from engine.evaluate.measures import compare_samples, draw_samples, keyframes_of, tracking_errors, volume_iou
from engine.evaluate.prediction import Prediction, Sides
from engine.geometry.similarity import Similarity
from engine.geometry.visibility import visible_points
from engine.sequences.joining import JoinedFrames, join_frames
from engine.sequences.mesh_sequence import MeshSequence
from engine.sequences.truth import Truth

FAILED_CHAMFER_L2 = 0.05e-3
"""Canonical units squared. A frame above it has lost at least a limb: its fit is in a wrong local minimum."""
_UNKNOWN = "correspondence is unknown: the truth has other triangles in each frame"
_SPLIT = tuple(f"{name}_{which}" for name in ("accuracy", "completeness") for which in ("visible", "hidden"))


@dataclass(frozen=True, eq=False)
class SequenceMetrics:
    """Metrics of one sequence, named as in `METRICS` and `CANONICAL_METRICS`."""

    frame_names: tuple[str, ...]
    times_s: NDArray[np.float64]
    """(F,)"""
    per_frame: Mapping[str, NDArray[np.float64]]
    """(F,) by name; NaN where a metric is not defined."""
    means: Mapping[str, float]
    """Over the frames, by name; NaN where a metric is not defined, which `undefined` explains."""
    undefined: Mapping[str, str]
    """Reason by name."""
    similarity: Similarity | None
    """Of the canonical metrics."""
    similarity_of: Literal["truth", "model"] | None
    """Where that comes from."""
    joined: JoinedFrames
    samples: int
    """Surface samples per mesh."""
    iou_points: int
    """Points per frame."""
    seed: int
    keyframes: tuple[int, ...]

    @property
    def median_frame_chamfer_l2(self) -> float:
        """Canonical Chamfer-l2 of the median frame: what a typical frame looks like when a few have failed."""
        return float(np.median(self.per_frame["chamfer_l2"]))

    @property
    def failed_frames(self) -> float:
        """Fraction of the frames whose canonical Chamfer-l2 is above `FAILED_CHAMFER_L2`."""
        if self.similarity is None:
            return math.nan
        return float((self.per_frame["chamfer_l2"] > FAILED_CHAMFER_L2).mean())

    @property
    def named_similarity(self) -> str:
        """The similarity of the canonical metrics in words, empty without one."""
        if self.similarity is None:
            return ""
        centre = ", ".join(f"{number:g}" for number in self.similarity.centre)
        return f"{self.similarity.scale:g} per metre about ({centre}) m, of the {self.similarity_of}"

    def summary(self) -> dict[str, Any]:
        """Means by name, None for one that is not defined, and what they were made with; ready for JSON."""
        return {
            **{name: _json_number(value) for name, value in self.means.items()},
            "median_frame_chamfer_l2": _json_number(self.median_frame_chamfer_l2),
            "failed_frames": _json_number(self.failed_frames),
            "similarity": None if self.similarity is None else self.similarity.as_dict(),
            "similarity_of": self.similarity_of,
            "undefined": dict(self.undefined),
            "joined_by": self.joined.by,
            "frames_without_truth": list(self.joined.only_first),
            "truth_without_frames": list(self.joined.only_second),
            "samples": self.samples,
            "iou_points": self.iou_points,
            "seed": self.seed,
        }

    def as_dict(self) -> dict[str, Any]:
        """Everything, with definitions, ready for JSON."""
        definitions = {}
        for metric in (*METRICS, *CANONICAL_METRICS):
            fields = asdict(metric)
            definitions[metric.name] = {key: fields[key] for key in ("title", "unit", "better", "definition")}
        return {
            **self.summary(),
            "keyframes": [self.frame_names[index] for index in self.keyframes],
            "frames": list(self.frame_names),
            "timestamps_s": [_json_number(time) for time in self.times_s],
            "per_frame": {name: [_json_number(v) for v in values] for name, values in self.per_frame.items()},
            "definitions": definitions,
        }


def evaluate_sequence(
    prediction: Prediction,
    truth: Truth,
    samples: int = 100_000,
    iou_points: int = 1_000_000,
    seed: int = 0,
    progress: Progress | None = None,
) -> SequenceMetrics:
    """Compare a predicted sequence of meshes with the true one, on the frames that they have in common.

    Args:
        samples: surface samples per mesh and frame
        iou_points: points per frame
        seed: of all samples; the same arguments give the same metrics

    Raises:
        InputError: no frame is in both, one is in world and one in camera axes, or a mesh has no area or coordinates
            that are not finite.
        Cancelled: ``progress`` asked to stop.
    """
    progress = progress or Progress()
    joined = join_frames(prediction.meshes, truth.meshes)
    similarity = truth.similarity or prediction.similarity
    sides = Sides(prediction, truth, joined)
    correspondences = _correspondences(prediction, truth, sides)
    undefined = {} if isinstance(correspondences, Correspondences) else {"correspondence_mm": correspondences}
    if prediction.camera is None:
        undefined |= dict.fromkeys((f"{name}_mm" for name in _SPLIT), "the camera of the recording is not known")
    *streams, tracking = np.random.default_rng(seed).spawn(len(joined.pairs) + 1)
    rows = []
    progress.stage("evaluate", len(streams))
    for frame, stream in enumerate(streams):
        if progress.cancelled():
            raise Cancelled
        rows.append(_measure(sides, frame, similarity, correspondences, (samples, iou_points), stream))
        progress.advance(frame + 1)
    per_frame = {m.name: np.array([row.get(m.name, math.nan) for row in rows]) for m in METRICS}
    means = {name: _mean_of_known(values) for name, values in per_frame.items()}
    keyframes, times_s = keyframes_of(len(joined.pairs)), sides.times_s()
    undefined |= _why_untracked(prediction.meshes, truth.meshes, times_s)
    if prediction.meshes.one_topology and truth.meshes.one_topology:
        surfaces = (sides.moving("predicted"), sides.moving("true"))
        errors, accelerations = tracking_errors(*surfaces, times_s, keyframes, samples, tracking)
        per_frame["epe_mm"] = 1e3 * np.array([_mean_of_known(column) for column in errors.T])
        means["epe_mm"] = 1e3 * _mean_of_known(errors)
        per_frame["jitter_m_per_s2"], means["jitter_m_per_s2"] = accelerations, _mean_of_known(accelerations)
    return SequenceMetrics(
        frame_names=tuple(prediction.meshes.frame_names[one] for one, _ in joined.pairs),
        times_s=times_s,
        per_frame=per_frame | _canonical(per_frame, similarity),
        means=means | _canonical(means, similarity),
        undefined=undefined,
        similarity=similarity,
        similarity_of=None if similarity is None else "truth" if truth.similarity else "model",
        joined=joined,
        samples=samples,
        iou_points=iou_points,
        seed=seed,
        keyframes=keyframes,
    )


def _measure(
    sides: Sides,
    frame: int,
    similarity: Similarity | None,
    correspondences: Correspondences | str,
    sizes: tuple[int, int],
    generator: np.random.Generator,
) -> dict[str, float]:
    """The metrics of one frame that take nothing but its two meshes and the camera.

    Args:
        sizes: surface samples and points for the IoU
    """
    samples, iou_points = sizes
    predicted, true = sides.predicted(frame), sides.true(frame)
    _check_surface(*predicted, "prediction", frame)
    _check_surface(*true, "truth", frame)
    predicted_samples = draw_samples(*predicted, samples, generator)
    true_samples = draw_samples(*true, samples, generator)
    visible = None
    if sides.camera is not None:
        visible = visible_points(true_samples[0], *true, sides.camera.camera, sides.pose(frame))
    measured = compare_samples(*predicted_samples, *true_samples, visible)
    row = {"normal_consistency": measured.pop("normal_consistency")}
    for name, value in measured.items():
        power = 2 if name == "chamfer_l2" else 1
        row[f"{name}_mm{'2' if power == 2 else ''}"] = value * 1000**power
    scale, centre = (1.0, (0.0, 0.0, 0.0)) if similarity is None else (similarity.scale, similarity.centre)
    centred = [((vertices - centre) * scale, faces) for vertices, faces in (predicted, true)]
    row["iou"] = volume_iou(*centred[0], *centred[1], iou_points, generator)  # winding numbers are in single precision
    if isinstance(correspondences, Correspondences):
        row["correspondence_mm"] = 1e3 * float(correspondences.errors(*predicted, true[0]).mean())
    return row


def _correspondences(prediction: Prediction, truth: Truth, sides: Sides) -> Correspondences | str:
    """Points of the prediction for the true vertices, or why there are none."""
    if not prediction.meshes.one_topology:
        return "the prediction has other triangles in each frame"
    if not truth.meshes.one_topology:
        return _UNKNOWN
    return corresponding_points(sides.predicted(0)[1], prediction.canonical, sides.true(0)[1], truth.canonical)


def _why_untracked(predicted: MeshSequence, true: MeshSequence, times_s: NDArray[np.float64]) -> dict[str, str]:
    """Which metrics of tracking are not defined, and why."""
    tracking = ("epe_mm", "jitter_m_per_s2")
    if not predicted.one_topology:
        return dict.fromkeys(tracking, "the prediction has other triangles in each frame")
    if not true.one_topology:
        return dict.fromkeys(tracking, _UNKNOWN)
    reasons = {}
    if len(times_s) < 2:
        reasons["epe_mm"] = "one frame has no motion"
    if len(times_s) < 3:
        reasons["jitter_m_per_s2"] = "fewer than three frames have no acceleration"
    elif not (np.diff(times_s) > 0).any():
        reasons["jitter_m_per_s2"] = "the times of the frames are not known"
    return reasons


def _canonical(values: Mapping[str, Any], similarity: Similarity | None) -> dict[str, Any]:
    """Canonical metrics from those in the world; NaN without a similarity."""
    scale = math.nan if similarity is None else similarity.scale
    return {metric.name: metric.from_world(values[metric.world], scale) for metric in CANONICAL_METRICS}


def _check_surface(vertices: NDArray[np.floating], faces: NDArray[np.integer], whose: str, frame: int) -> None:
    if not np.isfinite(vertices).all():
        raise InputError(whose, f"has vertices that are not finite in frame {frame}", "fit or export it again")
    corners = vertices[faces]
    edges = corners[:, 1:] - corners[:, :1]
    if not np.any(np.cross(edges[:, 0], edges[:, 1])):
        raise InputError(f"{whose}, frame {frame}", "has no surface", "fit or export it again")


def _mean_of_known(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def _json_number(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if math.isfinite(value) else None
