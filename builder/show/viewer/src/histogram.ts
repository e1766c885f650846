/** Counting values into bins. */

export interface Bins {
  low: number;
  width: number;
  counts: number[];
}

const BINS = 40;

/** The finite values in at most 40 bins of equal width: whole numbers of few values each in a bin of its own. */
export function histogram(values: ArrayLike<number>, whole = false): Bins {
  let low = Infinity;
  let high = -Infinity;
  let isWhole = whole;
  let finite = 0;
  let allWhole = true;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (!Number.isFinite(value)) continue;
    finite += 1;
    low = Math.min(low, value);
    high = Math.max(high, value);
    allWhole &&= Number.isInteger(value);
  }
  isWhole ||= allWhole;
  if (!finite) return { low: 0, width: 1, counts: [] };
  if (low === high) return { low, width: 1, counts: [finite] };
  const bins = binning(low, high, isWhole);
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (!Number.isFinite(value)) continue;
    const bin = Math.min(bins.counts.length - 1, Math.floor((value - bins.low) / bins.width));
    bins.counts[bin] = (bins.counts[bin] ?? 0) + 1;
  }
  return bins;
}

function binning(low: number, high: number, whole: boolean): Bins {
  if (!whole) return { low, width: (high - low) / BINS, counts: new Array<number>(BINS).fill(0) };
  const width = Math.ceil((high - low + 1) / BINS);
  return { low: low - 0.5, width, counts: new Array<number>(Math.ceil((high - low + 1) / width)).fill(0) };
}
