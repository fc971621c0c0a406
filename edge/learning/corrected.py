"""A corrected detector as the next version of its package: written whole or not at all, the old one untouched.

What the new version is from, who wanted it and why, and which pictures it learnt from stand in it for ever; the old
version is the way back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge.domain.model import Golden, Input, Manifest
from edge.domain.recipe import Check, CheckKind, Recipe
from edge.domain.verdict import Verdict
from edge.errors import RecipeError, Refused, UsageError
from edge.inference.golden import read_picture
from edge.inference.rectify import Pixels
from edge.learning.correct import Corrected, JudgedPart
from edge.learning.memory_file import FOLDER, MOST_KNOWN, Correction, KnownPart, TaughtMemory, memory_files, rewritten
from edge.learning.package import golden_scorer, is_clear, png
from edge.store.packages import Package, write_package

_CARD = "CARD.md"
_AS_TAUGHT = "\n\n---\n\nAs it was taught:\n\n"
_MOST_GOLDEN = 32  # they run whenever the model is loaded
_MOST_NAME, _MOST_REASON = 80, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Who wants the correction and why. made_at: ISO 8601 UTC. accepted: defects that may be lost, by name.
    stops_good: good parts that passed may be stopped. version: number of the new one, 0: the next. dropped: limit
    samples that go, by name.

    UsageError on an empty, overlong or unprintable text.
    """

    by: str
    reason: str
    made_at: str
    accepted: tuple[str, ...] = ()
    stops_good: bool = False
    version: int = 0
    dropped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for what, text, most in (("--by", self.by, _MOST_NAME), ("--reason", self.reason, _MOST_REASON)):
            if not text.strip() or len(text) > most or not text.isprintable():
                raise UsageError(f"{what} must say something, in at most {most} letters", hint="one line of text")

    def version_after(self, old: Manifest) -> int:
        """The new version's number. UsageError when it is not above the old one's."""
        if self.version and self.version <= old.version:
            raise UsageError(f"version {self.version} cannot follow {old.reference}", hint="give a higher number")
        return self.version or old.version + 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NextVersion:
    """What a version consists of beside what it keeps of another package. manifest: without golden parts and hashes.

    pictures: of known parts that the other package does not have, at the model's size, path -> (h, w, 3) uint8.
    defects: those of them that become golden parts, if the model calls them NG beyond doubt.
    """

    manifest: Manifest
    memory: TaughtMemory
    model: bytes
    pictures: Mapping[str, Pixels]
    defects: Sequence[str]


def write_corrected(old: Package, made: Corrected, parts: Sequence[JudgedPart], wish: Wish, folder: Path) -> Package:
    """Write the package `folder`, which must not be there yet. Refused when it knows too many parts already.

    parts: those that were learnt, then the limit samples.
    """
    known = _known(made, parts, wish.version_after(old.manifest))
    new = known[len(made.memory.known) :]
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
    version = NextVersion(
        manifest=manifest,
        memory=memory,
        model=made.model,
        pictures={one.file: part.picture for one, part in zip(new, parts, strict=True)},
        defects=[one.file for one in new if one.defect and not one.limit],
    )
    return write_version(old, version, folder)


def write_version(base: Package, version: NextVersion, folder: Path) -> Package:
    """Write the package `folder`, which must not be there yet. base: whose licences, golden and known parts stay."""
    if hashlib.sha256(version.model).hexdigest() != base.model_digest:
        # Whatever the base takes: a package of an older release takes the normalised image.
        version = replace(version, manifest=replace(version.manifest, input=Input.REGION))
    golden = _golden(base, version)
    final = replace(version.manifest, golden=golden)
    files: dict[str, bytes | Path] = _kept(base, golden, version.memory)
    files |= memory_files(version.memory)
    files |= {file: png(picture) for file, picture in version.pictures.items()}
    files["model.onnx"] = version.model
    files[_CARD] = _card(base, final, version.memory.corrections).encode()
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
    used = [int(Path(one.file).stem) for one in before if Path(one.file).stem.isdecimal()]
    first = max([len(before), *(number + 1 for number in used)])  # limit samples may have gone from among them
    new = [
        KnownPart(
            file=f"{FOLDER}/parts/{first + row}.png",
            name=part.name,
            sha256=part.sha256,
            defect=part.defect,
            version=version,
            place=part.place,
            limit=part.limit,
        )
        for row, part in enumerate(parts)
    ]
    return (*before, *new)


