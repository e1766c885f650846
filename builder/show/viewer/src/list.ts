/** The list of episodes: only the rows in sight are elements. */

import { el } from "./dom";
import type { Episodes, SortKey } from "./episodes";
import { parseFilter } from "./filter";
import { count, measure } from "./format";

const ROW = 26;
const HEADS: [SortKey, string, string][] = [
  ["episode", "#", "the episode"],
  ["return", "return", "the rewards, summed"],
  ["length", "length", "steps"],
  ["ending", "ending", "how it ended"],
  ["seed", "seed", "what the environment was reset with"],
  ["kind", "copy of", "the first episode with the same observations and actions"],
];

const WIDTHS: Record<SortKey, string> = {
  episode: "minmax(50px, 0.7fr)",
  return: "minmax(66px, 1fr)",
  length: "minmax(52px, 0.7fr)",
  ending: "minmax(90px, 1fr)",
  seed: "minmax(100px, 1.1fr)",
  kind: "minmax(56px, 0.7fr)",
};

export interface Picked {
  row: number;
  beside: boolean;
}

export class List {
  readonly root = el("section", { class: "list", "aria-label": "episodes" });
  readonly filter = el("input", {
    type: "search",
    placeholder: "filter: return>450 truncated",
    "aria-label": "filter the episodes",
    spellcheck: "false",
    autocomplete: "off",
  });
  private readonly said = el("output", { class: "said" });
  private readonly scroller = el("div", { class: "rows", role: "grid", tabindex: 0, "aria-label": "episodes" });
  private readonly room = el("div", { class: "room" });
  private readonly heads = el("div", { class: "heads", role: "row" });
  private shown: Uint32Array = new Uint32Array();
  private key: SortKey = "episode";
  private descending = false;
  private current = -1;
  private beside: number | null = null;
  private columns: SortKey[] = [];
  private scale: [number, number] = [0, 1];

  constructor(
    private readonly episodes: Episodes,
    scale: [number, number],
    private readonly pick: (picked: Picked) => void,
  ) {
    this.scale = scale;
    this.columns = HEADS.map(([key]) => key).filter((key) => this.has(key));
    this.root.style.setProperty("--columns", this.columns.map((key) => WIDTHS[key]).join(" "));
    this.scroller.append(this.heads, this.room);
    this.root.append(el("div", { class: "tools" }, this.filter, this.said), this.scroller);
    this.filter.addEventListener("input", () => this.apply());
    this.scroller.addEventListener("scroll", () => this.paint(), { passive: true });
    this.room.addEventListener("click", (event) => this.clicked(event));
    new ResizeObserver(() => this.paint()).observe(this.scroller);
    this.apply();
  }

  private has(key: SortKey): boolean {
    if (key === "return") return this.episodes.returns !== null;
    if (key === "seed") return this.episodes.seeds !== null;
    if (key === "ending") return this.episodes.count > 0 && this.episodes.ending(0) !== "";
    if (key === "kind") return this.episodes.copies?.some((first) => first >= 0) ?? false;
    return true;
  }

  /** Set the filter, as if it was typed. */
  setFilter(text: string): void {
    this.filter.value = text;
    this.apply();
  }

  private apply(): void {
    const { accepts, wrong } = parseFilter(this.filter.value, this.episodes);
    this.shown = this.episodes.sorted(this.key, this.descending, accepts);
    this.filter.classList.toggle("wrong", wrong !== null);
    this.said.textContent = wrong ? `what is ${wrong}?` : `${count(this.shown.length)} of ${count(this.episodes.count)}`;
    this.room.style.height = `${this.shown.length * ROW}px`;
    this.scroller.setAttribute("aria-rowcount", String(this.shown.length));
    this.paintHeads();
    this.paint();
  }

  private paintHeads(): void {
    this.heads.replaceChildren(
      ...HEADS.filter(([key]) => this.columns.includes(key)).map(([key, label, title]) => {
        const sorted = key === this.key;
        const head = el("button", { type: "button", title, "data-key": key, "aria-pressed": sorted }, label);
        head.classList.toggle("sorted", sorted);
        if (sorted) head.append(el("i", { "aria-hidden": "true" }, this.descending ? "↓" : "↑"));
        head.addEventListener("click", () => this.sort(key));
        return el("span", { role: "columnheader", "aria-sort": sorted ? (this.descending ? "descending" : "ascending") : "none" }, head);
      }),
    );
  }

  sort(key: SortKey): void {
    this.descending = key === this.key ? !this.descending : key === "return";
    this.key = key;
    this.apply();
    this.reveal();
  }

  /** Mark what is shown. */
  mark(row: number, beside: number | null): void {
    this.current = row;
    this.beside = beside;
    this.reveal();
    this.paint();
  }

  /** The row so many further down the list. */
  next(by: number): number | null {
    const at = this.shown.indexOf(this.current);
    const wanted = at < 0 ? 0 : Math.max(0, Math.min(this.shown.length - 1, at + by));
    return this.shown[wanted] ?? null;
  }

  private reveal(): void {
    const at = this.shown.indexOf(this.current);
    if (at < 0) return;
    const room = this.scroller.clientHeight - this.heads.clientHeight;
    const top = at * ROW;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (top + ROW > this.scroller.scrollTop + room) this.scroller.scrollTop = top + ROW - room;
  }

  private paint(): void {
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW) - 4);
    const last = Math.min(this.shown.length, first + Math.ceil(this.scroller.clientHeight / ROW) + 8);
    const rows = [];
    for (let place = first; place < last; place++) rows.push(this.row(place));
    this.room.replaceChildren(...rows);
  }

  private row(place: number): HTMLElement {
    const row = this.shown[place] as number;
    const made = el("div", { role: "row", "data-row": row, "aria-rowindex": place + 1, "aria-selected": String(row === this.current) });
    made.style.transform = `translateY(${place * ROW}px)`;
    made.classList.toggle("beside", row === this.beside);
    made.classList.toggle("odd", place % 2 === 1);
    made.append(...this.columns.map((key) => this.cell(key, row)));
    return made;
  }

  private cell(key: SortKey, row: number): HTMLElement {
    const { episodes } = this;
    const cell = el("span", { role: "gridcell", "data-key": key });
    if (key === "episode") cell.textContent = count(episodes.index[row] ?? row);
    else if (key === "length") cell.textContent = count(episodes.length[row] ?? 0);
    else if (key === "ending") cell.textContent = episodes.ending(row);
    else if (key === "seed") cell.textContent = episodes.seed(row);
    else if (key === "kind") cell.textContent = String(episodes.copyOf(row) ?? "");
    else {
      const value = episodes.returns?.[row] ?? NaN;
      cell.textContent = measure(value);
      const [low, high] = this.scale;
      if (high > low) cell.style.setProperty("--share", `${(100 * (value - low)) / (high - low)}%`);
    }
    return cell;
  }

  private clicked(event: MouseEvent): void {
    const found = event.target instanceof Element ? event.target.closest("[data-row]") : null;
    if (found instanceof HTMLElement) this.pick({ row: Number(found.dataset["row"]), beside: event.shiftKey });
  }

  focus(): void {
    this.scroller.focus({ preventScroll: true });
  }
}
