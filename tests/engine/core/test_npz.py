"""Reading npz files of others: what does not fit is refused by its header, before it is allocated."""

import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.core.npz import NpzFile, read_npz


def npy(kind: str, shape: tuple[int, ...], data: bytes, fortran: bool = False) -> bytes:
    """An .npy file, version 1.0, by hand."""
    header = f"{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def write(path: Path, compression: int = zipfile.ZIP_DEFLATED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


def doubles(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}d", *numbers)


def test_arrays_are_read_whole_from_the_beginning_and_by_rows(tmp_path: Path) -> None:
    members: dict[str, Any] = {
        "a": npy("<f8", (3, 2), doubles(*range(6))),
        "t": npy("<f8", (3, 2), doubles(*range(6)), fortran=True),
    }
    with NpzFile(write(tmp_path / "x.npz", **members)) as file:
        assert file.names == ("a", "t") and file.shape("a") == (3, 2)
        assert file.read("a").tolist() == [[0, 1], [2, 3], [4, 5]]
        assert file.read("t", "f", (3, 2)).tolist() == [[0, 3], [1, 4], [2, 5]]
        assert file.read("a", "f", (None, 2), rows=2).tolist() == [[0, 1], [2, 3]]
        assert file.read("t", "f", (None, 2), rows=1).tolist() == [[0, 3]]
        rows = file.rows("a", "f", 2)
        with pytest.raises(InputError, match="Fortran order"):
            file.rows("t", "f", 2)
    assert len(rows) == 3 and rows.shape == (3, 2)
    assert [rows[i].tolist() for i in (2, 0, 1)] == [[4, 5], [0, 1], [2, 3]]  # the file is closed


def test_text_and_single_numbers_are_read_and_absent_arrays_left_out(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", gender="female", rate=120, none=np.zeros((0, 3)))
    arrays = read_npz(tmp_path / "x.npz", ("gender", "rate", "betas", "none"), "cure")
    assert set(arrays) == {"gender", "rate", "none"}
    assert str(arrays["gender"]) == "female" and int(arrays["rate"]) == 120 and arrays["none"].shape == (0, 3)


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (npy("<f8", (10**12, 10**12), b""), "not what it declares"),
        (npy("<f8", (-1, -1), doubles(1)), "not what it declares"),
        (npy("<f8", (2,), doubles(1)), "not what it declares"),
        (npy("<f8", (1,), doubles(1, 2)), "not what it declares"),
        (npy("|V0", (10**12,), b""), "type"),
        (npy("<U0", (10**12,), b""), "not what it declares"),
        (npy("|O", (1,), b"\x80\x04."), "Python objects"),
        (npy("<f8", (1,), doubles(float("nan"))), "not finite"),
        (npy("no type", (1,), b""), "not a readable npz file"),
        (b"\x93NUMPY\x01\x00", "not a readable npz file"),
        (b"\x93NUMPY\x01\x00" + struct.pack("<H", 60000) + b"(" * 60000, "not a readable npz file"),
        (b"nothing", "not a readable npz file"),
    ],
)
def test_hostile_arrays_are_refused(tmp_path: Path, member: bytes, message: str) -> None:
    path = write(tmp_path / "x.npz", a=member)
    with pytest.raises(InputError, match=rf"x\.npz: .*{message}.*; the cure"):
        read_npz(path, ("a",), "the cure")


def test_a_bomb_is_refused_without_being_unpacked(tmp_path: Path) -> None:
    path = write(tmp_path / "x.npz", a=npy("|u1", (5 * 10**7,), bytes(5 * 10**7)))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="more than 1000000 bytes"):
            read_npz(path, ("a",), "", largest=10**6)
        with NpzFile(path) as file, pytest.raises(InputError, match=r"needs \(N, 3\) of floating"):
            file.read("a", "f", (None, 3))
        assert tracemalloc.get_traced_memory()[1] < 5 * 10**6
    finally:
        tracemalloc.stop()


def test_an_archive_that_lies_about_a_size_gives_no_more_than_it_has(tmp_path: Path) -> None:
    path = write(tmp_path / "x.npz", zipfile.ZIP_STORED, a=npy("<f8", (10**7,), doubles(1, 2)))
    content = bytearray(path.read_bytes())
    size = struct.pack("<I", len(npy("<f8", (10**7,), doubles(1, 2))))
    place = content.rindex(size)  # of the unpacked size in the central directory
    content[place : place + 4] = struct.pack("<I", len(npy("<f8", (10**7,), b"")) + 8 * 10**7)
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="not a readable npz file"):
            read_npz(path, ("a",), "")
        assert tracemalloc.get_traced_memory()[1] < 5 * 10**6
    finally:
        tracemalloc.stop()


def test_missing_files_and_arrays_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.npz: is missing"):
        NpzFile(tmp_path / "none.npz")
    with NpzFile(write(tmp_path / "x.npz", b=npy("<f8", (), doubles(1)))) as file:
        with pytest.raises(InputError, match=r"has no array 'a' \(it has b\)"):
            file.shape("a")
        with pytest.raises(InputError, match="has no array 'a'"):
            file.rows("a", "f", 2)
