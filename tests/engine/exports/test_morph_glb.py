from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.core.errors import Cancelled, InputError
from engine.exports.content import ExportContent, VertexColours
from engine.exports.export_format import export
from engine.exports.morph_glb import GLB, MOST_FRAMES
from engine.geometry.mesh import vertex_normals
from tests.support.exported import NAMES, TIMES_S, PlainGlb, boxes, changing_mesh, moving_box
from tests.support.progress import Listener


def written(tmp_path: Path, content: ExportContent) -> PlainGlb:
    export(content, GLB, tmp_path / "box.glb")
    return PlainGlb(tmp_path / "box.glb")


def test_at_the_time_of_each_frame_its_vertices_are_shown(tmp_path: Path) -> None:
    content = boxes()
    glb = written(tmp_path, content)
    for mesh, time_s in zip(content.meshes, TIMES_S - TIMES_S[0], strict=True):
        np.testing.assert_allclose(glb.shown(float(np.float32(time_s))), mesh.vertices, atol=1e-6)
        normals = glb.shown(float(np.float32(time_s)), "NORMAL")
        np.testing.assert_allclose(normals, vertex_normals(mesh.vertices, mesh.faces), atol=1e-6)
    np.testing.assert_array_equal(glb.array(glb.primitive["indices"]).reshape(-1, 3), content.meshes.read(0).faces)


def test_between_frames_vertices_move_straight_also_where_a_frame_came_late(tmp_path: Path) -> None:
    content = boxes()
    third, fourth = content.meshes.read(2).vertices, content.meshes.read(3).vertices
    np.testing.assert_allclose(written(tmp_path, content).shown(0.3), third + (fourth - third) / 3, atol=1e-6)


def test_there_is_one_animation_of_weights_with_a_target_for_each_frame_by_its_name(tmp_path: Path) -> None:
    glb = written(tmp_path, boxes())
    assert len(glb.json["animations"]) == 1
    assert glb.json["meshes"][0]["extras"]["targetNames"] == list(NAMES)
    assert glb.json["extras"]["unit"] == "metres"
    assert glb.json["extras"]["frames"] == list(NAMES)
    keys = glb.array(glb.json["animations"][0]["samplers"][0]["input"])[:, 0]
    np.testing.assert_array_equal(keys, (TIMES_S - TIMES_S[0]).astype(np.float32))


def test_trimesh_reads_the_first_frame(tmp_path: Path) -> None:
    content = boxes()
    written(tmp_path, content)
    (loaded,) = trimesh.load(tmp_path / "box.glb", process=False).geometry.values()
    np.testing.assert_array_equal(loaded.vertices, content.meshes.read(0).vertices)
    np.testing.assert_array_equal(loaded.faces, content.meshes.read(0).faces)


def test_in_the_axes_of_a_camera_the_node_turns_the_mesh_upright(tmp_path: Path) -> None:
    content = ExportContent(replace(moving_box(), frame="camera"))
    glb = written(tmp_path, content)
    np.testing.assert_allclose(glb.shown(0.0), content.meshes.read(0).vertices)
    scene = trimesh.load(tmp_path / "box.glb", process=False)
    turned = scene.graph[scene.graph.nodes_geometry[0]][0][:3, :3]
    np.testing.assert_allclose(turned, np.diag([1, -1, -1]), atol=1e-7)


def test_colours_are_linear_as_the_format_has_them(tmp_path: Path) -> None:
    colours = np.zeros((len(moving_box().read(0).vertices), 3), np.uint8)
    colours[:, 0], colours[:, 1] = 188, 10
    glb = written(tmp_path, boxes(colours=VertexColours(lambda _: colours, change=False)))
    stored = glb.array(glb.primitive["attributes"]["COLOR_0"]) / 65535
    np.testing.assert_allclose(stored[0], (0.5029, 10 / 255 / 12.92, 0, 1), atol=1e-4)


def test_a_single_frame_does_not_move(tmp_path: Path) -> None:
    glb = written(tmp_path, ExportContent(moving_box(1)))
    assert "animations" not in glb.json and "targets" not in glb.primitive


def test_what_the_format_cannot_hold_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "box.glb"
    with pytest.raises(InputError, match=r"has other triangles in each frame, which an animated GLB file cannot hold"):
        export(ExportContent(changing_mesh()), GLB, out)
    with pytest.raises(InputError, match="Y is up in all of them"):
        export(boxes(up="z"), GLB, out)
    with pytest.raises(InputError, match="one colour of a vertex for all frames"):
        export(boxes(colours=VertexColours(lambda _: np.zeros((42, 3), np.uint8), change=True)), GLB, out)
    count = MOST_FRAMES + 1
    long = replace(
        moving_box(),
        frame_names=tuple(map(str, range(count))),
        times_s=np.arange(count, dtype=np.float64),
        read=moving_box().read,
    )
    with pytest.raises(InputError, match=r"has 501 frames, and players take 500 .*; take fewer with"):
        export(ExportContent(long), GLB, out)
    with pytest.raises(InputError, match="at the same time"):
        export(ExportContent(replace(moving_box(2), times_s=np.array([0.0, 1e-50]))), GLB, out)
    assert list(tmp_path.iterdir()) == []


def test_a_cancelled_export_leaves_the_old_file(tmp_path: Path) -> None:
    out = tmp_path / "box.glb"
    out.write_bytes(b"old")
    with pytest.raises(Cancelled):
        export(boxes(), GLB, out, Listener(2))
    assert out.read_bytes() == b"old" and list(tmp_path.iterdir()) == [out]
