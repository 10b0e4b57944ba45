"use strict";
// The page reads without this: it sorts and filters tables, and sets one system against the others.
for (const table of document.querySelectorAll("table.sorts")) {
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const titles = Array.from(table.tHead.rows[0].cells);
  titles.forEach((title, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...title.childNodes);
    title.append(button);
    button.addEventListener("click", () => {
      const down = title.getAttribute("aria-sort") !== "descending";
      titles.forEach((other) => other.removeAttribute("aria-sort"));
      title.setAttribute("aria-sort", down ? "descending" : "ascending");
      const text = (row) => row.cells[column].firstChild ? row.cells[column].textContent.trim() : "";
      const number = (row) => {  // a date, say, is none
        const first = text(row).split(/\s/)[0];
        if (first === "inf") return Infinity;
        return /^-?[\d.,]+$/.test(first) ? parseFloat(first.replace(/,/g, "")) : NaN;
      };
      const order = (a, b) => {
        const [x, y] = [number(a), number(b)];
        if (isNaN(x) !== isNaN(y)) return isNaN(x) ? 1 : -1;
        const less = isNaN(x) ? text(a).localeCompare(text(b)) : x - y;
        return down ? -less : less;
      };
      body.append(...rows.sort(order));
    });
  });
  if (rows.length > 8) {
    const filter = document.createElement("input");
    filter.type = "search";
    filter.placeholder = "filter rows";
    filter.setAttribute("aria-label", `filter the rows of: ${table.caption.textContent}`);
    filter.addEventListener("input", () => {
      const words = filter.value.toLowerCase().split(/\s+/);
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
    });
    table.closest(".scroll").before(filter);
  }
}
for (const button of document.querySelectorAll(".legend button")) {
  button.addEventListener("click", () => {
    const chosen = button.getAttribute("aria-pressed") !== "true";
    document.body.classList.toggle("choosing", chosen);
    for (const each of document.querySelectorAll("[data-system]")) {
      const same = each.dataset.system === button.dataset.system;
      each.classList.toggle("chosen", chosen && same);
      if (each.tagName === "BUTTON") each.setAttribute("aria-pressed", chosen && same);
    }
  });
}
