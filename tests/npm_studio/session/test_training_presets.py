"""Which of the built-in presets suits whom."""

from npm_studio.resources import presets
from npm_studio.session.training_presets import is_for_gpu, presets_by_size, suited_preset, what_for


def test_presets_begin_with_the_smallest_and_end_with_those_that_repeat_publications() -> None:
    names = presets_by_size()
    assert names[:2] == ["anny/tiny", "own/small"]
    assert names[-3:] == ["cape/full", "mano/full", "amass-mixamo-cape/full"]
    assert set(names) == set(presets())
    assert all(what_for(name) for name in names)


def test_a_dataset_begins_with_a_preset_of_its_class_that_the_device_can_train() -> None:
    assert suited_preset("human bodies", has_gpu=False) == "anny/tiny"
    assert suited_preset("human bodies", has_gpu=True) == "anny/compact"
    assert suited_preset("human hands", has_gpu=True) == "hands/compact"
    assert suited_preset("fish", has_gpu=True) == "own/compact"
    for category in ("human bodies", "human hands", "fish"):
        small, large = (suited_preset(category, has_gpu) for has_gpu in (False, True))
        assert {small, large} <= set(presets())
        assert is_for_gpu(large) and not is_for_gpu(small)


def test_nothing_is_said_of_a_preset_of_ones_own() -> None:
    assert not is_for_gpu("/home/me/full.yaml") and what_for("/home/me/full.yaml") == ""
