"""What is said of a run without knowing the truth."""

from dataclasses import replace

import numpy as np
import pytest

from engine.geometry.similarity import Similarity
from engine.methods.distances import FrameMeasure, Measures, measure
from engine.methods.support import Support
from engine.methods.verdict import Evidence, Limit, Thresholds, Verdict, verdict_of
from engine.models.labels import ModelInfo
from tests.support.walking_ball import ball_meshes, ball_sequence, moved

LIKE_A_PERSON = FrameMeasure(pixels=9000, seen_m=1.7, mean_m=0.006, beyond=0.0, unseen=0.05)
BODIES = ModelInfo("anny", "human bodies", similarity=Similarity(0.4))


def judged(
    count: int = 10, lost: int = 0, doubt: str | None = None, model: ModelInfo | None = BODIES, **changed: object
) -> Verdict:
    """Of frames that are alike, the first ``lost`` of them lost."""
    frame = replace(LIKE_A_PERSON, **changed)  # type: ignore[arg-type]
    flags = tuple(row < lost for row in range(count))
    return verdict_of(Evidence(Measures(1.7, (frame,) * count), flags, doubt, model))


@pytest.mark.parametrize(("away_m", "word"), [(0.9, "good"), (1.4, "good"), (1.6, "poor"), (3.2, "failed")])
def test_a_subject_far_beyond_what_the_network_has_seen_is_doubted(away_m: float, word: str) -> None:
    learned = {"coordinates": {"config": {"distances": [0.24, 0.4]}}}
    verdict = judged(model=replace(BODIES, training=learned), away_m=away_m)
    assert verdict.word == word
    if word != "good":
        known = "model anny has seen human bodies no farther than 1 m"
        assert verdict.reason == f"the subject is {away_m:g} m away, and {known}"
    assert judged(away_m=away_m).word == "good"  # nobody knows what it has seen


def test_what_hides_behind_something_nearer_is_not_missed() -> None:
    assert judged(seen_m=0.8, open_m=0.85).word == "good"  # legs behind a table
    assert judged(seen_m=0.8, open_m=1.7).word == "poor"  # no legs where nothing hides them
    assert judged(seen_m=1.7, open_m=9.0).word == "good"
    assert judged(seen_m=0.8, open_m=0.0).word == "poor"  # a single point says nothing


def test_a_fit_that_lies_on_what_was_seen_is_good_and_says_how_near() -> None:
    assert judged() == Verdict("good", "what was seen lies 6 mm from the fit on average, 0.4% of the subject's 1.7 m")


