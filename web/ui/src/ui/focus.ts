/** Has a field that came with a part of its dialog be written in at once; where there is no keyboard but one on the screen, the person asks for it. */
export const first = (field: HTMLElement): void => { if (matchMedia("(hover: hover)").matches) queueMicrotask(() => field.focus()); };
