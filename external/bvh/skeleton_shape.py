"""Which joint of a skeleton is which limb, where their names do not tell: by its shape.

A body has two pairs of chains of equal lengths, each at a joint of its own: legs, of which thigh and shin are longer
than upper arm and forearm are, and arms. Left is where feet, knees and elbows say: feet point and knees bulge to the
front, elbows to the back.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from engine.core.errors import Notice
from external.bvh.clip import Array, BvhClip, Posed
from external.bvh.skeleton import chain_of

_FRAMES = 100
_EQUAL = 0.05
"""Chains of one pair differ by this fraction of their length at most."""
_SHORTEST = 0.4
"""Of the longest pair; fingers, eyes and ears are far shorter."""
_LEAST_EVIDENCE = 0.15


@dataclass(frozen=True)
class _Pair:
    """Two chains of joints that hang on one joint, and the lengths of their segments."""

    chains: tuple[list[int], list[int]]
    lengths: Array

    @property
    def place(self) -> int:
        """Where the longest two segments begin: the thigh or the upper arm."""
        return int((self.lengths[:-1] + self.lengths[1:]).argmax())

    def swapped(self) -> "_Pair":
        return _Pair(self.chains[::-1], self.lengths)

    @property
    def reach(self) -> float:
        """Length of these two."""
        return float((self.lengths[:-1] + self.lengths[1:]).max())


def limbs_by_shape(clip: BvhClip) -> tuple[dict[str, int], Notice] | None:
    """Joints by part and side, and what was guessed and why; None where the shape is not a body's."""
    posed = clip.posed(np.unique(np.linspace(0, len(clip.values) - 1, _FRAMES).astype(np.int64)))
    pairs = _pairs(clip, posed)
    if len(pairs) != 2:
        return None
    ordered = _left_first(clip, posed, *pairs)
    if ordered is None:
        return None
    legs, arms = ordered
    limbs: dict[str, int] = {}
    for side, leg, arm in zip("LR", legs.chains, arms.chains, strict=True):
        for part, joint in zip(("thigh", "shin", "foot"), leg[legs.place :], strict=False):
            limbs[f"{part}.{side}"] = joint
        for part, joint in zip(("upperarm", "forearm", "hand"), arm[arms.place :], strict=False):
            limbs[f"{part}.{side}"] = joint
        if arms.place > 0:
            limbs[f"clavicle.{side}"] = arm[arms.place - 1]
    names = {part: clip.joints[limbs[f"{part}.L"]].name for part in ("thigh", "upperarm")}
    text = (
        f"{clip.path.name}: the names of its joints are not known, so limbs are guessed by shape: the left leg from "
        f"'{names['thigh']}' and the left arm from '{names['upperarm']}', as legs are the longer of two equal pairs of "
        "chains and feet, knees and elbows tell the front"
    )
    return limbs, Notice(text)


def _pairs(clip: BvhClip, posed: Posed) -> list[_Pair]:
    """Pairs of chains of equal lengths, those with the longest segments first."""
    pairs = {}
    for joint in range(len(clip.joints)):
        chains = [chain_of(clip, child) for child in clip.visible_children(joint)]
        for a, b in combinations([chain for chain in chains if len(chain) >= 3], 2):
            if len(a) == len(b):
                first, second = _lengths(posed, a), _lengths(posed, b)
                if np.abs(first - second).max() <= _EQUAL * max(first.sum(), second.sum()) and first.min() > 0:
                    pairs[a[0], b[0]] = _Pair((a, b), (first + second) / 2)  # the same from joints at one place
    found = sorted(pairs.values(), key=lambda pair: -pair.reach)
    return [pair for pair in found if pair.reach >= _SHORTEST * found[0].reach]


def _lengths(posed: Posed, chain: list[int]) -> Array:
    """Mean lengths of the segments of a chain."""
    return np.asarray(np.linalg.norm(np.diff(posed.positions[:, chain], axis=1), axis=2).mean(axis=0))


def _left_first(clip: BvhClip, posed: Posed, legs: _Pair, arms: _Pair) -> tuple[_Pair, _Pair] | None:
    """Both pairs with the left chain first; None where it cannot be told."""

    def place(pair: _Pair, chain: int, step: int) -> Array:
        return np.asarray(posed.positions[:, pair.chains[chain][pair.place + step]])

    across = place(legs, 0, 0) - place(legs, 1, 0)
    up = place(arms, 0, 0) + place(arms, 1, 0) - place(legs, 0, 0) - place(legs, 1, 0)
    if _mean_product(across, place(arms, 0, 0) - place(arms, 1, 0)) < 0:
        arms = arms.swapped()
    front = np.cross(across, up)
    front /= np.maximum(np.linalg.norm(front, axis=1), 1e-12)[:, None]
    evidence = 0.0
    for chain in (0, 1):
        for pair, weight in ((legs, 4.0), (arms, -2.0)):
            bulge = place(pair, chain, 1) - (place(pair, chain, 0) + place(pair, chain, 2)) / 2
            evidence += weight * _mean_product(bulge, front) / pair.reach
        evidence += _mean_product(_foot(clip, posed, legs.chains[chain][legs.place + 2 :]), front)
    if abs(evidence) < _LEAST_EVIDENCE:
        return None
    return (legs, arms) if evidence > 0 else (legs.swapped(), arms.swapped())


def _mean_product(a: Array, b: Array) -> float:
    """The mean scalar product of vectors (F, 3)."""
    return float(np.einsum("fi,fi->f", a, b).mean())


def _foot(clip: BvhClip, posed: Posed, chain: list[int]) -> Array:
    """Unit vectors (F, 3) from the ankle, the first joint of ``chain``, to the toes; 0 where they are not known."""
    ankle = chain[0]
    end = clip.end_of(ankle)
    if len(chain) > 1:
        along = posed.positions[:, chain[1]] - posed.positions[:, ankle]
    elif end is not None:
        along = posed.rotations[:, ankle] @ end
    else:
        return np.zeros((len(posed.positions), 3))
    return np.asarray(along / np.maximum(np.linalg.norm(along, axis=1), 1e-12)[:, None])
