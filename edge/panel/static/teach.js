// Teaching: where good parts come from, what may be promised, and how far the job is.

import { get, post } from "./api.js";
import { open, trouble } from "./dialog.js";
import { byId, el, redraw, say, show, table } from "./dom.js";
import { cancelJob, progressOf } from "./job_progress.js";
import { nameField, take } from "./person.js";
import { watchStation } from "./station_poll.js";
import { number, t, time, told, word } from "./words.js";

const AGAIN_MS = 1000;
const form = byId("teach");
let page = null;
let went = ""; // the job that this page has seen at work: its result is opened when it is done

function chooseWay() {
  const { kind, parts } = Object.fromEntries(new FormData(form));
  for (const way of form.querySelectorAll(".way")) show(way, way.dataset.way === kind);
  form.elements.reason.disabled = kind !== "live";
  for (const line of form.querySelectorAll("[data-line]")) show(line, (line.dataset.line === "waits") === (kind === "live"));
  const { recipe } = form.elements; // what the line judged has its place in the picture
  const whole = recipe.querySelector("[value='']");
  if (whole) whole.disabled = kind !== "folder";
  if (whole?.disabled && !recipe.value) recipe.selectedIndex = 0;
  const folder = form.querySelector("[name=folder]");
  if (folder) folder.required = kind === "folder";
  form.querySelector("[type=submit]").disabled = kind === "folder" && !folder;
  return { kind, parts };
}

function fillFolders() {
  const { incoming, incoming_folder: place } = page;
  const chips = incoming.map(({ folder, pictures }) => el("label", {}, el("input", { type: "radio", name: "folder", value: folder }),
    el("span", {}, `${folder} · ${t("{n} pictures", { n: number(pictures) })}`)));
  const box = byId("folders");
  box.replaceChildren(box.querySelector("legend"), ...chips);
  show(box, chips.length > 0);
  say(byId("incoming"), t("Copy a folder of pictures to {place} on the station; it then appears here.", { place }));
}

async function fillRecipes() {
  const { recipes } = await get("/recipes");
  const active = recipes.find((row) => row.active);
  const newest = recipes.filter((row) => row.newest || row.active);
  const options = newest.map((row) => el("option", { value: `${row.name}@${row.version}`, selected: row === active },
    t("as recipe {recipe} does", { recipe: `${row.name}@${row.version}` })));
  form.elements.recipe.replaceChildren(...options, el("option", { value: "" }, t("not at all: the whole picture is the part")));
  if (!form.elements.name.value) form.elements.name.value = (active ?? newest[0])?.name ?? "";
}

function fill() {
  fillFolders();
  const lot = byId("this-lot");
  show(lot, Boolean(page.lot));
  say(lot.querySelector("span"), t("This lot: {lot}", { lot: page.lot }));
  if (page.lot) lot.querySelector("input").checked = true;
  show(byId("cameras"), page.cameras.length > 1);
  form.elements.camera.replaceChildren(...page.cameras.map((name) => el("option", { value: name }, name)));
}

function source(data) {
  if (data.kind === "folder") return { kind: "folder", folder: data.folder };
  if (data.kind === "live") return { kind: "live", count: Number(data.count), parts: data.parts, reason: data.reason.trim() };
  return { kind: "stored", last: Number(data.last), lot: data.lot === "this" ? page.lot : null, confirmed: data.confirmed === "yes" };
}

function warning(wanted) {
  if (wanted.source.kind !== "live") return null;
  const words = wanted.source.parts === "hold"
    ? t("Until {n} parts have come they pass uninspected, and the lot goes on hold. Then the line is put back as it was.", { n: wanted.source.count })
    : t("Until {n} parts have come all of them are rejected. Then the line is put back as it was.", { n: wanted.source.count });
  return el("p", {}, words);
}

async function ask(event) {
  event.preventDefault();
  const data = Object.fromEntries(new FormData(form));
  const wanted = { name: data.name.trim(), source: source(data), one_in: Number(data.one_in), recipe: data.recipe || null,
    camera: page.cameras.length > 1 ? data.camera : null };
  await open({
    title: t("Teach {name}?", { name: wanted.name }),
    fields: [warning(wanted), el("p", {}, t("1 of {n} good parts may be stopped.", { n: wanted.one_in })), nameField()].filter(Boolean),
    confirm: t("Teach"),
    act: (given) => post("/teach", { ...wanted, by: take(given) }),
  });
  poll();
}

function ended(job) {
  const bad = ["refused", "failed", "interrupted"].includes(job?.state);
  show(byId("ended"), bad);
  redraw(byId("ended"), bad ? job.id : 0, () => {
    if (!bad) return [];
    const words = job.trouble ? [told(job.trouble.message), told(job.trouble.hint)].filter(Boolean).join(". ") : "";
    return [el("h2", {}, t("{name} was not taught: {state}", { name: page.job_folder, state: word("job_state", job.state) })), el("p", {}, words),
      el("p", { class: "quiet" }, `${time(job.ended_at)} · ${job.by}`)];
  });
}

function list(rows) {
  show(byId("made"), rows.length > 0);
  redraw(byId("taught"), rows, () => {
    const heads = ["", t("Time"), t("By"), { text: t("Taught with"), number: true }, { text: t("To look at"), number: true }];
    return [table(heads, rows.map((row) => [el("a", { class: "button", href: `/teach/${row.folder}` }, row.folder),
      time(row.at), row.by, number(row.pictures), { text: number(row.doubts), kind: row.doubts ? "odd" : "" }]))];
  });
}

function draw() {
  const { job } = page;
  const works = Boolean(job) && !job.ended_at;
  if (works) went = page.job_folder;
  if (job?.state === "done" && went === page.job_folder) {
    location.assign(`/teach/${went}`);
    return false;
  }
  show(byId("progress"), works);
  if (works) byId("progress").replaceChildren(el("p", { class: "quiet" }, `${page.job_folder} · ${job.by}`), ...progressOf(job, () => cancelJob(job)));
  show(form, !works);
  ended(job);
  list(page.taught);
  return works;
}

let timer = 0;

/** While a job works, every second; the form is filled once, so that nothing is changed under a person's hands. */
async function poll() {
  clearTimeout(timer);
  let works = false;
  try {
    const first = page === null;
    page = await get("/teach");
    if (first) {
      fill();
      await fillRecipes();
      chooseWay();
    }
    works = draw();
    trouble(null);
  } catch (error) {
    trouble(error);
  }
  timer = setTimeout(poll, works ? AGAIN_MS : 5 * AGAIN_MS);
}

form.addEventListener("change", chooseWay);
form.addEventListener("submit", ask);
poll();
watchStation();
