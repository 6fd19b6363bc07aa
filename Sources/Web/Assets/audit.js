// The audit: one key an image. What has been judged is on the coordinator's disk, so one goes on where one stopped.
import { attempt, byId, isWriting, number, remembered, request, tell } from "./common.js";
import { Grid } from "./live.js";
import { fillTile, makeTile } from "./wall.js";

const grid = await Grid.load();
const tagButtons = [...byId("tags").querySelectorAll("button")];
/** What this auditor said: for each position that shows a cell first, `{verdict, tags, note}`. */
let opinions = new Map();
/** Positions that wait, in the order in which they are shown. */
let queue = [];
/** What can be undone here, the latest at the end: `skip`, or `verdict`. */
let past = [];
let current;
/** One thing after the other, however fast the keys come. */
let work = Promise.resolve();

/** What was measured of every position. */
let measures = {};
/** The position under which a cell is judged: the first that shows it. */
const firstOf = new Map();
for (let position = 0; position < grid.positions; position++) {
  if (!firstOf.has(grid.cells[position])) firstOf.set(grid.cells[position], position);
}
/** The position that another page sent the auditor to. */
let wanted = Number(new URLSearchParams(location.search).get("position") ?? NaN);

const auditor = () => byId("auditor").value.trim();
const isBlind = () => byId("blind").checked;
const isByRows = () => byId("by-rows").checked && !isBlind();

