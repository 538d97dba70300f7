"""Which topics of a ROS recording are depth, whose camera_info belongs to it, and in what unit it is.

A topic is depth because its name says so; else the only one of 16UC1 or 32FC1 is taken where its numbers agree. The
unit of integers is that of the option topic ``Depth_Units`` of the RealSense SDK; without one, millimetres, which ROS
defines for 16UC1 (REP 118) and for no other encoding.
"""

import re
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Choice, InputError, Notice, Setting, remedy
from engine.geometry.camera import PinholeCamera
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.recording import MAX_PIXELS, Recording
from external.captures import intrinsics
from external.captures.lens import RationalDistortion, Undistort
from external.captures.ros_bag import RosBag
from external.captures.ros_images import COMPRESSED, IMAGE, ImageForm, image_form, read_image
from external.captures.stream_names import looks_like_depth, says_depth, stream_of_path

_INFO, _FLOAT = "sensor_msgs/msg/CameraInfo", "std_msgs/msg/Float32"
_DEFAULT_UNIT_M = 0.001
_RECTIFIED = re.compile(r"(?<![a-z])rect(ified)?(?![a-z])", re.IGNORECASE)
"""In topics of images that are as a pinhole camera sees them, such as ``image_rect_raw`` (ROS, ``image_proc``)."""
_MILLIMETRES = "16uc1"
"""The encoding whose integers ROS defines as millimetres: REP 118, Depth Images."""
_SWITCH_ON = "record it again with the depth stream switched on"


def read_ros_depth(bag: RosBag, options: CaptureOptions) -> Recording:
    """The depth of an open recording.

    Raises:
        InputError: it has no depth topic, or no intrinsics.
    """
    found = depth_topic(bag, options.stream)
    topic, form, warnings = found.topic, found.form, list(found.warnings)
    size, undistort = (form.width, form.height), None
    if options.intrinsics is not None:
        stated, source = intrinsics.parse_intrinsics(options.intrinsics), "the user"
        camera, notes = intrinsics.scaled_to(stated, size)
    else:
        source = _info_topic(bag, topic)
        info, rectified = bag.message(source, 0), _RECTIFIED.search(topic) is not None
        stated = _info_intrinsics(info, f"{bag.path} topic {source}", rectified)
        camera, notes = intrinsics.scaled_to(stated, size)
        if rectified:
            source += " for rectified images"
        else:
            undistort, distorted = _distortion(info, camera)
            notes = (*notes, *distorted)
    warnings += notes
    units = 1.0
    if not form.is_float:
        units, stated_units = _units_per_metre(bag, topic, form)
        warnings += stated_units
    kind = bag.topics[topic]

    def read_stored(index: int) -> NDArray[Any]:
        stored = read_image(bag.message(topic, index), kind, form, f"{bag.path} frame {index:06d}", bag.remedy)
        return stored if undistort is None or stored.shape != size[::-1] else undistort(stored)

    times = bag.times(topic)
    encoding = f"{form.encoding}, compressed" if kind == COMPRESSED else form.encoding
    return Recording(
        path=bag.path,
        origin=f"{bag.title}: topic {topic} ({encoding}) has {len(times)} frames, intrinsics from {source}",
        camera=camera,
        frame_names=tuple(f"{index:06d}" for index in range(len(times))),
        read_stored=read_stored,
        units_per_metre=units,
        times_s=np.array([time / 1e9 for time in times], np.float64),
        warnings=tuple(warnings),
        streams=found.streams,
    )


@dataclass(frozen=True)
class DepthTopic:
    """The topic that is read, and what to say of it."""

    topic: str
    form: ImageForm
    warnings: tuple[Notice, ...] = ()
    streams: tuple[str, ...] = ()
    """All topics of depth images, where there are several."""


