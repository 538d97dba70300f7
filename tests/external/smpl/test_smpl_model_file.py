import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from external.smpl.model_file import BodyModel, find_model_files, load_body_model
from tests.support.smpl_files import (
    Arrays,
    OldestPickle,
    OldPickle,
    Raw,
    body_arrays,
    hand_arrays,
    npy_bytes,
    write_body_pickle,
    write_hand_pickle,
    write_npz,
)


@pytest.fixture(scope="module")
def body() -> Arrays:
    return body_arrays(subdivisions=1)


def assert_holds(model: BodyModel, arrays: Arrays) -> None:
    np.testing.assert_array_equal(model.template, arrays.v_template)
    np.testing.assert_array_equal(model.shape_directions, arrays.shapedirs)
    np.testing.assert_array_equal(model.pose_directions, arrays.posedirs)
    np.testing.assert_array_equal(model.joint_regressor, arrays.J_regressor)
    np.testing.assert_array_equal(model.weights, arrays.weights)
    np.testing.assert_array_equal(model.faces, arrays.f)
    np.testing.assert_array_equal(model.parents[1:], arrays.kintree_table[0][1:])
    assert model.parents[0] == -1
    assert model.faces.dtype == np.int32


@pytest.mark.parametrize("pickle", [OldPickle(), OldestPickle()])
def test_a_pickle_of_python_2_with_chumpy_and_scipy_objects_is_read_exactly(
    pickle: OldPickle, body: Arrays, tmp_path: Path
) -> None:
    assert_holds(load_body_model(write_body_pickle(tmp_path / "SMPL_MALE.pkl", body, pickle)), body)


def test_an_npz_model_is_read_exactly(body: Arrays, tmp_path: Path) -> None:
    assert_holds(load_body_model(write_npz(tmp_path / "model.npz", vars(body))), body)


def test_a_pickle_of_today_is_read_exactly(body: Arrays, tmp_path: Path) -> None:
    import pickle

    import scipy.sparse

    for protocol in (2, 4, 5):
        path = tmp_path / f"{protocol}.pkl"
        content = {**vars(body), "J_regressor": scipy.sparse.csc_matrix(body.J_regressor)}
        path.write_bytes(pickle.dumps(content, protocol))
        assert_holds(load_body_model(path), body)


def test_a_selection_of_a_larger_array_is_read_as_what_it_selects(tmp_path: Path) -> None:
    hand = hand_arrays(subdivisions=1)
    model = load_body_model(write_hand_pickle(tmp_path / "MANO_RIGHT.pkl", hand))
    assert_holds(model, hand)
    assert model.hands_components is not None and model.hands_components.shape == (45, 45)
    assert model.hands_mean is not None and model.hands_mean.shape == (45,)


def hostile_call(path: Path, proof: Path) -> bytes:
    p = OldPickle()
    return p.file({"v_template": p.call(p.name("os", "system"), f"touch {proof}")})


def test_a_pickle_that_calls_the_system_is_refused_and_the_call_never_made(tmp_path: Path) -> None:
    path, proof = tmp_path / "SMPL_MALE.pkl", tmp_path / "proof"
    path.write_bytes(hostile_call(path, proof))
    with pytest.raises(InputError, match=r"SMPL_MALE\.pkl.*os\.system"):
        load_body_model(path)
    assert not proof.exists()

    import pickle  # the same bytes do harm in a reader that trusts them

    pickle.loads(path.read_bytes())
    assert proof.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("__builtin__", "eval"),
        ("builtins", "getattr"),
        ("functools", "partial"),
        ("os", "system"),
        ("posix", "system"),
        ("subprocess", "Popen"),
        ("numpy", "load"),
        ("numpy.core.multiarray", "fromfile"),
        ("chumpy.ch", "Ch.__init__"),
        ("chumpy.ch", "depends_on"),
    ],
)
def test_any_other_global_is_refused_by_its_name(module: str, name: str, tmp_path: Path) -> None:
    p = OldPickle()
    (tmp_path / "a.pkl").write_bytes(p.file({"weights": p.name(module, name)}))
    with pytest.raises(InputError, match=rf"a\.pkl.*{module}\.{name}"):
        load_body_model(tmp_path / "a.pkl")


def test_objects_of_allowed_kinds_run_no_code_of_theirs(body: Arrays, tmp_path: Path) -> None:
    """Calls, states and items on stand-ins leave nothing behind for the next file."""
    p = OldPickle()
    kind = p.name("numpy", "dtype")
    for number, odd in enumerate(
        [
            Raw(kind + p.value({"kind": "array"}) + b"b"),  # a state for the class itself
            Raw(kind + p.value((None, {"__new__": None})) + b"b"),
            Raw(p.call(p.call(kind, "f8"), 1)),  # a call of an instance
            Raw(p.call(kind) + b"(" + p.value("a") + p.value(1) + b"u"),  # items
        ]
    ):
        path = tmp_path / f"{number}.pkl"
        path.write_bytes(p.file({"v_template": odd}))
        with pytest.raises(InputError, match=rf"{number}\.pkl"):
            load_body_model(path)
    assert_holds(load_body_model(write_body_pickle(tmp_path / "good.pkl", body)), body)


def test_a_truncated_pickle_is_refused_with_its_name(body: Arrays, tmp_path: Path) -> None:
    whole = write_body_pickle(tmp_path / "whole.pkl", body).read_bytes()
    for share in (0.0, 0.01, 0.5, 0.999):
        (tmp_path / "cut.pkl").write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(InputError, match=r"cut\.pkl"):
            load_body_model(tmp_path / "cut.pkl")


