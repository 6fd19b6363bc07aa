// The page that shows another one at each visit. A classic script: modules are not loaded from file://.
"use strict";
(() => {
  const data = window.tmdne;
  const byId = (id) => document.getElementById(id);
  const title = (name) => name.replace("-", " ");
  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  if (byId("picture")) {
    const seconds = 15;
    let current = null;
    let isPaused = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const named = () => data.images.find((image) => image.id === location.hash.slice(1));
    const show = (image) => {
      current = image;
      const picture = byId("picture");
      picture.src = `images/${image.id}.webp`;
      picture.width = image.width;
      picture.height = image.height;
      picture.alt = image.alt;
      byId("permalink").href = `#${image.id}`;
      byId("recipe").textContent = image.recipe;
    };
    const another = () => {
      const others = data.images.filter((image) => image !== current);
      show(others[Math.floor(Math.random() * others.length)] ?? data.images[0]);
    };
    const pause = (value) => {
      isPaused = value;
      byId("pause").setAttribute("aria-pressed", String(value));
    };
    byId("another").hidden = byId("pause").hidden = false;
    byId("another").addEventListener("click", another);
    byId("pause").addEventListener("click", () => pause(!isPaused));
    addEventListener("hashchange", () => {
      if (!named()) return;
      show(named());
      pause(true);
    });
    if (named()) {
      show(named());
      pause(true);
    } else {
      another();
      pause(isPaused);
    }
    setInterval(() => isPaused || document.hidden || another(), seconds * 1000);
  }

  if (byId("grid")) {
    const places = new Map();
    for (const image of data.images) for (const place of image.places) places.set(place.join(), image);
    const names = data.axes.map((axis) => axis.name);
    const view = { columns: names.includes("guidance") ? "guidance" : names[names.length - 1] };
    view.rows = names.includes("style") && view.columns !== "style" ? "style" : names.find((name) => name !== view.columns);
    const pages = Object.fromEntries(names.map((name) => [name, 0]));
    const indexOf = (name) => names.indexOf(name);
    const draw = () => {
      const [rows, columns] = [data.axes[indexOf(view.rows)], data.axes[indexOf(view.columns)]];
      const cell = (row, column) => {
        const place = names.map((name) => (name === view.rows ? row : name === view.columns ? column : pages[name]));
        const image = places.get(place.join());
        if (!image) return make("td", {});
        const picture = make("img", { loading: "lazy", src: `thumbs/${image.id}.webp`, alt: image.alt, width: image.width, height: image.height });
        return make("td", {}, make("a", { href: `index.html#${image.id}` }, picture));
      };
      const columnValues = columns ? columns.values : [""];
      byId("grid").replaceChildren(
        make("thead", {}, make("tr", {}, make("td", {}), ...columnValues.map((value) => make("th", { scope: "col" }, value)))),
        make("tbody", {},
          ...(rows ? rows.values : [""]).map((value, row) =>
            make("tr", {}, make("th", { scope: "row" }, value), ...columnValues.map((_, column) => cell(row, column))))));
      byId("view").replaceChildren(
        ...data.axes.filter((axis) => axis.name !== view.rows && axis.name !== view.columns).map((axis) => {
          const select = make(
            "select", {
              onchange: (event) => {
                pages[axis.name] = event.target.selectedIndex;
                draw();
              },
            },
            ...axis.values.map((value) => make("option", {}, value)));
          select.selectedIndex = pages[axis.name];
          return make("label", {}, `${title(axis.name)} `, select);
        }),
        choice("rows"), choice("columns"));
    };
    const choice = (side) => {
      const select = make("select", {
        onchange: (event) => {
          const other = side === "rows" ? "columns" : "rows";
          if (view[other] === event.target.value) view[other] = view[side];
          view[side] = event.target.value;
          draw();
        },
      }, ...names.map((name) => make("option", { value: name }, title(name))));
      select.value = view[side];
      return make("label", {}, `${side} `, select);
    };
    if (names.length) draw();
    else byId("grid").replaceChildren(make("tbody", {}, make("tr", {}, make("td", {}, "Every image has the same parameters; see the wall."))));
  }
})();
