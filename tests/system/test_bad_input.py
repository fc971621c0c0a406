"""Whatever a person or a disk does wrong: one clear error with its hint, the right exit code, nothing left broken."""

from __future__ import annotations

import json
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.errors import EXIT_ERROR, EXIT_NO, EXIT_OK, EXIT_USAGE
from tests.unit.apps.inspect.bench import save, write_belt, write_picture, write_recipe
from tests.unit.inference import made

pytestmark = pytest.mark.system

SERVICES = (("line",), ("capture", "top"), ("panel",), ("run",))
_READY_S = 30.0


class Site:
    """A station of one folder camera; `start` what shall keep running, `edge` what shall end by itself."""

    def __init__(self, tmp_path: Path, run_dir: Path, station: str) -> None:
        self.data, self.run = tmp_path / "data", run_dir / "run"
        self.file = tmp_path / "station.toml"
        self._started: list[subprocess.Popen[str]] = []
        self.write(station)
        write_picture(tmp_path / "pictures" / "1.png", made.level(40))

    def write(self, name: str, port: int = 8080) -> None:
        self.file.write_text(
            f'name = "{name}"\ndata_dir = "{self.data}"\nrun_dir = "{self.run}"\n'
            f'[[camera]]\nname = "top"\nkind = "folder"\nsource = "{self.file.parent}/pictures"\n'
            f"width = {made.SIDE}\nheight = {made.SIDE}\nloop = true\n[panel]\nport = {port}\n"
        )

    def edge(self, *words: str) -> subprocess.CompletedProcess[str]:
        return edge(*words, "--station", str(self.file))

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "edge.cli", *words, "--station", str(self.file)]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, text=True)
        self._started.append(process)
        return process

    def close(self) -> None:
        for process in self._started:
            process.terminate()
        for process in self._started:
            process.communicate(timeout=20)


def edge(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)  # type: ignore[call-overload,no-any-return]


@pytest.fixture
def site(tmp_path: Path, run_dir: Path, station: str) -> Iterator[Site]:
    site = Site(tmp_path, run_dir, station)
    yield site
    site.close()


def one_error(done: subprocess.CompletedProcess[str], words: str, hint: str, code: int = EXIT_ERROR) -> None:
    """Words and hint once, and no traceback."""
    assert done.returncode == code, done.stderr
    assert done.stderr.count(words) == 1, done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("words", SERVICES, ids=lambda words: words[0])
def test_folders_that_cannot_be_made(site: Site, words: tuple[str, ...]) -> None:
    site.run.write_text("a file is in the way")
    one_error(site.edge(*words), "cannot be made", "run_dir")
    assert not site.data.exists()


def test_a_line_without_a_place_for_its_ledger_does_not_run(site: Site) -> None:
    site.data.write_text("a file is in the way")
    one_error(site.edge("line"), "cannot be written", "check the folder")


def test_a_line_with_a_damaged_ledger_does_not_run_and_leaves_it_alone(site: Site) -> None:
    site.data.mkdir()
    (site.data / "ledger.db").write_bytes(b"garbage" * 2000)
    one_error(site.edge("line"), "is damaged", "restore the backup")
    assert (site.data / "ledger.db").read_bytes() == b"garbage" * 2000


@pytest.mark.parametrize("words", [("line",), ("panel",), ("run",)], ids=lambda words: words[0])
def test_a_station_file_that_is_damaged(site: Site, words: tuple[str, ...]) -> None:
    site.file.write_bytes(b"\xff\xfe[[camera")
    one_error(site.edge(*words), "cannot be read", "--station")


@pytest.mark.parametrize("name", ["line", "inference"])
def test_a_second_instance_ends_and_the_first_goes_on(site: Site, name: str) -> None:
    first = site.start(name)
    lock = site.run / f"{name}.lock"
    until = time.monotonic() + _READY_S
    while not (lock.is_file() and lock.read_text().strip() == str(first.pid)):
        assert time.monotonic() < until
        time.sleep(0.02)
    one_error(site.edge(name), "already running", "stop the other one first")
    assert first.poll() is None
    assert lock.read_text().strip() == str(first.pid)


