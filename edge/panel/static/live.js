// The live page: hears the feed, shows it, and says so at once when it no longer hears.

import { get } from "./api.js";
import { drawAlarms } from "./alarms.js";
import { setLine, setLost, stale } from "./banners.js";
import { Connection } from "./connection.js";
import { byId } from "./dom.js";
import { showKindsLine } from "./kinds.js";
import { showControls, wireControls } from "./live_controls.js";
import { showCounts } from "./live_counts.js";
import { forget, showLastReject, showPart, tickPart } from "./live_part.js";
import { drawStrip } from "./strip.js";
import { t } from "./words.js";

const QUEUES_MS = 2000;
const KINDS_MS = 15_000;

async function onMessage(message) {
  const { state } = message;
  setLost(null);
  setLine(state.line, state.heard_ms);
  showControls(state.line, state.alive);
  showCounts(state.lot, state.today);
  drawAlarms(byId("alarms"), state.alarms);
  if (stale()) forget();
  await Promise.all([message.part && !stale() ? showPart(message.part, message.skipped) : null, message.last_ng ? showLastReject(message.last_ng) : null]);
}

/** The feed carries what moves; sizes of queues are asked apart and rarely. */
async function pollQueues() {
  try {
    const state = await get("/state");
    drawStrip(byId("strip"), state.services, state.queues);
  } catch {
    // The feed's own silence tells the person; the strip is greyed with the page.
  } finally {
    setTimeout(pollQueues, QUEUES_MS);
  }
}

/** Kinds are counted in the ledger: asked rarely, and only shown when somebody has named one. */
async function pollKinds() {
  await showKindsLine(byId("kinds"));
  setTimeout(pollKinds, KINDS_MS);
}

wireControls();
new Connection({
  onMessage,
  onLost: (sinceMs, full) => {
    setLost(sinceMs, full ? t("Too many screens watch this station: close one.") : "");
    forget();
  },
  onBack: () => setLost(null),
}).start();
setInterval(tickPart, 1000);
pollQueues();
pollKinds();
