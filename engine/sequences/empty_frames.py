"""Frames that show nothing: they stay between others, so that what was gone for a while keeps its time."""

from collections.abc import Collection, Sequence

from engine.core.errors import Notice


def settle_empty(
    frames: Sequence[int], empty: Collection[int], frame_names: Sequence[str], of_what: str = ""
) -> tuple[list[int], tuple[Notice, ...]]:
    """Of ``frames``, which increase, those from the first to the last that shows something, and what is to be said.

    Args:
        empty: those that show nothing; not all of them
        frame_names: of all frames of the recording
        of_what: `` of the subject``, where they show other things
    """
    shown = [index for index in frames if index not in empty]
    kept = [index for index in frames if shown[0] <= index <= shown[-1]]
    notices = []
    if len(kept) < len(frames):
        first = next(index for index in frames if index not in range(shown[0], shown[-1] + 1))
        text = f"{len(frames) - len(kept)} of {len(frames)} frames left out"
        notices.append(Notice(f"{text}: the first, {frame_names[first]}, shows nothing{of_what}"))
    between = [index for index in kept if index in empty]
    if between:
        text = f"{len(between)} of {len(kept)} frames between others show nothing{of_what}"
        notices.append(Notice(f"{text}, the first is {frame_names[between[0]]}: they stay, but nothing can be fitted"))
    return kept, tuple(notices)
