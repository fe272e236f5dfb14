// What administrators change of a group: name, description, picture and rules.
import { createSignal, For, Show, type JSX } from "solid-js";
import type { Group, GroupRules, ID } from "@rpc";
import { core } from "../state/app";
import { t, thing, type Word } from "../words";
import "../words/rare";
import "../style/info.css";

const nothing = "0".repeat(32) as ID;
const who = ["members", "admins", "owners"];
const rules: [Word, keyof GroupRules, string[]][] = [
  ["rule.invite", "invite", who], ["rule.pin", "pin", who], ["rule.profile", "profile", who], ["rule.write", "write", who],
  ["rule.all", "mention_all", who], ["rule.history", "history", ["none", "pins", "50", "500", "all"]],
];
/** How a choice is called; a number is that of messages. */
const named = (value: string) => (/^\d+$/.test(value) ? t("rules.newest", Number(value)) : t(`rules.${value}` as Word));

/** Folded away until somebody wants it. act makes the change and shows what came of it. */
export function GroupProfile(p: { group: Group; act: (f: () => Promise<Group>) => Promise<void> }): JSX.Element {
  const [name, setName] = createSignal(p.group.name ?? ""), [about, setAbout] = createSignal(p.group.about ?? "");
  const group = () => p.group.chat;
  const save = (e: Event) => {
    e.preventDefault();
    void p.act(() => core.call("group.profile", { group: group(), name: name().trim(), about: about().trim() }));
  };
  const rule = (key: keyof GroupRules, value: string) => void p.act(() => core.call("group.policy", { group: group(), rules: { [key]: value } as unknown as GroupRules }));
  return (
    <details class="groupprofile"><summary>{t("group.change")}</summary>
      <form onSubmit={save}>
        <label class="field"><span>{t("group.name", thing(p.group))}</span><input value={name()} maxlength="128" required onInput={(e) => setName(e.currentTarget.value)} /></label>
        <label class="field"><span>{t("group.about")}</span><textarea rows="2" maxlength="1024" onInput={(e) => setAbout(e.currentTarget.value)}>{about()}</textarea></label>
        <button disabled={!name().trim() || (name().trim() === p.group.name && about().trim() === (p.group.about ?? ""))}>{t("save")}</button>
      </form>
      <Show when={p.group.picture}><button onClick={() => void p.act(() => core.call("group.profile", { group: group(), picture: nothing }))}>{t("group.nopicture")}</button></Show>
      <For each={rules}>{([word, key, values]) => (
        <label class="field"><span>{t(word)}</span><select onChange={(e) => rule(key, e.currentTarget.value)}>
          <For each={values.includes(String(p.group.rules[key])) ? values : [...values, String(p.group.rules[key])]}>{(v) => <option value={v} selected={v === String(p.group.rules[key])}>{named(v)}</option>}</For></select></label>
      )}</For>
    </details>
  );
}
