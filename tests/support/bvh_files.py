"""BVH files written by hand, in the conventions of several programs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

Tree = tuple[str, tuple[float, float, float], list[Any]]
Frames = list[dict[str, dict[str, float]]]
"""Angles in degrees by joint and axis, per frame."""
TINY = """HIERARCHY
ROOT Hips
{
\tOFFSET 0.0 90.0 0.0
\tCHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
\tJOINT Left Arm
\t{
\t\tOFFSET 10 20 0
\t\tCHANNELS 3 Yrotation Xrotation Zrotation
\t\tEnd Site
\t\t{
\t\t\tOFFSET 30 0 0
\t\t}
\t}
}
MOTION
Frames: 2
Frame Time: 0.0333333
0 90 0 10 20 30 40 50 60
1 91 2 -10 -20 -30 1e1 -5.5 0
"""


def leg(side: int, names: tuple[str, str, str], hip: float, thigh: float, shin: float, foot: float) -> Tree:
    a, b, c = names
    return (a, (side * hip, -0.05 * thigh, 0), [(b, (0, -thigh, 0), [(c, (0, -shin, 0), [(0, -0.3 * foot, foot)])])])


def motion_builder(prefix: str = "") -> Tree:
    """A T-pose in centimetres with the joint names of MotionBuilder."""

    def arm(side: int, word: str) -> Tree:
        hand = (f"{prefix}{word}Hand", (side * 25, 0, 0), [(side * 10, 0, 0)])
        upper = (f"{prefix}{word}Arm", (side * 12, 0, 0), [(f"{prefix}{word}ForeArm", (side * 28, 0, 0), [hand])])
        return (f"{prefix}{word}Shoulder", (side * 4, 16, 0), [upper])

    def limb(side: int, word: str) -> Tree:
        return leg(side, tuple(f"{prefix}{word}{part}" for part in ("UpLeg", "Leg", "Foot")), 9, 42, 40, 14)  # type: ignore[arg-type]

    head = (f"{prefix}Neck", (0, 20, 0), [(f"{prefix}Head", (0, 9, 0), [(0, 18, 0)])])
    chest = (f"{prefix}Spine1", (0, 15, 0), [head, arm(1, "Left"), arm(-1, "Right")])
    return (f"{prefix}Hips", (0, 95, 0), [limb(1, "Left"), limb(-1, "Right"), (f"{prefix}Spine", (0, 10, 0), [chest])])


def biovision() -> Tree:
    """Arms hanging at rest, in inches, with the joint names of Biovision."""

    def arm(side: int, word: str) -> Tree:
        wrist = (f"{word}Wrist", (0, -10, 0), [(0, -7, 0)])
        return (
            f"{word}Collar",
            (side, 16, 0),
            [(f"{word}Shoulder", (side * 6, 0, 0), [(f"{word}Elbow", (0, -12, 0), [wrist])])],
        )

    def limb(side: int, word: str) -> Tree:
        return leg(side, (f"{word}Hip", f"{word}Knee", f"{word}Ankle"), 4, 18, 17, 6)

    neck = ("Neck", (0, 20, 0), [("Head", (0, 5, 0), [(0, 4, 0)])])
    chest = ("Chest", (0, 5, 0), [arm(1, "Left"), arm(-1, "Right"), neck])
    return ("Hips", (0, 36, 0), [limb(1, "Left"), limb(-1, "Right"), chest])


def z_up(tree: Tree) -> Tree:
    """The same skeleton with z up, facing -y."""
    name, (x, y, z), children = tree
    return (
        name,
        (x, -z, y),
        [z_up(child) if isinstance(child[0], str) else (child[0], -child[2], child[1]) for child in children],
    )


def write(
    path: Path, tree: Tree, frames: list[dict[str, dict[str, float]]], order: str = "ZXY", time: float = 0.05
) -> Path:
    """A BVH file: ``frames`` give angles in degrees by joint and axis; what they do not name is 0."""
    lines, names = ["HIERARCHY"], []

    def joint(tree: Tree, word: str, indent: str) -> None:
        name, offset, children = tree
        names.append(name)
        lines.extend([f"{indent}{word} {name}", indent + "{", f"{indent}\tOFFSET {offset[0]} {offset[1]} {offset[2]}"])
        rotations = " ".join(f"{axis}rotation" for axis in order)
        positions = "6 Xposition Yposition Zposition" if word == "ROOT" else "3"
        lines.append(f"{indent}\tCHANNELS {positions} {rotations}")
        for child in children:
            if isinstance(child[0], str):
                joint(child, "JOINT", indent + "\t")
            else:
                lines.extend(
                    [
                        indent + "\tEnd Site",
                        indent + "\t{",
                        f"{indent}\t\tOFFSET {child[0]} {child[1]} {child[2]}",
                        indent + "\t}",
                    ]
                )
        lines.append(indent + "}")

    joint(tree, "ROOT", "")
    lines.extend(["MOTION", f"Frames:\t{len(frames)}", f"Frame Time:\t{time}"])
    for number, frame in enumerate(frames):
        assert set(frame) <= set(names), set(frame) - set(names)
        values = [3.0 * number, 90.0, -number]
        for name in names:
            values += [frame.get(name, {}).get(axis, 0.0) for axis in order]
        lines.append(" ".join(f"{value:.6f}" for value in values))
    path.write_bytes("\r\n".join(lines).encode() + b"\r\n")
    return path


def random_frame(random: np.random.Generator, tree: Tree, most: float = 40.0) -> dict[str, dict[str, float]]:
    angles = {tree[0]: dict(zip("XYZ", random.uniform(-most, most, 3), strict=True))}
    for child in tree[2]:
        if isinstance(child[0], str):
            angles |= random_frame(random, child, most)
    return angles


# --- reading


def swinging(count: int) -> list[dict[str, dict[str, float]]]:
    phase = np.linspace(0, 2 * np.pi, count)
    return [
        {"LeftArm": {"Z": -20 + 30 * np.sin(p)}, "RightArm": {"Z": 20.0}, "LeftLeg": {"X": 20 + 20 * np.sin(p)}}
        for p in phase
    ]


def with_other_axes(tree: Tree, frames: Frames, random: np.random.Generator) -> tuple[Tree, Frames]:
    """The same motion of a skeleton whose joints have axes at random, so that its pose of zeros is no pose.

    A joint whose rotation in the world was R has R A now: the offsets of what hangs on it are turned by the inverse of
    A, and its rotation since its parent, whose own axes are A', is A'^-1 R A.
    """
    axes = dict(zip(names_of(tree), Rotation.random(len(names_of(tree)), rng=random), strict=True))
    parents = parents_of(tree)

    def turned(tree: Tree, above: Rotation) -> Tree:
        name, offset, children = tree
        own = axes[name]
        ends = [child if isinstance(child[0], str) else tuple(own.inv().apply(child)) for child in children]
        return (
            name,
            tuple(above.inv().apply(offset)),
            [turned(child, own) if isinstance(child[0], str) else child for child in ends],
        )

    turned_frames = []
    for frame in frames:
        angles = {}
        for name, parent in parents.items():
            local = Rotation.from_euler("ZXY", [frame.get(name, {}).get(axis, 0.0) for axis in "ZXY"], degrees=True)
            if parent is not None:
                local = axes[parent].inv() * local
            angles[name] = dict(zip("ZXY", (local * axes[name]).as_euler("ZXY", degrees=True), strict=True))
        turned_frames.append(angles)
    return turned(tree, Rotation.identity()), turned_frames


def names_of(tree: Tree) -> list[str]:
    """Names of the joints, in the order in which a file lists them."""
    return list(parents_of(tree))


def parents_of(tree: Tree, parent: str | None = None) -> dict[str, str | None]:
    """Names of the joints and of their parents."""
    found = {tree[0]: parent}
    for child in tree[2]:
        if isinstance(child[0], str):
            found |= parents_of(child, tree[0])
    return found


def renamed(tree: Tree, names: Mapping[str, str]) -> Tree:
    """The same skeleton under other names."""
    children = [renamed(child, names) if isinstance(child[0], str) else child for child in tree[2]]
    return (names.get(tree[0], tree[0]), tree[1], children)


def exercise(count: int, tree: Tree, most: float = 25.0) -> Frames:
    """A smooth motion of all joints about hanging arms, with bent elbows and knees, that starts facing +z."""
    random = np.random.default_rng(11)
    names = names_of(tree)
    style = {name: (random.uniform(-1.0, 1.0, 3), random.uniform(0.0, 2 * np.pi, 3)) for name in names}
    frames: Frames = []
    for number in range(count):
        phase = 2 * np.pi * number / count
        frame = {
            name: {axis: most * s * np.sin(phase + p) for axis, s, p in zip("XYZ", *style[name], strict=True)}
            for name in names
        }
        for side, sign in (("Left", 1.0), ("Right", -1.0)):
            frame[f"{side}Arm"]["Z"] -= sign * 45.0
            frame[f"{side}ForeArm"]["Y"] -= sign * 50.0
            frame[f"{side}Leg"]["X"] += 35.0
            frame[f"{side}UpLeg"]["X"] -= 20.0
        frame[tree[0]] = {"Y": 20.0 * np.sin(phase)}
        frames.append(frame)
    return frames
