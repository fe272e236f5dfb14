// Reads codes to be scanned, of pictures that are at hand as points. A part of its own,
// with the reader: it comes when somebody scans first.
import { decodeQR } from "qr/decode.js";

/** The points of a picture, four octets each: red, green, blue, how opaque. */
export interface Points { width: number; height: number; data: Uint8ClampedArray }

/** The longest text that is taken: a code holds no more than 7089 characters. */
export const longestText = 7089;

/** The text of the code that is in a picture; undefined where none can be read. */
export function readCode(p: Points): string | undefined {
  if (p.data.length !== 4 * p.width * p.height || p.width < 21 || p.height < 21) return undefined; // no code is smaller
  try {
    const text = decodeQR(p, { format: "RGBA" });
    return text && text.length <= longestText ? text : undefined;
  } catch {
    return undefined; // a picture without one is no error: the next may have one
  }
}

/** How large a picture is drawn to be read: no side longer than most, and no larger than it is. */
export function fit(width: number, height: number, most: number): { width: number; height: number } {
  const by = Math.min(1, most / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * by)), height: Math.max(1, Math.round(height * by)) };
}
