// How far the core is with what waited at the homes. Nothing waits for it.
import { createSignal } from "solid-js";
import type { CatchUpEvent } from "@rpc";

const [catchup, set] = createSignal<CatchUpEvent>();
export { catchup };

export const setCatchup = (e: CatchUpEvent) => void set(e.done < e.total ? e : undefined);
