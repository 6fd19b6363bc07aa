// What every page needs: elements, requests, messages, remembered choices.

/** Makes an element; properties whose name begins with `on` are listeners, `class` and `aria-…` are attributes. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.startsWith("aria")) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Sends a request and reads the JSON that comes back; what the server has to say against it becomes an error. */
export async function request(path, method = "GET", body = undefined) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Error("The coordinator does not answer; is it still running?");
  }
  if (response.status === 401) location.assign("/login");
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `The coordinator answered ${response.status}.`);
  return answer;
}

/** Shows a sentence for some seconds. */
export function tell(text, isError = true) {
  const line = make("p", { class: isError ? "error" : "note" }, text);
  (document.querySelector("dialog[open] .messages") ?? byId("messages")).append(line);
  setTimeout(() => line.remove(), 8000);
}

/** Runs something asynchronous whose errors a person should read. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    tell(error.message);
    return undefined;
  }
}

/** Choices that a browser remembers; without storage it forgets them. */
export const remembered = {
  get(name, fallback) {
    try {
      return localStorage.getItem(`tmdne.${name}`) ?? fallback;
    } catch {
      return fallback;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`tmdne.${name}`, value);
    } catch {
      // Private windows may refuse; the choice then lasts as long as the page.
    }
  },
};

// A phone has more use for images than for the choices above them.
if (matchMedia("(max-width: 46rem)").matches) {
  for (const choices of document.querySelectorAll(".choose")) choices.open = false;
}

const axisTitles = { "negative-prompt": "negative prompt" };
export const axisTitle = (name) => axisTitles[name] ?? name;

export const stateWords = { p: "pending", l: "rendering", d: "done", f: "failed" };
export const verdictWords = { k: "kept", r: "rejected", x: "disputed", "-": "not judged" };

/** `45 s`, `12 min`, `3 h 5 min`: as exact as an estimate is. */
export function duration(seconds) {
  const whole = Math.ceil(seconds);
  if (whole < 90) return `${whole} s`;
  if (whole < 5400) return `${Math.round(whole / 60)} min`;
  if (whole < 172800) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

export function number(value, digits = 1) {
  return value === null || value === undefined ? "–" : value.toFixed(Math.abs(value) < 100 ? digits : 0);
}

/** Whether a key event belongs to a field that the person is writing in. */
export function isWriting(event) {
  return event.target.matches?.("input:not([type=checkbox]):not([type=range]), textarea, select") ?? false;
}

/** Fills a select; `choices` are pairs of value and text. */
export function fill(select, choices, chosen) {
  select.replaceChildren(...choices.map(([value, text]) => make("option", { value }, text)));
  select.value = String(chosen);
  return select;
}
