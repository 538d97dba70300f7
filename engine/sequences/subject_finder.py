"""Finding the subjects of a model in depth images, by the network that says canonical coordinates pixel by pixel."""

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.geometry.camera import PinholeCamera
from engine.geometry.metric_crop import CAMERA_UP, CropAnchor, gravity_aligned, metric_crop
from engine.models.networks.coordinates import CoordinateNetwork
from engine.sequences.isolation import MAX_GAP
from engine.sequences.subject_landmarks import SubjectLandmarks, landmark_rows
from engine.surface.precision import bfloat16_is_fast

LEAST_AREA = 0.004
"""Squared canonical units that are to be seen of a subject: a person's hand shows twice as much of a body's cube."""
FULL_VIEW = 0.04
"""Squared canonical units of a subject that nothing hides much of: half of what a grown person shows."""
UNSURE = 0.05
"""Expected error of coordinates, canonical units, at which a pixel counts by 1/e."""
SURE = 0.65
"""Mean weight of the pixels of what is a subject even where another one shows more: of a person's it is 0.8, of what
furniture has of people 0.3 to 0.55."""
_ROUNDS = 3
"""Looks at most, each about the middle of what the look before found."""
_CENTRED = 0.04
"""Canonical units: an anchor that is nearer to the middle of what it found is not moved."""
_SPACING = 0.2
"""Canonical units between places where a subject is looked for."""
_MOST_PLACES, _MOST_SUBJECTS = 64, 8
_GLANCE = LEAST_AREA / 4
"""Score at half the resolution from which a place is looked at: subjects have at least three times as much there."""
_EVERY_PIXEL = 8
"""Of rows and columns, among which places are chosen."""
_UPRIGHT = 0.3
"""What a metre up or down counts of a metre across, where one asks to whom of several a point is nearer: head and feet
of a standing person are its own."""


@dataclass(frozen=True, eq=False)
class FoundSubject:
    """What one image shows of a subject."""

    pixels: NDArray[np.int64]
    """(P,) ``row * W + column``, each once"""
    canonical: NDArray[np.float32]
    """(P, 3) canonical coordinates"""
    deviations: NDArray[np.float32]
    """(P,) their expected error along an axis, canonical units"""
    mask: NDArray[np.bool_]
    """(H, W) all pixels of the subject"""
    middle: NDArray[np.float64]
    """(3,) median point, camera axes, metres"""
    score: float
    """Area that was seen, squared canonical units, weighted by how sure the coordinates are"""
    sureness: float
    """Mean of that weight"""
    landmarks: SubjectLandmarks | None = None
    """None where the network has not learned any"""
    mirrored: float = np.nan
    """Log odds that it is seen in a mirror; NaN where the network cannot tell"""


@dataclass(frozen=True, eq=False)
class _Measures:
    """Of N looks."""

    scores: NDArray[np.float64]
    """(N,)"""
    sureness: NDArray[np.float64]
    """(N,)"""
    middles: NDArray[np.float64]
    """(N, 3) camera axes, metres"""


@dataclass(frozen=True, eq=False)
class Looks:
    """N crops and what the network says of them."""

    points: Tensor
    """(N, 3, S, S) gravity-aligned, metres, about the anchor"""
    source: Tensor
    """(N, S, S) see `engine.geometry.metric_crop.MetricCrop`"""
    valid: Tensor
    """(N, S, S) bool, likewise"""
    foreground: Tensor
    """(N, S, S) bool"""
    canonical: Tensor
    """(N, 3, S, S)"""
    deviations: Tensor
    """(N, S, S)"""
    landmarks: Tensor
    """(N, K, 7) see `engine.sequences.subject_landmarks.landmark_rows`"""
    mirrored: Tensor
    """(N,) see `FoundSubject`"""

    def replaced(self, rows: Tensor, by: "Looks") -> "Looks":
        """With those of ``rows`` (n,) taken from another ``n`` looks."""
        return Looks(*(mine.index_copy(0, rows, theirs) for mine, theirs in zip(_parts(self), _parts(by), strict=True)))


