// What there is to know about the chat that is open, and to do with it.
import { createSignal, For, Match, Show, Switch, type JSX } from "solid-js";
import type { Chat, Contact, Fingerprint, Group, GroupMember } from "@rpc";
import { at } from "../rpc";
import { core, failed, me, openContact, setOpen, toast } from "../state/app";
import { agree } from "./Noted";
import { asked } from "../state/asked";
import { contactName } from "../state/contacts";
import { setDialog, setInfo } from "../state/dialog";
import { changesOf, may } from "../state/groups";
import { useLayer } from "../state/layers";
import { sure } from "../state/sure";
import { isTime } from "../ids";
import { short } from "../time";
import { t, thing, type Word } from "../words";
import "../words/rare";
import { muted } from "../state/folders";
import { chatName, pictureFor } from "./ChatList";
import { Avatar, Icon } from "./icons";
import { GroupLinks } from "./GroupLinks";
import { GroupProfile } from "./GroupProfile";
import { openMenu, type Action } from "./menu";
import { Pick } from "./NewChat";
import { contactCode, Scan } from "./Scan";
import { called } from "./called";
import { clean } from "./text";
import "../style/info.css";

const forGood = "9999-12-31T23:59:59.999Z";
const hours = (n: number) => () => new Date(Date.now() + n * 3_600_000).toISOString();
/** The next eight in the morning, in the zone of the person. */
const morning = (now = new Date()) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + (now.getHours() >= 8 ? 1 : 0), 8).toISOString();
const mutings: [Word, () => string][] = [["mute.1h", hours(1)], ["mute.8h", hours(8)], ["mute.morning", () => morning()], ["mute.ever", () => forGood]];

/** What is asked of a group, anew whenever something of it is another. */
const latest = (chat: string) => `${chat} ${changesOf(chat)}`;
const chatOf = (key: string) => key.slice(0, key.indexOf(" "));

export function Info(p: { chat: Chat }): JSX.Element {
  useLayer(() => setInfo(false));
  const [group, { mutate, refetch }] = asked(() => (p.chat.kind === "group" ? latest(p.chat.chat) : undefined), (key) => core.call("group", { group: chatOf(key) }));
  const picture = () => { const of = group.latest?.chat === p.chat.chat ? group.latest.picture : undefined; return of?.here ? at(`/media/${of.id}/${of.item}`) : undefined; };
  const set = (what: object) => core.call("chat.set", { chat: p.chat.chat, ...what }, undefined, `set ${p.chat.chat}`).catch(failed);
  return (
    <aside class="info" aria-label={t("info")}>
      <header class="head"><button class="icon-button" aria-label={t("close")} onClick={() => setInfo(false)}><Icon name="close" /></button><h2>{t("info")}</h2></header>
      <div class="scroll">
        <div class="who"><Avatar name={chatName(p.chat)} id={p.chat.kind === "group" ? p.chat.chat : p.chat.peer} size={96} icon={pictureFor(p.chat)} picture={picture()} /><h3><bdi>{chatName(p.chat)}</bdi></h3></div>
        <div class="actions">
          <button aria-haspopup={muted(p.chat) ? undefined : "menu"} onClick={(e) => (muted(p.chat) ? void set({ muted: "0001-01-01T00:00:00Z" }) : openMenu(e, mutings.map(([word, until]) => ({ key: word, label: t(word), run: () => void set({ muted: until() }) }))))}>{t(muted(p.chat) ? "chat.unmute" : "chat.mute")}</button>
          <button onClick={() => set({ top: !p.chat.top })}>{t(p.chat.top ? "chat.untop" : "chat.top")}</button>
          <button onClick={() => set({ archived: !p.chat.archived })}>{t(p.chat.archived ? "chat.unarchive" : "chat.archive")}</button>
          <button onClick={() => setDialog({ kind: "folders", chat: p.chat })}>{t("folder.of")}</button>
          <button onClick={() => { void set({ marked: true }); setOpen(undefined); }}>{t("chat.unread")}</button>
        </div>
        <label class="check"><input type="checkbox" checked={!p.chat.no_read} onChange={(e) => set({ no_read: !e.currentTarget.checked })} />{t(p.chat.kind === "group" ? "chat.tellread.group" : "chat.tellread")}</label>
        <Switch>{/* of another chat all of it is another: what was typed, the camera */}
          <Match when={p.chat.kind === "direct" || p.chat.kind === "secure"}><Show when={p.chat.chat} keyed><Person chat={p.chat} /></Show></Match>
          <Match when={p.chat.kind === "group"}><Show when={p.chat.chat} keyed><GroupInfo chat={p.chat} group={group.latest?.chat === p.chat.chat ? group.latest : undefined} changed={(g) => { mutate(g); void refetch(); }} /></Show></Match>
        </Switch>
      </div>
    </aside>
  );
}

