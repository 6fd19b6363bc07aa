// All images as a wall, filtered by what is known of them and sorted by what was measured.
import { attempt, axisTitle, byId, fill, make, number, remembered, request } from "./common.js";
import { Grid } from "./live.js";
import { Viewer } from "./viewer.js";
import { Wall } from "./wall.js";

const grid = await Grid.load();
const viewer = new Viewer(grid);
const wall = new Wall(byId("wall"), grid, (position) => viewer.open(position));
let measures = (await attempt(() => request("/api/measures"))) ?? {};
const everything = grid.distinct();
const chosen = {};

function search() {
  const text = byId("text").value.toLowerCase();
  const verdict = byId("verdict").value;
  const measure = byId("sort").value;
  const values = measures[measure];
  for (const id of ["descending", "low", "high"]) byId(id).disabled = !measure;
  byId("unread").hidden = measure !== "letters" || measures.isRead !== false;
  const [low, high] = [byId("low").valueAsNumber, byId("high").valueAsNumber];
  const found = everything.filter((position) => {
    if (!grid.hasImage(position)) return false;
    if (verdict && grid.verdicts[position] !== verdict) return false;
    for (const [name, value] of Object.entries(chosen)) {
      if (value !== "" && grid.value(position, name) !== value) return false;
    }
    if (text && !grid.value(position, "prompt").toLowerCase().includes(text)) return false;
    if (!measure) return true;
    const value = values?.[position] ?? null;
    return value !== null && !(value < low) && !(value > high);
  });
  if (measure) {
    const sign = byId("descending").checked ? -1 : 1;
    found.sort((first, second) => sign * (values[first] - values[second]));
  }
  byId("found").textContent = `${found.length} of ${everything.filter((position) => grid.hasImage(position)).length} images`;
  wall.size = byId("size").valueAsNumber;
  wall.show(found, measure ? found.map((position) => number(values[position], measure === "letters" ? 0 : 3)) : []);
}

byId("axes").replaceChildren(
  ...grid.axes.filter((axis) => axis.name !== "prompt").map((axis) =>
    make("label", {}, `${axisTitle(axis.name)} `,
      fill(
        make("select", {
          "data-axis": axis.name,
          onchange: (event) => {
            chosen[axis.name] = event.target.value;
            search();
          },
        }),
        [["", "any"], ...axis.values.map((value) => [value, value])], ""))));
byId("size").value = remembered.get("wall-size", "128");
byId("size").addEventListener("change", (event) => remembered.set("wall-size", event.target.value));
byId("filters").addEventListener("input", search);
byId("filters").addEventListener("submit", (event) => event.preventDefault());
let waiting = null;
grid.addEventListener("change", () => {
  // Images come one by one while a sweep runs; the wall follows in steps.
  waiting ??= setTimeout(async () => {
    waiting = null;
    measures = (await attempt(() => request("/api/measures"))) ?? measures;
    search();
  }, 2000);
});
search();