@dataclass(frozen=True, eq=False)
class OneLook:
    """What N looks have shown, on the device, where nobody has waited for it."""

    looks: Looks
    mask: Tensor
    """(N, H, W) bool, pixels of the subject"""
    measures: Tensor
    """(N, 5) score, sureness and middle as in `FoundSubject`"""


class SubjectFinder:
    """Looks for subjects in the images of one camera."""

    def __init__(self, network: CoordinateNetwork, scale: float, camera: PinholeCamera, device: torch.device) -> None:
        """
        Args:
            scale: canonical units per metre
        """
        self._network, self.scale, self._camera, self.device = network, scale, camera, device
        self._intrinsics = torch.tensor([camera.fx, camera.fy, camera.cx, camera.cy], device=device)
        self._half = bfloat16_is_fast(device)
        config, is_gpu = network.config, device.type == "cuda"
        self._places_at_once = _MOST_PLACES if is_gpu else 8
        # a CPU glances at a place in a quarter of the time of a look; a GPU looks at all of them in the time of one
        self._glances = not is_gpu and config.size % 2 == 0 and config.can_be_halved(config.size // 2)

    def crop_axes(self, up: Tensor) -> Tensor:
        """Rotations (B, 3, 3) from camera axes to those that the network wants: upright ones, or the camera's own.

        Args:
            up: (B, 3) against gravity, camera axes
        """
        return gravity_aligned(up if self._network.config.upright else up.new_tensor(CAMERA_UP).expand_as(up))

    def find(self, depth: Tensor, to_gravity: Tensor, near: NDArray[np.float64] | None = None) -> FoundSubject | None:
        """The subject about ``near``, or else the first in full view, or else what shows most; None if none is there.

        Places are looked at from the line of sight outwards.

        Args:
            depth: (H, W) metres, 0 invalid
            to_gravity: (3, 3) rotation from camera axes to gravity-aligned ones
            near: (3,) where it is expected, camera axes, metres
        """
        if near is None:
            seen = self._survey(depth, to_gravity, self._places(depth), FULL_VIEW)
            if seen.scores.max(initial=0) < LEAST_AREA / 2:
                return None
            near = seen.middles[seen.scores.argmax()]
        return self.look(depth[None], to_gravity[None], near[None, None])[0][0]

    def find_all(self, depth: Tensor, to_gravity: Tensor, among: NDArray[np.bool_] | None = None) -> list[FoundSubject]:
        """Subjects of one image, from that which shows most to that which shows least.

        When one is found its pixels are taken away, and where it was found is looked again. Where none is surely one,
        it is the one that shows most.

        Args:
            depth: (H, W) metres, 0 invalid
            to_gravity: (3, 3) rotation from camera axes to gravity-aligned ones
            among: (H, W) pixels about which subjects are looked for; None for all
        """
        places = self._places(depth, among)
        seen = self._survey(depth, to_gravity, places)
        found: list[FoundSubject] = []
        while len(found) < _MOST_SUBJECTS:
            scores = np.where(seen.sureness > SURE / 2, seen.scores, 0) if found else seen.scores
            if scores.max(initial=0) < LEAST_AREA / 2:
                break
            best = scores.argmax()
            one = self.look(depth[None], to_gravity[None], seen.middles[best][None, None])[0][0]
            seen.scores[best] = 0
            if one is None or (found and one.sureness < SURE):
                continue
            found.append(one)
            depth = depth.masked_fill(torch.from_numpy(one.mask).to(self.device), 0)
            is_it = np.linalg.norm(seen.middles - one.middle, axis=1) * self.scale < _SPACING
            again = np.flatnonzero(is_it & (seen.scores > 0))
            new = self._survey(depth, to_gravity, places[again])
            seen.scores[again], seen.sureness[again] = new.scores, new.sureness
            seen.middles[again] = new.middles
        found.sort(key=lambda each: -each.score)
        sure = [each for each in found if each.sureness >= SURE]
        return sure or found[:1]

    @torch.inference_mode()
    def look(
        self, depth: Tensor, to_gravity: Tensor, expected: NDArray[np.float64]
    ) -> list[tuple[FoundSubject | None, ...]]:
        """What is seen of K subjects in each of B images where they are expected; None where one is not there.

        A subject that is off is looked at again where it was found. A pixel that could be of several is of the one
        that is expected nearer to its point. The host waits for the device once in each of few rounds.

        Args:
            depth: (B, H, W) metres, 0 invalid
            to_gravity: (B, 3, 3) rotations from camera axes to gravity-aligned ones
            expected: (B, K, 3) camera axes, metres
        """
        batch, count, _ = expected.shape
        frames = torch.arange(batch, device=self.device).repeat_interleave(count)
        rows, anchors = np.arange(batch * count), expected.reshape(-1, 3).copy()
        places = torch.tensor(expected, dtype=torch.float32, device=self.device)
        looks: Looks | None = None
        for last in range(_ROUNDS - 1, -1, -1):
            chosen = torch.from_numpy(rows).to(self.device)
            new = self._look(depth, to_gravity, frames[chosen], self._tensor(anchors[rows]))
            looks = new if looks is None else looks.replaced(chosen, new)
            used = self._tensor(anchors)
            owned = looks if count == 1 else self._shared_out(looks, depth, to_gravity, frames, used, places)
            seen = self._measured(owned, to_gravity[frames], used)
            off = np.linalg.norm(seen.middles - anchors, axis=1) * self.scale >= _CENTRED
            rows = np.flatnonzero(off & (seen.scores >= LEAST_AREA))
            if last == 0 or len(rows) == 0:
                break
            anchors[rows] = seen.middles[rows]
        found = _on_host(owned, self._masks(owned, depth, frames, used), seen)
        return [tuple(found[start : start + count]) for start in range(0, batch * count, count)]

    def look_once(self, depth: Tensor, to_gravity: Tensor, anchors: Tensor) -> OneLook:
        """One look about ``anchors`` (N, 3), camera axes, metres, in each of N images, as kernels without a wait.

        Args:
            depth: (N, H, W) metres, 0 invalid
            to_gravity: (N, 3, 3) rotations from camera axes to gravity-aligned ones
        """
        frames = torch.arange(len(anchors), device=self.device)
        looks = self._look(depth, to_gravity, frames, anchors)
        mask, measures = self._masks(looks, depth, frames, anchors), self._values(looks, to_gravity, anchors)
        return OneLook(looks, mask, measures)

    def _tensor(self, values: NDArray[np.float64]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=self.device)

    def _look(self, depth: Tensor, to_gravity: Tensor, frames: Tensor, anchors: Tensor, coarser: int = 1) -> Looks:
        """Crops of the images ``frames`` (N,) of ``depth`` (B, H, W) about ``anchors`` (N, 3)."""
        size = self._network.config.size // coarser
        fx, fy, cx, cy = self._intrinsics
        z = anchors[:, 2].clamp_min(1e-3)
        pixel = torch.stack((fx * anchors[:, 0] / z + cx, fy * anchors[:, 1] / z + cy), dim=1)
        images = depth.expand(len(frames), -1, -1) if len(depth) == 1 else depth[frames]
        turns = to_gravity[frames]
        crop = metric_crop(images, self._intrinsics, CropAnchor(pixel, z), turns, self.scale, size)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._half):
            said = self._network(crop.channels.to(memory_format=torch.channels_last))
        return Looks(
            points=crop.channels[:, :3] / self.scale,
            source=crop.source,
            valid=crop.valid,
            foreground=(said.foreground > 0) & crop.valid,
            canonical=said.canonical,
            deviations=said.log_deviation.exp(),
            landmarks=landmark_rows(said.landmarks, turns, anchors, self.scale),
            mirrored=torch.full_like(z, torch.nan) if said.mirrored is None else said.mirrored,
        )

    def _measured(self, looks: Looks, to_gravity: Tensor, anchors: Tensor) -> _Measures:
        """Of looks about ``anchors`` (N, 3)."""
        values = self._values(looks, to_gravity, anchors).cpu().numpy().astype(np.float64)
        return _Measures(values[:, 0], values[:, 1], values[:, 2:])

    def _values(self, looks: Looks, to_gravity: Tensor, anchors: Tensor) -> Tensor:
        """See `OneLook.measures`."""
        area = looks.foreground.float().mean((1, 2))
        scores = (looks.foreground * (-looks.deviations / UNSURE).exp()).mean((1, 2))
        hidden = torch.where(looks.foreground[:, None], looks.points, torch.nan).flatten(2)
        median = torch.nan_to_num(hidden.nanmedian(dim=2).values)
        middles = anchors + (median[:, None] @ to_gravity)[:, 0]
        sureness = scores / area.clamp_min(1e-9)
        return torch.cat((torch.stack((scores, sureness), 1), middles), dim=1)

    @torch.inference_mode()
    def _survey(
        self, depth: Tensor, to_gravity: Tensor, places: NDArray[np.float64], enough: float = np.inf
    ) -> _Measures:
        """Of one look about each of ``places`` (N, 3), where that is worth it: scores of other places are zero.

        After a score above ``enough`` no further places are looked at, nor where a glance has shown nothing.
        """
        seen = _Measures(np.zeros(len(places)), np.zeros(len(places)), places.copy())
        for start in range(0, len(places), self._places_at_once):
            rows = np.arange(start, min(start + self._places_at_once, len(places)))
            if self._glances:
                rows = rows[self._at_places(depth, to_gravity, places[rows], coarser=2).scores >= _GLANCE]
            if len(rows) == 0:
                continue
            new = self._at_places(depth, to_gravity, places[rows])
            seen.scores[rows], seen.sureness[rows], seen.middles[rows] = new.scores, new.sureness, new.middles
            if new.scores.max() > enough:
                break
        return seen

    def _at_places(self, depth: Tensor, to_gravity: Tensor, places: NDArray[np.float64], coarser: int = 1) -> _Measures:
        """Of one look about each of ``places`` (N, 3) in one image."""
        anchors = self._tensor(places)
        frames = torch.zeros(len(anchors), dtype=torch.long, device=self.device)
        looks = self._look(depth[None], to_gravity[None], frames, anchors, coarser)
        return self._measured(looks, to_gravity[None][frames], anchors)

    def _shared_out(
        self, looks: Looks, depth: Tensor, to_gravity: Tensor, frames: Tensor, anchors: Tensor, expected: Tensor
    ) -> Looks:
        """``looks`` of K subjects in each of B images, frame by frame, in which each pixel is of one subject alone.

        Args:
            expected: (B, K, 3) where the subjects are expected, camera axes, metres
        """
        (batch, count), size = expected.shape[:2], looks.source.shape[-1]
        claims = self._masks(looks, depth, frames, anchors).view(batch, 1, count, -1)
        source = looks.source.view(batch, count, 1, -1).expand(-1, -1, count, -1)
        is_claimed = claims.expand(-1, count, -1, -1).gather(3, source)  # (B, K, K, S * S): of a crop, by each
        metric = expected.new_tensor([1.0, _UPRIGHT, 1.0])
        apart = (expected[:, None] - anchors.view(batch, count, 1, 3)) @ to_gravity[:, None].transpose(-1, -2)
        points = looks.points.view(batch, count, 1, 3, -1) - apart[..., None]
        distance = (points * metric[:, None]).square().sum(3)  # (B, K, K, S * S)
        own = torch.arange(count, device=depth.device)
        other_is_nearer = distance < distance[:, own, own][:, :, None]
        taken = (is_claimed & other_is_nearer).any(2).view(-1, size, size)
        return replace(looks, foreground=looks.foreground & ~taken)

    def _places(self, depth: Tensor, among: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Points (N, 3) of the image far from each other, among which none of a subject's size is missed."""
        every = (slice(_EVERY_PIXEL // 2, None, _EVERY_PIXEL),) * 2
        small = depth[every].cpu().numpy().astype(np.float64)
        rows, columns = np.nonzero((small > 0) & (True if among is None else among[every]))
        if len(rows) == 0:
            return np.zeros((0, 3))
        camera, z = self._camera, small[rows, columns]
        x = (columns * _EVERY_PIXEL + _EVERY_PIXEL // 2 + 0.5 - camera.cx) / camera.fx * z
        y = (rows * _EVERY_PIXEL + _EVERY_PIXEL // 2 + 0.5 - camera.cy) / camera.fy * z
        points = np.stack((x, y, z), axis=1)
        chosen = [int(z.argmin())]
        distance = np.full(len(points), np.inf)
        while len(chosen) < _MOST_PLACES:
            distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1) * self.scale)
            chosen.append(int(distance.argmax()))
            if distance[chosen[-1]] < _SPACING:
                chosen.pop()
                break
        places = points[chosen]
        return places[np.linalg.norm(places[:, :2], axis=1).argsort(kind="stable")]

    def _masks(self, looks: Looks, depth: Tensor, frames: Tensor, anchors: Tensor) -> Tensor:
        """Pixels (N, H, W) of the images whose place in the crop about each of ``anchors`` (N, 3) is foreground.

        At the edge of the subject a pixel of the crop stands for others, too, that show what is behind: these are none.
        """
        camera, size = self._camera, looks.source.shape[-1]
        fx, fy, cx, cy = self._intrinsics
        z = anchors[:, 2:].clamp_min(1e-3)
        window = 1 / (self.scale * z)
        column = torch.arange(camera.width, device=self.device) + 0.5 - (fx * anchors[:, :1] / z + cx)
        row = torch.arange(camera.height, device=self.device) + 0.5 - (fy * anchors[:, 1:2] / z + cy)
        columns = ((column / (window * fx) + 0.5) * size).floor().long()  # (N, W)
        rows = ((row / (window * fy) + 0.5) * size).floor().long()  # (N, H)
        inside = ((rows >= 0) & (rows < size))[:, :, None] & ((columns >= 0) & (columns < size))[:, None]
        cell = (rows.clamp(0, size - 1)[:, :, None] * size + columns.clamp(0, size - 1)[:, None]).flatten(1)
        images = depth.flatten(1)[frames]
        shown = images.gather(1, looks.source.flatten(1)).gather(1, cell)
        is_joined = (images - shown).abs() <= MAX_GAP * torch.minimum(images, shown)
        return inside & (looks.foreground.flatten(1).gather(1, cell) & is_joined).view(inside.shape)


def _on_host(looks: Looks, masks: Tensor, seen: _Measures) -> list[FoundSubject | None]:
    """Of each look what it found, None where that is too little to be a subject."""
    rows, cells = looks.foreground.flatten(1).nonzero(as_tuple=True)
    pixels = looks.source.flatten(1)[rows, cells].cpu().numpy()
    said = torch.cat((looks.canonical.flatten(2)[rows, :, cells], looks.deviations.flatten(1)[rows, cells, None]), 1)
    ends = np.searchsorted(rows.cpu().numpy(), np.arange(1, len(masks)))
    parts = zip(np.split(pixels, ends), np.split(said.cpu().numpy(), ends), masks.cpu().numpy(), strict=True)
    landmarks, mirrored = looks.landmarks.cpu().numpy(), looks.mirrored.tolist()
    found: list[FoundSubject | None] = []
    for row, (shown, values, mask) in enumerate(parts):
        if seen.scores[row] < LEAST_AREA:
            found.append(None)
            continue
        distinct, first = np.unique(shown, return_index=True)
        canonical, deviations = values[first, :3], values[first, 3]
        score, sureness = float(seen.scores[row]), float(seen.sureness[row])
        placed = SubjectLandmarks.of_row(landmarks[row])
        found.append(
            FoundSubject(
                distinct, canonical, deviations, mask, seen.middles[row], score, sureness, placed, mirrored[row]
            )
        )
    return found


def _parts(looks: Looks) -> tuple[Tensor, ...]:
    return tuple(getattr(looks, field.name) for field in fields(looks))
