"""Bookmarks of a document: bodies that a person wants to come back to."""

from dataclasses import replace

from npm_studio.session.document.state import Bookmark, DocumentState, Exploration


def with_bookmark(state: DocumentState, name: str, body: Exploration) -> DocumentState:
    """With ``body`` remembered last, under ``name`` or one that differs from all others."""
    name = _free_name(name, [one.name for one in state.bookmarks])
    return replace(state, bookmarks=(*state.bookmarks, Bookmark(name, body)))


def with_bookmark_renamed(state: DocumentState, place: int, name: str) -> DocumentState:
    """With another ``name`` for the bookmark at ``place``; an empty one changes nothing."""
    before, name = state.bookmarks, " ".join(name.split())
    if not name or name == before[place].name:
        return state
    others = [one.name for index, one in enumerate(before) if index != place]
    renamed = replace(before[place], name=_free_name(name, others))
    return replace(state, bookmarks=(*before[:place], renamed, *before[place + 1 :]))


def without_bookmark(state: DocumentState, place: int) -> DocumentState:
    return replace(state, bookmarks=(*state.bookmarks[:place], *state.bookmarks[place + 1 :]))


def _free_name(name: str, taken: list[str]) -> str:
    """``name``, or with a number behind it."""
    number, candidate = 2, name
    while candidate in taken:
        candidate, number = f"{name} ({number})", number + 1
    return candidate
