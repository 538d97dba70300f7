"""Families of motions of legs and trunk; `external.anny.motions` says what a family is."""

from external.anny.phases import Draw, both, pulse, strike, wave_of
from external.anny.rig import Array


def walk(t: Array, draw: Draw) -> dict[str, Array]:
    stride, swing, elbow = draw(0.35, 0.6), draw(0.2, 0.7), draw(0.2, 0.7)
    motion = {"spine_twist": 0.12 * wave_of(t, 0.5), "spine_bend": t * 0 + draw(0.0, 0.15)}
    for side, shift in (("L", 0.0), ("R", 0.5)):
        motion[f"hip_flex.{side}"] = 0.08 + stride * wave_of(t, shift)
        motion[f"knee.{side}"] = 0.1 + 0.9 * stride / 0.5 * pulse(t, shift + 0.35) ** 2
        motion[f"ankle.{side}"] = 0.2 * wave_of(t, shift + 0.1)
        motion[f"arm_front.{side}"] = 0.1 + swing * wave_of(t, shift + 0.5)
        motion[f"arm_side.{side}"] = t * 0 + draw(0.28, 0.45)
        motion[f"elbow.{side}"] = elbow + 0.3 * swing * wave_of(t, shift + 0.45)
    return motion


def run(t: Array, draw: Draw) -> dict[str, Array]:
    lift, kick_back, swing, out = draw(0.9, 1.5), draw(1.2, 1.8), draw(0.4, 0.8), draw(0.35, 0.6)
    motion = {"spine_bend": t * 0 + draw(0.05, 0.3), "spine_twist": 0.2 * wave_of(t, 0.5)}
    for side, shift in (("L", 0.0), ("R", 0.5)):
        up = pulse(t, shift)
        motion[f"hip_flex.{side}"] = -0.15 + lift * up
        motion[f"knee.{side}"] = 0.2 + kick_back * pulse(t, shift + 0.1)
        motion[f"ankle.{side}"] = 0.1 - 0.5 * pulse(t, shift + 0.2)
        motion[f"arm_front.{side}"] = swing * wave_of(t, shift + 0.25)
        motion[f"elbow.{side}"] = draw(1.3, 1.7) + 0.25 * wave_of(t, shift + 0.25)
        motion[f"arm_side.{side}"] = t * 0 + out
        motion[f"arm_twist.{side}"] = t * 0 - 0.15
    return motion


def squat(t: Array, draw: Draw) -> dict[str, Array]:
    depth, arms = draw(0.6, 1.0) * pulse(t), draw(0.2, 1.6)
    direction = draw(0.0, 1.0)
    return {
        "spine_bend": 0.5 * depth,
        "pelvis_tilt": 0.3 * depth,
        **both("hip_flex", 1.7 * depth),
        **both("hip_abduct", 0.1 + 0.35 * depth),
        **both("knee", 0.08 + 1.9 * depth),
        **both("ankle", 0.4 * depth),
        **both("arm_front", 0.1 + arms * direction * depth),
        **both("arm_side", 0.25 + arms * (1.0 - direction) * depth),
    }


def kick(t: Array, draw: Draw) -> dict[str, Array]:
    height, aside = draw(0.9, 1.7), draw(0.0, 0.6)
    out, chamber = strike(t), pulse(t, 0.12)
    return {
        "pelvis_tilt": -0.2 * out,
        "spine_bend": 0.25 * out,
        "spine_twist": 0.25 * out,
        "hip_flex.R": -0.2 + (height + 0.2) * out,
        "hip_abduct.R": 0.05 + aside * out,
        "knee.R": 0.15 + 1.6 * chamber * (1.0 - out),
        "ankle.R": -0.4 * out,
        "knee.L": 0.15 + 0.2 * out,
        "arm_front.L": 0.3 + draw(0.3, 1.1) * out,
        "arm_front.R": 0.3 - 0.7 * out,
        "arm_side.L": 0.3 + draw(0.0, 0.9) * out,
        "arm_side.R": 0.4 + draw(0.0, 0.9) * out,
        **both("elbow", draw(0.3, 1.4) - 0.2 * out),
    }


