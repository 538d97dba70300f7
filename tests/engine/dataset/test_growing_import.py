"""A source folder that grows, and a dataset that was made from it before."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import Cancelled, InputError
from engine.dataset.importing import import_dataset
from engine.dataset.normalisation import parse_normalisation
from engine.dataset.pools import load_pools, pools_folder
from engine.dataset.preparation.sdf_pools import prepare_pools
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.dataset.renormalised import DatasetInMetres
from tests.support.ellipsoids import write_ellipsoids
from tests.support.progress import Listener
from tests.support.verification import B, lines, write_clean_dataset


class Source(DatasetInMetres):
    """Ellipsoids in metres as a source that can grow; sizes are factors by identity."""

    def __init__(self, folder: Path, sizes: dict[str, float]) -> None:
        root = folder if folder.exists() else write_ellipsoids(folder, 3)
        super().__init__(load_registered_dataset(root))
        self.sizes, self.identities = sizes, tuple(sizes)
        self.recipe = {"made": "by hand"}
        self._places = {name: index for index, name in enumerate(("a", "b", "c"))}

    def canonical(self, identity: str) -> np.ndarray:
        return super().canonical(identity) * self.sizes[identity]

    def frames(self, identity: str, sequence: str) -> np.ndarray:
        return super().frames(identity, sequence) * self.sizes[identity]

    def _index(self, identity: str) -> int:
        return self._places[identity]


def imported(source: Source, out: Path, how: str = "bounds") -> tuple[RegisteredDataset, list[str]]:
    told = Listener()
    import_dataset(source, out, parse_normalisation(how), told)
    return load_registered_dataset(out), told.messages


@pytest.mark.parametrize("how", ["bounds", "subject"])
def test_a_larger_identity_leaves_the_scale_of_those_before_as_it_is(tmp_path: Path, how: str) -> None:
    before, _ = imported(Source(tmp_path / "s", {"a": 1.0, "b": 1.0}), tmp_path / "d", how)
    arrays = {path: path.read_bytes() for path in (tmp_path / "d").rglob("*.npy")}
    after, told = imported(Source(tmp_path / "s", {"a": 1.0, "b": 1.0, "c": 1.4}), tmp_path / "d", how)
    assert after.identities == ("a", "b", "c")
    assert [after.similarity_of(i) for i in (0, 1)] == [before.similarity_of(i) for i in (0, 1)]
    assert arrays == {path: path.read_bytes() for path in arrays}
    assert any("c added" in line for line in told)
    leaves = [line for line in told if "leaves the cube" in line]
    assert len(leaves) == (how == "bounds")
    assert all(line.count(": c;") == 1 for line in leaves)


def test_an_import_that_was_interrupted_goes_on_in_its_scale_when_the_source_has_grown_meanwhile(
    tmp_path: Path,
) -> None:
    with pytest.raises(Cancelled):
        import_dataset(
            Source(tmp_path / "s", {"a": 1.0, "b": 1.0}),
            tmp_path / "d",
            parse_normalisation("bounds"),
            Listener(stop_after=3),
        )
    assert not (tmp_path / "d" / "dataset.json").exists()
    whole, _ = imported(Source(tmp_path / "s", {"a": 1.0, "b": 1.0}), tmp_path / "whole")
    grown, _ = imported(Source(tmp_path / "s", {"a": 1.0, "b": 1.0, "c": 1.4}), tmp_path / "d")
    assert grown.similarity == whole.similarity
    for identity in (0, 1):
        assert np.array_equal(grown.sequence(identity, "bend_0"), whole.sequence(identity, "bend_0"))


def test_what_the_source_says_otherwise_now_is_written_anew_and_named(tmp_path: Path) -> None:
    imported(Source(tmp_path / "s", {"a": 1.0, "b": 1.0}), tmp_path / "d")
    after, told = imported(Source(tmp_path / "s", {"a": 1.0, "b": 0.9}), tmp_path / "d")
    assert any("the source has changed: b/canonical, b/bend_0, b/bend_1 written anew" in line for line in told)
    expected = Source(tmp_path / "s", {"a": 1.0, "b": 0.9}).frames("b", "bend_0")
    assert np.abs(after.similarity.to_world(after.sequence(1, "bend_0")) - expected).max() < 2e-3


def test_a_source_that_cannot_be_used_any_more_leaves_the_dataset_as_it_is(tmp_path: Path) -> None:
    class Damaged(Source):
        def frames(self, identity: str, sequence: str) -> np.ndarray:
            found = super().frames(identity, sequence)
            return np.full_like(found, np.nan) if (identity, sequence) == ("b", "bend_1") else found

    imported(Source(tmp_path / "s", {"a": 1.0, "b": 1.0}), tmp_path / "d")
    before = {path: path.read_bytes() for path in (tmp_path / "d").rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="b/bend_1: has coordinates that are not finite"):
        imported(Damaged(tmp_path / "s", {"a": 0.9, "b": 1.0}), tmp_path / "d")
    assert {path: path.read_bytes() for path in (tmp_path / "d").rglob("*") if path.is_file()} == before


def test_an_identity_that_the_source_has_no_more_is_said(tmp_path: Path) -> None:
    imported(Source(tmp_path / "s", {"a": 1.0, "b": 1.0}), tmp_path / "d")
    after, told = imported(Source(tmp_path / "s", {"b": 1.0}), tmp_path / "d")
    assert after.identities == ("b",)
    assert any("has no a any more" in line for line in told)


@pytest.mark.parametrize("factor", [1.01, 0.99, 1.04])
def test_a_canonical_mesh_of_another_scale_than_its_frames_is_found_at_one_percent(
    tmp_path: Path, factor: float
) -> None:
    root = write_clean_dataset(tmp_path / "d")
    path = root / B / "canonical.npy"
    np.save(path, np.load(path) * np.float32(factor))
    (line,) = lines(root)
    assert line.startswith(f"{path}: does not belong to its frames: their edges are {1 / factor:.2f}")


def test_pools_of_a_mesh_that_is_another_now_are_refused_and_made_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset, _ = imported(Source(tmp_path / "s", {"a": 1.0, "b": 1.0}), tmp_path / "d")
    counts = (4000, 2000, 1000)
    assert prepare_pools(dataset, counts).written == ("a", "b")
    kept = (pools_folder(dataset, 0) / "near.npy").read_bytes()
    dataset, _ = imported(Source(tmp_path / "s", {"a": 1.0, "b": 0.98}), tmp_path / "d")
    with pytest.raises(InputError, match="made of another canonical mesh"):
        load_pools(dataset, 1)
    told = Listener()
    summary = prepare_pools(dataset, counts, progress=told)
    assert (summary.written, summary.kept) == (("b",), ("a",))
    assert any(line.startswith("b: the canonical mesh is another") for line in told.messages)
    assert (pools_folder(dataset, 0) / "near.npy").read_bytes() == kept
    assert load_pools(dataset, 1).near.shape == (4000, 4)


def test_pools_from_before_fingerprints_are_read(tmp_path: Path) -> None:
    dataset, _ = imported(Source(tmp_path / "s", {"a": 1.0}), tmp_path / "d")
    prepare_pools(dataset, (4000, 2000, 1000))
    report = pools_folder(dataset, 0) / "report.json"
    values = json.loads(report.read_text())
    del values["mesh"]
    report.write_text(json.dumps(values))
    assert len(load_pools(dataset, 0).near) == 4000
