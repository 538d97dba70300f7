import pytest

from npm_studio.session.commands.command import Command, Menu, Submenu
from npm_studio.session.commands.palette import PaletteEntry, matching, palette_entries
from npm_studio.session.commands.reasons import reason_against
from npm_studio.session.commands.registry import Choice, Commands
from npm_studio.session.commands.table import commands_in, menus_with
from npm_studio.session.commands.view import WorkspaceTitle

SAVE = Command("file.save", "&Save", "Save it.", "Ctrl+S", needs="has_model")
LOOP = Command("file.loop", "&Loop", "Begin again.", checked="is_looping")
MENUS = (Menu("&File", (SAVE, None, Submenu("file.recent", "Open &Recent"), LOOP)),)


def entries(ran: list[object]) -> list[PaletteEntry]:
    commands = Commands()
    commands.handle("file.save", lambda: ran.append("save"))
    commands.handle("file.loop", ran.append)
    commands.provide("has_model", lambda: False)
    commands.provide("is_looping", lambda: True)
    commands.offer("file.recent", lambda: [Choice("walk.mkv", lambda: ran.append("walk"))])
    return palette_entries(MENUS, commands)


def test_commands_and_lines_of_submenus_are_found_with_menu_and_shortcut() -> None:
    ran: list[object] = []
    save, walk, loop = entries(ran)
    assert (save.title, save.place, save.shortcut) == ("Save", "File", "Ctrl+S")
    assert (walk.title, walk.place) == ("walk.mkv", "File › Open Recent")
    assert (loop.title, loop.place) == ("Loop", "File · on")
    walk.run()
    loop.run()
    assert ran == ["walk", False]


def test_what_cannot_be_done_says_why_and_comes_last() -> None:
    save, *_ = entries([])
    assert save.reason == "Open a model first."
    assert matching(entries([]), "")[-1].title == "Save"


def test_every_word_must_occur_and_beginnings_come_first() -> None:
    lines = [PaletteEntry(title, "View", print) for title in ("Reframe All", "Frame All", "Full Screen")]
    assert [one.title for one in matching(lines, "frame")] == ["Frame All", "Reframe All"]
    assert [one.title for one in matching(lines, "view fu")] == ["Full Screen"]
    assert matching(lines, "frame nothing") == []


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("glb", "Export…"),
        ("mesh", "Export…"),
        ("animate", "Add Keyframe"),
        ("ground truth", "Compare with Truth"),
        ("cut", "Slice of the Field"),
    ],
)
def test_commands_are_found_by_other_words_for_what_they_do(text: str, title: str) -> None:
    lines = [
        PaletteEntry(command.title.replace("&", ""), menu.title, print, also=command.also)
        for menu, command in commands_in(menus_with([WorkspaceTitle("fit", "&Fit", "Fit.")]))
    ]
    assert title in [one.title for one in matching(lines, text)]


def test_a_command_of_another_workspace_says_where_to_go_and_there_what_is_missing() -> None:
    commands, on_show = Commands(), ["explore"]
    for name in ("fit", "train", "compare"):
        commands.provide(f"in_{name}", lambda name=name: name in on_show)  # type: ignore[misc]
    truth = Command("fit.compare_truth", "Truth", "Compare.", needs="can_compare_truth")
    swap = Command("compare.swap", "Swap", "Swap them.", needs="has_two_sides")
    assert reason_against(truth, commands) == "Go to Fit first."
    assert reason_against(swap, commands) == "Go to Compare first."
    on_show[:] = ["compare"]
    assert reason_against(swap, commands) == "Compare two sides first."