def _correction(old: Package, made: Corrected, parts: Sequence[JudgedPart], wish: Wish) -> Correction:
    manifest, effects, was = old.manifest, made.effects, made.bounds_before
    return Correction(
        version=wish.version_after(manifest),
        parent=manifest.reference,
        parent_digest=old.digest,
        by=wish.by,
        reason=wish.reason,
        made_at=wish.made_at,
        good=tuple(part.name for part in parts if not part.defect and not part.limit),
        defects=tuple(part.name for part in parts if part.defect and not part.limit),
        entries_added=sum(one.entries for one in effects),
        vetoes_added=sum(one.vetoes for one in effects),
        limits_before=(was.unsure_from, was.ng_from),
        limits_after=(round(made.bounds.unsure_from, 4), round(made.bounds.ng_from, 4)),
        lowered_for=made.lowered_for,
        accepted=wish.accepted,
        samples=tuple(part.name for part in parts if part.limit),
        dropped=wish.dropped,
    )


def _golden(base: Package, version: NextVersion) -> tuple[Golden, ...]:
    """The base's whose verdict stays, with their new scores, then the new defects; all beyond doubt."""
    manifest = version.manifest
    scored = golden_scorer(version.model, manifest)
    again = [
        (one.label, scored(read_picture(base.folder / one.file, manifest.reference), one.file))
        for one in base.manifest.golden
    ]
    new = [(Verdict.NG.value, scored(version.pictures[file], file)) for file in version.defects]
    kept = [golden for label, golden in again + new if golden.label == label and is_clear(golden, manifest)]
    return tuple(kept[:_MOST_GOLDEN])


def _kept(old: Package, golden: Sequence[Golden], memory: TaughtMemory) -> dict[str, bytes | Path]:
    """The old package's files that go on unchanged: licences, golden parts that stay, judged parts that stay."""
    dropped = {one.file for one in old.manifest.golden if one.file.startswith("golden/")}
    dropped -= {one.file for one in golden}
    dropped |= {"model.onnx", _CARD, *rewritten(old.manifest.files)}
    judged = {one.file for one in memory.known}
    dropped |= {name for name in old.manifest.files if name.startswith(f"{FOLDER}/parts/") and name not in judged}
    return {name: old.folder / name for name in old.manifest.files if name not in dropped}


def _card(old: Package, manifest: Manifest, corrections: Sequence[Correction]) -> str:
    path = old.folder / _CARD
    before = path.read_text(encoding="utf-8") if _CARD in old.manifest.files else ""
    taught = before.partition(_AS_TAUGHT)[2] or before
    last = corrections[-1]
    how = "Taught again in place of" if last.retaught else "Corrected from"
    changed = "".join(f"\n- {one}" for one in last.retaught)
    why = f"\nWhat had changed:\n{changed}\n" if changed else ""
    told = "\n".join(
        f"| {one.version} | {_cell(one.by)} | {_cell(one.reason)} | {one.made_at} | {len(one.good)} good, "
        f"{len(one.defects)} defective{_samples(one)} | {one.limits_after[0]:.4f}, {one.limits_after[1]:.4f} |"
        for one in corrections
    )
    return f"""# {manifest.reference}

{how} {last.parent}, which goes on existing: activate it again to go back. UNSURE from
{manifest.unsure_from:.4f}, NG from {manifest.ng_from:.4f}. Every picture, with its SHA-256, stands in
{FOLDER}/memory.json.
{why}
| version | by | why | when | parts | UNSURE from, NG from |
|---|---|---|---|---|---|
{told}
{_AS_TAUGHT}{taught}"""


def _samples(one: Correction) -> str:
    came = f", {len(one.samples)} limit samples" if one.samples else ""
    return f"{came}, {len(one.dropped)} limit samples taken out" if one.dropped else came


def _cell(text: str) -> str:
    return text.replace("|", "/")
