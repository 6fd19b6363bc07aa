// One image in full, scrubbed along the axes by keys, beside another, or as the difference of the two.
import { attempt, axisTitle, make, number, request, stateWords, verdictWords } from "./common.js";

export class Viewer {
  #dialog;
  #frame;
  #grid;
  #position = 0;
  #pinned = null;
  #mode = "one";
  #playing = null;
  #details;

  /** `columns` and `rows` name the axes that the arrow keys follow; `null` where there is none. */
  constructor(grid) {
    this.#grid = grid;
    this.scrubAxis = grid.axis("guidance")?.name ?? grid.axes.at(-1)?.name ?? null;
    this.rowAxis = grid.axes.find((axis) => axis.name !== this.scrubAxis)?.name ?? null;
    this.#build();
    grid.addEventListener("change", (event) => {
      if (this.#dialog.open && (!event.detail || event.detail.includes(this.#position))) this.#show();
    });
  }

  open(position) {
    this.#position = position;
    if (!this.#dialog.open) this.#dialog.showModal();
    // Not the slider, which would take the arrow keys for itself.
    this.#dialog.focus();
    this.#show();
  }

  #build() {
    const button = (text, key, action) =>
      make("button", { type: "button", onclick: action }, text, " ", make("kbd", {}, key));
    this.buttons = {
      play: button("Play", "P", () => this.#play()),
      beside: button("Compare with this", "C", () => this.#pin()),
      difference: button("Difference", "D", () => this.#toggleDifference()),
      details: button("Details", "M", () => this.#toggleDetails()),
    };
    this.judge = button("Judge", "J", () => this.#judge());
    this.image = make("img", { class: "full", alt: "" });
    this.empty = make("p", { class: "empty" });
    this.shortCaption = make("figcaption", { hidden: true });
    this.caption = make("p", { class: "caption", role: "status" });
    this.slider = make("input", { type: "range", min: 0, step: 1, oninput: () => this.#jump(this.slider.valueAsNumber) });
    this.sliderLabel = make("label", { class: "scrub" }, make("span"), this.slider);
    this.other = make("figure", { class: "other", hidden: true });
    this.difference = make("figure", { class: "difference", hidden: true });
    this.#details = make("div", { class: "details", tabIndex: 0, role: "region", "aria-label": "Details" });
    this.#frame = make(
      "div", { class: "frame" },
      make("div", { class: "stage" }, make("figure", {}, this.image, this.empty, this.shortCaption), this.other, this.difference),
      make("div", { class: "controls" }, this.caption, this.sliderLabel,
        make("p", { class: "buttons" },
          ...Object.values(this.buttons), this.judge, button("Full screen", "F", () => this.#toggleFullScreen()),
          button("Close", "Esc", () => this.#dialog.close()))),
      this.#details,
      // Those of the page lie below a dialog.
      make("div", { class: "messages", role: "alert" }));
    this.#dialog = make(
      "dialog", { class: "viewer", "aria-label": "Image", tabIndex: -1, autofocus: true, onkeydown: (event) => this.#key(event), onclose: () => this.#stop() },
      this.#frame);
    document.body.append(this.#dialog);
    let start = null;
    this.image.addEventListener("touchstart", (event) => (start = event.touches[0].clientX), { passive: true });
    this.image.addEventListener("touchend", (event) => {
      const distance = event.changedTouches[0].clientX - (start ?? event.changedTouches[0].clientX);
      if (Math.abs(distance) > 40) this.#step(this.scrubAxis, distance < 0 ? 1 : -1);
    });
  }

  #key(event) {
    const third = this.#grid.axes.find((axis) => axis.name !== this.scrubAxis && axis.name !== this.rowAxis)?.name;
    const actions = {
      ArrowRight: () => this.#step(this.scrubAxis, 1), ArrowLeft: () => this.#step(this.scrubAxis, -1),
      ArrowDown: () => this.#step(this.rowAxis, 1), ArrowUp: () => this.#step(this.rowAxis, -1),
      PageDown: () => this.#step(third, 1), PageUp: () => this.#step(third, -1),
      Home: () => this.#jump(0), End: () => this.#jump(Infinity),
      c: () => this.#pin(), d: () => this.#toggleDifference(), m: () => this.#toggleDetails(), p: () => this.#play(),
      f: () => this.#toggleFullScreen(), j: () => this.#judge(),
    };
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  }

  #step(name, by) {
    const axis = this.#grid.axis(name);
    if (!axis) return false;
    const index = axis.indices[this.#position] + by;
    const next = index < 0 || index >= axis.values.length ? undefined : this.#grid.at(this.#position, { [name]: index });
    if (next === undefined) return false;
    this.#position = next;
    this.#show();
    return true;
  }

  #jump(index) {
    const axis = this.#grid.axis(this.scrubAxis);
    if (!axis) return;
    this.#position =
      this.#grid.at(this.#position, { [axis.name]: Math.min(index, axis.values.length - 1) }) ?? this.#position;
    this.#show();
  }

  #play() {
    if (this.#playing) return this.#stop();
    this.#playing = setInterval(() => this.#step(this.scrubAxis, 1) || this.#jump(0), 500);
    this.#showModes();
  }

  #stop() {
    clearInterval(this.#playing);
    this.#playing = null;
    this.#showModes();
  }

  #pin() {
    this.#pinned = this.#pinned === this.#position ? null : this.#position;
    this.#mode = this.#pinned === null ? "one" : "beside";
    this.#show();
  }

  #toggleDifference() {
    if (this.#pinned === null) this.#pinned = this.#position;
    this.#mode = this.#mode === "difference" ? "beside" : "difference";
    this.#show();
  }

  #toggleFullScreen() {
    // Not the dialog, which no browser has to let (https://fullscreen.spec.whatwg.org/#dom-element-requestfullscreen).
    attempt(() => (document.fullscreenElement ? document.exitFullscreen() : this.#frame.requestFullscreen()));
  }

  /** Goes to the audit of the image. */
  #judge() {
    if (this.#grid.hasImage(this.#position)) location.assign(`/audit?position=${this.#position}`);
  }

  #toggleDetails() {
    this.#dialog.classList.toggle("with-details");
    this.#show();
  }

  #show() {
    const grid = this.#grid;
    const position = this.#position;
    this.#dialog.dataset.position = position;
    const has = grid.hasImage(position);
    this.image.hidden = !has;
    this.empty.hidden = has;
    this.judge.disabled = !has;
    this.empty.textContent = stateWords[grid.states[position]];
    if (has) this.image.src = grid.picture(position);
    this.image.alt = grid.label(position);
    const verdict = grid.verdicts[position];
    this.caption.textContent =
      (grid.axes.map((axis) => grid.value(position, axis.name)).join(" · ") || grid.sweep) +
      (verdict === "-" ? "" : ` · ${verdictWords[verdict]}`);
    const axis = grid.axis(this.scrubAxis);
    this.sliderLabel.hidden = !axis;
    if (axis) {
      this.sliderLabel.firstChild.textContent = axisTitle(axis.name);
      this.slider.max = axis.values.length - 1;
      this.slider.value = axis.indices[position];
      this.slider.setAttribute("aria-valuetext", axis.values[axis.indices[position]]);
      for (const by of [1, -1, 2]) {
        const index = axis.indices[position] + by;
        const next = axis.values[index] === undefined ? undefined : grid.at(position, { [axis.name]: index });
        if (next !== undefined && grid.hasImage(next)) new Image().src = grid.picture(next);
      }
    }
    this.#showOther();
    this.#showModes();
    if (this.#dialog.classList.contains("with-details")) this.#showDetails(position);
  }

  /** What is switched on. */
  #showModes() {
    const modes = {
      play: this.#playing !== null, beside: this.#mode !== "one", difference: this.#mode === "difference",
      details: this.#dialog.classList.contains("with-details"),
    };
    for (const [name, isOn] of Object.entries(modes)) this.buttons[name].setAttribute("aria-pressed", String(isOn));
  }

  #showOther() {
    const grid = this.#grid;
    const isPaired = this.#mode !== "one" && this.#pinned !== null && grid.hasImage(this.#pinned);
    this.other.hidden = !isPaired;
    this.difference.hidden = !(isPaired && this.#mode === "difference" && grid.hasImage(this.#position));
    this.shortCaption.hidden = !isPaired;
    if (!isPaired) return;
    const same = grid.axes.filter((axis) => axis.indices[this.#pinned] === axis.indices[this.#position]).map((axis) => axis.name);
    this.shortCaption.textContent = grid.describe(this.#position, same) || "the same";
    this.other.replaceChildren(
      make("img", { class: "full", src: grid.picture(this.#pinned), alt: grid.label(this.#pinned) }),
      make("figcaption", {}, `held: ${grid.describe(this.#pinned, same) || "the same"}`));
    if (!this.difference.hidden) attempt(() => this.#showDifference(this.#position, this.#pinned));
  }

  async #showDifference(first, second) {
    const [a, b] = await Promise.all([first, second].map((position) => pixels(this.#grid.picture(position))));
    if (first !== this.#position || second !== this.#pinned) return;
    if (a.width !== b.width || a.height !== b.height) throw new Error("The two images have different sizes.");
    const gain = 4;
    const canvas = make("canvas", { class: "full", width: a.width, height: a.height });
    const result = new ImageData(a.width, a.height);
    let sum = 0;
    let largest = 0;
    for (let index = 0; index < a.data.length; index++) {
      const isAlpha = index % 4 === 3;
      const distance = Math.abs(a.data[index] - b.data[index]);
      result.data[index] = isAlpha ? 255 : Math.min(255, gain * distance);
      if (isAlpha) continue;
      sum += distance;
      largest = Math.max(largest, distance);
    }
    canvas.getContext("2d").putImageData(result, 0, 0);
    const mean = sum / (a.width * a.height * 3);
    this.difference.replaceChildren(
      canvas,
      make("figcaption", {}, `difference × ${gain}; mean ${mean.toFixed(2)}, largest ${largest} of 255`));
  }

  async #showDetails(position) {
    const answer = await attempt(() => request(`/api/positions/${position}`));
    if (!answer || position !== this.#position) return;
    const row = answer.row;
    const lines = [
      ["prompt", row.prompt], ["style", row.style], ["guidance", row.guidance], ["seed", row.seed], ["sampler", row.sampler],
      ["steps", row.steps], ["size", `${row.width} × ${row.height}`], ["state", row.state], ["worker", row.worker],
      ["attempts", row.attempts], ["cell", row.cell],
    ];
    for (const name of ["encode", "denoise", "decode", "png", "upload", "total"]) {
      if (row.timings) lines.push([name, `${number(row.timings[name], 2)} s`]);
    }
    for (const name of ["contrast", "sharpness", "highlights", "shadows", "saturation"]) {
      if (row.measures) lines.push([`${name} (hint)`, row.measures[name].toPrecision(3)]);
    }
    if (row.reading) lines.push(["reads (hint)", row.reading.text.replaceAll("\n", " / ") || "nothing"]);
    for (const opinion of answer.opinions) {
      const reasons = [...opinion.tags, opinion.note].filter(Boolean).join(", ");
      lines.push([opinion.auditor, `${opinion.verdict}${reasons ? `: ${reasons}` : ""}`]);
    }
    this.#details.replaceChildren(
      make("dl", {},
        ...lines.filter(([, value]) => value !== null && value !== undefined)
          .flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, String(value))])),
      row.image ? make("p", {}, make("a", { href: this.#grid.picture(position) }, "The PNG file")) : "");
  }
}

async function pixels(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error("An image could not be loaded.");
  const bitmap = await createImageBitmap(await response.blob());
  const canvas = make("canvas", { width: bitmap.width, height: bitmap.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}
