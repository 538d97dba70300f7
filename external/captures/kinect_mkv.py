"""Azure Kinect recordings: Matroska with tracks COLOR, DEPTH and IR, and the calibration as a JSON attachment.

The depth track is uncompressed 16-bit big-endian millimetres (``b16g``); the infrared track has the same codec, so
tracks are told apart by their title (Azure Kinect Sensor SDK, "Azure Kinect DK recording file format").
"""

import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Choice, InputError, Notice, Setting, in_words, remedy
from engine.geometry.camera import PinholeCamera
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.reader import RecordingReader
from engine.sequences.recording import MAX_PIXELS, Recording
from external.captures import intrinsics
from external.captures.lens import RationalDistortion, Undistort
from external.captures.matroska_end import matroska_end
from external.captures.stream_names import looks_like_depth, stream_of_path

UNITS_PER_METRE = 1000.0
_UNBELIEVABLE = 1000
_REMEDY = "record it again with k4arecorder, or export its depth as 16-bit PNG"
_MODES = {
    (640, 576): ((1024, 1024), (192, 180)),
    (320, 288): ((512, 512), (96, 90)),
    (512, 512): ((512, 512), (0, 0)),
    (1024, 1024): ((1024, 1024), (0, 0)),
}
"""Size of a depth image: resolution that the calibration stands for, and where the image is cut out of it."""


def read_kinect_mkv(path: Path, options: CaptureOptions) -> Recording:
    """Reads the index of the depth track and the calibration.

    Raises:
        InputError: PyAV is not installed, or the file is no Matroska file with a 16-bit depth track and calibration.
    """
    try:
        import av
    except ImportError:
        raise InputError(path, "needs PyAV to be read", "pip install av") from None
    try:
        with av.open(os.path.abspath(path), format="matroska") as container:
            stream, warnings, streams = _depth_stream(container.streams.video, path, options.stream)
            width, height = stream.codec_context.width, stream.codec_context.height
            if not 0 < width * height <= MAX_PIXELS:
                raise InputError(path, f"declares depth images of {width}x{height} pixels", _REMEDY)
            number, title, codec = stream.index, stream.metadata.get("title", ""), stream.codec_context.name
            sure = options.stream is not None or _stream_kind(stream) == "depth"
            attachments = {a.name or "": bytes(a.data or b"") for a in container.streams.attachments}
            unit = float(stream.time_base or 1e-9)
            packets = [(p.pts, p.pos or 0, p.size) for p in container.demux(stream) if p.pts is not None and p.size]
    except (av.FFmpegError, ValueError, OverflowError, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, f"cannot be read as Matroska{in_words(error)}", _REMEDY) from None
    times = sorted(time for time, _, _ in packets)
    track = _DepthTrack(path, number, tuple(times), width, height)
    if not sure:
        warnings += _only_one(track, path, title or f"number {number}")
    undistort = None
    if options.intrinsics is not None:
        camera, notes = intrinsics.scaled_to(intrinsics.parse_intrinsics(options.intrinsics), (width, height))
        source = "the user"
    else:
        name, text = _calibration_file(attachments, path)
        camera, distortion = depth_calibration(text, width, height, f"{path} attachment {name}")
        undistort, source, notes = Undistort(camera, distortion), name, ()

    def read_stored(index: int) -> NDArray[Any]:
        stored = track.image(index)
        return stored if undistort is None or stored.shape != (camera.height, camera.width) else undistort(stored)

    return Recording(
        path=path,
        origin=f"Azure Kinect .mkv: track {title or number} ({codec}) {width}x{height}, intrinsics from {source}",
        camera=camera,
        frame_names=tuple(f"{index:06d}" for index in range(len(times))),
        read_stored=read_stored,
        units_per_metre=UNITS_PER_METRE,
        times_s=np.array(times, np.float64) * unit,
        warnings=(*warnings, *notes, *_lost_frames(path, packets)),
        streams=streams,
    )


