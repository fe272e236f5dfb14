/** Brings what was opened into view, and the cursor to where one writes in it. */
export const reveal = (box: HTMLElement) => queueMicrotask(() => {
  box.querySelector<HTMLElement>("textarea, input")?.focus({ preventScroll: true });
  box.scrollIntoView({ block: "nearest" });
});
