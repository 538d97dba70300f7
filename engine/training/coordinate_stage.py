"""The stage of the coordinate network: from depth to canonical coordinates, with what the network is unsure of."""

import copy
import dataclasses

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.dataset.fingerprint import data_note
from engine.dataset.registered import RegisteredDataset
from engine.models.networks.coordinates import CoordinateConfig, CoordinateNetwork, PixelCoordinates
from engine.training.config import CoordinateStage, Validation
from engine.training.coordinate_inputs import CoordinateInputs
from engine.training.flow_points import lacks_meshes
from engine.training.flow_samples import FlowSampler
from engine.training.stage import Metrics

_VIEWS = 4
"""Times that each held-out frame is looked at."""
_CROPS = 32
"""Held-out crops in one pass through the network."""
_SHOWN = 0.004
"""Part of the crop that shows the subject, for landmarks to be learned from it."""
_LANDMARKS = 0.5
"""Of their likelihood, beside that of the pixels."""
_SIDE = 1.0
"""Of the cross entropy of the side, in networks that tell it."""
_FIRST_WEIGHT = 5.0
"""Of the plain distance beside the likelihood, which asks little as long as the network calls itself unsure."""


class CoordinateTraining:
    """See `engine.training.stage.TrainingStage`; a row is a frame, seen from somewhere else each time.

    The loss is the binary cross entropy of the foreground and, on the subject, the negative logarithm of the likelihood
    of the position error d under an isotropic Laplace distribution, ``2 |d| / sigma + 3 log sigma``, whose standard
    deviation along each axis is sigma. Landmarks of crops that show enough of the subject have the same likelihood, of
    the distance in the crop and at rest together. Of mirrored crops foreground and side alone are learned.
    """

    name = "coordinates"
    codes: Tensor | None = None
    capturable = False  # a ray caster of its own stream renders the inputs
    compilable = True

    def __init__(
        self,
        dataset: RegisteredDataset,
        config: CoordinateStage,
        half: bool,
        device: torch.device,
        validation: RegisteredDataset | None,
        settings: Validation,
        progress: Progress,
    ) -> None:
        """
        Args:
            half: convolutions in bfloat16, on CUDA only.
            settings: how many frames of ``validation`` are looked at.

        Raises:
            InputError: a dataset has no meshes, or arrays are missing or damaged.
        """
        self.config, self.half, self.schedule = config, half, config.schedule
        self.weight_decay = config.weight_decay
        self.data = data_note(dataset, frames=True)
        self.rows, self.rows_per_batch = len(dataset.labels), config.crops_per_batch
        self._names = [f"{dataset.identities[label.identity]}/{label}" for label in dataset.labels]
        network = CoordinateNetwork(
            CoordinateConfig(
                config.size,
                config.channels,
                config.heads,
                landmarks=config.landmarks,
                upright=config.upright,
                sides=config.mirrored > 0,
            )
        ).to(device)
        self.network = _Averaged(network)
        self._inputs = _inputs(dataset, config, device, progress)
        self._held_out: CoordinateInputs | None = None
        if validation is not None:
            count = len(validation.labels)
            kept = torch.linspace(0, count - 1, min(count, settings.rows)).round().long().tolist()
            shown = dataclasses.replace(validation, labels=tuple(validation.labels[row] for row in kept))
            self._held_out = _inputs(shown, config, device, progress, self._inputs)
            self._held_out_rows = torch.arange(len(kept), device=device).repeat(_VIEWS)

    def draw(self, rows: Tensor, mine: slice, generator: torch.Generator) -> tuple[Tensor, ...]:
        return self._inputs.draw(rows, mine, generator)

    def settings(self, step: int) -> tuple[float, ...]:
        """How much of the network is new to its average."""
        return (1 - min(self.config.average, (1 + step) / (10 + step)),)

    def loss(self, codes: Tensor | None, settings: Tensor, *samples: Tensor) -> tuple[Tensor, Metrics]:
        """
        Args:
            samples: crops (B, 4, S, S), canonical coordinates (B, 3, S, S), foreground (B, S, S) bool, landmarks
                (B, K, 2, 3), and which crops are mirrored (B,) bool.
        """
        crops, canonical, foreground, landmarks, mirrored = samples
        self.network.average(settings[0])
        predicted = _predict(self.network.learned, crops, self.half)
        distance = _distance(predicted, canonical)
        on_subject = (foreground & ~mirrored[:, None, None]).float()
        count = on_subject.sum().clamp_min(1)
        likelihood = 2 * distance * torch.exp(-predicted.log_deviation) + 3 * predicted.log_deviation
        position = ((likelihood + _FIRST_WEIGHT * distance) * on_subject).sum() / count
        is_shown = foreground.sum((1, 2)) >= _SHOWN * self.config.size**2
        apart, unlikely = _of_landmarks(predicted, landmarks)
        shown = (is_shown & ~mirrored).float()[:, None].expand_as(apart)
        shown = shown / shown.sum().clamp_min(1)
        position = position + _LANDMARKS * ((unlikely + _FIRST_WEIGHT * apart) * shown).sum()
        seen = crops[:, 3]
        entropy = functional.binary_cross_entropy_with_logits(
            predicted.foreground, foreground.float(), reduction="none"
        )
        told_apart = (entropy * seen).sum() / seen.sum().clamp_min(1)
        with torch.no_grad():
            metrics = {
                "error": (distance * on_subject).sum() / count,
                "iou": _overlap(predicted, foreground, seen),
                "foreground": told_apart.detach(),
                "likelihood": (likelihood * on_subject).sum() / count,
                "landmarks": (apart * shown).sum(),
            }
        loss = position + 5 * told_apart
        if predicted.mirrored is not None:
            sides = functional.binary_cross_entropy_with_logits(
                predicted.mirrored, mirrored.float(), is_shown.float(), reduction="sum"
            ) / is_shown.sum().clamp_min(1)
            loss = loss + _SIDE * sides
            metrics["side"] = sides.detach()
        return loss, metrics

    def describe(self, rows: list[int]) -> str:
        return ", ".join(self._names[row] for row in rows)

    def learned(self) -> CoordinateNetwork:
        """A copy of the averaged network, frozen and in evaluation mode."""
        return self.network.averaged().eval().requires_grad_(False)

    def begin_on(self, network: CoordinateNetwork) -> None:
        """Take over what ``network`` has learned; landmarks that it does not have are left to be learned.

        Raises:
            RuntimeError: the network is of another size, or has more landmarks.
        """
        state = network.state_dict()
        if self.network.learned.landmarks is not None:
            for name, value in self.network.learned.landmarks.state_dict(prefix="landmarks.").items():
                its = state.get(name)
                if its is None:
                    state[name] = value
                elif its.shape[1:] == value.shape[1:] and len(its) < len(value):
                    state[name] = torch.cat((its.to(value), value[len(its) :]))
        for each in (self.network.learned, self.network.mean):
            each.load_state_dict(state)

    @torch.no_grad()
    def validate(self, seed: int) -> dict[str, float]:
        """Mean and median error of the foreground in canonical units, and intersection over union of the foreground.

        ``side`` is the fraction of crops whose side is told wrong.
        """
        if self._held_out is None:
            return {}
        network, rows = self.learned(), self._held_out_rows
        generator = torch.Generator(rows.device).manual_seed(seed)
        distances, overlaps, landmark_errors, sides = [], [], [], []
        for some in rows.split(_CROPS):
            crops, canonical, foreground, landmarks, mirrored = self._held_out.draw(some, slice(None), generator)
            predicted = _predict(network, crops, self.half)
            distances.append(_distance(predicted, canonical)[foreground & ~mirrored[:, None, None]])
            overlaps.append(_overlap(predicted, foreground, crops[:, 3]) * len(some))
            shown = foreground.sum((1, 2)) >= _SHOWN * self.config.size**2
            landmark_errors.append(_of_landmarks(predicted, landmarks)[0][shown & ~mirrored])
            if predicted.mirrored is not None:
                sides.append(((predicted.mirrored > 0) == mirrored)[shown])
        distance = torch.cat(distances)
        if len(distance) == 0:
            raise InputError("the held-out frames", "show nothing of their subjects")
        told = {"side": float(1 - torch.cat(sides).float().mean())} if sides else {}
        return {
            "error": float(distance.mean()),
            "median": float(distance.median()),
            "iou": float(torch.stack(overlaps).sum()) / len(rows),
            "landmarks": float(torch.cat(landmark_errors).mean()),
            "landmark_median": float(torch.cat(landmark_errors).median()),
            **told,
        }


