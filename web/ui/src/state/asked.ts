// What a part of the pages shows of the core's answers. A call that is refused is told to
// the person, and leaves on the screen what was there.
import { createResource, type ResourceReturn, type ResourceSource } from "solid-js";
import { failed } from "./app";

/** An answer of the core, asked for anew whenever what it is about changes; undefined until it is there. */
export function asked<T, S = true>(about: ResourceSource<S>, ask: (about: S) => Promise<T>): ResourceReturn<T | undefined> {
  let of: S | undefined; // what the last answer is about
  return createResource<T | undefined, S>(about, async (x, info) => {
    try {
      const answer = await ask(x);
      of = x;
      return answer;
    } catch (e) {
      failed(e);
      return of === x ? info.value : undefined;
    }
  });
}
