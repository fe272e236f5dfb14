import type { Message, NamedAccount } from "@rpc";
import { t, thing, type Word } from "../words";
import { called } from "./called";
import { clean } from "./text";

const self = "\0"; // stands for this account until the line is made: no name has it
const before = /(?<=\p{Script=Han}) \0/gu, behind = /\0 (?=\p{Script=Han})/gu; // 你 stands without a space beside Chinese

/** What a line that the program noted says: the words of the terminal (clientrpc, Message.Line). */
export function line(m: Message): string {
  const word = `line.${m.kind === "channel-created" ? "group-created" : m.kind}` as Word;
  if (m.kind === "device-added" || m.kind === "device-revoked" || m.kind === "device-back") return t(word, clean(m.text), m.device);
  const name = (a: NamedAccount) => (a.this ? self : called(a, a.fingerprint, 8));
  const about = m.about ?? [];
  if (m.kind === "name-changed") {
    const other = m.name && !m.self_named && m.name !== m.was && m.name !== m.text; // what its user calls it
    const said = other ? t("line.name-changed-of", clean(m.was ?? ""), clean(m.text), clean(m.name!)) : t("line.name-changed", clean(m.was ?? ""), clean(m.text), m.from.slice(-8));
    return about[0] ? said + t("line.name-like", about[0].this ? t("line.you") : called(about[0], about[0].fingerprint, 8)) : said;
  }
  const count = m.about_count ?? 0;
  let who = "";
  if (about.length && count === 1) who = name(about[0]!);
  else if (about.length === 2 && count === 2) who = t("line.two", name(about[0]!), name(about[1]!));
  else if (about.length) who = t("line.many", name(about[0]!), count - 1);
  const said = t(word, who, name({ fingerprint: m.from, name: m.name, self_named: m.self_named, this: m.mine }), clean(m.text), thing(m));
  const put = said.replace(before, self).replace(behind, self).replaceAll(self, t("line.you"));
  return said.startsWith(self) ? put.charAt(0).toUpperCase() + put.slice(1) : put; // names stay as they are
}
