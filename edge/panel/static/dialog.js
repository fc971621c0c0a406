// One dialog for the whole page, and the short notice at the bottom. A refusal stays in the dialog until mended.

import { byId, el, say, show } from "./dom.js";
import { t } from "./words.js";

const NOTICE_MS = 5000;
let noticeTimer = 0;

export function notice(text) {
  const node = byId("notice");
  say(node, text);
  show(node, true);
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => show(node, false), NOTICE_MS);
}

/** What a Refusal says, in the place of the page that is for it. */
export function trouble(error) {
  const node = byId("trouble");
  if (!node) return notice(error.words ?? error.message);
  say(node, error ? (error.words ?? error.message) : "");
  show(node, Boolean(error));
}

/**
 * Ask in a dialog. fields: nodes; act(data): does it, its Refusal is shown in place; true is given back when done.
 * act gets the form's fields as an object, and `pressed`: the value of the button. leave: what the way out is called.
 */
export function open({ title, fields, confirm, act, buttons = [], leave = t("Cancel") }) {
  const dialog = byId("dialog");
  return new Promise((resolve) => {
    const complaint = el("p", { class: "complaint", role: "alert" });
    const cancel = el("button", { type: "button", onclick: () => dialog.close() }, leave);
    const accept = confirm ? el("button", { type: "submit", class: "primary" }, confirm) : null;
    const form = el("form", { method: "dialog" },
      el("h2", { id: "dialog-title" }, title), fields, complaint, el("div", { class: "row" }, cancel, buttons, accept));
    let done = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const data = Object.fromEntries(new FormData(form, event.submitter));
      complaint.textContent = "";
      form.inert = true;
      try {
        await act({ ...data, pressed: event.submitter?.value ?? "" });
        done = true;
        dialog.close();
      } catch (error) {
        complaint.textContent = error.words ?? error.message;
      } finally {
        form.inert = false;
      }
    });
    if (!confirm) form.addEventListener("keydown", chooseByHand);
    dialog.replaceChildren(form);
    dialog.addEventListener("close", () => resolve(done), { once: true });
    dialog.showModal();
  });
}

/** Several buttons, none of them the obvious one: Enter in a field must not press the first. */
function chooseByHand(event) {
  if (event.key === "Enter" && event.target.matches("input, select")) event.preventDefault();
}
