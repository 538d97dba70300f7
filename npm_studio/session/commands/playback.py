"""Playback menu."""

from npm_studio.session.commands.command import Command, Menu

PLAY = Command(
    "playback.play",
    "&Play or Pause",
    "Play the sequence, or pause it.",
    shortcut="Space",
    needs="has_clip",
    icon="play",
)
PREVIOUS = Command(
    "playback.previous",
    "P&revious Frame",
    "One frame back.",
    shortcut="Left",
    needs="has_clip",
    icon="step-back",
)
NEXT = Command(
    "playback.next",
    "&Next Frame",
    "One frame on.",
    shortcut="Right",
    needs="has_clip",
    icon="step-forward",
)
LOOP = Command(
    "playback.loop",
    "&Loop",
    "Begin again at the end.",
    shortcut="Ctrl+L",
    checked="is_looping",
    icon="loop",
)

PLAYBACK = Menu(
    "&Playback",
    (
        PLAY,
        PREVIOUS,
        NEXT,
        Command("playback.first", "&First Frame", "To the beginning.", "Home", "has_clip"),
        Command("playback.last", "L&ast Frame", "To the end.", "End", "has_clip"),
        None,
        LOOP,
    ),
)