def test_a_pickle_of_a_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.pkl").write_bytes(OldPickle().file([1, 2]))
    with pytest.raises(InputError, match=r"list\.pkl: holds a list"):
        load_body_model(tmp_path / "list.pkl")


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02T" + struct.pack("<i", 2**31 - 1) + b"short",  # a string of 2 GB that is not there
        b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"short",
        b"\x80\x05\x96" + struct.pack("<Q", 2**60) + b"short",
        b"\x80\x02}r" + struct.pack("<I", 2**32 - 1),  # memo number four billion
        b"(" * 100_000,
        b"\x80\xff.",
        b"not a pickle",
    ],
)
def test_a_pickle_that_declares_absurd_sizes_is_refused_at_once(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "odd.pkl").write_bytes(content)
    with pytest.raises(InputError, match=r"odd\.pkl"):
        load_body_model(tmp_path / "odd.pkl")


def test_an_array_larger_than_its_bytes_is_refused(body: Arrays, tmp_path: Path) -> None:
    p = OldPickle()
    array = p.array(np.zeros((4, 3)))
    claimed = Raw(array.replace(p.value((4, 3)), p.value((2**30, 3))))
    with pytest.raises(InputError, match="v_template"):
        load_body_model(write_body_pickle(tmp_path / "a.pkl", body, v_template=claimed))
    sparse = p.sparse(np.eye(3))
    claimed = Raw(sparse.replace(p.value((3, 3)), p.value((2**30, 2**30))))
    with pytest.raises(InputError, match="J_regressor"):
        load_body_model(write_body_pickle(tmp_path / "a.pkl", body, J_regressor=claimed))


def test_a_file_beyond_the_size_of_any_model_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.pkl").open("wb") as file:
        os.truncate(file.fileno(), 2**31)  # sparse on disk
    with pytest.raises(InputError, match=r"huge\.pkl: has 2\.1 GB"):
        load_body_model(tmp_path / "huge.pkl")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v_template", np.zeros((42, 2))),
        ("shapedirs", np.zeros((41, 3, 10))),
        ("posedirs", np.zeros((42, 3, 9))),
        ("J_regressor", np.zeros((23, 42))),
        ("weights", np.zeros((42, 24))),
        ("weights", np.full((42, 24), np.nan)),
        ("kintree_table", np.zeros(24)),
        ("kintree_table", np.tile(np.arange(24), (2, 1))),
        ("f", np.array([[0, 1, 42]])),
        ("f", np.array([[0, 1, -1]])),
        ("f", np.zeros((0, 3), int)),
        ("v_template", np.array([["a", "b", "c"]])),
        ("v_template", "text"),
    ],
)
def test_an_array_that_does_not_fit_is_refused_by_its_name(
    name: str, value: object, body: Arrays, tmp_path: Path
) -> None:
    assert len(body.v_template) == 42
    with pytest.raises(InputError, match=rf"a\.pkl.*{name}"):
        load_body_model(write_body_pickle(tmp_path / "a.pkl", body, None, **{name: value}))
    if isinstance(value, np.ndarray):
        with pytest.raises(InputError, match=rf"a\.npz.*{name}"):
            load_body_model(write_npz(tmp_path / "a.npz", {**vars(body), name: value}))


def test_an_object_array_of_numpy_is_refused(body: Arrays, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{**vars(body), "weights": np.array([{}, {}], object)}, allow_pickle=True)
    with pytest.raises(InputError, match=r"a\.npz.*weights.*objects"):
        load_body_model(tmp_path / "a.npz")


def test_an_npz_that_declares_more_than_it_has_is_refused(body: Arrays, tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a.npz", {name: array for name, array in vars(body).items() if name != "posedirs"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("posedirs.npy", npy_bytes(np.zeros(3), shape=(2**40, 3, 207)))
    with pytest.raises(InputError, match=r"a\.npz.*posedirs"):
        load_body_model(path)
    whole = write_npz(tmp_path / "b.npz", vars(body)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a\.npz"):
        load_body_model(path)


def test_a_missing_entry_and_a_foreign_ending_are_named(body: Arrays, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no weights"):
        load_body_model(
            write_npz(tmp_path / "a.npz", {name: value for name, value in vars(body).items() if name != "weights"})
        )
    with pytest.raises(InputError, match=r"\.pkl or \.npz"):
        load_body_model(tmp_path / "a.zip")
    with pytest.raises(InputError, match="no such file"):
        load_body_model(tmp_path / "none.pkl")


def test_model_files_are_found_by_the_gender_in_their_names(tmp_path: Path) -> None:
    kinds = ("female", "male", "neutral")
    for name in ("SMPL_FEMALE.pkl", "basicModel_m_lbs_10_207_0_v1.0.0.pkl", "neutral/model.npz", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_model_files(tmp_path, kinds)
    assert {kind: path.name for kind, path in found.items()} == {
        "female": "SMPL_FEMALE.pkl",
        "male": "basicModel_m_lbs_10_207_0_v1.0.0.pkl",
        "neutral": "model.npz",
    }
    (tmp_path / "SMPL_MALE.pkl").touch()
    with pytest.raises(InputError, match="several male"):
        find_model_files(tmp_path, kinds)
    with pytest.raises(InputError, match="no such"):
        find_model_files(tmp_path / "absent", kinds)
