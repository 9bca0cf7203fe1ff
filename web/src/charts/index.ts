// The charts beside the graph, and their style for the page to adopt.

import chartStyle from "./charts.css?inline";

export { createLearningChart } from "./learning";
export { createMovementChart } from "./movement";
export { createRemovalChart } from "./removal";
export { createSpectrumChart } from "./spectrum";
export { chartStyle };
