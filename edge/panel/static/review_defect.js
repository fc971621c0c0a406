// What a person says about a defect: which kind it is, and where. Both may be left out; a good part has neither.

import { open } from "./dialog.js";
import { byId, el, redraw, say, show } from "./dom.js";
import { Marker } from "./marker.js";
import { t } from "./words.js";

const LONGEST = 40;

export class Defect {
  constructor() {
    this.kinds = [];
    this.kind = "";
    this.marker = null;
    byId("mark").addEventListener("click", () => this.marker?.begin());
    byId("unmark").addEventListener("click", () => this.#unmark());
    this.clear();
  }

  /** Another picture, with no place marked yet. */
  clear(kind = "") {
    this.marker?.close();
    this.marker = null;
    this.view = "";
    this.kind = kind;
    if (kind) this.know([kind]);
    this.#draw();
  }

  /** Let a place be marked. size: of the frame; first: where the station found something; rect: marked before. */
  on(picture, { size, view, first, rect }) {
    this.view = view;
    this.marker = new Marker({ size, first, onChange: () => this.#draw() });
    picture.append(this.marker.node);
    this.marker.set(rect);
    this.#draw();
  }

  know(kinds) {
    this.kinds = [...new Set([...this.kinds, ...kinds])];
    this.#draw();
  }

  /** {kind, place, view}, each null when it was not said. place: in px of the frame of that view. */
  get said() {
    const place = this.marker?.rect ?? null;
    return { kind: this.kind || null, place, view: place ? this.view : null };
  }

  #unmark() {
    this.marker?.set(null);
    this.#draw();
    byId("mark").focus();
  }

  #choose(kind) {
    this.kind = this.kind === kind ? "" : kind;
    this.#draw();
  }

  #draw() {
    const place = this.marker?.rect;
    say(byId("place"), place ? t("Marked: {width} x {height} px", place) : t("Draw a frame around the defect"));
    show(byId("unmark"), Boolean(place));
    show(byId("mark"), !place);
    byId("mark").disabled = !this.marker;
    redraw(byId("kinds"), [this.kinds, this.kind], () => [...this.kinds.map((kind) => this.#button(kind)), this.#other()]);
  }

  #button(kind) {
    return el("button", { type: "button", "aria-pressed": String(kind === this.kind), onclick: () => this.#choose(kind) }, kind);
  }

  #other() {
    return el("button", { type: "button", class: "other", onclick: () => this.#name() }, t("New kind"));
  }

  #name() {
    return open({
      title: t("A new kind of defect"),
      fields: [el("label", {}, t("What is it called here?"), el("input", { name: "kind", required: true, maxlength: LONGEST, autocomplete: "off" }))],
      confirm: t("Take it"),
      act: async ({ kind }) => {
        const name = kind.trim();
        if (!name || name.toLowerCase() === "unknown") throw new Error(t("This cannot be the name of a kind of defect."));
        this.know([name]);
        this.kind = name;
        this.#draw();
      },
    });
  }
}
