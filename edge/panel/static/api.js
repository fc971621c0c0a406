// Asking the panel. Every refusal arrives as a Refusal with a message and a hint for the person.

import { t } from "./words.js";

const TIMEOUT_MS = 8000;

export class Refusal extends Error {
  constructor(message, hint, status) {
    super(message);
    this.hint = hint;
    this.status = status;
  }

  /** Both sentences in the page's language, as far as the catalogue knows them. */
  get words() {
    return [t(this.message), this.hint ? t(this.hint) : ""].filter(Boolean).join(". ");
  }
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(`/api/v1${path}`, { ...options, signal: AbortSignal.timeout(TIMEOUT_MS), credentials: "same-origin" });
  } catch {
    throw new Refusal(t("The panel does not answer"), t("Check the connection to the station"), 0);
  }
  const type = answer.headers.get("content-type") ?? "";
  const body = type.includes("json") ? await answer.json().catch(() => ({})) : {};
  if (answer.ok) return body;
  throw new Refusal(complaint(body) || t("The panel refused ({status})", { status: answer.status }), body.hint ?? "", answer.status);
}

function complaint(body) {
  return typeof body.message === "string" ? body.message : "";
}

/** GET; empty parameters are left out. */
export function get(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== "" && value !== null && value !== undefined) query.append(name, value);
  }
  const text = query.toString();
  return ask(text ? `${path}?${text}` : path, { method: "GET", headers: { accept: "application/json" } });
}

export function post(path, body) {
  return ask(path, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(body),
  });
}

/** The address of a part's kept picture. */
export function imageAddress(epoch, n, view, kind) {
  return `/api/v1/parts/${epoch}/${n}/image/${encodeURIComponent(view)}/${encodeURIComponent(kind)}`;
}
