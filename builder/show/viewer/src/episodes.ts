/** The list of episodes of a split: numbers in typed arrays, so that a hundred thousand take a few megabytes. */

import { measure } from "./format";
import type { Columns, Table } from "./parquet";
import { Problem } from "./source";

export type SortKey = "episode" | "return" | "length" | "seed" | "ending" | "kind";

const NUMBERS = ["episode_index", "attempt_index", "length", "episode_return", "row_start", "row_end"];
const OTHERS = ["seed", "policy", "terminated", "truncated"];

/** All episodes of a split; a column that the dataset does not have is null. */
export class Episodes {
  readonly index: Float64Array;
  readonly length: Float64Array;
  readonly start: Float64Array;
  readonly end: Float64Array;
  readonly returns: Float64Array | null;
  readonly attempt: Float64Array | null;
  readonly seeds: readonly (bigint | number)[] | null;
  /** Of each row, the row that it is a copy of, or -1; null where the tables do not tell. */
  copies: Int32Array | null = null;
  private readonly terminated: readonly unknown[] | null;
  private readonly truncated: readonly unknown[] | null;
  private readonly policies: readonly unknown[] | null;

  constructor(found: Record<string, Float64Array>, columns: Columns) {
    const numbers = (name: string) => found[name] ?? null;
    this.start = numbers("row_start") ?? new Float64Array();
    this.end = numbers("row_end") ?? new Float64Array();
    this.length = numbers("length") ?? this.end.map((end, row) => end - (this.start[row] ?? 0));
    this.index = numbers("episode_index") ?? Float64Array.from(this.length, (_, row) => row);
    this.returns = numbers("episode_return");
    this.attempt = numbers("attempt_index");
    this.seeds = (columns["seed"] as (bigint | number)[] | undefined) ?? null;
    this.terminated = columns["terminated"] ?? null;
    this.truncated = columns["truncated"] ?? null;
    this.policies = columns["policy"] ?? null;
  }

  get count(): number {
    return this.length.length;
  }

  /** A numeric column by the word that filters and sorting use. */
  numbers(name: string): ArrayLike<number> | null {
    if (name === "episode") return this.index;
    if (name === "return") return this.returns;
    if (name === "length") return this.length;
    if (name === "attempt") return this.attempt;
    if (name === "seed") return this.seeds ? this.seeds.map(Number) : null;
    return null;
  }

  ending(row: number): string {
    if (this.terminated?.[row]) return "terminated";
    if (this.truncated?.[row]) return "truncated";
    return this.terminated || this.truncated ? "open" : "";
  }

  seed(row: number): string {
    const seed = this.seeds?.[row];
    return seed === undefined || seed === null ? "" : String(seed);
  }

  policy(row: number): string {
    return String(this.policies?.[row] ?? "");
  }

  /** Who plays, if several do. */
  get manyPolicies(): boolean {
    const first = this.policies?.[0];
    return this.policies?.some((name) => name !== first) ?? false;
  }

  /** The number of the episode that this one is a copy of; null: of none, or nobody knows. */
  copyOf(row: number): number | null {
    const first = this.copies?.[row] ?? -1;
    return first < 0 ? null : (this.index[first] ?? null);
  }

  /** The rows that pass, in order. */
  sorted(key: SortKey, descending: boolean, accepts: (row: number) => boolean): Uint32Array {
    const rows = [];
    for (let row = 0; row < this.count; row++) if (accepts(row)) rows.push(row);
    const found = Uint32Array.from(rows);
    const by = this.sortable(key);
    const sign = descending ? -1 : 1;
    if (by) found.sort((a, b) => sign * ((by[a] as number) - (by[b] as number)) || a - b);
    return found;
  }

  private sortable(key: SortKey): ArrayLike<number> | null {
    const rows = Array.from({ length: this.count }, (_, row) => row);
    if (key === "ending") return rows.map((row) => ["terminated", "truncated", "open", ""].indexOf(this.ending(row)));
    if (key === "kind") return rows.map((row) => this.copyOf(row) ?? -1);
    return this.numbers(key);
  }

  /** Find copies: see `copiesAmong`. The manifest counts over all splits, of which this may be one of several. */
  findCopies(distinct: number | undefined, accepted: number): void {
    if (distinct === accepted) this.copies = new Int32Array(this.count).fill(-1);
    if (distinct === undefined || distinct === accepted || this.count !== accepted) return;
    this.copies = copiesAmong(distinct, this.count, (row) => `${this.length[row]} ${this.returns?.[row]}`);
  }
}

/**
 * Of each row, the first one that it is a copy of, or -1; null where that cannot be told.
 *
 * The manifest says how many episodes differ. Where all do, or none, or where as many differ already in what
 * the list of episodes holds, it is known which do.
 */
export function copiesAmong(distinct: number, episodes: number, key: (row: number) => string): Int32Array | null {
  const copies = new Int32Array(episodes).fill(-1);
  if (distinct === episodes) return copies;
  if (distinct === 1) return copies.fill(0, 1);
  const first = new Map<string, number>();
  for (let row = 0; row < episodes; row++) {
    const seen = first.get(key(row));
    if (seen === undefined) first.set(key(row), row);
    else copies[row] = seen;
  }
  return first.size === distinct ? copies : null;
}

/** What else the table says of an episode, in words. */
export async function readRemarks(table: Table, row: number): Promise<string[]> {
  const features = await table.columns();
  const known = new Set([...NUMBERS, ...OTHERS]);
  const names = [...features.keys()].filter((name) => !known.has(name) && !name.startsWith("final_"));
  const found = await table.read(names, row, row + 1);
  return names.flatMap((name) => {
    const value = found[name]?.[0];
    return ["string", "number", "bigint", "boolean"].includes(typeof value) ? [`${name} ${typeof value === "number" ? measure(value) : String(value)}`] : [];
  });
}

/** Read the list of a split. */
export async function readEpisodes(table: Table, count: number): Promise<Episodes> {
  const known = await table.columns();
  const rows = await table.rows();
  if (rows !== count) throw new Problem(`the manifest says ${count} episodes, and the list has ${rows}`);
  const there = (names: readonly string[]) => names.filter((name) => known.has(name));
  return new Episodes(...(await Promise.all([table.numbers(there(NUMBERS), 0, count), table.read(there(OTHERS), 0, count)])));
}

/** Mean, standard deviation and range. */
export function summary(values: ArrayLike<number>): { mean: number; std: number; low: number; high: number } {
  let sum = 0;
  let low = Infinity;
  let high = -Infinity;
  const n = values.length;
  for (let index = 0; index < n; index++) {
    const value = values[index] as number;
    sum += value;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const mean = sum / n;
  let squares = 0;
  for (let index = 0; index < n; index++) squares += ((values[index] as number) - mean) ** 2;
  return { mean, std: Math.sqrt(squares / n), low, high };
}
