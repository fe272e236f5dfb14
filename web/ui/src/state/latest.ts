import { createMemo } from "solid-js";

/** What was there last: what is about to leave the screen may still look at it. */
export const latest = <T>(now: () => T | undefined) => createMemo<T | undefined>((before) => now() ?? before);
