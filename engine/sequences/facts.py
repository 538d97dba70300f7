"""What there is to say of an open recording, in words that every front end shares."""

from engine.sequences.camera_path import stands_still
from engine.sequences.depth_sequence import DepthSequence


def frames_text(sequence: DepthSequence) -> str:
    """``80 at 30 per second``, and whether that rate is known."""
    assumed = " (assumed, it has no time stamps)" if sequence.times_assumed else ""
    return f"{len(sequence)} at {sequence.frame_rate:g} per second{assumed}"


def camera_text(sequence: DepthSequence) -> str:
    """Resolution and intrinsics in pixels."""
    camera = sequence.camera
    focal = f"fx {camera.fx:.2f}, fy {camera.fy:.2f}"
    return f"{camera.width}x{camera.height}, {focal}, cx {camera.cx:.2f}, cy {camera.cy:.2f}"


def pose_text(sequence: DepthSequence) -> str:
    """Whether anything says where the camera was."""
    if sequence.cameras_to_world is None:
        return "not stated"
    return "stated" if stands_still(sequence.cameras_to_world) else "stated for each frame"