def depth_topic(bag: RosBag, stated: str | None) -> DepthTopic:
    """The depth images: the topic that was ``stated``, else one that says depth, else the only one that looks it.

    Raises:
        InputError: there is none; names what there is.
    """
    images = sorted(t for t, kind in bag.topics.items() if kind in (IMAGE, COMPRESSED) and bag.has_messages(t))
    kinds = {topic: stream_of_path(_plain(topic)) for topic in images}
    said = sorted((topic for topic in images if kinds[topic] == "depth"), key=lambda topic: _rank(bag, topic))
    streams = _distinct(bag, said)
    if stated is not None:
        chosen, form = _stated_topic(bag, images, stated)
        others = [topic for topic in streams if _plain(topic) != _plain(chosen)]
        return DepthTopic(chosen, form, streams=_several([chosen, *others]))
    for topic in said:
        form = _form(bag, topic)
        if not form.why_not:
            others = sorted({_plain(other) for other in said} - {_plain(topic)})
            return DepthTopic(topic, form, _mentioned(others), _several(streams))
    forms = {topic: _form(bag, topic) for topic in images}
    silent = [t for t in images if not kinds[t] and forms[t].encoding != "mono16" and not forms[t].why_not]
    possible = _distinct(bag, silent)
    if len(possible) == 1 and _looks_it(bag, possible[0], forms[possible[0]]):
        text = f"topic {possible[0]} does not say that it is depth, but is the only one that can be"
        return DepthTopic(possible[0], forms[possible[0]], (Notice(text),))
    problem = "has no depth topic: no topic of 16-bit or 32-bit depth images"
    has = ", ".join(f"{t} ({kinds[t] or forms[t].why_not or forms[t].encoding})" for t in images[:6])
    fix = remedy("record it again with the depth stream switched on, or name one that is depth with {}", Setting.STREAM)
    raise InputError(bag.path, f"{problem} (it has {has or 'no images at all'})", fix if images else _SWITCH_ON)


def _several(topics: list[str]) -> tuple[str, ...]:
    return tuple(sorted(topics)) if len(topics) > 1 else ()


def _stated_topic(bag: RosBag, images: list[str], stated: str) -> tuple[str, ImageForm]:
    """The topic of that name, or the only one whose name holds it."""
    found = [topic for topic in images if topic == stated]
    found = found or _distinct(bag, [topic for topic in images if stated in topic])
    if len(found) != 1:
        problem = f"names {len(found)} of its topics with images" if found else "names no topic with images"
        fix = f"give one of {', '.join(found or images)}" if found or images else _SWITCH_ON
        raise InputError(Choice(Setting.STREAM, stated), f"{problem} of {bag.path}", fix)
    form = _form(bag, found[0])
    if form.why_not:
        raise InputError(f"{bag.path} topic {found[0]}", f"is no depth: it is {form.why_not}", "name another topic")
    return found[0], form


def _form(bag: RosBag, topic: str) -> ImageForm:
    form = image_form(bag.message(topic, 0), bag.topics[topic])
    if not form.why_not and not 0 < form.width * form.height <= MAX_PIXELS:
        raise InputError(bag.path, f"declares depth images of {form.width}x{form.height} pixels", bag.remedy)
    return form


def _plain(topic: str) -> str:
    """The topic whose images a compressed one holds as well."""
    return re.sub(r"/compressed(Depth)?$", "", topic)


def _distinct(bag: RosBag, topics: list[str]) -> list[str]:
    """One topic for each image, plain ones before compressed."""
    return list({_plain(topic): topic for topic in sorted(topics, key=lambda t: _rank(bag, t), reverse=True)}.values())


def _rank(bag: RosBag, topic: str) -> tuple[bool, bool, str]:
    """Images as the depth camera took them come first, and plain ones before compressed."""
    moved = re.search(r"align|regist|_to_", topic.lower()) is not None
    return moved, bag.topics[topic] == COMPRESSED, topic


def _looks_it(bag: RosBag, topic: str, form: ImageForm) -> bool:
    units = 1.0 if form.is_float else _units_per_metre(bag, topic, form)[0]
    stored = read_image(bag.message(topic, 0), bag.topics[topic], form, str(bag.path), bag.remedy)
    return looks_like_depth(stored, units)


def _mentioned(others: list[str]) -> tuple[Notice, ...]:
    if not others:
        return ()
    text = f"{len(others)} other depth {'stream is' if len(others) == 1 else 'streams are'} not read: "
    return (Notice(text + ", ".join(others[:4]), remedy("choose with {}", Setting.STREAM)),)


