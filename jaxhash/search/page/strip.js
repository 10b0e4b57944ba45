// Draws a code as a strip of its bits; those that differ from another code stand out.

const SVG = "http://www.w3.org/2000/svg";
const COLUMNS = 64;
const HEIGHT = 4;

// "a0" -> [1, 0, 1, 0, 0, 0, 0, 0], cut to the number of bits.
export function bitsOf(hex, count) {
  return [...hex].flatMap((digit) => {
    const value = parseInt(digit, 16);
    return [8, 4, 2, 1].map((bit) => (value & bit ? 1 : 0));
  }).slice(0, count);
}

export function strip(code, count, query = null) {
  const bits = bitsOf(code, count);
  const other = query === null ? bits : bitsOf(query, count);
  const columns = Math.min(count, COLUMNS);
  const rows = Math.ceil(count / columns);
  const cells = { zeros: "", ones: "", differs: "" };
  const different = [];
  bits.forEach((bit, i) => {
    const kind = bit !== other[i] ? "differs" : bit ? "ones" : "zeros";
    if (kind === "differs") different.push(i + 1);
    cells[kind] += `M${i % columns} ${Math.floor(i / columns) * (HEIGHT + 1)}h.8v${HEIGHT}h-.8z`;
  });
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${columns - 0.2} ${rows * (HEIGHT + 1) - 1}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "strip");
  svg.setAttribute("role", "img");
  svg.setAttribute("height", String(rows * 14 - 2));
  const label = different.length ? `differs in bit ${different.join(", ")}` : "the same code";
  svg.setAttribute("aria-label", query === null ? `a code of ${count} bits` : label);
  for (const [kind, path] of Object.entries(cells)) {
    const element = document.createElementNS(SVG, "path");
    element.setAttribute("class", kind);
    element.setAttribute("d", path);
    svg.append(element);
  }
  return svg;
}
