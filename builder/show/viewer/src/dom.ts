/** Elements, made so that text is only ever text: nothing here, or anywhere else, parses HTML. */

type Child = Node | string;
type Attributes = Record<string, string | boolean | number>;

/** An element with attributes and children; a string becomes a text node. */
export function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false) made.setAttribute(key, String(value));
  }
  made.append(...children);
  return made;
}

/** A button that says what it does, and which key does the same. */
export function button(label: string, title: string, act: () => void): HTMLButtonElement {
  const made = el("button", { type: "button", title, "aria-label": title }, label);
  made.addEventListener("click", act);
  return made;
}
