/** Signals stand under the name of their column, those that are their column's only one together before them. */

/** What is grouped: a component of a column. */
export interface Grouped {
  group: string;
  label: string;
}

/** The groups in their order, the one of single components first, under no name. */
export function grouped<Item extends Grouped>(items: readonly Item[]): [string | null, Item[]][] {
  const by = new Map<string, Item[]>();
  for (const item of items) by.set(item.group, [...(by.get(item.group) ?? []), item]);
  const single = [...by.values()].filter((mine) => mine.length === 1).flat();
  const others = [...by].filter(([, mine]) => mine.length > 1);
  return single.length ? [[null, single], ...others] : others;
}

/** What a component is called: with its column's name where that does not stand above it. */
export function fullLabel({ group, label }: Grouped, alone: boolean): string {
  if (!alone) return label;
  if (!label) return group;
  return label.startsWith("[") ? `${group}${label}` : `${group}: ${label}`;
}
