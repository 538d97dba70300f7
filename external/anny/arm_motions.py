"""Families of motions of the arms, above legs that stand; `external.anny.motions` says what a family is."""

import numpy as np

from external.anny.phases import Draw, both, pulse, strike, visit, wave_of
from external.anny.rig import Array


def wave(t: Array, draw: Draw) -> dict[str, Array]:
    front, aside = draw(0.0, 1.6), draw(1.0, 2.2)
    return {
        "neck_side": 0.15 * wave_of(t),
        "spine_side": -0.1 * wave_of(t),
        "arm_front.R": front + 0.15 * wave_of(t),
        "arm_side.R": aside + 0.25 * wave_of(t, 0.2),
        "arm_twist.R": draw(-0.9, -0.2) + 0.3 * wave_of(t),
        "elbow.R": draw(0.7, 1.5) + 0.5 * wave_of(t, draw(0.0, 1.0)),
        "forearm_twist.R": 0.5 * wave_of(t, 0.3),
        "wrist_side.R": 0.25 * wave_of(t, 0.1),
        "arm_front.L": t * 0 + draw(0.0, 0.4),
        "elbow.L": t * 0 + draw(0.1, 1.2),
    }


_ARM_RANGES = {
    "arm_twist": (-0.7, 0.8),
    "elbow": (0.05, 1.9),
    "forearm_twist": (-0.9, 0.9),
    "wrist_flex": (-0.5, 0.5),
    "wrist_side": (-0.2, 0.2),
}


def reach(t: Array, draw: Draw) -> dict[str, Array]:
    """Each arm visits random poses, smoothly and periodically; the trunk and the eyes follow one of them."""
    motion: dict[str, Array] = {}
    for side in "LR":
        lifts = [draw(0.3, 3.0) for _ in range(3)]
        directions = [draw(-0.25, 1.75) for _ in range(3)]
        motion[f"arm_front.{side}"] = visit(t, [a * np.sin(d) for a, d in zip(lifts, directions, strict=True)])
        motion[f"arm_side.{side}"] = visit(t, [a * np.cos(d) for a, d in zip(lifts, directions, strict=True)])
        for name, (low, high) in _ARM_RANGES.items():
            motion[f"{name}.{side}"] = visit(t, [draw(low, high) for _ in range(3)])
    follow = motion["arm_front.L"] - motion["arm_front.R"]
    motion["spine_twist"] = -0.12 * follow
    motion["spine_side"] = 0.08 * (motion["arm_side.R"] - motion["arm_side.L"])
    motion["spine_bend"] = visit(t, [draw(-0.15, 0.5) for _ in range(3)])
    motion["neck_bend"] = 0.15 - 0.2 * (motion["arm_front.L"] + motion["arm_front.R"]) / 3
    motion["neck_turn"] = -0.15 * follow
    return motion


def punch(t: Array, draw: Draw) -> dict[str, Array]:
    height, guard = draw(1.1, 1.8), draw(1.7, 2.1)
    motion: dict[str, Array] = {
        "spine_twist": 0.45 * wave_of(t, 0.25),
        "spine_bend": t * 0 + draw(0.0, 0.2),
        "hip_flex.L": t * 0 + draw(0.2, 0.5),
        "hip_flex.R": t * 0 - draw(0.0, 0.3),
        **both("knee", t * 0 + draw(0.2, 0.5)),
        **both("hip_abduct", t * 0 + draw(0.05, 0.3)),
    }
    for side, shift in (("L", 0.0), ("R", 0.5)):
        out = strike(t + shift)
        motion[f"arm_front.{side}"] = 0.7 + (height - 0.7) * out
        motion[f"arm_side.{side}"] = 0.3 - 0.25 * out
        motion[f"elbow.{side}"] = guard - (guard - 0.15) * out
        motion[f"arm_twist.{side}"] = 0.2 + 0.4 * out
        motion[f"forearm_twist.{side}"] = 0.8 * out
    return motion


def twist(t: Array, draw: Draw) -> dict[str, Array]:
    turned = draw(0.4, 0.75) * wave_of(t)
    lift, bent = draw(0.5, 1.6), draw(0.1, 1.8)
    motion = {"spine_twist": turned, "neck_turn": 0.5 * turned, "spine_side": draw(-0.2, 0.2) * wave_of(t, 0.25)}
    for side, sign in (("L", 1.0), ("R", -1.0)):
        motion[f"arm_side.{side}"] = lift + 0.15 * sign * turned
        motion[f"arm_front.{side}"] = 0.2 - 0.5 * sign * turned
        motion[f"elbow.{side}"] = bent + 0.3 * sign * turned
        motion[f"arm_twist.{side}"] = t * 0 + draw(-0.5, 0.5)
    return motion


