// The grid: any axis on rows and columns, the others as pages; only the tiles that can be seen are in the document.
import { axisTitle, byId, fill, make, remembered } from "./common.js";
import { Grid } from "./live.js";
import { Viewer } from "./viewer.js";
import { fillTile, makeTile } from "./wall.js";

const grid = await Grid.load();
const viewer = new Viewer(grid);
const none = { name: "", values: [""], indices: null };
const gap = 4;

/** Rows that stand for several axes at once: all that are not on the columns. */
const everything = "*";

const query = new URLSearchParams(location.search);
const names = grid.axes.map((axis) => axis.name);
const view = {
  columns: names.includes(query.get("columns")) ? query.get("columns") : names.includes("guidance") ? "guidance" : names.at(-1) ?? "",
  rows: query.get("rows") ?? "",
  pages: {},
  size: Number(query.get("size") ?? remembered.get("size", "128")) || 128,
};
if (![...names, everything].includes(view.rows) || view.rows === view.columns) {
  view.rows = ["style", ...names].find((name) => names.includes(name) && name !== view.columns) ?? "";
}
for (const axis of grid.axes) {
  const index = Number(query.get(axis.name) ?? 0);
  view.pages[axis.name] = Number.isInteger(index) && axis.values[index] !== undefined ? index : 0;
}

const body = byId("tiles");
const canvas = body.firstElementChild;
const columnHeads = byId("column-heads");
const rowHeads = byId("row-heads");
const tiles = new Map();
let rows = [];
let columns = [];
let tile = { width: 128, height: 128 };
let labelWidth = 0;
let current = [0, 0];

function paged() {
  return view.rows === everything ? [] : grid.axes.filter((axis) => axis.name !== view.rows && axis.name !== view.columns);
}

function arrange() {
  const columnAxis = grid.axis(view.columns) ?? none;
  columns = columnAxis.values.map((value, index) => ({ label: value, indices: columnAxis.name ? { [columnAxis.name]: index } : {} }));
  const axes = view.rows === everything ? grid.axes.filter((axis) => axis.name !== view.columns) : [grid.axis(view.rows)].filter(Boolean);
  rows = [{ label: "", indices: {} }];
  for (const axis of axes) {
    rows = rows.flatMap((row) =>
      axis.values.map((value, index) => ({
        label: row.label ? `${row.label} · ${value}` : value, indices: { ...row.indices, [axis.name]: index },
      })));
  }
  const fixed = Object.fromEntries(paged().map((axis) => [axis.name, view.pages[axis.name]]));
  for (const row of rows) Object.assign(row.indices, fixed);
  viewer.scrubAxis = view.columns || null;
  viewer.rowAxis = view.rows === everything ? grid.axes.find((axis) => axis.name !== view.columns)?.name ?? null : view.rows || null;
  const [width, height] = (grid.value(positionAt(0, 0) ?? 0, "size") ?? "1x1").split("x").map(Number);
  const scale = view.size / Math.max(width, height);
  tile = { width: Math.round(width * scale), height: Math.round(height * scale) };
  labelWidth = view.rows ? Math.min(view.rows === everything ? 220 : 160, innerWidth * 0.3) : 0;
  byId("grid").style.setProperty("--label", `${labelWidth}px`);
  byId("corner").textContent = [view.rows === everything ? "" : axisTitle(view.rows), axisTitle(view.columns)].filter(Boolean).join(" ↓   → ");
  canvas.style.width = `${columns.length * (tile.width + gap)}px`;
  canvas.style.height = `${rows.length * (tile.height + gap)}px`;
  columnHeads.firstElementChild.style.width = canvas.style.width;
  rowHeads.firstElementChild.style.height = canvas.style.height;
  clear();
  draw();
  const state = new URLSearchParams({ rows: view.rows, columns: view.columns });
  for (const axis of paged()) state.set(axis.name, view.pages[axis.name]);
  history.replaceState(null, "", `?${state}`);
}

function positionAt(row, column) {
  return grid.find({ ...rows[row].indices, ...columns[column].indices });
}

function clear() {
  for (const element of tiles.values()) element.remove();
  tiles.clear();
}

/** First and last index of what can be seen, with some more on either side. */
function range(scroll, length, step, count) {
  return [Math.max(0, Math.floor(scroll / step) - 2), Math.min(count, Math.ceil((scroll + length) / step) + 2)];
}