def _info_topic(bag: RosBag, topic: str) -> str:
    """The camera_info of the depth camera: beside ``topic`` or below that place, never that of another stream."""
    infos = sorted(name for name, kind in bag.topics.items() if kind == _INFO and bag.has_messages(name))
    plain = _plain(topic)
    home = plain.rsplit("/", 2 if plain.endswith("/image/data") else 1)[0]
    if not says_depth(home.rsplit("/", 1)[-1]) and says_depth(home.rsplit("/", 2)[-2] if "/" in home else ""):
        home = home.rsplit("/", 1)[0]  # /camera/depth/image/raw
    if f"{home}/camera_info" in infos:
        return f"{home}/camera_info"
    below = [name for name in infos if name.startswith(f"{home}/")]
    if not home:  # of a topic at the root: everything is below, of any camera
        below = [name for name in infos if name.count("/") <= 2 and stream_of_path(name) == "depth"]
    says = [name for name in below if stream_of_path(name) == "depth"]
    found = says or [name for name in below if not stream_of_path(name)]
    if not found:
        has = f" (it has {', '.join(infos[:4])})" if infos else ""
        raise InputError(bag.path, f"has no camera_info beside the topic {topic}{has}", intrinsics.GIVE)
    return max(found, key=lambda name: (_shared(name, plain), -found.index(name)))


def _shared(a: str, b: str) -> int:
    """How many letters two topics begin with alike."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False))))


def _info_intrinsics(info: Any, source: str, rectified: bool) -> intrinsics.Intrinsics:
    """Intrinsics of a camera_info, for pictures of the size of its region of interest.

    Rectified images have the matrix P and no distortion, all others K and D (REP 104); recorders that do not rectify
    leave P at zero.
    """
    k = np.reshape(info.K if hasattr(info, "K") else info.k, (3, 3))
    p = np.reshape(info.P if hasattr(info, "P") else info.p, (3, 4))
    k = p[:, :3] if rectified and p.any() else k
    found = intrinsics.from_matrix(k, source, width=int(info.width) or None, height=int(info.height) or None)
    roi = info.roi
    if roi.width and roi.height and (roi.width, roi.height) != (info.width, info.height):
        cx, cy = found.cx - float(roi.x_offset), found.cy - float(roi.y_offset)
        found = replace(found, cx=cx, cy=cy, width=int(roi.width), height=int(roi.height))
    return found


def _distortion(info: Any, camera: PinholeCamera) -> tuple[Undistort | None, list[Notice]]:
    coefficients = [float(value) for value in (info.D if hasattr(info, "D") else info.d)][:8]
    if not np.any(np.abs(coefficients) > 1e-6):
        return None, []
    if str(info.distortion_model) in ("plumb_bob", "rational_polynomial") and np.isfinite(coefficients).all():
        return Undistort(camera, RationalDistortion(*coefficients)), []
    return None, [Notice(f"lens distortion of the model {info.distortion_model!r} is not corrected")]


def _units_per_metre(bag: RosBag, topic: str, form: ImageForm) -> tuple[float, list[Notice]]:
    """As the option of the sensor nearest to ``topic`` says, or else the encoding of its images."""
    options = [name for name, kind in bag.topics.items() if kind == _FLOAT and bag.has_messages(name)]
    options = [name for name in options if re.search(r"/option/depth[ _]units/value$", name, re.IGNORECASE)]
    for name in sorted(options, key=lambda name: (-_shared(name, topic), name)):
        unit = float(bag.message(name, 0).data)
        if np.isfinite(unit) and unit > 0:
            return round(1 / unit, 6), []
    if form.encoding == _MILLIMETRES:
        return 1 / _DEFAULT_UNIT_M, []
    text = f"the bag does not state the unit of its {form.encoding} images, millimetres are taken"
    return 1 / _DEFAULT_UNIT_M, [Notice(text, remedy("state {} if that is wrong", Setting.DEPTH_UNITS))]
