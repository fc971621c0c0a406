"""A corrected detector as the next version of its package: written whole or not at all, the old one untouched.

What the new version is from, who wanted it and why, and which pictures it learnt from stand in it for ever; the old
version is the way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge.domain.model import Golden, Manifest, ModelKind
from edge.domain.recipe import Check, CheckKind, Recipe
from edge.domain.verdict import Verdict
from edge.errors import RecipeError, Refused, UsageError
from edge.inference.golden import read_picture, verdict_of
from edge.inference.preprocess import Preprocessor
from edge.inference.rectify import Pixels
from edge.inference.session import OUTPUTS, Graph, SessionOptions
from edge.learning.correct import Corrected, JudgedPart
from edge.learning.memory_file import FOLDER, MOST_KNOWN, Correction, KnownPart, memory_files, rewritten
from edge.learning.package import is_clear, png
from edge.store.packages import Package, write_package

_CARD = "CARD.md"
_AS_TAUGHT = "\n\n---\n\nAs it was taught:\n\n"
_MOST_GOLDEN = 32  # they run whenever the model is loaded
_MOST_NAME, _MOST_REASON = 80, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Who wants the correction and why. made_at: ISO 8601 UTC. accepted: defects that may be lost, by name.
    stops_good: good parts that passed may be stopped.

    UsageError on an empty, overlong or unprintable text.
    """

    by: str
    reason: str
    made_at: str
    accepted: tuple[str, ...] = ()
    stops_good: bool = False

    def __post_init__(self) -> None:
        for what, text, most in (("--by", self.by, _MOST_NAME), ("--reason", self.reason, _MOST_REASON)):
            if not text.strip() or len(text) > most or not text.isprintable():
                raise UsageError(f"{what} must say something, in at most {most} letters", hint="one line of text")


def write_corrected(old: Package, made: Corrected, parts: Sequence[JudgedPart], wish: Wish, folder: Path) -> Package:
    """Write the package `folder`, which must not be there yet. Refused when it knows too many parts already."""
    known = _known(made, parts, old.manifest.version + 1)
    correction = _correction(old, made, parts, wish)
    memory = replace(made.memory, known=known, corrections=(*made.memory.corrections, correction))
    manifest = replace(
        old.manifest,
        version=correction.version,
        unsure_from=correction.limits_after[0],
        ng_from=correction.limits_after[1],
        training={
            **(old.manifest.training or {}),
            "bank": len(memory.fit.entries),
            "vetoes": len(memory.vetoes),
            "corrections": len(memory.corrections),
            "corrected_from": correction.parent,
            "corrected_by": wish.by,
        },
    )
    golden = _golden(old, manifest, made.model, parts, known[-len(parts) :])
    files: dict[str, bytes | Path] = _kept(old, golden)
    files |= memory_files(memory)
    files |= {one.file: png(part.picture) for one, part in zip(known[-len(parts) :], parts, strict=True)}
    files["model.onnx"] = made.model
    final = replace(manifest, golden=golden)
    files[_CARD] = _card(old, final, memory.corrections).encode()
    return write_package(folder, final, files)


def corrected_recipe(recipe: Recipe, old: Package, new: Package, wish: Wish) -> Recipe:
    """The next version of the recipe, with the corrected model and its limits. RecipeError when the check has masks."""
    its = checked_by(recipe, old)
    if its.ignore:
        raise RecipeError(f"check {its.name} has masks, and corrections know none", hint="teach it again instead")
    limits = (new.manifest.unsure_from, new.manifest.ng_from)
    check = replace(
        its,
        model=new.manifest.reference,
        model_digest=new.model_digest,
        unsure_from=limits[0],
        ng_from=limits[1],
    )
    views = tuple(
        replace(view, checks=tuple(check if one is its else one for one in view.checks)) for view in recipe.views
    )
    return replace(
        recipe,
        version=recipe.version + 1,
        views=views,
        author=wish.by,
        reason=wish.reason,
        created_at=wish.made_at,
    )


def checked_by(recipe: Recipe, package: Package) -> Check:
    """The one check that uses this very model. RecipeError when there is none, or several."""
    found = [check for view in recipe.views for check in view.checks if check.model_digest == package.model_digest]
    if len(found) != 1 or found[0].kind is not CheckKind.ANOMALY:
        raise RecipeError(
            f"recipe {recipe.ref} uses model {package.manifest.reference} in {len(found)} checks",
            hint="give the recipe in which exactly one check uses it",
        )
    return found[0]


