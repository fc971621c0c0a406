// A recipe's version as a form: regions on the newest picture, limits as numbers, and a reason for the new version.

import { get, post } from "./api.js";
import { activate } from "./choices.js";
import { open, trouble } from "./dialog.js";
import { byId, el, say, show } from "./dom.js";
import { nameField, take } from "./person.js";
import { Draft } from "./recipe_draft.js";
import { gateFields, ruleFields } from "./recipe_fields.js";
import { RecipeView } from "./recipe_view.js";
import { watchStation } from "./station_poll.js";
import { t, time } from "./words.js";

const form = byId("recipe");
const { name } = form.dataset;
const version = Number(form.dataset.version);
const reference = `${name}@${version}`;
const address = `/recipes/${encodeURIComponent(name)}/${version}`;
let draft = null;
let row = null;

function changed() {
  const n = draft.count();
  say(byId("changes"), n ? t("{n} changes are not saved.", { n }) : t("Nothing is changed."));
  form.classList.toggle("dirty", n > 0);
  byId("save").disabled = n === 0 || !row.newest;
}

async function save(event) {
  event.preventDefault();
  const bad = [...form.elements].find((field) => !field.checkValidity());
  if (bad) {
    bad.reportValidity();
    return;
  }
  let kept = null;
  const done = await open({
    title: t("Save as a new version"),
    fields: [el("p", {}, t("{recipe} stays as it is. The new version is used when somebody activates it.", { recipe: reference })), nameField()],
    confirm: t("Save"),
    act: async (data) => {
      kept = await post(`${address}/revise`, { by: take(data), reason: byId("reason").value.trim(), ...draft.changes() });
    },
  });
  if (done) location.assign(`/recipes/${encodeURIComponent(name)}/${kept.row.version}`);
}

async function askToActivate() {
  await open({
    title: t("Activate {recipe}?", { recipe: reference }),
    fields: [el("p", {}, t("Parts from then on are judged with it; parts on their way keep theirs.")), nameField()],
    confirm: t("Activate this version"),
    act: (data) => activate(reference, take(data)),
  });
}

function onState(state) {
  const active = state.line?.active;
  const now = active?.name === name && active?.version === version;
  show(byId("active-tag"), now);
  show(byId("activate"), row !== null && !now);
}

async function start() {
  try {
    const whole = await get(address);
    row = whole.row;
    draft = new Draft(whole.recipe);
    say(byId("origin"), [row.product, time(row.created_at), row.author, row.reason].filter(Boolean).join(" · "));
    byId("views").replaceChildren(...draft.views.map((view) => new RecipeView(name, view, changed).node));
    byId("gate").replaceChildren(...gateFields(draft, changed));
    byId("rules").replaceChildren(...ruleFields(draft, changed));
    if (!row.newest) trouble(new Error(t("There is a newer version of this recipe: only the newest can be changed.")));
    form.classList.toggle("old", !row.newest);
    for (const field of form.elements) field.disabled = field.disabled || !row.newest;
    changed();
  } catch (error) {
    trouble(error);
    show(form, false);
  }
  watchStation(onState);
}

form.addEventListener("submit", save);
byId("activate").addEventListener("click", askToActivate);
start();
