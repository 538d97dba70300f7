from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.core.errors import Cancelled, InputError
from engine.dataset.source_axes import SourceAxes, axes_of_text
from engine.exports.content import ExportContent, VertexColours
from engine.exports.export_format import ExportFormat, export
from engine.exports.mesh_files import OBJ, PLY, STL
from engine.geometry.mesh import load_mesh
from engine.geometry.ply import stated_unit
from tests.support.exported import NAMES, boxes, changing_mesh, moving_box
from tests.support.progress import Listener

FORMATS = pytest.mark.parametrize("file_format", [PLY, OBJ, STL], ids=lambda one: one.name)


@FORMATS
def test_each_frame_is_a_file_that_trimesh_reads(tmp_path: Path, file_format: ExportFormat) -> None:
    content = boxes()
    export(content, file_format, tmp_path / "out")
    assert sorted(path.stem for path in (tmp_path / "out").iterdir()) == list(NAMES)
    for name, mesh in zip(NAMES, content.meshes, strict=True):
        loaded = trimesh.load(tmp_path / "out" / f"{name}{file_format.suffix}", process=False)
        np.testing.assert_array_equal(
            np.asarray(loaded.vertices, np.float32)[loaded.faces], mesh.vertices[mesh.faces], strict=True
        )
        assert loaded.volume > 0


@FORMATS
def test_each_file_says_its_unit_axes_and_time(tmp_path: Path, file_format: ExportFormat) -> None:
    export(boxes(up="z"), file_format, tmp_path / "out")
    head = (tmp_path / "out" / f"000005{file_format.suffix}").read_bytes()[:256].decode("ascii", "replace")
    for said in ("NPM Studio", "metres, Z up", "3.5 s", "world"):
        assert said in head


def test_the_program_reads_the_unit_of_its_own_files(tmp_path: Path) -> None:
    export(boxes(up="z"), PLY, tmp_path / "out")
    assert axes_of_text(stated_unit(tmp_path / "out" / "000000.ply")) == SourceAxes("m", "z")


@pytest.mark.parametrize("file_format", [PLY, OBJ], ids=["ply", "obj"])
def test_colours_are_those_of_each_frame(tmp_path: Path, file_format: ExportFormat) -> None:
    def paint(index: int) -> np.ndarray:
        return np.full((42, 3), (10 * index, 100, 255), np.uint8)

    export(boxes(colours=VertexColours(paint, change=True)), file_format, tmp_path / "out")
    for index, name in enumerate(NAMES):
        path = tmp_path / "out" / f"{name}{file_format.suffix}"
        colours = trimesh.load(path, process=False).visual.vertex_colors[:, :3]
        np.testing.assert_array_equal(colours, paint(index))
        np.testing.assert_array_equal(load_mesh(path).vertices, moving_box().read(index).vertices)


def test_frames_may_have_triangles_of_their_own(tmp_path: Path) -> None:
    export(ExportContent(changing_mesh()), PLY, tmp_path / "out")
    assert len(load_mesh(tmp_path / "out" / "000000.ply").faces) == 80
    assert len(load_mesh(tmp_path / "out" / "000001.ply").faces) == 12


def test_one_file_is_for_one_frame(tmp_path: Path) -> None:
    export(ExportContent(moving_box(1)), OBJ, tmp_path / "one.obj")
    assert load_mesh(tmp_path / "one.obj").vertices.shape == (42, 3)
    with pytest.raises(InputError, match=r"is one file for 4 meshes; name a folder"):
        export(boxes(), OBJ, tmp_path / "all.obj")


def test_stl_files_have_no_colours(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="STL files: has no colours of vertices"):
        export(boxes(colours=VertexColours(lambda _: np.zeros((42, 3), np.uint8), change=False)), STL, tmp_path / "out")


def test_a_cancelled_export_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        export(boxes(), PLY, tmp_path / "out", Listener(2))
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_export_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(boxes(), PLY, out)
    export(ExportContent(moving_box(2)), PLY, out)
    assert sorted(path.name for path in out.iterdir()) == ["000000.ply", "000001.ply"]
    (out / "scan.ply").write_bytes(b"ply\nformat ascii 1.0\n")
    with pytest.raises(InputError, match=r"has something else in it: scan\.ply; name a new folder"):
        export(boxes(), PLY, out)
    assert len(list(out.iterdir())) == 3
