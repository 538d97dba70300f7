"""BVH files written by hand, in the conventions of several programs."""

from pathlib import Path
from typing import Any

import numpy as np

Tree = tuple[str, tuple[float, float, float], list[Any]]
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
