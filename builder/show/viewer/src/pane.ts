/** An episode as film and time series. */

import { el } from "./dom";
import { type EpisodeRows, type Signal, readRows, type Tables } from "./episode";
import { type Episodes, readRemarks } from "./episodes";
import { type Choice, Film, pictureScreen, videoScreen } from "./film";
import { count, counted, measure } from "./format";
import { fullLabel, grouped } from "./groups";
import type { Source } from "./source";
import { extent, Strip } from "./strip";

const FEW = 24;

/** What a pane needs of the page. */
export interface Setting {
  source: Source;
  split: string;
  episodes: Episodes;
  tables: Tables;
  scrub: (step: number) => void;
}

/** One episode, read. */
export interface Loaded {
  row: number;
  steps: number;
  rows: EpisodeRows;
  /** What the list of episodes says of it beside what everybody's does. */
  remarks: string[];
}

export async function load(setting: Setting, row: number): Promise<Loaded> {
  const start = setting.episodes.start[row] ?? 0;
  const end = setting.episodes.end[row] ?? 0;
  const [rows, remarks] = await Promise.all([
    readRows(setting.tables, start, end, row, setting.source.names),
    readRemarks(setting.tables.episodes, row),
  ]);
  return { row, steps: end - start, rows, remarks };
}

/** What the plots of a pane cover: as many steps, and of each signal these values. */
export interface Limits {
  span: number;
  values: Map<string, [number, number]>;
}

/** Common ranges of signals of two episodes, by group and label, so that they can be compared. */
export function ranges(episodes: readonly Loaded[]): Map<string, [number, number]> {
  const found = new Map<string, [number, number]>();
  for (const { rows } of episodes) {
    for (const signal of rows.signals) {
      const [low, high] = extent(signal.values);
      const known = found.get(keyOf(signal));
      found.set(keyOf(signal), known ? [Math.min(low, known[0]), Math.max(high, known[1])] : [low, high]);
    }
  }
  return found;
}

const keyOf = (signal: Signal) => `${signal.group} ${signal.label}`;

export class Pane {
  readonly root = el("article", { class: "pane" });
  private readonly strips: Strip[] = [];
  private readonly grid = el("div", { class: "strips" });
  private readonly film: Film;
  private readonly captions = el("dl", { class: "captions" });
  private readonly watch: ResizeObserver;
  private width = 0;
  private step = 0;

  constructor(
    private readonly setting: Setting,
    readonly loaded: Loaded,
    private readonly limits: Limits,
  ) {
    this.film = new Film(this.choices());
    this.root.append(this.facts(), el("div", { class: "body" }, el("div", { class: "side" }, this.film.root, this.captions), this.grid));
    this.addGroups();
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(this.grid);
  }

  private choices(): Choice[] {
    const { source, split, episodes } = this.setting;
    const { row, rows, steps } = this.loaded;
    const found: Choice[] = rows.pictures.map((pictures) => ({ label: pictures.label, open: () => pictureScreen(pictures) }));
    const film = source.film(split, episodes.index[row] ?? row);
    if (film) found.push({ label: "film", open: () => videoScreen(film.url, steps + 1, film.state) });
    return found;
  }

  private facts(): HTMLElement {
    const { episodes } = this.setting;
    const { row, steps } = this.loaded;
    const returned = episodes.returns?.[row];
    const copy = episodes.copyOf(row);
    const words = [
      returned === undefined ? "" : `return ${measure(returned)}`,
      counted(steps, "step"),
      episodes.ending(row),
      episodes.seed(row) && `seed ${episodes.seed(row)}`,
      episodes.attempt ? `attempt ${count(episodes.attempt[row] ?? 0)}` : "",
      episodes.policy(row),
      copy === null ? (episodes.copies ? "distinct" : "") : `a copy of ${count(copy)}`,
      ...this.loaded.remarks,
    ].filter(Boolean);
    const title = el("h2", {}, `Episode ${count(episodes.index[row] ?? row)}`);
    return el("header", { class: "facts" }, title, ...words.map((word) => el("span", {}, word)));
  }

  private addGroups(): void {
    const { signals, omitted } = this.loaded.rows;
    for (const [group, mine] of grouped(signals)) this.addGroup(group, mine, (group !== null && omitted.get(group)) || mine.length);
  }

  private addGroup(group: string | null, signals: readonly Signal[], total: number): void {
    const section = el("section", { class: "group" });
    const place = el("div", { class: "grid" });
    if (group !== null) {
      const title = el("h3", {}, group);
      if (total > signals.length) title.append(el("small", {}, `${count(signals.length)} of ${count(total)} components`));
      section.append(title);
    }
    section.append(place);
    this.grid.append(section);
    this.addStrips(place, signals.slice(0, FEW), group === null);
    if (signals.length > FEW) section.append(this.more(place, signals.slice(FEW), group === null));
  }

  private addStrips(place: HTMLElement, signals: readonly Signal[], alone: boolean): void {
    for (const signal of signals) {
      const covers = { steps: this.limits.span, values: this.limits.values.get(keyOf(signal)) ?? null };
      const strip = new Strip(signal, fullLabel(signal, alone), covers, this.setting.scrub);
      this.strips.push(strip);
      place.append(strip.root);
    }
  }

  private more(place: HTMLElement, signals: readonly Signal[], alone: boolean): HTMLElement {
    const made = el("button", { type: "button", class: "more" }, `${count(signals.length)} more`);
    made.addEventListener("click", () => {
      made.remove();
      this.addStrips(place, signals, alone);
      this.draw();
      this.show(this.step);
    });
    return made;
  }

  private fit(): void {
    if (Math.abs(this.grid.clientWidth - this.width) < 2) return;
    this.width = this.grid.clientWidth;
    this.draw();
  }

  /** Draw all plots again: their width or the theme has changed. */
  draw(): void {
    const widths = this.strips.map((strip) => strip.root.clientWidth - 2);
    this.strips.forEach((strip, index) => strip.draw(Math.max(80, widths[index] ?? 0)));
  }

  /** Show the plots near the current step, or whole. */
  zoom(near: boolean): void {
    for (const strip of this.strips) strip.zoom(near);
  }

  show(step: number): void {
    this.step = step;
    const mine = Math.min(step, this.loaded.steps);
    this.film.show(mine);
    for (const strip of this.strips) strip.show(mine);
    this.captions.replaceChildren(
      ...this.loaded.rows.captions.flatMap(({ label, values }) => [el("dt", {}, label), el("dd", {}, values[mine] ?? "")]),
    );
  }

  close(): void {
    this.watch.disconnect();
    this.film.close();
    for (const strip of this.strips) strip.destroy();
    this.root.remove();
  }
}
