"""Presets, dotted overrides and learning rates."""

from pathlib import Path

import pytest

from engine.core.errors import InputError
from engine.training.config import Schedule, load_training_config
from engine.training.stage import grown, open_bands, rate_factor
from tests.support.training import PRESET


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    path = tmp_path / "preset.yaml"
    path.write_text(PRESET)
    return path


def test_dotted_overrides_change_one_field(preset: Path) -> None:
    config = load_training_config(preset, {"shape.schedule.steps": "7", "pose.sigmas": "[0.01]"})
    assert config.shape.schedule.steps == 7
    assert config.pose.sigmas == (0.01,)
    assert config.pose.schedule.steps == 12


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"shape.schedule.stps": "7"}, "shape.schedule.stps"),
        ({"shape.schedule.steps": "many"}, "shape.schedule.steps"),
        ({"shape.code_size.x": "1"}, "shape.code_size.x"),
        ({"shape_encoder.resolution": "20"}, "shape_encoder"),
        ({"pose.decoder.skip_layer": "9"}, "pose.decoder"),
        ({"pose.sigmas": "[]"}, "pose.sigmas"),
        ({"pose.sigmas": "[.nan]"}, "pose.sigmas"),
        ({"shape.schedule.network_rate": ".inf"}, "shape.schedule.network_rate"),
        ({"shape.schedule.steps": "99999999999"}, "shape.schedule.steps"),
    ],
)
def test_a_wrong_field_is_refused_by_name(preset: Path, overrides: dict[str, str], field: str) -> None:
    with pytest.raises(InputError, match=field):
        load_training_config(preset, overrides)


@pytest.mark.parametrize("word", ["on", "off", "auto"])
def test_half_is_on_off_or_auto_although_yaml_has_truth_values(preset: Path, word: str) -> None:
    assert load_training_config(preset, {"half": word}).half == word


@pytest.mark.parametrize("text", ["", "- 1\n- 2\n", "shape: [", "!!python/object/apply:os.system ['true']"])
def test_a_file_that_is_no_preset_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "preset.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_training_config(path)
    assert "\n" not in str(caught.value)
    assert "preset.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Schedule(100, warmup=10), {0: 0.1, 9: 1.0, 10: 1.0, 55: 0.505, 100: 0.01}),
        (Schedule(100, decay="halving", halving_interval=30), {0: 1.0, 29: 1.0, 30: 0.5, 60: 0.25}),
    ],
)
def test_learning_rates_follow_their_schedule(schedule: Schedule, expected: dict[int, float]) -> None:
    for step, factor in expected.items():
        assert rate_factor(schedule, step) == pytest.approx(factor)


def test_weights_and_bands_grow_from_nothing() -> None:
    assert [grown(0.5, 4, step) for step in (0, 1, 4, 9)] == [0.0, 0.125, 0.5, 0.5]
    assert grown(0.5, 0, 0) == 0.5
    assert open_bands(8, 100, 50) == 4.0
