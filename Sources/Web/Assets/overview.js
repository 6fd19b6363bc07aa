// How the sweep stands, and the hands on its controls.
import { attempt, byId, duration, make, number, request, tell } from "./common.js";
import { Grid } from "./live.js";
import { bars, scatter, steps } from "./plots.js";

const [grid, first] = await Promise.all([Grid.load(), request("/api/status")]);

const stateText = {
  running: "running", paused: "paused", draining: "draining", "disk-full": "waiting for room on the disk", stopped: "not served",
  done: "done",
};

function show(status) {
  const finished = status.done + status.failed;
  byId("progress").max = Math.max(1, status.cells);
  byId("progress").value = finished;
  const parts = [stateText[status.state] ?? status.state, `${status.done} of ${status.cells} images`];
  if (status.imagesPerMinute) parts.push(`${number(status.imagesPerMinute)} a minute`);
  if (status.state === "running") {
    parts.push(status.etaSeconds === null ? "time left not known yet" : `${duration(status.etaSeconds)} left`);
  }
  if (status.positions !== status.cells) parts.push(`${status.positions} positions share them`);
  if (status.prioritised) parts.push(`${status.prioritised} prioritised`);
  byId("summary").textContent = parts.join(" · ");
  byId("message").hidden = !status.message;
  byId("message").className = status.state === "done" && !status.failed ? "hint" : "warning";
  byId("message").textContent = status.message ?? "";
  byId("counts").replaceChildren(
    ...[["done", status.done], ["rendering", status.leased], ["pending", status.pending], ["failed", status.failed]]
      .map(([name, count]) => make("div", { class: `count ${name}` }, make("dt", {}, name), make("dd", {}, String(count)))));
  showWorkers(status.workers);
  byId("failures").hidden = !status.failures.length;
  byId("failures").querySelector("ul").replaceChildren(
    ...status.failures.map((failure) =>
      make("li", {}, make("a", { href: `/grid?open=${failure.position}` }, grid.describe(failure.position) || `position ${failure.position}`), `: ${failure.reason}`)),
    ...(status.failed > status.failures.length ? [make("li", {}, `and ${status.failed - status.failures.length} more`)] : []));
  for (const button of byId("controls").querySelectorAll("button")) {
    button.hidden = { pause: status.state !== "running", resume: status.state !== "paused", retry: !status.failed, drain: status.state === "draining" || status.state === "done" }[button.dataset.action];
  }
}

/** What a worker renders now: a link to the image, and how far it is. */
function renderingNow({ rendering }) {
  if (!rendering) return "–";
  const { position, step, steps, preview } = rendering;
  return make("span", { class: "rendering", "data-position": position, "data-preview": preview ?? "" },
    make("a", { href: `/grid?open=${position}` }, grid.describe(position) || `position ${position}`), make("br"),
    make("progress", { max: Math.max(1, steps), value: step, "aria-label": "Steps of this image" }), ` step ${step} of ${steps}`);
}

function showWorkers(workers) {
  const columns = [
    ["worker", (worker) => worker.name], ["device", (worker) => worker.device], ["state", (worker) => worker.state],
    ["renders now", renderingNow], ["images", (worker) => String(worker.done)],
    ["seconds per image", (worker) => number(worker.secondsPerImage, 2)],
  ];
  if (workers.some((worker) => worker.note)) columns.push(["why", (worker) => worker.note ?? ""]);
  const table = byId("workers");
  table.tHead.replaceChildren(make("tr", {}, ...columns.map(([title]) => make("th", { scope: "col" }, title))));
  const body = table.tBodies[0];
  const shape = JSON.stringify([columns.length, ...workers.map((worker) => worker.name)]);
  if (body.dataset.shape !== shape) {
    body.dataset.shape = shape;
    body.replaceChildren(
      ...(workers.length
        ? workers.map(() => make("tr", {}, ...columns.map(([title]) => make("td", { "data-title": title }))))
        : [make("tr", {}, make("td", { colSpan: columns.length }, "No worker has joined yet."))]));
  }
  for (const [row, worker] of workers.entries()) {
    body.rows[row].className = worker.state;
    for (const [column, [, content]] of columns.entries()) update(body.rows[row].cells[column], content(worker));
  }
}

/** Shows what is new in a cell; the link to an image that is being rendered stays for whoever is about to follow it. */
function update(cell, content) {
  const [old, now] = [cell.firstElementChild, typeof content === "string" ? null : content];
  if (!now || old?.dataset.position !== now.dataset.position) {
    if (now || cell.textContent !== content) cell.replaceChildren(content);
    if (now) showPreview(now, now.dataset.preview);
    return;
  }
  old.querySelector("progress").replaceWith(now.querySelector("progress"));
  old.lastChild.replaceWith(now.lastChild);
  showPreview(old, now.dataset.preview);
}

/** Shows what an image will show, if that is known; a picture stays until the next has arrived, so that nothing flickers. */
async function showPreview(place, preview) {
  if (place.dataset.shown === preview) return;
  place.dataset.shown = preview;
  const picture = preview && make("img", { class: "preview", src: `/previews/${preview}`, alt: "What this image will show" });
  // One that has been overtaken is not there any more.
  if (picture && !(await picture.decode().then(() => true, () => false))) return;
  if (place.dataset.shown !== preview) return;
  place.querySelector("img")?.remove();
  if (picture) place.prepend(picture);
}

async function plot() {
  const series = await attempt(() => request("/api/series"));
  if (!series) return;
  const times = series.storedAt.map((text) => Date.parse(text) / 60000);
  const phases = ["encode", "denoise", "decode", "png", "upload"];
  const seconds = times.map((_, index) => phases.slice(0, 4).reduce((sum, phase) => sum + series[phase][index], 0));
  const start = times[0] ?? 0;
  const minutes = times.map((time) => time - start);
  // A fortieth of the time, a second at least.
  const span = Math.max(1 / 60, ((minutes.at(-1) ?? 0) + 1e-6) / 40);
  const counts = new Array(Math.max(1, Math.ceil((minutes.at(-1) ?? 0) / span + 1e-9))).fill(0);
  for (const minute of minutes) counts[Math.min(counts.length - 1, Math.floor(minute / span))] += 1;
  steps(byId("plot-rate"), counts.map((count) => count / span), span, { x: "minutes", y: "images per minute" });
  scatter(
    byId("plot-seconds"),
    series.workers.map((name, worker) => ({
      name, points: minutes.map((minute, index) => [minute, seconds[index], series.worker[index]]).filter(([, , owner]) => owner === worker),
    })),
    { x: "minutes", y: "seconds" });
  bars(
    byId("plot-phases"), phases,
    series.workers.map((name, worker) => {
      const own = series.worker.flatMap((owner, index) => (owner === worker ? [index] : []));
      return { name, values: phases.map((phase) => own.reduce((sum, index) => sum + series[phase][index], 0) / Math.max(1, own.length)) };
    }));
}

byId("controls").hidden = !first.isServed;
byId("controls").addEventListener("click", async (event) => {
  const action = event.target.dataset?.action;
  if (!action) return;
  if (action === "drain" && !confirm("End the sweep once the workers have delivered what they hold?")) return;
  if (await attempt(() => request("/api/control", "POST", { action }))) tell("Done.", false);
});
grid.addEventListener("status", (event) => show(event.detail));
let waiting = null;
grid.addEventListener("change", () => {
  waiting ??= setTimeout(() => {
    waiting = null;
    plot();
  }, 3000);
});
show(first.status);
await plot();
