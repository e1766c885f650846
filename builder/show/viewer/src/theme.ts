/** Light, dark, or as the system has it. */

const KEY = "il-builder-theme";
const NAMES = ["auto", "light", "dark"] as const;
type Theme = (typeof NAMES)[number];

let theme: Theme = "auto";

/** Take up what was chosen, and tell of every change. */
export function watchTheme(changed: () => void): void {
  theme = NAMES.find((name) => name === stored()) ?? "auto";
  apply();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}

/** The next one; its name. */
export function nextTheme(): Theme {
  theme = NAMES[(NAMES.indexOf(theme) + 1) % NAMES.length] ?? "auto";
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // a page that may keep nothing asks again next time
  }
  apply();
  return theme;
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function apply(): void {
  if (theme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}
