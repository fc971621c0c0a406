"""`edge teach`: a folder of good pictures in, a model package and a recipe out. Whole or not at all."""

from __future__ import annotations

import math
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from edge.capture.folder import ENDINGS, decode_picture, is_picture, natural
from edge.clock import SECOND, Clock
from edge.domain import recipe as recipes
from edge.domain.geometry import Rect
from edge.domain.part import check_name
from edge.domain.recipe import Locate, Recipe, View
from edge.errors import RecipeError, SourceError, UsageError
from edge.inference.rectify import Pixels
from edge.inference.session import SessionOptions
from edge.learning.backbone import Backbone, load_backbone
from edge.learning.package import write_taught
from edge.learning.recipe import make_recipe
from edge.learning.sift import Flag, doubts
from edge.learning.teach import MIN_PICTURES, Plan, Taught, Teacher
from edge.learning.threshold import guarantee
from edge.store.atomic import explain_os, new_file, new_folder
from edge.store.packages import Package, pack

_GOOD = ("train/good", "good")
_SHOWN_SUSPECTS = 10

_ONE_SIZE_SHARE = 0.25  # of the pictures may have one size and yet all be cut out one by one

Size = tuple[int, int]
"""(width, height) in px."""

Step = Callable[[str, int, int], None]
"""(what is done, steps done, steps in all)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """source: good pictures, or an MVTec layout with train/good. out: the new folder, or a .zip; None: ./NAME.

    recipe: whose locator, region, background patch and camera are used; None: the whole picture is the part.
    side_px: of the square with as many pixels as the model's input.
    """

    source: Path
    name: str
    out: Path | None = None
    recipe: Path | None = None
    backbone: str
    side_px: int = 256
    rate: float
    threads: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    package: Path
    recipe: Path
    taught: Taught
    manifest_limits: tuple[float, float]
    seconds: float
    doubts: tuple[Flag, ...]

    def report(self) -> dict[str, Any]:
        """The JSON object of `--json`."""
        scores = sorted(one.score for one in self.taught.scored)
        return {
            "package": str(self.package),
            "recipe": str(self.recipe),
            "pictures": len(scores),
            "input": [self.taught.plan.preprocess.width, self.taught.plan.preprocess.height],
            "backbone": self.taught.backbone.name,
            "unsure_from": self.manifest_limits[0],
            "ng_from": self.manifest_limits[1],
            "rate": round(self.taught.limits.rate, 6),
            "good_scores": {"median": round(scores[len(scores) // 2], 4), "max": round(scores[-1], 4)},
            "guarantee": asdict(guarantee(self.taught.limits.used, self.taught.plan.rate)),
            "suspects": list(self.taught.suspects),
            "doubts": [asdict(flag) for flag in self.doubts],
            "seconds": round(self.seconds, 2),
        }

    def lines(self) -> list[str]:
        """The same in words."""
        taught, count = self.taught, len(self.taught.scored)
        words = [
            f"taught with {count} pictures in {self.seconds:.1f} s",
            f"limits: UNSURE from {self.manifest_limits[0]:.3f}, NG from {self.manifest_limits[1]:.3f}",
            f"about 1 good part in {round(1 / taught.limits.rate)} will be stopped",
        ]
        if taught.plan.cut_out:
            words.append("the pictures have many sizes: each was taken for one part, stretched to the model's input")
        if taught.limits.rate > taught.plan.rate:
            words.append(guarantee(taught.limits.used, taught.plan.rate).words())
        if taught.suspects:
            words.append("look at these pictures: they are unlike the others. Remove defective ones and teach again:")
            words += [f"  {name}" for name in taught.suspects[:_SHOWN_SUSPECTS]]
        others = [flag for flag in self.doubts if flag.name not in taught.suspects]
        if others:
            words.append("and at these, which may teach the wrong thing or nothing:")
            words += [f"  {flag.words()}" for flag in others[:_SHOWN_SUSPECTS]]
        return [*words, f"model:  {self.package}", f"recipe: {self.recipe}"]


def run(request: Request, step: Step, clock: Clock) -> Outcome:
    """UsageError, SourceError, RecipeError, ModelError, StoreError or StoreFull; nothing is left behind then."""
    began_ns = clock.now_ns()
    check_name(request.name, "model")
    out = request.out or Path(request.name)
    _must_be_new(out)
    files = good_pictures(request.source)
    backbone = load_backbone(request.backbone)
    old = _view(request.recipe) if request.recipe else None
    plan = _plan(request, backbone, old, _size(files[0]))
    teacher = _shown(request, backbone, plan, files, step)
    taught = teacher.learn(lambda done, steps: step("learning", done, steps))
    found = doubts(taught.samples, [one.score for one in taught.scored])  # the teach pictures, looked at for a person
    step("writing", 0, 1)
    package, recipe_file, limits = _write(taught, request.name, out, old.camera if old else "top")
    seconds = (clock.now_ns() - began_ns) / SECOND
    return Outcome(
        package=package, recipe=recipe_file, taught=taught, manifest_limits=limits, seconds=seconds, doubts=found
    )


def good_pictures(source: Path) -> list[Path]:
    """In natural order. UsageError without the folder, SourceError with too few pictures."""
    if not source.is_dir():
        raise UsageError(f"there is no folder {source}", hint="give the folder with pictures of good parts")
    folder = next((source / place for place in _GOOD if (source / place).is_dir()), source)
    try:
        files = sorted((path for path in folder.iterdir() if is_picture(path)), key=lambda path: natural(path.name))
    except OSError as error:
        raise SourceError(f"{folder} cannot be read: {error.strerror}", hint="may this user read it?") from error
    if len(files) < MIN_PICTURES:
        known = ", ".join(sorted(ENDINGS))
        raise SourceError(
            f"{folder} holds {len(files)} pictures; teaching needs {MIN_PICTURES} at least",
            hint=f"30 or more good parts are better; known endings: {known}",
        )
    return files


@contextmanager
def progress_bar() -> Iterator[Step]:
    """On stderr, where a person can see it move."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("looking", total=None)
        yield lambda what, done, steps: bar.update(task, description=what, completed=done, total=steps)


