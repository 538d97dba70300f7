"""The split on which models are measured: read strictly, and who of a generated dataset is taken."""

from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.core.files import read_json, write_json
from engine.dataset.registered import load_registered_dataset
from external.anny.hands.motions import TEST_FAMILIES as HAND_TEST_FAMILIES
from external.anny.motions import TEST_FAMILIES
from external.anny.quality import choose_identities, generate_unseen, load_quality_split
from tests.support.ellipsoids import write_ellipsoids

CONFIGS = Path(__file__).parents[3] / "configs"
SPLIT = """
generator: anny
seed: 5
adults: 2
children: 1
families: [jumping_jack, throw]
sequences: 1
frames: 4
shape_steps: 10
pose_steps: 10
bars:
  small: {unseen_iou: 0.9}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "quality.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("folder", "families"), [("anny", TEST_FAMILIES), ("hands", HAND_TEST_FAMILIES)])
def test_the_shipped_splits_move_in_families_kept_out_of_training(folder: str, families: dict[str, object]) -> None:
    split = load_quality_split(CONFIGS / folder / "quality.yaml")
    assert set(split.families) == set(families)
    assert (split.adults, split.children) == (8, 4)


def test_bars_are_read_by_the_name_of_the_model(tmp_path: Path) -> None:
    split = load_quality_split(written(tmp_path, SPLIT))
    assert split.bars["small"].unseen_iou == 0.9
    assert split.bars["small"].arithmetic is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed: 5", "seed: 5\nsubjects: 3", "subjects"),
        ("seed: 5", "", "seed"),
        ("adults: 2", "adults: 0", "adults"),
        ("unseen_iou", "unseen_io", "unseen_io"),
        ("throw", "swim", "swim"),
        ("generator: anny", "generator: cats", "generator"),
        (SPLIT, "seed: [", "YAML"),
        (SPLIT, "", "root"),
    ],
)
def test_a_wrong_split_is_refused_in_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_quality_split(written(tmp_path, SPLIT.replace(old, new)))
    assert "\n" not in str(caught.value)


def test_a_missing_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_quality_split(tmp_path / "quality.yaml")


@pytest.mark.parametrize(("generator", "families"), [("anny", "throw"), ("hands", "pinch")])
def test_as_many_are_generated_as_it_takes(tmp_path: Path, generator: str, families: str) -> None:
    text = SPLIT.replace("anny", generator).replace("jumping_jack, throw", families).replace("frames: 4", "frames: 1")
    split = load_quality_split(written(tmp_path, text))
    dataset = generate_unseen(split, tmp_path / "unseen")
    adults, children = choose_identities(split, dataset)
    assert (len(adults), len(children)) == (2, 1)
    assert len(dataset.identities) == 1 + max(*adults, *children)  # nobody is made in vain at the end
    assert dataset.sequences_of(0) == [f"00_{families}"]


def test_adults_and_children_are_told_apart_by_their_age(tmp_path: Path) -> None:
    root = write_ellipsoids(tmp_path / "ellipsoids")
    dataset = load_registered_dataset(root)
    split = load_quality_split(written(tmp_path, SPLIT))
    with pytest.raises(InputError, match="who is a child"):
        choose_identities(split, dataset)
    ages = dict(zip(dataset.identities, np.linspace(0.4, 1.0, len(dataset.identities)).tolist(), strict=True))
    description = read_json(root / "dataset.json")
    description["recipe"] = {"phenotypes": {name: {"age": age} for name, age in ages.items()}}
    write_json(root / "dataset.json", description)
    adults, children = choose_identities(split, load_registered_dataset(root))
    assert children == [0] and len(adults) <= 2
    assert all(ages[dataset.identities[index]] >= 0.6 for index in adults)
