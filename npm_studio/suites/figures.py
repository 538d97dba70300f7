"""The figures of a table."""

from engine.comparison.frame_errors import AGAINST_TRUTH, LOST_CORRESPONDENCE_MM, LOST_SURFACE_MM
from engine.evaluate.definitions import CANONICAL_METRICS, METRICS, MetricDefinition
from engine.evaluate.metrics import FAILED_CHAMFER_L2
from npm_studio.suites.measuring import WITHOUT_SCALE

SECONDS = "seconds_per_frame"
_KNOWN = {metric.name: metric for metric in (*METRICS, *CANONICAL_METRICS, *AGAINST_TRUTH)}


def _without_scale(name: str) -> MetricDefinition:
    metric, after = _KNOWN[name], "once the error of the sensor's scale, which no fit can know, is taken out"
    return MetricDefinition(
        name + WITHOUT_SCALE, f"{metric.title}*", metric.unit, metric.better, f"{metric.title} {after}."
    )


FIGURES: tuple[MetricDefinition, ...] = (
    _KNOWN["surface_mm"],
    _KNOWN["correspondence_mm"],
    _KNOWN["chamfer_l2"],
    _KNOWN["iou"],
    _KNOWN["epe_mm"],
    _KNOWN["normal_consistency"],
    _KNOWN["jitter_m_per_s2"],
    MetricDefinition(
        "lost",
        "Lost",
        "1",
        "lower",
        f"Fraction of the frames without a mesh, with a surface off by more than {LOST_SURFACE_MM:g} mm, or with "
        f"correspondences off by more than {LOST_CORRESPONDENCE_MM:g} mm.",
    ),
    MetricDefinition(
        "failed",
        "Failed",
        "1",
        "lower",
        f"Fraction of the frames without a mesh, or with a canonical Chamfer-l2 above {1000 * FAILED_CHAMFER_L2:g}e-3.",
    ),
    _without_scale("surface_mm"),
    _without_scale("correspondence_mm"),
    MetricDefinition(
        SECONDS,
        "s/frame",
        "s",
        "lower",
        "Seconds of the fit per frame, from the opened recording to meshes; what a first fit compiles is left out on a "
        "GPU.",
    ),
)
"""In the order of tables."""
BY_NAME = {figure.name: figure for figure in FIGURES}
MAIN = ("surface_mm", "correspondence_mm", "chamfer_l2", "iou", "lost", SECONDS)
"""Those that a summary shows."""


def shown(name: str, value: float | None) -> str:
    """A figure as summaries print it."""
    if value is None:
        return "-"
    if name == "chamfer_l2":
        return f"{1e3 * value:.4f}e-3"
    if name in ("lost", "failed"):
        return f"{value:.1%}".replace("%", " %")
    if name in ("iou", "normal_consistency"):
        return f"{value:.3f}"
    return f"{value:.3g}" if name == SECONDS else f"{value:.1f}"
