import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.dataset.importing import import_dataset
from engine.dataset.normalisation import parse_normalisation
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.geometry.mesh import load_mesh
from external.cape.release import CapeRelease, load_frame
from external.cape.scans import ScanSummary, import_scans
from external.smpl.clips import legs_apart
from tests.support.progress import Listener
from tests.support.smpl_files import (
    Arrays,
    OldPickle,
    body_arrays,
    readable_skinning,
    write_body_pickle,
    write_cape_release,
    write_npz,
)

GENDERS = {"00032": "male", "00096": "female"}
MOTIONS = {"00032": ("shortlong_hips", "shortlong_shoulders_mill"), "00096": ("jerseyshort_hips",)}


@pytest.fixture(scope="module")
def arrays() -> dict[str, Arrays]:
    female = body_arrays(subdivisions=1)
    male = Arrays(**{**vars(body_arrays(subdivisions=1, seed=1)), "v_template": female.v_template * 1.2})
    return {"female": female, "male": male}


@pytest.fixture(scope="module")
def models(arrays: dict[str, Arrays], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for gender, body in arrays.items():
        write_body_pickle(folder / f"SMPL_{gender.upper()}.pkl", body)
    return folder


@pytest.fixture(scope="module")
def published(arrays: dict[str, Arrays], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cape_release(tmp_path_factory.mktemp("cape") / "cape_release", arrays, GENDERS, MOTIONS)


@pytest.fixture
def release(published: Path, tmp_path: Path) -> Path:
    return shutil.copytree(published, tmp_path / "cape_release")


def imported(raw: CapeRelease, out: Path) -> RegisteredDataset:
    import_dataset(raw, out, parse_normalisation("cape"))
    return load_registered_dataset(out)


def frame_arrays(release: Path, subject: str, folder: str, frame: int) -> dict[str, np.ndarray]:
    with np.load(release / "sequences" / subject / folder / f"{folder}.{frame:06d}.npz") as file:
        return dict(file)


def test_canonical_and_posed_meshes_are_made_by_the_model_of_each_subjects_gender(
    arrays: dict[str, Arrays], published: Path, models: Path
) -> None:
    raw = CapeRelease(published, models)
    assert raw.identities == ["00032_shortlong", "00096_jerseyshort"]
    assert raw.sequences("00032_shortlong") == ["hips", "shoulders_mill"]
    np.testing.assert_array_equal(raw.faces("00032_shortlong"), arrays["male"].f)
    for identity, subject, gender, folder, motion in (
        ("00032_shortlong", "00032", "male", "shortlong_shoulders_mill", "shoulders_mill"),
        ("00096_jerseyshort", "00096", "female", "jerseyshort_hips", "hips"),
    ):
        body, none = arrays[gender], np.zeros(0)
        first = frame_arrays(published, subject, MOTIONS[subject][0], 1)
        expected, _ = readable_skinning(body, none, legs_apart(24), first["v_cano"].astype(float))
        np.testing.assert_allclose(raw.canonical(identity), expected, atol=1e-12)
        third = frame_arrays(published, subject, folder, 3)
        expected, _ = readable_skinning(body, none, third["pose"], third["v_cano"].astype(float))
        np.testing.assert_allclose(raw.frames(identity, motion)[2], expected, atol=1e-12)


def test_without_a_model_registrations_are_taken_as_they_are_but_for_their_translation(published: Path) -> None:
    raw = CapeRelease(published, None)
    first = frame_arrays(published, "00096", "jerseyshort_hips", 1)
    np.testing.assert_array_equal(raw.canonical("00096_jerseyshort"), first["v_cano"].astype(float))
    frames = raw.frames("00096_jerseyshort", "hips")
    np.testing.assert_allclose(frames[0], first["v_posed"].astype(float) - first["transl"], atol=1e-12)


def test_the_folder_above_the_release_is_accepted_too(published: Path) -> None:
    assert CapeRelease(published.parent, None).root == published


def test_a_model_of_the_wrong_gender_is_noticed_by_its_distance_from_the_registrations(
    published: Path, models: Path, arrays: dict[str, Arrays], tmp_path: Path
) -> None:
    wrong = Arrays(**{**vars(arrays["male"]), "posedirs": arrays["male"].posedirs * 100})
    listener = Listener()
    raw = CapeRelease(published, write_body_pickle(tmp_path / "other.pkl", wrong), listener)
    raw.frames("00096_jerseyshort", "hips")
    assert len(listener.messages) == 1 and "mm from the registrations" in listener.messages[0]
    listener = Listener()
    CapeRelease(published, models, listener).frames("00096_jerseyshort", "hips")
    assert listener.messages == []


def test_frames_that_cannot_be_read_are_left_out_with_their_names_and_a_count(release: Path, models: Path) -> None:
    folder = release / "sequences" / "00032" / "shortlong_hips"
    first = folder / "shortlong_hips.000001.npz"
    first.write_bytes(first.read_bytes()[:200])
    whole = frame_arrays(release, "00032", "shortlong_hips", 3)
    write_npz(folder / "shortlong_hips.000003.npz", {**whole, "v_cano": whole["v_cano"][:-1]})
    listener = Listener()
    raw = CapeRelease(release, models, listener)
    assert raw.frames("00032_shortlong", "hips").shape == (1, 42, 3)
    raw.frames("00032_shortlong", "hips")
    assert raw.skipped == 2
    assert sum("000001.npz" in line for line in listener.messages) == 1
    assert sum("000003.npz" in line for line in listener.messages) == 1


def test_a_motion_without_any_readable_frame_is_left_out(release: Path) -> None:
    for path in (release / "sequences" / "00032" / "shortlong_hips").iterdir():
        path.write_bytes(b"PK")
    listener = Listener()
    raw = CapeRelease(release, None, listener)
    assert raw.sequences("00032_shortlong") == ["shoulders_mill"]
    assert any("no readable frame" in line for line in listener.messages)
    for path in (release / "sequences").rglob("*.npz"):
        path.write_bytes(b"")
    with pytest.raises(InputError, match="no readable frame"):
        CapeRelease(release, None)


def test_scans_are_cleaned_and_put_beside_their_frames(published: Path, models: Path, tmp_path: Path) -> None:
    raw = CapeRelease(published, models)
    dataset = imported(raw, tmp_path / "out")
    assert import_scans(raw, dataset) == ScanSummary(written=2, kept=0, skipped=0)
    scan = load_mesh(tmp_path / "out" / "00032_shortlong" / "scans" / "hips" / "000001.ply")  # row of frame 000002
    frame = frame_arrays(published, "00032", "shortlong_hips", 2)
    registration = frame["v_posed"].astype(float) - frame["transl"]
    assert len(scan.vertices) == 42 and len(scan.faces) == len(raw.faces("00032_shortlong"))  # the floor is gone
    np.testing.assert_allclose(scan.vertices, dataset.similarity.to_canonical(registration), atol=1e-6)
    posed = dataset.sequence(0, "hips")[1].astype(np.float32)
    np.testing.assert_allclose(scan.vertices, posed, atol=2e-3)

    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.ply")}
    assert import_scans(raw, dataset) == ScanSummary(written=0, kept=2, skipped=0)
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_scans_follow_their_frames_where_earlier_frames_were_left_out(
    release: Path, models: Path, tmp_path: Path
) -> None:
    (release / "sequences" / "00032" / "shortlong_hips" / "shortlong_hips.000001.npz").write_bytes(b"")
    raw = CapeRelease(release, models)
    dataset = imported(raw, tmp_path / "out")
    import_scans(raw, dataset)
    assert [p.name for p in (tmp_path / "out" / "00032_shortlong" / "scans" / "hips").iterdir()] == ["000000.ply"]


def test_a_bad_scan_is_skipped_with_its_name_and_counted(release: Path, models: Path, tmp_path: Path) -> None:
    scans = release / "raw_scans"
    (scans / "00032" / "shortlong_hips" / "shortlong_hips.000002.ply").write_text("ply\nformat ascii 1.0\n")
    lone = scans / "00096" / "jerseyshort_hips"
    shutil.copy(lone / "jerseyshort_hips.000002.ply", lone / "jerseyshort_hips.000077.ply")
    far = (lone / "jerseyshort_hips.000002.ply").read_text().splitlines()
    ends = far.index("end_header") + 1
    count = int(next(line for line in far if line.startswith("element vertex")).split()[-1])
    moved = [" ".join(str(float(x) + 1e5) for x in line.split()) for line in far[ends : ends + count]]
    (lone / "jerseyshort_hips.000003.ply").write_text("\n".join([*far[:ends], *moved, *far[ends + count :]]) + "\n")
    listener = Listener()
    raw = CapeRelease(release, models, listener)
    assert import_scans(raw, imported(raw, tmp_path / "out"), listener) == ScanSummary(written=1, kept=0, skipped=3)
    for name in ("shortlong_hips.000002", "jerseyshort_hips.000077", "jerseyshort_hips.000003"):
        assert sum(name in line for line in listener.messages) == 1


def test_scans_of_other_frames_than_the_imported_ones_are_refused(release: Path, tmp_path: Path) -> None:
    dataset = imported(CapeRelease(release, None), tmp_path / "out")
    (release / "sequences" / "00032" / "shortlong_hips" / "shortlong_hips.000003.npz").unlink()
    with pytest.raises(InputError, match="other frames"):
        import_scans(CapeRelease(release, None), dataset)


def test_what_is_no_release_is_refused(tmp_path: Path, release: Path, models: Path) -> None:
    with pytest.raises(InputError, match="no folder sequences"):
        CapeRelease(tmp_path / "nothing", None)
    genders = release / "misc" / "subj_genders.pkl"
    genders.write_bytes(OldPickle().file({"00032": "male"}))
    with pytest.raises(InputError, match="does not name subject 00096"):
        CapeRelease(release, models)
    genders.unlink()
    with pytest.raises(InputError, match=r"subj_genders\.pkl"):
        CapeRelease(release, models)
    assert CapeRelease(release, models / "SMPL_MALE.pkl").identities  # one file for all needs no genders


def test_genders_that_call_the_system_are_refused_and_the_call_never_made(
    release: Path, models: Path, tmp_path: Path
) -> None:
    p = OldPickle()
    proof = tmp_path / "proof"
    content = p.file({"00032": p.call(p.name("os", "system"), f"touch {proof}")})
    (release / "misc" / "subj_genders.pkl").write_bytes(content)
    with pytest.raises(InputError, match=r"subj_genders\.pkl.*os\.system"):
        CapeRelease(release, models)
    assert not proof.exists()


def test_a_model_without_the_joints_of_smpl_or_for_a_missing_gender_is_refused(
    published: Path, models: Path, tmp_path: Path
) -> None:
    from tests.support.smpl_files import hand_arrays, write_hand_pickle

    with pytest.raises(InputError, match="16 joints"):
        CapeRelease(published, write_hand_pickle(tmp_path / "MANO_RIGHT.pkl", hand_arrays(1)))
    (tmp_path / "m").mkdir()
    shutil.copy(models / "SMPL_MALE.pkl", tmp_path / "m")
    with pytest.raises(InputError, match="no female model"):
        CapeRelease(published, tmp_path / "m")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pose", np.zeros(69)),
        ("transl", np.zeros((1, 3))),
        ("v_posed", np.full((42, 3), np.nan)),
        ("v_posed", np.zeros((41, 3))),
        ("v_cano", np.zeros((0, 3))),
        ("v_cano", np.zeros((42, 3), int)),
        ("pose", np.array([{}] * 72, object)),
    ],
)
def test_a_frame_with_other_arrays_is_refused_with_its_name(
    name: str, value: np.ndarray, published: Path, tmp_path: Path
) -> None:
    whole = frame_arrays(published, "00096", "jerseyshort_hips", 1)
    path = tmp_path / "jerseyshort_hips.000001.npz"
    np.savez(path, **{**whole, name: value}, allow_pickle=True)
    with pytest.raises(InputError, match=r"jerseyshort_hips\.000001\.npz"):
        load_frame(path, None)
