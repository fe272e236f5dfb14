import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

// Colours of the pages, as base.css has them: light first, then dark.
const css = readFileSync("src/style/base.css", "utf8");
const colours = (block: string) => Object.fromEntries([...block.matchAll(/--([a-z0-9-]+): light-dark\((#[0-9a-f]+), (#[0-9a-f]+)\)/g)].map((m) => [m[1]!, [m[2]!, m[3]!] as const]));
const root = colours(/:root \{[^}]*\}/.exec(css)![0]);
const secure = { ...root, ...colours(/\.secure \{[^}]*\}/.exec(css)![0]), brand: root["safe"]! };

const light = (hex: string) => {
  const full = hex.length === 4 ? "#" + [...hex.slice(1)].map((c) => c + c).join("") : hex;
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(full.slice(i, i + 2), 16) / 255).map((x) => (x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a: string, b: string) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);

describe("letters can be read on what they stand on (WCAG 1.4.3)", () => {
  for (const [name, set] of [["normal", root], ["secure", secure]] as const)
    for (const mode of [0, 1] as const)
      it(`${name}, ${mode ? "dark" : "light"}`, () => {
        for (const [ink, papers] of Object.entries({ text: ["bg", "bg2", "bg3", "own", "other", "warn-bg"], dim: ["bg", "bg2", "own", "other", "warn-bg"], brand: ["bg", "bg2", "own", "other"], warn: ["bg", "warn-bg"], bad: ["bg", "bg3"], "on-brand": ["brand"] }))
          for (const paper of papers) expect(contrast(set[ink]![mode], set[paper]![mode]), `${ink} on ${paper}`).toBeGreaterThanOrEqual(4.5);
      });
});

it("names of authors can be read, whatever their account", () => {
  const [, day, night] = /hsl\(var\(--hue\) 60% (\d+)%\), hsl\(var\(--hue\) 60% (\d+)%\)/.exec(readFileSync("src/style/chat.css", "utf8"))!;
  const hex = (hue: number, lightness: number) => {
    const a = 0.6 * Math.min(lightness, 1 - lightness), f = (n: number) => { const k = (n + hue / 30) % 12; return lightness - a * Math.max(-1, Math.min(k - 3, 9 - k, 1)); };
    return "#" + [0, 8, 4].map((n) => Math.round(255 * f(n)).toString(16).padStart(2, "0")).join("");
  };
  for (let hue = 0; hue < 360; hue += 30) for (const [i, l] of [day, night].entries()) expect(contrast(hex(hue, Number(l) / 100), root["other"]![i as 0 | 1]), `${hue} ${l}`).toBeGreaterThanOrEqual(4.5);
});
