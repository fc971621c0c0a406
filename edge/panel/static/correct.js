// Parts that a detector judged otherwise than a person: choose which it shall learn from, and try that.

import { get, post } from "./api.js";
import { open, trouble } from "./dialog.js";
import { badge, byId, el, say, show, table } from "./dom.js";
import { stateWords } from "./correction_state.js";
import { nameField, take } from "./person.js";
import { pictureOf } from "./tiles.js";
import { watchStation } from "./station_poll.js";
import { score, t, time, word } from "./words.js";

const form = byId("correct");
let wrong = null;

function key(part) {
  return `${part.part.epoch}/${part.part.n}`;
}

/** learns: the detector may learn from it; else it was right, and can only become a limit sample. */
function tile(part, learns) {
  const usable = Boolean(part.image) && !part.known;
  const why = part.known ? t("The detector knows it already.") : t("Its picture is no longer kept.");
  const box = (name, checked) => el("input", { type: "checkbox", name, value: key(part), checked: checked && usable, disabled: !usable });
  const kind = part.defect ? "defects" : "good";
  const learn = learns ? box(kind, true) : null;
  const limit = box(`limit_${kind}`, false);
  for (const [one, other] of [[learn, limit], [limit, learn]]) {
    one?.addEventListener("change", () => {
      if (one.checked && other) other.checked = false;
    });
  }
  return el("li", {}, el("div", { class: "tile" },
    el("label", {}, pictureOf({ url: part.image?.url, size: part.image, place: part.place }),
      el("span", { class: "line" }, learn, el("b", {}, t("Part {number}", { number: part.part.n })), badge(part.verdict, word("verdict", part.verdict)))),
    el("p", {}, t("Score {score}, unsure from {limit}", { score: score(part.score), limit: score(part.unsure_from) })),
    el("p", { class: "quiet" }, [word("verdict", part.defect ? "NG" : "OK"), part.kind, part.by, time(part.at), part.lot, part.note].filter(Boolean).join(" · ")),
    usable ? el("label", { class: "limit" }, limit, t("limit sample")) : el("p", {}, why)));
}

function group(id, parts, learns = true) {
  const card = byId(id);
  show(card, parts.length > 0);
  say(card.querySelector("h2 span, summary span"), String(parts.length));
  card.querySelector("ol").replaceChildren(...parts.map((part) => tile(part, learns)));
}

function draw() {
  const { recipe, detectors, detector, parts, borderline } = wrong;
  show(byId("detectors"), detectors.length > 1);
  byId("detectors").replaceChildren(...detectors.map((one) => el("button", {
    type: "button", "aria-pressed": String(one.camera === detector.camera && one.check === detector.check), onclick: () => load(one),
  }, `${one.camera} · ${one.check}`)));
  const about = detector ? [`${recipe.name}@${recipe.version}`, detector.check, detector.model,
    t("unsure from {unsure}, NG from {ng}", { unsure: score(detector.unsure_from), ng: score(detector.ng_from) })] : [];
  say(byId("about"), about.join(" · "));
  if (!recipe) trouble(new Error(t("No recipe is active")));
  else if (detector?.can) trouble(new Error([t(detector.can.message), t(detector.can.hint)].filter(Boolean).join(". ")));
  else trouble(null);
  const ready = Boolean(detector && !detector.can);
  show(form, ready && parts.length + borderline.length > 0);
  show(byId("nothing"), ready && parts.length === 0);
  group("good", parts.filter((part) => !part.defect));
  group("defects", parts.filter((part) => part.defect));
  group("borderline", borderline, false);
  count();
}

function chosen() {
  const data = new FormData(form);
  return Object.fromEntries(["good", "defects", "limit_good", "limit_defects"].map((name) => [name, data.getAll(name)]));
}

function count() {
  const { good, defects, limit_good, limit_defects } = chosen();
  const limits = limit_good.length + limit_defects.length;
  say(byId("chosen"), t("Learn from {good} good parts and {defects} defects, keep {limits} limit samples. Trying changes nothing on the line.", { good: good.length, defects: defects.length, limits }));
  byId("try").disabled = good.length + defects.length + limits === 0;
}

async function ask(event) {
  event.preventDefault();
  if (!byId("reason").reportValidity()) return;
  let made = null;
  const { camera, check } = wrong.detector;
  const done = await open({
    title: t("Try the correction"),
    fields: [nameField()],
    confirm: t("Try"),
    act: async (data) => {
      made = await post("/corrections", { camera, check, ...chosen(), by: take(data), reason: byId("reason").value.trim() });
    },
  });
  if (done) location.assign(`/models/corrections/${made.id}`);
}

async function load(detector) {
  try {
    wrong = await get("/corrections/wrong", detector ? { camera: detector.camera, check: detector.check } : {});
    draw();
  } catch (error) {
    trouble(error);
  }
}

async function attempts() {
  let rows;
  try {
    rows = (await get("/corrections")).corrections;
  } catch {
    return; // the list is only a help
  }
  show(byId("tried"), rows.length > 0);
  const heads = ["", t("Time"), t("By"), t("Why"), { text: t("Parts"), number: true }, t("Outcome")];
  byId("attempts").replaceChildren(table(heads, rows.map((row) => [
    el("a", { class: "button", href: `/models/corrections/${row.id}` }, String(row.id)),
    time(row.at), row.by, row.reason, String(row.parts), stateWords(row.job, row.accepted),
  ])));
}

form.addEventListener("change", count);
form.addEventListener("submit", ask);
load(null);
attempts();
watchStation();
