/** The page: a header, the list of episodes, and what is shown of them. */

import { parsePlace, placeText } from "./address";
import { Distributions } from "./distributions";
import { button, el } from "./dom";
import type { Tables } from "./episode";
import { type Episodes, readEpisodes, summary } from "./episodes";
import { count, measure } from "./format";
import { help, type Key, listen } from "./keys";
import { List, type Picked } from "./list";
import { load, type Loaded, Pane, ranges, type Setting } from "./pane";
import { Table } from "./parquet";
import { Player } from "./player";
import { shards, type Source } from "./source";
import { nextTheme, watchTheme } from "./theme";

type View = "episode" | "distributions";

export class App {
  private readonly stage = el("div", { class: "stage" });
  private readonly aside = el("div", { class: "aside" });
  private readonly facts = el("ul", { class: "summary" });
  private readonly tabs = el("nav", { class: "tabs", "aria-label": "what is shown" });
  private readonly problem = el("p", { class: "problem", role: "alert", hidden: true });
  private readonly player = new Player((step) => this.show(step));
  private readonly help: HTMLDialogElement;
  private setting: Setting | null = null;
  private list: List | null = null;
  private panes: Pane[] = [];
  private distributions: Distributions | null = null;
  private view: View = "episode";
  private row = -1;
  private beside: number | null = null;
  private turn = 0;
  private near = false;

  constructor(private readonly source: Source) {
    const keys = this.keys();
    this.help = help(keys);
    listen(keys, () => this.list?.focus());
    watchTheme(() => this.redraw());
    addEventListener("hashchange", () => this.follow());
  }

  private keys(): Key[] {
    const key = (keys: string, shown: string, about: string, act: () => void): Key => ({ keys: keys.split(" "), shown, about, act });
    return [
      key("ArrowLeft", "←", "a step back", () => this.player.move(-1)),
      key("ArrowRight", "→", "a step on", () => this.player.move(1)),
      key("Shift+ArrowLeft", "⇧←", "ten steps back", () => this.player.move(-10)),
      key("Shift+ArrowRight", "⇧→", "ten steps on", () => this.player.move(10)),
      key("Home", "Home", "the first step", () => this.player.move(-Infinity)),
      key("End", "End", "the last", () => this.player.move(Infinity)),
      { keys: [" "], shown: "space", about: "play, pause", act: () => this.player.switch() },
      key("s", "s", "speed", () => this.player.nextSpeed()),
      key("j ArrowDown", "j ↓", "the next episode", () => this.step(1)),
      key("k ArrowUp", "k ↑", "the one before", () => this.step(-1)),
      key("PageDown", "PgDn", "ten episodes on", () => this.step(10)),
      key("PageUp", "PgUp", "ten episodes back", () => this.step(-10)),
      key("Enter", "enter", "to the scrubber", () => this.player.slider.focus()),
      key("c", "c", "keep this episode beside the next, or no longer", () => this.compare()),
      key("d", "d", "distributions, and back", () => this.turnTo(this.view === "episode" ? "distributions" : "episode")),
      key("/", "/", "filter", () => this.list?.filter.focus()),
      key("r", "r", "sort by return", () => this.list?.sort("return")),
      key("z", "z", "the plots near this step, or whole", () => this.zoom()),
      key("t", "t", "light, dark, as the system", () => this.nextTheme()),
      key("?", "?", "these keys", () => (this.help.open ? this.help.close() : this.help.showModal())),
      key("Escape", "esc", "close, or show one episode alone", () => this.escape()),
    ];
  }

  /** Build the page and show the first picture. */
  async start(): Promise<void> {
    const { manifest } = this.source;
    const id = manifest.inputs.environment?.id ?? manifest.inputs.imported?.format ?? "dataset";
    document.title = `${id} · IL Dataset Builder`;
    const main = el("main", {}, this.aside, el("div", { class: "show" }, this.tabs, this.problem, this.stage, this.player.root));
    document.getElementById("app")?.replaceChildren(this.header(id), main, this.help);
    this.paintTabs();
    const place = parsePlace(location.hash);
    const splits = Object.keys(manifest.splits).sort().reverse(); // train before test
    await this.open(splits.find((name) => name === place.split) ?? (splits[0] as string));
    const row = this.rowOf(place.episode) ?? this.list?.next(0) ?? null;
    if (row !== null) await this.attempt(() => this.display(row, this.rowOf(place.beside), place.step));
  }

