"""Meshes are written while the next ones are computed: order, bounds, errors and interruption."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.errors import Cancelled, InputError
from engine.geometry import ply
from engine.geometry.mesh import Mesh, load_mesh
from engine.models.checkpoint import save_model
from engine.surface import many_surfaces
from npm_studio.cli import console
from npm_studio.cli.console import ConsoleProgress
from npm_studio.cli.main import main
from npm_studio.cli.meshes import stream_meshes, write_meshes
from tests.support.present import present
from tests.support.toy_model import toy_model

FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]], np.int32)


def numbered(folder: Path, count: int) -> Iterator[tuple[Path, Mesh]]:
    """Meshes that know their number."""
    for index in range(count):
        yield folder / f"{index:03d}.ply", Mesh(np.full((4, 3), index, np.float32), FACES)


def assert_whole(folder: Path, count: int) -> None:
    """The first ``count`` meshes are there, readable, and nothing else."""
    assert sorted(path.name for path in folder.iterdir()) == [f"{index:03d}.ply" for index in range(count)]
    for index in range(count):
        assert (load_mesh(folder / f"{index:03d}.ply").vertices == index).all()


def test_meshes_come_back_in_order_when_their_files_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    second_is_whole, save = threading.Event(), ply.save_compact_ply

    def first_waits_for_second(mesh: Mesh, path: Path, unit: str) -> None:
        if path.name == "000.ply":
            assert second_is_whole.wait(10)
        save(mesh, path, unit)
        if path.name == "001.ply":
            second_is_whole.set()

    monkeypatch.setattr(ply, "save_compact_ply", first_waits_for_second)
    names = []
    for path, _ in stream_meshes(numbered(tmp_path, 20)):
        assert path.is_file()
        names.append(path.name)
    assert names == [f"{index:03d}.ply" for index in range(20)]
    assert_whole(tmp_path, 20)


def test_computing_waits_while_files_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, full, save = threading.Event(), threading.Event(), ply.save_compact_ply
    made: list[Path] = []

    def computed() -> Iterator[tuple[Path, Mesh]]:
        for path, mesh in numbered(tmp_path, 30):
            made.append(path)
            if len(made) == 5:
                full.set()
            yield path, mesh

    def write(mesh: Mesh, path: Path, unit: str) -> None:
        assert disk.wait(10)
        save(mesh, path, unit)

    monkeypatch.setattr(ply, "save_compact_ply", write)
    consumer = threading.Thread(target=lambda: list(stream_meshes(computed(), waiting=5)))
    consumer.start()
    assert full.wait(10)
    consumer.join(0.1)  # time in which it could go on, if it did
    assert len(made) == 5
    disk.set()
    consumer.join(10)
    assert_whole(tmp_path, 30)


def test_an_error_while_computing_leaves_whole_files_only(tmp_path: Path) -> None:
    def computed() -> Iterator[tuple[Path, Mesh]]:
        yield from numbered(tmp_path, 6)
        raise InputError("frame 6", "has no surface")

    with pytest.raises(InputError, match="frame 6"):
        list(stream_meshes(computed()))
    assert_whole(tmp_path, 6)


def test_a_file_that_cannot_be_written_ends_the_stream(tmp_path: Path) -> None:
    (tmp_path / "003.ply").mkdir()
    stream = stream_meshes(numbered(tmp_path, 100), waiting=4)
    assert [next(stream)[0].name for _ in range(3)] == ["000.ply", "001.ply", "002.ply"]
    with pytest.raises(OSError, match=r"003\.ply"):
        next(stream)
    assert len(list(tmp_path.iterdir())) < 10


class StoppedAfter(ConsoleProgress):
    """Somebody asks to stop once so many meshes are there."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count, self.asked = count, 0

    def cancelled(self) -> bool:
        self.asked += 1
        return self.asked >= self.count


def test_what_was_computed_before_the_user_stopped_is_written(tmp_path: Path) -> None:
    written = write_meshes(numbered(tmp_path, 50), 50, StoppedAfter(7), "reconstruct")
    assert [Path(one["path"]).name for one in written] == [f"{index:03d}.ply" for index in range(7)]
    assert_whole(tmp_path, 7)


def test_stopping_in_the_middle_of_a_mesh_keeps_those_before(tmp_path: Path) -> None:
    def computed() -> Iterator[tuple[Path, Mesh]]:
        yield from numbered(tmp_path, 3)
        raise Cancelled

    assert len(write_meshes(computed(), 50, ConsoleProgress(), "reconstruct")) == 3
    assert_whole(tmp_path, 3)


@pytest.mark.parametrize("signals", [1, 2])
def test_interrupted_reconstruction_leaves_whole_files_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], signals: int
) -> None:
    monkeypatch.setattr(console, "_interrupted", False)
    monkeypatch.setattr(console, "_ONE_REQUEST", 0.0)
    toy = toy_model()
    save_model(toy, tmp_path / "toy.npm")
    np.savez(tmp_path / "codes.npz", shape=toy.shape_codes[:1], pose=np.tile(present(toy.pose_codes)[:6], (5, 1)))
    posed = many_surfaces.extract_meshes

    def interrupted(*arguments: Any) -> Iterator[Mesh]:
        for index, mesh in enumerate(posed(*arguments)):
            if index == 10:
                for _ in range(signals):
                    signal.raise_signal(signal.SIGINT)
            yield mesh

    monkeypatch.setattr(many_surfaces, "extract_meshes", interrupted)
    arguments = ["--model", tmp_path / "toy.npm", "--codes", tmp_path / "codes.npz", "--out", tmp_path / "out"]
    assert main(["reconstruct", "--resolution", "24", "--device", "cpu", *map(str, arguments)]) == 130
    whole = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert whole == [f"{index:06d}.ply" for index in range(11 - signals)] + ["canonical.ply"]
    assert all(len(load_mesh(tmp_path / "out" / name).faces) > 100 for name in whole)
    said = capsys.readouterr().err
    assert "11 of 31 meshes" in said if signals == 1 else "interrupted" in said
