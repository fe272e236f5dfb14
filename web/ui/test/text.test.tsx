import { render } from "@solidjs/testing-library";
import { describe, expect, it } from "vitest";
import { clean, Rich } from "../src/ui/text";

const shown = (text: string, entities: unknown[] = [], inert = false) => render(() => <Rich text={text} entities={entities as never} inert={inert} />).container;

describe("texts of others", () => {
  it("never become markup", () => {
    const c = shown(`<img src=x onerror=alert(1)><script>alert(2)</script>`);
    expect(c.querySelector("img,script")).toBeNull();
    expect(c.textContent).toContain("<img src=x");
  });
  it("links lead to the web, or nowhere", () => {
    const link = (address: string, inert = false) => shown("touch", [{ type: "link", offset: 0, length: 5, address }], inert).querySelector("a")?.getAttribute("href");
    expect(link("https://omega.example/a")).toBe("https://omega.example/a");
    expect(link("omega.example")).toBe("https://omega.example/");
    for (const bad of ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "vbscript:x", "blob:x", "\u0001javascript:alert(1)"]) expect(link(bad)).toBeUndefined();
    expect(link("https://omega.example/", true)).toBeUndefined();
  });
  it("entities that do not fit are left out", () => {
    const c = shown("short", [{ type: "bold", offset: 3, length: 99 }, { type: "bold", offset: -1, length: 2 }, { type: "bold", offset: 0, length: 0 }]);
    expect(c.querySelector("strong")).toBeNull();
    expect(c.textContent).toBe("short");
  });
  it("entities lie over each other, in UTF-16 units", () => {
    const c = shown("😀粗斜", [{ type: "bold", offset: 2, length: 2 }, { type: "italic", offset: 3, length: 1 }]);
    expect(c.querySelector("strong")?.textContent).toBe("粗");
    expect([...c.querySelectorAll("em")].map((e) => e.textContent)).toEqual(["斜"]);
    expect(c.textContent).toBe("😀粗斜");
  });
  it("letters that turn the direction do nothing", () => {
    expect(clean("\u202Egpj.exe")).toBe("gpj.exe");
    expect(shown("a\u202Egpj.exe").textContent).not.toContain("\u202E");
    expect(clean("\u0000a\nb")).toBe("a b");
  });
  it("piled marks are cut", () => {
    expect([...clean("z" + "\u0300".repeat(80))].length).toBeLessThan(8);
  });
  it("a hundred thousand letters show in part, and no pair is cut", () => {
    const c = shown("😀".repeat(50_000));
    expect(c.textContent!.length).toBeLessThan(4100);
    expect(/[\ud800-\udbff](?![\udc00-\udfff])/.test(c.textContent!)).toBe(false);
  });
});
