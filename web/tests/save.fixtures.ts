// A planted view: every shape, a hidden unit, one out of sight, twins, a selection, words to escape.

import type { Saving } from "../src/save";
import type { ViewState } from "../src/types";

export const SAVING: Saving = {
  snapshot: {
    width: 480,
    height: 320,
    places: Float32Array.of(100, 80, 220.25, 160.5, 340, 90, 60, 250, 500, 100, 300, 280, 240, 40),
    zoom: 1.5,
    links: Uint16Array.of(0, 1, 1, 2, 0, 3, 2, 4, 1, 5),
    opacity: Float32Array.of(0.9, 0.9, 0.5, 0.25, 0.004),
    appearance: {
      colour: Uint32Array.of(0x0072b2, 0x0072b2, 0xe69f00, 0x009e73, 0xd55e00, 0xd55e00, 0x000000),
      radius: Float32Array.of(9, 4.5, 6, 5, 7, 8, 0),
      opacity: Float32Array.of(1, 1, 0.5, 1, 1, 0.75, 1),
      shape: Uint8Array.of(0, 0, 2, 0, 1, 1, 0),
    },
    twins: Uint16Array.of(0, 5, 1, 6),
  },
  legend: {
    title: "Components",
    entries: [
      { label: "largest <C1> & “friends”", colour: 0x0072b2, shape: 0 },
      { label: "isolated", colour: 0xe69f00, shape: 2 },
      { label: "second run", colour: 0xd55e00, shape: 1, model: 1 },
    ],
    scale: { colours: [0x440154, 0x21918c, 0xfde725], low: "0", high: "1" },
  },
  title: `a "run" & its <twin>'s`,
  subtitle: "fc1 · epoch 12 · σ 0.5",
  selected: [1, 5, 6],
};

export const STATE: ViewState = {
  run: "6f0cab05b9c6",
  merged: null,
  layer: "fc1",
  source: "weights",
  at: 10320,
  cut: 0.25,
  sigma: 0.5,
  colour: "cluster",
  size: "norm",
  marks: "discs",
  layout: "force",
  mapping: "cosine",
  criterion: "magnitude",
  forces: { charge: -30, gravity: 0.1, length: 30, strength: 1, collision: 1 },
  selected: [1, 5, 6],
  pinned: [],
  twins: true,
  nearest: 0,
  trails: false,
  slider: "moment",
  frozen: false,
  hidden: [],
  speed: 4,
  loop: false,
};