def input_size(width_px: int, height_px: int, side_px: int, multiple_px: int) -> tuple[int, int]:
    """Width and height of the model's input: about side_px squared pixels, the part's shape, allowed multiples."""
    scale = side_px / math.sqrt(width_px * height_px)
    sides = (max(2, round(side * scale / multiple_px)) * multiple_px for side in (width_px, height_px))
    width, height = sides
    return width, height


def cut_out_size(sizes: Sequence[Size]) -> Size | None:
    """The middle width and height of pictures that were cut out one by one, so that hardly two have one size.

    None when many have the same: whatever has another size among them is a mistake.
    """
    if max(Counter(sizes).values()) > max(1, len(sizes) * _ONE_SIZE_SHARE):
        return None
    widths, heights = zip(*sizes, strict=True)
    return statistics.median_low(widths), statistics.median_low(heights)


def _shown(request: Request, backbone: Backbone, plan: Plan, files: list[Path], step: Step) -> Teacher:
    """A teacher that has seen all pictures. Their sizes are looked at only when they turn out to differ."""
    teacher = Teacher(plan, backbone, SessionOptions(threads=request.threads))
    whole = request.recipe is None and not plan.cut_out
    for number, path in enumerate(files):
        step("looking", number, len(files))
        picture = _picture(path)
        if whole and (picture.shape[1], picture.shape[0]) != (plan.locate.width_px, plan.locate.height_px):
            whole = False
            usual = cut_out_size([_size(one) for one in files])
            if usual:
                found = _plan(request, backbone, None, usual)
                found = replace(found, locate=replace(found.locate, search=None), cut_out=True)
                return _shown(request, backbone, found, files, step)
        teacher.show(picture, path.name)
    return teacher


def _plan(request: Request, backbone: Backbone, old: View | None, frame: Size) -> Plan:
    width, height = frame
    whole = Rect(x=0, y=0, width=width, height=height)
    locate, region, patch = Locate(search=whole, width_px=width, height_px=height), None, None
    if old is not None:
        locate, region = old.locate, old.checks[0].region
        patch = old.picture.patch if old.picture else None
    shape = (region.width, region.height) if region else (locate.width_px, locate.height_px)
    size = input_size(*shape, request.side_px, backbone.multiple_px)
    return Plan(locate=locate, preprocess=backbone.preprocess(*size), region=region, patch=patch, rate=request.rate)


def _picture(path: Path) -> Pixels:
    picture = decode_picture(path, 3)
    if picture is None:
        raise SourceError(f"{path} cannot be read as a picture", hint="remove it or copy it again")
    return picture


def _size(path: Path) -> Size:
    picture = _picture(path)
    return picture.shape[1], picture.shape[0]


def _view(path: Path) -> View:
    """Of the recipe that the locator is taken from."""
    try:
        with path.open("rb") as file:
            loaded = recipes.load(file.read(recipes.MAX_RECIPE_BYTES + 1))
    except OSError as error:
        raise UsageError(f"the recipe {path} cannot be read: {error.strerror}", hint="give a recipe's file") from error
    view = loaded.views[0]
    if len(loaded.views) > 1 or view.checks[0].ignore:
        raise RecipeError(
            f"{path.name} has several views or masks, and limits cannot be taught for those",
            hint="teach with a recipe of one view and no masks, then add them as a new version",
        )
    return view


def _must_be_new(out: Path) -> None:
    taken = [path for path in (out, _recipe_beside(out)) if path.exists()]
    if taken:
        raise UsageError(f"{taken[0]} is there already", hint="choose another --out, or remove it")


def _recipe_beside(out: Path) -> Path:
    return out.with_suffix(".recipe.json") if out.suffix == ".zip" else out / "recipe.json"


def _write(taught: Taught, name: str, out: Path, camera: str) -> tuple[Path, Path, tuple[float, float]]:
    """The package and its recipe: in one new folder, or a .zip with the recipe beside it."""
    folder = out if out.suffix != ".zip" else None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_os(error, out) from error
    if folder is not None:
        with new_folder(folder) as unfinished:
            package = write_taught(taught, unfinished / "package", name=name)
            (unfinished / "recipe.json").write_bytes(_recipe(taught, package, name, camera))
        return folder / "package", folder / "recipe.json", _limits(package)
    return _write_zip(taught, name, out, camera)


def _write_zip(taught: Taught, name: str, out: Path, camera: str) -> tuple[Path, Path, tuple[float, float]]:
    beside = _recipe_beside(out)
    with tempfile.TemporaryDirectory(prefix="edge-teach-") as work:
        package = write_taught(taught, Path(work) / "package", name=name)
        # The recipe first: without its package it judges nothing.
        with new_file(beside) as file:
            file.write_bytes(_recipe(taught, package, name, camera))
        try:
            pack(package.folder, out)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    return out, beside, _limits(package)


def _recipe(taught: Taught, package: Package, name: str, camera: str) -> bytes:
    made: Recipe = make_recipe(taught, package, name=name, product=name, camera=camera)
    return recipes.dump(replace(made, author="edge teach"))


def _limits(package: Package) -> tuple[float, float]:
    return package.manifest.unsure_from, package.manifest.ng_from
