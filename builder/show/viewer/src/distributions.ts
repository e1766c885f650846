/** How returns and lengths are distributed over the episodes, and components over steps. */

import { el } from "./dom";
import { readRows } from "./episode";
import { count, counted, measure } from "./format";
import { fullLabel, grouped } from "./groups";
import { histogram } from "./histogram";
import type { Loaded, Setting } from "./pane";
import { Histogram } from "./strip";

const SAMPLE = 16;
const SAMPLE_STEPS = 20_000;
const MOST = 48;

type Scope = "episode" | "sample";

/** Values by group and label. */
type Values = Map<string, { group: string; label: string; values: number[] }>;

export class Distributions {
  readonly root = el("article", { class: "distributions" });
  private readonly plots: Histogram[] = [];
  private readonly components = el("div", { class: "components" });
  private readonly watch: ResizeObserver;
  private ofComponents: Histogram[] = [];
  private scope: Scope = "episode";
  private sample: Promise<Values> | null = null;
  private width = 0;

  constructor(
    private readonly setting: Setting,
    private loaded: Loaded | null,
    private readonly filter: (text: string) => void,
  ) {
    const { episodes, split } = setting;
    const grid = el("div", { class: "grid wide" });
    for (const [word, values] of [["return", episodes.returns], ["length", episodes.length]] as const) {
      if (!values) continue;
      const bins = histogram(values);
      const plot = new Histogram(`${word}s`, "episode", bins, (low, high) => this.filter(`${word}>=${exact(low)} ${word}<${exact(high)}`));
      this.plots.push(plot);
      grid.append(plot.root);
    }
    const title = el("h3", {}, "episodes", el("small", {}, `${counted(episodes.count, "episode")} of the split ${split}`));
    this.root.append(el("section", { class: "group" }, title, grid), this.chooser(), this.components);
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(this.root);
    void this.fill();
  }

  private chooser(): HTMLElement {
    const select = el("select", { "aria-label": "of which steps" }, el("option", { value: "episode" }, "of this episode"), el("option", { value: "sample" }, `of a sample of ${Math.min(SAMPLE, this.setting.episodes.count)} episodes`));
    select.addEventListener("change", () => {
      this.scope = select.value as Scope;
      void this.fill();
    });
    return el("p", { class: "choice" }, "steps ", select);
  }

  /** Another episode is shown. */
  of(loaded: Loaded): void {
    this.loaded = loaded;
    if (this.scope === "episode") void this.fill();
  }

  private async fill(): Promise<void> {
    const { scope } = this;
    const values = scope === "sample" ? await (this.sample ??= this.readSample()) : this.loaded ? valuesOf([this.loaded.rows.signals]) : new Map();
    if (scope !== this.scope) return;
    for (const plot of this.ofComponents) plot.destroy();
    this.ofComponents = [];
    this.components.replaceChildren(...this.groups(values));
    this.draw();
  }

  private groups(values: Values): HTMLElement[] {
    return grouped([...values.values()]).map(([group, mine]) => this.group(group, mine));
  }

  private group(title: string | null, entries: { group: string; label: string; values: number[] }[]): HTMLElement {
    const section = el("section", { class: "group" });
    if (title !== null) section.append(el("h3", {}, title));
    if (entries.length > MOST) section.firstChild?.appendChild(el("small", {}, `${count(MOST)} of ${count(entries.length)}`));
    const grid = el("div", { class: "grid" });
    for (const { group, label, values } of entries.slice(0, MOST)) {
      const plot = new Histogram(fullLabel({ group, label }, title === null), group, histogram(values), null);
      this.ofComponents.push(plot);
      grid.append(plot.root);
    }
    section.append(grid);
    return section;
  }

  /** The signals of episodes that lie evenly over the list. */
  private async readSample(): Promise<Values> {
    const { episodes, tables, source } = this.setting;
    const number = Math.min(SAMPLE, episodes.count);
    const found = [];
    for (let index = 0, steps = 0; index < number && steps < SAMPLE_STEPS; index++) {
      const row = Math.floor((index * episodes.count) / number);
      const start = episodes.start[row] ?? 0;
      const end = Math.min(episodes.end[row] ?? 0, start + SAMPLE_STEPS);
      steps += end - start;
      found.push((await readRows(tables, start, end, null, source.names)).signals);
    }
    return valuesOf(found);
  }

  private fit(): void {
    if (Math.abs(this.root.clientWidth - this.width) < 2) return;
    this.width = this.root.clientWidth;
    this.draw();
  }

  draw(): void {
    const all = [...this.plots, ...this.ofComponents];
    const widths = all.map((plot) => plot.root.clientWidth - 2);
    all.forEach((plot, index) => plot.draw(Math.max(80, widths[index] ?? 0)));
  }

  close(): void {
    this.watch.disconnect();
    for (const plot of [...this.plots, ...this.ofComponents]) plot.destroy();
    this.root.remove();
  }
}

function valuesOf(episodes: readonly { group: string; label: string; values: Float64Array }[][]): Values {
  const found: Values = new Map();
  for (const signals of episodes) {
    for (const { group, label, values } of signals) {
      const key = `${group} ${label}`;
      const known = found.get(key) ?? { group, label, values: [] };
      for (const value of values) known.values.push(value);
      found.set(key, known);
    }
  }
  return found;
}

/** A bound as the filter takes it. */
function exact(value: number): string {
  return measure(value).replace("−", "-") === String(value) ? String(value) : value.toPrecision(12).replace(/\.?0+$/, "");
}
