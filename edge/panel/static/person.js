// Who is at this screen. Until sign-in exists it is a name that this browser remembers; every command carries it.

import { open } from "./dialog.js";
import { el } from "./dom.js";
import { t } from "./words.js";

const KEY = "edge.person";
const MAX = 60;

export function known() {
  try {
    return (localStorage.getItem(KEY) ?? "").slice(0, MAX);
  } catch {
    return "";
  }
}

function remember(name) {
  try {
    localStorage.setItem(KEY, name);
  } catch {
    // A browser that keeps nothing asks again: no harm.
  }
}

/** A field for the name, filled in when it is known. */
export function nameField() {
  return el("label", {}, t("Your name"),
    el("input", { name: "by", required: true, maxlength: MAX, value: known(), autocomplete: "name" }));
}

/** The name from such a field, remembered for the next time. */
export function take(data) {
  const name = String(data.by ?? "").trim().slice(0, MAX);
  if (name) remember(name);
  return name;
}

/** Ask for the name; "" when the person gave up. */
export async function askName() {
  let name = "";
  await open({
    title: t("Who are you?"),
    fields: [nameField()],
    confirm: t("Go on"),
    act: async (data) => {
      name = take(data);
    },
  });
  return name;
}

/** The name for one command: known, or asked for now. */
export async function whoIsIt() {
  return known() || askName();
}
