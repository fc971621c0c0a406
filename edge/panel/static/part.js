// One part, whole: its evidence with what was found, and everything that is recorded about it.

import { get, post } from "./api.js";
import { open, trouble } from "./dialog.js";
import { byId, el } from "./dom.js";
import { factsCard, labelsCard, reasonsCard, scoresCard, timingsCard } from "./part_facts.js";
import { nameField, take } from "./person.js";
import { load, none } from "./picture.js";
import { watchStation } from "./station_poll.js";
import { t, word } from "./words.js";

const place = byId("part");
const address = `/parts/${place.dataset.epoch}/${place.dataset.n}`;

function pictures(part) {
  const cards = part.images.map((image) => {
    const result = part.record.results.find((each) => each.view === image.view);
    const frame = el("div", { class: "picture" });
    load(frame, image.url, {
      size: { width: image.width, height: image.height }, boxes: result?.boxes ?? [], verdict: result?.verdict ?? part.record.verdict, caption: image.view,
      place: part.label?.view === image.view ? part.label.place : null,
    });
    return el("section", { class: "picture-card" }, frame);
  });
  if (cards.length) return cards;
  const frame = el("div", { class: "picture" });
  none(frame, [t("No picture was kept of this part."), ...part.missed.map((why) => word("missed", why))].join(" "));
  return [frame];
}

function labelButtons() {
  const button = (verdict) => el("button", { type: "button", onclick: () => label(verdict) }, t("Label: {verdict}", { verdict: word("verdict", verdict) }));
  const mark = el("a", { class: "button", href: `/review?part=${place.dataset.epoch}/${place.dataset.n}` }, t("Mark the defect"));
  return el("div", { class: "row" }, button("NG"), button("OK"), button("UNSURE"), mark);
}

async function label(verdict) {
  const done = await open({
    title: t("Label this part: {verdict}", { verdict: word("verdict", verdict) }),
    fields: [nameField(), el("label", {}, t("Note"), el("input", { name: "note", maxlength: 500 }))],
    confirm: t("Keep"),
    act: (data) => post(`${address}/label`, { verdict, by: take(data), note: data.note }),
  });
  if (done) show();
}

async function show() {
  try {
    const part = await get(address);
    const { results } = part.record;
    byId("pictures").replaceChildren(...pictures(part));
    const cards = [reasonsCard(part), scoresCard(results), labelsCard(part, labelButtons()), factsCard(part), timingsCard(results)];
    byId("facts").replaceChildren(...cards.filter(Boolean));
    trouble(part.notes.length ? new Error(part.notes.map((note) => t(note.message)).join(" · ")) : null);
  } catch (error) {
    trouble(error);
  }
}

byId("back").href = `/results?${sessionStorage.getItem("edge.results") ?? ""}`;
show();
watchStation();
