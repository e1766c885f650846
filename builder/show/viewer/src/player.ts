/** The current step, and its way forward while the episode is played. */

import { button, el } from "./dom";
import { count } from "./format";

const SPEEDS = [0.25, 0.5, 1, 2, 4];
const RATE = 30;

export class Player {
  readonly slider = el("input", { type: "range", min: 0, max: 0, value: 0, step: 1, "aria-label": "step" });
  readonly root: HTMLElement;
  step = 0;
  private steps = 0;
  private speed = 2;
  private playing = false;
  private owed = 0;
  private last = 0;
  private asked = false;
  private readonly said = el("output", { class: "step" });
  private readonly toggle = button("▶", "play or pause (space)", () => this.play(!this.playing));
  private readonly faster = button("1×", "speed (s)", () => this.nextSpeed());

  /** `show` is called at most once a frame. */
  constructor(private readonly show: (step: number) => void) {
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
    this.root = el("footer", { class: "player" }, this.toggle, this.slider, this.said, this.faster);
  }

  /** Another episode, of so many steps. */
  load(steps: number, step = 0): void {
    this.steps = steps;
    this.slider.max = String(steps);
    this.go(step);
  }

  go(step: number): void {
    this.step = Math.max(0, Math.min(this.steps, step));
    this.slider.value = String(this.step);
    this.slider.style.setProperty("--done", `${this.steps ? (100 * this.step) / this.steps : 0}%`);
    this.said.textContent = `${count(this.step)} / ${count(this.steps)}`;
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.show(this.step);
    });
  }

  move(by: number): void {
    this.play(false);
    this.go(this.step + by);
  }

  play(on: boolean): void {
    if (on === this.playing) return;
    this.playing = on;
    this.toggle.textContent = on ? "❚❚" : "▶";
    if (!on) return;
    if (this.step >= this.steps) this.go(0);
    this.owed = 0;
    this.last = performance.now();
    requestAnimationFrame((now) => this.tick(now));
  }

  switch(): void {
    this.play(!this.playing);
  }

  nextSpeed(): void {
    this.speed = (this.speed + 1) % SPEEDS.length;
    this.faster.textContent = `${SPEEDS[this.speed]}×`;
  }

  private tick(now: number): void {
    if (!this.playing) return;
    this.owed += ((now - this.last) / 1000) * RATE * (SPEEDS[this.speed] ?? 1);
    this.last = now;
    const whole = Math.floor(this.owed);
    this.owed -= whole;
    if (whole) this.go(this.step + whole);
    if (this.step >= this.steps) this.play(false);
    else requestAnimationFrame((next) => this.tick(next));
  }
}
