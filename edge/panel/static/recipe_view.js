// One camera's view in a recipe: the aligned part picture with its regions on the left, its checks on the right.

import { get } from "./api.js";
import { el, say, show } from "./dom.js";
import { numberField } from "./recipe_fields.js";
import { Regions, frameTransform } from "./regions.js";
import { t, word } from "./words.js";

const LOOKED_AT = 100; // newest parts in which a picture of this recipe is looked for

export class RecipeView {
  constructor(recipe, view, onChange) {
    this.view = view;
    this.onChange = onChange;
    this.regions = new Regions({
      width: view.locate.width_px, height: view.locate.height_px, checks: view.checks,
      onChange: () => this.#redraw(), onChoose: (name) => this.#choose(name),
    });
    this.hint = el("p", { class: "quiet" });
    this.checks = el("div");
    this.node = el("section", { class: "card" }, el("h2", {}, t("Camera {name}", { name: view.camera })),
      el("div", { class: "view" }, el("div", { class: "canvas" }, this.#tools(), this.regions.node, this.hint), el("div", {}, this.checks, ...this.#picture())));
    this.#redraw(false);
    this.#loadPicture(recipe);
  }

  /** The newest part of this recipe, in any version, whose picture and place are known. */
  async #loadPicture(recipe) {
    say(this.hint, t("Looking for a picture of a part …"));
    try {
      const { parts } = await get("/parts", { limit: LOOKED_AT });
      const kept = (part) => part.recipe?.name === recipe && part.images.some((image) => image.view === this.view.camera);
      for (const part of parts.filter(kept).slice(0, 5)) {
        const whole = await get(`/parts/${part.part.epoch}/${part.part.n}`);
        const placement = whole.record.results.find((result) => result.view === this.view.camera)?.placement;
        const image = part.images.find((each) => each.view === this.view.camera);
        if (!placement) continue;
        this.regions.setPicture(image.url, image, frameTransform(this.view.locate, placement, image));
        say(this.hint, t("The picture is part {number}, turned upright.", { number: part.part.n }));
        return;
      }
      say(this.hint, t("No picture is kept of this recipe's parts yet: regions can still be given as numbers."));
    } catch (error) {
      say(this.hint, error.words ?? error.message);
    }
  }

  #tools() {
    const tool = (text, pressed, act) => {
      const button = el("button", { type: "button", onclick: act }, text);
      if (pressed) button.dataset.tool = pressed;
      return button;
    };
    this.close = tool(t("Close the area"), "", () => this.regions.closeArea());
    this.tools = el("div", { class: "tools" },
      tool(t("Move"), "move", () => this.#setTool("move")),
      tool(t("Draw the region"), "draw", () => this.#setTool("draw")),
      tool(t("Draw an ignored area"), "ignore", () => this.#setTool("ignore")), this.close);
    return this.tools;
  }

  #setTool(name) {
    this.regions.setTool(name);
    this.#marks();
    if (name === "ignore") say(this.hint, t("Tap the corners one after the other, then close the area."));
    if (name === "draw") say(this.hint, t("Draw from one corner to the other."));
  }

  #marks() {
    for (const button of this.tools.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", String(button.dataset.tool === this.regions.tool));
    show(this.close, this.regions.tool === "ignore");
    const chosen = this.view.checks.indexOf(this.regions.chosen);
    [...this.checks.children].forEach((node, i) => node.classList.toggle("chosen", i === chosen && this.view.checks.length > 1));
  }

  #choose(name) {
    this.regions.choose(name);
    this.#redraw(false);
  }

  #redraw(tell = true) {
    this.checks.replaceChildren(...this.view.checks.map((check) => this.#check(check)));
    this.#marks();
    if (tell) this.onChange();
  }

  #check(check) {
    const limits = { onChange: () => this.onChange() };
    const node = el("div", { class: "check" },
      el("h3", {}, check.name, el("span", { class: "quiet" }, `${word("kind", check.kind)} · ${check.model}`)),
      el("div", { class: "limits" },
        numberField(t("Unsure from"), check, "unsure_from", limits), numberField(t("NG from"), check, "ng_from", limits)),
      check.region ? this.#rectFields(check) : el("p", { class: "quiet" }, t("Looks at the whole part.")),
      el("div", { class: "row" }, ...this.#buttons(check)));
    node.addEventListener("focusin", () => {
      if (this.regions.chosen !== check) this.regions.choose(check.name);
      this.#marks();
    });
    return node;
  }

  #rectFields(check) {
    const { width, height } = this.view.locate;
    const bounds = (max) => ({ min: 0, max, step: 1, onChange: () => {
      this.regions.draw();
      this.onChange();
    } });
    return el("div", { class: "numbers four" },
      numberField(t("Left"), check.region, "x", bounds(width)), numberField(t("Top"), check.region, "y", bounds(height)),
      numberField(t("Width"), check.region, "width", { ...bounds(width), min: 1 }), numberField(t("Height"), check.region, "height", { ...bounds(height), min: 1 }));
  }

  #buttons(check) {
    const button = (text, act) => el("button", { type: "button", onclick: () => {
      act();
      this.regions.draw();
      this.#redraw();
    } }, text);
    const { width_px: width, height_px: height } = this.view.locate;
    const middle = { x: Math.round(width / 4), y: Math.round(height / 4), width: Math.round(width / 2), height: Math.round(height / 2) };
    return [
      check.region ? button(t("Whole part"), () => { check.region = null; }) : button(t("Only a region"), () => { check.region = middle; }),
      check.ignore.length ? button(t("Remove an ignored area ({n})", { n: check.ignore.length }), () => check.ignore.pop()) : null,
    ].filter(Boolean);
  }

  #picture() {
    const { picture } = this.view;
    if (!picture) return [];
    const field = (text, key, max) => numberField(text, picture, key, { min: 0, max, onChange: () => this.onChange() });
    return [
      el("h3", {}, t("A sound picture")),
      el("div", { class: "numbers" }, field(t("Brightness from"), "brightness_min", 255), field(t("Brightness to"), "brightness_max", 255), field(t("Sharpness from"), "focus_min", 1e9)),
    ];
  }
}
