// Small plots as SVG: axes, and as many points as there are images.

const width = 480;
const height = 200;
const margin = { left: 46, right: 10, top: 10, bottom: 34 };

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A step of 1, 2 or 5 times a power of ten that cuts a length into about five. */
function step(length) {
  const raw = length / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw);
}

function frame(container, xMax, yMax, names, description) {
  const x = (value) => margin.left + (value / (xMax || 1)) * (width - margin.left - margin.right);
  const y = (value) => height - margin.bottom - (value / (yMax || 1)) * (height - margin.top - margin.bottom);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": description, class: "plot" });
  for (let value = 0; value <= (yMax || 1) * 1.0001; value += step(yMax || 1)) {
    root.append(
      svg("line", { x1: margin.left, x2: width - margin.right, y1: y(value), y2: y(value), class: "rule" }),
      svg("text", { x: margin.left - 5, y: y(value) + 4, "text-anchor": "end" }, `${Number(value.toPrecision(3))}`));
  }
  for (let value = 0; names.x && value <= (xMax || 1) * 1.0001; value += step(xMax || 1)) {
    root.append(svg("text", { x: x(value), y: height - margin.bottom + 15, "text-anchor": "middle" }, `${Number(value.toPrecision(3))}`));
  }
  root.append(svg("text", { x: width - margin.right, y: height - 4, "text-anchor": "end", class: "name" }, names.x ?? ""));
  container.replaceChildren(root);
  return { root, x, y };
}

const largest = (values) => values.reduce((most, value) => Math.max(most, value), 0);

/** A step for each value, all of one width on the x axis. */
export function steps(container, values, span, names) {
  const most = largest(values);
  const plot = frame(container, values.length * span, most * 1.1, names, `${names.y} over ${names.x}, at most ${most.toFixed(1)}`);
  values.forEach((value, index) => {
    const left = plot.x(index * span);
    plot.root.append(
      svg("rect", { class: "series-0 area", x: left.toFixed(1), width: Math.max(1, plot.x((index + 1) * span) - left - 0.5).toFixed(1), y: plot.y(value).toFixed(1), height: (plot.y(0) - plot.y(value)).toFixed(1) }));
  });
}

/** Points of several series, `{name, points: [[x, y]]}`, with a legend. */
export function scatter(container, series, names) {
  const points = series.flatMap((one) => one.points);
  const plot = frame(container, largest(points.map(([x]) => x)), largest(points.map(([, y]) => y)) * 1.1, names, `${names.y} over ${names.x}, ${points.length} images`);
  series.forEach((one, index) => {
    const path = one.points.map(([x, y]) => `M${plot.x(x).toFixed(1)},${plot.y(y).toFixed(1)}h0`).join("");
    plot.root.append(svg("path", { class: `series-${index % 6} dots`, d: path }));
  });
  legend(container, series.map((one) => one.name));
}

/** One stacked bar for each row, `{name, values}`, one value for each part. */
export function bars(container, parts, rows) {
  const most = largest(rows.map((row) => row.values.reduce((sum, value) => sum + value, 0)));
  const barHeight = 26;
  const root = svg("svg", {
    viewBox: `0 0 ${width} ${Math.max(1, rows.length) * (barHeight + 8)}`, role: "img", class: "plot",
    "aria-label": rows.map((row) => `${row.name}: ${parts.map((part, index) => `${part} ${row.values[index].toFixed(2)} s`).join(", ")}`).join("; ") || "No image yet",
  });
  rows.forEach((row, line) => {
    let x = 110;
    root.append(svg("text", { x: 104, y: line * (barHeight + 8) + 18, "text-anchor": "end" }, row.name.slice(0, 16)));
    row.values.forEach((value, index) => {
      const length = most ? (value / most) * (width - 180) : 0;
      root.append(svg("rect", { x, y: line * (barHeight + 8), width: length.toFixed(1), height: barHeight, class: `series-${index} area` },
        svg("title", {}, `${parts[index]}: ${value.toFixed(3)} s`)));
      x += length;
    });
    root.append(svg("text", { x: x + 5, y: line * (barHeight + 8) + 18 }, `${row.values.reduce((sum, value) => sum + value, 0).toFixed(2)} s`));
  });
  container.replaceChildren(root);
  legend(container, parts);
}

function legend(container, names) {
  const list = document.createElement("ul");
  list.className = "legend";
  names.forEach((name, index) => {
    const item = document.createElement("li");
    item.className = `series-${index % 6}`;
    item.textContent = name;
    list.append(item);
  });
  container.append(list);
}
