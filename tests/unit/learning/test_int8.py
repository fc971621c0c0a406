"""A bank in whole numbers, from teaching through corrections; and what becomes of models that took the image."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from edge.domain.model import Input
from edge.inference.golden import verify
from edge.inference.session import Model
from edge.learning.backbone import FAST, load_backbone
from edge.learning.correct import Bounds, JudgedPart, correct
from edge.learning.corrected import Wish, write_corrected
from edge.learning.memory_file import taught_memory
from edge.learning.package import write_taught
from edge.learning.teach import Plan, Teacher
from edge.store.packages import Package, open_package
from tests.unit.learning import made

BACKBONE = load_backbone(FAST)
PREPROCESS = BACKBONE.preprocess(160, 128)
WISH = Wish(by="An", reason="seen at the line", made_at="2026-01-01T10:00:00+00:00")
SCRATCHED = JudgedPart(name="scratch", picture=made.scratched(40), sha256="0" * 64, defect=True)


def teach(folder: Path, *, int8: bool) -> Package:
    one = Teacher(Plan(locate=made.LOCATE, preprocess=PREPROCESS, trusted=True, int8=int8), BACKBONE)
    for number in range(13):
        one.show(made.good(number), f"good {number}")
    return write_taught(one.learn(), folder, name="plate")


@pytest.fixture(scope="module")
def fp32(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return teach(tmp_path_factory.mktemp("fp32") / "package", int8=False)


@pytest.fixture(scope="module")
def int8(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return teach(tmp_path_factory.mktemp("int8") / "package", int8=True)


def corrected(old: Package, folder: Path) -> Package:
    bounds = Bounds(unsure_from=old.manifest.unsure_from, ng_from=old.manifest.ng_from)
    found = correct(taught_memory(old), [SCRATCHED], bounds, PREPROCESS, BACKBONE)
    new = open_package(write_corrected(old, found, [SCRATCHED], WISH, folder).folder)
    verify(Model.load(new), new)
    return new


def products(package: Package) -> Counter[str]:
    model = onnx.load_from_string(package.model_path.read_bytes())
    return Counter(node.op_type for node in model.graph.node if node.op_type.startswith("MatMul"))


def test_teaching_and_correcting_keep_to_whole_numbers(int8: Package, tmp_path: Path) -> None:
    verify(Model.load(int8), int8)
    new = corrected(int8, tmp_path / "new")
    assert products(int8)["MatMulInteger"] > 0
    assert products(new)["MatMulInteger"] >= products(int8)["MatMulInteger"]
    assert products(new)["MatMul"] == products(new)["MatMulInteger"] + 1  # the exemplars of defects stay as they are
    assert taught_memory(new).int8
    assert new.manifest.tolerance == int8.manifest.tolerance == 0.01


def test_fp32_unless_a_person_asks(fp32: Package, tmp_path: Path) -> None:
    assert products(fp32)["MatMulInteger"] == products(corrected(fp32, tmp_path / "new"))["MatMulInteger"] == 0
    assert not taught_memory(fp32).int8
    assert fp32.manifest.tolerance == 1e-3


def test_both_know_the_same_memory_limits_and_golden_parts(fp32: Package, int8: Package) -> None:
    """Whole numbers are the graph's alone, and turn no golden part's verdict."""
    bounds = [(one.manifest.unsure_from, one.manifest.ng_from) for one in (fp32, int8)]
    assert bounds[0] == bounds[1]
    labels = [[(one.file, one.label) for one in package.manifest.golden] for package in (fp32, int8)]
    assert labels[0] == labels[1]
    assert labels[0]
    assert taught_memory(int8).fit.entries.tobytes() == taught_memory(fp32).fit.entries.tobytes()


def test_a_corrected_model_takes_regions_whatever_the_old_one_took(fp32: Package, tmp_path: Path) -> None:
    older = replace(fp32, manifest=replace(fp32.manifest, input=Input.IMAGE))
    assert corrected(older, tmp_path / "new").manifest.input is Input.REGION
