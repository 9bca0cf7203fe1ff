// The units as a table beside the graph: sortable, and its rows select.

import type { Actions } from "./actions";
import type { View } from "./derive";
import { h, say } from "./dom";
import { download, fileName } from "./download";
import { foldable } from "./fold";
import { csvOf } from "./lists";
import type { Part } from "./part";
import { COLUMNS, columnsOf, rowsOf, sorted, type Column, type Order, type Row } from "./rows";
import { unitMark, unitName } from "./unitwords";
import { unitsOf } from "./search";
import { counted, plural } from "./words";

const AT_FIRST = 100;
const WHILE_PLAYING = 500;

export function createUnits(actions: Actions): Part {
  let order: Order = { column: "unit", descending: false };
  let most = AT_FIRST;
  let view: View | null = null;
  let drawn: readonly unknown[] = [];
  let timer: ReturnType<typeof setTimeout> | null = null;
  let active = -1;

  const head = h("tr", { role: "row" });
  const body = h("tbody", { role: "rowgroup" });
  const table = h("table", { class: "units", role: "grid", "aria-label": "Units", "aria-multiselectable": "true" },
    h("thead", { role: "rowgroup" }, head), body);
  const scroll = h("div", { class: "scroll" }, table);
  const count = h("p", { class: "hint count" });
  const more = h("button", { type: "button", onclick: () => ((most = Infinity), redraw()) }, "Show all");
  const save = h("button", { type: "button", title: "All rows in this order, as comma-separated values", onclick: () => view && saveTable(view, order, actions) }, "Save as CSV");
  const element = foldable("Units", true, h("div", { class: "buttons" }, count, save), scroll, more);
  element.addEventListener("toggle", () => redraw());

  function sortBy(column: Column): void {
    order = { column, descending: order.column === column ? !order.descending : column !== "unit" && column !== "cluster" };
    redraw();
  }

  function redraw(): void {
    drawn = [];
    if (view) draw(view);
  }

  function draw(now: View): void {
    if (!element.open) return;
    scroll.hidden = now.facts === null;
    if (!now.facts) return say(count, "");
    const found = typeof now.found === "string" ? null : now.found;
    const needs = [now.facts, now.places, found, order, most];
    if (needs.some((need, at) => need !== drawn[at])) {
      drawn = needs;
      const rows = sorted(rowsOf(now.facts, now.places), order, found);
      const columns = columnsOf(now.facts, now.places);
      const refocus = focused(body) !== null;
      fillHead(head, columns, order, sortBy);
      fillBody(body, now, rows.slice(0, most), columns);
      if (refocus) rowAt(active)?.focus();
      markFound(body, found);
      say(count, found ? `${counted(unitsOf(found).length)} of ${plural(now.facts.units, "unit")} found, listed first` : plural(rows.length, "unit"));
      more.hidden = rows.length <= most;
    }
    markSelected(body, now.state.selected, rowAt(active) ? active : -1);
  }

  const rowAt = (unit: number): HTMLElement | null => body.querySelector(`[data-unit="${unit}"]`);

  listenToRows(body, actions, (unit) => (active = unit));
  return {
    element,
    update(next) {
      view = next;
      if (!next.model.playing) return draw(next);
      timer ??= setTimeout(() => {
        timer = null;
        if (view) draw(view);
      }, WHILE_PLAYING);
    },
    destroy() {
      if (timer !== null) clearTimeout(timer);
    },
  };
}

function saveTable(view: View, order: Order, actions: Actions): void {
  if (!view.facts) return actions.say("There is no table to save.");
  const found = typeof view.found === "string" ? null : view.found;
  const rows = sorted(rowsOf(view.facts, view.places), order, found);
  actions.say(download(new Blob([csvOf(view, rows)], { type: "text/csv" }), `${fileName(view)}-units.csv`));
}

/** Makes the headings anew where they are others, so that the one just clicked keeps the focus. */
function fillHead(head: HTMLElement, columns: Column[], order: Order, sortBy: (column: Column) => void): void {
  const key = columns.join(" ");
  if (head.dataset["columns"] !== key) {
    head.dataset["columns"] = key;
    head.replaceChildren(...columns.map((column) => heading(column, sortBy)));
  }
  columns.forEach((column, at) => {
    const now = order.column === column ? (order.descending ? "descending" : "ascending") : "none";
    head.children[at]!.setAttribute("aria-sort", now);
  });
}

