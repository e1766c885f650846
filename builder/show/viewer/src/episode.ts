/** One episode: its signals over time, and its pictures, read when they are shown. */

import { type Leaf, at, isPicture, leaves, MOST, numberAt, pictureOf, weight } from "./flatten";
import type { Feature, Table } from "./parquet";
import type { Names } from "./source";

/** One component over time. */
export interface Signal {
  group: string;
  label: string;
  /** By step; an observation has one more than there are actions: what the last action led to. */
  values: Float64Array;
  stepped: boolean;
  /** What the values 0, 1, ... of a discrete action mean. */
  levels: readonly string[] | null;
}

/** Text over time. */
export interface Caption {
  label: string;
  values: string[];
}

/** A column of pictures. */
export interface Pictures {
  label: string;
  count: number;
  /** The bytes of the file that one is. */
  at(step: number): Promise<Uint8Array | null>;
}

export interface EpisodeRows {
  signals: Signal[];
  captions: Caption[];
  pictures: Pictures[];
  /** Groups of which not all components are here, with how many there are. */
  omitted: Map<string, number>;
}

const NOT_SHOWN = new Set(["episode_index", "step_index", "next_observation", "terminated", "truncated"]);
const FIRST = ["reward", "action", "observation"];
const BLOCK = 500_000;
const PICTURES = 24;

/** The transitions of a split, and the list of its episodes. */
export interface Tables {
  steps: Table;
  episodes: Table;
}

/** Read the rows `start` to `end` of the transitions; `row` is that of the list of episodes, for its last observation. */
export async function readRows(tables: Tables, start: number, end: number, row: number | null, names: Names): Promise<EpisodeRows> {
  const features = await tables.steps.columns();
  const shown = [...features.keys()].filter((name) => !NOT_SHOWN.has(name));
  shown.sort((a, b) => place(a) - place(b));
  const episode: EpisodeRows = { signals: [], captions: [], pictures: [], omitted: new Map() };
  const parts = await Promise.all(
    shown.map(async (name) => {
      const final = row === null ? null : await finalValue(tables.episodes, name, row);
      return readColumn(tables.steps, name, features.get(name) ?? null, start, end, final);
    }),
  );
  for (const part of parts) {
    episode.signals.push(...part.signals);
    episode.captions.push(...part.captions);
    episode.pictures.push(...part.pictures);
    for (const [group, total] of part.omitted) episode.omitted.set(group, total);
  }
  for (const group of ["observation", "action"] as const) name(episode.signals, group, names[group]);
  return episode;
}

function place(name: string): number {
  const found = FIRST.indexOf(name);
  return found < 0 ? FIRST.length : found;
}

/** What an episode's last action led to, of a column that has it; null where the dataset does not say. */
async function finalValue(table: Table, column: string, row: number): Promise<unknown> {
  const name = `final_${column}`;
  if (!(await table.columns()).has(name)) return null;
  return (await table.read([name], row, row + 1))[name]?.[0] ?? null;
}

async function readColumn(table: Table, column: string, feature: Feature | null, start: number, end: number, last: unknown): Promise<EpisodeRows> {
  const part: EpisodeRows = { signals: [], captions: [], pictures: [], omitted: new Map() };
  if (isPicture(feature)) {
    part.pictures.push(pictures(table, column, null, start, end, last));
    return part;
  }
  const block = Math.max(8, Math.floor(BLOCK / Math.max(1, weight(feature))));
  let found: Leaf[] | null = null;
  const length = end - start;
  const arrays: Float64Array[] = [];
  const texts: string[][] = [];
  const numbers = () => (found ?? []).filter((leaf) => leaf.kind === "number");
  const captions = () => (found ?? []).filter((leaf) => leaf.kind === "text");
  for (let first = start; first < end; first += block) {
    const values = (await table.read([column], first, Math.min(end, first + block)))[column] ?? [];
    if (!found) {
      const all = leaves(values[0], feature);
      found = all.found;
      if (all.total > MOST) part.omitted.set(column, all.total);
      arrays.push(...numbers().map(() => new Float64Array(length + (last === null ? 0 : 1))));
      texts.push(...captions().map(() => []));
    }
    numbers().forEach((leaf, index) => values.forEach((value, row) => ((arrays[index] as Float64Array)[first - start + row] = numberAt(value, leaf))));
    captions().forEach((leaf, index) => values.forEach((value) => texts[index]?.push(String(at(value, leaf) ?? ""))));
  }
  numbers().forEach((leaf, index) => {
    const values = arrays[index] as Float64Array;
    if (values.length > length) values[length] = numberAt(last, leaf);
    part.signals.push({ group: column, label: leaf.label, values, stepped: leaf.stepped, levels: null });
  });
  captions().forEach((leaf, index) => part.captions.push({ label: `${column}${leaf.label}`, values: texts[index] ?? [] }));
  for (const leaf of (found ?? []).filter((leaf) => leaf.kind === "picture"))
    part.pictures.push(pictures(table, column, leaf, start, end, last));
  return part;
}

/** The pictures of a column, some at a time. */
function pictures(table: Table, column: string, leaf: Leaf | null, start: number, end: number, last: unknown): Pictures {
  const blocks = new Map<number, Promise<unknown[]>>();
  const length = end - start;
  const block = (index: number) => {
    let found = blocks.get(index);
    if (!found) {
      const first = start + index * PICTURES;
      found = table.read([column], first, Math.min(end, first + PICTURES)).then((rows) => rows[column] ?? []);
      blocks.set(index, found);
      if (blocks.size > 8) blocks.delete(blocks.keys().next().value as number);
    }
    return found;
  };
  const bytes = (value: unknown) => pictureOf(leaf ? at(value, leaf) : value);
  return {
    label: leaf ? `${column}${leaf.label && `.${leaf.label}`}` : column,
    count: length + (last ? 1 : 0),
    at: async (step) => {
      if (step >= length) return bytes(last);
      const index = Math.floor(step / PICTURES);
      if (start + (index + 1) * PICTURES < end) void block(index + 1); // what is shown next
      return bytes((await block(index))[step - index * PICTURES]);
    },
  };
}

/** Call the components of a column what its environment calls them. */
function name(signals: readonly Signal[], group: string, names: readonly string[] | undefined): void {
  const mine = signals.filter((signal) => signal.group === group);
  if (!names?.length) return;
  if (mine.length === 1 && mine[0]?.label === "" && mine[0].stepped) mine[0].levels = names;
  else if (mine.length === names.length) mine.forEach((signal, index) => (signal.label = names[index] ?? signal.label));
}
