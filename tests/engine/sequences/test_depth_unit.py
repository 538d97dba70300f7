"""The unit of stored depth, from all evidence: what is stated, kinds of recordings, common factors, distances."""

import math
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.sequences.depth_unit import DepthUnit, DepthValues, Stated, settle_unit
from npm_studio.cli.words import words

WALL_M = np.linspace(1.6, 2.7, 4000).reshape(50, 80)


def values_of(*frames: np.ndarray) -> DepthValues:
    values = DepthValues()
    for frame in frames:
        values.add(frame)
    return values


def settled(stored: np.ndarray, stated: Stated = Stated()) -> DepthUnit:  # noqa: B008
    return settle_unit(Path("recording"), stated, values_of(stored))


def millimetres(depth_m: np.ndarray) -> np.ndarray:
    return np.rint(depth_m * 1000).astype(np.uint16)


def rotated(millimetre: np.ndarray) -> np.ndarray:
    """Bit by bit: the thirteen low bits go up by three places, the three high ones come in from below."""
    out = np.zeros_like(millimetre)
    for bit in range(16):
        out |= ((millimetre >> bit) & 1) << ((bit + 3) % 16)
    return out


@pytest.mark.parametrize("kind", ["<u2", ">u2", "u1", "<u4", "<i4", "<f4"])
@pytest.mark.parametrize("count", [1, 2, 7, 60])
def test_values_are_summed_up_alike_in_whatever_type_they_are_stored(kind: str, count: int) -> None:
    """Sorted and counted in plain Python."""
    random = np.random.default_rng(count)
    frames = [random.integers(0, 30, (count, 1)) * 4 for _ in range(3)]
    frames[0][0] = 200
    found = values_of(*(np.maximum(frame, 4 * (frame.max() == 0)).astype(kind) for frame in frames))
    medians, values = [], set()
    for frame in frames:
        valid = sorted(value for value in np.maximum(frame, 4 * (frame.max() == 0)).ravel().tolist() if value > 0)
        medians.append((valid[(len(valid) - 1) // 2] + valid[len(valid) // 2]) / 2)
        values |= set(valid)
    assert found.median == sorted(medians)[1]
    expected = math.gcd(*values) if len(values) >= 16 and kind != "<f4" else None
    assert found.common() == expected


@pytest.mark.parametrize("factor", [1, 4, 5, 8, 10])
def test_millimetres_that_were_multiplied_are_told_by_their_common_factor(factor: int) -> None:
    near_m = WALL_M / 2.0  # at which 1000 units per metre would be plausible for each of them, too
    stored = millimetres(near_m) * np.uint16(factor)
    unit = settled(stored)
    np.testing.assert_allclose(unit.metres(stored), near_m, atol=6e-4)
    (notice,) = unit.warnings
    assert "guessed" in notice.line(words) and "--depth-scale" in notice.line(words)


def test_rotated_bits_are_rotated_back_beyond_eight_metres_too() -> None:
    depth_m = WALL_M.copy()
    depth_m[:10] *= 6
    stored = rotated(millimetres(depth_m))
    assert depth_m.max() > 9 and (stored % 8 != 0).any()
    unit = settled(stored)
    np.testing.assert_allclose(unit.metres(stored), depth_m, atol=6e-4)
    assert "SUN3D" in unit.warnings[0].line(words)


def test_a_few_values_have_no_common_factor_that_means_anything() -> None:
    stored = np.where(WALL_M > 2, 2000, 1600).astype(np.uint16)
    assert settled(stored).per_metre == 1000


@pytest.mark.parametrize(("stated", "right"), [(0.001, 1000), (0.0002, 5000), (0.1, 10000), (1.0, 1000)])
def test_inverse_scales_are_recognised_and_said(stated: float, right: float) -> None:
    stored = np.rint(WALL_M * right + 1).astype(np.uint16)
    for source in (Stated(by_recording=stated), Stated(by_user=stated)):
        unit = settled(stored, source)
        assert unit.per_metre == pytest.approx(right)
        (notice,) = unit.warnings
        assert f"{right} units per metre" in notice.line(words) and "--depth-scale" in notice.line(words)


@pytest.mark.parametrize("metres", [0.02, 0.25, 70.0])
def test_subjects_of_any_size_are_taken_where_the_unit_is_stated(metres: float) -> None:
    unit = settled(np.full((4, 4), metres, np.float32), Stated(by_recording=1.0))
    assert unit.per_metre == 1
    assert len(unit.warnings) == (0 if metres == 0.25 else 1)


@pytest.mark.parametrize("stated", [1e-9, 7.0, 1e9])
def test_absurd_distances_are_refused_and_not_only_said(stated: float) -> None:
    with pytest.raises(InputError) as caught:
        settled(millimetres(WALL_M), Stated(by_recording=stated))
    assert "no subject" in caught.value.line(words) and "--depth-scale" in caught.value.line(words)


def test_what_recordings_of_a_kind_have_is_taken_without_a_word_where_it_is_plausible() -> None:
    unit = settled(millimetres(WALL_M) * np.uint16(5) + np.uint16(1), Stated(expected=5000, kind="TUM RGB-D"))
    assert (unit.per_metre, unit.why, unit.warnings) == (5000, "as TUM RGB-D has it", ())
    unit = settled(millimetres(WALL_M / 2), Stated(expected=5000, kind="TUM RGB-D"))
    assert unit.per_metre == 1000 and unit.warnings


def test_depths_that_no_unit_explains_are_refused() -> None:
    with pytest.raises(InputError, match=r"fits none of the usual ones"):
        settled(np.full((4, 4), 20, np.uint16))


@pytest.mark.parametrize(("units", "guessed", "said"), [(100, 100, "1000 would be 0.2"), (1000, 1000, "")])
def test_centimetres_are_considered_where_all_else_is_implausible_and_what_millimetres_would_be_is_said(
    units: int, guessed: int, said: str
) -> None:
    stored = np.rint(WALL_M * units).astype(np.uint16)
    unit = settled(stored)
    assert unit.per_metre == guessed
    (notice,) = unit.warnings
    line = notice.line(words)
    assert f"{guessed} units per metre gives a median depth of 2.1" in line and "--depth-scale" in line
    assert said in line and ("would be" in line) == bool(said)


def test_between_millimetres_and_centimetres_the_usual_is_taken_and_the_other_named() -> None:
    unit = settled(np.rint(WALL_M * 200).astype(np.uint16))
    assert unit.per_metre == 1000
    assert "median depth of 0.43 m, 100 would be 4.30 m" in unit.warnings[0].line(words)


def test_pictures_of_depth_in_eight_bits_are_no_centimetres() -> None:
    stored = np.rint(np.linspace(40, 255, 4000)).astype(np.uint16).reshape(50, 80)
    with pytest.raises(InputError, match="fits none of the usual ones"):
        settled(stored)


def test_millimetres_in_the_layout_of_a_kind_that_multiplies_them_are_told_by_their_values() -> None:
    unit = settled(millimetres(WALL_M), Stated(expected=5000, kind="TUM RGB-D"))
    assert unit.per_metre == 1000
    line = unit.warnings[0].line(words)
    assert "guessed" in line and "TUM RGB-D" in line and "--depth-scale" in line
    assert not settled(millimetres(WALL_M) * np.uint16(5), Stated(expected=5000, kind="TUM RGB-D")).warnings
