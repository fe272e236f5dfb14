import { beforeEach, expect, it } from "vitest";
import type { Message } from "@rpc";
import { preview } from "../src/ui/preview";
import { setLang } from "../src/words";

const message = (more: Partial<Message>): Message => ({ id: "1", chat: "c", from: "AB", device: "CD", time: "2026-11-22T12:00:00Z", kind: "text", text: "", secure: false, verified: true, ...more });

const rows: [string, Partial<Message>, string][] = [
  ["a text", { text: "早安" }, "早安"],
  ["a photo", { kind: "media", text: "雲海", media: [{ what: "photo" } as never] }, "[照片] 雲海"],
  ["a voice note", { kind: "media", media: [{ what: "voice" } as never] }, "[語音訊息]"],
  ["a medium that only a newer program knows", { kind: "media", media: [{ what: "hologram" } as never] }, "[hologram]"],
  ["an invitation", { kind: "group-invite", group: "G", text: "登山社" }, "[群組邀請] 登山社"],
  ["a refusal", { kind: "group-refused", group: "G" }, "加入的申請沒有通過"],
  ["a device that came", { kind: "device-added", service: true, text: "vm Linux", device: "AABB" }, "多了一部裝置「vm Linux」，指紋 AABB"],
  ["a group that is there now", { kind: "group-created", service: true, text: "登山社", name: "小美" }, "小美 建立了群組「登山社」"],
  ["what was taken back", { text: "早安", deleted: true }, "訊息已收回"],
];

beforeEach(() => setLang("zh-TW"));
it.each(rows)("%s in one line", (_, m, want) => expect(preview(message(m))).toBe(want));
