"""What the 3-D view of a page is given: small, and where the runs have it."""

import base64
import gzip
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.comparison.comparison import Comparison, compare
from engine.comparison.side import Side
from engine.geometry.mesh import Mesh
from engine.geometry.signed_distance import unsigned_distance
from engine.sequences.mesh_sequence import MeshSequence
from npm_studio.reports.comparison.stage import Stage, stage_of
from npm_studio.reports.comparison.thinned import thinned
from npm_studio.reports.comparison.view_data import ViewData, view_data
from tests.support.walking_ball import RADIUS, ball, ball_meshes, ball_sequence, moved

LIMIT_MM = 20.0
SCRIPT = Path(__file__).parents[4] / "npm_studio" / "resources" / "comparison_meshes.js"


def changing(meshes: MeshSequence) -> MeshSequence:
    """With triangles of its own in every frame, and none in the second."""

    def read(row: int) -> Mesh:
        mesh = meshes.read(row)
        return Mesh(mesh.vertices, mesh.faces[:0] if row == 1 else np.roll(mesh.faces, row, axis=0))

    return replace(meshes, read=read, one_topology=False)


def balls() -> tuple[Comparison, Stage]:
    meshes = ball_meshes(3)
    sides = [Side("shifted", moved(meshes, range(3), (0.01, 0, 0))), Side("changing", changing(meshes))]
    comparison = compare(sides, Side("truth", meshes), ball_sequence(3))
    return comparison, stage_of(comparison)


def written() -> tuple[Comparison, Stage, ViewData]:
    comparison, stage = balls()
    return comparison, stage, view_data(comparison, comparison.observation, stage, LIMIT_MM)


class Reader:
    """The slow twin of the script that reads the stream."""

    def __init__(self, data: ViewData) -> None:
        self.bytes, self.at = gzip.decompress(base64.b64decode(data.meshes)), 0

    def numbers(self, rows: int) -> np.ndarray:
        found = np.zeros((rows, 3), np.int64)
        for axis in range(3):
            for row in range(rows):
                place = self.at + axis * rows + row
                found[row, axis] = self.bytes[place] + 256 * self.bytes[place + 3 * rows]
        self.at += 6 * rows
        return found

    def errors(self, rows: int) -> np.ndarray:
        self.at += rows
        return np.frombuffer(self.bytes[self.at - rows : self.at], np.uint8)


def test_meshes_and_errors_are_read_back_where_the_runs_have_them() -> None:
    comparison, stage, data = written()
    manifest, reader = data.manifest, Reader(data)
    for number, side in enumerate(manifest["sides"]):
        one = isinstance(side["triangles"], int)
        last = np.zeros((0, 3), np.int64)
        faces = reader.numbers(side["triangles"]) if one else last
        for frame in range(3):
            mesh = comparison.mesh(number, frame) if number < 2 else comparison.true_mesh(frame)
            if side["vertices"][frame] == 0:
                assert mesh.is_empty
                continue
            faces = faces if one else reader.numbers(side["triangles"][frame])
            np.testing.assert_array_equal(faces, mesh.faces)
            nodes = reader.numbers(side["vertices"][frame])
            last = (nodes + last) % 65536 if one and len(last) else nodes
            places = np.array(manifest["origin"]) + manifest["step"] * last
            np.testing.assert_allclose(places, stage.points(mesh.vertices), atol=0.51 * manifest["step"])
            if side["errors"]:
                errors = comparison.vertex_errors_mm(number, frame)
                expected = np.clip(errors / LIMIT_MM, 0, 1) * 254
                np.testing.assert_allclose(reader.errors(len(errors)), expected, atol=0.51)
    for count in manifest["points"]:
        seen = np.array(manifest["origin"]) + manifest["step"] * reader.numbers(count)
        assert count == 1500 and (seen[:, 2].mean() > 0) == (stage.turn[2, 2] > 0)
    assert reader.at == len(reader.bytes)
    assert manifest["step"] < 0.1e-3
    assert [side["reference"] for side in manifest["sides"]] == [False, False, True]


