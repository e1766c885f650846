/** Numbers as people read them. */

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A count: 5,000,000. */
export function count(value: number): string {
  return WHOLE.format(value);
}

/** A measured value in about five digits, without trailing zeros. */
export function measure(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e7 || size < 1e-4) return value.toExponential(2).replace("-", "−").replace("e−", "e−").replace("e+", "e");
  const digits = size >= 1000 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4;
  return Number(value.toFixed(digits)).toString().replace("-", "−");
}

/** "1 step", "2 steps". */
export function counted(value: number, word: string): string {
  return `${count(value)} ${word}${value === 1 ? "" : "s"}`;
}
