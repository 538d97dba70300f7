import dataclasses
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import trimesh
from PIL import Image

from engine.core.errors import Cancelled, InputError
from engine.geometry.mesh import Mesh
from engine.methods.run import Run, RunInputs, frame_records, load_run
from engine.sequences.depth_sequence import load_depth_sequence, save_depth_sequence
from engine.sequences.isolation import Isolation
from npm_studio.reports.pictures import (
    OffscreenRenderer,
    Scene,
    ViewDirection,
    caption,
    colour_depth,
    colour_errors,
    error_legend,
    grid,
    line_up,
    render_mesh_video,
    render_meshes,
    save_picture,
    strip,
    write_video,
)
from npm_studio.reports.pictures.captures import capture_sheet
from npm_studio.reports.pictures.runs import (
    Observer,
    error_sheet,
    find_sequence,
    fit_sheet,
    run_video,
    spread,
    studio_similarity,
)
from tests.support.progress import Listener
from tests.support.walking_ball import CAMERA as BALL_CAMERA
from tests.support.walking_ball import RATE, ball_depths, ball_meshes

FRONT = ViewDirection(0, 0)


def ball(radius: float = 0.2, centre: tuple[float, float, float] = (0, 0, 0)) -> Mesh:
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=radius)
    return Mesh(np.asarray(mesh.vertices + centre, np.float32), np.asarray(mesh.faces, np.int32))


def coverage(picture: np.ndarray) -> np.ndarray:
    """Pixels (H, W) that clearly differ from the backdrop, a grey that only depends on the row."""
    backdrop = picture[:, :1].astype(int)
    return (np.abs(picture.astype(int) - backdrop).max(axis=2) > 24) & (np.ptp(picture.astype(int), axis=2) > 8)


def frames_of(path: Path) -> tuple[tuple[int, int], int]:
    reader = imageio_ffmpeg.read_frames(str(path))
    size = next(reader)["size"]
    return size, sum(1 for _ in reader)


# the stage


def test_a_mesh_fills_the_picture_without_touching_its_border() -> None:
    picture = render_meshes([ball()], (240, 160), FRONT)
    assert picture.shape == (160, 240, 3)
    assert picture.dtype == np.uint8
    rows, columns = np.nonzero(coverage(picture))
    assert 4 <= rows.min() < 20
    assert 4 <= 160 - rows.max() < 20
    assert abs((columns.min() + columns.max()) / 2 - 120) < 3


def test_the_backdrop_is_light_and_the_body_casts_a_shadow() -> None:
    picture = render_meshes([ball()], (200, 200), ViewDirection(0, 25)).astype(int)
    assert picture[0].min() > 200
    assert picture[-8:, 100].mean() < picture[-8:, 3].mean() - 5


def test_the_view_goes_around_the_scene() -> None:
    mesh = ball()
    red, blue = (200, 30, 30), (30, 30, 200)
    colours = np.where(mesh.vertices[:, :1] < 0, red, blue).astype(np.uint8)
    with OffscreenRenderer(120, 120) as renderer:
        front, back = (renderer.picture(Scene([mesh], [colours]), ViewDirection(azimuth, 0)) for azimuth in (0, 180))
    assert front[60, 35, 0] > 2 * front[60, 35, 2]
    assert front[60, 85, 2] > 2 * front[60, 85, 0]
    assert back[60, 35, 2] > 2 * back[60, 35, 0]


def test_the_key_light_comes_from_above() -> None:
    picture = render_meshes([ball()], (120, 120), FRONT).astype(int)
    assert picture[35, 60].sum() > picture[90, 60].sum() + 40


def test_pictures_of_one_extent_have_one_scale() -> None:
    small, large = ball(0.1), ball(0.2)
    with OffscreenRenderer(160, 160) as renderer:
        alone = coverage(renderer.picture(Scene([small]), FRONT)).sum()
        together = coverage(renderer.picture(Scene([small]), FRONT, large.vertices)).sum()
    assert 3 < alone / together < 5


def test_one_stage_draws_the_same_scene_the_same_way_again() -> None:
    first, second = Scene([ball()]), Scene([ball(0.1, (0.1, 0, 0))])
    with OffscreenRenderer(100, 100) as renderer:
        once = renderer.picture(first)
        renderer.picture(second)
        np.testing.assert_array_equal(renderer.picture(first), once)