def raise_arms(t: Array, draw: Draw) -> dict[str, Array]:
    """Both arms, or one after the other, up by the side, the front or between, as far as overhead."""
    together, direction, top = draw(0.0, 1.0) < 0.6, draw(-0.05, 1.6), draw(2.0, 3.05)
    elbow_up, elbow_down = draw(0.05, 0.7), draw(0.1, 0.7)
    motion = {"spine_bend": -draw(0.0, 0.2) * pulse(t), "neck_bend": -draw(-0.2, 0.4) * pulse(t)}
    for side, shift in (("L", 0.0), ("R", 0.0 if together else draw(0.3, 0.7))):
        up = pulse(t, shift)
        motion[f"arm_front.{side}"] = 0.05 + top * up * np.sin(direction)
        motion[f"arm_side.{side}"] = 0.22 * (1.0 - up) + top * up * np.cos(direction)
        motion[f"elbow.{side}"] = elbow_down + (elbow_up - elbow_down) * up
        motion[f"arm_twist.{side}"] = draw(-0.6, 0.6) * up
        motion[f"forearm_twist.{side}"] = draw(-0.8, 0.8) * up
    return motion


def overhead(t: Array, draw: Draw) -> dict[str, Array]:
    """Both arms stay up: stretching, swaying, hands to the head and up again."""
    motion = {
        "spine_side": draw(0.0, 0.35) * wave_of(t),
        "spine_bend": draw(-0.2, 0.1) + 0.1 * wave_of(t, 0.25),
        "pelvis_roll": draw(-0.1, 0.1) * wave_of(t),
        "neck_bend": t * 0 + draw(-0.4, 0.2),
    }
    together = draw(0.0, 1.0) < 0.5
    shift = 0.0 if together else 0.5
    bend_most, direction = draw(0.2, 2.0), draw(0.2, 1.4)
    for side, own in (("L", 0.0), ("R", shift)):
        lift = draw(2.3, 3.0) - draw(0.0, 0.5) * pulse(t, own)
        heading = direction + draw(0.0, 0.3) * wave_of(t, own)
        motion[f"arm_front.{side}"] = lift * np.sin(heading)
        motion[f"arm_side.{side}"] = lift * np.cos(heading)
        motion[f"elbow.{side}"] = 0.1 + bend_most * pulse(t, own + 0.5)
        motion[f"arm_twist.{side}"] = draw(-0.5, 0.5) + 0.2 * wave_of(t, own)
        motion[f"forearm_twist.{side}"] = draw(-0.8, 0.8) + 0.3 * wave_of(t, own)
    return motion


def climb(t: Array, draw: Draw) -> dict[str, Array]:
    """As on a ladder: one arm reaches up while the other pulls down, the legs step."""
    high, step = draw(2.2, 2.95), draw(0.6, 1.4)
    motion = {"spine_side": 0.12 * wave_of(t, 0.25), "neck_bend": t * 0 - draw(0.0, 0.4)}
    for side, shift in (("L", 0.0), ("R", 0.5)):
        up = pulse(t, shift)
        motion[f"arm_front.{side}"] = 0.8 + (high - 0.8) * up
        motion[f"arm_side.{side}"] = t * 0 + draw(0.2, 0.6)
        motion[f"elbow.{side}"] = 1.9 - 1.7 * up
        motion[f"hip_flex.{side}"] = 0.05 + step * pulse(t, shift + 0.5)
        motion[f"knee.{side}"] = 0.1 + 1.3 * step * pulse(t, shift + 0.5)
    return motion


def clap(t: Array, draw: Draw) -> dict[str, Array]:
    """Hands meet in front, at any height from the belly to above the head."""
    height, apart = draw(0.8, 2.7), draw(0.5, 1.3) * pulse(t)
    bent = draw(0.3, 1.0)
    return {
        "spine_bend": 0.1 * wave_of(t),
        **both("arm_front", height - 0.3 * apart),
        **both("arm_side", 0.15 + apart),
        **both("arm_twist", 0.3 - 0.5 * apart),
        **both("elbow", bent - 0.2 * apart),
        **both("forearm_twist", t * 0 + draw(-0.8, 0.3)),
    }


def arms_crossed(t: Array, draw: Draw) -> dict[str, Array]:
    """Forearms cross in front of the chest and open again; one lies above the other."""
    closed = 1.0 - draw(0.3, 1.0) * pulse(t)
    motion = {"spine_twist": 0.2 * wave_of(t), "neck_turn": 0.3 * wave_of(t, 0.1)}
    for side, front in (("L", draw(1.1, 1.4)), ("R", draw(0.7, 0.95))):
        motion[f"arm_front.{side}"] = 0.3 + (front - 0.3) * closed
        motion[f"arm_side.{side}"] = 0.5 - draw(0.4, 0.7) * closed
        motion[f"arm_twist.{side}"] = 0.2 + draw(0.3, 0.8) * closed
        motion[f"elbow.{side}"] = 0.5 + draw(0.7, 1.3) * closed
    return motion