function Person(p: { chat: Chat }) {
  const [person, { mutate }] = asked(() => p.chat.peer, (account) => core.call("contact.show", { account }));
  const [card] = asked(() => true, () => core.call("contact.card", {})); // each shows the own code, and scans that of the other
  const act = async (f: () => Promise<Contact>) => { try { mutate(await f()); } catch (e) { failed(e); } };
  // Blocks, and saves what was written with its signatures, for the police or others.
  const report = async (c: Contact) => {
    if (!(await sure({ text: t("report.sure"), yes: t("report"), danger: true }))) return;
    try {
      const made = (await core.call("contact.report", { account: c.fingerprint, dir: "" })) as unknown as { download: string };
      location.assign(at(`/download/${made.download}`));
      mutate({ ...c, blocked: true });
    } catch (e) { failed(e); }
  };
  const compared = () => sure({ text: t("safety.sure"), yes: t("safety.same"), danger: true });
  const certifying = (c: Contact): Action[] => [
    { key: "certify", label: t("certify.do"), run: async () => { if (await sure({ text: t("certify.sure", contactName(c)), yes: t("certify.do"), danger: true })) await act(async () => { const x = await core.call("contact.certify", { account: c.fingerprint }); toast(t("certify.done")); return x; }); } },
    { key: "uncertify", label: t("certify.undo"), danger: true, run: () => void act(async () => { const x = await core.call("contact.uncertify", { account: c.fingerprint }); toast(t("certify.undone")); return x; }) },
  ];
  const remove = async (c: Contact) => {
    if (await sure({ text: t("contact.remove.sure", contactName(c)), yes: t("contact.remove"), danger: true })) await act(() => core.call("contact.remove", { account: c.fingerprint }));
  };
  const end = async (c: Contact) => {
    if (await sure({ text: t("secure.end.sure"), yes: t("secure.end"), danger: true })) core.call("secure.end", { peer: c.fingerprint }).then(() => toast(t("secure.ended")), failed);
  };
  return (
    <Show when={person.latest}>{(c) => (
      <>
        <section><h3>{t("key.title")}</h3>
          <p class={c().verified === "verified" ? "safe" : c().verified === "changed" ? "warn" : "dim"}>{t(c().verified ? (`key.${c().verified}` as Word) : "key.unverified")}</p>
          <code class="fingerprint">{c().fingerprint.replace(/(.{4})/g, "$1 ")}</code>
          <Show when={c().key !== "valid" && c().key !== "unknown"}><p class="warn">⚠ {t(`key.${c().key}` as Word)}</p></Show>
          <Show when={c().certified?.length}><p>{t("key.certified", c().certified!.map((x) => clean(x.name ?? "") || x.fingerprint.slice(-8)).join(t("and")))}</p></Show>
          <Show when={c().verified === "verified" && c().key === "valid"}><button class="small" aria-haspopup="menu" onClick={(e) => openMenu(e, certifying(c()))}>{t("certify.do")}</button></Show>
          <Show when={c().key === "succeeded" && c().successor}>{(next) => <><p class="dim">{t("succeed.as", next().replace(/(.{4})/g, "$1 "))}</p><Show when={c().notices?.some((n) => n.kind === "succeeded")}><button onClick={() => void agree(c())}>{t("succeed.do")}</button></Show></>}</Show>
        </section>
        <Show when={c().safety}>{(n) => (
          <section><h3>{t("safety.title")}</h3><p class="dim">{t("safety.text")}</p><code class="safety">{n()}</code>
            <Show when={card.latest?.link}>{(link) => <><img class="qr" src={at(`/qr.svg?text=${encodeURIComponent(link().toUpperCase())}`)} alt={t("contact.mine")} width="160" height="160" /><p class="dim">{t("safety.mine")}</p></>}</Show>
            <Show when={c().verified !== "verified"} fallback={<button onClick={() => act(() => core.call("contact.verify", { account: c().fingerprint, off: true }))}>{t("safety.undo")}</button>}>
              <button class="primary" onClick={async () => { if (await compared()) await act(() => core.call("contact.verify", { account: c().fingerprint, number: n() })); }}>{t("safety.same")}</button>
              <Scan wants={contactCode} take={async (scan, picture) => { if (!picture || await compared()) await act(async () => { const same = await core.call("contact.verify", { account: c().fingerprint, scan }); toast(t("safety.scanned")); return same; }); }} /></Show>
          </section>
        )}</Show>
        <For each={c().notices ?? []}>{(n) => <p class="warn">⚠ {t(`notice.${n.kind}` as Word)} <small>{short(n.time)}</small></p>}</For>
        <Petname contact={c()} done={mutate} />
        <Show when={c().new_devices?.length}><p class="warn">⚠ {t("device.newer", c().new_devices!.length)}</p></Show>
        <section><h3>{t("devices")}</h3><ul class="people"><For each={c().devices ?? []}>{(d) => <li class="line"><bdi>{clean(d.name) || d.fingerprint.slice(-16)}</bdi><small class="dim">{isTime(d.added) ? short(d.added) : ""}</small></li>}</For></ul></section>
        <Show when={c().groups?.length}><section><h3>{t("groups.common")}</h3><ul class="people"><For each={c().groups ?? []}>{(g) => <li><button onClick={() => setOpen(g.chat)}><bdi>{clean(g.name ?? "") || g.chat.slice(-8)}</bdi></button></li>}</For></ul></section></Show>
        <div class="actions">
          <Show when={p.chat.kind === "direct"}><button onClick={() => core.call("secure.start", { peer: c().fingerprint }).then((s) => setOpen(s.chat), failed)}><Icon name="lock" size={18} />{t("secure.start")}</button></Show>
          <Show when={p.chat.kind === "secure"}><button class="danger" onClick={() => end(c())}>{t("secure.end")}</button></Show>
          <Show when={c().state !== "contact"}><button class="primary" onClick={() => act(() => core.call("contact.add", { account: c().fingerprint }))}>{t("contact.add")}</button></Show>
          <Show when={c().state === "contact"}><button class="danger" onClick={() => remove(c())}>{t("contact.remove")}</button></Show>
          <button class="danger" onClick={() => act(() => core.call("contact.block", { account: c().fingerprint, off: c().blocked || undefined }))}>{t(c().blocked ? "chat.unblock" : "chat.block")}</button>
          <button class="danger" onClick={() => report(c())}>{t("report")}</button>
        </div>
        <p class="dim">{t("report.165")}</p>
      </>
    )}</Show>
  );
}

