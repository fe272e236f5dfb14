import type { Contact } from "@rpc";
import { clean } from "../ui/text";
import { core } from "./app";
import { byRank, rank } from "./find";

const parts = 50; // pages of one look: ten thousand contacts

/** Contacts by name, 注音 or pinyin, as far as they fit. */
export async function findContacts(query: string, most = 200): Promise<Contact[]> {
  const out: Contact[] = [];
  let next: string | undefined;
  for (let i = 0; i < parts && out.length < most; i++) {
    const r = await core.call("contacts", { query, next });
    out.push(...(r.contacts ?? []));
    if (!(next = r.next)) break;
  }
  return query.trim() ? byRank(out, (c) => rank(contactName(c), query)) : out;
}

/** What somebody is called here. */
export const contactName = (c: Contact) => clean(c.petname ?? "") || clean(c.name ?? "") || c.fingerprint.slice(-16);