def arms_behind(t: Array, draw: Draw) -> dict[str, Array]:
    """Hands go behind the back."""
    behind = draw(0.7, 1.0) * pulse(t)
    motion = {"spine_bend": -0.15 * behind, "neck_bend": -0.2 * behind}
    for side in "LR":
        motion[f"arm_front.{side}"] = 0.1 - draw(0.6, 0.95) * behind
        motion[f"arm_side.{side}"] = 0.25 + draw(-0.05, 0.4) * behind
        motion[f"arm_twist.{side}"] = 0.1 + draw(0.2, 1.0) * behind
        motion[f"elbow.{side}"] = 0.2 + draw(0.0, 1.2) * behind
    return motion


def carry(t: Array, draw: Draw) -> dict[str, Array]:
    """Something between both hands, low or before the chest: forearms ahead, hands at one width, steps or none."""
    height, bent, stride = draw(0.0, 0.9), draw(1.0, 1.7), draw(0.0, 0.45)
    width, turned_in, bob = draw(0.12, 0.5), draw(-0.1, 0.5), 0.08 * wave_of(2 * t)
    motion = {
        "spine_bend": t * 0 + draw(-0.15, 0.3),
        "spine_twist": draw(-0.25, 0.25) * wave_of(t),
        "neck_bend": t * 0 + draw(-0.1, 0.4),
        **both("arm_front", height + bob),
        **both("arm_side", t * 0 + width),
        **both("arm_twist", t * 0 + turned_in),
        **both("elbow", bent - 0.6 * height + draw(-0.3, 0.3) * pulse(t)),
        **both("forearm_twist", t * 0 + draw(-1.0, 0.4)),
    }
    for side, shift in (("L", 0.0), ("R", 0.5)):
        motion[f"hip_flex.{side}"] = 0.08 + stride * wave_of(t, shift)
        motion[f"knee.{side}"] = 0.1 + 1.6 * stride * pulse(t, shift + 0.35) ** 2
    return motion


def hands_to_head(t: Array, draw: Draw) -> dict[str, Array]:
    """A hand, or both, at the chin, the face, the ear as with a phone, or the top of the head."""
    motion = {
        "spine_twist": draw(-0.2, 0.2) * wave_of(t),
        "neck_bend": draw(-0.2, 0.4) + 0.1 * wave_of(t, 0.2),
        "neck_side": draw(-0.25, 0.1) * pulse(t),
    }
    two = draw(0.0, 1.0) < 0.5
    for side, there in (("R", 1.0), ("L", float(two))):
        near = there * (1.0 - draw(0.0, 0.7) * strike(t + draw(0.0, 0.2)))
        height, aside = draw(1.25, 1.9), draw(0.0, 1.3)
        motion[f"arm_front.{side}"] = 0.15 + (height - 0.15) * near
        motion[f"arm_side.{side}"] = 0.3 + (aside - 0.3) * near
        motion[f"arm_twist.{side}"] = draw(-0.4, 0.5) * near
        motion[f"elbow.{side}"] = 0.35 + (2.6 - 0.6 * height + draw(-0.15, 0.15)) * near
        motion[f"forearm_twist.{side}"] = draw(-0.8, 0.6) * near
        motion[f"wrist_flex.{side}"] = draw(-0.2, 0.5) * near
    return motion


def hands_on_hips(t: Array, draw: Draw) -> dict[str, Array]:
    """One hand or both at the waist, elbows out."""
    both_hands = draw(0.0, 1.0) < 0.7
    motion = {
        "pelvis_roll": draw(-0.15, 0.15) * wave_of(t),
        "spine_bend": t * 0 + draw(-0.2, 0.3),
        "spine_twist": draw(-0.4, 0.4) * wave_of(t, 0.2),
        "neck_turn": draw(-0.5, 0.5) * wave_of(t, 0.4),
    }
    for side, there in (("R", 1.0), ("L", float(both_hands))):
        near = there * (1.0 - draw(0.0, 0.5) * strike(t))
        motion[f"arm_front.{side}"] = 0.1 - draw(0.3, 0.6) * near
        motion[f"arm_side.{side}"] = 0.3 + draw(0.4, 0.7) * near
        motion[f"arm_twist.{side}"] = 0.15 + draw(0.6, 0.9) * near
        motion[f"elbow.{side}"] = 0.3 + draw(1.1, 1.6) * near
        motion[f"forearm_twist.{side}"] = draw(-0.6, 0.6) * near
        motion[f"wrist_flex.{side}"] = draw(-0.6, 0.2) * near
    return motion
