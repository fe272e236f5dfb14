// What lies on top of what: Esc takes away one layer at a time, the last one first.
import { createSignal, onCleanup } from "solid-js";

const stack: (() => void)[] = [];
const [layers, setLayers] = createSignal(0);
/** How many there are. */
export { layers };

/** Puts something on top for as long as its owner is on the screen; close takes it away. */
export function useLayer(close: () => void) {
  setLayers(stack.push(close));
  onCleanup(() => {
    const i = stack.lastIndexOf(close);
    if (i >= 0) stack.splice(i, 1);
    setLayers(stack.length);
  });
}

/** Gives the focus back to where it is now, once what its owner put over everything is gone: unless it is somewhere by then. */
export function useFocus() {
  const before = document.activeElement as HTMLElement | null;
  onCleanup(() => queueMicrotask(() => { if (document.activeElement === document.body) before?.focus?.(); }));
}

/** Takes the top layer away; says whether there was one. */
export function unwind(): boolean {
  const close = stack.at(-1);
  close?.();
  return !!close;
}
