// What lies on top of what: Esc takes away one layer at a time, the last one first.
import { onCleanup } from "solid-js";

const layers: (() => void)[] = [];

/** Puts something on top for as long as its owner is on the screen; close takes it away. */
export function useLayer(close: () => void) {
  layers.push(close);
  onCleanup(() => {
    const i = layers.lastIndexOf(close);
    if (i >= 0) layers.splice(i, 1);
  });
}

/** Gives the focus back to where it is now, once what its owner put over everything is gone: unless it is somewhere by then. */
export function useFocus() {
  const before = document.activeElement as HTMLElement | null;
  onCleanup(() => queueMicrotask(() => { if (document.activeElement === document.body) before?.focus?.(); }));
}

/** Takes the top layer away; says whether there was one. */
export function unwind(): boolean {
  const close = layers.at(-1);
  close?.();
  return !!close;
}
