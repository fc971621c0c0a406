// The live feed: one WebSocket, each message acknowledged when it is on the screen, and the truth about silence.

export const SILENT_MS = 2000;
const CHECK_MS = 250;
const TOO_MANY = 1013; // the station's word for: enough screens watch already
const RETRY_MS = [500, 1000, 2000, 4000];

/**
 * Calls `onMessage(message)` for each message and acknowledges it when that has returned; calls
 * `onLost(sinceMs, full)` when nothing was heard for SILENT_MS or the connection closed (full: too many screens watch),
 * and `onBack()` with the next
 * message. Connects again by itself for ever.
 */
export class Connection {
  #socket = null;
  #heardAt = performance.now();
  #heardWall = Date.now();
  #lost = false;
  #attempt = 0;
  #handlers;

  constructor(handlers) {
    this.#handlers = handlers;
  }

  start() {
    this.#connect();
    setInterval(() => this.#check(), CHECK_MS);
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/v1/live`);
    this.#socket = socket;
    socket.addEventListener("message", (event) => this.#take(socket, event));
    socket.addEventListener("close", (event) => this.#closed(socket, event.code));
  }

  async #take(socket, event) {
    const message = JSON.parse(event.data);
    this.#heardAt = performance.now();
    this.#heardWall = Date.now();
    this.#attempt = 0;
    if (this.#lost) {
      this.#lost = false;
      this.#handlers.onBack();
    }
    try {
      await this.#handlers.onMessage(message);
    } finally {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ ack: message.n }));
    }
  }

  #closed(socket, code) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#lose(code === TOO_MANY);
    const wait = RETRY_MS[Math.min(this.#attempt, RETRY_MS.length - 1)];
    this.#attempt += 1;
    setTimeout(() => this.#connect(), wait);
  }

  #check() {
    const silent = performance.now() - this.#heardAt;
    if (silent <= SILENT_MS) return;
    this.#lose();
    if (silent > 5 * SILENT_MS && this.#socket?.readyState === WebSocket.OPEN) this.#socket.close();
  }

  #lose(full = false) {
    if (this.#lost && !full) return;
    this.#lost = true;
    this.#handlers.onLost(this.#heardWall, full);
  }
}
