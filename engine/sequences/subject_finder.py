"""Finding the subject of a model in depth images, by the network that says canonical coordinates pixel by pixel."""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.geometry.camera import PinholeCamera
from engine.geometry.metric_crop import CropAnchor, MetricCrop, metric_crop
from engine.models.networks.coordinates import CoordinateNetwork
from engine.sequences.isolation import MAX_GAP

LEAST_AREA = 0.004
"""Squared canonical units that are to be seen of a subject: a person's hand shows twice as much of a body's cube."""
FULL_VIEW = 0.04
"""Squared canonical units of a subject that nothing hides much of: half of what a grown person shows."""
UNSURE = 0.05
"""Expected error of coordinates, canonical units, at which a pixel counts by 1/e."""
FAMILIAR = 0.5
"""Fraction of the score of the frame before, with which a subject counts as followed."""
_ROUNDS = 3
"""Looks at most, each about the middle of what the look before found."""
_CENTRED = 0.04
"""Canonical units: an anchor that is nearer to the middle of what it found is not moved."""
_SPACING_SQUARED = 0.2**2
"""Canonical units squared between places where a subject is looked for."""
_MOST_PLACES, _PLACES_AT_ONCE = 64, 8
_EVERY_PIXEL = 8
"""Of rows and columns, among which places are chosen."""


@dataclass(frozen=True, eq=False)
class FoundSubject:
    """What one image shows of the subject."""

    pixels: Tensor
    """(P,) int64, ``row * W + column``, each once"""
    canonical: Tensor
    """(P, 3) canonical coordinates"""
    deviations: Tensor
    """(P,) their expected error along an axis, canonical units"""
    mask: Tensor
    """(H, W) bool, all pixels of the subject"""
    middle: Tensor
    """(3,) median point, camera axes, metres"""
    score: float
    """Area that was seen, squared canonical units, weighted by how sure the coordinates are"""