def bend(t: Array, draw: Draw) -> dict[str, Array]:
    depth, lean = draw(0.6, 1.2) * pulse(t), draw(-0.35, 0.35)
    reach_down = draw(0.6, 1.6)
    return {
        "pelvis_tilt": 0.4 * depth,
        "spine_bend": depth,
        "spine_side": lean * wave_of(t),
        "neck_bend": draw(-0.4, 0.3) * depth,
        **both("hip_flex", 0.35 * depth),
        **both("knee", 0.1 + draw(0.0, 0.5) * depth),
        "arm_front.L": 0.1 + reach_down * depth,
        "arm_front.R": 0.1 + draw(0.3, 1.0) * reach_down * depth,
        **both("elbow", 0.3 - 0.15 * depth),
    }


def sit(t: Array, draw: Draw) -> dict[str, Array]:
    down = 0.6 + draw(0.3, 0.4) * wave_of(t, -0.25)
    return {
        "spine_bend": 0.15 + draw(0.0, 0.5) * pulse(t, 0.25),
        "spine_twist": draw(-0.3, 0.3) * wave_of(t, 0.4),
        **both("hip_flex", 1.6 * down),
        **both("hip_abduct", t * 0 + draw(0.05, 0.45)),
        **both("knee", 0.08 + 1.5 * down),
        **both("arm_front", 0.2 + draw(0.2, 1.1) * down),
        **both("arm_side", t * 0 + draw(0.3, 0.7)),
        **both("elbow", draw(0.2, 1.0) + 0.3 * wave_of(t, 0.1)),
    }


def sway(t: Array, draw: Draw) -> dict[str, Array]:
    """Weight from one leg to the other, hips and shoulders against each other, arms out for balance."""
    side_step, hips = draw(0.1, 0.45), draw(0.05, 0.25)
    return {
        "pelvis_roll": hips * wave_of(t),
        "spine_side": -1.3 * hips * wave_of(t),
        "hip_abduct.L": 0.08 + side_step * pulse(t, 0.25),
        "hip_abduct.R": 0.08 + side_step * pulse(t, 0.75),
        "knee.L": 0.1 + 0.8 * pulse(t),
        "knee.R": 0.1 + 0.8 * pulse(t, 0.5),
        "hip_flex.L": 0.05 + 0.5 * pulse(t),
        "hip_flex.R": 0.05 + 0.5 * pulse(t, 0.5),
        "arm_side.L": draw(0.4, 1.6) + 0.3 * wave_of(t),
        "arm_side.R": draw(0.4, 1.6) - 0.3 * wave_of(t),
        "arm_front.L": draw(0.0, 0.8) + 0.3 * wave_of(t, 0.25),
        "arm_front.R": draw(0.0, 0.8) - 0.3 * wave_of(t, 0.25),
        **both("elbow", draw(0.2, 1.3) + 0.3 * wave_of(2 * t)),
    }


def deep_crouch(t: Array, draw: Draw) -> dict[str, Array]:
    """All the way down, on the whole foot or on the toes, bent forward, arms anywhere."""
    down = 1.0 - draw(0.0, 0.8) * strike(t)
    tilt, hip, knee, lifted = draw(0.1, 0.5), draw(1.9, 2.3), draw(2.3, 2.55), draw(-0.1, 0.7)
    heels_up = draw(0.0, 1.0) < 0.5
    motion = {
        "pelvis_tilt": tilt * down,
        "spine_bend": draw(0.1, 0.9) * down,
        "spine_twist": draw(-0.4, 0.4) * wave_of(t, 0.2),
        "neck_bend": -draw(0.0, 0.6) * down,
        **both("hip_flex", hip * down),
        **both("hip_abduct", 0.05 + draw(0.15, 0.6) * down),
        **both("hip_twist", t * 0 - draw(0.0, 0.4)),
        **both("knee", 0.08 + (knee - 0.08) * down),
        **both("ankle", (knee - hip + tilt - (lifted if heels_up else 0.0)) * down),
    }
    for side in "LR":
        motion[f"arm_front.{side}"] = draw(0.3, 2.2) + 0.3 * wave_of(t, draw(0.0, 1.0))
        motion[f"arm_side.{side}"] = draw(0.1, 1.2) + 0.2 * wave_of(t, draw(0.0, 1.0))
        motion[f"arm_twist.{side}"] = t * 0 + draw(-0.5, 0.6)
        motion[f"elbow.{side}"] = draw(0.1, 1.6) + 0.3 * wave_of(t, draw(0.0, 1.0))
    return motion


