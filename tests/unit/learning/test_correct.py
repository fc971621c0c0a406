"""Correction: what a person says is learnt, nothing else changes, and the graph says what numpy says."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.domain.geometry import Rect
from edge.domain.model import Input
from edge.domain.recipe import LocateKind, Polarity
from edge.domain.verdict import Verdict
from edge.errors import ModelError, Refused, UsageError
from edge.inference.golden import verify
from edge.inference.session import Graph, Model, SessionOptions
from edge.learning import bank, veto
from edge.learning.backbone import FAST, load_backbone
from edge.learning.correct import Bounds, Corrected, JudgedPart, Sight, correct, score_map
from edge.learning.corrected import Wish, write_corrected
from edge.learning.memory_file import TaughtMemory, taught_memory
from edge.learning.package import write_taught
from edge.learning.samples import SampleCutter
from edge.learning.teach import Plan, Taught, Teacher
from edge.store.packages import Package, open_package, write_package
from tests.unit.learning import made
from tests.unit.learning.made import Pixels

BACKBONE = load_backbone(FAST)
PREPROCESS = BACKBONE.preprocess(160, 128)
PLAN = Plan(locate=made.LOCATE, preprocess=PREPROCESS, trusted=True)
HIGH = Bounds(unsure_from=3.2, ng_from=3.5)  # so high that faint spots pass
SPOT = Rect(x=73, y=81, width=15, height=15)
WISH = Wish(by="An", reason="seen at the line", made_at="2026-01-01T10:00:00+00:00")


def teach(plan: Plan, count: int) -> Taught:
    one = Teacher(plan, BACKBONE)
    for number in range(count):
        one.show(made.good(number), f"good {number}")
    return one.learn()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return write_taught(teach(PLAN, 12), tmp_path_factory.mktemp("taught") / "package", name="plate")


@pytest.fixture(scope="module")
def memory(package: Package) -> TaughtMemory:
    return taught_memory(package)


@pytest.fixture(scope="module")
def sight(memory: TaughtMemory) -> Sight:
    return Sight(memory, PREPROCESS, BACKBONE)


def spotted(number: int, depth: int = 20) -> Pixels:
    """A good one with a faint dark spot."""
    picture = made.good(number).astype(np.float32)
    colour = [float(level) - depth for level in picture[88, 80]]
    cv2.circle(picture, (80, 88), 6, colour, -1, cv2.LINE_AA)
    return np.clip(picture, 0, 255).astype(np.uint8)


def stained(number: int) -> Pixels:
    """A good one with a bright mark."""
    picture = made.good(number)
    cv2.circle(picture, (80, 30), 5, (190, 200, 215), -1, cv2.LINE_AA)
    return picture


def part(picture: Pixels, *, defect: bool, place: Rect | None = None, name: str = "part") -> JudgedPart:
    marked: NDArray[np.uint8] | None = None
    if place:
        marked = np.zeros(picture.shape[:2], np.uint8)
        marked[place.y : place.y + place.height, place.x : place.x + place.width] = 255
    return JudgedPart(name=name, picture=picture, sha256="0" * 64, defect=defect, marked=marked)


def corrected(memory: TaughtMemory, *parts: JudgedPart, bounds: Bounds = HIGH) -> Corrected:
    return correct(memory, parts, bounds, PREPROCESS, BACKBONE)


def heat(model: bytes, picture: Pixels) -> NDArray[np.float32]:
    graph = Graph(model, "corrected", ("score", "map"), SessionOptions(), takes=Input.REGION)
    return graph.run(picture[None])[1][0, 0]


def test_a_package_keeps_what_the_graph_says(package: Package, memory: TaughtMemory, sight: Sight) -> None:
    model = package.model_path.read_bytes()
    for picture in (made.good(50), spotted(50), made.scratched(50)):
        assert score_map(memory, sight.patches(picture)) == pytest.approx(heat(model, picture), rel=1e-3, abs=1e-3)


def test_a_marked_defect_is_ng_from_then_on(memory: TaughtMemory, sight: Sight) -> None:
    before = [float(score_map(memory, sight.patches(spotted(number))).max()) for number in range(40, 50)]
    assert max(before) < HIGH.unsure_from
    found = corrected(memory, part(spotted(40), defect=True, place=SPOT))
    (effect,) = found.effects
    assert effect.score_before < HIGH.unsure_from < HIGH.ng_from < effect.score_after
    assert 0 < effect.vetoes <= 8
    assert effect.place == (pytest.approx(81 / 160, abs=0.06), pytest.approx(89 / 128, abs=0.07))
    assert found.bounds == HIGH
    after = [float(heat(found.model, spotted(number)).max()) for number in range(40, 50)]
    assert sum(score >= HIGH.ng_from for score in after) >= 8  # the same defect on other parts


def test_other_good_parts_do_not_notice_a_veto(memory: TaughtMemory, sight: Sight) -> None:
    found = corrected(memory, part(spotted(40), defect=True, place=SPOT))
    for number in range(60, 80):
        patches = sight.patches(made.good(number))
        assert (score_map(found.memory, patches) == score_map(memory, patches)).all()


def test_the_graph_with_vetoes_says_what_numpy_says(memory: TaughtMemory, sight: Sight) -> None:
    parts = [part(spotted(40), defect=True, place=SPOT), part(stained(41), defect=False)]
    found = corrected(memory, *parts)
    for picture in [spotted(number, depth) for number in (40, 41, 42) for depth in (5, 20)] + [stained(43)]:
        expected = score_map(found.memory, sight.patches(picture))
        assert heat(found.model, picture) == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_without_a_mark_the_oddest_place_is_learnt(memory: TaughtMemory) -> None:
    (effect,) = corrected(memory, part(made.scratched(40), defect=True)).effects
    assert effect.place is not None
    assert effect.place == (pytest.approx(0.5, abs=0.2), pytest.approx(0.7, abs=0.15))
    assert effect.score_after > HIGH.ng_from


def test_a_reach_ends_before_what_is_good(memory: TaughtMemory) -> None:
    marked = corrected(memory, part(spotted(40), defect=True, place=SPOT)).memory
    guessed = corrected(memory, part(spotted(40), defect=True)).memory
    for learnt in (marked, guessed):
        assert not veto.vetoed(learnt.vetoes, learnt.fit, learnt.fit.entries).any()
    assert set(marked.vetoes.marked) == {True}
    assert set(guessed.vetoes.marked) == {False}


def test_a_good_part_is_remembered_and_nothing_else_changes(memory: TaughtMemory, sight: Sight) -> None:
    limits = Bounds(unsure_from=1.5, ng_from=1.8)
    found = corrected(memory, part(stained(40), defect=False), bounds=limits)
    (effect,) = found.effects
    assert effect.score_before > limits.ng_from
    assert effect.score_after < limits.unsure_from
    assert 0 < effect.entries <= 128
    assert found.bounds == limits  # a stopped part alone raises no limit
    assert float(score_map(found.memory, sight.patches(made.scratched(45))).max()) > limits.ng_from
    assert len(found.memory.fit.entries) == len(memory.fit.entries) + effect.entries


def usual_place(memory: TaughtMemory, sight: Sight) -> Rect:
    """The cell of good part 3 that is most like the good ones."""
    odd = veto.oddness(memory.fit, sight.patches(made.good(3)))
    down, across = divmod(int(odd.argmin()), memory.fit.space.map_size[1])
    return Rect(x=8 * across, y=8 * down, width=8, height=8)


def test_what_looks_like_good_parts_is_refused(memory: TaughtMemory, sight: Sight) -> None:
    place = usual_place(memory, sight)
    with pytest.raises(Refused, match=r"looks like the good parts: to stop it, \d+ of the 12"):
        corrected(memory, part(made.good(3), defect=True, place=place))


def test_where_good_parts_allow_it_the_limit_goes_down(memory: TaughtMemory, sight: Sight) -> None:
    low = replace(memory, scores=tuple(score / 2 for score in memory.scores))
    found = corrected(low, part(made.good(3), defect=True, place=usual_place(memory, sight)))
    (effect,) = found.effects
    assert (effect.vetoes, found.lowered_for, found.stopped) == (0, "part", 0)
    assert found.bounds.unsure_from == pytest.approx(0.998 * effect.score_after)
    assert found.bounds.ng_from / found.bounds.unsure_from == pytest.approx(HIGH.ng_from / HIGH.unsure_from)


def test_a_good_part_takes_back_exemplars_that_are_like_it(memory: TaughtMemory) -> None:
    once = corrected(memory, part(stained(40), defect=True, place=Rect(x=72, y=22, width=17, height=17))).memory
    assert len(once.vetoes)
    found = corrected(once, part(stained(40), defect=False))
    assert found.withdrawn == len(once.vetoes)
    assert found.effects[0].score_after < HIGH.unsure_from


@pytest.mark.parametrize("number", range(20, 26))
def test_of_a_good_part_that_passes_next_to_nothing_is_remembered(
    memory: TaughtMemory, sight: Sight, number: int
) -> None:  # fmt: skip
    """However many single patches are odd: the map decides, and it is as usual."""
    found = corrected(memory, part(made.good(number), defect=False))
    (effect,) = found.effects
    assert effect.score_before < HIGH.unsure_from
    assert effect.entries <= 12
    assert effect.score_after <= effect.score_before
    assert effect.score_after <= max(float(np.median(memory.scores)), 1.0) + 1e-3


def test_a_part_like_no_good_one_cannot_be_called_good(memory: TaughtMemory) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (128, 160, 3)).astype(np.uint8)
    with pytest.raises(Refused, match="unlike the good parts in more than 128 places"):
        corrected(memory, part(noise, defect=False))


def test_only_the_part_counts_where_the_background_is_known(tmp_path: Path) -> None:
    locate = replace(
        made.LOCATE, kind=LocateKind.BLOB, polarity=Polarity.BRIGHT, width_px=96, height_px=96, min_area_px=3000
    )
    preprocess = BACKBONE.preprocess(96, 96)
    taught = teach(Plan(locate=locate, preprocess=preprocess, trusted=True), 8)
    package = write_taught(taught, tmp_path / "package", name="disc")
    memory = taught_memory(package)
    assert memory.part is not None
    cutter = SampleCutter(locate, preprocess)
    frame = spotted(40, 30)
    one = replace(
        part(cutter.cut(frame, "spot").picture, defect=True), marked=cutter.marked(frame, SPOT, "spot")
    )  # fmt: skip
    found = correct(memory, [one], HIGH, preprocess, BACKBONE)
    assert found.effects[0].vetoes > 0
    seen = Sight(memory, preprocess, BACKBONE).patches(one.picture)
    assert heat(found.model, one.picture) == pytest.approx(score_map(found.memory, seen), rel=1e-3, abs=1e-3)
    beside = replace(one, marked=cutter.marked(frame, Rect(x=0, y=0, width=8, height=8), "spot"))
    with pytest.raises(Refused, match="marked place of part is not on the part"):
        correct(memory, [beside], HIGH, preprocess, BACKBONE)


def test_the_next_version_is_a_package_and_says_where_it_is_from(package: Package, tmp_path: Path) -> None:
    memory = taught_memory(package)
    bounds = Bounds(unsure_from=package.manifest.unsure_from, ng_from=package.manifest.ng_from)
    parts = [part(spotted(40), defect=True, place=SPOT, name="spot.png"), part(stained(40), defect=False)]
    made_now = correct(memory, parts, bounds, PREPROCESS, BACKBONE)
    new = open_package(write_corrected(package, made_now, parts, WISH, tmp_path / "new").folder)
    verify(Model.load(new), new)
    assert (new.manifest.reference, package.manifest.reference) == ("plate@2", "plate@1")
    assert "memory/parts/0.png" in [one.file for one in new.manifest.golden if one.label == Verdict.NG.value]
    again = taught_memory(new)
    (entry,) = again.corrections
    assert (entry.parent, entry.parent_digest, entry.by) == ("plate@1", package.digest, "An")
    assert (entry.good, entry.defects) == (("part",), ("spot.png",))
    assert [one.sha256 for one in again.known] == ["0" * 64] * 2
    assert again.vetoes.patches == pytest.approx(made_now.memory.vetoes.patches)
    assert "| 2 | An | seen at the line |" in (new.folder / "CARD.md").read_text()
    assert open_package(package.folder).digest == package.digest


def test_a_number_that_is_taken_is_passed_over(package: Package, tmp_path: Path) -> None:
    """After a way back the next number is that of the version which was left."""
    parts = [part(spotted(40), defect=True, place=SPOT)]
    made_now = corrected(taught_memory(package), *parts)
    new = write_corrected(package, made_now, parts, replace(WISH, version=7), tmp_path / "7")
    assert new.manifest.reference == "plate@7"
    memory = taught_memory(new)
    assert (memory.corrections[0].version, memory.corrections[0].parent, memory.known[0].version) == (7, "plate@1", 7)
    with pytest.raises(UsageError, match="version 1 cannot follow plate@1"):
        write_corrected(package, made_now, parts, replace(WISH, version=1), tmp_path / "1")


def test_a_correction_can_be_corrected(package: Package, tmp_path: Path) -> None:
    first = [part(spotted(40), defect=True, place=SPOT)]
    one = write_corrected(package, corrected(taught_memory(package), *first), first, WISH, tmp_path / "2")
    second = [part(made.scratched(41), defect=True, name="scratch.png")]
    two = write_corrected(one, corrected(taught_memory(one), *second), second, WISH, tmp_path / "3")
    memory = taught_memory(two)
    assert [entry.parent for entry in memory.corrections] == ["plate@1", "plate@2"]
    assert set(memory.vetoes.parts) == {0, 1}
    card = (two.folder / "CARD.md").read_text()
    assert card.count("As it was taught") == 1
    assert card.count("# plate@1") == 1


@pytest.mark.parametrize(("by", "reason"), [("", "why"), ("An", " "), ("An", "x" * 501), ("A\nn", "why")])
def test_who_and_why_must_be_said(by: str, reason: str) -> None:
    with pytest.raises(UsageError, match="must say something"):
        Wish(by=by, reason=reason, made_at="")


def _json(**changes: Any) -> Callable[[Mapping[str, bytes]], dict[str, bytes]]:
    def spoil(files: Mapping[str, bytes]) -> dict[str, bytes]:
        told = json.loads(files["memory/memory.json"])
        return {"memory/memory.json": json.dumps({**told, **changes}).encode()}

    return spoil


def _array(values: NDArray[Any], pickled: bool = False) -> Callable[[Mapping[str, bytes]], dict[str, bytes]]:
    def spoil(files: Mapping[str, bytes]) -> dict[str, bytes]:
        file = io.BytesIO()
        np.save(file, values, allow_pickle=pickled)
        return {"memory/usual.npy": file.getvalue()}

    return spoil


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_json(extra=1), "extra"),
        (_json(format=2), "format cannot be so"),
        (_json(entries=10**9), "entries cannot be so"),
        (_json(map_size=[100_000, 100_000]), "map_size cannot be so"),
        (_json(scores=[1.0, -1.0, 2.0]), "scores cannot be so"),
        (_json(level=-1.0), "level cannot be so"),
        (_json(veto_parts=[0], veto_marked=[True]), "veto_parts cannot be so"),
        (_json(entries=7), "is not what the manifest says|is not .* of float32"),
        (_array(np.ones(3, np.float32)), "is not .* of float32"),
        (_array(np.ones(1000, np.float64)), "is not"),
        (_array(np.array([{}] * 2, object), pickled=True), "is not"),
        (_array(np.full(1000, np.nan, np.float32)), "holds what is no number"),
        (_array(np.zeros(1000, np.float32)), "must be above 0"),
        (lambda files: {"memory/usual.npy": b"no array at all"}, "is no array"),
        (lambda files: {"memory/memory.json": b"{"}, "cannot be read"),
    ],
)
def test_a_spoilt_memory_is_refused(
    package: Package, tmp_path: Path, spoil: Callable[[Mapping[str, bytes]], dict[str, bytes]], words: str
) -> None:
    files = {name: (package.folder / name).read_bytes() for name in package.manifest.files}
    assert len(taught_memory(package).fit.usual) == 1000
    spoilt = write_package(tmp_path / "spoilt", package.manifest, {**files, **spoil(files)})
    with pytest.raises(ModelError, match=words):
        taught_memory(spoilt)


def test_a_memory_of_an_older_release_is_looked_at_as_it_was_taught(package: Package, tmp_path: Path) -> None:
    """Before the level and the soft average there were neither; a correction must not bring them in."""
    now = taught_memory(package).fit
    assert now.level > 0
    assert [view.soft for view in now.space.taps] == [plan.soft for plan in bank.PLANS] == [True, False]
    files = {name: (package.folder / name).read_bytes() for name in package.manifest.files}
    told = json.loads(files["memory/memory.json"])
    del told["level"]
    for tap in told["taps"]:
        del tap["soft"]
    files["memory/memory.json"] = json.dumps(told).encode()
    old = taught_memory(write_package(tmp_path / "old", package.manifest, files)).fit
    assert old.level == 0
    assert not any(plan.soft for plan in old.space.plans)


def test_a_package_without_a_memory_must_be_taught_again(package: Package, tmp_path: Path) -> None:
    kept = [name for name in package.manifest.files if not name.startswith("memory/")]
    bare = write_package(tmp_path / "bare", package.manifest, {name: package.folder / name for name in kept})
    with pytest.raises(ModelError, match="keeps nothing that a correction could start from"):
        taught_memory(bare)
