"""Whether a file is whole, by its content."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from external.sources.whole_files import WholeFiles, png_problem
from tests.support.capture_files import pgm_bytes, png_bytes, tiff_bytes

VALUES = np.random.default_rng(0).integers(1000, 2000, (16, 17)).astype(np.uint16)


def npy() -> bytes:
    stream = io.BytesIO()
    np.save(stream, VALUES.astype(np.float32))
    return stream.getvalue()


def npz() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, depth_m=VALUES.astype(np.float32))
    return stream.getvalue()


FILES = {"png": png_bytes(VALUES), "npz": npz(), "npy": npy(), "pgm": pgm_bytes(VALUES), "tif": tiff_bytes(VALUES)}


def is_whole_by_pillow(data: bytes) -> bool:
    """Slow and independent: every chunk is verified and every pixel decoded."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.verify()
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
    except Exception:
        return False
    return True


@pytest.mark.parametrize("ending", FILES)
def test_a_file_is_whole_at_its_last_byte_and_not_before(tmp_path: Path, ending: str) -> None:
    path, data = tmp_path / f"0.{ending}", FILES[ending]
    files = WholeFiles()
    for length in (*range(0, len(data), 11), *range(len(data) - 25, len(data))):
        path.write_bytes(data[:length])
        assert files.why_not(path), length
    path.write_bytes(data)
    if ending not in ("png", "npz"):
        assert files.why_not(path) == "may still be written"
    assert files.why_not(path) == ""
    assert list(files.unfinished()) == []


@pytest.mark.parametrize("ending", ["png", "npz"])
def test_a_file_with_a_checksum_is_not_whole_while_a_byte_of_its_content_is_missing(
    tmp_path: Path, ending: str
) -> None:
    path, data = tmp_path / f"0.{ending}", FILES[ending]
    start = data.index(b"IDAT") + 4 if ending == "png" else data.index(b"NUMPY") + 130
    for place in range(start, start + 40):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        assert WholeFiles().why_not(path), place


def test_png_chunks_are_checked_as_a_decoder_does() -> None:
    data = FILES["png"]
    assert is_whole_by_pillow(data)
    assert png_problem(data) == ""
    assert png_problem(data + b"what follows the last chunk is ignored") == ""
    for place in range(16, len(data) - 12):
        wrong = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
        if not is_whole_by_pillow(wrong):
            assert png_problem(wrong), place


def test_an_archive_without_its_directory_is_not_whole(tmp_path: Path) -> None:
    data = FILES["npz"]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        directory = archive.start_dir
    (tmp_path / "0.npz").write_bytes(data[:directory])
    assert WholeFiles().why_not(tmp_path / "0.npz")


def test_files_that_were_not_whole_are_remembered_until_they_are(tmp_path: Path) -> None:
    path, files = tmp_path / "0.png", WholeFiles()
    path.write_bytes(FILES["png"][:-3])
    assert files.why_not(path, 10.0) == "is truncated"
    assert files.why_not(path, 12.5) == "is truncated"
    assert files.unfinished_for(path, 12.5) == 2.5
    assert list(files.unfinished()) == [(path, "is truncated")]
    path.write_bytes(FILES["png"])
    assert list(files.unfinished()) == []
    assert files.unfinished_for(path, 20.0) == 0.0


def test_a_file_that_is_gone_is_not_whole(tmp_path: Path) -> None:
    assert WholeFiles().why_not(tmp_path / "0.png") == "cannot be read (No such file or directory)"