class SubjectFinder:
    """Looks for one subject in the images of one camera."""

    def __init__(self, network: CoordinateNetwork, scale: float, camera: PinholeCamera, device: torch.device) -> None:
        """
        Args:
            scale: canonical units per metre
        """
        self._network, self._scale, self._camera, self._device = network, scale, camera, device
        self._intrinsics = torch.tensor([camera.fx, camera.fy, camera.cx, camera.cy], device=device)

    @torch.inference_mode()
    def find(self, depth: Tensor, to_gravity: Tensor, near: Tensor | None = None) -> FoundSubject | None:
        """The subject about ``near``, or else the first in full view, or else what shows most; None if none is there.

        Places are looked at from the line of sight outwards.

        Args:
            depth: (H, W) metres, 0 invalid
            to_gravity: (3, 3) rotation from camera axes to gravity-aligned ones
            near: (3,) where it is expected, camera axes, metres
        """
        if near is not None:
            return self._centred(depth, to_gravity, near)
        places = self._places(depth)
        if len(places) == 0:
            return None
        best: tuple[float, Tensor] | None = None
        for part in places.split(_PLACES_AT_ONCE):
            _, scores, middles, _ = self._look(depth, to_gravity, part)
            index = int(scores.argmax())
            if best is None or float(scores[index]) > best[0]:
                best = float(scores[index]), middles[index]
            if best[0] > FULL_VIEW:
                break
        if best is None or best[0] < LEAST_AREA / 2:
            return None
        return self._centred(depth, to_gravity, best[1])

    def _centred(self, depth: Tensor, to_gravity: Tensor, anchor: Tensor) -> FoundSubject | None:
        for _ in range(_ROUNDS):
            used = anchor
            crop, scores, middles, (foreground, canonical, deviations) = self._look(depth, to_gravity, anchor[None])
            if float(scores[0]) < LEAST_AREA:
                return None
            moved = float((middles[0] - anchor).norm()) * self._scale
            anchor = middles[0]
            if moved < _CENTRED:
                break
        kept = foreground[0]
        pixels, first = _first_of_each(crop.source[0][kept])
        mask = self._mask(depth, kept, crop, used)
        return FoundSubject(
            pixels, canonical[0][kept][first], deviations[0][kept][first], mask, middles[0], float(scores[0])
        )

    def _look(
        self, depth: Tensor, to_gravity: Tensor, anchors: Tensor
    ) -> tuple[MetricCrop, Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Crops about ``anchors`` (N, 3), their scores (N,), median points (N, 3), and what each pixel shows."""
        fx, fy, cx, cy = self._intrinsics
        z = anchors[:, 2].clamp_min(1e-3)
        pixel = torch.stack((fx * anchors[:, 0] / z + cx, fy * anchors[:, 1] / z + cy), dim=1)
        count, size = len(anchors), self._network.config.size
        crop = metric_crop(
            depth.expand(count, -1, -1), self._intrinsics, CropAnchor(pixel, z), to_gravity.expand(count, -1, -1),
            self._scale, size,
        )  # fmt: skip
        half = self._device.type == "cuda"
        with torch.autocast(self._device.type, torch.bfloat16, enabled=half):
            said = self._network(crop.channels.to(memory_format=torch.channels_last))
        foreground = (said.foreground > 0) & crop.valid
        deviations = said.log_deviation.exp()
        weight = foreground * (-deviations / UNSURE).exp()
        scores = weight.sum((1, 2)) / size**2
        points = crop.channels[:, :3] / self._scale  # gravity-aligned, metres, about the anchor
        hidden = torch.where(foreground[:, None], points, torch.nan).flatten(2)
        median = torch.nan_to_num(hidden.nanmedian(dim=2).values)
        middles = anchors + (median[:, None] @ to_gravity)[:, 0]
        canonical = said.canonical.permute(0, 2, 3, 1)
        return crop, scores, middles, (foreground, canonical, deviations)

    def _places(self, depth: Tensor) -> Tensor:
        """Points (N, 3) of the image far from each other, among which none of a subject's size is missed."""
        small = depth[_EVERY_PIXEL // 2 :: _EVERY_PIXEL, _EVERY_PIXEL // 2 :: _EVERY_PIXEL]
        rows, columns = (small > 0).nonzero(as_tuple=True)
        if len(rows) == 0:
            return depth.new_zeros((0, 3))
        fx, fy, cx, cy = self._intrinsics
        z = small[rows, columns]
        x = (columns * _EVERY_PIXEL + _EVERY_PIXEL // 2 + 0.5 - cx) / fx * z
        y = (rows * _EVERY_PIXEL + _EVERY_PIXEL // 2 + 0.5 - cy) / fy * z
        points = torch.stack((x, y, z), dim=1)
        chosen = [points[int(z.argmin())]]
        distance = torch.full((len(points),), torch.inf, device=points.device)
        while len(chosen) < _MOST_PLACES:
            distance = torch.minimum(distance, (points - chosen[-1]).square().sum(1) * self._scale**2)
            farthest = int(distance.argmax())
            if float(distance[farthest]) < _SPACING_SQUARED:
                break
            chosen.append(points[farthest])
        places = torch.stack(chosen)
        return places[places[:, :2].norm(dim=1).argsort()]

    def _mask(self, depth: Tensor, foreground: Tensor, crop: MetricCrop, anchor: Tensor) -> Tensor:
        """Pixels (H, W) of the image whose place in the ``crop`` about ``anchor`` (3,) is ``foreground`` (S, S).

        At the edge of the subject a pixel of the crop stands for others, too, that show what is behind: these are none.
        """
        size, camera = len(foreground), self._camera
        fx, fy, cx, cy = self._intrinsics
        z = anchor[2].clamp_min(1e-3)
        window = 1 / (self._scale * z)
        column = (torch.arange(camera.width, device=self._device) + 0.5 - (fx * anchor[0] / z + cx)) / (window * fx)
        row = (torch.arange(camera.height, device=self._device) + 0.5 - (fy * anchor[1] / z + cy)) / (window * fy)
        columns, rows = ((place + 0.5) * size for place in (column, row))
        columns, rows = columns.floor().long(), rows.floor().long()
        inside = ((rows >= 0) & (rows < size))[:, None] & ((columns >= 0) & (columns < size))
        place = rows.clamp(0, size - 1)[:, None], columns.clamp(0, size - 1)
        shown = depth.flatten()[crop.source[0][place]]
        is_joined = (depth - shown).abs() <= MAX_GAP * torch.minimum(depth, shown)
        return inside & foreground[place] & is_joined


def _first_of_each(values: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct ``values`` (P,), and the place of one of each."""
    distinct, group = torch.unique(values, return_inverse=True)
    first = torch.full((len(distinct),), len(values), device=values.device, dtype=torch.long)
    first.scatter_reduce_(0, group, torch.arange(len(values), device=values.device), "amin")
    return distinct, first
