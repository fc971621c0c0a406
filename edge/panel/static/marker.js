// Marking the place of a defect on a picture: one rectangle, dragged by finger or mouse, or moved by keys.
//
// In px of the frame, whatever the size on the screen. Dragging on the empty picture draws, inside the rectangle moves,
// at a corner resizes. Keys: arrows move, Shift with arrows resizes, Delete removes.

import { svg } from "./dom.js";
import { clamp, spanned } from "./regions.js";
import { t } from "./words.js";

const GRIPS = [[0, 0], [1, 0], [0, 1], [1, 1]];
const GRIP_PX = 48; // on the screen: a gloved finger
const SEEN_PX = 14;
const MIN_PX = 4; // of the frame
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Marker {
  /** size: {width, height} of the frame. first: where a rectangle made by key begins, or null. onChange(rect or null). */
  constructor({ size, first = null, onChange }) {
    Object.assign(this, { size, first, onChange });
    this.rect = null;
    this.node = svg("svg", {
      class: "marker", viewBox: `0 0 ${size.width} ${size.height}`, preserveAspectRatio: "xMidYMid meet", tabindex: "0",
      role: "application", "aria-label": t("Mark the defect: arrow keys move, Shift with arrow keys resizes, Delete removes"),
    });
    this.node.addEventListener("pointerdown", (event) => this.#down(event));
    this.node.addEventListener("keydown", (event) => this.#key(event));
    this.watch = new ResizeObserver(() => this.#draw());
    this.watch.observe(this.node);
  }

  /** Another rectangle, or null for none; nobody is told. */
  set(rect) {
    this.rect = rect;
    this.#draw();
  }

  /** A rectangle to go on from by keys: where the station found something, else in the middle. */
  begin() {
    const { width, height } = this.size;
    const middle = { x: width * 0.4, y: height * 0.4, width: width * 0.2, height: height * 0.2 };
    this.#take(this.rect ?? whole(this.first ?? middle, this.size));
    this.node.focus();
  }

  #take(rect) {
    this.set(rect);
    this.onChange(rect);
  }

  #point(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.node.getScreenCTM().inverse());
    return [Math.round(clamp(point.x, 0, this.size.width)), Math.round(clamp(point.y, 0, this.size.height))];
  }

  #down(event) {
    if (!event.isPrimary || event.button !== 0) return;
    event.preventDefault();
    this.node.focus({ preventScroll: true });
    const start = this.#point(event);
    const { rect } = this;
    const grip = event.target.dataset?.grip;
    if (grip !== undefined) {
      const [right, down] = GRIPS[Number(grip)];
      const fixed = [right ? rect.x : rect.x + rect.width, down ? rect.y : rect.y + rect.height];
      this.#drag(event, (to) => spanned(fixed, to));
    } else if (event.target.dataset?.inside) {
      this.#drag(event, (to) => this.#moved(rect, to[0] - start[0], to[1] - start[1]));
    } else {
      this.#drag(event, (to) => spanned(start, to));
    }
  }

  /** A tap, and a rectangle too small to mean anything, change nothing. */
  #drag(event, make) {
    const before = this.rect;
    const controller = new AbortController();
    const on = (name, act) => this.node.addEventListener(name, act, { signal: controller.signal });
    this.node.setPointerCapture(event.pointerId);
    on("pointermove", (moved) => {
      const rect = make(this.#point(moved));
      if (rect.width >= MIN_PX && rect.height >= MIN_PX) this.set(rect);
    });
    on("pointerup", () => {
      controller.abort();
      if (this.rect !== before) this.onChange(this.rect);
    });
    on("pointercancel", () => {
      controller.abort();
      this.set(before);
    });
  }

  #moved(rect, across, down) {
    const { width, height } = this.size;
    return { ...rect, x: clamp(rect.x + across, 0, width - rect.width), y: clamp(rect.y + down, 0, height - rect.height) };
  }

  #key(event) {
    const step = STEPS[event.key];
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Delete" || event.key === "Backspace") this.#take(null);
    else if (step && this.rect) this.#step(step, event.shiftKey);
    else return;
    event.preventDefault();
    event.stopPropagation(); // the page's own arrow keys go to another part
  }

  #step([across, down], resizes) {
    const { width, height } = this.size;
    const by = Math.max(1, Math.round(Math.max(width, height) / 100));
    if (!resizes) return this.#take(this.#moved(this.rect, across * by, down * by));
    return this.#take({
      ...this.rect,
      width: clamp(this.rect.width + across * by, MIN_PX, width - this.rect.x),
      height: clamp(this.rect.height + down * by, MIN_PX, height - this.rect.y),
    });
  }

  #draw() {
    if (!this.rect) {
      this.node.replaceChildren();
      return;
    }
    const px = 1 / (this.node.getScreenCTM()?.a || 1); // of the frame, in one of the screen
    const nodes = [svg("rect", { ...this.rect, class: "under" }), svg("rect", { ...this.rect, class: "mark", "data-inside": "1" })];
    const { x, y, width, height } = this.rect;
    GRIPS.forEach(([right, down], i) => {
      const [cx, cy] = [x + right * width, y + down * height];
      nodes.push(square(cx, cy, SEEN_PX * px, { class: "corner" }), square(cx, cy, GRIP_PX * px, { class: "grip", "data-grip": i }));
    });
    this.node.replaceChildren(...nodes);
  }

  close() {
    this.watch.disconnect();
  }
}

function square(cx, cy, side, attributes) {
  return svg("rect", { x: cx - side / 2, y: cy - side / 2, width: side, height: side, ...attributes });
}

function whole(rect, size) {
  const [x, y] = [Math.floor(rect.x), Math.floor(rect.y)];
  return {
    x, y, width: clamp(Math.ceil(rect.width), MIN_PX, size.width - x), height: clamp(Math.ceil(rect.height), MIN_PX, size.height - y),
  };
}
