import { beforeEach, expect, it, vi } from "vitest";
import { forgetStyle, part, stale } from "../src/part";
import { renew } from "../src/state/renew";
import { hold, keepNote, takeNote } from "../src/state/notes";
import { toasts } from "../src/state/app";
import { t } from "../src/words";

const kept = vi.hoisted(() => ({ put: async () => true, take: async () => true }));
vi.mock("../src/state/notekeep", () => kept);

let there = true;
const told = vi.fn(), reload = vi.spyOn(location, "reload").mockImplementation(() => {});
window.addEventListener(stale, told);
beforeEach(() => {
  vi.useFakeTimers();
  vi.clearAllMocks();
  sessionStorage.clear();
  there = true;
  vi.stubGlobal("fetch", async () => { if (!there) throw new TypeError("Failed to fetch"); return {}; });
});

it("a part that could not come while the program was away comes once it is back", async () => {
  there = false;
  const got = vi.fn(), load = vi.fn(async () => { if (!there) throw new TypeError("Failed to fetch dynamically imported module"); return "part"; });
  void part(load).then(got);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(load).toHaveBeenCalledTimes(1);
  expect(got).not.toHaveBeenCalled();
  there = true;
  await vi.advanceTimersByTimeAsync(1000);
  expect(got).toHaveBeenCalledWith("part");
  expect(told).not.toHaveBeenCalled();
});

it("a part that the program does not have any more is told of, and refused", async () => {
  const no = new TypeError("404");
  await expect(part(() => Promise.reject(no))).rejects.toBe(no);
  expect(told).toHaveBeenCalledTimes(1);
});

it("a style that did not come is asked for again", () => {
  const links = ["Scan", "index"].map((name) => ({ href: `http://127.0.0.1/assets/${name}.css`, remove: vi.fn() }));
  vi.spyOn(document, "querySelectorAll").mockReturnValueOnce(links as never).mockReturnValueOnce(links as never);
  forgetStyle({ payload: new Error(`Unable to preload CSS for ${links[0]!.href}`) });
  forgetStyle({ payload: new Error(`Failed to fetch dynamically imported module: ${links[1]!.href}`) });
  expect(links.map((l) => l.remove.mock.calls.length)).toEqual([1, 0]);
});

it("the page is fetched anew, seldom, and not while a note would be lost", async () => {
  const note = { chat: { chat: "c1", secure: true } as never, sound: new Blob(["a"]), shape: [], long: 1 };
  const release = hold();
  renew();
  renew();
  expect(toasts().filter((x) => x.text === t("part.stale"))).toHaveLength(1);
  keepNote(note); // of a secure chat: it is nowhere else
  release();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(reload).not.toHaveBeenCalled();
  void takeNote(note);
  await vi.advanceTimersByTimeAsync(1000);
  expect(reload).toHaveBeenCalledTimes(1);
  renew();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(reload).toHaveBeenCalledTimes(1);
});

it("a note that is in the database of the browser does not hinder that", async () => {
  keepNote({ chat: { chat: "c1" } as never, sound: new Blob(["a"]), shape: [], long: 1 });
  renew();
  expect(reload).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1000);
  expect(reload).toHaveBeenCalledTimes(1);
});