function heading(column: Column, sortBy: (column: Column) => void): HTMLElement {
  const { label, title } = COLUMNS[column];
  return h("th", { role: "columnheader", scope: "col" },
    h("button", { type: "button", title: `${title}; click to sort`, onclick: () => sortBy(column) }, label));
}

/** Writes the rows into those that are there: while time goes on only some numbers change. */
function fillBody(body: HTMLElement, view: View, rows: readonly Row[], columns: Column[]): void {
  while (body.children.length > rows.length) body.lastElementChild!.remove();
  rows.forEach((row, at) => {
    const element = (body.children[at] ?? body.appendChild(h("tr", { role: "row" }))) as HTMLElement;
    element.dataset["unit"] = String(row.unit);
    const name = unitName(view, row.unit);
    if (element.title !== name) element.title = name;
    while (element.children.length > columns.length) element.lastElementChild!.remove();
    columns.forEach((column, place) => {
      const cell = element.children[place] ?? element.appendChild(h("td", { role: "gridcell" }, ""));
      const words = cell.firstChild as Text;
      const text = column === "unit" ? unitMark(view, row.unit) : COLUMNS[column].text(row);
      if (words.data !== text) words.data = text;
    });
  });
}

/** Marks the rows that a search means; the others stay. */
function markFound(body: HTMLElement, found: Uint8Array | null): void {
  for (const row of body.children) {
    if (row instanceof HTMLElement) row.classList.toggle("found", found?.[Number(row.dataset["unit"])] === 1);
  }
}

/** Marks the selected rows; one row alone can be reached by Tab. */
function markSelected(body: HTMLElement, selected: readonly number[], active: number): void {
  const chosen = new Set(selected);
  const rows = [...body.children] as HTMLElement[];
  for (const [at, row] of rows.entries()) {
    const unit = Number(row.dataset["unit"]);
    const now = String(chosen.has(unit));
    if (row.getAttribute("aria-selected") !== now) row.setAttribute("aria-selected", now);
    row.tabIndex = (active < 0 ? at === 0 : unit === active) ? 0 : -1;
  }
}

/** Rows select by click, Enter and Space, and the arrows go from one to the next. */
function listenToRows(body: HTMLElement, actions: Actions, reached: (unit: number) => void): void {
  body.addEventListener("click", (event) => {
    const unit = unitAt(event);
    if (unit === null) return;
    reached(unit);
    actions.select([unit], event.shiftKey || event.ctrlKey || event.metaKey);
  });
  body.addEventListener("mouseover", (event) => actions.hover(unitAt(event)));
  body.addEventListener("mouseleave", () => actions.hover(null));
  body.addEventListener("keydown", (event) => {
    const row = focused(body);
    if (!row) return;
    if (event.key === "Enter" || event.key === " ") {
      actions.select([Number(row.dataset["unit"])], event.key === " " || event.shiftKey);
    } else if (!moveFocus(row, event.key, reached)) return;
    event.preventDefault();
  });
}

function moveFocus(row: HTMLElement, key: string, moved: (unit: number) => void): boolean {
  const body = row.parentElement;
  const next: Record<string, Element | null | undefined> = {
    ArrowDown: row.nextElementSibling,
    ArrowUp: row.previousElementSibling,
    Home: body?.firstElementChild,
    End: body?.lastElementChild,
  };
  if (!Object.hasOwn(next, key)) return false;
  const to = next[key];
  if (to instanceof HTMLElement) {
    row.tabIndex = -1;
    to.tabIndex = 0;
    moved(Number(to.dataset["unit"]));
    to.focus();
  }
  return true;
}

function focused(body: HTMLElement): HTMLElement | null {
  return body.querySelector<HTMLElement>("tr:focus");
}

function unitAt(event: Event): number | null {
  const row = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-unit]") : null;
  return row ? Number(row.dataset["unit"]) : null;
}
