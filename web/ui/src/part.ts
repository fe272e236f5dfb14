// Parts of the pages that come when they are needed first. Without the program they come
// once it is back; a newer program has other parts, and the page has to be fetched anew.

/** What the window hears when a part is not there although the program answers. */
export const stale = "omega:stale";

const pause = 500; // ms from one question to the next

const answers = () => fetch("/", { method: "HEAD", cache: "no-store" }).then(() => true, () => false);

/** Brings a part, however long the program is away. Rejects if the program has no such part. */
export async function part<T>(load: () => Promise<T>): Promise<T> {
  for (let there = false; ; ) {
    try { return await load(); } catch (e) {
      const before = there;
      there = await answers();
      if (before && there) { // else it may have come back just now
        window.dispatchEvent(new Event(stale));
        throw e;
      }
      while (!there) {
        await new Promise((done) => setTimeout(done, pause));
        there = await answers();
      }
    }
  }
}

/** Takes away the style that did not come, so that it is asked for again. */
export function forgetStyle(e: Pick<VitePreloadErrorEvent, "payload">) {
  const href = /CSS for (\S+)/.exec(e.payload.message)?.[1];
  for (const link of document.querySelectorAll<HTMLLinkElement>("link[rel=stylesheet]")) if (link.href === href) link.remove();
}