def _known(made: Corrected, parts: Sequence[JudgedPart], version: int) -> tuple[KnownPart, ...]:
    before = made.memory.known
    if len(before) + len(parts) > MOST_KNOWN:
        raise Refused(f"the model keeps {len(before)} judged parts already", hint="teach it again with the newer parts")
    new = [
        KnownPart(
            file=f"{FOLDER}/parts/{len(before) + row}.png",
            name=part.name,
            sha256=part.sha256,
            defect=part.defect,
            version=version,
        )
        for row, part in enumerate(parts)
    ]
    return (*before, *new)


def _correction(old: Package, made: Corrected, parts: Sequence[JudgedPart], wish: Wish) -> Correction:
    manifest, effects, was = old.manifest, made.effects, made.bounds_before
    return Correction(
        version=manifest.version + 1,
        parent=manifest.reference,
        parent_digest=old.digest,
        by=wish.by,
        reason=wish.reason,
        made_at=wish.made_at,
        good=tuple(part.name for part in parts if not part.defect),
        defects=tuple(part.name for part in parts if part.defect),
        entries_added=sum(one.entries for one in effects),
        vetoes_added=sum(one.vetoes for one in effects),
        limits_before=(was.unsure_from, was.ng_from),
        limits_after=(round(made.bounds.unsure_from, 4), round(made.bounds.ng_from, 4)),
        lowered_for=made.lowered_for,
        accepted=wish.accepted,
    )


def _golden(
    old: Package, manifest: Manifest, model: bytes, parts: Sequence[JudgedPart], known: Sequence[KnownPart]
) -> tuple[Golden, ...]:  # fmt: skip
    """The old ones whose verdict stays, with their new scores, then the new defects; all beyond doubt."""
    graph = Graph(model, f"model {manifest.reference}", OUTPUTS[ModelKind.ANOMALY], SessionOptions())
    preprocessor = Preprocessor(manifest.preprocess)

    def scored(picture: Pixels, file: str) -> Golden:
        score = float(graph.run(preprocessor.tensor(picture))[0][0])
        return Golden(file=file, score=score, label=verdict_of(manifest, score).value)

    again = [
        (one.label, scored(read_picture(old.folder / one.file, manifest.reference), one.file))
        for one in old.manifest.golden
    ]
    new = [
        (Verdict.NG.value, scored(part.picture, one.file))
        for part, one in zip(parts, known, strict=True)
        if part.defect
    ]
    kept = [golden for label, golden in again + new if golden.label == label and is_clear(golden, manifest)]
    return tuple(kept[:_MOST_GOLDEN])


def _kept(old: Package, golden: Sequence[Golden]) -> dict[str, bytes | Path]:
    """The old package's files that go on unchanged: licences, golden parts that stay, judged parts."""
    dropped = {one.file for one in old.manifest.golden if one.file.startswith("golden/")}
    dropped -= {one.file for one in golden}
    dropped |= {"model.onnx", _CARD, *rewritten(old.manifest.files)}
    return {name: old.folder / name for name in old.manifest.files if name not in dropped}


def _card(old: Package, manifest: Manifest, corrections: Sequence[Correction]) -> str:
    path = old.folder / _CARD
    before = path.read_text(encoding="utf-8") if _CARD in old.manifest.files else ""
    taught = before.partition(_AS_TAUGHT)[2] or before
    told = "\n".join(
        f"| {one.version} | {_cell(one.by)} | {_cell(one.reason)} | {one.made_at} | {len(one.good)} good, "
        f"{len(one.defects)} defective | {one.limits_after[0]:.4f}, {one.limits_after[1]:.4f} |"
        for one in corrections
    )
    return f"""# {manifest.reference}

Corrected from {corrections[-1].parent}, which goes on existing: activate it again to go back. UNSURE from
{manifest.unsure_from:.4f}, NG from {manifest.ng_from:.4f}. Every picture, with its SHA-256, stands in
{FOLDER}/memory.json.

| version | by | why | when | parts | UNSURE from, NG from |
|---|---|---|---|---|---|
{told}
{_AS_TAUGHT}{taught}"""


def _cell(text: str) -> str:
    return text.replace("|", "/")
