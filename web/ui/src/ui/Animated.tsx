// An animated sticker (.tgs: a packed Lottie file of somebody else). The player is
// fetched when the first one is shown; it plays while it is on the screen, and stands
// still for who asked for less motion.
import { onCleanup, onMount, type JSX } from "solid-js";
import type { AnimationItem } from "lottie-web";
import { part } from "../part";
import { drawing } from "./drawing";

const most = 4 << 20; // octets, unpacked

async function unpacked(url: string): Promise<unknown> {
  const r = await fetch(url);
  if (!r.ok || !r.body) throw new Error(`HTTP ${r.status}`);
  const reader = r.body.pipeThrough(new DecompressionStream("gzip")).getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let size = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) {
      void reader.cancel();
      throw new Error("the sticker is too large");
    }
    parts.push(value as Uint8Array<ArrayBuffer>);
  }
  return JSON.parse(await new Blob(parts).text());
}

export function Animated(p: { src: string; label: string }): JSX.Element {
  let box!: HTMLDivElement, item: AnimationItem | undefined, gone = false;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const seen = new IntersectionObserver(([e]) => {
    if (e?.isIntersecting) {
      if (item) { if (!still) item.play(); }
      else void begin();
    } else item?.pause();
  });
  let begun = false;
  const begin = async () => {
    if (begun) return;
    begun = true;
    try {
      const [{ default: lottie }, data] = await Promise.all([part(() => import("lottie-web/build/player/lottie_light_canvas")), unpacked(p.src)]);
      if (gone) return;
      item = lottie.loadAnimation({ container: box, renderer: "canvas", loop: true, autoplay: !still, animationData: drawing(data) });
    } catch {
      if (!gone) box.textContent = p.label || "▶";
    }
  };
  onMount(() => seen.observe(box));
  onCleanup(() => { gone = true; seen.disconnect(); item?.destroy(); });
  return <div ref={box} class="animated" role="img" aria-label={p.label} />;
}
