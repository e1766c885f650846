/** Plots: a signal over time, and how its values are distributed. */

import uPlot from "uplot";
import { el } from "./dom";
import type { Signal } from "./episode";
import { count, measure } from "./format";
import type { Bins } from "./histogram";

/** Colours of the theme, which a canvas has to be told. */
interface Palette {
  ink: string;
  faint: string;
  line: string;
  accent: string;
}

function palette(group: string): Palette {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const line = ["reward", "action"].includes(group) ? colour(`--${group}`) : colour("--observation");
  return { ink: colour("--soft"), faint: colour("--rule"), line, accent: colour("--accent") };
}

const AXIS = { font: "10px system-ui, sans-serif", gap: 3, ticks: { show: false } };
const HEIGHT = 80;
const NEAR = 40;

/** What a plot covers: so many steps, and these values; null: those of its signal. */
export interface Covers {
  steps: number;
  values: [number, number] | null;
}

/** A signal over the steps of an episode, with a line at the current one. */
export class Strip {
  readonly root: HTMLElement;
  private readonly value = el("output", { class: "value" });
  private readonly place = el("div", { class: "plot" });
  private readonly cursor = el("div", { class: "cursor" });
  private plot: uPlot | null = null;
  private step = 0;
  private near = false;

  constructor(
    private readonly signal: Signal,
    label: string,
    private readonly covers: Covers,
    private readonly scrub: (step: number) => void,
  ) {
    this.root = el(
      "section",
      { class: "strip", "data-group": signal.group },
      el("header", {}, el("span", { class: "label", title: label }, label), this.value),
      this.place,
    );
  }

  /** Draw in the given width; again where it or the theme has changed. */
  draw(width: number): void {
    this.plot?.destroy();
    this.plot = new uPlot(this.options(width), this.data(), this.place);
    this.plot.over.append(this.cursor);
    this.listen(this.plot);
  }

  private data(): uPlot.AlignedData {
    const { values } = this.signal;
    return [Float64Array.from(values, (_, step) => step), values];
  }

  private options(width: number): uPlot.Options {
    const { ink, faint, line } = palette(this.signal.group);
    const series = this.series(line, width);
    const [low, high] = this.covers.values ?? extent(this.signal.values);
    const pad = high > low ? 0.06 * (high - low) : Math.abs(high) * 0.1 || 1;
    return {
      width,
      height: HEIGHT,
      padding: [8, 8, 6, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false, range: () => this.shown() }, y: { range: [low - pad, high + pad] } },
      axes: [
        { show: false },
        {
          ...AXIS,
          stroke: ink,
          size: 46,
          space: 22,
          grid: { stroke: faint, width: 1 },
          values: (_, ticks) => ticks.map(measure),
        },
      ],
      series: [{}, series],
      hooks: { ready: [() => this.show(this.step)] }, // it knows its size only now
    };
  }

  /** The first and last step that are drawn. */
  private shown(): [number, number] {
    if (!this.near || this.covers.steps <= 2 * NEAR) return [0, Math.max(1, this.covers.steps)];
    const first = Math.max(0, Math.min(this.step - NEAR, this.covers.steps - 2 * NEAR));
    return [first, first + 2 * NEAR];
  }

  /** Draw what is near the current step, or all. */
  zoom(near: boolean): void {
    this.near = near;
    if (this.plot) this.draw(this.plot.width);
  }

  /** A line; steps for whole numbers; and dots where these change too often for steps to be told apart. */
  private series(line: string, width: number): uPlot.Series {
    const crowded = this.covers.steps > width && !this.near;
    const drawn = { stroke: line, width: crowded ? 1 : 1.4 };
    if (!this.signal.stepped) return { ...drawn, points: { show: this.covers.steps < 40, size: 4 } };
    const dots = { show: true, size: 2.5, space: 0, fill: line, width: 0 };
    if (!this.near && this.covers.steps > 100 && 4 * changes(this.signal.values) > this.signal.values.length) return { ...drawn, width: 0, paths: () => null, points: dots };
    const paths = uPlot.paths.stepped?.({ align: 1 });
    return { ...drawn, points: { show: false }, ...(paths && { paths }) };
  }

  private listen(plot: uPlot): void {
    const scrub = (event: PointerEvent) => this.scrub(Math.round(plot.posToVal(event.clientX - plot.over.getBoundingClientRect().left, "x")));
    plot.over.addEventListener("pointerdown", (event) => {
      plot.over.setPointerCapture(event.pointerId);
      scrub(event);
    });
    plot.over.addEventListener("pointermove", (event) => {
      if (plot.over.hasPointerCapture(event.pointerId)) scrub(event);
    });
  }

  /** Say and mark the value at a step. */
  show(step: number): void {
    this.step = step;
    const value = this.signal.values[step];
    const level = value === undefined ? undefined : this.signal.levels?.[value];
    this.value.textContent = value === undefined ? "–" : level ? `${measure(value)} · ${level}` : measure(value);
    this.value.title = level ?? "";
    if (!this.plot) return;
    const [first, last] = this.shown();
    if (this.near) this.plot.setScale("x", { min: first, max: last });
    const across = (Math.min(step, this.covers.steps) - first) / (last - first);
    this.cursor.style.transform = `translateX(${(across * this.plot.bbox.width) / uPlot.pxRatio}px)`;
  }

  destroy(): void {
    this.plot?.destroy();
  }
}

