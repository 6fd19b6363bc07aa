// The grid as the coordinator knows it, kept up to date by server-sent events.
import { byId, request, stateWords, verdictWords, axisTitle } from "./common.js";

export class Grid extends EventTarget {
  /** Loads the grid and how it stands, and follows what changes. */
  static async load() {
    const [fixed, marks] = await Promise.all([request("/api/grid"), request("/api/marks")]);
    return new Grid(fixed, marks);
  }

  constructor(fixed, marks) {
    super();
    this.sweep = fixed.sweep;
    this.positions = fixed.positions;
    this.cells = fixed.cells;
    this.fixed = fixed.fixed;
    this.axes = fixed.axes;
    this.byName = new Map(fixed.axes.map((axis) => [axis.name, axis]));
    this.places = new Map();
    for (let position = 0; position < this.positions; position++) {
      const place = this.placeOf(position);
      // A value that is named twice shows the same image twice; the first stands for both.
      if (!this.places.has(place)) this.places.set(place, position);
    }
    this.#take(marks);
    this.#follow();
  }

  axis(name) {
    return this.byName.get(name);
  }

  /** The value of an axis at a position, also of an axis that does not vary. */
  value(position, name) {
    const axis = this.axis(name);
    return axis ? axis.values[axis.indices[position]] : this.fixed[name];
  }

  /** A number that stands for the values of all axes. */
  placeOf(position, changed = {}) {
    let place = 0;
    for (const axis of this.axes) {
      place = place * axis.values.length + (changed[axis.name] ?? axis.indices[position]);
    }
    return place;
  }

  /** The position with other values of some axes, given by their indices; undefined where the grid has none. */
  at(position, changed) {
    return this.places.get(this.placeOf(position, changed));
  }

  /** The position with these indices for all axes. */
  find(indices) {
    let place = 0;
    for (const axis of this.axes) place = place * axis.values.length + (indices[axis.name] ?? 0);
    return this.places.get(place);
  }

  hasImage(position) {
    return this.images[position] !== "";
  }

  thumbnail(position) {
    return `/thumbs/${position}?${this.images[position]}`;
  }

  picture(position) {
    return `/pictures/${position}?${this.images[position]}`;
  }

  /** The values of the varying axes in words. */
  describe(position, leaveOut = []) {
    return this.axes
      .filter((axis) => !leaveOut.includes(axis.name))
      .map((axis) => `${axisTitle(axis.name)} ${this.value(position, axis.name)}`)
      .join(", ");
  }

  /** A label for people who do not see the picture. */
  label(position) {
    const verdict = this.verdicts[position];
    return `${this.describe(position)}: ${stateWords[this.states[position]]}${
      verdict === "-" ? "" : `, ${verdictWords[verdict]}`
    }`;
  }

  /** One position for each image. */
  distinct() {
    const seen = new Set();
    const found = [];
    for (let position = 0; position < this.positions; position++) {
      if (seen.has(this.cells[position])) continue;
      seen.add(this.cells[position]);
      found.push(position);
    }
    return found;
  }

  #take(marks) {
    this.revision = marks.revision;
    this.states = [...marks.states];
    this.images = marks.images;
    this.verdicts = [...marks.verdicts];
  }

  #follow() {
    const line = byId("connection");
    let source = null;
    const listen = () => {
      source = new EventSource("/api/events");
      source.addEventListener("open", () => (line.textContent = ""));
      source.addEventListener("error", ({ target }) => {
        line.textContent = "Not connected; trying again…";
        // Refused, which ends a source for good. Asking once more leads to the sign-in whoever is no longer signed in.
        if (target.readyState !== EventSource.CLOSED) return;
        request("/api/status").catch(() => {});
        setTimeout(() => target === source && document.visibilityState === "visible" && listen(), 5000);
      });
      source.addEventListener("marks", (event) => this.#apply(JSON.parse(event.data)));
      source.addEventListener("status", (event) =>
        this.dispatchEvent(new CustomEvent("status", { detail: JSON.parse(event.data) })));
    };
    // Browsers hold six connections to a host: with six tabs that listen, none could load an image. One that nobody sees
    // listens to nothing; what it missed it asks for when it is seen again.
    document.addEventListener("visibilitychange", () => {
      source?.close();
      if (document.visibilityState === "visible") listen();
    });
    addEventListener("pagehide", () => source?.close());
    if (document.visibilityState === "visible") listen();
  }

  async #apply(event) {
    if (event.revision === this.revision) return;
    let changed = null;
    if (event.from === this.revision && event.changes) {
      this.revision = event.revision;
      changed = event.changes.map(([position, state, image, verdict]) => {
        this.states[position] = state;
        this.images[position] = image;
        this.verdicts[position] = verdict;
        return position;
      });
    } else {
      // Events were missed, or there were too many to tell.
      this.#take(await request("/api/marks"));
    }
    this.dispatchEvent(new CustomEvent("change", { detail: changed }));
  }
}
