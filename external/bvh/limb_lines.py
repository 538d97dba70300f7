"""Where the limbs of a posed skeleton point: from joint to joint, to fingers, toes and end sites."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from engine.core.errors import InputError
from external.bvh.clip import Array, BvhClip, Posed
from external.bvh.rotations import unit
from external.bvh.skeleton import NEEDED, BodyJoints, spoken

_NEXT = {"thigh": "shin", "shin": "foot", "clavicle": "upperarm", "upperarm": "forearm", "forearm": "hand"}


@dataclass(frozen=True, eq=False)
class Lines:
    """Vectors (F, 3) between joints of a posed body, in its unit."""

    limbs: Mapping[str, Array]
    """From where a part begins to where the next one does, by part and side; hands and feet to fingers and toes."""
    thumbs: Mapping[str, Array]
    """From the little finger's side of a hand to the index finger's, where the skeleton has fingers."""
    trunk: Array
    """From the middle between the thighs to that between the arms."""
    across_hips: Array
    """From the right thigh to the left one."""
    across_chest: Array
    """From the right arm or collar bone to the left one."""
    hips: Array
    """Positions of the middle between the thighs."""

    def turned(self, turn: Array) -> "Lines":
        """The same body after a rotation (3, 3)."""
        return self._changed(lambda line: line @ turn.T)

    def of(self, rows: slice) -> "Lines":
        """Some of the frames."""
        return self._changed(lambda line: line[rows])

    def _changed(self, change: Callable[[Array], Array]) -> "Lines":
        limbs, thumbs = ({part: change(line) for part, line in d.items()} for d in (self.limbs, self.thumbs))
        return Lines(limbs, thumbs, *map(change, (self.trunk, self.across_hips, self.across_chest, self.hips)))

    def directions(self) -> dict[str, Array]:
        """Unit vectors of the limbs and the trunk."""
        return {part: unit(line) for part, line in {**self.limbs, "trunk": self.trunk}.items()}

    def leg_length(self) -> float:
        """Of thigh and shin, in the unit of the file."""
        lengths = [np.linalg.norm(self.limbs[f"{part}.{side}"], axis=1) for side in "LR" for part in ("thigh", "shin")]
        return float(np.median(np.sum(lengths, axis=0)) / 2)


def limb_lines(clip: BvhClip, joints: BodyJoints, posed: Posed) -> Lines:
    """Lines of a posed body.

    Raises:
        InputError: the trunk, a thigh, shin, upper arm or forearm has no size.
    """
    limbs: dict[str, Array] = {}
    thumbs: dict[str, Array] = {}
    for part, start in joints.starts.items():
        name, side = part.split(".")
        following = joints.starts.get(f"{_NEXT.get(name, '')}.{side}")
        if following is not None:
            limbs[part] = posed.positions[:, following] - posed.positions[:, start]
        elif name != "clavicle":
            target = _tip(clip, posed, start)
            if target is not None:
                limbs[part] = target - posed.positions[:, start]
        if name == "hand" and (thumb := _thumb_side(clip, posed, start)) is not None:
            thumbs[part] = thumb

    def middle(part: str) -> tuple[Array, Array]:
        left, right = (posed.positions[:, joints.starts[f"{part}.{side}"]] for side in "LR")
        return (left + right) / 2, left - right

    hips, across_hips = middle("thigh")
    collars = all(f"clavicle.{side}" in joints.starts for side in "LR")
    shoulders, across_chest = middle("clavicle" if collars else "upperarm")
    arms, across_arms = middle("upperarm")
    if np.linalg.norm(across_chest, axis=1).max() < 0.05 * np.linalg.norm(across_arms, axis=1).max():
        across_chest = across_arms  # collar bones that begin at one point
    if np.linalg.norm(across_hips, axis=1).min() < 0.02 * np.linalg.norm(arms - hips, axis=1).max():
        across_hips = across_chest
    lines = Lines(limbs, thumbs, shoulders - hips, across_hips, across_chest, hips)
    _check_extent(clip, lines)
    return Lines(_with_length(limbs), _with_length(thumbs), *(shoulders - hips, across_hips, across_chest, hips))


def _check_extent(clip: BvhClip, lines: Lines) -> None:
    remedy = "export the motion with its skeleton's offsets"
    needed = [f"{part}.{side}" for part in NEEDED for side in "LR"]
    unknown = [spoken(part) for part in needed if part not in lines.limbs]
    if unknown:
        raise InputError(clip.path, f"has no joint or end site where {', '.join(unknown)} ends", remedy)
    lengths = {part: np.linalg.norm(line, axis=1) for part, line in lines.limbs.items()}
    lengths |= {"trunk": np.linalg.norm(lines.trunk, axis=1), "hips": np.linalg.norm(lines.across_hips, axis=1)}
    lengths["chest"] = np.linalg.norm(lines.across_chest, axis=1)
    longest = max(float(length.max()) for length in lengths.values())
    short = [part for part in (*needed, "trunk", "hips", "chest") if lengths[part].min() <= 1e-4 * longest]
    if not np.isfinite(longest) or len(short) == len(needed) + 3:
        raise InputError(clip.path, "has a skeleton of zero size", remedy)
    if short:
        raise InputError(clip.path, f"has no length from end to end of {', '.join(map(spoken, short))}", remedy)
    across = (lines.across_hips, lines.across_chest)
    if min(np.linalg.norm(np.cross(unit(line), unit(lines.trunk)), axis=1).min() for line in across) < 1e-3:
        raise InputError(clip.path, "has a trunk that lies in line with hips or shoulders", remedy)


def _with_length(lines: Mapping[str, Array]) -> dict[str, Array]:
    """Those of the lines that are never 0."""
    longest = max((float(np.linalg.norm(line, axis=1).max()) for line in lines.values()), default=0.0)
    return {part: line for part, line in lines.items() if np.linalg.norm(line, axis=1).min() > 1e-4 * longest}


def _tip(clip: BvhClip, posed: Posed, joint: int) -> Array | None:
    """Where (F, 3) a hand or foot points to: its middle finger, else the mean of fingers or toes, else its end.

    A joint so near that it is rather where the ankle or wrist ends is passed over for what comes behind it.
    """
    below = [child for child in clip.visible_children(joint) if "thumb" not in clip.joints[child].name.lower()]
    middle = [child for child in below if "mid" in clip.joints[child].name.lower()]
    end = clip.end_of(joint)
    if not below:
        return None if end is None else np.asarray(posed.positions[:, joint] + posed.rotations[:, joint] @ end)
    nearest = np.asarray(posed.positions[:, middle[:1] or below].mean(axis=1))
    if len(below) == 1 and (behind := _tip(clip, posed, below[0])) is not None:
        own, further = nearest - posed.positions[:, joint], behind - nearest
        if np.linalg.norm(further, axis=1).mean() > 2 * np.linalg.norm(own, axis=1).mean():
            return behind
    return nearest


def _thumb_side(clip: BvhClip, posed: Posed, joint: int) -> Array | None:
    """The direction (F, 3) from the base of the little finger to that of the index finger."""
    bases = {}
    for child in clip.visible_children(joint):
        name = clip.joints[child].name.lower()
        for finger, words in (("index", ("index", "point")), ("little", ("pinky", "little", "ring"))):
            if any(word in name for word in words) and (finger not in bases or "ring" not in name):
                bases[finger] = child
    if len(bases) < 2:
        return None
    return np.asarray(posed.positions[:, bases["index"]] - posed.positions[:, bases["little"]])
