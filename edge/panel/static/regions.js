// Drawing on the aligned part picture: each check's region (a rectangle) and its ignored areas (polygons).
//
// Regions are in px of the aligned part picture, ignored areas in px of their region, as the recipe keeps them. The
// frame is laid under them turned upright, by the same map that inference cuts with.

import { svg } from "./dom.js";
import { t } from "./words.js";

const MIN_PX = 8;
const MAX_CORNERS = 64;
const GRIPS = [[0, 0], [1, 0], [0, 1], [1, 1]];

/** SVG transform: frame picture -> aligned part picture. Pixel coordinates count from the middle of the first pixel. */
export function frameTransform(locate, placement, frame) {
  const middle = `translate(${locate.width_px / 2} ${locate.height_px / 2})`;
  const back = `translate(${-(placement.x_px + 0.5)} ${-(placement.y_px + 0.5)})`;
  if (locate.kind !== "whole") return `${middle} rotate(${placement.angle_deg}) ${back}`;
  const rect = locate.search ?? { width: frame.width, height: frame.height };
  return `${middle} scale(${locate.width_px / rect.width} ${locate.height_px / rect.height}) ${back}`;
}

export class Regions {
  /**
   * checks: [{name, region|null, ignore: [{points}]}], changed in place. onChange() after every change, onChoose(name).
   */
  constructor({ width, height, checks, onChange, onChoose }) {
    Object.assign(this, { width, height, checks, onChange, onChoose });
    this.chosen = checks[0];
    this.tool = "move";
    this.corners = [];
    this.under = svg("g");
    this.over = svg("g");
    const page = svg("clipPath", { id: `page-${Math.random().toString(36).slice(2)}` }, svg("rect", { width, height }));
    this.node = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": t("Regions on the part") },
      svg("defs", {}, page), svg("g", { "clip-path": `url(#${page.id})` }, this.under), this.over);
    this.node.addEventListener("pointerdown", (event) => this.#down(event));
    this.draw();
  }

  /** Lay the frame's picture under the drawing. */
  setPicture(url, frame, transform) {
    this.under.replaceChildren(svg("image", { href: url, width: frame.width, height: frame.height, transform }));
  }

  choose(name) {
    this.chosen = this.checks.find((check) => check.name === name) ?? this.chosen;
    this.corners = [];
    this.draw();
  }

  setTool(tool) {
    this.tool = tool;
    this.corners = [];
    this.draw();
  }

  /** Ends the polygon that is being drawn; fewer than three corners are dropped. */
  closeArea() {
    if (this.corners.length >= 3) {
      const { x, y } = this.#rect(this.chosen);
      this.chosen.ignore.push({ points: this.corners.map(([px, py]) => [px - x, py - y]) });
    }
    this.setTool("move");
    this.onChange();
  }

  #rect(check) {
    return check.region ?? { x: 0, y: 0, width: this.width, height: this.height };
  }

  #point(event) {
    const matrix = this.node.getScreenCTM().inverse();
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    return [Math.round(Math.min(Math.max(point.x, 0), this.width)), Math.round(Math.min(Math.max(point.y, 0), this.height))];
  }

  #down(event) {
    event.preventDefault();
    const start = this.#point(event);
    if (this.tool === "ignore") return this.#corner(start);
    const grip = event.target.dataset?.grip;
    const name = event.target.dataset?.check;
    if (this.tool === "draw") return this.#drag(event, (to) => spanned(start, to));
    if (grip !== undefined) return this.#resize(event, Number(grip));
    if (name) this.onChoose(name);
    if (name && this.chosen.region) return this.#move(event, start);
    return undefined;
  }

  #corner(point) {
    if (this.corners.length < MAX_CORNERS) this.corners.push(point);
    this.draw();
  }

  #move(event, start) {
    const { x, y, width, height } = this.chosen.region;
    this.#drag(event, (to) => ({
      x: clamp(x + to[0] - start[0], 0, this.width - width), y: clamp(y + to[1] - start[1], 0, this.height - height), width, height,
    }));
  }

  #resize(event, grip) {
    const { x, y, width, height } = this.chosen.region;
    const [right, down] = GRIPS[grip];
    const fixed = [right ? x : x + width, down ? y : y + height];
    this.#drag(event, (to) => spanned(fixed, to));
  }

  /** Follows the pointer until it is lifted; a rectangle too small to mean anything changes nothing. */
  #drag(event, make) {
    this.node.setPointerCapture(event.pointerId);
    const follow = (moved) => {
      const rect = make(this.#point(moved));
      if (rect.width < MIN_PX || rect.height < MIN_PX) return;
      this.chosen.region = rect;
      this.draw();
    };
    const end = () => {
      this.node.removeEventListener("pointermove", follow);
      this.tool = "move";
      this.draw();
      this.onChange();
    };
    this.node.addEventListener("pointermove", follow);
    this.node.addEventListener("pointerup", end, { once: true });
  }

  draw() {
    const others = this.checks.filter((check) => check !== this.chosen);
    this.over.replaceChildren(...[...others, this.chosen].flatMap((check) => this.#check(check)), ...this.#draft());
  }

  #check(check) {
    const rect = this.#rect(check);
    const chosen = check === this.chosen;
    const kind = ["region", chosen ? "chosen" : "", check.region ? "" : "whole"].filter(Boolean).join(" ");
    const size = Math.max(12, this.width / 28);
    const nodes = [
      svg("rect", { ...rect, class: kind, "data-check": check.name }),
      svg("text", { x: rect.x + size / 3, y: rect.y + size * 1.1, "font-size": size, class: "region-name" }, check.name),
      ...check.ignore.map((area) => svg("polygon", { class: "mask", points: area.points.map(([x, y]) => `${x + rect.x},${y + rect.y}`).join(" ") })),
    ];
    if (chosen && check.region) nodes.push(...GRIPS.map((corner, i) => this.#grip(rect, corner, i)));
    return nodes;
  }

  #grip(rect, [right, down], index) {
    const side = Math.max(14, this.width / 22);
    return svg("rect", {
      class: "grip", "data-grip": index, width: side, height: side,
      x: rect.x + right * rect.width - side / 2, y: rect.y + down * rect.height - side / 2, rx: side / 5,
    });
  }

  #draft() {
    if (!this.corners.length) return [];
    const dots = this.corners.map(([cx, cy]) => svg("circle", { cx, cy, r: this.width / 90, class: "draft" }));
    return [svg("polygon", { class: "draft", points: this.corners.join(" ") }), ...dots];
  }
}

export function clamp(value, low, high) {
  return Math.max(low, Math.min(value, Math.max(low, high)));
}

/** The rectangle between two corners. */
export function spanned(a, b) {
  return { x: Math.min(a[0], b[0]), y: Math.min(a[1], b[1]), width: Math.abs(a[0] - b[0]), height: Math.abs(a[1] - b[1]) };
}