def kneel(t: Array, draw: Draw) -> dict[str, Array]:
    """On the right knee, the left foot ahead; down, and a little up again."""
    down = 1.0 - draw(0.0, 0.5) * strike(t)
    thigh, back = draw(1.2, 1.8), draw(-0.2, 0.4)
    return {
        "pelvis_tilt": t * 0 + draw(0.0, 0.25),
        "spine_bend": draw(0.0, 0.8) * pulse(t, draw(0.0, 1.0)),
        "spine_twist": draw(-0.4, 0.4) * wave_of(t, 0.2),
        "neck_bend": draw(-0.3, 0.3) * down,
        "hip_flex.L": thigh * down,
        "hip_abduct.L": 0.1 + draw(0.0, 0.35) * down,
        "knee.L": 0.1 + (thigh + draw(-0.3, 0.4)) * down,
        "ankle.L": 0.3 * down,
        "hip_flex.R": back * down,
        "knee.R": 0.1 + (1.5 + back + draw(-0.1, 0.3)) * down,
        "ankle.R": t * 0 + draw(-0.75, 0.3),
        "arm_front.L": draw(0.2, 1.2) + 0.3 * wave_of(t, 0.1),
        "arm_front.R": draw(0.0, 1.2) + 0.3 * wave_of(t, 0.4),
        "arm_side.L": t * 0 + draw(0.2, 0.7),
        "arm_side.R": t * 0 + draw(0.2, 0.7),
        "elbow.L": draw(0.2, 1.6) + 0.2 * wave_of(t, 0.3),
        "elbow.R": draw(0.2, 1.6) + 0.2 * wave_of(t, 0.6),
    }


def lunge(t: Array, draw: Draw) -> dict[str, Array]:
    """A long step of the left leg ahead, down and up."""
    down = pulse(t) * draw(0.7, 1.0)
    front, swing = draw(1.1, 1.7), draw(0.0, 0.8)
    return {
        "pelvis_tilt": draw(0.0, 0.3) * down,
        "spine_bend": draw(-0.1, 0.6) * down,
        "spine_twist": draw(-0.4, 0.4) * down,
        "hip_flex.L": 0.1 + front * down,
        "hip_abduct.L": 0.05 + draw(0.0, 0.3) * down,
        "knee.L": 0.15 + (front + draw(-0.4, 0.2)) * down,
        "ankle.L": draw(-0.1, 0.35) * down,
        "hip_flex.R": 0.05 - draw(0.1, 0.6) * down,
        "knee.R": 0.15 + draw(0.1, 1.3) * down,
        "ankle.R": draw(-0.3, 0.4) * down,
        "arm_front.L": 0.2 - 0.6 * swing * down,
        "arm_front.R": 0.2 + 1.5 * swing * down,
        **both("arm_side", 0.3 + draw(0.0, 0.9) * down),
        **both("elbow", draw(0.2, 1.4) + 0.2 * down),
    }


