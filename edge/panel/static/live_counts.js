// Counters of the lot and of today: production only. Zero is shown; what is not known is not.

import { byId, say } from "./dom.js";
import { number, percent } from "./words.js";

function value(counts, key) {
  if (!counts) return "";
  if (key === "yield") return percent(counts.verdicts.OK, counts.parts);
  return number(key === "parts" ? counts.parts : counts.verdicts[key]);
}

export function showCounts(lot, today) {
  for (const row of byId("counters").querySelectorAll("tr[data-key]")) {
    const [ofLot, ofToday] = row.querySelectorAll("td");
    say(ofLot, value(lot, row.dataset.key));
    say(ofToday, value(today, row.dataset.key));
  }
}
