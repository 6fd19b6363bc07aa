// Where in the grid images are flawed: counts, shares and their intervals, and how far auditors agree.
import { attempt, axisTitle, byId, fill, make, request } from "./common.js";
import { Grid } from "./live.js";

const grid = await Grid.load();
const names = grid.axes.map((axis) => axis.name);
const columns = names.includes("guidance") ? "guidance" : names.at(-1) ?? "guidance";
const rows = ["style", ...names].find((name) => names.includes(name) && name !== columns) ?? "style";
const choices = (names.length ? names : ["style", "guidance"]).map((name) => [name, axisTitle(name)]);
const withMissing = (name) => (choices.some(([value]) => value === name) ? choices : [...choices, [name, axisTitle(name)]]);
fill(byId("rows"), withMissing(rows), rows);
fill(byId("columns"), withMissing(columns), columns);

const percent = (share) => (share === null || share === undefined ? "" : `${Math.round(share * 100)}`);

function field(value, isTotal = false) {
  if (!value.judged) {
    return make("td", { class: "unknown" }, value.disputed ? `${value.disputed} disputed` : "·");
  }
  return make(
    "td", {
      class: `level-${Math.min(10, Math.floor((value.share ?? 0) * 10 + 1e-9))}${isTotal ? " sum" : ""}`,
      title: `${value.flawed} of ${value.judged} judged images are flawed; of all such images ${percent(value.low)} to ${percent(value.high)} percent${value.disputed ? `; ${value.disputed} disputed` : ""}`,
      "data-judged": value.judged, "data-flawed": value.flawed,
    },
    make("b", {}, `${value.flawed}/${value.judged}`), make("br"),
    make("small", {}, `${percent(value.share)} (${percent(value.low)}–${percent(value.high)})`));
}

async function draw() {
  const query = new URLSearchParams({
    rows: byId("rows").value, columns: byId("columns").value, auditor: byId("auditor").value, tag: byId("tag").value,
  });
  const map = await attempt(() => request(`/api/flaws?${query}`));
  if (!map) return;
  const head = byId("map").tHead;
  head.replaceChildren(
    make("tr", {}, make("th", { scope: "col" }, `${axisTitle(byId("rows").value)} \\ ${axisTitle(byId("columns").value)}`),
      ...map.columns.map((name) => make("th", { scope: "col" }, name)), make("th", { scope: "col" }, "all")));
  byId("map").tBodies[0].replaceChildren(
    ...map.rows.map((name, row) =>
      make("tr", {}, make("th", { scope: "row" }, name), ...map.fields[row].map((value) => field(value)),
        field(map.rowTotals[row], true))),
    make("tr", {}, make("th", { scope: "row" }, "all"), ...map.columnTotals.map((value) => field(value, true)),
      field(map.total, true)));
  const total = map.total;
  byId("total").textContent = total.judged
    ? `${total.flawed} of ${total.judged} judged images are flawed: ${percent(total.share)} % (95 % interval ${percent(total.low)} to ${percent(total.high)} %).` +
      (total.disputed ? ` Auditors differ on ${total.disputed} more.` : "")
    : "No image is judged yet; the Audit page is the place for it.";
}

async function showAuditors() {
  const answer = await attempt(() => request("/api/auditors"));
  if (!answer) return;
  const chosen = byId("auditor").value;
  fill(byId("auditor"), [["", "all together"], ...answer.auditors.map(({ name }) => [name, name])], chosen);
  byId("auditors").tBodies[0].replaceChildren(
    ...answer.auditors.map((auditor) =>
      make("tr", {}, make("th", { scope: "row" }, auditor.name), make("td", {}, String(auditor.judged)), make("td", {}, String(auditor.kept)))));
  byId("agreement").hidden = !answer.agreement.length;
  byId("agreement").tBodies[0].replaceChildren(
    ...answer.agreement.map((pair) =>
      make("tr", {}, make("th", { scope: "row" }, pair.auditors.join(" and ")), make("td", {}, String(pair.images)),
        make("td", {}, pair.images ? `${pair.agreed} (${Math.round((100 * pair.agreed) / pair.images)} %)` : "–"),
        make("td", {}, pair.kappa === null || pair.kappa === undefined ? "not defined" : pair.kappa.toFixed(2)))));
}

byId("view").addEventListener("change", draw);
let waiting = null;
grid.addEventListener("change", () => {
  waiting ??= setTimeout(() => {
    waiting = null;
    draw();
    showAuditors();
  }, 1000);
});
await showAuditors();
await draw();
