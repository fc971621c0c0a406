// The station's state on pages without the live feed: asked every 2 s, shown in the banners, given to who listens.

import { get } from "./api.js";
import { setLine, setLost } from "./banners.js";

const PERIOD_MS = 2000;
let heardAt = Date.now();

/** Ask for ever; onState(state) for every answer. */
export function watchStation(onState = () => {}) {
  const turn = async () => {
    try {
      const state = await get("/state");
      heardAt = Date.now();
      setLost(null);
      setLine(state.line, state.heard_ms);
      onState(state);
    } catch {
      setLost(heardAt);
    } finally {
      setTimeout(turn, PERIOD_MS);
    }
  };
  turn();
}
