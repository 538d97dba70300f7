"""What a manifest calls the settings of the engine: the names of its fields."""

from engine.core.errors import Choice, ConfigField, Named, Notice, Setting, plain_words
from engine.core.progress import ForwardedProgress

_FIELDS = {
    Setting.FILL_LOST: "fill_lost",
    Setting.DEPTH_UNITS: "depth_scale",
    Setting.INTRINSICS: "intrinsics",
    Setting.STREAM: "stream",
    Setting.DEPTH_RANGE: "near and far",
    Setting.MASKS: "masks",
    Setting.REMOVE_PLANES: "remove_planes",
    Setting.SUBJECT: "subject",
    Setting.SEED: "seed",
}


def manifest_words(named: Named) -> str:
    """Fields of a row for settings, plain words for all else."""
    if isinstance(named, Setting):
        return _FIELDS.get(named, plain_words(named))
    if isinstance(named, Choice) and named.setting in _FIELDS:
        return f"{_FIELDS[named.setting]} {named.value}"
    if isinstance(named, ConfigField):
        return f"{named.name} {named.value}".rstrip()
    return plain_words(named)


class InManifestWords(ForwardedProgress):
    """Says notices in these words, as they are about rows of a manifest."""

    def notice(self, notice: Notice) -> None:
        self.message(notice.line(manifest_words))
