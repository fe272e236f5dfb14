import type { Message } from "@rpc";
import { t, type Word } from "../words";
import { clean } from "./text";

/** One line that stands for a message. */
export function preview(m: Message): string {
  if (m.deleted) return t("message.deleted");
  if (m.kind === "media") {
    const what = m.media?.[0]?.what ?? "media";
    const word = t(`message.kind.${what}` as Word) || t("message.kind.media");
    return m.text ? `[${word}] ${clean(m.text)}` : `[${word}]`;
  }
  if (m.kind === "poll" || m.kind === "list") return `[${t(`message.kind.${m.kind}`)}] ${clean(m.text)}`;
  if (m.group) return `[${t("message.kind.group")}] ${clean(m.text)}`;
  return clean(m.text);
}
