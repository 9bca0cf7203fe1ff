// The one slider of time: all panels show its moment.

import type { Actions } from "./actions";
import { isScene, type View } from "./derive";
import { field, fillSelect, h, icon, say } from "./dom";
import { SPEEDS } from "./limits";
import type { SliderBy } from "../types";
import type { Part } from "./part";
import { FINEST, momentAtPlace, sliderPlaces } from "./places";
import { SLIDERS } from "./state";
import { remember } from "./store";
import { linksOf, momentName, momentOf, spokenOf } from "./words";

const PLAY = "M4 2.5v11l9-5.5z";
const PAUSE = "M4 2.5h3v11H4zM9 2.5h3v11H9z";
const LOOP =
  "M11.5 1.5 14 4l-2.5 2.5V5H5a2 2 0 0 0-2 2v1.5H1.5V7A3.5 3.5 0 0 1 5 3.5h6.5z" +
  "M4.5 14.5 2 12l2.5-2.5V11H11a2 2 0 0 0 2-2V7.5h1.5V9a3.5 3.5 0 0 1-3.5 3.5H4.5z";
const SLIDER_NAMES: Record<SliderBy, string> = { moment: "moments", step: "steps", log: "log steps" };
const SPEAK_EVERY = 1500;

export function createTimebar(actions: Actions): Part {
  let playing = false;
  let places: readonly number[] = [];
  const placesOf = remember(sliderPlaces);
  const ticks = createTicks();
  const play = h("button", { type: "button", class: "primary round", onclick: () => actions.play(!playing) });
  const slider = h("input", {
    type: "range", min: 0, step: 1, "data-keys": "time", "aria-label": "Moment of training",
    oninput: () => {
      if (playing) actions.play(false);
      actions.goToIndex(momentAtPlace(places, Number(slider.value)));
    },
  });
  const speed = h("select", { title: "Moments a second", onchange: () => actions.change({ speed: Number(speed.value) }) });
  const by = h("select", { title: "How moments lie on the slider", onchange: () => actions.change({ slider: by.value as SliderBy }) },
    ...SLIDERS.map((value) => h("option", { value }, SLIDER_NAMES[value])));
  const byField = field("slider", by, "field small");
  const loop = h("button", {
    type: "button", class: "square", "aria-label": "Begin anew at the end", title: "Begin anew at the end",
    onclick: () => actions.change({ loop: loop.getAttribute("aria-pressed") !== "true" }),
  }, icon(LOOP));
  const when = h("span", { class: "when" });
  const links = h("span", { class: "links" });
  const element = h("div", { class: "timebar", role: "group", "aria-label": "Time" },
    play, h("div", { class: "track" }, slider, ticks.element), byField, field("speed", speed, "field small"), loop,
    h("p", { class: "status" }, when, h("span", { class: "dot" }, " · "), links));
  return {
    element,
    update(view) {
      playing = view.model.playing;
      showPlay(play, playing);
      const scene = isScene(view.scene) ? view.scene : null;
      // Levels are few and lie evenly.
      const steps = scene !== null && scene.timeline.axis === "step";
      places = scene ? placesOf(scene.timeline.moments, steps ? view.state.slider : "moment") : [];
      byField.hidden = !steps || places.length < 3;
      by.value = view.state.slider;
      showSlider(slider, view, places);
      ticks.show(steps && view.state.slider !== "moment" ? places : []);
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

function showSlider(slider: HTMLInputElement, view: View, places: readonly number[]): void {
  const scene = isScene(view.scene) ? view.scene : null;
  const last = places[places.length - 1] ?? 0;
  const now = places[scene?.index ?? 0] ?? 0;
  if (slider.max !== String(last)) slider.max = String(last);
  if (slider.value !== String(now)) slider.value = String(now);
  slider.disabled = last < 1;
  slider.style.setProperty("--share", String(last > 0 ? now / last : 0));
  if (scene) slider.setAttribute("aria-valuetext", momentName(scene.timeline, scene.moment));
}

/** A stroke beneath the slider for each moment. */
function createTicks(): { element: SVGElement; show(places: readonly number[]): void } {
  const element = icon("");
  for (const [name, value] of Object.entries({ class: "ticks", viewBox: `0 0 ${FINEST} 1`, preserveAspectRatio: "none", width: "100%", height: "5" })) element.setAttribute(name, value);
  const show = remember((places: readonly number[]) => {
    element.toggleAttribute("hidden", places.length === 0);
    element.querySelector("path")!.setAttribute("d", places.map((place) => `M${place} 0V1`).join(""));
  });
  return { element, show };
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