def test_observed_points_are_seen_in_front_of_the_surface_that_they_lie_on() -> None:
    mesh = ball()
    front = mesh.vertices[mesh.vertices[:, 2] > 0.12]
    green = np.broadcast_to(np.array([0, 160, 0], np.uint8), front.shape)
    with OffscreenRenderer(400, 400) as renderer:
        picture = renderer.picture(Scene([mesh], points=front, point_colours=green), FRONT).astype(int)
    assert ((picture[..., 1] - picture[..., 0]) > 40).sum() > len(front)


def test_a_line_up_stands_on_the_floor_without_overlap() -> None:
    placed = line_up([ball(0.1, (0.3, 0.2, 0.1)), ball(0.2), ball(0.05)], gap=0.02, turn=30)
    for mesh in placed:
        assert mesh.vertices[:, 1].min() == pytest.approx(0, abs=1e-6)
    for left, right in itertools.pairwise(placed):
        assert right.vertices[:, 0].min() - left.vertices[:, 0].max() == pytest.approx(0.02, abs=1e-6)


def test_without_opengl_there_is_one_line_with_the_cure() -> None:
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DISPLAY", "VTK_DEFAULT_OPENGL_WINDOW")
    }
    code = (
        "from engine.core.errors import InputError\n"
        "from npm_studio.reports.pictures import OffscreenRenderer\n"
        "try: OffscreenRenderer()\n"
        "except InputError as error: print(error)\n"
    )
    asked = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "__EGL_VENDOR_LIBRARY_DIRS": "/nonexistent"},
        capture_output=True,
        text=True,
    )
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.startswith("graphics: OpenGL cannot be used")
    assert "scripts/install_system_packages.sh" in asked.stdout
    assert asked.stderr == ""


# colours and sheets


def test_error_colours_run_from_pale_to_dark_and_stop_at_the_limit() -> None:
    brightness = colour_errors(np.array([0.0, 5, 10, 20, 30, 1000]), 30).astype(int).sum(axis=1)
    assert (np.diff(brightness[:5]) < 0).all()
    assert brightness[4] == brightness[5]


def test_depth_colours_are_bright_near_dark_far_and_white_where_there_is_none() -> None:
    colours = colour_depth(np.array([1.0, 1.5, 2.0, 9.0, 0.0]), 1.0, 2.0).astype(int)
    assert colours[0].sum() > colours[1].sum() > colours[2].sum()
    np.testing.assert_array_equal(colours[2], colours[3])
    np.testing.assert_array_equal(colours[4], [255, 255, 255])


def test_strips_grids_and_captions_keep_the_pictures() -> None:
    tiles = [np.full((20, 30, 3), shade, np.uint8) for shade in (10, 20, 30)]
    assert strip(tiles, gap=4).shape == (20, 98, 3)
    sheet = grid(tiles, 2, gap=4)
    assert sheet.shape == (44, 64, 3)
    np.testing.assert_array_equal(sheet[24:, :30], tiles[2])
    assert (sheet[24:, 34:] == 255).all()
    named = caption(np.full((20, 300, 3), 10, np.uint8), "frame 000001")
    np.testing.assert_array_equal(named[:20], 10)
    assert named[20:].min() < 100
    assert error_legend(20, 300).shape[1] == 300


