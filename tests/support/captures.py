"""Opening a recording with every reader that is installed."""

from pathlib import Path

from engine.core.progress import Progress
from engine.sequences.capture_options import AS_RECORDED, CaptureOptions
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.opening import open_recording
from engine.sequences.reader import registered_readers


def open_capture(path: Path, options: CaptureOptions = AS_RECORDED, progress: Progress | None = None) -> DepthSequence:
    return open_recording(path, registered_readers(), options, progress)
