"""What jobs say when they cannot do it, so that the page says it in its language: `{field}` stands for any words.

The commands speak English; a message that is none of these is shown as it is.
"""

from __future__ import annotations

from edge.panel.vocabulary import N_

TROUBLES = (
    N_("{name}: the part was not found ({why})"),
    N_("remove the picture, or teach with a recipe whose locator finds the part"),
    N_("{folder} holds {count} pictures; teaching needs {least} at least"),
    N_("30 or more good parts are better; known endings: {endings}"),
    N_("{count} pictures are left; teaching needs {least} at least"),
    N_("30 or more good parts are better"),
    N_("{file} cannot be read as a picture"),
    N_("remove it or copy it again"),
    N_("{name} is {what}: it shows no part"),
    N_("remove it, or check lamp and lens cap"),
    N_("{name} has {size}, the others {others}"),
    N_("teach with pictures of one camera, all of one size"),
    N_("{kept} pictures are kept of {parts} parts that a person called OK{where}; teaching needs {least} at least"),
    N_("{kept} pictures are kept of {parts} parts that the line judged OK{where}; teaching needs {least} at least"),
    N_("confirm good parts on the review page, or leave --confirmed away"),
    N_("every {n}th OK part's picture is kept (ok_every); or collect good parts with --live"),
    N_("no part was judged with a recipe yet"),
    N_("no recipe is active, so no camera looks at the parts"),
    N_("activate a recipe first"),
    N_("the line is in a bypass or a challenge"),
    N_("end it first, then collect"),
    N_("interrupted; nothing was written"),
    N_("{path} cannot be written: {why}"),
    N_("free space on the disk"),
    N_("{count} judged parts, which this model was corrected with, would be forgotten"),
    N_("edge learning reteach keeps them; to forget them, teach from the folder of its pictures"),
    N_("{count} of the kept pictures cannot be used; {which}"),
    N_("put them back from a backup, mend the locator, or go on without them: --accept-missing"),
    N_("frames of {old} px became {new} px: they show another field of view"),
    N_("mark places and crop anew in the recipe, take new pictures of good parts and teach with them"),
    N_("model {model} does not say what it was taught with"),
    N_("teach it with edge teach; from then on its pictures are kept"),
)
