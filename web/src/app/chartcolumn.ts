// The four charts beside the graph, all of one moment, units and selection.

import { createLearningChart, createMovementChart, createRemovalChart, createSpectrumChart } from "../charts";
import type { Chart, ChartModel, SecondRun, Timeline } from "../types";
import type { Actions } from "./actions";
import { isScene } from "./derive";
import { h, say } from "./dom";
import type { Second } from "./model";
import type { Part } from "./part";
import { momentBeside } from "./scene";
import { remember } from "./store";

/** The column and its charts, each a part that can be drawn in a turn of its own. */
export function createChartColumn(actions: Actions, live: boolean): { element: HTMLElement; parts: Part[] } {
  const asks = { select: actions.select, hover: actions.hover, goTo: actions.goTo };
  const parts = [whosePart(), ...[createLearningChart, createRemovalChart, createSpectrumChart, createMovementChart].map((create) => chartPart(create(asks), live))];
  const element = h("section", { class: "charts", "aria-label": "Charts of this run" }, ...parts.map((part) => part.element));
  return { element, parts };
}

/** Beside a second run: whose charts these are. */
function whosePart(): Part {
  const element = h("p", { class: "hint", hidden: true });
  return {
    element,
    update({ scene, model }) {
      const merged = isScene(scene) ? scene.merged : null;
      element.hidden = merged === null;
      const names = isScene(scene) ? scene.timeline.name : "";
      // A page that carries its data has the charts of its own run alone.
      const lacking = Object.values(model.second).every((value) => typeof value === "string");
      const words = lacking ? `Of ${names}; norms and movement are of both runs.` : `Thick lines are of ${names}, thin ones with squares of ${merged?.name ?? ""}.`;
      say(element, merged === null ? "" : words);
    },
  };
}

function chartPart(chart: Chart, live: boolean): Part {
  const draw = remember((...given: ChartGiven) => chart.update(modelOf(...given)));
  const secondOf = remember((timeline: Timeline, at: number, parts: Second): SecondRun => ({ name: timeline.name, timeline, at, ...parts }));
  return {
    element: chart.element,
    update({ model, state, scene, frame, appearance, scales }) {
      if (!isScene(scene)) {
        chart.element.hidden = true;
        return;
      }
      const second = scene.merged ? secondOf(scene.merged, momentBeside(scene.merged, scene.moment.at).at, model.second) : null;
      draw(scene, frame, model.learning, model.spectrum, model.removal, second, appearance, scales, state.selected, model.hovered, model.dark);
      // What a page that carries its data has not, it will never have: no words take its place.
      chart.element.hidden = !live && chart.lacks();
    },
    destroy: () => chart.destroy(),
  };
}

type ChartGiven = [
  scene: Pick<ChartModel, "timeline" | "layer"> & { moment: { at: number } },
  frame: ChartModel["frame"],
  learning: ChartModel["learning"],
  spectrum: ChartModel["spectrum"],
  removal: ChartModel["removal"],
  second: ChartModel["second"],
  appearance: ChartModel["appearance"],
  scales: ChartModel["scales"],
  selected: ChartModel["selected"],
  hovered: ChartModel["hovered"],
  dark: boolean,
];

function modelOf(...given: ChartGiven): ChartModel {
  const [{ timeline, layer, moment }, frame, learning, spectrum, removal, second, appearance, scales, selected, hovered, dark] = given;
  return { timeline, layer, at: moment.at, frame, learning, spectrum, removal, second, appearance, scales, selected, hovered, dark };
}
