// How a model that was taught again differs from the one it was made from.

import { figures } from "./correction_result.js";
import { el, table } from "./dom.js";
import { number, t, told, word } from "./words.js";

const OTHER_CAMERA = ["camera", "camera settings", "calibration"];

/** looks: what is looked at otherwise now, as the API gives it. */
export function looksTable(looks) {
  return el("div", { class: "scroll" }, table(["", t("When it was taught"), t("Now")],
    looks.map(({ what, was, now }) => [word("look", what), word("look_value", was), word("look_value", now)])));
}

/** made: as GET /teach/FOLDER gives it, with its `again`. */
export function againCard(made) {
  const { again } = made;
  const has = (names) => again.looks.some(({ what }) => names.includes(what));
  return [
    el("h2", {}, t("Taught again in place of {model}", { model: again.parent })),
    el("p", {}, told(again.reason)),
    again.looks.length ? looksTable(again.looks) : el("p", {}, t("Nothing is looked at otherwise: a person asked for it.")),
    has(OTHER_CAMERA) ? el("p", { class: "odd" }, t("The kept pictures are of the camera as it was: they cannot show what it sees now. If good parts are stopped, teach with new pictures.")) : null,
    has(["frame"]) ? el("p", {}, t("The kept pictures were scaled to the frames of today; new ones would show more.")) : null,
    figures({ ...made, ...again }),
  ].filter(Boolean);
}

function refusal({ lost, stopped, samples }) {
  if (samples.length) return t("{n} limit samples would be judged otherwise.", { n: number(samples.length) });
  if (lost.length) return t("{n} known defects would pass.", { n: number(lost.length) });
  return stopped.length ? t("{n} good parts that passed would be stopped.", { n: number(stopped.length) }) : "";
}

/** What came of one model, as GET /retaught gives it: where it is seen, or why there is nothing to see. */
export function outcome(one) {
  if (one.made) return el("a", { class: "button", href: `/teach/${one.made}` }, t("See {model}", { model: one.made }));
  const words = one.trouble ? [told(one.trouble.message), told(one.trouble.hint)].filter(Boolean).join(". ") : refusal(one);
  return el("p", { class: "odd" }, `${t("Nothing was made.")} ${words}`);
}