class _Averaged(nn.Module):
    """A network, and the exponential average of its weights and statistics, which is what is used after training."""

    def __init__(self, network: CoordinateNetwork) -> None:
        super().__init__()
        self.learned = network
        self.mean = copy.deepcopy(network).requires_grad_(False)

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def average(self, fresh: Tensor) -> None:
        """Take a share ``fresh`` (a 0-d tensor) of the network as it is now into the average."""
        with torch.no_grad():
            now = [value for value in self.learned.state_dict().values() if value.is_floating_point()]
            mean = [value for value in self.mean.state_dict().values() if value.is_floating_point()]
            change = torch._foreach_sub(now, mean)
            torch._foreach_mul_(change, fresh)
            torch._foreach_add_(mean, change)

    def averaged(self) -> CoordinateNetwork:
        return copy.deepcopy(self.mean)


def _predict(network: CoordinateNetwork, crops: Tensor, half: bool) -> PixelCoordinates:
    with torch.autocast(crops.device.type, torch.bfloat16, enabled=half and crops.is_cuda):
        predicted: PixelCoordinates = network(crops.contiguous(memory_format=torch.channels_last))
    return predicted


def _distance(predicted: PixelCoordinates, canonical: Tensor) -> Tensor:
    """(B, S, S), smooth at zero"""
    return ((predicted.canonical - canonical).square().sum(1) + 1e-10).sqrt()