function Petname(p: { contact: Contact; done: (c: Contact) => void }) {
  const [name, setName] = createSignal(p.contact.petname ?? "");
  const save = async (e: Event) => {
    e.preventDefault();
    try { p.done(await core.call("contact.name", { account: p.contact.fingerprint, petname: name().trim() })); toast(t("saved")); } catch (x) { failed(x); }
  };
  return <form class="inline" onSubmit={save}><label class="field"><span>{t("contact.name")}</span><input value={name()} maxlength="64" placeholder={clean(p.contact.name ?? "")} onInput={(e) => setName(e.currentTarget.value)} /></label><button disabled={name().trim() === (p.contact.petname ?? "")}>{t("save")}</button></form>;
}

function GroupInfo(p: { chat: Chat; group?: Group; changed: (g: Group) => void }) {
  const [members, { refetch: again }] = asked(() => latest(p.chat.chat), async (key) => {
    const g = chatOf(key);
    const all: GroupMember[] = [];
    for (let next: string | undefined, i = 0; i < 30; i++) {
      const r = await core.call("group.members", { group: g, next, count: 200 });
      all.push(...(r.members ?? []));
      if (!(next = r.next)) break;
    }
    return all;
  });
  const [adding, setAdding] = createSignal(false), [links, setLinks] = createSignal(false);
  const act = async (f: () => Promise<Group>) => { try { p.changed(await f()); void again(); } catch (e) { failed(e); } };
  const out = () => (p.group?.role === "subscriber" ? "unsubscribe" : "leave");
  const end = async (how: "leave" | "unsubscribe" | "dissolve") => {
    const group = p.chat.chat;
    if (await sure({ text: t(`group.${how}.sure`, thing(p.group)), yes: t(`group.${how}`, thing(p.group)), danger: true })) await act(() => core.call(how === "dissolve" ? "group.dissolve" : "group.leave", { group }));
  };
  const admin = () => p.group?.role === "owner" || p.group?.role === "admin";
  const invite = (c: Contact) => { setAdding(false); void act(() => core.call("group.invite", { group: p.chat.chat, accounts: [c.fingerprint] })); };
  return (
    <Show when={p.group}>{(g) => (
      <>
        <Show when={g().role === "refused"}><p class="warn">{t("group.refused")}</p></Show>
        <Show when={g().about}><p>{clean(g().about!)}</p></Show>
        <Show when={admin()}><GroupProfile group={g()} act={act} /></Show>
        <section><h3>{t("chat.members", g().size)}<Show when={g().channel && g().subscribers}>{(n) => <>・{t("chat.subscribers", n())}</>}</Show></h3>
          <Show when={may("invite", g())}>
            <div class="actions">
              <button onClick={() => setAdding(!adding())}>{t("group.invite")}</button>
              <button aria-expanded={links()} onClick={() => setLinks(!links())}>{t("group.link")}</button>
            </div>
            <Show when={links()}><GroupLinks group={g()} /></Show>
            <Show when={adding()}><Pick one chosen={new Set()} toggle={invite} /></Show>
          </Show>
          <Requests chat={p.chat} />
          <ul class="people"><For each={members.latest ?? []}>{(m) => <Member member={m} admin={admin()} owner={g().role === "owner"} act={act} group={g()} />}</For></ul>
        </section>
        <div class="actions">
          <button class="danger" onClick={() => end(out())}>{t(`group.${out()}`, thing(g()))}</button>
          <Show when={g().role === "owner"}><button class="danger" onClick={() => end("dissolve")}>{t("group.dissolve", thing(g()))}</button></Show>
        </div>
      </>
    )}</Show>
  );
}