  private header(id: string): HTMLElement {
    const splits = Object.keys(this.source.manifest.splits).sort().reverse();
    const tools = el("div", { class: "buttons" });
    if (splits.length > 1) tools.append(this.splitSelect(splits));
    tools.append(button("◐", "light, dark, as the system (t)", () => this.nextTheme()), button("?", "keys (?)", () => this.help.showModal()));
    const title = el("div", { class: "title" }, el("h1", {}, id), el("span", { class: "where", title: this.source.title }, this.source.title));
    return el("header", { class: "top" }, title, this.facts, tools);
  }

  private splitSelect(splits: readonly string[]): HTMLSelectElement {
    const select = el("select", { "aria-label": "split", class: "split" }, ...splits.map((name) => el("option", { value: name }, name)));
    select.addEventListener("change", () => void this.attempt(async () => {
      await this.open(select.value);
      const row = this.list?.next(0) ?? null;
      if (row !== null) await this.display(row, null);
    }));
    return select;
  }

  private async open(split: string): Promise<void> {
    const { manifest } = this.source;
    const table = (folder: "data" | "episodes") => new Table(shards(manifest, folder, split).map(({ path, size }) => ({ url: this.source.url(path), size })));
    const tables: Tables = { steps: table("data"), episodes: table("episodes") };
    void tables.steps.columns().catch(() => undefined); // its footer comes while the list is read
    const episodes = await readEpisodes(tables.episodes, manifest.splits[split]?.episodes ?? 0);
    episodes.findCopies(manifest.distinct?.episodes, manifest.accepted);
    this.setting = { source: this.source, split, episodes, tables, scrub: (step) => this.player.move(step - this.player.step) };
    const returns = episodes.returns ? summary(episodes.returns) : null;
    this.list = new List(episodes, returns ? [returns.low, returns.high] : [0, 0], (picked) => this.pick(picked));
    this.aside.replaceChildren(this.list.root);
    this.summarise(split, episodes);
    const select = document.querySelector<HTMLSelectElement>("select.split");
    if (select) select.value = split;
    this.row = -1;
    this.distributions?.close();
    this.distributions = null;
  }

  private summarise(split: string, episodes: Episodes): void {
    const { manifest } = this.source;
    const returns = episodes.returns && episodes.count ? summary(episodes.returns) : null;
    const distinct = manifest.distinct?.episodes;
    const expert = [manifest.inputs.expert?.name, manifest.inputs.expert?.algo].filter(Boolean).join(", ");
    const entries: [string, string, string?][] = [
      ["expert", expert],
      ["episodes", count(episodes.count)],
      ["steps", count(manifest.splits[split]?.rows ?? 0)],
      ["return", returns ? (returns.low === returns.high ? `always ${measure(returns.low)}` : `${measure(returns.mean)} ± ${measure(returns.std)}`) : "", returns ? `${measure(returns.low)} to ${measure(returns.high)}` : ""],
      ["distinct", distinct === undefined ? "" : distinct === manifest.accepted ? "all" : count(distinct)],
      ["fingerprint", manifest.fingerprint.slice(0, 12), manifest.fingerprint],
    ];
    this.facts.replaceChildren(
      ...entries.filter(([, value]) => value).map(([label, value, title]) => el("li", { title: title ?? "" }, el("small", {}, label), el("b", {}, value))),
    );
  }

  private paintTabs(): void {
    const tab = (view: View, label: string) => {
      const made = button(label, `${label} (d)`, () => this.turnTo(view));
      made.setAttribute("aria-pressed", String(view === this.view));
      return made;
    };
    const beside = button(this.beside === null ? "Keep beside" : "Show one", "keep this episode beside the next (c)", () => this.compare());
    beside.classList.add("quiet");
    this.tabs.replaceChildren(tab("episode", "Episode"), tab("distributions", "Distributions"), el("span", { class: "gap" }), beside);
  }

  private zoom(): void {
    this.near = !this.near;
    for (const pane of this.panes) pane.zoom(this.near);
  }