/** A number that shuffles cells the same way each time for one auditor (FNV-1a). */
function order(text) {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

async function begin() {
  remembered.set("auditor", auditor());
  if (!auditor()) {
    queue = [];
    return next();
  }
  const said = (await attempt(() => request(`/api/opinions?auditor=${encodeURIComponent(auditor())}`))) ?? [];
  opinions = new Map(said.map(({ position, ...opinion }) => [position, opinion]));
  past = [];
  line();
  const first = firstOf.get(grid.cells[wanted]);
  wanted = NaN;
  if (first !== undefined && grid.hasImage(first)) go(first);
  else next();
}

/** Puts what is not judged in line, keeping what was skipped at the end. */
function line() {
  const skipped = new Set(past.filter((step) => step.kind === "skip").map((step) => step.position));
  const waiting = grid.distinct().filter((position) => grid.hasImage(position) && !opinions.has(position));
  if (isBlind()) {
    const name = auditor();
    waiting.sort((first, second) => order(`${name} ${grid.cells[first]}`) - order(`${name} ${grid.cells[second]}`));
  }
  queue = [...waiting.filter((position) => !skipped.has(position)), ...waiting.filter((position) => skipped.has(position))];
}

const words = (position, leaveOut) =>
  grid.axes.filter((axis) => axis.name !== leaveOut).map((axis) => grid.value(position, axis.name)).join(" · ");

/** Goes to an image, judged already or not; judging it again is what counts then. */
function go(position) {
  queue = [position, ...queue.filter((other) => other !== position && !opinions.has(other))];
  next();
  const said = opinions.get(position);
  setTags(said?.tags ?? []);
  byId("note").value = said?.note ?? "";
}

function next() {
  current = queue[0];
  setTags([]);
  byId("note").value = "";
  show();
}

function show() {
  const image = byId("image");
  byId("stage").dataset.position = current ?? "";
  image.hidden = current === undefined;
  if (current === undefined) {
    const isRunning = grid.states.some((state) => state === "p" || state === "l");
    byId("caption").textContent = !auditor()
      ? "Write your name above to begin; it is kept with your verdicts."
      : isRunning ? "All that is there is judged; more images are on their way." : "Everything is judged.";
  } else {
    image.src = grid.picture(current);
    image.alt = isBlind() ? "The image to judge" : grid.describe(current);
    byId("caption").textContent = isBlind() ? "" : words(current);
    for (const position of queue.slice(1, 5)) new Image().src = grid.picture(position);
  }
  for (const id of ["keep", "reject", "skip", "keep-row"]) byId(id).disabled = current === undefined;
  byId("keep-row").hidden = !isByRows();
  byId("by-rows").disabled = isBlind();
  byId("undo").disabled = !auditor();
  const images = grid.distinct().filter((position) => grid.hasImage(position)).length;
  const kept = [...opinions.values()].filter((opinion) => opinion.verdict === "keep").length;
  byId("judged").max = Math.max(1, images);
  byId("judged").value = opinions.size;
  byId("tally").textContent = `${opinions.size} of ${images} judged, ${kept} kept`;
  showLast();
  showMeasures();
  showStrip();
}

/** What the last key did: neighbours look alike, so that one could doubt it. */
function showLast() {
  const { kind, position } = past.at(-1) ?? {};
  const { verdict, tags: reasons = [], note } = opinions.get(position) ?? {};
  const word = kind === "skip" ? "skipped" : { keep: "kept", reject: "rejected" }[verdict];
  const why = [...reasons, note].filter(Boolean).join(", ");
  // The prompt is long, and seldom what the two differ in.
  const what = isBlind() || position === undefined ? "" : words(position, "prompt");
  byId("last").textContent = word ? `Just ${word}${why ? ` (${why})` : ""}: ${what || "the one before"}` : "";
}

/** Hints beside the image; in a blind audit nothing may lead. */
function showMeasures() {
  const digits = { contrast: 2, sharpness: 0, highlights: 3, shadows: 3, saturation: 2, letters: 0 };
  const found = Object.entries(digits)
    .filter(([name]) => (measures[name]?.[current] ?? null) !== null)
    .map(([name, count]) => `${name} ${number(measures[name][current], count)}`);
  byId("measures").hidden = isBlind() || !found.length;
  byId("measures").textContent = `Hints: ${found.join(", ")}.`;
}

async function loadMeasures() {
  measures = (await attempt(() => request("/api/measures"))) ?? measures;
  showMeasures();
}

/** The images that share everything with the current one but the last axis. */
function rowOf(position) {
  const axis = grid.axis("guidance") ?? grid.axes.at(-1);
  return axis ? axis.values.map((_, index) => grid.at(position, { [axis.name]: index })).filter((found) => found !== undefined) : [position];
}

function showStrip() {
  const strip = byId("strip");
  strip.hidden = !isByRows() || current === undefined;
  if (strip.hidden) return;
  const row = rowOf(current).map((position) => firstOf.get(grid.cells[position]));
  // The tiles of a row stay while it is judged, so that nothing flickers.
  if (strip.dataset.row !== row.join()) {
    strip.dataset.row = row.join();
    strip.replaceChildren(...row.map((position) => makeTile(() => grid.hasImage(position) && go(position))));
  }
  for (const [index, position] of row.entries()) {
    const tile = strip.children[index];
    fillTile(tile, grid, position, 128);
    // One's own verdict: what others said must not lead anybody.
    const own = opinions.get(position)?.verdict;
    tile.dataset.verdict = own === "keep" ? "k" : own === "reject" ? "r" : "-";
    tile.setAttribute("aria-label", `${grid.describe(position)}: ${own ?? "not judged"}`);
    if (position === current) tile.setAttribute("aria-current", "true");
    else tile.removeAttribute("aria-current");
  }
  const own = strip.querySelector("[aria-current]");
  // The strip alone, not the page: on a phone the image would scroll away.
  if (own) strip.scrollLeft = own.offsetLeft - strip.offsetLeft - (strip.clientWidth - own.offsetWidth) / 2;
}

const tags = () => tagButtons.filter((button) => button.getAttribute("aria-pressed") === "true").map((button) => button.dataset.tag);

function setTags(names) {
  for (const button of tagButtons) button.setAttribute("aria-pressed", String(names.includes(button.dataset.tag)));
}

function toggle(button) {
  if (current === undefined) return;
  button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
}

async function judge(verdict) {
  if (current === undefined) return;
  const position = current;
  const opinion = { verdict, tags: verdict === "reject" ? tags() : [], note: byId("note").value.trim() };
  await request("/api/opinions", "POST", { position, auditor: auditor(), ...opinion });
  opinions.set(position, opinion);
  past.push({ kind: "verdict", position });
  queue = queue.filter((other) => other !== position);
  next();
}

/** Keeps what is left of the row, the image on show included; each can be undone by itself. */
async function keepRow() {
  if (!isByRows() || current === undefined) return;
  const row = new Set(rowOf(current).map((position) => firstOf.get(grid.cells[position])));
  for (const position of row) {
    if (!grid.hasImage(position) || opinions.has(position)) continue;
    current = position;
    setTags([]);
    await judge("keep");
  }
}

async function skip() {
  if (current === undefined) return;
  past.push({ kind: "skip", position: current });
  queue = opinions.has(current) ? queue.slice(1) : [...queue.slice(1), current];
  next();
}

async function undo() {
  if (!auditor()) return;
  if (past.at(-1)?.kind === "skip") {
    const { position } = past.pop();
    return go(position);
  }
  const { position } = await request(`/api/opinions?auditor=${encodeURIComponent(auditor())}`, "DELETE");
  if (position === null || position === undefined) return tell("There is nothing to undo.", false);
  past.pop();
  const undone = opinions.get(position);
  const said = await request(`/api/opinions?auditor=${encodeURIComponent(auditor())}`);
  opinions = new Map(said.map(({ position: place, ...opinion }) => [place, opinion]));
  go(position);
  setTags(undone?.tags ?? []);
  byId("note").value = undone?.note ?? "";
}

/** The point that is looked at closely stays where the pointer is. */
function aim({ clientX, clientY }) {
  const box = byId("glass").getBoundingClientRect();
  const [x, y] = [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
  byId("image").style.transformOrigin = `${100 * x}% ${100 * y}%`;
}

const lookCloser = () => byId("glass").classList.toggle("close");

const run = (action) => (work = work.then(() => attempt(action)));
const actions = { keep: () => judge("keep"), reject: () => judge("reject"), skip, undo, "keep-row": keepRow };
const keys = { k: "keep", r: "reject", s: "skip", u: "undo", a: "keep-row" };

for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", () => run(action));
for (const button of tagButtons) button.addEventListener("click", () => run(() => toggle(button)));
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (isWriting(event)) {
    if (event.key === "Escape" || (event.key === "Enter" && event.target === byId("note"))) event.target.blur();
    return;
  }
  const key = event.key.toLowerCase();
  const tag = tagButtons[Number(key) - 1];
  // In line with the verdicts: keys may come faster than the disk, and a tag belongs to the image that follows.
  if (tag) run(() => toggle(tag));
  else if (key === "n") byId("note").focus();
  else if (key === "z") lookCloser();
  else if (keys[key]) run(actions[keys[key]]);
  else if (isByRows() && (event.key === "ArrowRight" || event.key === "ArrowLeft")) {
    const row = rowOf(current).map((position) => firstOf.get(grid.cells[position])).filter((position) => grid.hasImage(position));
    const to = row[row.indexOf(current) + (event.key === "ArrowRight" ? 1 : -1)];
    if (to !== undefined) go(to);
  } else return;
  event.preventDefault();
});