function Requests(p: { chat: Chat }) {
  const [list, { refetch }] = asked(() => `${p.chat.chat} ${p.chat.requests ?? 0}`, async (key) => (await core.call("group.requests", { group: chatOf(key), count: 50 })).requests ?? []);
  const decide = async (account: Fingerprint, refuse: boolean) => {
    try { await core.call("group.approve", { group: p.chat.chat, accounts: [account], refuse: refuse || undefined }); void refetch(); } catch (e) { failed(e); }
  };
  return <Show when={list.latest?.length}><h3>{t("group.requests")}</h3><ul class="people"><For each={list.latest}>{(r) => (
    <li class="line"><span><bdi>{called(r, r.account)}</bdi><Show when={r.similar?.[0]}>{(s) => <><br /><small class="warn">⚠ {t("chat.similar", clean(s().name ?? ""))}</small></>}</Show><Show when={clean(r.text ?? "")}>{(x) => <><br /><small class="dim"><bdi>{x()}</bdi></small></>}</Show></span><span><button class="small primary" onClick={() => decide(r.account, false)}>{t("chat.accept")}</button><button class="small" onClick={() => decide(r.account, true)}>{t("chat.decline")}</button></span></li>
  )}</For></ul></Show>;
}

function Member(p: { member: GroupMember; admin: boolean; owner: boolean; group: Group; act: (f: () => Promise<Group>) => Promise<void> }) {
  const m = () => p.member;
  const own = () => m().account === me()?.fingerprint;
  const talk = () => core.call("contact.show", { account: m().account }).then((c) => { setInfo(false); openContact(c); }, failed);
  const what = () => thing(p.group);
  const accounts = () => ({ group: p.group.chat, accounts: [m().account] }); // taken before a question: the list may be another one by the answer
  const role = (role: string) => p.act(() => core.call("group.role", { ...accounts(), role }));
  const asked = async (word: Word, does: Word, f: (of: ReturnType<typeof accounts>) => Promise<Group>) => { const of = accounts(), act = p.act; if (await sure({ text: t(word, called(m(), m().account), what()), yes: t(does, what()), danger: true })) await act(() => f(of)); };
  const remove = (ban: boolean) => asked(ban ? "group.ban.sure" : "group.remove.sure", ban ? "group.ban" : "group.remove", (of) => core.call("group.remove", { ...of, ban: ban || undefined }));
  const power = (role?: string) => ["member", "admin", "owner"].indexOf(role ?? "");
  const actions = (): Action[] => {
    if (own()) return [];
    const banned = m().role === "banned", inside = power(m().role) >= 0, list: Action[] = [];
    if (banned && p.admin) list.push({ key: "unban", label: t("group.unban"), run: () => void p.act(() => core.call("group.unban", accounts())) });
    if (inside && p.owner) {
      if (m().role !== "admin") list.push({ key: "admin", label: t("role.give"), run: () => void role("admin") });
      if (m().role === "admin") list.push({ key: "member", label: t("role.take"), run: () => void role("member") });
      if (m().role !== "owner") list.push({ key: "owner", label: t("role.owner.give"), danger: true, run: () => void asked("role.owner.sure", "role.owner.give", (of) => core.call("group.role", { ...of, role: "owner" })) });
    }
    if (!banned && p.admin && (m().role !== "owner" || p.owner)) list.push({ key: "remove", label: t("group.remove", what()), danger: true, run: () => void remove(false) }, { key: "ban", label: t("group.ban"), danger: true, run: () => void remove(true) });
    return list;
  };
  return (
    <li class="line">
      <button class="link" disabled={own()} onClick={talk}><Avatar name={clean(m().name ?? "")} id={m().account} size={32} /> <bdi>{called(m(), m().account)}</bdi></button>
      <span><Show when={m().similar?.[0]}>{(s) => <span class="warn" title={t("chat.similar", clean(s().name ?? ""))} aria-label={t("chat.similar", clean(s().name ?? ""))} role="img">⚠</span>}</Show><Show when={m().role && m().role !== "member"}><small class="dim">{t(`role.${m().role}` as Word)}</small></Show>
        <Show when={actions().length}><button class="icon-button" aria-haspopup="menu" aria-label={`${t("more")} ${called(m(), m().account)}`} onClick={(e) => openMenu(e, actions())}><Icon name="more" size={18} /></button></Show></span>
    </li>
  );
}

