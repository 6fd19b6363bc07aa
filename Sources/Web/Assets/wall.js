// Tiles of images, and a wall of them that holds in the document only what can be seen.
import { make, stateWords } from "./common.js";

/** Pixels between tiles of a wall. */
const gap = 6;

/** A tile of a position; `fillTile` shows how it stands. */
export function makeTile(onOpen) {
  return make("button", { type: "button", class: "tile", onclick: onOpen });
}

export function fillTile(tile, grid, position, size, text = "") {
  const image = grid.images[position];
  const mark = `${position} ${image} ${grid.states[position]} ${grid.verdicts[position]} ${size > 256} ${text}`;
  if (tile.dataset.mark === mark) return;
  tile.dataset.mark = mark;
  tile.dataset.position = position;
  tile.dataset.state = grid.states[position];
  tile.dataset.verdict = grid.verdicts[position];
  tile.setAttribute("aria-label", grid.label(position));
  const source = image ? (size > 256 ? grid.picture(position) : grid.thumbnail(position)) : null;
  const [shown, ...others] = tile.children;
  // An image that stays what it is stays where it is: put there again, it would appear anew.
  if (source !== null && shown?.getAttribute("src") === source) for (const other of others) other.remove();
  else {
    tile.replaceChildren(
      source === null
        ? make("span", { class: "state" }, stateWords[grid.states[position]])
        : make("img", { src: source, alt: "", decoding: "async", draggable: false }));
  }
  if (text) tile.append(make("span", { class: "text" }, text));
}

export class Wall {
  #tiles = new Map();
  #inner = make("div", {});
  #positions = [];
  #texts = [];

  constructor(container, grid, onOpen) {
    this.container = container;
    this.grid = grid;
    this.onOpen = onOpen;
    this.size = 128;
    container.replaceChildren(this.#inner);
    container.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(container);
    container.addEventListener("keydown", (event) => this.#move(event));
  }

  show(positions, texts = []) {
    this.#positions = positions;
    this.#texts = texts;
    for (const tile of this.#tiles.values()) tile.remove();
    this.#tiles.clear();
    this.draw();
  }

  get #columns() {
    return Math.max(1, Math.floor((this.container.clientWidth + gap) / (this.size + gap)));
  }

  /** From one tile to the next: as large as asked for, and larger until the row is full. */
  get #pitch() {
    return Math.max(gap + 1, Math.floor((this.container.clientWidth + gap) / this.#columns));
  }

  draw() {
    const step = this.#pitch;
    const columns = this.#columns;
    const rows = Math.ceil(this.#positions.length / columns);
    this.#inner.style.height = `${rows * step}px`;
    const first = Math.max(0, Math.floor(this.container.scrollTop / step) - 2) * columns;
    const last = Math.min(
      this.#positions.length,
      (Math.ceil((this.container.scrollTop + this.container.clientHeight) / step) + 2) * columns);
    for (const [index, tile] of this.#tiles) {
      if (index >= first && index < last) continue;
      tile.remove();
      this.#tiles.delete(index);
    }
    for (let index = first; index < last; index++) {
      let tile = this.#tiles.get(index);
      if (!tile) {
        tile = makeTile(() => this.onOpen(this.#positions[index]));
        tile.dataset.index = index;
        this.#tiles.set(index, tile);
        this.#inner.append(tile);
      }
      tile.style.transform = `translate(${(index % columns) * step}px, ${Math.floor(index / columns) * step}px)`;
      tile.style.width = tile.style.height = `${step - gap}px`;
      fillTile(tile, this.grid, this.#positions[index], this.size, this.#texts[index]);
    }
  }

  #move(event) {
    const index = Number(event.target.dataset?.index);
    if (Number.isNaN(index)) return;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.#columns, ArrowUp: -this.#columns };
    const next = index + (steps[event.key] ?? 0);
    if (next === index || next < 0 || next >= this.#positions.length) return;
    event.preventDefault();
    const step = this.#pitch;
    const top = Math.floor(next / this.#columns) * step;
    const box = this.container;
    if (top < box.scrollTop) box.scrollTop = top;
    if (top + step > box.scrollTop + box.clientHeight) box.scrollTop = top + step - box.clientHeight;
    this.draw();
    this.#tiles.get(next)?.focus({ preventScroll: true });
  }
}
