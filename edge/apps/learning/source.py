"""What is corrected or replayed: a package with or without its recipe; and the pictures that a person judged."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from edge.capture.folder import decode_picture
from edge.domain import recipe as recipes
from edge.domain.geometry import Rect
from edge.domain.recipe import Locate, Recipe, View
from edge.errors import Refused, SourceError, UsageError
from edge.learning.correct import Bounds, JudgedPart
from edge.learning.corrected import checked_by
from edge.learning.memory_file import KnownPart
from edge.learning.samples import SampleCutter
from edge.learning.teach_record import pictures_beside
from edge.store.package_check import MANIFEST
from edge.store.packages import Package, import_package, open_package

_PACKAGE, _RECIPE = "package", "recipe.json"
_BESIDE = ".recipe.json"  # what `edge teach --out NAME.zip` calls the recipe
_PLACE = re.compile(r"(.+)@([0-9]{1,5}),([0-9]{1,5}),([0-9]{1,5}),([0-9]{1,5})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """recipe_file: None when the recipe is of no file. pictures: where the raw ones are kept, if they are."""

    package: Package
    recipe: Recipe | None
    recipe_file: Path | None
    pictures: Path | None = None

    @property
    def view(self) -> View | None:
        """The recipe's view that uses the package. RecipeError when it is not exactly one check."""
        if self.recipe is None:
            return None
        check = checked_by(self.recipe, self.package)
        return next(view for view in self.recipe.views if check in view.checks)

    @property
    def bounds(self) -> Bounds:
        """In use: the recipe's, else those that the package suggests."""
        its = self.package.manifest if self.recipe is None else checked_by(self.recipe, self.package)
        return Bounds(unsure_from=its.unsure_from, ng_from=its.ng_from)


@contextmanager
def opened(path: Path, recipe_file: Path | None = None) -> Iterator[Source]:
    """path: a package's folder or .zip, the folder that `edge teach` made, or a recipe with its package beside it.

    A recipe that lies beside is taken with it. recipe_file: this recipe instead. UsageError, ModelError or RecipeError
    says what does not fit.
    """
    with tempfile.TemporaryDirectory(prefix="edge-learning-") as work:
        if path.suffix == ".json" and path.is_file():
            recipe_file, path = recipe_file or path, _of_recipe(path)
        if path.is_dir():
            whole = path / MANIFEST if (path / MANIFEST).is_file() else path / _PACKAGE / MANIFEST
            package, beside = open_package(whole.parent), path / _RECIPE
        elif path.is_file() and path.suffix == ".zip":
            package, beside = import_package(path, Path(work)), path.with_suffix(_BESIDE)
        else:
            raise UsageError(f"there is no model {path}", hint="give a package's folder or .zip, or what teach made")
        file = recipe_file or (beside if beside.is_file() else None)
        raw = pictures_beside(path.parent if path.is_dir() and path == package.folder else path)
        yield Source(
            package=package,
            recipe=_recipe(file) if file else None,
            recipe_file=file,
            pictures=raw if raw.is_dir() else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a person said of which pictures; of defective ones PICTURE or PICTURE@x,y,w,h. limit_*: limit samples."""

    good: tuple[Path, ...] = ()
    defects: tuple[str, ...] = ()
    limit_good: tuple[Path, ...] = ()
    limit_defects: tuple[str, ...] = ()

    def each(self) -> Iterator[tuple[Path, Rect | None, bool, bool]]:
        """(picture, marked place, defective, limit sample): those to be learnt from first."""
        for good, defects, limit in ((self.good, self.defects, False), (self.limit_good, self.limit_defects, True)):
            yield from ((path, None, False, limit) for path in good)
            yield from ((*split_place(text), True, limit) for text in defects)

    @property
    def files(self) -> list[Path]:
        return [path for path, *_ in self.each()]


def judged_parts(source: Source, given: Given, known: Sequence[KnownPart]) -> list[JudgedPart]:
    """Read, located and cut. UsageError, SourceError or Refused names the picture that cannot be used."""
    parts: list[JudgedPart] = []
    for path, place, defect, limit in given.each():
        part = replace(judged_part(source, path, defect, place), limit=limit)
        before = next((one for one in known if one.sha256 == part.sha256), None)
        if before is not None:
            said = "defective" if before.defect else "good"
            raise Refused(
                f"{path.name} was called {said} in version {before.version}",
                hint="it is known; to say otherwise, start from the version before that one",
            )
        if any(one.sha256 == part.sha256 for one in parts):
            raise UsageError(f"{path.name} is given twice", hint="give each picture once")
        parts.append(part)
    return parts


def split_place(text: str) -> tuple[Path, Rect | None]:
    """PICTURE or PICTURE@x,y,width,height, in px of the picture."""
    found = None if Path(text).is_file() else _PLACE.fullmatch(text)
    if found is None:
        return Path(text), None
    x, y, width, height = (int(word) for word in found.groups()[1:])
    if min(width, height) < 1:
        raise UsageError(f"the marked place of {found.group(1)} is empty", hint="PICTURE@x,y,width,height")
    return Path(found.group(1)), Rect(x=x, y=y, width=width, height=height)


def _of_recipe(path: Path) -> Path:
    """The package that lies beside a recipe's file."""
    beside = path.with_name(path.name.removesuffix(_BESIDE) + ".zip")
    if path.name.endswith(_BESIDE) and beside.is_file():
        return beside
    if not (path.parent / _PACKAGE / MANIFEST).is_file():
        raise UsageError(f"no package lies beside {path}", hint="give the package, and the recipe with --recipe")
    return path.parent


def judged_part(source: Source, path: Path, defect: bool, place: Rect | None) -> JudgedPart:
    """One of `judged_parts`."""
    picture = decode_picture(path, 3)
    if picture is None:
        raise SourceError(f"{path} cannot be read as a picture", hint="give a picture's file")
    height, width = picture.shape[:2]
    if place is not None and not place.inside(width, height):
        raise UsageError(f"the marked place of {path.name} leaves its {width} x {height} px", hint="in px, from 0")
    view, preprocess = source.view, source.package.manifest.preprocess
    if view is None:
        cutter = SampleCutter(Locate(width_px=width, height_px=height), preprocess, cut_out=True)
    else:
        if view.frame_width and (view.frame_width, view.frame_height) != (width, height):
            wanted = f"{view.frame_width} x {view.frame_height} px"
            raise UsageError(f"{path.name} has {width} x {height} px", hint=f"give whole frames of {wanted}")
        region = next(one.region for one in view.checks if one.model_digest == source.package.model_digest)
        cutter = SampleCutter(view.locate, preprocess, region)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return JudgedPart(
        name=path.name,
        picture=cutter.cut(picture, path.name).picture,
        sha256=digest,
        defect=defect,
        marked=None if place is None else cutter.marked(picture, place, path.name),
        place=place,
    )


def _recipe(path: Path) -> Recipe:
    try:
        with path.open("rb") as file:
            return recipes.load(file.read(recipes.MAX_RECIPE_BYTES + 1))
    except OSError as error:
        raise UsageError(f"the recipe {path} cannot be read: {error.strerror}", hint="give a recipe's file") from error
