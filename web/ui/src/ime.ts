/** Whether a key belongs to an input method: Safari ends a composition before its last key, which has this code. */
export const composing = (e: KeyboardEvent) => e.isComposing || e.keyCode === 229;
