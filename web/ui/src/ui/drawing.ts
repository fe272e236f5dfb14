// What of an animation by somebody else is drawn: the bounds of the core (chat/sticker),
// asked here once more, since what comes in a message need not have passed there.

const largest = 2048; // points, each side

/** An animation without what would fetch something. Fails for one that no player should be given: with a program, with drawings that repeat as often as it likes, or of no or any size. */
export function drawing(data: unknown): Record<string, unknown> {
  if (!isObject(data)) throw new Error("no animation");
  const { w, h, fr, layers } = data;
  if (!side(w) || !side(h) || typeof fr !== "number" || !(fr > 0) || !Array.isArray(layers)) throw new Error("an animation without layers, rate or size");
  harmless(data);
  const assets = Array.isArray(data["assets"]) ? data["assets"].filter((a: unknown) => isObject(a) && !("p" in a)) : [];
  return { ...data, assets, fonts: undefined, chars: undefined };
}

const isObject = (x: unknown): x is Record<string, unknown> => typeof x === "object" && x !== null && !Array.isArray(x);
const side = (x: unknown) => typeof x === "number" && x >= 1 && x <= largest;

/** Fails if there is a program or a repeater anywhere, however deep. */
function harmless(data: object) {
  const left: object[] = [data];
  for (let x = left.pop(); x; x = left.pop()) {
    for (const [key, value] of Object.entries(x)) {
      if (typeof value === "object" && value !== null) left.push(value as object);
      else if (key === "ty" && value === "rp") throw new Error("an animation that repeats its drawings");
      else if (key === "x" && typeof value === "string") throw new Error("an animation with a program");
    }
  }
}
