"""What is written appears whole or not at all; what a killed process left goes, what a living one makes stays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge.store.atomic import UNFINISHED, new_folder, unfinished_folder

_CHILD = """
import sys
from pathlib import Path
from edge.store.atomic import new_folder
with new_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_bytes(b"x")
    print("here", flush=True)
    sys.stdin.read()
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_failure_leaves_neither_the_folder_nor_its_new_parents(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), new_folder(tmp_path / "a" / "b" / "c"):
        raise RuntimeError
    assert names(tmp_path) == []


def test_what_a_killed_process_left_goes_with_the_next_and_what_a_living_one_makes_stays(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _CHILD, str(tmp_path / "theirs")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with new_folder(tmp_path / "first"):
            pass
        assert [name.startswith(UNFINISHED) for name in names(tmp_path)] == [True, False]
        child.kill()
    with new_folder(tmp_path / "second"):
        pass
    assert names(tmp_path) == ["first", "second"]


def test_two_at_once_do_not_see_each_other(tmp_path: Path) -> None:
    with unfinished_folder(tmp_path / "a") as one, unfinished_folder(tmp_path / "b") as other:
        assert one.is_dir()
        assert other.is_dir()
    assert names(tmp_path) == []


def test_links_and_files_of_that_name_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"{UNFINISHED}link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / f"{UNFINISHED}file").write_bytes(b"x")
    with new_folder(tmp_path / "new"):
        pass
    assert names(tmp_path) == [f"{UNFINISHED}file", f"{UNFINISHED}link", "elsewhere", "new"]