def _of_landmarks(predicted: PixelCoordinates, landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """Distances (B, K) and negative log likelihoods (B, K) of ``landmarks`` (B, K, 2, 3)."""
    assert predicted.landmarks is not None
    said = torch.stack((predicted.landmarks.canonical, predicted.landmarks.positions), dim=2)
    distance = ((said - landmarks).square().sum((2, 3)) + 1e-10).sqrt()
    log_deviation = predicted.landmarks.log_deviation
    return distance, 2 * distance * torch.exp(-log_deviation) + 3 * log_deviation


def _overlap(predicted: PixelCoordinates, foreground: Tensor, seen: Tensor) -> Tensor:
    """Intersection over union of the foreground in all crops together."""
    told = (predicted.foreground > 0) & (seen > 0)
    return (told & foreground).sum() / (told | foreground).sum().clamp_min(1)


def _inputs(
    dataset: RegisteredDataset,
    config: CoordinateStage,
    device: torch.device,
    progress: Progress,
    learned: CoordinateInputs | None = None,
) -> CoordinateInputs:
    if lacks_meshes(dataset):
        raise InputError(dataset.root, "has no meshes for the coordinates", "use a dataset with registered meshes")
    inputs = CoordinateInputs(FlowSampler.load(dataset, device, progress), dataset.similarity, config, learned)
    if broken := inputs.broken_frames():
        label = dataset.labels[broken[0]]
        problem = f"frame {dataset.identities[label.identity]}/{label} has vertices that are not finite"
        raise InputError(dataset.root, problem, "leave it out, or make the dataset again")
    return inputs