def test_a_port_in_use(site: Site, station: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        site.write(station, port)
        one_error(site.edge("panel"), str(port), "port")


# --- edge inspect ----------------------------------------------------------------------------------------------


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(tmp_path / "recipe")


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    for number in range(1, 6):
        write_picture(tmp_path / f"stills/{number}.png", made.level(40 + number))
    return tmp_path / "stills"


def inspect(source: Path, recipe: Path, *words: str, **more: object) -> subprocess.CompletedProcess[str]:
    return edge("inspect", str(source), "--recipe", str(recipe), *words, **more)


def test_exit_codes_and_one_json_object(tmp_path: Path, stills: Path, recipe: Path) -> None:
    done = inspect(stills, recipe, "--json")
    assert (done.returncode, done.stderr) == (EXIT_OK, "")
    assert json.loads(done.stdout)["summary"]["verdicts"]["OK"] == 5
    write_picture(stills / "6.png", made.level(200))
    (stills / "7.png").write_bytes(b"no picture")
    done = inspect(stills, recipe)
    assert (done.returncode, done.stderr) == (EXIT_NO, "")
    assert "    6  NG" in done.stdout
    assert "    7  NOT_INSPECTED" in done.stdout
    assert "The picture cannot be read" in done.stdout


def test_a_damaged_video_is_one_error_without_the_decoders_noise(tmp_path: Path, recipe: Path) -> None:
    (tmp_path / "line.mp4").write_bytes(b"no video at all" * 100)
    done = inspect(tmp_path / "line.mp4", recipe, "--out", str(tmp_path / "out"))
    one_error(done, "cannot be played", "another player")
    assert len(done.stderr.splitlines()) == 2
    assert not (tmp_path / "out").exists()


def test_a_video_that_is_cut_short_is_told_after_what_was_judged(tmp_path: Path, recipe: Path) -> None:
    data = write_belt(tmp_path / "belt.avi", [30, 30, 30]).read_bytes()
    (tmp_path / "belt.avi").write_bytes(data[: len(data) * 2 // 3])
    done = inspect(tmp_path / "belt.avi", write_recipe(tmp_path / "lax", unsure_from=300.0, ng_from=300.0))
    assert done.returncode == EXIT_ERROR
    assert "    1  OK" in done.stdout
    assert len(done.stderr.splitlines()) == 2
    assert "is damaged" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("--recipe", "gone.json"), EXIT_USAGE, "there is no recipe file"),
        (("--models", "/nowhere"), EXIT_ERROR, "model grey@1 is not there"),
        (("--station", "gone.toml"), EXIT_ERROR, "cannot be read"),
        (("--out", "/proc/out"), EXIT_ERROR, "cannot be written"),
    ],
)
def test_wrong_words(stills: Path, recipe: Path, words: tuple[str, ...], code: int, complaint: str) -> None:
    one_error(inspect(stills, recipe, *words), complaint, "      ", code)


def test_a_model_that_does_not_fit_the_recipe(tmp_path: Path, stills: Path) -> None:
    package = made.package(tmp_path / "models", golden=made.GOLDEN)
    other = made.check(package, model_digest="0" * 64)
    one_error(inspect(stills, save(tmp_path, made.recipe(made.view((other,))))), "is not the one", "import that model")


def test_no_room_for_the_results_leaves_nothing(tmp_path: Path, stills: Path, recipe: Path) -> None:
    """A limit on the size of files stands for the full disk (setrlimit(2): EFBIG)."""
    done = inspect(
        stills,
        recipe,
        *("--out", str(tmp_path / "out")),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300)),
    )
    assert done.returncode == EXIT_ERROR
    assert "cannot be written: File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipe", "stills"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_keeps_what_was_judged(tmp_path: Path, how: signal.Signals) -> None:
    belt = write_belt(tmp_path / "belt.avi", [30] * 20)
    slow = made.package(tmp_path / "models", made.anomaly_onnx(work=40), golden=made.GOLDEN)
    check = made.check(slow, unsure_from=300.0, ng_from=300.0)
    recipe = save(tmp_path, made.recipe(made.view((check,))))
    command = [sys.executable, "-m", "edge.cli", "inspect", str(belt), "--recipe", str(recipe), "--every-frame"]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path / "out")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().split()[:2] == ["1", "OK"]
    process.send_signal(how)
    _, told = process.communicate(timeout=30)
    assert process.returncode == EXIT_ERROR
    assert "interrupted after" in told
    assert "Traceback" not in told
    kept = json.loads((tmp_path / "out/results.json").read_text())
    assert kept["summary"]["interrupted"]
    assert 1 <= len(kept["parts"]) < 300


def test_a_reader_that_goes_away_ends_it(tmp_path: Path) -> None:
    """`edge inspect ... | head`: no traceback, and not exit code 0."""
    belt = write_belt(tmp_path / "belt.avi", [30] * 20)
    recipe = write_recipe(tmp_path / "recipe")
    command = [sys.executable, "-m", "edge.cli", "inspect", str(belt), "--recipe", str(recipe), "--every-frame"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) == EXIT_ERROR
    assert "interrupted" in told
    assert "Traceback" not in told
