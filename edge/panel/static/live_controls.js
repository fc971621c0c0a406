// Mode and permit in words, and what a person may ask of the line: start, stop, recipe, lot, set-up, bypass, reset.

import { post } from "./api.js";
import { choosePurposeAndLot, chooseRecipe } from "./choices.js";
import { notice, open } from "./dialog.js";
import { byId, el, redraw, say, show } from "./dom.js";
import { known, nameField, take } from "./person.js";
import { permitReason, t, word } from "./words.js";

const BYPASS_MINUTES = [5, 10, 15, 30];
let line = null;

const named = (recipe) => (recipe ? `${recipe.name}@${recipe.version}` : "");

export function showControls(now, alive) {
  line = alive ? now : null;
  const box = byId("mode");
  box.dataset.mode = line?.mode ?? "";
  box.classList.toggle("off", line !== null && !line.permit && line.mode !== "BYPASS");
  say(byId("mode-name"), line ? word("mode", line.mode) : "–");
  say(byId("permit"), permitText());
  const preparing = line?.preparing ? t("loading {recipe}", { recipe: line.preparing }) : "";
  say(byId("recipe"), preparing || named(line?.active) || t("none"));
  const coming = line?.coming_lot ? t("{lot}, then {coming} with {recipe}", { lot: line.lot || t("none"), coming: line.coming_lot, recipe: line.preparing ?? "" }) : "";
  say(byId("lot"), coming || line?.lot || t("none"));
  byId("start").disabled = !line || line.mode === "RUN" || line.latched;
  byId("stop").disabled = line?.mode === "STOPPED";
  show(byId("reset"), Boolean(line?.latched));
  showReasons(line && !line.permit ? told(line) : []);
}

function permitText() {
  if (!line) return t("not known");
  return line.permit ? t("The machine may run") : t("The machine may not run");
}

/** A latched line has its banner, and is not started before it is reset: saying "press Start" would be wrong. */
function told({ permit_reasons: reasons, latched }) {
  return latched ? reasons.filter((reason) => reason !== "latched" && reason !== "stopped") : reasons;
}

function showReasons(reasons) {
  const list = byId("permit-reasons");
  show(list, reasons.length > 0);
  redraw(list, reasons, () => reasons.map((reason) => {
    const [code] = reason.split(":");
    const todo = word("permit_todo", code);
    return el("li", {}, permitReason(reason), todo === code ? null : el("span", { class: "todo" }, ` – ${todo}`));
  }));
}

function start() {
  return open({
    title: t("Start inspecting?"),
    fields: [
      el("dl", { class: "facts" },
        el("dt", {}, t("Recipe")), el("dd", {}, named(line?.active) || t("none")),
        el("dt", {}, t("Lot")), el("dd", {}, line?.lot || t("none")),
        el("dt", {}, t("Purpose")), el("dd", {}, word("purpose", line?.purpose ?? "production"))),
      nameField(),
    ],
    confirm: t("Start"),
    act: (data) => setMode("RUN", take(data)),
  });
}

/** Stopping never waits for a question. */
async function stop() {
  try {
    await setMode("STOPPED", known() || "panel");
    notice(t("The line is stopped"));
  } catch (error) {
    notice(error.words);
  }
}

function setMode(mode, by, reason = "", minutes = 0) {
  return post("/line/mode", { mode, by, reason, minutes });
}

function more() {
  const minutes = el("fieldset", { class: "chips" }, el("legend", {}, t("For how long")), BYPASS_MINUTES.map((n, i) =>
    el("label", {}, el("input", { type: "radio", name: "minutes", value: n, checked: i === 0 }), el("span", {}, t("{n} min", { n })))));
  return open({
    title: t("More modes"),
    fields: [
      nameField(),
      el("button", { type: "submit", name: "mode", value: "SETUP" }, t("Set-up: everything is rejected")),
      el("hr"),
      el("h3", {}, t("BYPASS: parts pass uninspected, the lot goes on hold")),
      minutes,
      el("label", {}, t("Reason"), el("input", { name: "reason", maxlength: 200 })),
      el("button", { type: "submit", name: "mode", value: "BYPASS", class: "wanted" }, t("Bypass the inspection")),
    ],
    act: (data) => {
      const by = take(data);
      if (data.pressed === "BYPASS" && !data.reason.trim()) throw new Error(t("A bypass needs a reason."));
      return data.pressed === "BYPASS" ? setMode("BYPASS", by, data.reason.trim(), Number(data.minutes)) : setMode("SETUP", by);
    },
  });
}

function reset() {
  return open({
    title: t("Reset the line?"),
    fields: [nameField(), el("label", {}, t("What was found and mended"), el("input", { name: "reason", required: true, maxlength: 200 }))],
    confirm: t("Reset"),
    act: (data) => post("/line/reset", { by: take(data), reason: data.reason.trim() }),
  });
}

export function wireControls() {
  byId("start").addEventListener("click", start);
  byId("stop").addEventListener("click", stop);
  byId("more").addEventListener("click", more);
  byId("reset").addEventListener("click", reset);
  byId("choose-recipe").addEventListener("click", () => chooseRecipe(line));
  byId("choose-lot").addEventListener("click", () => choosePurposeAndLot(line));
}
