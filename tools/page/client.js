// A WebSocket that a page keeps for as long as somebody has the page open. docs/clients.md gives the reason of each line.

const HEARTBEAT_MS = 4 * 60_000; // API Gateway ends what has been silent for ten minutes
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

export class Client extends EventTarget {
  #url;
  #socket = null;
  #failures = 0;
  #retry = 0;
  #wanted = false;

  constructor(url) {
    super();
    this.#url = url;
    // A page in the back/forward cache would keep its socket, unheard, until API Gateway's time-out.
    addEventListener("pagehide", () => this.#wanted && this.#socket?.close());
    addEventListener("pageshow", (event) => event.persisted && this.#wanted && this.#open());
    // The network is back: what was open may be dead without a word, and a timer may have minutes to go.
    addEventListener("online", () => this.#wanted && this.#open());
    setInterval(() => this.state === "open" && this.send("heartbeat"), HEARTBEAT_MS);
  }

  get state() {
    return ["connecting", "open", "closing", "closed"][this.#socket?.readyState ?? 3];
  }

  connect() {
    this.#wanted = true;
    this.#open();
  }

  /** Leave, and stay away until `connect`. */
  close(...codeAndReason) {
    this.#wanted = false;
    clearTimeout(this.#retry);
    this.#socket?.close(...codeAndReason);
  }

  send(action, more = {}) {
    this.#socket.send(JSON.stringify({ action, ...more }));
  }

  #open() {
    clearTimeout(this.#retry);
    this.#socket?.close(); // an older one that is dead only to us would be in the table as well
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    const tell = (type, detail) => this.#socket === socket && this.dispatchEvent(new CustomEvent(type, { detail }));
    socket.onopen = () => {
      this.#failures = this.#socket === socket ? 0 : this.#failures;
      tell("state");
    };
    socket.onmessage = (event) => tell("message", event.data);
    socket.onclose = (event) => {
      if (this.#socket === socket && this.#wanted) this.#openLater();
      tell("state", event.code);
    };
    tell("state");
  }

  /** After any time up to a limit that doubles, so that those who were cut off together do not come back together. */
  #openLater() {
    const limit = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures++);
    this.#retry = setTimeout(() => this.#open(), Math.random() * limit);
  }
}
