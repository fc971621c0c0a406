// The number fields of a recipe: each writes into the draft as it is typed.

import { el } from "./dom.js";
import { t, word } from "./words.js";

const ACTIONS = ["warn", "stop", "latch"];

/** A number field bound to target[key]. Text that is no number marks the field and leaves the draft as it was. */
export function numberField(text, target, key, { min = null, max = null, step = "any", onChange }) {
  const field = el("input", { type: "number", step, min, max, required: true, value: target[key], inputmode: "decimal" });
  field.addEventListener("input", () => {
    if (field.value === "" || !Number.isFinite(field.valueAsNumber)) return;
    target[key] = field.valueAsNumber;
    onChange();
  });
  return el("label", {}, text, field);
}

export function gateFields(draft, onChange) {
  const milliseconds = { min: 1, max: 10_000, onChange };
  return [
    el("h2", {}, t("Gate")),
    el("div", { class: "numbers" },
      numberField(t("From trigger to gate (ms, or encoder ticks)"), draft.gate, "travel", { min: 1, max: 10_000_000, onChange }),
      el("span"),
      numberField(t("Held before (ms)"), draft.gate, "before_ms", milliseconds),
      numberField(t("Held after (ms)"), draft.gate, "after_ms", milliseconds)),
  ];
}

export function ruleFields(draft, onChange) {
  const list = el("div");
  const draw = () => list.replaceChildren(...draft.rules.map((rule) => ruleRow(rule, () => {
    draft.rules = draft.rules.filter((other) => other !== rule);
    draw();
    onChange();
  }, onChange)));
  const add = el("button", { type: "button", onclick: () => {
    draft.rules.push({ ng: 3, of: 3, action: "stop" });
    draw();
    onChange();
  } }, t("Add a rule"));
  draw();
  return [el("h2", {}, t("Stop rules")), list, add];
}

function ruleRow(rule, remove, onChange) {
  const bounds = { min: 1, max: 1000, step: 1, onChange };
  const action = el("select", {}, ACTIONS.map((code) => el("option", { value: code, selected: rule.action === code }, word("action", code))));
  action.addEventListener("change", () => {
    rule.action = action.value;
    onChange();
  });
  return el("div", { class: "rule" },
    numberField(t("Bad parts"), rule, "ng", bounds), numberField(t("among the last"), rule, "of", bounds),
    el("label", {}, t("then"), action),
    el("button", { type: "button", onclick: remove, "aria-label": t("Remove this rule") }, "✕"));
}