def _stream_kind(stream: Any) -> str:
    """``depth``, ``infrared`` or the like, as title and tags say; empty where they say nothing."""
    mode = stream.metadata.get("K4A_DEPTH_MODE", "")
    if mode:
        return "infrared" if "PASSIVE" in mode.upper() else "depth"
    return "infrared" if "K4A_IR_MODE" in stream.metadata else stream_of_path(stream.metadata.get("title", ""))


def _depth_stream(streams: Any, path: Path, stated: str | None) -> tuple[Any, list[Notice], tuple[str, ...]]:
    """The track that is ``stated``, else one that says depth, else the only 16-bit one that says nothing.

    Returns:
        the track, what to say of it, and the names of all that may be depth, where there are several.
    """
    streams = [s for s in streams if s.codec_context is not None]  # None: a codec that FFmpeg does not know
    titles = {s.index: s.metadata.get("title") or f"number {s.index} ({s.codec_context.name})" for s in streams}
    grey = [s for s in streams if (s.codec_context.pix_fmt or "").startswith("gray16")]
    has = ", ".join(titles.values()) or "no video"
    said = [s for s in streams if _stream_kind(s) == "depth"]
    silent = [s for s in grey if not _stream_kind(s)]
    if stated is not None:
        named = [s for s in streams if stated == titles[s.index]]
        named = named or [s for s in streams if stated.lower() in titles[s.index].lower()]
        if len(named) != 1:
            raise InputError(Choice(Setting.STREAM, stated), f"names {len(named)} tracks of {path}", f"it has {has}")
    else:
        named = said
    chosen = named[:1] or (silent if len(silent) == 1 else [])
    if not chosen:
        fix = remedy("name one that is depth with {}", Setting.STREAM) if silent else _REMEDY
        raise InputError(path, f"has no depth track (it has {has})", fix)
    if chosen[0] not in grey:
        problem = f"its depth track is {chosen[0].codec_context.pix_fmt}, not 16-bit greyscale"
        raise InputError(path, problem, "a video made for viewing has lost the depth: hand over the recording itself")
    possible = list(dict.fromkeys([titles[s.index] for s in (*chosen, *(said or silent))]))
    several = tuple(sorted(possible)) if len(possible) > 1 else ()
    if len(named) < 2:
        return chosen[0], [], several
    others = ", ".join(titles[s.index] for s in named[1:])
    notice = Notice(f"other depth tracks are not read: {others}", remedy("choose with {}", Setting.STREAM))
    return chosen[0], [notice], several


def _only_one(track: "_DepthTrack", path: Path, name: str) -> list[Notice]:
    """What to say of a track that does not say what it is.

    Raises:
        InputError: its numbers are not those of depth.
    """
    if not looks_like_depth(track.image(0), UNITS_PER_METRE):
        fix = remedy("name it with {} if it is depth", Setting.STREAM)
        raise InputError(path, f"has no depth track: {name} does not say that it is and does not look like depth", fix)
    return [Notice(f"track {name} does not say that it is depth, but is the only one that can be")]


def _lost_frames(path: Path, packets: list[tuple[int, int, int]]) -> list[Notice]:
    """How many frames are missing at the end of a file, by the bytes that are; of each packet time, place and size."""
    end, count = matroska_end(path), len(packets)
    places = sorted((place, size) for _, place, size in packets)
    last, size = places[-1] if places else (0, 0)
    each = (last - places[0][0]) / (count - 1) if count > 1 else float(path.stat().st_size)
    rest = path.stat().st_size + end.missing_bytes - last - size
    lost = int(rest / max(each, 1) + 0.1) if end.missing_bytes else 0  # frames differ by a few bytes
    if end.in_cluster:
        lost = max(lost, 1)
    if lost > _UNBELIEVABLE * max(count, 1):
        return [Notice("the file is cut off or damaged: it declares far more than it holds")]
    if lost:
        return [Notice(f"the file is cut off: about {lost} of {count + lost} frames are lost at its end")]
    return [] if end.closed else [Notice("the recorder did not close the file: frames at its end may be lost")]


