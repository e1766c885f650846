/** What is shown, in the page's own address: `#train/12+3@40`. */

export interface Place {
  split: string | null;
  episode: number | null;
  beside: number | null;
  step: number;
}

export function parsePlace(hash: string): Place {
  const found = /^#(\w+)(?:\/(\d+)(?:\+(\d+))?(?:@(\d+))?)?$/.exec(hash);
  const number = (index: number) => (found?.[index] === undefined ? null : Number(found[index]));
  return { split: found?.[1] ?? null, episode: number(2), beside: number(3), step: number(4) ?? 0 };
}

export function placeText(place: Place): string {
  const beside = place.beside === null ? "" : `+${place.beside}`;
  return `#${place.split ?? ""}/${place.episode ?? 0}${beside}${place.step ? `@${place.step}` : ""}`;
}