def sit_low(t: Array, draw: Draw) -> dict[str, Array]:
    """As on a low stool, sofa or the floor: knees high or legs ahead, leaning forward, back and aside."""
    knees, lean = draw(0.7, 2.2), draw(0.1, 0.45) * wave_of(t)
    motion = {
        "pelvis_tilt": draw(-0.35, 0.3) + 0.3 * lean,
        "spine_bend": draw(0.1, 0.7) + lean,
        "spine_side": draw(-0.4, 0.4) * wave_of(t, 0.3),
        "spine_twist": draw(-0.4, 0.4) * wave_of(t, 0.1),
        "neck_bend": -0.5 * lean,
        **both("elbow", draw(0.2, 1.5) + 0.3 * wave_of(t, 0.1)),
    }
    for side in "LR":
        motion[f"hip_flex.{side}"] = draw(1.4, 2.0) + 0.15 * wave_of(t, draw(0.0, 1.0))
        motion[f"hip_abduct.{side}"] = t * 0 + draw(0.1, 0.6)
        motion[f"hip_twist.{side}"] = t * 0 + draw(-0.4, 0.2)
        motion[f"knee.{side}"] = knees + draw(-0.4, 0.4) + 0.15 * wave_of(t, draw(0.0, 1.0))
        motion[f"ankle.{side}"] = t * 0 + draw(-0.4, 0.3)
        motion[f"arm_front.{side}"] = draw(-0.4, 1.4) + 0.2 * wave_of(t, draw(0.0, 1.0))
        motion[f"arm_side.{side}"] = t * 0 + draw(0.4, 0.9)
    return motion


def step_high(t: Array, draw: Draw) -> dict[str, Array]:
    """Steps over something or up stairs: one knee after the other as high as the hip or higher."""
    high, swing, out = draw(1.3, 2.1), draw(0.1, 0.8), draw(0.0, 0.4)
    motion = {"spine_bend": t * 0 + draw(0.0, 0.5), "spine_twist": 0.15 * wave_of(t, 0.5)}
    for side, shift in (("L", 0.0), ("R", 0.5)):
        up = strike(t + shift)
        motion[f"hip_flex.{side}"] = 0.05 + high * up
        motion[f"hip_abduct.{side}"] = 0.05 + out * up
        motion[f"knee.{side}"] = 0.1 + draw(0.8, 1.2) * high * up
        motion[f"ankle.{side}"] = draw(-0.4, 0.3) * up
        motion[f"arm_front.{side}"] = 0.2 - swing * wave_of(t, shift - 0.25)
        motion[f"arm_side.{side}"] = t * 0 + draw(0.28, 0.8)
        motion[f"elbow.{side}"] = t * 0 + draw(0.2, 1.5)
    return motion


def bend_down(t: Array, draw: Draw) -> dict[str, Array]:
    """Hands go to the floor, with straight legs or bent ones, before the feet or beside them."""
    depth, stoop, aside = 1.0 - draw(0.2, 1.0) * strike(t), draw(0.0, 1.0), draw(-0.5, 0.5)
    return {
        "pelvis_tilt": 0.65 * depth,
        "spine_bend": draw(0.8, 1.25) * depth,
        "spine_twist": aside * depth,
        "neck_bend": draw(-0.5, 0.5) * depth,
        **both("hip_flex", (0.65 + 0.9 * stoop) * depth),
        **both("hip_abduct", 0.08 + draw(0.0, 0.4) * depth),
        **both("knee", 0.08 + 1.5 * stoop * depth),
        **both("ankle", 0.4 * stoop * depth),
        "arm_front.L": 0.1 + draw(1.2, 2.0) * depth,
        "arm_front.R": 0.1 + draw(0.6, 2.0) * depth,
        **both("arm_side", 0.25 + draw(-0.1, 0.5) * depth),
        **both("elbow", 0.3 + draw(-0.2, 0.4) * depth),
    }


