// On a narrow screen the browser's Back does what Esc does: one thing at a time goes, and
// the pages are left only from the list. Whatever is open has an entry of its own in the
// browser's history, which goes again with it, however it is closed.
import { createEffect, createRoot, onCleanup } from "solid-js";
import { open, setOpen } from "./app";
import { layers, unwind } from "./layers";

const narrow = matchMedia("(max-width: 699px)"); // as in the style: the list and a chat are not beside each other

const depthOf = (state: unknown): number => (state as { depth?: number } | null)?.depth ?? 0;

/** Keeps as many entries as things are open, for as long as its owner lives. */
export function entries(history: Pick<History, "state" | "pushState" | "go">, small = () => narrow.matches) {
  const wanted = () => (small() ? layers() + (open() ? 1 : 0) : 0);
  let have = depthOf(history.state), going = false; // going: back, by ourselves
  const even = () => {
    if (going) return;
    while (have < wanted()) history.pushState({ depth: ++have }, "");
    if (have > wanted()) { going = true; history.go(wanted() - have); }
  };
  const went = (e: Pick<PopStateEvent, "state">) => {
    const over = going ? 0 : wanted() - depthOf(e.state);
    have = depthOf(e.state);
    going = false;
    for (let i = 0; i < over; i++) if (!unwind()) setOpen(undefined);
    even();
  };
  window.addEventListener("popstate", went);
  onCleanup(() => window.removeEventListener("popstate", went));
  // What closes and opens in one go, as a menu and its dialog, is one step.
  createEffect(() => { open(); layers(); queueMicrotask(even); });
}

export const backCloses = () => createRoot(() => entries(history));
