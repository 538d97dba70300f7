"""What is said of a run without knowing the truth: good, poor or failed, and why.

All rules are in one table, `_findings`, in the order in which their reasons are given: causes before what they lead
to. A run is failed if one rule says so, poor if none but one says that, and good else.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from engine.methods.distances import FrameMeasure, Measures
from engine.methods.run_schema import VerdictWord
from engine.methods.support import Support
from engine.models.labels import ModelInfo


@dataclass(frozen=True)
class Limit:
    """Beyond ``poor`` a run is poor, beyond ``failed`` it has failed."""

    poor: float
    failed: float

    def word(self, value: float) -> VerdictWord | None:
        """What ``value`` makes of a run; None where it is good enough. Less is worse where ``failed`` is the lesser."""
        sign = 1 if self.failed >= self.poor else -1
        return "failed" if sign * value > sign * self.failed else "poor" if sign * value > sign * self.poor else None


@dataclass(frozen=True)
class Thresholds:
    """Of the rules; sizes are the longest sides of boxes in world axes, and medians over the frames."""

    pixels: Limit = Limit(400, 100)
    """Fewest in which the subject is seen."""
    away: Limit = Limit(1.5, 3.0)
    """Distance of the subject, of the farthest that the model's coordinate network has seen."""
    below_class: Limit = Limit(0.12, 0.08)
    """Size of what is seen, of the cube of the model: less is not what a model has learned, which fills most of it."""
    above_class: Limit = Limit(1.0, 1.5)
    """The same, when it is more than fits into the cube."""
    below_fit: Limit = Limit(0.55, 0.2)
    """Size of what is seen, of the size of the fit without what lies behind something nearer, such as a table: less is
    a part of the subject, or another thing."""
    above_fit: Limit = Limit(1.4, 3.0)
    """The same, when more is seen than was fitted."""
    distance: Limit = Limit(0.015, 0.05)
    """Mean distance of what is seen to the fit, of the size of the fit."""
    least_distance_m: Limit = Limit(0.005, 0.01)
    """Metres that this distance may always be: the noise of a camera does not shrink with the subject."""
    noise: float = 0.8
    """Of the standard deviation of single pixels, by which it may be more: the mean magnitude of such errors."""
    scan_distance: Limit = Limit(0.007, 0.015)
    """The same of a scan, of which every side is known: nothing is left to guess."""
    beyond: Limit = Limit(0.15, 0.5)
    """Fraction of what is seen that is out of reach of the fit."""
    unseen: Limit = Limit(0.2, 0.8)
    """Fraction of the surface of the fit that should be seen and is not: of bodies that are fitted well, in rooms and
    with holes of sensors, 0 to 7 %; of halves of bodies 19 to 47 %."""
    below_m: Limit = Limit(0.05, 0.25)
    """Metres that the fit reaches below a floor that is known: of bodies that are fitted well, in the median frame, up
    to 13 mm."""
    guessed: Limit = Limit(0.5, 0.95)
    """Fraction of the surface that no camera saw, of methods that know nothing of a class: by one camera more than
    half."""
    stretched: Limit = Limit(0.1, 0.75)
    """Of the same methods, the fraction of the surface that was stretched or shrunk beyond measure."""
    volume: Limit = Limit(1.25, 2.0)
    """Of the same, the factor by which the volume has grown or shrunk."""
    lost: Limit = Limit(0.2, 0.5)
    """Fraction of the frames, in which something is seen, that are lost or farther from the fit than a failed one."""
    skipped: Limit = Limit(0.5, 1.0)
    """Fraction of the frames of a source that its tracker did not look at, as they came too fast."""


THRESHOLDS = Thresholds()


