import encodeQR from "qr";
import { describe, expect, it } from "vitest";
import { fit, readCode, type Points } from "../src/scan/read";

/** A code as a picture: each dot so many points large, with white around, at a place of a larger picture. */
function draw(text: string, dot: number, at = { left: 0, top: 0, width: 0, height: 0 }, ink = 0): Points {
  const dots = encodeQR(text, "raw", { border: 4 });
  const size = dots.length * dot, width = Math.max(at.width, size), height = Math.max(at.height, size);
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) if (dots[Math.floor(y / dot)]![Math.floor(x / dot)]) data.fill(ink, 4 * ((y + at.top) * width + x + at.left), 4 * ((y + at.top) * width + x + at.left) + 3);
  return { width, height, data };
}

const link = "OMEGA:CONTACT/04B7E6C1A5D2F3988E7A6B5C4D3E2F1A0B9C8D7E6F";

describe("codes", () => {
  it("are read as they are drawn, of any size and anywhere in the picture", () => {
    for (const dot of [2, 3, 8]) expect(readCode(draw(link, dot)), `${dot} points`).toBe(link);
    expect(readCode(draw(link, 4, { left: 333, top: 120, width: 800, height: 600 }))).toBe(link);
    expect(readCode(draw(link, 4, { left: 10, top: 10, width: 640, height: 480 }, 90)), "grey").toBe(link);
  });
  it("of a device, which is long and not in capitals", () => {
    const text = `omega-link:${"Aq_-9".repeat(60)}`;
    expect(readCode(draw(text, 4))).toBe(text);
  });
  it("upside down", () => {
    const p = draw(link, 4), turned = new Uint8ClampedArray(p.data.length);
    for (let i = 0; i < p.data.length; i += 4) turned.set(p.data.subarray(i, i + 4), p.data.length - 4 - i);
    expect(readCode({ ...p, data: turned })).toBe(link);
  });
});

describe("what is no code", () => {
  it("gives nothing, and no error", () => {
    let seed = 7;
    const chance = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) >> 16;
    const noise = new Uint8ClampedArray(4 * 200 * 150).map(() => chance() & 255);
    expect(readCode({ width: 200, height: 150, data: noise })).toBeUndefined();
    expect(readCode({ width: 64, height: 64, data: new Uint8ClampedArray(4 * 64 * 64).fill(255) })).toBeUndefined();
  });
  it("of a wrong size", () => {
    expect(readCode({ width: 1000, height: 1000, data: new Uint8ClampedArray(4) })).toBeUndefined();
    expect(readCode({ width: 0, height: 0, data: new Uint8ClampedArray(0) })).toBeUndefined();
    expect(readCode({ width: 4, height: 4, data: new Uint8ClampedArray(64) })).toBeUndefined();
  });
  it("a code with its middle torn out", () => {
    const p = draw(link, 4), from = Math.floor(p.height * 0.25), to = Math.floor(p.height * 0.85);
    p.data.fill(255, 4 * from * p.width, 4 * to * p.width);
    expect(readCode(p)).toBeUndefined();
  });
});

it("a picture is drawn no larger than it is, and never of no size", () => {
  expect(fit(4000, 3000, 800)).toEqual({ width: 800, height: 600 });
  expect(fit(300, 200, 800)).toEqual({ width: 300, height: 200 });
  expect(fit(100_000, 1, 800)).toEqual({ width: 800, height: 1 });
});
