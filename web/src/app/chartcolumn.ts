// The four charts beside the graph, all of one moment, units and selection.

import { createLearningChart, createMovementChart, createRemovalChart, createSpectrumChart } from "../charts";
import type { Chart, ChartModel } from "../types";
import type { Actions } from "./actions";
import { isScene } from "./derive";
import { h } from "./dom";
import type { Part } from "./part";
import { remember } from "./store";

export function createChartColumn(actions: Actions): Part {
  const asks = { select: actions.select, hover: actions.hover, goTo: actions.goTo };
  const charts: Chart[] = [createLearningChart, createRemovalChart, createSpectrumChart, createMovementChart].map((create) => create(asks));
  const element = h("section", { class: "charts", "aria-label": "Charts of this run" }, ...charts.map((chart) => chart.element));
  const draw = remember((...given: ChartGiven) => {
    const model = modelOf(...given);
    for (const chart of charts) chart.update(model);
  });
  return {
    element,
    update(view) {
      element.hidden = !isScene(view.scene);
      if (!isScene(view.scene)) return;
      const { model, state, scene } = view;
      draw(scene, view.frame, model.learning, model.spectrum, model.removal, view.appearance, state.selected, model.hovered, model.dark);
    },
    destroy: () => charts.forEach((chart) => chart.destroy()),
  };
}

type ChartGiven = [
  scene: Pick<ChartModel, "timeline" | "layer"> & { moment: { at: number } },
  frame: ChartModel["frame"],
  learning: ChartModel["learning"],
  spectrum: ChartModel["spectrum"],
  removal: ChartModel["removal"],
  appearance: ChartModel["appearance"],
  selected: ChartModel["selected"],
  hovered: ChartModel["hovered"],
  dark: boolean,
];

function modelOf(...given: ChartGiven): ChartModel {
  const [{ timeline, layer, moment }, frame, learning, spectrum, removal, appearance, selected, hovered, dark] = given;
  return { timeline, layer, at: moment.at, frame, learning, spectrum, removal, appearance, selected, hovered, dark };
}
