// A part's picture with what was found drawn over it. Boxes are in the frame's px; the drawing scales with the picture.

import { el, svg } from "./dom.js";
import { score, t } from "./words.js";

const DECODE_MS = 3000; // a hidden page may put decoding off for ever

/** The overlay: one box each, with its score where there is room. size: {width, height} of the frame in px. */
export function overlay(size, boxes, verdict) {
  const marks = boxes.flatMap((box) => {
    const place = { x: box.x, y: box.y, width: box.width, height: box.height, rx: 2 };
    return [svg("rect", { ...place, class: "under" }), svg("rect", { ...place, class: "box" }, svg("title", {}, score(box.score)))];
  });
  return svg("svg", {
    class: "overlay",
    viewBox: `0 0 ${size.width} ${size.height}`,
    preserveAspectRatio: "xMidYMid meet",
    "data-verdict": verdict,
    "aria-hidden": "true",
  }, marks);
}

/** The place that a person marked, to be looked at. */
export function marked(size, place) {
  return svg("svg", { class: "marker seen", viewBox: `0 0 ${size.width} ${size.height}`, preserveAspectRatio: "xMidYMid meet", "aria-hidden": "true" },
    svg("rect", { ...place, class: "under" }), svg("rect", { ...place, class: "mark" }));
}

/** Fill a .picture with an image that is there already (an <img>), its boxes, a person's mark and a caption. */
export function put(holder, { image, size, boxes = [], place = null, verdict = "", caption = "" }) {
  const nodes = [image];
  if (boxes.length && size?.width) nodes.push(overlay(size, boxes, verdict));
  if (place && size?.width) nodes.push(marked(size, place));
  if (caption) nodes.push(el("span", { class: "caption" }, caption));
  holder.replaceChildren(...nodes);
}

export function none(place, text) {
  place.wanted = ""; // what is still loading comes too late
  place.replaceChildren(el("p", { class: "none" }, text));
}

/** Load a picture, then show it whole: never a half-loaded one under the wrong overlay. */
export async function load(place, address, details) {
  const image = el("img", { alt: details.alt ?? t("Picture of the part"), decoding: "async" });
  image.src = address;
  place.wanted = address;
  try {
    await Promise.race([image.decode(), late(DECODE_MS)]);
  } catch {
    if (place.wanted === address) none(place, t("The picture is not there (any more)."));
    return false;
  }
  if (place.wanted !== address) return false;
  const size = details.size?.width ? details.size : { width: image.naturalWidth, height: image.naturalHeight };
  put(place, { ...details, image, size });
  return true;
}

function late(ms) {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error("too late")), ms);
  });
}