def test_a_picture_is_saved_whole(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (9, 7, 3), dtype=np.uint8)
    save_picture(picture, tmp_path / "deep" / "picture.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "deep" / "picture.png")), picture)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["picture.png"]


# videos


def test_a_video_has_a_frame_per_mesh_and_plays_in_browsers(tmp_path: Path) -> None:
    path = tmp_path / "ball.mp4"
    render_mesh_video((ball(0.1, (0, 0.02 * i, 0)) for i in range(4)), path, 8, size=(161, 121))
    assert frames_of(path) == ((160, 120), 4)
    executable = imageio_ffmpeg.get_ffmpeg_exe()
    described = subprocess.run([executable, "-hide_banner", "-i", str(path)], capture_output=True, text=True).stderr
    assert "h264" in described
    assert "yuv420p" in described
    assert "8 fps" in described


def test_a_video_that_fails_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    def pictures() -> Iterator[np.ndarray]:
        yield np.zeros((32, 32, 3), np.uint8)
        raise RuntimeError("no more")

    path = tmp_path / "broken.mp4"
    with pytest.raises(RuntimeError, match="no more"):
        write_video(pictures(), path, 10)
    assert list(tmp_path.iterdir()) == []


def test_a_video_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to show"):
        render_mesh_video([], tmp_path / "empty.mp4", 10)
    assert list(tmp_path.iterdir()) == []


# runs


@pytest.mark.parametrize(("count", "total", "indices"), [(5, 20, [0, 4, 8, 12, 16]), (5, 3, [0, 1, 2]), (2, 1, [0])])
def test_frames_are_spread_evenly(count: int, total: int, indices: list[int]) -> None:
    assert spread(count, total) == indices


def test_observed_points_lie_on_the_fitted_body(fitted_run: Path) -> None:
    run = load_run(fitted_run)
    sequence = find_sequence(run)
    assert sequence is not None
    points, colours = Observer(run, sequence).points(1)
    assert points.shape == colours.shape
    assert len(points) > 100
    fitted = studio_similarity(run).to_canonical(run.meshes.read(1).vertices)
    distances = np.linalg.norm(points[:, None] - fitted[None], axis=2).min(axis=1)
    assert distances.max() < 0.04


def test_what_lies_about_a_fit_is_shown_wherever_it_is_in_the_room(fitted_run: Path) -> None:
    run = load_run(fitted_run)
    sequence = find_sequence(run)
    assert sequence is not None
    away = np.eye(4)
    away[:3, 3] = [3.0, -1.0, -4.0]
    poses = np.stack([away @ sequence.camera_at(index) for index in range(len(sequence))])
    meshes = run.meshes.map(lambda _, vertices: vertices + away[:3, 3].astype(np.float32))
    there = Observer(dataclasses.replace(run, meshes=meshes), dataclasses.replace(sequence, cameras_to_world=poses))
    here, _ = Observer(run, sequence).points(1)
    expected = here + studio_similarity(run).scale * away[:3, 3]
    np.testing.assert_allclose(there.points(1)[0], expected, atol=1e-4)


def test_a_sequence_that_is_gone_or_has_other_frames_is_not_shown(fitted_run: Path, tmp_path: Path) -> None:
    run = load_run(fitted_run)
    assert find_sequence(dataclasses.replace(run, inputs=dataclasses.replace(run.inputs, sequence=tmp_path))) is None
    meshes = dataclasses.replace(run.meshes, frame_names=("other", "frames", "here"))
    assert find_sequence(dataclasses.replace(run, meshes=meshes, frames=frame_records(meshes))) is None


def test_the_sheet_of_a_run_shows_observation_and_fit(fitted_run: Path) -> None:
    run = load_run(fitted_run)
    with_points, alone = fit_sheet(run, find_sequence(run), columns=2), fit_sheet(run, None, columns=2)
    assert with_points.shape[1] == alone.shape[1]
    assert with_points.shape[0] > 1.8 * alone.shape[0]


def test_frames_that_show_nothing_are_drawn_without_points(tmp_path: Path) -> None:
    folder = tmp_path / "ball"
    save_depth_sequence(folder, ball_depths(3, empty=[1]), BALL_CAMERA, np.eye(4), RATE)
    sequence, meshes = load_depth_sequence(folder), ball_meshes(3)
    run = Run(tmp_path, "tells", RunInputs(folder), meshes, frame_records(meshes), {"total": 1.0})
    assert fit_sheet(run, sequence).std() > 0
    assert capture_sheet(sequence.subset([0, 1]), Isolation(), frames=2).std() > 0


def test_a_run_without_a_model_is_drawn_as_large_as_one_with_a_model(fitted_run: Path) -> None:
    run = load_run(fitted_run)
    bare = dataclasses.replace(run, inputs=dataclasses.replace(run.inputs, similarity=None))
    vertices = studio_similarity(bare).to_canonical(bare.meshes.read(0).vertices)
    assert np.ptp(vertices, axis=0).max() == pytest.approx(0.8, abs=1e-5)
    assert np.abs(vertices).max() == pytest.approx(0.4, abs=1e-5)
    assert fit_sheet(bare, find_sequence(bare), columns=1).shape == fit_sheet(run, find_sequence(run), columns=1).shape


def test_the_error_sheet_colours_the_body_by_its_distance(fitted_run: Path) -> None:
    run = load_run(fitted_run)
    count = len(run.meshes.read(0).vertices)
    exact, far = (error_sheet(run, [np.full(count, mm, np.float32)] * 3, columns=1) for mm in (0, 100))
    assert exact.shape == far.shape
    assert far[:600].astype(int).sum() < exact[:600].astype(int).sum()


def test_a_cancelled_run_video_leaves_nothing_behind(fitted_run: Path, tmp_path: Path) -> None:
    run = load_run(fitted_run)
    with pytest.raises(Cancelled):
        run_video(run, find_sequence(run), tmp_path / "run.mp4", Listener(stop_after=1))
    assert list(tmp_path.iterdir()) == []
