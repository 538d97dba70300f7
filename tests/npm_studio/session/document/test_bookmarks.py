from npm_studio.session.document.bookmarks import with_bookmark, with_bookmark_renamed, without_bookmark
from npm_studio.session.document.state import DocumentState, Exploration

BODY = Exploration((1.0,), (2.0,), "Tall", "Bend")


def names(state: DocumentState) -> list[str]:
    return [bookmark.name for bookmark in state.bookmarks]


def test_bookmarks_are_added_renamed_and_deleted_and_no_two_have_one_name() -> None:
    state = with_bookmark(with_bookmark(with_bookmark(DocumentState(), "Tall", BODY), "Tall", BODY), "Small", BODY)
    assert names(state) == ["Tall", "Tall (2)", "Small"]
    assert names(with_bookmark_renamed(state, 2, "  Tall ")) == ["Tall", "Tall (2)", "Tall (3)"]
    assert names(with_bookmark_renamed(state, 0, "Bob")) == ["Bob", "Tall (2)", "Small"]
    assert names(without_bookmark(state, 1)) == ["Tall", "Small"]
    assert all(bookmark.exploration == BODY for bookmark in state.bookmarks)


def test_an_empty_name_and_the_same_name_change_nothing() -> None:
    state = with_bookmark(DocumentState(), "Tall", BODY)
    assert with_bookmark_renamed(state, 0, "  ") is state
    assert with_bookmark_renamed(state, 0, "Tall") is state
