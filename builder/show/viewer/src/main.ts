/** Open what the address names, and show it. */

import "uplot/dist/uPlot.min.css";
import "./style.css";
import { App } from "./app";
import { el } from "./dom";
import { open } from "./source";

async function main(): Promise<void> {
  await new App(await open(location.search)).start();
  document.documentElement.dataset["shown"] = String(Math.round(performance.now()));
}

main().catch((error: unknown) => {
  const text = error instanceof Error ? error.message : String(error);
  document.getElementById("app")?.replaceChildren(el("p", { class: "message problem", role: "alert" }, text));
});
