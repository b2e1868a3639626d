"""The map of the tree: its picture, its order, and its tests beside it."""

import html
import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("draw_rooms", ROOT / "infra/draw_rooms.py")
draw_rooms = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(draw_rooms)


def test_every_package_of_the_library_is_a_room():
    packages = {
        f"pipelines/{p.parent.name}" for p in (ROOT / "pipelines").glob("*/__init__.py")
    }
    assert packages == {room for room in draw_rooms.rooms() if room.startswith("pipelines/")}


def test_a_room_imports_only_rooms_of_the_rows_below_it():
    assert draw_rooms.climbing() == []


def test_the_picture_is_that_of_this_tree():
    made = draw_rooms.drawing()
    assert draw_rooms.PICTURE.read_text() == made, "run: python infra/draw_rooms.py"
    clipped = [
        room
        for room in draw_rooms.rooms()
        if draw_rooms.sentence(room) not in html.unescape(made)
    ]
    assert not clipped, "Shorten the first line of their docstrings."


def test_the_architecture_shows_the_picture_and_says_what_each_room_is():
    said = (ROOT / "docs/architecture.md").read_text()
    assert "(images/rooms.svg)" in said
    assert [room for room in draw_rooms.rooms() if f"`{room}" not in said] == []


def test_tests_mirror_the_library():
    folders = [p for p in (ROOT / "tests/pipelines").rglob("*") if any(p.glob("test_*.py"))]
    library = [ROOT / "pipelines" / p.relative_to(ROOT / "tests/pipelines") for p in folders]
    assert [p.as_posix() for p in library if not p.is_dir()] == []
