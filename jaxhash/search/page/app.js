// The page: a query (a file, or a picture of the collection), its settings, what it finds.

import { Failure, call, show } from "./api.js";
import { strip } from "./strip.js";

const byId = Object.fromEntries([...document.querySelectorAll("[id]")].map((e) => [e.id, e]));
const PAGE = 48;
const AMONG = 200; // nearest by code that are put in order by features
const number = new Intl.NumberFormat();
const plural = (n, one) => `${number.format(n)} ${one}${n === 1 ? "" : "s"}`;

let about = null;
let query = null; // null, { file } or { id }
let current = new AbortController();
const uploads = []; // files of this visit, for the browser's back button: its history keeps no files

// Settings.

function filter(params) {
  const value = byId.value.value.trim();
  if (value && byId.field.value) params.append("where", `${byId.field.value}=${value}`);
  return params;
}

function settings() {
  const within = byId.settings.elements.mode.value === "within";
  const input = within ? byId.radius : byId.k;
  if (!input.checkValidity() || input.value === "") {
    throw new Failure(`Expected a whole number from ${input.min} to ${input.max}.`);
  }
  const params = new URLSearchParams({ [within ? "radius" : "k"]: input.value });
  if (about.features && byId.rerank.checked) params.append("rerank", String(AMONG));
  return filter(params);
}

function summarise() {
  const within = byId.settings.elements.mode.value === "within";
  const value = byId.value.value.trim();
  const what = within ? `Within ${byId.radius.value} bits` : `The nearest ${byId.k.value}`;
  byId.summary.textContent = value ? `${what}, ${byId.field.value} ${value}` : what;
}

function values() {
  const known = about.metadata[byId.field.value] ?? [];
  byId.values.replaceChildren(...known.map((value) => new Option(value, value)));
}

function describe(found) {
  about = found;
  byId.about.replaceChildren(
    part("", plural(about.images, "picture")),
    part("", `codes of ${plural(about.bits, "bit")}`),
  );
  byId.ranking.hidden = !about.features;
  byId.radius.max = about.bits;
  byId.k.max = about.max_hits;
  const names = Object.keys(about.metadata);
  byId.field.replaceChildren(...names.map((name) => new Option(name, name)));
  if (names.includes("label")) byId.field.value = "label";
  byId.filter.hidden = names.length === 0;
  values();
}

// What is shown.

function say(title, text = "", { wrong = false, command = "" } = {}) {
  const parts = [["strong", title], ["span", text], ["code", command]].filter((p) => p[1]);
  byId.message.className = wrong ? "wrong" : "";
  byId.message.replaceChildren(
    ...parts.map(([tag, words]) => Object.assign(document.createElement(tag), { textContent: words })),
  );
}

function part(kind, text) {
  return Object.assign(document.createElement("span"), { className: kind, textContent: text });
}

function card(item, code) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "hit" });
  const img = Object.assign(document.createElement("img"), { alt: "", loading: "lazy" });
  img.addEventListener("error", () => img.replaceWith(part("unseen", "no picture")));
  show(img, `api/picture?${new URLSearchParams({ id: item.id })}`);
  const text = part("text", "");
  const row = part("row", "");
  if (code !== null) {
    row.append(part("distance", item.distance ? plural(item.distance, "bit") : "same code"));
  }
  if (item.metadata.label) row.append(part("label", item.metadata.label));
  if (row.childNodes.length) text.append(row);
  text.append(strip(item.code, about.bits, code), part("name", item.id));
  button.append(img, text);
  button.title = `Search with ${item.id}`;
  button.addEventListener("click", () => go({ id: item.id }));
  const li = document.createElement("li");
  li.append(button);
  return li;
}

function showQuery() {
  byId.stage.hidden = query === null;
  byId.facts.hidden = query === null;
  byId.prompt.hidden = query !== null;
  byId.drop.classList.toggle("full", query !== null);
  byId.attention.hidden = !about?.attention;
  byId.querycode.replaceChildren();
  hideAttention();
  byId.preview.removeAttribute("src");
  byId.preview.hidden = byId.unseen.hidden = true;
  if (query === null) return;
  byId.queryname.textContent = byId.queryname.title = query.file?.name ?? query.id;
  if (query.file) {
    query.url ??= URL.createObjectURL(query.file);
    byId.preview.src = query.url;
  } else {
    show(byId.preview, `api/picture?${new URLSearchParams({ id: query.id, side: 1024 })}`);
  }
}

// Searching.

const form = (file) => {
  const data = new FormData();
  data.append("image", file, "query"); // its name stays here
  return data;
};

async function ask(params, signal) {
  if (query.id !== undefined) {
    params.append("id", query.id);
    return (await call(`api/similar?${params}`, { signal })).json();
  }
  if (query.file.size > about.max_bytes) {
    throw new Failure(`The file is too large: at most ${Math.floor(about.max_bytes / 2 ** 20)} MB.`, 413);
  }
  const options = { method: "POST", body: form(query.file), signal };
  return (await call(`api/search?${params}`, options)).json();
}

