import { describe, expect, it } from "vitest";
import { dayOf, short } from "../src/time";
import { setLang } from "../src/words";

const now = new Date(2026, 10, 22, 20, 0); // a Sunday
const at = (...x: [number, number, number, number?, number?]) => new Date(x[0], x[1] - 1, x[2], x[3] ?? 9, x[4] ?? 5).toISOString();

describe("dates in Taiwan", () => {
  it("the list", () => {
    setLang("zh-TW");
    expect(short(at(2026, 11, 22, 19, 9), now)).toBe("下午7:09");
    expect(short(at(2026, 11, 21), now)).toBe("昨天");
    expect(short(at(2026, 11, 18), now)).toBe("週三");
    expect(short(at(2026, 3, 1), now)).toBe("3/1");
    expect(short(at(2025, 12, 31), now)).toBe("2025/12/31");
  });
  it("between messages", () => {
    setLang("zh-TW");
    expect(dayOf(at(2026, 11, 22), now)).toBe("今天");
    expect(dayOf(at(2026, 11, 21), now)).toBe("昨天");
    expect(dayOf(at(2026, 11, 15), now)).toBe("11/15（週日）");
    expect(dayOf(at(2025, 3, 1), now)).toBe("2025/3/1（週六）");
  });
  it("English", async () => {
    await setLang("en");
    expect(dayOf(at(2026, 11, 15), now)).toBe("Sun, 11/15");
  });
});
