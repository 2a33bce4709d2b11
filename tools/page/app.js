// Shows each part of the board as it arrives, and sends what the buttons order. No text of the board is ever taken for HTML.

import { Client } from "./client.js";

const get = (id) => document.getElementById(id);

function cell(text, name = "") {
  const td = document.createElement("td");
  td.textContent = text ?? "";
  td.className = name;
  return td;
}

/** Rows by key: those that stay are left alone, so that neither focus nor animation is lost. */
function show(body, items, key, fill) {
  const rows = new Map([...body.children].map((row) => [row.dataset.key, row]));
  items.forEach((item, index) => {
    const row = rows.get(key(item)) ?? document.createElement("tr");
    rows.delete(key(item));
    row.dataset.key = key(item);
    fill(row, item);
    if (body.children[index] !== row) body.insertBefore(row, body.children[index] ?? null);
  });
  rows.forEach((row) => row.remove());
}

function age(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h ? `${h} h ${m} min` : m ? `${m} min ${s} s` : `${s} s`;
}

/** An SVG path along steps: each [x, y] counts from its x on; `close` leads it back along other steps. */
const path = (steps, close = []) => `M${[...steps, ...close.toReversed()].map((point) => point.join(" ")).join("L")}`;

// How many sockets were open and how many records were there, as steps up to now. What lies between them is what this module mends.
const curve = {
  points: [],
  ms: 1,
  draw() {
    if (!this.points.length) return;
    const now = Date.now();
    const most = Math.max(4, ...this.points.flatMap(([, open, records]) => [open, records]));
    const steps = (which) => this.points.flatMap((point, index) => {
      const y = 100 - (92 * point[which]) / most;
      return [point[0], this.points[index + 1]?.[0] ?? now].map((ms) => [Math.max(0, 600 - (600 * (now - ms)) / this.ms).toFixed(1), y.toFixed(1)]);
    });
    get("gap-area").setAttribute("d", path(steps(1), steps(2)));
    get("open-line").setAttribute("d", path(steps(1)));
    get("records-line").setAttribute("d", path(steps(2)));
    get("most").textContent = most;
    const [, open, records] = this.points.at(-1);
    get("open").textContent = open;
    get("gap").textContent = Math.max(0, records - open);
    get("chart").setAttribute("aria-label", `${open} sockets open, ${records} records in the table`);
  },
};

const time = (value) => new Date(value).toLocaleTimeString([], { hourCycle: "h23" });

