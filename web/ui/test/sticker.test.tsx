import { render } from "@solidjs/testing-library";
import { expect, it } from "vitest";
import type { Medium, Message } from "@rpc";
import { Media } from "../src/ui/Media";

const shown = (medium: Partial<Medium>) => {
  const message = { id: "m1", media: [{ width: 512, height: 256, size: 9, ...medium }] } as unknown as Message;
  return render(() => <Media message={message} />).container;
};
const width = (e: Element | null) => (e as HTMLElement).style.width;

it("a sticker is smaller than a picture, and one that moves is a film", () => {
  expect(width(shown({ what: "photo", type: "image/png" }).querySelector("button.picture"))).toBe("360px");
  expect(width(shown({ what: "sticker", type: "image/webp" }).querySelector("button.picture"))).toBe("200px");
  const film = shown({ what: "sticker", type: "video/webm", emoji: "🐦" }).querySelector("video")!;
  expect([width(film), film.muted, film.controls, film.getAttribute("aria-label")]).toEqual(["200px", true, false, "🐦"]);
});
