// Recipes: each name with its versions, the newest first; which one the line uses now.

import { get } from "./api.js";
import { trouble } from "./dialog.js";
import { byId, el, table } from "./dom.js";
import { watchStation } from "./station_poll.js";
import { t, time } from "./words.js";

let drawn = "";

function card(name, rows) {
  const body = rows.map((row) => [
    el("a", { class: "button", href: `/recipes/${encodeURIComponent(name)}/${row.version}` }, `${name}@${row.version}`),
    row.active ? el("span", { class: "tag" }, t("active")) : "", time(row.created_at), row.author, row.reason,
  ]);
  return el("section", { class: "card versions" }, el("h2", {}, name, " ", el("span", { class: "quiet" }, rows[0].product)),
    el("div", { class: "scroll" }, table([t("Version"), "", t("Made"), t("By"), t("Reason")], body)));
}

/** Draws again when the line's active recipe has changed. */
async function draw(state) {
  const active = state?.line?.active ? `${state.line.active.name}@${state.line.active.version}` : "";
  if (state && active === drawn) return;
  drawn = active;
  try {
    const { recipes } = await get("/recipes");
    const names = [...new Set(recipes.map((row) => row.name))];
    const cards = names.map((name) => card(name, recipes.filter((row) => row.name === name)));
    byId("recipes").replaceChildren(...(cards.length ? cards : [el("p", { class: "quiet" }, t("There is no recipe yet."))]));
    trouble(null);
  } catch (error) {
    trouble(error);
  }
}

draw();
watchStation(draw);
