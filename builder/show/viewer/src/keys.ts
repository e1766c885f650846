/** All that can be done, by key. */

import { el } from "./dom";

/** What a key does. */
export interface Key {
  keys: string[];
  shown: string;
  about: string;
  act: () => void;
}

/** The name of a key press, with Shift where it changes what the key does. */
export function keyName(event: Pick<KeyboardEvent, "key" | "shiftKey">): string {
  return event.shiftKey && event.key.startsWith("Arrow") ? `Shift+${event.key}` : event.key;
}

/** Call what a key stands for, wherever the focus is; in a text field only Escape. */
export function listen(keys: readonly Key[], leave: () => void): void {
  const known = new Map(keys.flatMap((key) => key.keys.map((name) => [name, key.act] as const)));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target;
    if (target instanceof HTMLInputElement && target.type !== "range") {
      if (event.key === "Escape" || event.key === "Enter") leave();
      return;
    }
    if (target instanceof HTMLSelectElement && event.key !== "Escape") return;
    const isButton = target instanceof HTMLButtonElement && (event.key === " " || event.key === "Enter");
    const act = isButton ? undefined : known.get(keyName(event));
    if (!act) return;
    event.preventDefault();
    act();
  });
}

/** The list of keys, as a dialog. */
export function help(keys: readonly Key[]): HTMLDialogElement {
  const rows = keys.map((key) => el("tr", {}, el("td", {}, ...key.shown.split(" ").flatMap((name) => [el("kbd", {}, name), " "])), el("td", {}, key.about)));
  const close = el("button", { type: "button", class: "close", "aria-label": "close" }, "×");
  const dialog = el("dialog", { class: "help", "aria-label": "keys" }, close, el("h2", {}, "Keys"), el("table", {}, el("tbody", {}, ...rows)));
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  return dialog;
}
