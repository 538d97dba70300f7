"""Cases on disk: what is kept of a recording, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.core.files import write_json
from engine.geometry.camera import front_camera_to_world
from engine.geometry.signed_distance import unsigned_distance
from engine.sequences.depth_sequence import load_depth_sequence
from engine.sequences.truth import load_truth
from npm_studio.batch.workers import Workers
from npm_studio.suites.canonical import recorded_bodies
from npm_studio.suites.cases import DESCRIPTION, Case, is_there, load_case
from npm_studio.suites.making import Sources, make_cases
from npm_studio.suites.scenes import matched, recorded_scenes
from npm_studio.suites.suite import Generated, Scenes, Sequences, SettingName, Subset, Suite, case_plans
from tests.support.present import present
from tests.support.progress import Listener
from tests.support.toy_dataset import write_dolls


def dolls_suite(every: int = 2) -> Suite:
    return Suite(
        title="Dolls",
        about="Dolls that bend.",
        recordings=Sequences(kind="sequences", names=("tall/bend", "small/bend"), get="make some dolls"),
        settings=("clean", "noisy"),
        model="toy",
        methods=("npm",),
        on_all_cases=("npm",),
        subset=Subset(names=("tall/bend",), frames=2, every=every),
        samples=500,
        iou_points=1000,
    )


@pytest.fixture(scope="module")
def dolls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dolls(tmp_path_factory.mktemp("data") / "dolls", ("tall", "small"))


@pytest.fixture(scope="module")
def cases(dolls: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    suite = dolls_suite()
    return make_cases(suite, case_plans(suite), tmp_path_factory.mktemp("cases"), Sources(data=dolls))


def test_a_case_has_a_recording_in_each_setting_and_one_truth(cases: dict[str, Case]) -> None:
    whole = cases["tall-bend"]
    clean, noisy = (load_depth_sequence(whole.recording(setting)) for setting in ("clean", "noisy"))
    assert clean.frame_names == noisy.frame_names and len(clean) == 3
    apart = np.abs(clean.depth_m(0) - noisy.depth_m(0))[(clean.depth_m(0) > 0) & (noisy.depth_m(0) > 0)]
    assert 0 < apart.mean() < 0.02
    assert not list(whole.folder.glob("*/truth")) and whole.truth_folder(0) == whole.folder / "truth"
    assert whole.counts(0, (*clean.frame_names, "later")).tolist() == [True, True, True, False]
    assert not list(whole.folder.parent.glob(".*"))  # nothing is left of how it was made


def test_a_subset_is_every_second_frame_of_the_whole_with_its_time_and_truth(cases: dict[str, Case]) -> None:
    part, whole = cases["tall-bend-2"], cases["tall-bend"]
    few, many = load_depth_sequence(part.recording("noisy")), load_depth_sequence(whole.recording("noisy"))
    assert few.frame_names == (many.frame_names[0], many.frame_names[2])
    np.testing.assert_allclose(few.times_s, many.times_s[[0, 2]])
    np.testing.assert_array_equal(few.depth_m(1), many.depth_m(2))
    np.testing.assert_array_equal(few.camera_at(1), many.camera_at(2))
    truth, true = load_truth(part.truth_folder(0)), load_truth(whole.truth_folder(0))
    np.testing.assert_array_equal(truth.meshes.read(1).vertices, true.meshes.read(2).vertices)
    assert truth.similarity == true.similarity and truth.meshes.frame_names == few.frame_names


def test_truth_is_rounded_by_less_than_a_tenth_of_a_millimetre(cases: dict[str, Case], dolls: Path) -> None:
    stored = load_truth(cases["small-bend"].truth_folder(0))
    similarity = present(stored.similarity)
    exact = similarity.to_world(np.load(dolls / "small" / "bend.npy")[1])
    assert np.abs(stored.meshes.read(1).vertices - exact).max() < 0.0001
    canonical = similarity.to_world(np.load(dolls / "small" / "canonical.npy"))
    assert np.abs(present(stored.canonical) - canonical).max() < 0.0001


def test_cases_that_are_there_need_nothing_that_they_were_made_of(cases: dict[str, Case]) -> None:
    folder = cases["tall-bend"].folder.parent
    again = make_cases(dolls_suite(), case_plans(dolls_suite()), folder, Sources())
    assert again.keys() == cases.keys()


def test_a_case_of_another_description_or_without_a_setting_is_refused(cases: dict[str, Case], tmp_path: Path) -> None:
    folder = cases["tall-bend-2"].folder.parent
    with pytest.raises(InputError, match=r"tall-bend-2: was made from another description of its suite; remove it"):
        make_cases(dolls_suite(every=1), case_plans(dolls_suite(every=1)), folder, Sources())
    file = json.loads((cases["tall-bend"].folder / DESCRIPTION).read_text())
    write_json(tmp_path / "half" / DESCRIPTION, file)
    plan = case_plans(dolls_suite())[1]
    with pytest.raises(InputError, match="has no clean recording"):
        is_there(tmp_path / "half", dolls_suite(), plan)
    write_json(tmp_path / "odd" / DESCRIPTION, file | {"counts": "all"})
    with pytest.raises(InputError, match=r"odd.case.json: does not describe a case \(counts: "):
        load_case(tmp_path / "odd")


def test_who_lacks_the_dataset_is_told_in_one_line_what_to_get(dolls: Path, tmp_path: Path) -> None:
    suite = dolls_suite()
    with pytest.raises(InputError, match=r"^the dataset of this suite: is not stated, and nobody .*; make some dolls$"):
        make_cases(suite, case_plans(suite), tmp_path / "cases", Sources())
    with pytest.raises(InputError, match=r"nothing: there is no such folder; make some dolls$"):
        make_cases(suite, case_plans(suite), tmp_path / "cases", Sources(data=tmp_path / "nothing"))
    other = suite.model_copy(update={"recordings": Sequences(kind="sequences", names=("tall/fly",), get="make it")})
    other = other.model_copy(update={"subset": Subset(names=("tall/fly",), frames=1)})
    with pytest.raises(InputError, match=r"dolls: has no sequence fly of tall; make it$"):
        make_cases(other, case_plans(other), tmp_path / "cases", Sources(data=dolls))
    assert not list((tmp_path / "cases").glob("*"))


def test_nothing_is_written_beside_what_is_no_case(dolls: Path, tmp_path: Path) -> None:
    suite = dolls_suite()
    (tmp_path / "depth").mkdir()
    with pytest.raises(InputError, match="holds depth, which is no case"):
        make_cases(suite, case_plans(suite), tmp_path, Sources(data=dolls))
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        make_cases(suite, case_plans(suite), tmp_path / "notes.txt", Sources(data=dolls))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["depth", "notes.txt"]


def test_a_subset_of_more_frames_than_there_are_is_refused(dolls: Path, tmp_path: Path) -> None:
    suite = dolls_suite(every=3)
    with pytest.raises(InputError, match="has 3 frames, too few for 2 that are 3 apart"):
        make_cases(suite, case_plans(suite), tmp_path, Sources(data=dolls))


@pytest.mark.slow
def test_a_scene_is_recorded_with_and_without_the_noise_of_its_sensor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scenes.yaml"
    path.write_text("mine:\n  one: {motion: standing, seed: 5, sensor: azure, frames: 2, fps: 15, distance: 2.5}\n")
    monkeypatch.setattr("npm_studio.suites.scenes.scene_sets", lambda: path)
    wanted = Scenes(kind="scenes", set="mine", names=("one",))
    settings: tuple[SettingName, ...] = ("clean", "noisy")
    both_of = [
        next(recorded_scenes(wanted, ["one"], (each,), tmp_path / each, None, Workers(count=0), Listener()))
        for each in settings
    ]
    clean, noisy = (load_depth_sequence(each.recordings[name]) for each, name in zip(both_of, settings, strict=True))
    recorded = both_of[1]
    assert both_of[0].sensor_scale == 1
    both = (clean.depth_m(0) > 0) & (noisy.depth_m(0) > 0)
    assert 0.005 < abs(recorded.sensor_scale - 1) < 0.025
    ratio = float(np.median(noisy.depth_m(0)[both] / clean.depth_m(0)[both]))
    assert ratio == pytest.approx(recorded.sensor_scale, abs=0.003)
    assert recorded.in_room and recorded.counts == ({"000000": True, "000001": True},)


def test_runs_go_to_the_subjects_that_they_are_nearest_to_in_all() -> None:
    assert matched(np.array([[9.0, 2.0], [1.0, 3.0]])) == [(0, 1), (1, 0)]
    assert matched(np.array([[9.0, 2.0]])) == [(0, 1)]


@pytest.mark.slow
def test_bodies_of_a_suite_are_those_of_its_seed_before_a_camera_that_is_turned_as_it_says(tmp_path: Path) -> None:
    wanted = Generated(
        kind="generated", generator="anny", seed=1234, adults=1, children=0, frames=2, widest_turn=30.0,
        names=("anny_000",),
    )  # fmt: skip
    recorded = next(recorded_bodies(wanted, ["anny_000"], ("clean",), tmp_path, "cpu"))
    sequence, truth = load_depth_sequence(recorded.recordings["clean"]), recorded.truths[0]
    assert len(sequence) == 2 and not recorded.in_room and recorded.sensor_scale == 1
    front = front_camera_to_world(present(truth.similarity))
    turn = sequence.camera_at(0)[:3, :3] @ front[:3, :3].T
    assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) == pytest.approx(30, abs=0.1)
    points, surface = sequence.points_world(0), truth.meshes.read(0)
    assert np.abs(unsigned_distance(points[::50].astype(float), surface.vertices, surface.faces)).mean() < 0.002