const parts = {
  trouble(text) {
    get("trouble").textContent = text;
    get("trouble").hidden = !text;
  },
  said({ refused, text }) {
    say(text, refused);
  },
  curve(points) {
    curve.points = points;
    curve.draw();
  },
  stack(stack) {
    curve.ms = stack.curveMs;
    get("about").textContent = `table ${stack.table}, filled by ${stack.url}`;
    get("schedule").textContent = stack.schedule;
    if (!own.url && location.hash === "#connected") queueMicrotask(() => own.connect());
    own.url = stack.url;
    get("connect").disabled = false;
  },
  hands({ clients, process, faults, ways }) {
    get("held").textContent = clients;
    if (!get("how").options.length) get("how").append(...ways.map((way) => new Option(way)));
    for (const button of document.querySelectorAll("[data-toggle]")) button.setAttribute("aria-pressed", faults.includes(button.dataset.do));
    document.querySelector("[data-do=open-process]").disabled = process;
    document.querySelector("[data-do=kill-process]").disabled = !process;
    for (const button of document.querySelectorAll("[data-do=end]")) button.disabled = !clients;
  },
  records(records) {
    get("active").textContent = records.length;
    show(get("records"), records, (record) => record.connectionId, (row, record) => {
      row.dataset.since = record.connectedAt ?? "";
      if (row.children.length) return;
      row.className = "came";
      row.onanimationend = () => (row.className = ""); // else it would flash again whenever it is moved
      const end = cell("");
      const button = document.createElement("button");
      button.textContent = "DELETE";
      button.title = "as a server does: DELETE @connections";
      button.setAttribute("aria-label", `DELETE ${record.clientId ?? record.connectionId}`);
      button.onclick = () => order("end-from-server", { connectionId: record.connectionId });
      end.append(button);
      row.append(cell(record.clientId), cell(record.connectionId, "id"), cell(""), end);
    });
    tick();
  },
  ended(ended) {
    show(get("ended"), ended, (entry) => entry.connectionId, (row, { connectionId, record, line, at }) => {
      const known = line ? `${line.function} ${line.cause}` : "";
      if (row.children.length && row.dataset.known === known) return;
      row.dataset.known = known;
      row.replaceChildren(
        cell(record.clientId ?? connectionId), cell(line?.cause ?? "…"), cell(line?.closeCode), cell(line?.function ?? "…"), cell(time(line?.timestamp ?? at)),
      );
    });
  },
  lines(lines) {
    const known = new Set([...get("lines").children].map((item) => item.dataset.key));
    for (const line of lines.toReversed()) {
      if (known.has(line.id)) continue;
      const { id, timestamp, level, outcome, function: name, ...fields } = line;
      const item = document.createElement("li");
      item.dataset.key = id;
      item.className = level;
      const what = document.createElement("b");
      what.textContent = outcome;
      const rest = Object.entries(fields).map(([field, value]) => `${field}=${typeof value === "object" ? JSON.stringify(value) : value}`);
      item.append(`${time(timestamp)} ${name} `, what, ` ${rest.join(" ")}`);
      get("lines").prepend(item);
    }
    while (get("lines").children.length > lines.length) get("lines").lastChild.remove();
    const swept = lines.find(({ outcome }) => outcome === "swept");
    if (!swept) return;
    const removed = Object.entries(swept.removed).map(([why, number]) => `${number} ${why}`);
    get("swept").textContent = `${swept.active} active, ${removed.join(", ") || "none"} removed, at ${time(swept.timestamp)}`;
  },
  queue({ waiting, deadLetters }) {
    get("waiting").textContent = waiting;
    get("dead-letters").textContent = deadLetters;
  },
};

function tick() {
  if (live.state !== "open") return;
  curve.draw();
  for (const row of get("records").children) row.children[2].textContent = row.dataset.since ? age(Date.now() - row.dataset.since) : "?";
}

function order(action, body) {
  if (live.state !== "open") return;
  say("…");
  live.send(action, body);
}

function say(text, refused = false) {
  get("said").textContent = text;
  get("said").classList.toggle("refused", refused);
}

for (const button of document.querySelectorAll("[data-do]")) {
  button.onclick = () => {
    const body = { open: { count: get("count").valueAsNumber }, end: { how: get("how").value, all: "all" in button.dataset } }[button.dataset.do] ?? {};
    order(button.dataset.do, "toggle" in button.dataset ? { on: button.getAttribute("aria-pressed") !== "true" } : body);
  };
}

// This tab as a client. Its name outlives a reload; with #connected in the address it connects by itself.
const own = {
  name: (sessionStorage.ownName ??= `tab ${Math.random().toString(36).slice(2, 6)}`),
  client: null,
  connect() {
    if (!this.client) {
      this.client = new Client(`${this.url}?clientId=${encodeURIComponent(this.name)}`);
      this.client.addEventListener("state", ({ detail }) => {
        get("own-state").textContent = this.client.state;
        if (detail) get("own-said").textContent = `it ended with ${detail}`;
        else if (this.client.state === "open") get("own-said").textContent = "";
      });
      this.client.addEventListener("message", ({ detail }) => (get("own-said").textContent = `it received: ${detail}`));
    }
    this.client.connect();
  },
};
get("own-name").textContent = own.name;
get("connect").onclick = () => own.connect();
get("close").onclick = () => own.client?.close();
get("close-4001").onclick = () => own.client?.close(4001, "session expired");

// What the page shows comes, and what its buttons order goes, by a socket that connects again by itself.
const live = new Client(`ws://${location.host}/live`);
live.addEventListener("message", ({ detail }) => {
  for (const [name, value] of Object.entries(JSON.parse(detail))) parts[name](value);
});
live.addEventListener("state", ({ detail }) => {
  document.body.classList.toggle("gone", live.state !== "open");
  if (live.state === "open") parts.trouble("");
  else if (detail) {
    parts.trouble("The program does not answer: was it stopped?");
    say("");
  }
});
live.connect();
setInterval(tick, 1000);
