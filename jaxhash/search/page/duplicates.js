// The page of near-duplicates: groups side by side, for a person to choose; it deletes nothing.

import { call, show } from "./api.js";

const byId = Object.fromEntries([...document.querySelectorAll("[id]")].map((e) => [e.id, e]));
const number = new Intl.NumberFormat();
const plural = (n, one) => `${number.format(n)} ${one}${n === 1 ? "" : "s"}`;

const element = (tag, className, text = "") =>
  Object.assign(document.createElement(tag), { className, textContent: text });

function card(each) {
  const link = element("a", "hit");
  link.href = `./#${new URLSearchParams({ id: each.id })}`;
  link.title = `Search with ${each.id}`;
  const img = Object.assign(document.createElement("img"), { alt: "", loading: "lazy" });
  img.addEventListener("error", () => img.replaceWith(element("span", "unseen", "no picture")));
  show(img, `api/picture?${new URLSearchParams({ id: each.id })}`);
  const text = element("span", "text");
  if (each.width !== null) {
    const row = element("span", "row");
    row.append(element("span", "label", `${each.width} × ${each.height}`));
    row.append(element("span", "label", plural(each.bytes, "byte")));
    text.append(row);
  }
  if (each.same) text.append(element("span", "distance", "same bytes"));
  text.append(element("span", "name", each.id));
  link.append(img, text);
  const li = document.createElement("li");
  li.append(link);
  return li;
}

function shown(group) {
  const list = element("ul", "grid");
  list.append(...group.map(card));
  const li = document.createElement("li");
  li.append(element("h2", "", plural(group.length, "picture")), list);
  return li;
}

function say(title, text = "", wrong = false) {
  byId.message.className = wrong ? "wrong" : "";
  byId.message.replaceChildren(element("strong", "", title), element("span", "", text));
}

async function find() {
  byId.results.setAttribute("aria-busy", "true");
  byId.groups.replaceChildren();
  byId.message.replaceChildren();
  byId.heading.textContent = "Looking for near-duplicates …";
  const params = new URLSearchParams(byId.radius.value ? { radius: byId.radius.value } : {});
  try {
    const { radius, groups, total } = await (await call(`api/duplicates?${params}`)).json();
    byId.radius.value = radius;
    byId.groups.replaceChildren(...groups.map(shown));
    byId.heading.textContent =
      total > groups.length
        ? `${plural(total, "group")}, the first ${number.format(groups.length)} shown`
        : plural(total, "group");
    if (!total) say("No near-duplicates", "Allow more bits to find pictures that differ more.");
  } catch (error) {
    byId.heading.textContent = "No results";
    say("That did not work", error.message, true);
  }
  byId.results.setAttribute("aria-busy", "false");
}

byId.settings.addEventListener("submit", (event) => {
  event.preventDefault();
  find();
});
find();
