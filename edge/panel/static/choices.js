// Choosing the recipe, the lot and what parts are sent for.

import { get, post } from "./api.js";
import { notice, open } from "./dialog.js";
import { el } from "./dom.js";
import { nameField, take } from "./person.js";
import { t, word } from "./words.js";

const PURPOSES = ["production", "challenge", "setup", "qc_sample", "rework"];

/** The newest version of each recipe, large; older versions are activated on their own page. */
export async function chooseRecipe(line) {
  let rows;
  try {
    rows = (await get("/recipes")).recipes.filter((row) => row.newest || row.active);
  } catch (error) {
    return notice(error.words);
  }
  if (!rows.length) return notice(t("There is no recipe yet."));
  const choices = rows.map((row) =>
    el("button", { type: "submit", name: "recipe", value: `${row.name}@${row.version}` },
      el("span", {}, `${row.name}@${row.version}`, el("br"), el("span", { class: "quiet" }, row.product)),
      row.active ? el("span", { class: "tag" }, t("active")) : null));
  return open({
    title: t("Choose the recipe"),
    fields: [line?.lot ? el("p", { class: "quiet" }, t("The lot stays {lot}.", { lot: line.lot })) : null, nameField(),
      el("div", { class: "choices" }, choices)].filter(Boolean),
    act: (data) => activate(data.pressed, take(data)),
  });
}

export async function activate(reference, by) {
  const [name, version] = reference.split("@");
  await post("/line/recipe", { name, version: Number(version), by });
  notice(t("{recipe} is being loaded", { recipe: reference }));
}

export function choosePurposeAndLot(line) {
  const options = PURPOSES.map((code) => el("option", { value: code, selected: code === (line?.purpose ?? "production") }, word("purpose", code)));
  return open({
    title: t("Lot"),
    fields: [
      el("label", {}, t("Lot"), el("input", { name: "lot", required: true, maxlength: 60, value: line?.lot ?? "", autocomplete: "off" })),
      el("label", {}, t("Purpose"), el("select", { name: "purpose" }, options)),
      nameField(),
    ],
    confirm: t("Set"),
    act: async (data) => {
      const by = take(data);
      const lot = data.lot.trim();
      if (lot !== line?.lot) await post("/line/lot", { lot, by });
      if (data.purpose !== line?.purpose) await post("/line/purpose", { purpose: data.purpose, by });
    },
  });
}