function draw() {
  const [top, bottom] = range(body.scrollTop, body.clientHeight, tile.height + gap, rows.length);
  const [left, right] = range(body.scrollLeft, body.clientWidth, tile.width + gap, columns.length);
  for (const [key, element] of tiles) {
    const [row, column] = key.split(",").map(Number);
    if (row >= top && row < bottom && column >= left && column < right) continue;
    if (element === document.activeElement) continue;
    element.remove();
    tiles.delete(key);
  }
  const added = document.createDocumentFragment();
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const position = positionAt(row, column);
      if (position === undefined) continue;
      const key = `${row},${column}`;
      let element = tiles.get(key);
      if (!element) {
        element = makeTile(() => viewer.open(position));
        element.dataset.row = row;
        element.dataset.column = column;
        element.style.transform = `translate(${column * (tile.width + gap)}px, ${row * (tile.height + gap)}px)`;
        element.style.width = `${tile.width}px`;
        element.style.height = `${tile.height}px`;
        tiles.set(key, element);
        added.append(element);
      }
      element.tabIndex = row === current[0] && column === current[1] ? 0 : -1;
      fillTile(element, grid, position, view.size);
    }
  }
  canvas.append(added);
  drawHeads(columnHeads, columns, left, right, (index) => ({ left: index * (tile.width + gap), width: tile.width }));
  drawHeads(rowHeads, rows, top, bottom, (index) => ({ top: index * (tile.height + gap), height: tile.height }));
  columnHeads.scrollLeft = body.scrollLeft;
  rowHeads.scrollTop = body.scrollTop;
}

function drawHeads(heads, lines, first, last, place) {
  heads.firstElementChild.replaceChildren(
    ...lines.slice(first, last).map((line, offset) => {
      const head = make("span", { title: line.label }, line.label);
      for (const [name, value] of Object.entries(place(first + offset))) head.style[name] = `${value}px`;
      return head;
    }));
}

function focus(row, column) {
  if (row < 0 || column < 0 || row >= rows.length || column >= columns.length) return;
  current = [row, column];
  const top = row * (tile.height + gap);
  const left = column * (tile.width + gap);
  body.scrollTop = Math.min(top, Math.max(body.scrollTop, top + tile.height + gap - body.clientHeight));
  body.scrollLeft = Math.min(left, Math.max(body.scrollLeft, left + tile.width + gap - body.clientWidth));
  draw();
  tiles.get(`${row},${column}`)?.focus({ preventScroll: true });
}

function choices() {
  const axes = grid.axes.map((axis) => [axis.name, axisTitle(axis.name)]);
  fill(byId("rows"), [...axes.filter(([name]) => name !== view.columns), [everything, "everything else"], ["", "nothing"]], view.rows);
  fill(byId("columns"), axes, view.columns);
  byId("pages").replaceChildren(
    ...paged().map((axis) =>
      make("label", {}, `${axisTitle(axis.name)} `,
        fill(
          make("select", {
            "data-axis": axis.name,
            onchange: (event) => {
              view.pages[axis.name] = Number(event.target.value);
              arrange();
            },
          }),
          axis.values.map((value, index) => [index, value]), view.pages[axis.name]))));
}

byId("rows").addEventListener("change", (event) => {
  view.rows = event.target.value;
  choices();
  arrange();
});
byId("columns").addEventListener("change", (event) => {
  if (view.rows === event.target.value) view.rows = view.columns;
  view.columns = event.target.value;
  choices();
  arrange();
});
byId("size").value = view.size;
byId("size").addEventListener("input", (event) => {
  view.size = event.target.valueAsNumber;
  remembered.set("size", view.size);
  arrange();
});
byId("fit").addEventListener("click", () => {
  const width = body.clientWidth / columns.length - gap;
  view.size = Math.max(40, Math.min(384, Math.floor(width * Math.max(1, tile.height / tile.width))));
  byId("size").value = view.size;
  arrange();
});
byId("view").addEventListener("submit", (event) => event.preventDefault());
body.addEventListener("scroll", draw, { passive: true });
body.addEventListener("keydown", (event) => {
  const [row, column] = [Number(event.target.dataset?.row), Number(event.target.dataset?.column)];
  if (Number.isNaN(row)) return;
  const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
  const step = steps[event.key];
  if (!step) return;
  event.preventDefault();
  focus(row + step[0], column + step[1]);
});
new ResizeObserver(draw).observe(body);
grid.addEventListener("change", draw);

choices();
arrange();
performance.mark("grid-drawn");
// An image that another page names.
const opened = Number(query.get("open") ?? NaN);
if (Number.isInteger(opened) && opened >= 0 && opened < grid.positions) viewer.open(opened);
