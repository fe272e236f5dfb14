import { createRoot } from "solid-js";
import { afterEach, beforeEach, expect, it } from "vitest";
import { open, setOpen } from "../src/state/app";
import { entries } from "../src/state/back";
import { unwind, useLayer } from "../src/state/layers";

// The history of a browser, which goes where it is told a moment later.
class Browser {
  list: unknown[] = [null];
  at = 0;
  get state() { return this.list[this.at]; }
  pushState(state: unknown) { this.list = [...this.list.slice(0, ++this.at), state]; }
  go(by: number) {
    setTimeout(() => {
      this.at += by;
      window.dispatchEvent(Object.assign(new Event("popstate"), { state: this.state }));
    });
  }
}

let ends: (() => void)[] = [], browser: Browser, small = true;
const settled = async () => { for (let i = 0; i < 4; i++) await new Promise((done) => setTimeout(done)); };
const begin = (at = new Browser()) => { browser = at; createRoot((end) => { ends.push(end); entries(browser as never, () => small); }); };
const closed: string[] = [];
const layer = (name: string) => createRoot((end) => { ends.push(end); useLayer(() => { closed.push(name); end(); }); });
const back = async () => { browser.go(-1); await settled(); };

beforeEach(() => { small = true; closed.length = 0; setOpen(undefined); });
afterEach(() => { ends.forEach((end) => end()); ends = []; });

it("Back closes what lies on top, then the chat, and then leaves", async () => {
  begin();
  setOpen("c1");
  await settled();
  layer("info");
  layer("menu");
  await settled();
  expect(browser.at).toBe(3);
  await back();
  expect([closed, open(), browser.at]).toEqual([["menu"], "c1", 2]);
  await back();
  expect([closed, open(), browser.at]).toEqual([["menu", "info"], "c1", 1]);
  await back();
  expect([open(), browser.at]).toEqual([undefined, 0]);
});

it("what is closed otherwise leaves no entry, and another chat is no further one", async () => {
  begin();
  setOpen("c1");
  await settled();
  setOpen("c2");
  layer("dialog");
  await settled();
  expect(browser.at).toBe(2);
  expect(unwind()).toBe(true); // Esc
  await settled();
  expect([open(), browser.at]).toEqual(["c2", 1]);
  setOpen(undefined);
  await settled();
  expect([closed, browser.at]).toEqual([["dialog"], 0]);
  setOpen("c3"); // at once after, while the browser still goes back
  setOpen(undefined);
  setOpen("c3");
  await settled();
  expect([open(), browser.at]).toEqual(["c3", 1]);
});

it("a menu that leads to a dialog is one step", async () => {
  begin();
  layer("menu");
  await settled();
  unwind();
  layer("dialog");
  await settled();
  expect([browser.at, browser.list.length]).toEqual([1, 2]);
  await back();
  expect(closed).toEqual(["menu", "dialog"]);
});

it("entries of before a reload go, and a wide screen has none", async () => {
  const old = new Browser();
  old.pushState({ depth: 1 });
  old.pushState({ depth: 2 });
  begin(old);
  await settled();
  expect(browser.at).toBe(0);
  ends.forEach((end) => end());
  small = false;
  begin();
  setOpen("c1");
  layer("dialog");
  await settled();
  expect([browser.at, browser.list.length]).toEqual([0, 1]);
});
