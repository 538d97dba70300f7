"""What each metric means; shown wherever the metric is."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class MetricDefinition:
    """One metric."""

    name: str
    title: str
    unit: str
    better: Literal["higher", "lower"]
    definition: str


@dataclass(frozen=True)
class CanonicalMetric(MetricDefinition):
    """A length in the canonical units of a similarity, for comparison with published tables."""

    world: str
    """Name of the metric in millimetres that it is derived from."""
    power: int
    """Of the length."""

    def from_world(self, value: Any, scale: float) -> Any:
        """``value``, a number or array in mm (or mm²), in canonical units; ``scale`` in canonical units per metre."""
        return value * (scale / 1000) ** self.power


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
        "accuracy_mm",
        "Accuracy",
        "mm",
        "lower",
        "Mean distance of samples of the prediction to the nearest sample of the truth.",
    ),
    MetricDefinition(
        "completeness_mm",
        "Completeness",
        "mm",
        "lower",
        "Mean distance of samples of the truth to the nearest sample of the prediction.",
    ),
    MetricDefinition(
        "chamfer_l2_mm2",
        "Chamfer-l2",
        "mm²",
        "lower",
        "Half the sum of the mean squared distances between surface samples, prediction to truth and truth to "
        "prediction.",
    ),
    MetricDefinition(
        "normal_consistency",
        "Normal consistency",
        "1",
        "higher",
        "Mean absolute cosine between the face normals of nearest samples, average of both directions.",
    ),
    MetricDefinition(
        "epe_mm",
        "EPE",
        "mm",
        "lower",
        "End-point error of tracking: mean distance, in all frames but the keyframe, between points of the true "
        "surface and the points of the prediction that were nearest to them in the keyframe.",
    ),
    MetricDefinition(
        "correspondence_mm",
        "Correspondence error",
        "mm",
        "lower",
        "Mean distance of the true vertices to the points of the prediction that have the same place on the subject: "
        "the same vertex where both have the same triangles, else the point of the predicted canonical surface that "
        "is nearest to the vertex in the canonical pose, posed. It sees a left and a right that are exchanged.",
    ),
    MetricDefinition(
        "jitter_m_per_s2",
        "Jitter",
        "m/s²",
        "lower",
        "Acceleration error (Kanazawa et al. 2019): mean length of the difference between the accelerations of points "
        "of the true surface and of the points of the prediction that were nearest to them in the first keyframe, by "
        "differences over three frames with their times.",
    ),
    MetricDefinition(
        "accuracy_visible_mm",
        "Accuracy, visible",
        "mm",
        "lower",
        "Accuracy of the samples whose nearest sample of the truth the camera sees in that frame.",
    ),
    MetricDefinition(
        "accuracy_hidden_mm",
        "Accuracy, hidden",
        "mm",
        "lower",
        "Accuracy of the samples whose nearest sample of the truth the camera does not see in that frame.",
    ),
    MetricDefinition(
        "completeness_visible_mm",
        "Completeness, visible",
        "mm",
        "lower",
        "Completeness of the samples of the truth that the camera sees in that frame.",
    ),
    MetricDefinition(
        "completeness_hidden_mm",
        "Completeness, hidden",
        "mm",
        "lower",
        "Completeness of the samples of the truth that the camera does not see in that frame.",
    ),
)
"""Metrics in the world, in the order of reports."""


def _canonical(name: str, world: str, power: int = 1) -> CanonicalMetric:
    metric = next(metric for metric in METRICS if metric.name == world)
    unit = "canonical units" + (" squared" if power == 2 else "")
    definition = f"{metric.title} in the canonical units of the similarity that is named with it."
    return CanonicalMetric(name, metric.title, unit, metric.better, definition, world, power)


CANONICAL_METRICS: tuple[CanonicalMetric, ...] = (
    _canonical("chamfer_l2", "chamfer_l2_mm2", 2),
    _canonical("accuracy", "accuracy_mm"),
    _canonical("completeness", "completeness_mm"),
    _canonical("epe", "epe_mm"),
)
"""The same lengths as published tables give them (Palafox et al. 2021)."""
