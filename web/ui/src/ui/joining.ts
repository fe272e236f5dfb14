// What a link leads to: somebody, or a group or channel.
import { core, openContact, setOpen, toast } from "../state/app";
import { answered } from "../state/groups";
import { t, thing } from "../words";
import "../words/rare";

/** Whether a text is the link of a group or channel. */
export const leadsToGroup = (link: string) => /^\s*omega:group\//i.test(link);

/** Goes where a link leads, and opens that. Whether a group has answered yet is said in its chat, for as long as it has not. */
export async function goTo(link: string, petname?: string): Promise<void> {
  if (!leadsToGroup(link)) return openContact(await core.call("contact.add", { account: link.trim(), petname: petname?.trim() || undefined }));
  const g = await core.call("group.join", { link: link.trim() });
  answered(g);
  if (g.role === "subscriber") toast(t("group.subscribed"));
  else if (["member", "admin", "owner"].includes(g.role ?? "")) toast(t("group.inside", thing(g)));
  if (g.role) setOpen(g.chat);
}