@pytest.mark.parametrize(
    ("changed", "word", "reason"),
    [
        ({"mean_m": 0.03}, "poor", "what was seen lies 30 mm from the fit on average, 1.8% of the subject's 1.7 m"),
        ({"mean_m": 0.09}, "failed", "what was seen lies 90 mm from the fit on average, 5.3% of the subject's 1.7 m"),
        ({"beyond": 0.3}, "poor", "30% of what was seen lies more than 0.17 m from the fit"),
        ({"beyond": 0.9}, "failed", "90% of what was seen lies more than 0.17 m from the fit"),
        ({"unseen": 0.5}, "poor", "50% of the fit is where the camera should see it and does not"),
        ({"unseen": 0.9}, "failed", "90% of the fit is where the camera should see it and does not"),
        ({"below_m": 0.12}, "poor", "the fit reaches 0.12 m below the floor"),
        ({"below_m": 0.3}, "failed", "the fit reaches 0.3 m below the floor"),
        ({"lost": 3}, "poor", "3 of the 10 frames in which the subject is seen are lost"),
        ({"lost": 8}, "failed", "8 of the 10 frames in which the subject is seen are lost"),
        ({"lost": 10}, "failed", "all frames are lost"),
        ({"mean_m": None}, "failed", "no frame in which the subject is seen has a mesh"),
        ({"doubt": "nothing like human bodies was found"}, "failed", "nothing like human bodies was found"),
        ({"pixels": 300}, "poor", "the subject fills 300 pixels: it is too far away"),
        ({"pixels": 60}, "failed", "the subject fills 60 pixels: it is too far away"),
        ({"pixels": 0, "seen_m": None, "mean_m": None}, "failed", "nothing of the subject was seen in any frame"),
        ({"seen_m": 0.8}, "poor", "what was seen measures 0.8 m, the fit 1.7 m: only a part of the subject is seen"),
        ({"seen_m": 0.18}, "failed", "what was seen measures 0.18 m, far less than the subjects of model anny (human"),
        (
            {"seen_m": 4.2},
            "failed",
            "what was seen measures 4.2 m, more than the subjects of model anny (human bodies)",
        ),
        ({"seen_m": 1700.0}, "failed", "what was seen measures 1.7e+03 m, more than the subjects of model anny (human"),
        ({"seen_m": 0.2, "model": None}, "failed", "what was seen measures 0.2 m, the fit 1.7 m: only a part"),
        (
            {"seen_m": 6.0, "model": None},
            "failed",
            "what was seen measures 6 m, the fit 1.7 m: background is taken for",
        ),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(changed: dict[str, object], word: str, reason: str) -> None:
    verdict = judged(**changed)  # type: ignore[arg-type]
    assert verdict.word == word
    assert verdict.reason.startswith(reason)


def test_the_worst_finding_decides_and_causes_come_before_what_they_lead_to() -> None:
    assert judged(pixels=300, beyond=0.9).reason.startswith("90% of what was seen")
    assert judged(pixels=60, beyond=0.9, mean_m=0.17).reason.startswith("the subject fills 60 pixels")


def test_a_track_that_missed_most_of_the_frames_is_poor_and_says_so() -> None:
    frames = Measures(1.7, (LIKE_A_PERSON,) * 5)
    verdict = verdict_of(Evidence(frames, (False,) * 5, model=BODIES, skipped=15))
    assert verdict.word == "poor" and verdict.reason.startswith("15 of 20 frames came too fast to be followed")
    assert verdict_of(Evidence(frames, (False,) * 5, model=BODIES, skipped=4)).word == "good"


def test_noise_of_the_camera_is_allowed_to_small_subjects() -> None:
    hand = replace(LIKE_A_PERSON, seen_m=0.14, mean_m=0.004)
    assert verdict_of(Evidence(Measures(0.14, (hand,)), (False,))).word == "good"
    assert verdict_of(Evidence(Measures(0.14, (replace(hand, mean_m=0.008),)), (False,))).word == "poor"


def test_what_the_pixels_of_the_camera_err_by_is_allowed_besides() -> None:
    far_away = replace(LIKE_A_PERSON, mean_m=0.04)
    assert verdict_of(Evidence(Measures(1.7, (far_away,)), (False,))).word == "poor"
    assert verdict_of(Evidence(Measures(1.7, (replace(far_away, noise_m=0.03),)), (False,))).word == "good"
    assert verdict_of(Evidence(Measures(1.7, (replace(far_away, noise_m=0.002),)), (False,))).word == "poor"


def test_large_subjects_are_judged_by_their_size() -> None:
    crane = replace(LIKE_A_PERSON, seen_m=25.0, mean_m=0.2)
    assert verdict_of(Evidence(Measures(25.0, (crane,)), (False,))).word == "good"
    assert verdict_of(Evidence(Measures(25.0, (replace(crane, mean_m=2.0),)), (False,))).word == "failed"


def test_lost_frames_do_not_count_for_the_distance_and_frames_that_show_nothing_not_for_those_lost() -> None:
    far, nothing = replace(LIKE_A_PERSON, mean_m=0.17), FrameMeasure(0)
    frames = (LIKE_A_PERSON,) * 19 + (far,) + (nothing,) * 20
    evidence = Evidence(Measures(1.7, frames), (False,) * 19 + (True,) * 21)
    assert verdict_of(evidence) == Verdict(
        "good", "what was seen lies 6 mm from the fit on average, 0.4% of the subject's 1.7 m"
    )


def test_frames_far_from_the_fit_count_as_lost_though_the_method_does_not_say_so() -> None:
    frames = (LIKE_A_PERSON,) * 79 + (replace(LIKE_A_PERSON, mean_m=0.09),) * 21
    verdict = verdict_of(Evidence(Measures(1.7, frames), (None,) * 100))
    assert verdict == Verdict("poor", "21 of the 100 frames in which the subject is seen are lost")


@pytest.mark.parametrize(
    ("support", "word", "reason"),
    [
        (Support(guessed=0.3, stretched=0.02, volume=0.95), "good", "what was seen lies 6 mm from the fit"),
        (
            Support(0.58, 0.02, 0.95),
            "poor",
            "58% of the surface was not seen, and this method can only guess where it is",
        ),
        (Support(0.3, 0.2, 0.95), "poor", "20% of the surface is stretched or shrunk more than the subject can be"),
        (Support(0.58, 0.8, 0.4), "failed", "80% of the surface is stretched or shrunk more than the subject can be"),
        (Support(0.3, 0.02, 1.5), "poor", "the volume has become 1.5 times what it was before the mesh was deformed"),
        (Support(0.3, 0.02, -0.1), "failed", "the volume has become 0 times what it was before the mesh was deformed"),
    ],
)
def test_a_method_that_knows_no_class_is_judged_by_what_of_its_surface_is_known(
    support: Support, word: str, reason: str
) -> None:
    verdict = verdict_of(Evidence(Measures(1.7, (LIKE_A_PERSON,)), (None,), support=support))
    assert verdict.word == word
    assert verdict.reason.startswith(reason)


def test_thresholds_can_be_others() -> None:
    strict = Thresholds(distance=Limit(0.001, 0.002), least_distance_m=Limit(0, 0))
    frame = Evidence(Measures(1.7, (LIKE_A_PERSON,)), (False,))
    assert (verdict_of(frame).word, verdict_of(frame, strict).word) == ("good", "failed")


@pytest.mark.parametrize(
    ("by", "word"),
    [((0.0, 0.0, 0.0), "good"), ((0.0, 0.02, 0.04), "poor"), ((0.0, 0.1, 0.1), "failed"), ((0, 3.0, 0), "failed")],
)
def test_a_ball_that_is_found_elsewhere_is_noticed(by: tuple[float, float, float], word: str) -> None:
    sequence, meshes = ball_sequence(3), moved(ball_meshes(3), range(3), by)
    assert verdict_of(Evidence(measure(meshes, sequence), (None,) * 3)).word == word


def test_a_large_ball_beside_a_small_thing_is_no_good_fit() -> None:
    sequence, meshes = ball_sequence(1), ball_meshes(1)
    depth = sequence.depth_m(0)
    middle = np.zeros_like(depth)
    middle[55:65, 75:85] = depth[55:65, 75:85]  # all of it lies on the large ball
    verdict = verdict_of(Evidence(measure(meshes, replace(sequence, read_frame=lambda _: middle)), (None,)))
    assert verdict.word != "good"
