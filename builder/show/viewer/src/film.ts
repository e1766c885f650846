/** The film of an episode: pictures of the dataset, or a video that the server makes. */

import { el } from "./dom";
import type { Pictures } from "./episode";
import { count } from "./format";
import type { FilmState } from "./source";

/** Something that shows a step. */
interface Screen {
  root: HTMLElement;
  show(step: number): void;
  close(): void;
}

export interface Choice {
  label: string;
  open: () => Screen;
}

const POLL = 300;

/** The screen of a pane: one of its choices at a time. */
export class Film {
  readonly root = el("figure");
  private readonly frame = el("div", { class: "film" });
  private screen: Screen | null = null;
  private step = 0;

  constructor(private readonly choices: readonly Choice[]) {
    if (!choices.length) {
      this.root.hidden = true;
      return;
    }
    this.root.append(this.frame);
    if (choices.length > 1) this.root.append(this.chooser());
    this.choose(0);
  }

  private chooser(): HTMLElement {
    const select = el("select", { "aria-label": "what is shown" });
    this.choices.forEach((choice, index) => select.append(el("option", { value: index }, choice.label)));
    select.addEventListener("change", () => this.choose(Number(select.value)));
    return select;
  }

  private choose(index: number): void {
    this.screen?.close();
    this.screen?.root.remove();
    const choice = this.choices[index];
    if (!choice) return;
    this.screen = choice.open();
    this.frame.append(this.screen.root);
    this.screen.show(this.step);
  }

  show(step: number): void {
    this.step = step;
    this.screen?.show(step);
  }

  close(): void {
    this.screen?.close();
    this.screen = null;
  }
}

/** Pictures of the dataset itself. */
export function pictureScreen(pictures: Pictures): Screen {
  const canvas = el("canvas", { role: "img", "aria-label": pictures.label });
  const context = canvas.getContext("2d");
  let wanted = -1;
  let busy = false;
  let open = true;
  const draw = async (): Promise<void> => {
    busy = true;
    for (let step = -1; open && step !== wanted; ) {
      step = wanted;
      const bytes = await pictures.at(step);
      if (!bytes || !context) continue;
      const bitmap = await createImageBitmap(new Blob([bytes.slice().buffer], { type: "image/png" }));
      if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
        canvas.width = bitmap.width;
        canvas.height = bitmap.height;
        canvas.classList.toggle("small", bitmap.width < 200);
      }
      context.drawImage(bitmap, 0, 0);
      bitmap.close();
    }
    busy = false;
  };
  return {
    root: canvas,
    show: (step) => {
      wanted = Math.min(step, pictures.count - 1);
      if (!busy) draw().catch(() => (busy = false));
    },
    close: () => (open = false),
  };
}

/** A video whose frame `t` shows the state before action `t`; it is made when it is first asked for. */
export function videoScreen(url: string, frames: number, state: () => Promise<FilmState>): Screen {
  const video = el("video", { muted: true, playsinline: true, preload: "auto", tabindex: -1 });
  video.muted = true;
  video.hidden = true;
  const words = el("p", { class: "waiting", role: "status" }, "drawing the film …");
  const bar = el("progress", { max: 1 });
  const root = el("div", { class: "screen" }, video, words, bar);
  let wanted = 0;
  let open = true;
  const seek = (): void => {
    if (!video.duration || video.seeking) return;
    const time = ((Math.min(wanted, frames - 1) + 0.5) / frames) * video.duration;
    if (Math.abs(video.currentTime - time) > 1e-4) video.currentTime = time;
  };
  const fail = (text: string): void => {
    words.textContent = text;
    bar.hidden = true;
  };
  video.addEventListener("loadeddata", () => {
    video.hidden = false;
    words.hidden = bar.hidden = true;
    seek();
  });
  video.addEventListener("seeked", seek);
  video.addEventListener("error", () => fail("this browser does not play the film"));
  const wait = async (): Promise<void> => {
    if (!open) return;
    const { ready, error, frames: drawn, of } = await state();
    if (error) fail(error);
    else if (ready) video.src = url;
    else {
      if (of) {
        words.textContent = `drawing the film: ${count(drawn ?? 0)} of ${count(of)} frames`;
        bar.value = (drawn ?? 0) / of;
      }
      setTimeout(() => wait().catch(lost), POLL);
    }
  };
  const lost = () => fail("the server that draws films does not answer");
  wait().catch(lost);
  return {
    root,
    show: (step) => {
      wanted = step;
      seek();
    },
    close: () => {
      open = false;
      video.removeAttribute("src");
      video.load();
    },
  };
}