def _calibration_file(attachments: dict[str, bytes], path: Path) -> tuple[str, str]:
    for name, data in attachments.items():
        if name.lower().endswith(".json") and b"CalibrationInformation" in data:
            return name, data.decode("utf-8", "replace").rstrip("\0")
    raise InputError(path, "has no calibration attached", intrinsics.GIVE)


def depth_calibration(text: str, width: int, height: int, source: str) -> tuple[PinholeCamera, RationalDistortion]:
    """Camera and distortion of the depth images from the device's calibration JSON.

    Its parameters are relative to the image size, with (0, 0) at the corner of the first pixel, in the order cx, cy,
    fx, fy, k1 to k6, centre of distortion x and y, p2, p1 (k4a ``calibration.c`` and ``transformation``).

    Raises:
        InputError: it does not describe the depth camera, or has no mode of that size.
    """
    if (width, height) not in _MODES:
        raise InputError(source, f"has no depth mode of {width}x{height} pixels", intrinsics.GIVE)
    (across, down), (left, top) = _MODES[width, height]
    try:
        cameras = json.loads(text)["CalibrationInformation"]["Cameras"]
        depth = next(c for c in cameras if c["Purpose"].endswith("Depth") or c["Location"].endswith("D0"))
        cx, cy, fx, fy, k1, k2, k3, k4, k5, k6, _, _, p2, p1 = map(float, depth["Intrinsics"]["ModelParameters"][:14])
        assert np.isfinite([cx, cy, fx, fy, k1, k2, k3, k4, k5, k6, p1, p2]).all()
        camera = PinholeCamera(width, height, fx * across, fy * down, cx * across - left, cy * down - top)
    except (ValueError, TypeError, KeyError, AttributeError, StopIteration, AssertionError, RecursionError):
        raise InputError(source, "does not describe the depth camera", intrinsics.GIVE) from None
    return camera, RationalDistortion(k1, k2, p1, p2, k3, k4, k5, k6)


class _DepthTrack:
    """Images of one track by their time stamps; stays open, so that reading forward does not seek."""

    def __init__(self, path: Path, stream: int, times: tuple[int, ...], width: int, height: int) -> None:
        self._path, self._stream, self._times = path, stream, times
        self._shape = height, width
        self._lock = threading.Lock()
        self._packets: Any = None
        self._next = -1

    def image(self, index: int) -> NDArray[np.uint16]:
        import av

        name = f"{self._path} frame {index:06d}"
        with self._lock:
            try:
                image = self._read(index)
            except (av.FFmpegError, ValueError) as error:
                self._next = -1
                raise InputError(name, f"cannot be decoded{in_words(error)}", _REMEDY) from None
        if image is None:
            raise InputError(name, f"does not hold {self._shape[1]}x{self._shape[0]} pixels", _REMEDY)
        return image

    def _read(self, index: int) -> NDArray[np.uint16] | None:
        import av

        if index != self._next:
            container = av.open(os.path.abspath(self._path), format="matroska")
            stream = container.streams[self._stream]
            container.seek(self._times[index], stream=stream)
            self._packets = container.demux(stream)
        self._next = index + 1
        for packet in self._packets:
            if packet.pts is None or packet.pts > self._times[index]:
                break
            if packet.pts == self._times[index]:
                if packet.stream.codec_context.name != "rawvideo":
                    frames = packet.decode()
                    return np.ascontiguousarray(frames[0].to_ndarray(), np.uint16) if frames else None
                big_endian = packet.stream.codec_context.pix_fmt.endswith("be")
                data = bytes(packet)
                if len(data) != 2 * self._shape[0] * self._shape[1]:
                    return None
                return np.frombuffer(data, ">u2" if big_endian else "<u2").reshape(self._shape).astype(np.uint16)
        self._next = -1
        return None


READER = RecordingReader(
    id="kinect-mkv",
    title="Azure Kinect",
    form="a Matroska file .mkv (Azure Kinect)",
    read=read_kinect_mkv,
    endings=(".mkv",),
    magic=b"\x1a\x45\xdf\xa3",
    has_streams=True,
)
