// Building the page and talking to the control API. Texts of clients and vendors only ever become text nodes.

/** Makes an element; `attributes` never carries markup, `children` are elements or text. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Asks the control API; an error carries the API's reason. */
export async function ask(method, path, body) {
  const response = await fetch(`/control${path}`, {
    method,
    headers: body === undefined ? {} : { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  const answer = text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : { error: text };
  if (!response.ok) throw new Error(answer.error ?? `HTTP ${response.status}`);
  return answer;
}

const shown = new WeakMap();

/** Calls `draw` only when `data` differs from what this element shows, so that focus and scrolling survive. */
export function redraw(element, data, draw) {
  const text = JSON.stringify(data) ?? "";
  if (shown.get(element) === text) return;
  shown.set(element, text);
  draw(element, data);
}

const formats = {
  clock: { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" },
  minute: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  time: { hour: "2-digit", minute: "2-digit" },
  seconds: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  day: { weekday: "short", day: "numeric", month: "short" },
};

/** A moment in the given zone, or in the browser's. */
export function moment(at, format, timeZone) {
  return new Intl.DateTimeFormat("en-GB", { ...formats[format], timeZone, hourCycle: "h23" }).format(new Date(at));
}

export const empty = (text) => el("p", { class: "empty" }, text);
