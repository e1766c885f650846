/** Values of any space as components: a struct of lists becomes `position[0]`, `position[1]`, ... */

import type { Feature } from "./parquet";

/** The way from a row's value to one number, text or picture. */
export interface Leaf {
  label: string;
  steps: readonly (string | number)[];
  kind: "number" | "text" | "picture";
  stepped: boolean;
}

/** Components of one column that are shown; the others are counted. */
export const MOST = 96;

/** The leaves of a value, and how many there are with those left out. */
export function leaves(value: unknown, feature: Feature | null): { found: Leaf[]; total: number } {
  const found: Leaf[] = [];
  let total = 0;
  const visit = (at: unknown, label: string, steps: (string | number)[]): void => {
    const kind = kindOf(at);
    if (kind === "list") {
      const list = at as ArrayLike<unknown>;
      if (total > MOST && typeof list[0] === "number") total += list.length;
      else for (let index = 0; index < list.length; index++) visit(list[index], `${label}[${index}]`, [...steps, index]);
    } else if (kind === "struct") {
      for (const [name, part] of Object.entries(at as object)) visit(part, label ? `${label}.${name}` : name, [...steps, name]);
    } else if (kind !== null) {
      total += 1;
      if (found.length < MOST) found.push({ label, steps, kind, stepped: isWhole(at, feature, steps) });
    }
  };
  visit(value, "", []);
  return { found, total };
}

type Kind = Leaf["kind"] | "list" | "struct" | null;

function kindOf(value: unknown): Kind {
  if (value === null || value === undefined) return null;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return "number";
  if (typeof value === "string") return "text";
  if (value instanceof Uint8Array) return null; // bytes that are no picture
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return "list";
  return pictureOf(value) ? "picture" : "struct";
}

/** The bytes of a picture; null where a value is none. */
export function pictureOf(value: unknown): Uint8Array | null {
  const bytes = typeof value === "object" && value !== null && "bytes" in value ? value.bytes : null;
  return bytes instanceof Uint8Array && "path" in (value as object) ? bytes : null;
}

/** Whether a value is drawn in steps: integers and truth values do not pass what lies between them. */
function isWhole(value: unknown, feature: Feature | null, steps: readonly (string | number)[]): boolean {
  if (typeof value === "bigint" || typeof value === "boolean") return true;
  let at: unknown = feature;
  for (const step of steps) {
    const here = at as Record<string, unknown> | null;
    if (typeof step === "string") at = here?.[step];
    else at = here?.["feature"] ?? here;
  }
  const dtype = (at as Feature | null)?.["dtype"];
  return typeof dtype === "string" && /^(u?int|bool)/.test(dtype);
}

/** What a leaf is in the value of one row. */
export function at(value: unknown, leaf: Leaf): unknown {
  let found = value;
  for (const step of leaf.steps) found = (found as Record<string | number, unknown> | null | undefined)?.[step];
  return found;
}

/** A leaf's value as a number; NaN where it is none. */
export function numberAt(value: unknown, leaf: Leaf): number {
  const found = at(value, leaf);
  return found === null || found === undefined ? NaN : Number(found);
}

/** About how many values a row of a column holds, pictures counted by their size. */
export function weight(feature: unknown): number {
  if (Array.isArray(feature)) return weight(feature[0]) * 16;
  if (typeof feature !== "object" || feature === null) return 16;
  const { _type: type, length, shape, feature: inner } = feature as Feature;
  if (type === "Value") return 1;
  if (type === "Image") return 2048;
  if (type === "Sequence" || type === "List") return weight(inner) * (typeof length === "number" && length > 0 ? length : 16);
  if (Array.isArray(shape)) return shape.reduce((product: number, side) => product * Number(side), 1);
  return Object.values(feature).reduce((sum: number, part) => sum + weight(part), 0);
}

/** Whether a column is one picture a row, and nothing else. */
export function isPicture(feature: Feature | null): boolean {
  return feature?._type === "Image";
}
