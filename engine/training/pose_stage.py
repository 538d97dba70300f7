"""The pose stage: pose decoder and one pose code per frame, from registered frames; shape codes stay as they are."""

import copy
import dataclasses

import torch
from torch import Tensor

from engine.core.progress import Progress
from engine.dataset.fingerprint import data_note
from engine.dataset.registered import RegisteredDataset
from engine.dataset.splits import shape_rows
from engine.evaluate.code_fitting import fit_pose_codes, fit_shape_codes
from engine.models.model import NeuralParametricModel
from engine.models.networks.decoder import PoseDecoder
from engine.training.config import TrainingConfig
from engine.training.flow_points import load_sampler
from engine.training.losses import displacement_loss
from engine.training.pool_samples import PoolSampler
from engine.training.stage import Metrics, grown, open_bands

_VALIDATION_POINTS = 1024


class PoseTraining:
    """See `engine.training.stage.TrainingStage`."""

    name = "pose"
    capturable = True
    compilable = True
    weight_decay = 0.0

    def __init__(
        self,
        dataset: RegisteredDataset,
        shape_model: NeuralParametricModel,
        config: TrainingConfig,
        half: bool,
        device: torch.device,
        validation: RegisteredDataset | None,
        progress: Progress,
    ) -> None:
        """
        Raises:
            InputError: the model lacks an identity of the dataset, or arrays are missing or damaged.
        """
        self.config, self.half, self.device, self.shape_model = config, half, device, shape_model
        self.stage = config.pose
        self.schedule, self.data = self.stage.schedule, data_note(dataset, frames=True)
        rows = shape_rows(dataset, shape_model.info)
        self.sampler = load_sampler(dataset, self.stage.sigmas, device, progress)
        self.shape_codes = shape_model.shape_codes[torch.from_numpy(rows).to(device)][self.sampler.identity_of_frame]
        self.info = dataclasses.replace(
            shape_model.info,
            frames=tuple(dataclasses.replace(label, identity=int(rows[label.identity])) for label in dataset.labels),
            training={key: note for key, note in shape_model.info.training.items() if key != "pose_encoder"},
        )
        size = self.stage.code_size
        self.network = PoseDecoder(shape_model.shape_decoder.code_size, size, self.stage.decoder).to(device)
        self.codes = (torch.randn(len(dataset.labels), size) / size).to(device)
        self.rows, self.rows_per_batch = len(dataset.labels), self.stage.frames_per_batch
        self._validation = None if validation is None else _HeldOutFrames(validation, self, progress)

    def draw(self, rows: Tensor, mine: slice, generator: torch.Generator) -> tuple[Tensor, ...]:
        canonical, posed = self.sampler.draw(rows, self.stage.points_per_frame, self.stage.sigmas, generator, mine)
        return self.shape_codes[rows[mine]], canonical, posed

    def settings(self, step: int) -> tuple[float, ...]:
        stage = self.stage
        return (
            grown(stage.code_weight, stage.code_weight_warmup, step),
            open_bands(stage.decoder.frequencies, stage.frequency_warmup, step),
        )

    def loss(
        self, codes: Tensor | None, settings: Tensor, shape_codes: Tensor, canonical: Tensor, posed: Tensor
    ) -> tuple[Tensor, Metrics]:
        assert codes is not None
        code_weight, alpha = settings.unbind()
        both = torch.cat((shape_codes, codes), dim=1)
        moved = canonical + self.network(both, canonical, self.half, alpha if self.stage.frequency_warmup else None)
        loss, error = displacement_loss(moved, posed, self.stage.loss == "squared")
        prior = codes.square().mean()
        return loss + code_weight * prior, {"flow": error, "code": prior.detach().sqrt()}

    def describe(self, rows: list[int]) -> str:
        frames = [self.info.frames[row] for row in rows]
        return ", ".join(f"{self.info.identities[frame.identity]}/{frame}" for frame in frames)

    def model(self) -> NeuralParametricModel:
        return dataclasses.replace(
            self.shape_model,
            info=self.info,
            pose_decoder=copy.deepcopy(self.network),
            pose_codes=self.codes.clone(),
            pose_encoder=None,  # it has learned other codes
        ).to(self.device)

    def validate(self, seed: int) -> dict[str, float]:
        """Mean distance on held-out frames, whose codes are fitted to other points first."""
        return {} if self._validation is None else self._validation.error(self.model(), self.half, seed)


class _HeldOutFrames:
    """Frames that training does not see; identities that the model lacks get a shape code fitted to them."""

    def __init__(self, dataset: RegisteredDataset, training: PoseTraining, progress: Progress) -> None:
        self.settings, self.sigmas = training.config.validation, training.stage.sigmas
        device, model = training.device, training.shape_model
        self.sampler = load_sampler(dataset, self.sigmas, device, progress)
        count = len(dataset.labels)
        self.frames = torch.linspace(0, count - 1, min(count, self.settings.rows)).round().long().to(device)
        owners = self.sampler.identity_of_frame[self.frames]
        known = {
            key: row for row, key in enumerate(zip(model.info.identity_datasets, model.info.identities, strict=False))
        }
        rows = {index: known.get((stored.dataset, stored.name)) for index, stored in enumerate(dataset.stored)}
        strangers = sorted({owner for owner in owners.tolist() if rows[owner] is None})
        codes = {owner: model.shape_codes[row] for owner, row in rows.items() if row is not None}
        if strangers:
            pools = PoolSampler.load(dataset, device, progress, strangers)
            everyone = torch.arange(len(strangers), device=device)
            samples = pools.draw(everyone, slice(None), 6000, 2000, torch.Generator(device).manual_seed(0))
            fitted = fit_shape_codes(model, samples, steps=2 * self.settings.fit_steps, half=training.half)
            codes |= dict(zip(strangers, fitted, strict=True))
        self.shape_codes = torch.stack([codes[owner] for owner in owners.tolist()])

    def error(self, model: NeuralParametricModel, half: bool, seed: int) -> dict[str, float]:
        generator = torch.Generator(self.frames.device).manual_seed(seed)
        canonical, posed = self.sampler.draw(self.frames, 2 * _VALIDATION_POINTS, self.sigmas, generator)
        fitted, held = slice(0, None, 2), slice(1, None, 2)
        codes = fit_pose_codes(
            model,
            self.shape_codes,
            canonical[:, fitted],
            posed[:, fitted],
            steps=self.settings.fit_steps,
            seed=seed,
            half=half,
        )
        with torch.no_grad():
            moved = model.pose(self.shape_codes, codes, canonical[:, held], half)
            return {"flow": float((moved - posed[:, held]).norm(dim=-1).mean())}
