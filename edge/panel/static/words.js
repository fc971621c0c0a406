// The page's language: texts by their English id, codes by group, numbers and times as people here write them.

const book = JSON.parse(document.getElementById("words").textContent);
const locale = { vi: "vi-VN", en: "en-GB" }[book.language] ?? "en-GB";

/** The text in the page's language; `{name}` is replaced by values.name. Unknown texts come back as they are. */
export function t(text, values = {}) {
  const found = book.texts[text] ?? text;
  return found.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

const troubles = Object.values(book.codes.trouble ?? {}).map((text) => {
  const pieces = text.split(/\{\w+\}/).map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return { text, names: [...text.matchAll(/\{(\w+)\}/g)].map((hit) => hit[1]), form: new RegExp(`^${pieces.join("(.*)")}$`) };
});

/** What a command said in English, in the page's language as far as the catalogue knows it. */
export function told(message) {
  if (message in book.texts) return t(message);
  for (const { text, names, form } of troubles) {
    const hit = form.exec(message);
    if (hit) return t(text, Object.fromEntries(names.map((name, i) => [name, hit[i + 1]])));
  }
  return message;
}

/** The word for a code of a group (verdict, reason, mode, ...); the code itself when it has none. */
export function word(group, code) {
  return t(book.codes[group]?.[code] ?? code ?? "");
}

/** {what, did, todo} of an alarm in the page's language. */
export function alarmWords(code) {
  const told = book.alarms[code];
  if (!told) return { what: code, did: "", todo: t("Call for help.") };
  return { what: t(told.what), did: t(told.did), todo: t(told.todo) };
}

const formats = new Map();

export function number(value, digits = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (!formats.has(digits)) {
    formats.set(digits, new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  }
  return formats.get(digits).format(value);
}

/** A score or limit: three significant digits are what a person can use. */
export function score(value) {
  const size = Math.abs(value);
  return number(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 4);
}

/** A share of 0 to 1 in percent. 100 % is said only when nothing was lost. */
export function percent(part, whole) {
  if (!whole) return "–";
  const digits = 1;
  const share = (100 * part) / whole;
  return `${number(part < whole ? Math.min(share, 99.9) : share, digits)} %`;
}

const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat(locale, { day: "2-digit", month: "2-digit", year: "numeric" });

/** Time of day of an ISO text, a number of ms or a Date; with the day when it is not today. */
export function time(value) {
  const date = value instanceof Date ? value : new Date(value);
  if (!value || Number.isNaN(date.getTime())) return "–";
  const today = date.toDateString() === new Date().toDateString();
  return today ? clock.format(date) : `${day.format(date)} ${clock.format(date)}`;
}

/** A duration in words: seconds, then minutes, then hours. */
export function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return t("{n} s", { n: seconds });
  if (seconds < 5400) return t("{n} min", { n: Math.round(seconds / 60) });
  return t("{n} h", { n: number(seconds / 3600, 1) });
}

/** A reason in one line: the words, where, and the value beside its limit. */
export function reasonText(reason) {
  const pieces = [word("reason", reason.code)];
  if (reason.where) pieces.push(reason.where);
  if (reason.value || reason.limit) {
    pieces.push(t("{value}, limit {limit}", { value: score(reason.value), limit: score(reason.limit) }));
  }
  return pieces.join(" · ");
}

/** Why the machine may not run; a camera's name may follow the code after a colon. */
export function permitReason(reason) {
  const [code, camera] = reason.split(":");
  return camera ? `${word("permit", code)} (${camera})` : word("permit", code);
}

/** A service's name in words: `capture-top` is the camera top. */
export function serviceName(service) {
  const [kind, ...rest] = service.split("-");
  return [word("service", kind), ...rest].join(" ");
}