async function find(signal) {
  const { code, hits, total } = await ask(settings(), signal);
  byId.querycode.replaceChildren(strip(code, about.bits));
  byId.grid.replaceChildren(...hits.map((hit) => card(hit, code)));
  byId.legend.hidden = hits.length === 0;
  byId.more.hidden = true;
  byId.heading.textContent =
    total > hits.length
      ? `${plural(total, "picture")}, the nearest ${number.format(hits.length)} shown`
      : plural(total, "picture");
  if (about.images === 0) empty();
  else if (total === 0) say("Nothing that near", "Try more bits, or another filter.");
  else say("");
}

async function browse(signal, after = "") {
  const params = filter(new URLSearchParams({ after, limit: PAGE }));
  const { items, next } = await (await call(`api/items?${params}`, { signal })).json();
  if (!after) byId.grid.replaceChildren();
  byId.grid.append(...items.map((item) => card(item, null)));
  byId.legend.hidden = true;
  byId.heading.textContent = "The collection";
  byId.more.hidden = next === null;
  byId.more.onclick = () => attempt((again) => browse(again, next));
  if (about.images === 0) empty();
  else if (!items.length && !after) say("No such pictures", "Try another filter.");
  else say("");
}

function empty() {
  say("The collection is empty", "Index a folder of pictures, then come back:", {
    command: "python -m jaxhash.search index --images=FOLDER",
  });
}

// Does something that asks the server; a newer wish ends an older one.
async function attempt(work) {
  current.abort();
  const mine = (current = new AbortController());
  byId.results.setAttribute("aria-busy", "true");
  try {
    if (about === null) {
      describe(await (await call("api/about")).json());
      byId.attention.hidden = !about.attention;
    }
    await work(mine.signal);
  } catch (error) {
    if (error.name === "AbortError") return;
    byId.grid.replaceChildren();
    byId.legend.hidden = byId.more.hidden = true;
    byId.heading.textContent = "No results";
    const useless = [400, 413, 415].includes(error.status) && query?.file;
    if (useless) {
      query = null;
      showQuery();
    }
    say(useless ? "This file cannot be used" : "That did not work", sentence(error), {
      wrong: true,
    });
  }
  if (mine === current) byId.results.setAttribute("aria-busy", "false");
}

function sentence(error) {
  if (!(error instanceof Failure)) console.error(error);
  const text = error.message;
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.?!]$/.test(text) ? "" : ".");
}

const refresh = () => attempt(query === null ? browse : find);

// Takes a new query, and remembers it for the browser's back button.
function go(next) {
  query = next;
  const place = next?.id === undefined ? "./" : `#${new URLSearchParams({ id: next.id })}`;
  const upload = next?.file ? uploads.push(next.file) - 1 : undefined;
  history.pushState({ upload }, "", place);
  showQuery();
  byId.heading.focus({ preventScroll: true });
  byId.results.scrollIntoView({ block: "nearest" });
  window.scrollTo({ top: 0 });
  refresh();
}

// Attention.

function hideAttention() {
  byId.overlay.hidden = true;
  byId.attention.setAttribute("aria-pressed", "false");
}

async function toggleAttention() {
  if (!byId.overlay.hidden) return hideAttention();
  const asked = query;
  try {
    asked.overlay ??= URL.createObjectURL(
      await (
        await (asked.file
          ? call("api/attention", { method: "POST", body: form(asked.file) })
          : call(`api/attention?${new URLSearchParams({ id: asked.id })}`))
      ).blob(),
    );
  } catch (error) {
    return say("The network did not show where it looks", sentence(error), { wrong: true });
  }
  if (asked !== query) return;
  byId.overlay.src = asked.overlay;
  byId.overlay.hidden = false;
  byId.attention.setAttribute("aria-pressed", "true");
}

// Events.

byId.preview.addEventListener("load", () => (byId.preview.hidden = false));
byId.preview.addEventListener("error", () => {
  byId.unseen.textContent = query?.file ? "No preview of this format" : "The picture cannot be read";
  byId.unseen.hidden = query === null;
});

const take = (files) => files?.length && go({ file: files[0] });
let later = 0;

byId.file.addEventListener("change", () => {
  take(byId.file.files);
  byId.file.value = ""; // so that the same file can be chosen again
});
document.addEventListener("paste", (event) => take(event.clipboardData?.files));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  byId.drop.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) byId.drop.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  byId.drop.classList.remove("over");
  take(event.dataTransfer?.files);
});
byId.attention.addEventListener("click", toggleAttention);
byId.settings.addEventListener("submit", (event) => event.preventDefault());
byId.settings.addEventListener("input", (event) => {
  if (event.target === byId.k) byId.settings.elements.mode.value = "nearest";
  if (event.target === byId.radius) byId.settings.elements.mode.value = "within";
  if (event.target === byId.field) {
    byId.value.value = "";
    values();
  }
  summarise();
  clearTimeout(later);
  later = setTimeout(refresh, 250);
});
byId.home.addEventListener("click", (event) => {
  event.preventDefault();
  go(null);
});
window.addEventListener("popstate", (event) => enter(event.state));

function enter(state) {
  const file = uploads[state?.upload];
  const id = new URLSearchParams(location.hash.slice(1)).get("id");
  query = file ? { file } : id ? { id } : null;
  showQuery();
  refresh();
}

byId.folded.open = matchMedia("(min-width: 820px)").matches;
summarise();
enter(history.state);