byId("glass").addEventListener("pointermove", aim);
byId("glass").addEventListener("click", (event) => {
  aim(event);
  lookCloser();
});

byId("auditor").value = remembered.get("auditor", "");
if (!auditor()) byId("choices").open = true;
byId("blind").checked = remembered.get("blind", "") === "yes";
byId("by-rows").checked = remembered.get("by-rows", "") === "yes";
byId("auditor").addEventListener("change", () => run(begin));
for (const id of ["blind", "by-rows"]) {
  byId(id).addEventListener("change", (event) => {
    remembered.set(id, event.target.checked ? "yes" : "");
    line();
    next();
    event.target.blur();
  });
}
byId("who").addEventListener("submit", (event) => {
  event.preventDefault();
  byId("auditor").blur();
});
let waiting = null;
grid.addEventListener("change", () => {
  // Images come one by one while a sweep runs; their measures follow in steps.
  if (current === undefined || (measures.contrast?.[current] ?? null) === null) {
    waiting ??= setTimeout(() => {
      waiting = null;
      loadMeasures();
    }, 2000);
  }
  const known = new Set(queue);
  for (const position of grid.distinct()) {
    if (grid.hasImage(position) && !opinions.has(position) && !known.has(position)) queue.push(position);
  }
  if (current === undefined && queue.length && auditor()) next();
  else show();
});
await Promise.all([begin(), loadMeasures()]);
