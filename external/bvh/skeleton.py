"""Which joint of a skeleton is which part of a body."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.errors import Notice
from external.bvh.clip import BvhClip

NEEDED = ("thigh", "shin", "upperarm", "forearm")
_BELOW = (("thigh", "shin"), ("shin", "foot"), ("clavicle", "upperarm"), ("upperarm", "forearm"), ("forearm", "hand"))


@dataclass(frozen=True)
class BodyJoints:
    """Indices of a skeleton's joints by part of the body."""

    hips: int
    spine: tuple[int, ...]
    """Joints from above the hips up to the one that carries the arms."""
    neck: tuple[int, ...]
    head: int | None
    limbs: Mapping[str, int]
    """By part and side, such as ``thigh.L``; what the skeleton does not have is left out. Of several joints
    for an upper arm or a thigh the last one, which has all of its rotation."""
    starts: Mapping[str, int]
    """The same, of several joints for one part the first one, where the part begins."""
    notices: tuple[Notice, ...] = ()
    """What was guessed, and why."""

    @property
    def chest(self) -> int:
        """The joint that carries the arms."""
        return self.spine[-1] if self.spine else self.hips


_SPOKEN = {"clavicle": "collar bone", "upperarm": "upper arm"}


def spoken(part: str) -> str:
    """A part such as ``upperarm.L`` in words: left upper arm."""
    name, _, side = part.partition(".")
    return {"": "", "L": "left ", "R": "right "}[side] + _SPOKEN.get(name, name)


def missing_parts(limbs: Mapping[str, int]) -> list[str]:
    """What a body cannot be without, such as ``L thigh``."""
    return [f"{side} {name}" for name in NEEDED for side in "LR" if f"{name}.{side}" not in limbs]


def is_body(clip: BvhClip, limbs: Mapping[str, int]) -> bool:
    """Whether nothing needed is missing and each part hangs on the one before it."""
    if missing_parts(limbs):
        return False
    for above, below in _BELOW:
        for side in "LR":
            a, b = limbs.get(f"{above}.{side}"), limbs.get(f"{below}.{side}")
            if a is not None and b is not None and a not in clip.ancestors(b):
                return False
    return True


def assemble(
    clip: BvhClip, limbs: Mapping[str, int], starts: Mapping[str, int], notices: tuple[Notice, ...] = ()
) -> BodyJoints:
    """The trunk between the limbs: hips are what both thighs hang on, the chest what both arms do."""
    arms = [starts.get(f"clavicle.{side}", starts[f"upperarm.{side}"]) for side in "LR"]
    hips = _common_ancestor(clip, starts["thigh.L"], starts["thigh.R"])
    chest = _common_ancestor(clip, *arms)
    spine = _way(clip, hips, chest)
    if len(spine) > 1 and "neck" in clip.joints[chest].name.lower():  # Bipeds hang the arms on the neck
        chest = spine[-2]
        spine = spine[:-1]
    head = _find_head(clip, hips, chest, arms)
    neck = () if head is None else tuple(j for j in _way(clip, chest, head) if j != head)
    return BodyJoints(hips, spine, neck, head, dict(limbs), dict(starts), notices)


def _find_head(clip: BvhClip, hips: int, chest: int, arms: list[int]) -> int | None:
    """The joint called head, or the last one of the only chain of the chest that is no arm and no way to the hips."""
    for index, joint in enumerate(clip.joints):
        if joint.name.lower().endswith("head") and chest in clip.ancestors(index):
            return index
    taken = {chest, *arms, hips}.union(*(clip.ancestors(joint) for joint in (*arms, hips)))
    chains = []
    for child in clip.visible_children(chest):
        if child not in taken:
            chains.append(chain_of(clip, child))
    if len(chains) != 1:
        return None
    (chain,) = chains
    # A last joint without an end site is where the head ends, not where it begins.
    return chain[-2] if len(chain) > 2 and clip.joints[chain[-1]].end is None else chain[-1]


def chain_of(clip: BvhClip, joint: int) -> list[int]:
    """Joints from ``joint`` on, up to the first on which several hang or none."""
    chain = [joint]
    while len(below := clip.visible_children(chain[-1])) == 1:
        chain += below
    return chain


def _common_ancestor(clip: BvhClip, a: int, b: int) -> int:
    """The lowest joint above both."""
    others = set(clip.ancestors(b))
    return next((joint for joint in clip.ancestors(a) if joint in others), 0)


def _way(clip: BvhClip, start: int, end: int) -> tuple[int, ...]:
    """Joints on the way from ``start``, without it, to ``end``."""
    up, down = [start, *clip.ancestors(start)], [end, *clip.ancestors(end)]
    meeting = next(joint for joint in up if joint in down)
    way = up[: up.index(meeting) + 1] + down[: down.index(meeting)][::-1]
    return tuple(way[1:])
