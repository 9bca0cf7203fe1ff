// The one slider of time: all panels show its moment.

import type { Actions } from "./actions";
import { isScene, type View } from "./derive";
import { field, fillSelect, h, icon, say } from "./dom";
import { SPEEDS } from "./limits";
import type { Part } from "./part";
import { linksOf, momentName, momentOf, spokenOf } from "./words";

const PLAY = "M4 2.5v11l9-5.5z";
const PAUSE = "M4 2.5h3v11H4zM9 2.5h3v11H9z";
const LOOP =
  "M11.5 1.5 14 4l-2.5 2.5V5H5a2 2 0 0 0-2 2v1.5H1.5V7A3.5 3.5 0 0 1 5 3.5h6.5z" +
  "M4.5 14.5 2 12l2.5-2.5V11H11a2 2 0 0 0 2-2V7.5h1.5V9a3.5 3.5 0 0 1-3.5 3.5H4.5z";
const SPEAK_EVERY = 1500;

export function createTimebar(actions: Actions): Part {
  let playing = false;
  const play = h("button", { type: "button", class: "primary round", onclick: () => actions.play(!playing) });
  const slider = h("input", {
    type: "range", min: 0, step: 1, "data-keys": "time", "aria-label": "Moment of training",
    oninput: () => {
      if (playing) actions.play(false);
      actions.goToIndex(Number(slider.value));
    },
  });
  const speed = h("select", { title: "Moments a second", onchange: () => actions.change({ speed: Number(speed.value) }) });
  const loop = h("button", {
    type: "button", class: "square", "aria-label": "Begin anew at the end", title: "Begin anew at the end",
    onclick: () => actions.change({ loop: loop.getAttribute("aria-pressed") !== "true" }),
  }, icon(LOOP));
  const when = h("span", { class: "when" });
  const links = h("span", { class: "links" });
  const element = h("div", { class: "timebar", role: "group", "aria-label": "Time" },
    play, slider, field("speed", speed, "field small"), loop,
    h("p", { class: "status" }, when, h("span", { class: "dot" }, " · "), links));
  return {
    element,
    update(view) {
      playing = view.model.playing;
      showPlay(play, playing);
      showSlider(slider, view);
      fillSelect(speed, speeds(view.state.speed), String(view.state.speed));
      loop.setAttribute("aria-pressed", String(view.state.loop));
      say(when, isScene(view.scene) ? momentOf(view.scene) : "");
      say(links, linksOf(view));
      element.classList.toggle("still", !isScene(view.scene));
    },
  };
}

function showPlay(button: HTMLButtonElement, playing: boolean): void {
  const label = playing ? "Pause" : "Play";
  if (button.getAttribute("aria-label") === label) return;
  button.setAttribute("aria-label", label);
  button.title = `${label} (Space)`;
  button.replaceChildren(icon(playing ? PAUSE : PLAY));
}

function showSlider(slider: HTMLInputElement, view: View): void {
  const scene = isScene(view.scene) ? view.scene : null;
  const last = scene ? scene.timeline.moments.length - 1 : 0;
  if (slider.max !== String(last)) slider.max = String(last);
  if (slider.value !== String(scene?.index ?? 0)) slider.value = String(scene?.index ?? 0);
  slider.disabled = last < 1;
  slider.style.setProperty("--share", String(last > 0 ? (scene?.index ?? 0) / last : 0));
  if (scene) slider.setAttribute("aria-valuetext", momentName(scene.timeline, scene.moment));
}

function speeds(now: number): { value: string; label: string }[] {
  const all = SPEEDS.includes(now) ? SPEEDS : [...SPEEDS, now].sort((one, other) => one - other);
  return all.map((value) => ({ value: String(value), label: `${value}/s` }));
}

/** The words for screen readers, at most so often. */
export function createSpeaker(): Part {
  const element = h("p", { class: "unseen", role: "status", "aria-live": "polite" });
  let timer: ReturnType<typeof setTimeout> | null = null;
  let words = "";
  return {
    element,
    update(view) {
      words = spokenOf(view);
      if (timer !== null || words === "" || words === element.textContent) return;
      timer = setTimeout(() => {
        timer = null;
        say(element, words);
      }, SPEAK_EVERY);
    },
    destroy() {
      if (timer !== null) clearTimeout(timer);
    },
  };
}
