"""ROS 2 recordings: a folder with ``metadata.yaml``, or one of its files ``.db3`` or ``.mcap``, read by ``rosbags``."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.core.errors import InputError, Notice, Remedy
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.reader import RecordingReader
from engine.sequences.recording import Recording
from external.captures.ros_bag import RosBag, require_rosbags
from external.captures.ros_depth import read_ros_depth

_ENDINGS = (".db3", ".mcap")
_MAGIC = {".db3": b"SQLite format 3\0", ".mcap": b"\x89MCAP0\r\n"}
_REMEDY = "copy it again; a recording that was not closed is mended by ros2 bag reindex, or mcap recover"
_MAX_CHUNK = 2**28


def storage_files(folder: Path) -> tuple[Path, ...]:
    """The files of messages of a ROS 2 recording; none where ``folder`` is none."""
    if not (folder / "metadata.yaml").is_file():
        return ()
    endings = (*_ENDINGS, ".zstd")
    return tuple(sorted(path for path in folder.iterdir() if path.suffix in endings and path.is_file()))


def read_ros2_bag(path: Path, options: CaptureOptions) -> Recording:
    """Reads the index, the calibration and the time stamps.

    Raises:
        InputError: ``rosbags`` is not installed, nothing can be read, or it has no depth topic or no intrinsics.
    """
    require_rosbags(path)
    files = (path,) if path.is_file() else storage_files(path)
    for file in files:
        _check_magic(file)
    recording = read_ros_depth(_Bag(path), options)
    notices = [*_unwritten(files)]
    if path.is_file() and len(storage_files(path.parent)) > 1:
        text = f"{path.name} is one of {len(storage_files(path.parent))} files of a recording"
        notices.append(Notice(text, Remedy("give the folder to read all of it")))
    return replace(recording, warnings=(*recording.warnings, *notices))


def _check_magic(file: Path) -> None:
    expected = _MAGIC.get(file.suffix, b"")
    try:
        with file.open("rb") as stream:
            start = stream.read(len(expected))
    except OSError as error:
        raise InputError(file, f"cannot be read ({error.strerror})", "check its permissions") from None
    if start != expected:
        raise InputError(file, f"is not what its ending {file.suffix} says", _REMEDY)


def _unwritten(files: tuple[Path, ...]) -> list[Notice]:
    """Messages that a recorder which was killed left in the journal of its database."""
    journals = [file.with_name(f"{file.name}-wal") for file in files]
    left = [journal.name for journal in journals if journal.is_file() and journal.stat().st_size]
    if not left:
        return []
    text = f"the recorder did not end: messages in {left[0]} are not read"
    return [Notice(text, Remedy("open the .db3 file once with sqlite3, which takes them over"))]


class _Bag(RosBag):
    def __init__(self, path: Path) -> None:
        from rosbags.rosbag2 import Reader
        from rosbags.typesys import Stores, get_typestore

        _bound_chunks()
        title = "ROS 2 recording"
        super().__init__(path, Reader, get_typestore(Stores.LATEST), title, _REMEDY)

    def has_messages(self, topic: str) -> bool:
        return any(c.msgcount for c in self._connections(topic))

    def stamps(self, connections: list[Any]) -> list[int]:
        return [time for _, time, _ in self._reader.messages(connections)]

    def parse(self, data: Any, message_type: str) -> Any:
        return self._types.deserialize_cdr(data, message_type)


def _bound_chunks() -> None:
    """Let no compressed chunk grow beyond what recorders write."""
    from rosbags.rosbag2 import storage_mcap

    def unpacked(decompressor: Any, data: bytes, size: int) -> bytes:
        if size > _MAX_CHUNK:
            raise ValueError(f"a chunk of {len(data)} bytes grows to {size} bytes")
        whole: bytes = decompressor.decompress(data, size + 1)
        return whole

    def lz4(data: bytes, size: int) -> bytes:
        import lz4.frame  # type: ignore[import-untyped]

        return unpacked(lz4.frame.LZ4FrameDecompressor(), data, size)

    def zstd(data: bytes, size: int) -> bytes:
        return unpacked(storage_mcap.zstd.ZstdDecompressor(), data, size)

    storage_mcap.DECOMPRESSORS.update(lz4=lz4, zstd=zstd)


READER = RecordingReader(
    id="ros2-bag",
    title="ROS 2",
    form="a ROS 2 recording (folder, .db3 or .mcap)",
    read=read_ros2_bag,
    folder=lambda folder: "has metadata.yaml of ROS 2" if storage_files(folder) else "",
    parts=("metadata.yaml",),
    endings=_ENDINGS,
    has_streams=True,
)
