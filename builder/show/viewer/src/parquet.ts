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

  /** The rows of the whole table, once all footers are read. */
  async rows(): Promise<number> {
    const footers = await Promise.all(this.shards.map((_, index) => this.footer(index)));
    return footers.reduce((sum, footer) => sum + Number(footer.num_rows), 0);
  }

  /** The values of columns in the rows `start` to `end`, exclusive. */
  async read(columns: readonly string[], start: number, end: number): Promise<Columns> {
    const found: Columns = {};
    for (const name of columns) found[name] = new Array<unknown>(end - start);
    let first = 0;
    const parts: Promise<void>[] = [];
    for (let index = 0; first < end; index++) {
      const footer = await this.footer(index);
      const rows = Number(footer.num_rows);
      if (first + rows > start) parts.push(this.part(index, footer, first, columns, start, end, found));
      first += rows;
    }
    await Promise.all(parts);
    return found;
  }

  private async part(
    index: number,
    metadata: FileMetaData,
    first: number,
    columns: readonly string[],
    start: number,
    end: number,
    found: Columns,
  ): Promise<void> {
    const shard = this.shards[index] as Shard;
    const rowStart = Math.max(start - first, 0);
    const rowEnd = Math.min(end - first, Number(metadata.num_rows));
    await parquetRead({
      file: remoteFile(shard.url, shard.size),
      metadata,
      columns: [...columns],
      rowStart,
      rowEnd,
      compressors,
      utf8: false,
      geoparquet: false,
      useOffsetIndex: true,
      onChunk: (chunk) => {
        const into = found[chunk.columnName];
        if (!into) return;
        const from = Math.max(chunk.rowStart, rowStart);
        const to = Math.min(chunk.rowEnd, rowEnd);
        for (let row = from; row < to; row++) into[row + first - start] = chunk.columnData[row - chunk.rowStart];
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