/** How often a value differs from the one before. */
function changes(values: ArrayLike<number>): number {
  let found = 0;
  for (let index = 1; index < values.length; index++) if (values[index] !== values[index - 1]) found += 1;
  return found;
}

/** The least and greatest finite value. */
export function extent(values: ArrayLike<number>): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? [low, high] : [0, 0];
}

/** How values are distributed; a click on a bar tells its bounds. */
export class Histogram {
  readonly root: HTMLElement;
  private readonly place = el("div", { class: "plot" });
  private readonly hint = el("output", { class: "value" });
  private plot: uPlot | null = null;

  constructor(
    title: string,
    private readonly group: string,
    private readonly bins: Bins,
    private readonly chosen: ((low: number, high: number) => void) | null,
  ) {
    this.root = el("section", { class: "strip histogram" }, el("header", {}, el("span", { class: "label", title }, title), this.hint));
    if (bins.counts.length === 1) this.root.append(el("p", { class: "constant" }, `always ${measure(bins.low)}, ${count(bins.counts[0] ?? 0)} times`));
    else if (!bins.counts.length) this.root.append(el("p", { class: "constant" }, "no finite values"));
    else this.root.append(this.place);
  }

  draw(width: number): void {
    this.plot?.destroy();
    const { low, width: step, counts } = this.bins;
    if (counts.length < 2) return;
    const { ink, faint, line } = palette(this.group);
    const bars = uPlot.paths.bars?.({ size: [0.92, 64], align: 0 });
    this.plot = new uPlot(
      {
        width,
        height: 112,
        padding: [6, 8, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false, range: [low, low + step * counts.length] }, y: { range: [0, Math.max(...counts) * 1.05] } },
        axes: [
          { ...AXIS, stroke: ink, size: 18, space: 54, grid: { show: false }, values: (_, ticks) => ticks.map(measure) },
          { ...AXIS, stroke: ink, size: 46, space: 26, grid: { stroke: faint, width: 1 }, values: (_, ticks) => ticks.map(measure) },
        ],
        series: [{}, { fill: line, width: 0, points: { show: false }, ...(bars && { paths: bars }) }],
      },
      [counts.map((_, index) => low + (index + 0.5) * step), counts],
      this.place,
    );
    this.listen(this.plot);
  }

  private listen(plot: uPlot): void {
    const { low, width, counts } = this.bins;
    const bin = (event: MouseEvent) => Math.floor((plot.posToVal(event.clientX - plot.over.getBoundingClientRect().left, "x") - low) / width);
    plot.over.addEventListener("mousemove", (event) => {
      const index = bin(event);
      const held = counts[index];
      this.hint.textContent = held === undefined ? "" : `${measure(low + index * width)} to ${measure(low + (index + 1) * width)}: ${count(held)}`;
    });
    plot.over.addEventListener("mouseleave", () => (this.hint.textContent = ""));
    if (!this.chosen) return;
    plot.over.classList.add("clickable");
    plot.over.title = `show these episodes`;
    plot.over.addEventListener("click", (event) => {
      const index = bin(event);
      if (counts[index] !== undefined) this.chosen?.(low + index * width, low + (index + 1) * width);
    });
  }

  destroy(): void {
    this.plot?.destroy();
  }
}
