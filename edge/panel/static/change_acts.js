// What people do about a change. Each gives back true when it was done; a refusal stays in its dialog.

import { post } from "./api.js";
import { open } from "./dialog.js";
import { el } from "./dom.js";
import { known, nameField, take } from "./person.js";
import { t } from "./words.js";

const REQUIRED = [1, 3, 5, 10];

function reasonField(value = "") {
  return el("label", {}, t("Why"), el("input", { name: "reason", required: true, maxlength: 200, value, autocomplete: "off" }));
}

function choice(name, value, text, checked) {
  return el("label", {}, el("input", { type: "radio", name, value, checked }), el("span", {}, text));
}

/** Who approves is somebody else than who works at this screen: the name is asked for, and not remembered. */
function approverField(change) {
  const value = known() === change.proposed_by ? "" : known();
  return el("label", {}, t("Your name (quality)"), el("input", { name: "by", required: true, maxlength: 60, value, autocomplete: "off" }));
}

/** By quality: whoever approves has looked at what changes, and says how it comes into use. */
export function approve(change) {
  return open({
    title: t("Approve {recipe}?", { recipe: change.recipe_to }),
    fields: [
      el("p", {}, t("You have seen what changes. Your name stands with it.")),
      approverField(change),
      el("fieldset", { class: "chips" }, el("legend", {}, t("It comes into use")),
        choice("way", "lot", t("with the next lot"), true), choice("way", "challenge", t("after a passed challenge"), false)),
      el("label", {}, t("Note"), el("input", { name: "note", maxlength: 200, autocomplete: "off" })),
    ],
    confirm: t("Approve"),
    act: (data) => post(`/changes/${change.change}/approve`, { by: data.by.trim(), way: data.way, reason: data.note.trim() }),
  });
}

export function startChallenge(change) {
  return open({
    title: t("Start the challenge of {recipe}?", { recipe: change.recipe_to }),
    fields: [
      el("p", {}, t("The line goes to set-up: everything is rejected. Then send parts that are known to be bad; each must be caught.")),
      nameField(),
      el("fieldset", { class: "chips" }, el("legend", {}, t("How many bad parts")), REQUIRED.map((n) => choice("required", n, String(n), n === 3))),
    ],
    confirm: t("Start the challenge"),
    act: (data) => post(`/changes/${change.change}/challenge`, { by: take(data), required: Number(data.required) }),
  });
}

export function endChallenge(change) {
  return said(change, "challenge/end", t("End the challenge?"), t("The recipe from before comes back. The line stays in set-up until somebody starts it."), t("End the challenge"));
}

export function withdraw(change) {
  return said(change, "withdraw", t("Withdraw {recipe}?", { recipe: change.recipe_to }), t("The line goes on as it is. The proposal stays in the history."), t("Withdraw"));
}

export function rollBack(change) {
  return said(change, "roll-back", t("Go back to {recipe}?", { recipe: change.recipe_from }),
    t("It becomes active at once. What was built on this change goes back with it."), t("Go back"));
}

function said(change, path, title, words, confirm) {
  return open({
    title,
    fields: [el("p", {}, words), nameField(), reasonField()],
    confirm,
    act: (data) => post(`/changes/${change.change}/${path}`, { by: take(data), reason: data.reason.trim() }),
  });
}
