import { resolve } from "node:path";

import { defineConfig } from "vite";

import { notices } from "./notices.ts";

const { page, worker } = notices();

// One ES module with its worker and its style inside: the page, the export and the notebook load
// this file and nothing else.
export default defineConfig({
  plugins: [page()],
  build: {
    lib: { entry: resolve(import.meta.dirname, "src/main.ts"), formats: ["es"], fileName: () => "viewer.js" },
    outDir: resolve(import.meta.dirname, "../src/surfeit/viewer/static"),
    emptyOutDir: true,
    target: "es2022",
    sourcemap: false,
    // By itself a library keeps its spaces; this one is inlined into every export.
    rolldownOptions: { output: { minify: true } },
  },
  // A page that was opened from disk may start a worker from a classic script only.
  worker: { format: "iife", plugins: () => [worker()] },
});