def side_kick(t: Array, draw: Draw) -> dict[str, Array]:
    """The right leg goes out to the side, bent first or straight; the trunk leans away from it."""
    out, chamber = strike(t), strike(t + 0.1)
    bent, high = draw(0.0, 1.0), draw(0.6, 1.05)
    return {
        "pelvis_roll": 0.3 * out,
        "spine_side": draw(0.0, 0.5) * out,
        "neck_side": -0.3 * out,
        "hip_abduct.R": 0.05 + high * out,
        "hip_flex.R": draw(-0.1, 0.6) * out + 0.9 * bent * chamber * (1.0 - out),
        "knee.R": 0.1 + 1.8 * bent * chamber * (1.0 - out),
        "ankle.R": draw(-0.4, 0.3) * out,
        "hip_abduct.L": 0.05 + 0.2 * out,
        "knee.L": 0.1 + draw(0.0, 0.3) * out,
        "arm_side.L": 0.3 + draw(0.0, 1.2) * out,
        "arm_side.R": 0.4 + draw(0.0, 0.9) * out,
        "arm_front.L": t * 0 + draw(0.1, 1.0),
        "arm_front.R": t * 0 + draw(0.0, 0.8),
        "elbow.L": t * 0 + draw(0.2, 1.8),
        "elbow.R": t * 0 + draw(0.2, 1.6),
    }


def high_kick(t: Array, draw: Draw) -> dict[str, Array]:
    """The right leg swings above the hip to the front, nearly straight, and a little back before."""
    out, aside = strike(t), draw(0.0, 0.5)
    lean = draw(-0.2, 0.5)
    return {
        "pelvis_tilt": -draw(0.1, 0.4) * out,
        "spine_bend": lean * out,
        "spine_twist": draw(-0.3, 0.4) * out,
        "hip_flex.R": -0.3 + draw(1.9, 2.45) * out,
        "hip_abduct.R": 0.05 + aside * out,
        "knee.R": 0.2 + 0.6 * pulse(t, 0.2) * (1.0 - out),
        "ankle.R": draw(-0.6, 0.3) * out,
        "hip_flex.L": -0.2 * out,
        "knee.L": 0.1 + draw(0.0, 0.3) * out,
        "arm_front.L": 0.2 + draw(0.0, 1.3) * out,
        "arm_front.R": 0.2 - draw(0.0, 0.8) * out,
        "arm_side.L": 0.35 + draw(0.0, 1.2) * out,
        "arm_side.R": 0.5 + draw(0.1, 1.2) * out,
        **both("elbow", t * 0 + draw(0.2, 1.4)),
    }


def one_leg(t: Array, draw: Draw) -> dict[str, Array]:
    """Standing on the left leg, the right one held ahead, aside or behind; arms keep the balance."""
    held = 1.0 - draw(0.0, 0.6) * strike(t)
    flex = draw(-0.5, 1.8)
    return {
        "pelvis_tilt": (0.3 if flex < 0.0 else 0.0) * held,
        "pelvis_roll": draw(0.0, 0.15) * held,
        "spine_side": draw(-0.1, 0.3) * held,
        "spine_bend": draw(-0.1, 0.5) * held,
        "hip_flex.R": flex * held,
        "hip_abduct.R": 0.1 + draw(0.0, 0.6) * held,
        "hip_twist.R": draw(-0.5, 0.2) * held,
        "knee.R": 0.1 + draw(0.2, 2.1) * held,
        "ankle.R": draw(-0.6, 0.2) * held,
        "knee.L": 0.1 + draw(0.0, 0.4) * held,
        "hip_flex.L": 0.05 + draw(0.0, 0.3) * held,
        "arm_side.L": draw(0.4, 1.7) + 0.2 * wave_of(t),
        "arm_side.R": draw(0.4, 1.7) - 0.2 * wave_of(t),
        "arm_front.L": draw(-0.2, 1.0) + 0.2 * wave_of(t, 0.25),
        "arm_front.R": draw(-0.2, 1.0) - 0.2 * wave_of(t, 0.25),
        **both("elbow", draw(0.1, 1.4) + 0.2 * wave_of(2 * t)),
    }