@dataclass(frozen=True)
class Verdict:
    """What a run is called, and why, in plain words."""

    word: VerdictWord
    reason: str


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that a verdict is made from."""

    measures: Measures
    lost: tuple[bool | None, ...]
    """(F,) of each frame, by the method itself; None where it cannot say."""
    doubt: str | None = None
    """Of the method, about the whole result."""
    model: ModelInfo | None = None
    """Of the model that was fitted, if one was."""
    support: Support | None = None
    """Of a method that knows nothing of a class; None where a model says what was not seen, and of scans."""
    is_scan: bool = False
    """Whether all sides were seen, and distances are those of both directions, see `engine.methods.scan_distances`."""
    skipped: int = 0
    """Frames that came too fast for a tracker, beside those of ``measures``."""

    def __post_init__(self) -> None:
        assert len(self.lost) == len(self.measures.frames), (len(self.lost), len(self.measures.frames))


def verdict_of(evidence: Evidence, thresholds: Thresholds = THRESHOLDS) -> Verdict:
    """The worst that one of the rules says, with its reason; of several, the first."""
    findings = list(_findings(evidence, thresholds))
    for word in ("failed", "poor"):
        for finding in findings:
            if finding.word == word:
                return finding
    return Verdict("good", _distance_text(evidence))


def _findings(evidence: Evidence, limits: Thresholds) -> Iterator[Verdict]:
    """What each rule has to say against the run."""
    seen = [frame for frame in evidence.measures.frames if frame.pixels > 0]
    compared = _compared(evidence)
    if not seen:
        yield Verdict("failed", "nothing of the subject was seen in any frame")
        return
    pixels, seen_m = _median(seen, lambda frame: frame.pixels), _median(seen, lambda frame: frame.seen_m)
    size_m = evidence.measures.size_m
    yield from _said(limits.pixels, pixels, f"the subject fills {pixels:.0f} pixels: it is too far away to be fitted")
    if evidence.model is not None:
        yield from _class_findings(evidence.model, seen_m, limits)
        yield from _away_findings(evidence.model, seen, limits)
    if evidence.doubt is not None:
        yield Verdict("failed", evidence.doubt)
    if not compared:
        yield Verdict("failed", _no_frame_text(evidence))
        return
    came = evidence.skipped + len(evidence.lost)
    text = f"{evidence.skipped} of {came} frames came too fast to be followed: what moved between the others was missed"
    yield from _said(limits.skipped, evidence.skipped / came, text)
    text = f"what was seen measures {_length(seen_m)}, the fit {_length(size_m)}"
    part = f"{text}: only a part of the subject is seen, or it is another thing"
    yield from _said(limits.below_fit, seen_m / _open_size(evidence), part)
    large = f"{text}: background is taken for the subject, or it is another thing"
    yield from _said(limits.above_fit, seen_m / size_m, large)
    beyond = _mean(compared, lambda frame: frame.beyond)
    reach = _length(evidence.measures.reach_m)
    yield from _said(limits.beyond, beyond, f"{beyond:.0%} of what was seen lies more than {reach} from the fit")
    yield from _distance_findings(evidence, compared, limits)
    unseen = _mean(compared, lambda frame: frame.unseen)
    if evidence.is_scan:
        text = f"{unseen:.0%} of the fit lies more than {reach} from the scan: it is another thing, or a part of one"
    else:
        text = f"{unseen:.0%} of the fit is where the camera should see it and does not"
        text = f"{text}: it hides, or the subject is another thing"
    yield from _said(limits.unseen, unseen, text)
    below_m = _median(compared, lambda frame: frame.below_m)
    yield from _said(limits.below_m, below_m, f"the fit reaches {_length(below_m)} below the floor")
    if evidence.support is not None:
        yield from _support_findings(evidence.support, limits)
    yield from _lost_findings(evidence, limits)


def _support_findings(support: Support, limits: Thresholds) -> Iterator[Verdict]:
    """Whether a surface that nothing but smoothness holds where it was not seen can be relied on."""
    text = f"{support.stretched:.0%} of the surface is stretched or shrunk more than the subject can be"
    yield from _said(limits.stretched, support.stretched, text)
    factor = max(support.volume, 1 / support.volume) if support.volume > 0 else np.inf
    text = f"the volume has become {max(support.volume, 0.0):.2g} times what it was before the mesh was deformed"
    yield from _said(limits.volume, factor, text)
    text = f"{support.guessed:.0%} of the surface was not seen, and this method can only guess where it is"
    yield from _said(limits.guessed, support.guessed, text)


def _open_size(evidence: Evidence) -> float:
    """Metres that the fit measures where nothing nearer is before it, no more than all of it."""
    known = _known(list(evidence.measures.frames), lambda frame: frame.open_m or None)  # a single point has no size
    size_m = evidence.measures.size_m
    return min(size_m, float(np.median(known))) if known else size_m


def _class_findings(model: ModelInfo, seen_m: float, limits: Thresholds) -> Iterator[Verdict]:
    """Whether what is seen can be of the class of the model at all."""
    cube_m = 1 / model.similarity.scale
    class_ = f"model {model.name} ({model.category}) in its cube of {_length(cube_m)}"
    text = f"what was seen measures {_length(seen_m)}"
    remedy = "the unit of the depth is wrong, or it is another thing"
    small = f"{text}, far less than the subjects of {class_}: {remedy}"
    large = f"{text}, more than the subjects of {class_}: {remedy}, or background"
    yield from _said(limits.below_class, seen_m / cube_m, small)
    yield from _said(limits.above_class, seen_m / cube_m, large)


def _away_findings(model: ModelInfo, seen: list[FrameMeasure], limits: Thresholds) -> Iterator[Verdict]:
    """Whether the subject is where the coordinate network knows what it sees, if there is one that says so."""
    learned = model.training.get("coordinates", {}).get("config", {}).get("distances")
    known = [frame for frame in seen if frame.away_m is not None]
    if learned is None or not known:
        return
    farthest_m = learned[1] / model.similarity.scale
    away_m = _median(known, lambda frame: frame.away_m)
    text = f"the subject is {_length(away_m)} away, and model {model.name} has seen {model.category} no farther than"
    yield from _said(limits.away, away_m / farthest_m, f"{text} {_length(farthest_m)}")


def _distance_findings(evidence: Evidence, compared: list[FrameMeasure], limits: Thresholds) -> Iterator[Verdict]:
    mean_m = _mean(compared, lambda frame: frame.mean_m)
    yield from _said(_distance_limit(evidence, limits), mean_m, _distance_text(evidence))


def _lost_findings(evidence: Evidence, limits: Thresholds) -> Iterator[Verdict]:
    far_m = _distance_limit(evidence, limits).failed
    seen = [
        bool(lost) or frame.mean_m is None or frame.mean_m > far_m
        for frame, lost in zip(evidence.measures.frames, evidence.lost, strict=True)
        if frame.pixels > 0
    ]
    text = f"{sum(seen)} of the {len(seen)} frames in which the subject is seen are lost"
    yield from _said(limits.lost, sum(seen) / len(seen), text)


def _said(limit: Limit, value: float, reason: str) -> Iterator[Verdict]:
    word = limit.word(value)
    if word is not None:
        yield Verdict(word, reason)


def _distance_limit(evidence: Evidence, limits: Thresholds) -> Limit:
    """Of the mean distance, metres."""
    relative = limits.scan_distance if evidence.is_scan else limits.distance
    least, size_m = limits.least_distance_m, evidence.measures.size_m
    noise_m = limits.noise * _median(list(evidence.measures.frames), lambda frame: frame.noise_m)
    return Limit(
        max(relative.poor * size_m, least.poor) + noise_m, max(relative.failed * size_m, least.failed) + noise_m
    )


def _compared(evidence: Evidence) -> list[FrameMeasure]:
    """Frames that are not lost and have a distance."""
    pairs = zip(evidence.measures.frames, evidence.lost, strict=True)
    return [frame for frame, lost in pairs if not lost and frame.mean_m is not None]


def _distance_text(evidence: Evidence) -> str:
    mean_m = _mean(_compared(evidence), lambda frame: frame.mean_m)
    size_m = evidence.measures.size_m
    apart = "scan and fit lie" if evidence.is_scan else "what was seen lies"
    other = "each other" if evidence.is_scan else "the fit"
    share = f"{mean_m / size_m:.1%} of the subject's {_length(size_m)}"
    return f"{apart} {mean_m * 1000:.3g} mm from {other} on average, {share}"


def _no_frame_text(evidence: Evidence) -> str:
    return "all frames are lost" if any(evidence.lost) else "no frame in which the subject is seen has a mesh"


def _length(metres: float) -> str:
    """In a unit that gives numbers one can imagine."""
    return f"{metres * 1000:.3g} mm" if metres < 0.1 else f"{metres:.3g} m"


def _mean(frames: list[FrameMeasure], of: Callable[[FrameMeasure], float | None]) -> float:
    return float(np.mean(_known(frames, of) or [0.0]))


def _median(frames: list[FrameMeasure], of: Callable[[FrameMeasure], float | None]) -> float:
    return float(np.median(_known(frames, of) or [0.0]))


def _known(frames: list[FrameMeasure], of: Callable[[FrameMeasure], float | None]) -> list[float]:
    return [value for value in map(of, frames) if value is not None]
