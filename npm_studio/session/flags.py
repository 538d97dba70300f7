"""What is chosen in the window, as flags of the command line."""

from engine.sequences.capture_options import CaptureOptions


def as_text(value: object) -> str:
    """Of a field of a configuration."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def capture_flags(capture: CaptureOptions) -> list[object]:
    """That open a recording as ``capture`` says."""
    isolation = capture.isolation
    stated = {
        "--depth-scale": capture.depth_scale,
        "--intrinsics": capture.intrinsics,
        "--stream": capture.stream,
        "--subject": capture.subject,
        "--near": isolation.near_m,
        "--far": isolation.far_m,
        "--masks": isolation.masks,
    }
    flags = [text for flag, value in stated.items() if value is not None for text in (flag, value)]
    return [*flags, *(["--remove-planes"] if isolation.remove_planes else [])]
