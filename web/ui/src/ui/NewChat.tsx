import { createSignal, For, Show, type JSX } from "solid-js";
import type { Contact, Fingerprint } from "@rpc";
import { newID } from "../ids";
import { core, failed, openContact, openSaved, setOpen } from "../state/app";
import { asked } from "../state/asked";
import { contactName, findContacts } from "../state/contacts";
import { t, thing } from "../words";
import "../words/rare";
import { closeDialog } from "./Dialog";
import { first } from "./focus";
import { Avatar, Icon } from "./icons";
import { goTo, leadsToGroup } from "./joining";
import { contactCode, Scan } from "./Scan";
import { MyLink } from "./Setup";

/** Somebody new, or a group. */
export function NewChat(): JSX.Element {
  const [tab, setTab] = createSignal<"add" | "group" | "mine">("add");
  return (
    <>
      <div class="tabs" role="tablist">
        <For each={[["add", t("chat.add")], ["group", t("group.new")], ["mine", t("contact.mine")]] as const}>{([k, label]) => <button role="tab" aria-selected={tab() === k} classList={{ on: tab() === k }} onClick={() => setTab(k)}>{label}</button>}</For>
      </div>
      <Show when={tab() === "add"}><Add /></Show>
      <Show when={tab() === "group"}><NewGroup /></Show>
      <Show when={tab() === "mine"}><Mine /></Show>
    </>
  );
}

function Add() {
  const [link, setLink] = createSignal(""), [name, setName] = createSignal(""), [busy, setBusy] = createSignal(false);
  const group = () => leadsToGroup(link());
  const submit = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    try {
      await goTo(link(), name());
      closeDialog();
    } catch (e) { failed(e); } finally { setBusy(false); }
  };
  return (
    <form onSubmit={submit}>
      <button type="button" class="saved" onClick={() => { closeDialog(); void openSaved().catch(failed); }}><Icon name="star" />{t("chat.saved")}</button>
      <p class="dim">{t("contact.text")}</p>
      <label class="field"><span>{t("contact.link")}</span><input ref={first} value={link()} maxlength="600" autocomplete="off" onInput={(e) => setLink(e.currentTarget.value)} /></label>
      <Scan wants={contactCode} take={setLink} />
      <Show when={!group()} fallback={<p class="dim">{t("group.join.text")}</p>}><label class="field"><span>{t("contact.name")}</span><input value={name()} maxlength="64" autocomplete="off" onInput={(e) => setName(e.currentTarget.value)} /></label></Show>
      <button class="primary" disabled={busy() || !link().trim()}>{t(group() ? "group.join" : "contact.add")}</button>
      <Show when={!link().trim()}><fieldset class="options"><legend>{t("people.write")}</legend><Pick chosen={new Set()} toggle={(c) => { closeDialog(); openContact(c); }} one /></fieldset></Show>
    </form>
  );
}

/** People to choose from. */
export function Pick(p: { chosen: Set<Fingerprint>; toggle: (c: Contact) => void; one?: boolean }): JSX.Element {
  const [query, setQuery] = createSignal("");
  const [found] = asked(query, (q) => findContacts(q));
  return (
    <>
      <label class="field"><span class="hidden">{t("chats.search")}</span><input type="search" placeholder={t("people.search")} value={query()} onInput={(e) => setQuery(e.currentTarget.value)} /></label>
      <ul class="people">
        <For each={found.latest ?? []} fallback={<li class="dim">{found.loading ? "…" : t(query().trim() ? "people.none" : "people.noneyet")}</li>}>{(c) => (
          <li><button type="button" classList={{ on: p.chosen.has(c.fingerprint) }} aria-pressed={p.one ? undefined : p.chosen.has(c.fingerprint)} onClick={() => p.toggle(c)}>
            <Avatar name={contactName(c)} id={c.fingerprint} size={36} /><bdi>{contactName(c)}</bdi></button></li>
        )}</For>
      </ul>
    </>
  );
}

function NewGroup() {
  const [name, setName] = createSignal(""), [channel, setChannel] = createSignal(false), [secure, setSecure] = createSignal(false), [chosen, setChosen] = createSignal(new Set<Fingerprint>()), [busy, setBusy] = createSignal(false);
  const toggle = (c: Contact) => setChosen((s) => { const n = new Set(s); if (!n.delete(c.fingerprint)) n.add(c.fingerprint); return n; });
  const submit = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    try {
      const g = await core.call("group.create", { id: newID(), name: name().trim(), channel: channel() || undefined, secure: secure() || undefined, members: [...chosen()] });
      closeDialog();
      setOpen(g.chat);
    } catch (e) { failed(e); } finally { setBusy(false); }
  };
  return (
    <form onSubmit={submit}>
      <label class="field"><span>{t("group.name", thing({ channel: channel() }))}</span><input value={name()} maxlength="64" onInput={(e) => setName(e.currentTarget.value)} /></label>
      <label class="check"><input type="checkbox" checked={channel()} onChange={(e) => setChannel(e.currentTarget.checked)} />{t("group.channel")}</label>
      <Show when={channel()}><p class="dim">{t(secure() ? "group.channel.secure" : "group.channel.text")}</p></Show>
      <label class="check"><input type="checkbox" checked={secure()} onChange={(e) => setSecure(e.currentTarget.checked)} />{t("group.secure")}</label>
      <Pick chosen={chosen()} toggle={toggle} />
      <button class="primary" disabled={busy() || !name().trim()}>{t("group.make")}{chosen().size ? t("group.count", chosen().size) : ""}</button>
    </form>
  );
}

function Mine() {
  const [card] = asked(() => true, () => core.call("contact.card", {}));
  return <Show when={card()}>{(c) => <MyLink link={c().link} />}</Show>;
}
