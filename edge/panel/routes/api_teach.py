"""Teaching: what there is to teach from, a teaching as a job, what it made, and the pictures to look at."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from edge.errors import NotThere
from edge.panel import shapes, teaching
from edge.panel import shapes_teach as of
from edge.panel.seams import Deps, deps_of
from edge.panel.shapes_changes import Folder

router = APIRouter(prefix="/api/v1/teach")
Needs = Annotated[Deps, Depends(deps_of)]
Side = Annotated[int, Query(ge=64, le=4096)]
_AGE_S = 24 * 3600


@router.get("", responses=shapes.problems(503))
def page(deps: Needs) -> of.TeachPage:
    return teaching.page(deps)


@router.post("", status_code=202, responses=shapes.problems(404, *shapes.WRITE))
def start(wanted: of.Teaching, deps: Needs) -> of.Started:
    """Begin it, as a job. Nothing is used by the line before it is proposed and approved."""
    return teaching.start(deps, wanted)


@router.get("/{folder}", responses=shapes.problems(404, 422, 503))
def whole(folder: Folder, deps: Needs) -> of.Taught:
    return teaching.whole(deps, folder)


@router.post("/{folder}/again", status_code=202, responses=shapes.problems(404, *shapes.WRITE))
def again(folder: Folder, wanted: of.Again, deps: Needs) -> of.Started:
    """The next version from the same pictures, as a job, with what a person said of them."""
    return teaching.again(deps, folder, wanted)


@router.get("/{folder}/picture/{sha256}", response_class=Response, responses=shapes.JPEG | shapes.problems(404, 422))
def picture(folder: Folder, sha256: of.Sha256, deps: Needs, side: Side = 640) -> Response:
    """A picture that was taught with, at most `side` px wide and high."""
    from edge.panel.teach_pictures import MOST_PIXELS, small_jpeg  # OpenCV: only when somebody looks

    path, known = teaching.kept_picture(deps, folder, sha256)
    if known.width * known.height > MOST_PIXELS:
        raise NotThere("this picture is too large to be shown", hint="look at its file")
    jpeg = small_jpeg(path, side)
    return Response(jpeg, media_type="image/jpeg", headers={"cache-control": f"private, max-age={_AGE_S}"})
