"""ROS recordings of both versions: which topic is depth, whose camera_info it has, and compressed images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.geometry.camera import PinholeCamera
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import DepthSequence
from npm_studio.cli.words import words
from npm_studio.session.document.recognise import Kind, recognise
from tests.support.capture_files import (
    HEIGHT,
    WIDTH,
    bag_bytes,
    compressed_depth,
    depth_frames,
    png_bytes,
    ros_camera_info,
    ros_compressed,
    ros_image,
    stored,
)
from tests.support.captures import open_capture
from tests.support.ros2_files import DEPTH, INFO, ros2_camera_info, ros2_compressed, ros2_messages, write_ros2

FRAMES = depth_frames()
CAMERA = PinholeCamera(WIDTH, HEIGHT, 50.0, 51.0, 20.0, 15.0)
IMAGE, COMPRESSED, CAMERA_INFO = "sensor_msgs/Image", "sensor_msgs/CompressedImage", "sensor_msgs/CameraInfo"

Message = tuple[str, str, bytes]


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        open_capture(path, CaptureOptions(**options))
    line = caught.value.line(words)
    assert "\n" not in line and ";" in line, f"no cure in: {line}"
    return line


def notices(sequence: DepthSequence) -> str:
    return " ".join(notice.line(words) for notice in sequence.warnings)


def assert_depths(sequence: DepthSequence, frames: np.ndarray = FRAMES, atol: float = 6e-4) -> None:
    assert len(sequence) == len(frames)
    for index in (*range(len(frames)), 0):
        depth = sequence.depth_m(index)
        np.testing.assert_array_equal(depth > 0, frames[index] > 0)
        np.testing.assert_allclose(depth, frames[index], atol=atol)


def info(topic: str, width: int = WIDTH, height: int = HEIGHT) -> Message:
    return topic, CAMERA_INFO, ros_camera_info(width, height)


def images(topic: str, frames: np.ndarray = FRAMES, encoding: str = "16UC1") -> list[Message]:
    return [(topic, IMAGE, ros_image(stored(f, 1000).astype("<u2"), encoding, i)) for i, f in enumerate(frames)]


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return tmp_path / "walk.bag"


def test_compressed_depth_is_read(bag: Path) -> None:
    topic = "/camera/depth/image_rect_raw/compressedDepth"
    depth = [(topic, COMPRESSED, ros_compressed(compressed_depth(frame))) for frame in FRAMES]
    colour = ("/camera/color/image_raw/compressed", COMPRESSED, ros_compressed(b"\xff\xd8\xff\xd9", "rgb8; jpeg"))
    bag.write_bytes(bag_bytes([info("/camera/depth/camera_info"), colour, *depth]))
    sequence = open_capture(bag)
    assert sequence.camera == CAMERA
    assert f"topic {topic} (16uc1, compressed) has 3 frames" in sequence.origin
    assert_depths(sequence)


def test_compressed_depth_of_metres_is_dequantised_as_it_says(bag: Path) -> None:
    topic = "/camera/depth/image/compressedDepth"
    a, b = 100 * 101.0, 1 - 100 * 101 / 10.0
    messages = [
        (topic, COMPRESSED, ros_compressed(compressed_depth(frame, a, b), "32FC1; compressedDepth png"))
        for frame in FRAMES
    ]
    bag.write_bytes(bag_bytes([info("/camera/depth/camera_info"), *messages]))
    assert_depths(open_capture(bag), atol=1e-3)


def test_a_16_bit_png_of_the_plain_transport_is_depth_as_well(bag: Path) -> None:
    topic = "/camera/depth/image_raw/compressed"
    messages = [
        (topic, COMPRESSED, ros_compressed(png_bytes(stored(frame, 1000)), "16UC1; png compressed "))
        for frame in FRAMES
    ]
    bag.write_bytes(bag_bytes([info("/camera/depth/camera_info"), *messages]))
    assert_depths(open_capture(bag))


@pytest.mark.parametrize(
    ("data", "kind", "word"),
    [
        (bytes(12) + b"\1\2", "16UC1; compressedDepth rvl", "RVL"),
        (b"\xff\xd8\xff\xd9", "mono16; jpeg compressed", "jpeg"),
        (bytes(12) + png_bytes(np.zeros((4, 4)), 8), "16UC1; compressedDepth", "8-bit picture"),
        (b"", "", "something unknown"),
    ],
)
def test_compressed_images_that_hold_no_depth_are_named_with_the_reason(
    bag: Path, data: bytes, kind: str, word: str
) -> None:
    topic = "/camera/image/compressedDepth"
    bag.write_bytes(bag_bytes([info("/camera/camera_info"), (topic, COMPRESSED, ros_compressed(data, kind))]))
    line = refusal(bag)
    assert "has no depth topic" in line and topic in line and word in line


def test_damaged_compressed_frames_are_skipped(bag: Path) -> None:
    topic = "/depth/compressedDepth"
    whole = [compressed_depth(frame) for frame in FRAMES]
    whole[1] = whole[1][:-30]
    messages = [(topic, COMPRESSED, ros_compressed(data)) for data in whole]
    bag.write_bytes(bag_bytes([info("/camera_info"), *messages]))
    sequence = open_capture(bag)
    assert len(sequence) == 2 and "1 of 3 frames skipped" in notices(sequence)


@pytest.mark.parametrize(
    ("topic", "kind"),
    [("/ir/image_raw", "infrared"), ("/thermal/image_raw", "thermal"), ("/cam/infra1/image", "infrared")],
)
def test_infrared_and_thermal_are_named_and_no_depth(bag: Path, topic: str, kind: str) -> None:
    beside = topic.rsplit("/", 1)[0]
    bag.write_bytes(bag_bytes([info(f"{beside}/camera_info"), *images(topic, encoding="mono16")]))
    line = refusal(bag)
    assert f"has no depth topic: no topic of 16-bit or 32-bit depth images (it has {topic} ({kind}))" in line
    stated = open_capture(bag, CaptureOptions(stream=topic))  # whoever knows better says so
    assert_depths(stated)


def test_a_single_topic_that_says_nothing_is_depth_if_its_numbers_are(bag: Path) -> None:
    bag.write_bytes(bag_bytes([info("/camera/camera_info"), *images("/camera/image")]))
    sequence = open_capture(bag)
    assert_depths(sequence)
    assert "/camera/image does not say that it is depth" in notices(sequence)
    noise = np.random.default_rng(0).uniform(0.3, 4, FRAMES.shape)
    bag.write_bytes(bag_bytes([info("/camera/camera_info"), *images("/camera/image", noise)]))
    assert "has no depth topic" in refusal(bag)
    bag.write_bytes(bag_bytes([info("/camera/camera_info"), *images("/camera/image", encoding="mono16")]))
    assert "/camera/image (mono16)" in refusal(bag)
    two = [*images("/camera/image"), *images("/other/image")]
    bag.write_bytes(bag_bytes([info("/camera/camera_info"), *two]))
    assert "name one that is depth with --stream" in refusal(bag)


def test_camera_info_of_another_size_is_scaled_to_that_of_the_images_and_said(bag: Path) -> None:
    half = FRAMES[:, ::2, ::2]
    topic = "/camera/depth/image_rect_raw"
    bag.write_bytes(bag_bytes([info("/camera/depth/camera_info"), *images(topic, half)]))
    sequence = open_capture(bag)
    assert sequence.camera == PinholeCamera(20, 15, 25.0, 25.5, 10.0, 7.5)
    assert "scaled from 40x30 to the 20x15" in notices(sequence)
    assert_depths(sequence, half)
    bag.write_bytes(bag_bytes([info("/camera/depth/camera_info"), *images(topic, FRAMES[:, :, :30])]))
    assert "40x30" in refusal(bag) and "30x30" in refusal(bag)


@pytest.mark.parametrize("depth", ["/depth", "/camera/depth_image", "/camera/depth/image/raw"])
def test_the_camera_of_another_stream_is_never_taken(bag: Path, depth: str) -> None:
    colour = [info("/camera/color/camera_info", 40, 30), info("/camera/infra1/camera_info")]
    bag.write_bytes(bag_bytes([*colour, *images(depth)]))
    assert f"has no camera_info beside the topic {depth} (it has /camera/color/camera_info" in refusal(bag)


@pytest.mark.parametrize(
    ("depth", "beside"),
    [
        ("/depth", "/camera_info"),
        ("/depth", "/depth/camera_info"),
        ("/camera/depth_image", "/camera/depth/camera_info"),
        ("/camera/aligned_depth_to_color/image_raw", "/camera/aligned_depth_to_color/camera_info"),
        ("/kinect2/qhd/image_depth_rect", "/kinect2/qhd/camera_info"),
    ],
)
def test_the_camera_of_the_depth_is_found_beside_it(bag: Path, depth: str, beside: str) -> None:
    bag.write_bytes(bag_bytes([info("/camera/color/camera_info", 9, 9), info(beside), *images(depth)]))
    assert f"intrinsics from {beside}" in open_capture(bag).origin


@pytest.mark.parametrize("topic", ["/camera/depth/image_rect_raw", "/camera/depth/image_rect", "/rectified/depth"])
def test_images_that_are_rectified_have_the_camera_of_rectified_images_and_no_distortion(bag: Path, topic: str) -> None:
    """REP 104: K and D describe the image of the lens, P the one that has been rectified."""
    rectified = np.array([[45.0, 0, 20.5, 0], [0, 46.0, 13.5, 0], [0, 0, 1, 0]])
    lens = (0.3, -0.1, 0.01, 0.0, 0.0)
    beside = f"{topic.rsplit('/', 1)[0]}/camera_info"
    bag.write_bytes(
        bag_bytes([(beside, CAMERA_INFO, ros_camera_info(distortion=lens, rectified=rectified)), *images(topic)])
    )
    sequence = open_capture(bag)
    assert sequence.camera == PinholeCamera(WIDTH, HEIGHT, 45.0, 46.0, 21.0, 14.0)
    assert "for rectified images" in sequence.origin
    assert_depths(sequence)
    bag.write_bytes(bag_bytes([(beside, CAMERA_INFO, ros_camera_info(distortion=lens)), *images(topic)]))
    unstated = open_capture(bag)  # of a recorder that leaves P at zero
    assert unstated.camera == CAMERA
    assert_depths(unstated)


def test_images_of_the_lens_keep_its_camera_whatever_rectified_ones_have(bag: Path) -> None:
    rectified = np.array([[45.0, 0, 20.5, 0], [0, 46.0, 13.5, 0], [0, 0, 1, 0]])
    about = ros_camera_info(rectified=rectified, distortion=(0.2, 0, 0, 0, 0))
    bag.write_bytes(bag_bytes([("/depth/camera_info", CAMERA_INFO, about), *images("/depth/image_raw")]))
    sequence = open_capture(bag)
    assert sequence.camera == CAMERA
    x, y = (5.5 - 20) / 50, (25.5 - 15) / 51
    radial = 1 + 0.2 * (x * x + y * y)
    shown = FRAMES[0][int(51 * y * radial + 15), int(50 * x * radial + 20)]
    assert sequence.depth_m(0)[25, 5] == pytest.approx(shown, abs=6e-4)


def test_a_second_camera_is_mentioned_and_can_be_chosen(bag: Path) -> None:
    messages = [info(f"/{side}/depth/camera_info") for side in ("left", "right")]
    messages += [*images("/left/depth/image"), *images("/right/depth/image", FRAMES[:2])]
    compressed = [("/left/depth/image/compressedDepth", COMPRESSED, ros_compressed(compressed_depth(FRAMES[0])))]
    bag.write_bytes(bag_bytes([*messages, *compressed]))
    sequence = open_capture(bag)
    assert len(sequence) == 3 and "topic /left/depth/image (16uc1)" in sequence.origin
    assert "1 other depth stream is not read: /right/depth/image; choose with --stream" in notices(sequence)
    assert sequence.streams == ("/left/depth/image", "/right/depth/image")
    chosen = open_capture(bag, CaptureOptions(stream="right"))
    assert len(chosen) == 2 and "from /right/depth/camera_info" in chosen.origin
    assert sorted(chosen.streams) == ["/left/depth/image", "/right/depth/image"]
    for stream in sequence.streams:
        assert f"topic {stream} " in open_capture(bag, CaptureOptions(stream=stream)).origin
    assert "names no topic with images" in refusal(bag, stream="middle")
    assert "names 2 of its topics" in refusal(bag, stream="image")


@pytest.mark.parametrize("storage", ["sqlite3", "mcap"])
@pytest.mark.parametrize("compress", [False, True])
def test_a_ros_2_recording_is_read_as_a_folder_and_as_a_file(tmp_path: Path, storage: str, compress: bool) -> None:
    messages = [ros2_camera_info(WIDTH, HEIGHT), *ros2_messages(FRAMES)]
    messages += ros2_messages(FRAMES, "/camera/infra1/image_rect_raw", "mono16")
    folder = write_ros2(tmp_path / "rosbag2_walk", messages, storage, compress)
    sequence = open_capture(folder)
    assert sequence.camera == CAMERA
    assert f"ROS 2 recording: topic {DEPTH} (16uc1) has 3 frames, intrinsics from {INFO}" in sequence.origin
    np.testing.assert_allclose(np.diff(sequence.times_s), 0.05, atol=1e-6)
    assert_depths(sequence)
    assert recognise(folder) == recognise(folder / "metadata.yaml") == (Kind.SEQUENCE, folder)
    if storage == "mcap" or not compress:
        (file,) = [path for path in folder.iterdir() if path.name != "metadata.yaml"]
        assert_depths(open_capture(file))
        assert recognise(file) == (Kind.SEQUENCE, file)


def test_floats_and_compressed_depth_of_ros_2_are_read(tmp_path: Path) -> None:
    info = ros2_camera_info(WIDTH, HEIGHT)
    floats = write_ros2(tmp_path / "floats", [info, *ros2_messages(FRAMES, encoding="32FC1")])
    assert_depths(open_capture(floats), atol=1e-6)
    pictures = [compressed_depth(frame) for frame in FRAMES]
    packed = write_ros2(tmp_path / "packed", [info, *ros2_compressed(pictures, f"{DEPTH}/compressedDepth")])
    assert_depths(open_capture(packed))


def test_ros_2_frames_are_read_in_any_order(tmp_path: Path) -> None:
    frames = depth_frames(7)
    for storage in ("sqlite3", "mcap"):
        folder = write_ros2(tmp_path / storage, [ros2_camera_info(WIDTH, HEIGHT), *ros2_messages(frames)], storage)
        sequence = open_capture(folder)
        for index in (6, 0, 3, 4, 5, 2, 2):
            np.testing.assert_allclose(sequence.depth_m(index), frames[index], atol=6e-4)


def test_a_ros_2_recording_without_depth_or_camera_says_so(tmp_path: Path) -> None:
    infrared = write_ros2(tmp_path / "a", ros2_messages(FRAMES, "/ir/image_raw", "mono16"))
    assert "has no depth topic" in refusal(infrared) and "/ir/image_raw (infrared)" in refusal(infrared)
    silent = write_ros2(tmp_path / "b", ros2_messages(FRAMES))
    assert "has no camera_info" in refusal(silent)
    assert open_capture(silent, CaptureOptions(intrinsics="50,51,20,15")).camera == CAMERA


@pytest.mark.parametrize("storage", ["sqlite3", "mcap"])
def test_stubs_and_cut_off_files_of_ros_2_are_refused(tmp_path: Path, storage: str) -> None:
    folder = write_ros2(tmp_path / "a", [ros2_camera_info(WIDTH, HEIGHT), *ros2_messages(FRAMES)], storage)
    (file,) = [path for path in folder.iterdir() if path.name != "metadata.yaml"]
    whole = file.read_bytes()
    for keep in (0, 4, 8, 100, len(whole) // 2):
        file.write_bytes(whole[:keep])
        for path in (folder, file):
            refusal(path)
    file.write_bytes(whole)
    (folder / "metadata.yaml").write_text("rosbag2_bagfile_information:\n  version: 5\n  storage_identifier: sqlite3\n")
    assert "ros2 bag reindex" in refusal(folder)
    assert_depths(open_capture(file))


def test_what_a_ros_2_recording_lacks_in_its_metadata_is_named(tmp_path: Path) -> None:
    folder = write_ros2(tmp_path / "rec", [ros2_camera_info(WIDTH, HEIGHT), *ros2_messages(FRAMES)])
    (folder / "metadata.yaml").write_text("rosbag2_bagfile_information:\n  version: 5\n  storage_identifier: sqlite3\n")
    assert "(A metadata key is missing: 'relative_file_paths')" in refusal(folder)
    assert_depths(open_capture(next(folder.glob("*.db3"))))


def test_messages_in_the_journal_of_a_killed_recorder_are_said(tmp_path: Path) -> None:
    folder = write_ros2(tmp_path / "a", [ros2_camera_info(WIDTH, HEIGHT), *ros2_messages(FRAMES)])
    (folder / "a.db3-wal").write_bytes(b"journal")
    assert "messages in a.db3-wal are not read" in notices(open_capture(folder))


def test_one_file_of_a_split_recording_says_that_there_are_more(tmp_path: Path) -> None:
    folder = write_ros2(tmp_path / "a", [ros2_camera_info(WIDTH, HEIGHT), *ros2_messages(FRAMES)])
    (folder / "a_1.db3").write_bytes((folder / "a.db3").read_bytes())
    assert "a.db3 is one of 2 files of a recording; give the folder" in notices(open_capture(folder / "a.db3"))
