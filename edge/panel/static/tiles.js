// A part's picture in a tile, with the place that a person marked.

import { el } from "./dom.js";
import { marked } from "./picture.js";
import { t } from "./words.js";

/** url: null when no picture is kept. size: {width, height} of the frame, place: a rectangle in it, or null. */
export function pictureOf({ url, size, place = null }) {
  if (!url) return el("span", { class: "picture" }, el("span", { class: "none" }, t("no picture")));
  const image = el("img", { src: url, alt: "", loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(el("span", { class: "none" }, t("no picture"))));
  return el("span", { class: "picture" }, image, place && size ? marked(size, place) : null);
}
