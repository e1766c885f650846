/** The filter of the list of episodes: `return>450 length<200 terminated copy 3`. */

import type { Episodes } from "./episodes";

type Test = (row: number) => boolean;

const COMPARISON = /^(episode|return|length|seed|attempt)(<=|>=|=|<|>)(-?[\d.]+(?:e[+-]?\d+)?)$/i;

/** What a filter says; `wrong` names the first word that says nothing. */
export interface Filter {
  accepts: Test;
  wrong: string | null;
}

/** A filter as a user types it; all its words must hold. */
export function parseFilter(text: string, episodes: Episodes): Filter {
  const tests: Test[] = [];
  for (const word of text.trim().split(/\s+/).filter(Boolean)) {
    const test = wordTest(word.toLowerCase(), episodes);
    if (!test) return { accepts: () => true, wrong: word };
    tests.push(test);
  }
  return { accepts: (row) => tests.every((test) => test(row)), wrong: null };
}

function wordTest(word: string, episodes: Episodes): Test | null {
  const found = COMPARISON.exec(word);
  if (found) {
    const values = episodes.numbers(found[1] as string);
    return values ? comparison(values, found[2] as string, Number(found[3])) : null;
  }
  if (/^\d+$/.test(word)) {
    const wanted = Number(word);
    return (row) => episodes.index[row] === wanted;
  }
  if (["terminated", "truncated"].includes(word)) return (row) => episodes.ending(row) === word;
  if (word === "copy") return (row) => episodes.copyOf(row) !== null;
  if (word === "distinct") return (row) => episodes.copies !== null && episodes.copyOf(row) === null;
  if (word.startsWith("policy:")) {
    const wanted = word.slice("policy:".length);
    return (row) => episodes.policy(row).toLowerCase().includes(wanted);
  }
  return null;
}

function comparison(values: ArrayLike<number>, sign: string, than: number): Test {
  const at = (row: number) => values[row] as number;
  if (sign === "<") return (row) => at(row) < than;
  if (sign === ">") return (row) => at(row) > than;
  if (sign === "<=") return (row) => at(row) <= than;
  if (sign === ">=") return (row) => at(row) >= than;
  return (row) => at(row) === than;
}
