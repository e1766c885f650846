/** Byte ranges of a file over HTTP, the last ones kept. */

import type { AsyncBuffer } from "hyparquet";
import { Problem } from "./source";

const KEPT = 48 * 2 ** 20;
const LARGEST = 16 * 2 ** 20;

const kept = new Map<string, ArrayBuffer>();
let keptBytes = 0;

/** A file of known size that is read in ranges. */
export function remoteFile(url: string, size: number): AsyncBuffer {
  return {
    byteLength: size,
    slice: (start, end = size) => range(url, start < 0 ? size + start : start, Math.min(end, size)),
  };
}

async function range(url: string, start: number, end: number): Promise<ArrayBuffer> {
  const key = `${start}-${end} ${url}`;
  const known = kept.get(key);
  if (known) {
    kept.delete(key);
    kept.set(key, known);
    return known;
  }
  const bytes = await asked(url, start, end);
  if (bytes.byteLength <= LARGEST) keep(key, bytes);
  return bytes;
}

async function asked(url: string, start: number, end: number): Promise<ArrayBuffer> {
  const name = decodeURIComponent(url.slice(url.lastIndexOf("/") + 1));
  let answer: Response;
  try {
    answer = await fetch(url, { credentials: "omit", headers: { Range: `bytes=${start}-${end - 1}` } });
  } catch {
    throw new Problem(`${name} cannot be reached`);
  }
  if (answer.status !== 206 && answer.status !== 200) throw new Problem(`${name} cannot be read (${answer.status})`);
  const bytes = await answer.arrayBuffer();
  const part = answer.status === 200 ? bytes.slice(start, end) : bytes; // a server that knows no ranges
  if (part.byteLength !== end - start) throw new Problem(`${name} is shorter than its manifest says`);
  return part;
}

function keep(key: string, bytes: ArrayBuffer): void {
  kept.set(key, bytes);
  keptBytes += bytes.byteLength;
  for (const [oldest, held] of kept) {
    if (keptBytes <= KEPT) break;
    kept.delete(oldest);
    keptBytes -= held.byteLength;
  }
}
