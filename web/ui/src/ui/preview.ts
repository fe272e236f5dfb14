import type { Message } from "@rpc";
import { t, thing, type Word } from "../words";
import { line } from "./line";
import { clean } from "./text";

/** One line that stands for a message. */
export function preview(m: Message): string {
  if (m.deleted) return t("message.deleted");
  if (m.service) return line(m);
  if (m.kind === "media") {
    const word = t(`message.kind.${m.media?.[0]?.what ?? "media"}` as Word);
    return m.text ? `[${word}] ${clean(m.text)}` : `[${word}]`;
  }
  if (m.kind === "poll" || m.kind === "list") return `[${t(`message.kind.${m.kind}`)}] ${clean(m.text)}`;
  if (m.kind === "group-refused") return t("message.kind.refused");
  if (m.kind === "group-invite") return `[${t("message.kind.group", thing(m))}] ${clean(m.text)}`;
  return clean(m.text);
}
