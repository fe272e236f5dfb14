// What is told while a dialog is open: it makes all behind it silent, so it has a place of
// its own where that is heard. It is seen where it always is.
import { For, type JSX } from "solid-js";
import { toasts } from "../state/app";

export function Told(): JSX.Element {
  const before = toasts().at(-1)?.key ?? 0; // was heard
  return <div class="hidden" role="status" aria-live="polite"><For each={toasts().filter((x) => x.key > before)}>{(x) => <div>{x.text}</div>}</For></div>;
}