  private turnTo(view: View): void {
    this.view = view;
    this.paintTabs();
    this.arrange();
  }

  private rowOf(episode: number | null): number | null {
    const row = episode === null ? -1 : (this.setting?.episodes.index.indexOf(episode) ?? -1);
    return row < 0 ? null : row;
  }

  private pick({ row, beside }: Picked): void {
    const other = beside && this.row >= 0 && this.row !== row ? this.row : beside ? this.beside : this.beside;
    void this.attempt(() => this.display(row, beside ? other : this.beside));
  }

  private step(by: number): void {
    const row = this.list?.next(by) ?? null;
    if (row !== null && row !== this.row) void this.attempt(() => this.display(row, this.beside));
  }

  private compare(): void {
    const beside = this.beside === null ? this.row : null;
    void this.attempt(() => this.display(this.row, beside, this.player.step));
  }

  private escape(): void {
    if (this.help.open) this.help.close();
    else if (this.beside !== null) this.compare();
  }

  /** Show an episode, and another one to its left. */
  private async display(row: number, beside: number | null, step = 0): Promise<void> {
    const { setting } = this;
    if (!setting) return;
    const turn = ++this.turn;
    this.row = row;
    this.beside = beside;
    this.list?.mark(row, beside);
    const loaded = await Promise.all((beside === null ? [row] : [beside, row]).map((each) => this.loaded(setting, each)));
    if (turn !== this.turn) return; // another one was asked for meanwhile
    for (const pane of this.panes) pane.close();
    const limits = ranges(loaded);
    const span = Math.max(...loaded.map(({ steps }) => steps));
    this.panes = loaded.map((each) => new Pane(setting, each, { span, values: limits }));
    for (const pane of this.panes) pane.zoom(this.near);
    this.player.play(false);
    this.arrange();
    this.paintTabs();
    this.distributions?.of(loaded[loaded.length - 1] as Loaded);
    this.player.load(span, step);
    this.remember();
  }

  private loaded(setting: Setting, row: number): Promise<Loaded> {
    const known = this.panes.find((pane) => pane.loaded.row === row && this.setting === setting)?.loaded;
    return known ? Promise.resolve(known) : load(setting, row);
  }

  private arrange(): void {
    const { setting } = this;
    this.stage.classList.toggle("two", this.panes.length > 1 && this.view === "episode");
    if (this.view === "episode") {
      this.stage.replaceChildren(...this.panes.map((pane) => pane.root));
    } else if (setting) {
      const loaded = this.panes[this.panes.length - 1]?.loaded ?? null;
      this.distributions ??= new Distributions(setting, loaded, (text) => this.list?.setFilter(text));
      this.stage.replaceChildren(this.distributions.root);
    }
    this.player.root.hidden = this.view !== "episode";
  }

  private show(step: number): void {
    for (const pane of this.panes) pane.show(step);
    this.remember();
  }

  private timer = 0;

  /** Keep what is shown in the address, a moment after it has changed. */
  private remember(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      const { setting } = this;
      if (!setting || this.row < 0) return;
      const episode = (row: number) => setting.episodes.index[row] ?? row;
      const beside = this.beside === null ? null : episode(this.beside);
      const place = placeText({ split: setting.split, episode: episode(this.row), beside, step: this.player.step });
      history.replaceState(null, "", place);
    }, 250);
  }

  /** Go where the address was changed to. */
  private follow(): void {
    const place = parsePlace(location.hash);
    void this.attempt(async () => {
      if (place.split && place.split !== this.setting?.split && Object.hasOwn(this.source.manifest.splits, place.split)) await this.open(place.split);
      const row = this.rowOf(place.episode);
      if (row !== null) await this.display(row, this.rowOf(place.beside), place.step);
    });
  }

  private nextTheme(): void {
    nextTheme();
    this.redraw();
  }

  private redraw(): void {
    for (const pane of this.panes) pane.draw();
    this.distributions?.draw();
  }

  /** Do something that may fail, and say in one line what did. */
  private async attempt(act: () => Promise<void>): Promise<void> {
    this.problem.hidden = true;
    try {
      await act();
    } catch (error) {
      this.problem.textContent = error instanceof Error ? error.message : String(error);
      this.problem.hidden = false;
    }
  }
}
