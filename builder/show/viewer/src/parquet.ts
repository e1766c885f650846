/** A table in Parquet files: only the row groups and pages that hold the rows asked for are read. */

import { decompress } from "fzstd";
import { type Compressors, type FileMetaData, parquetMetadataAsync, parquetRead, parquetSchema } from "hyparquet";
import { remoteFile } from "./ranges";
import { Problem } from "./source";

/** What a column holds, as `datasets` describes it. */
export interface Feature {
  _type?: string;
  [key: string]: unknown;
}

export interface Shard {
  url: string;
  size: number;
}

/** Values of some rows, by column. */
export type Columns = Record<string, unknown[]>;

/** Rows `from` to `to` of a file; `shift` makes of each its number among those that are read. */
interface Part {
  index: number;
  from: number;
  to: number;
  shift: number;
}

/** Takes the value of a column in a row. */
type Put = (column: string, row: number, value: unknown) => void;

const compressors: Compressors = {
  ZSTD: (input, length) => decompress(input, new Uint8Array(length)),
};

/** The files of a split, read as one table. */
export class Table {
  private readonly footers = new Map<number, Promise<FileMetaData>>();

  constructor(private readonly shards: readonly Shard[]) {
    if (!shards.length) throw new Problem("the manifest lists no files of this split");
  }

  private footer(index: number): Promise<FileMetaData> {
    const shard = this.shards[index];
    if (!shard) throw new Problem("the dataset has fewer rows than its manifest says");
    let found = this.footers.get(index);
    if (!found) {
      found = parquetMetadataAsync(remoteFile(shard.url, shard.size), { initialFetchSize: 2 ** 17, geoparquet: false });
      this.footers.set(index, found);
    }
    return found;
  }

  /** The names of the columns, and their features where the file states them. */
  async columns(): Promise<Map<string, Feature | null>> {
    const footer = await this.footer(0);
    const stated = features(footer);
    const names = parquetSchema(footer).children.map((child) => child.element.name);
    return new Map(names.map((name) => [name, Object.hasOwn(stated, name) ? (stated[name] as Feature) : null]));
  }

  /** How many rows there are. */
  async rows(): Promise<number> {
    const footers = await Promise.all(this.shards.map((_, index) => this.footer(index)));
    return footers.reduce((sum, footer) => sum + Number(footer.num_rows), 0);
  }

  /** The values of columns in the rows `start` to `end`, exclusive. */
  async read(columns: readonly string[], start: number, end: number): Promise<Columns> {
    const parts = await this.parts(start, end);
    const found: Columns = Object.fromEntries(columns.map((name) => [name, new Array<unknown>(end - start)]));
    await this.fill(parts, columns, (name, row, value) => ((found[name] as unknown[])[row] = value));
    return found;
  }

  /** The same of columns of numbers, of which a hundred thousand take little more than their bytes. */
  async numbers(columns: readonly string[], start: number, end: number): Promise<Record<string, Float64Array>> {
    const parts = await this.parts(start, end);
    const found = Object.fromEntries(columns.map((name) => [name, new Float64Array(end - start)]));
    await this.fill(parts, columns, (name, row, value) => ((found[name] as Float64Array)[row] = value === null ? NaN : Number(value)));
    return found;
  }

  /** Where rows lie; nothing is made room for before it is known that they are there. */
  private async parts(start: number, end: number): Promise<Part[]> {
    if (!(Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start && start <= end)) throw new Problem("the dataset says rows that cannot be");
    await this.footersUpTo(start);
    const found: Part[] = [];
    for (let index = 0, first = 0; first < end; index++) {
      const rows = Number((await this.footer(index)).num_rows);
      if (first + rows > start) found.push({ index, from: Math.max(start - first, 0), to: Math.min(end - first, rows), shift: first - start });
      first += rows;
    }
    return found;
  }

  private async fill(parts: readonly Part[], columns: readonly string[], put: Put): Promise<void> {
    if (!columns.length) return;
    await Promise.all(parts.map((part) => this.readPart(part, columns, put)));
  }

  /** Ask at once for the footers that tell in which file a row is, as far as the first file lets guess. */
  private async footersUpTo(row: number): Promise<void> {
    const rows = Number((await this.footer(0)).num_rows);
    const last = Math.min(this.shards.length - 1, Math.floor(row / Math.max(1, rows)));
    await Promise.all(Array.from({ length: last + 1 }, (_, index) => this.footer(index)));
  }

  /** The rows of one file. */
  private async readPart({ index, from, to, shift }: Part, columns: readonly string[], put: Put): Promise<void> {
    const shard = this.shards[index] as Shard;
    await parquetRead({
      file: remoteFile(shard.url, shard.size),
      metadata: await this.footer(index),
      columns: [...columns],
      rowStart: from,
      rowEnd: to,
      compressors,
      utf8: false,
      geoparquet: false,
      useOffsetIndex: true,
      onChunk: ({ columnName, columnData, rowStart, rowEnd }) => {
        const last = Math.min(rowEnd, to);
        for (let row = Math.max(rowStart, from); row < last; row++) put(columnName, row + shift, columnData[row - rowStart]);
      },
    });
  }
}

/** The features that `datasets` has written into a file; none where it has not, or they are no JSON. */
function features(footer: FileMetaData): Record<string, unknown> {
  const written = footer.key_value_metadata?.find((entry) => entry.key === "huggingface")?.value;
  try {
    const found: unknown = JSON.parse(written ?? "{}").info.features;
    return typeof found === "object" && found !== null ? (found as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