@pytest.mark.skipif(shutil.which("node") is None, reason="runs the script of the page with Node.js")
def test_the_script_of_the_page_reads_what_the_slow_twin_reads(tmp_path: Path) -> None:
    _, _, data = written()
    (tmp_path / "data.json").write_text(json.dumps([data.manifest, data.meshes]))
    program = (
        SCRIPT.read_text()
        + """
const [manifest, meshes] = JSON.parse(require("fs").readFileSync(process.argv[1]));
readMeshes(manifest, meshes).then(({ sides, points }) => console.log(JSON.stringify({
  nodes: sides.map((side) => side.frames.map((mesh) => mesh && Array.from(mesh.nodes.subarray(0, 6)))),
  errors: sides[0].frames.map((mesh) => mesh.errors.reduce((sum, error) => sum + error, 0)),
  points: points.map((each) => each.reduce((sum, number) => sum + number, 0)),
  outward: Math.sign(normalsOf(sides[0].frames[0])[2] * (sides[0].frames[0].nodes[2] - 32768)),
})));"""
    )
    done = subprocess.run(["node", "-e", program, str(tmp_path / "data.json")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    read, reader = json.loads(done.stdout), Reader(data)
    first = data.manifest["sides"][0]
    reader.numbers(first["triangles"])
    last, errors = np.zeros((first["vertices"][0], 3), np.int64), []
    for frame in range(3):
        last = (last + reader.numbers(first["vertices"][frame])) % 65536
        assert read["nodes"][0][frame] == last[:2].reshape(-1).tolist()
        errors.append(int(reader.errors(len(last)).astype(int).sum()))
    assert read["errors"] == errors
    assert read["nodes"][1][1] is None and read["nodes"][1][2] is not None
    assert all(total > 0 for total in read["points"])


def test_a_thin_mesh_lies_on_the_fine_one_and_goes_with_it() -> None:
    fine = ball(5)
    thin = thinned(fine, 500)
    assert 300 < len(thin.vertices(fine.vertices)) <= 520
    stretched = fine.vertices * np.array([1, 2, 3], np.float32)
    for vertices in (fine.vertices, stretched):
        apart = unsigned_distance(thin.vertices(vertices), vertices, fine.faces)
        assert apart.max() < 1e-5
    np.testing.assert_allclose(thin.values(fine.vertices[:, 0]), thin.vertices(fine.vertices)[:, 0], atol=1e-6)
    np.testing.assert_allclose(thinned(ball(1), 500).vertices(ball(1).vertices), ball(1).vertices, atol=1e-6)


def test_long_comparisons_show_some_frames_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("npm_studio.reports.comparison.view_data._BUDGET", (2 + 3) * 2 * 1200)
    comparison, stage = balls()
    data = view_data(comparison, None, stage, None)
    assert data.manifest["frames"] == [0, 2]
    assert "2 of 3 frames are here" in data.note and data.manifest["points"] == [0, 0]


def test_the_stage_is_upright_and_follows_the_subject() -> None:
    meshes = ball_meshes(20)
    pose = np.eye(4)  # a camera in the world of which y leads down
    side = Side("ball", meshes, cameras_to_world=(pose,) * 20)
    stage = stage_of(compare([side], observation=ball_sequence(20)))
    up = stage.points(np.array([[0, -1.0, 0]]))[0]
    np.testing.assert_allclose(up, [0, 1, 0])
    assert stage.size_m == pytest.approx(2 * RADIUS, rel=0.01)
    assert stage.radius_m >= RADIUS * 0.99
    for frame in (5, 10):
        inside = stage.mesh(meshes.read(frame), frame).vertices
        assert np.abs(inside).max() < 0.5 and abs(np.ptp(inside, axis=0).max() - 0.8) < 0.02
    assert stage.floor_m == pytest.approx(-RADIUS, abs=0.01)
