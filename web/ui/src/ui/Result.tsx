// What a command found out: commands, messages, members, a link.
import { For, Match, Show, Switch, type JSX } from "solid-js";
import type { Chat, CommandResult, Message } from "@rpc";
import { jump } from "../state/conversation";
import { setOpen } from "../state/app";
import { short } from "../time";
import { coreText, t, type Word } from "../words";
import { called } from "./called";
import { commandName } from "./Composer";
import { closeDialog } from "./Dialog";
import { preview } from "./preview";
import { MyLink } from "./Setup";
import "../style/small.css";

export function Result(p: { chat: Chat; result: CommandResult }): JSX.Element {
  const r = () => p.result;
  return (
    <Switch fallback={<p>{coreText(r().done)}</p>}>
      <Match when={r().link}>{(link) => <MyLink link={link()} code={link()} />}</Match>
      <Match when={r().commands}>{(list) => <table class="keys"><tbody><For each={list()}>{(c) => <tr><th scope="row"><kbd>/{commandName(c)}</kbd> <small class="dim">{coreText(c.arg)}</small></th><td>{coreText(c.text)}</td></tr>}</For></tbody></table>}</Match>
      <Match when={r().members}>{(list) => <ul class="people"><For each={list()}>{(m) => <li class="line"><bdi>{called(m, m.account)}</bdi><Show when={m.role}><small class="dim">{t(`role.${m.role}` as Word)}</small></Show></li>}</For></ul>}</Match>
      <Match when={r().messages}>{(list) => <ul class="people"><For each={list()}>{(m) => <li><Found message={m} chat={p.chat} /></li>}</For></ul>}</Match>
    </Switch>
  );
}

/** A message that was found: a touch shows where it stands. */
function Found(p: { chat: Chat; message: Message }) {
  const show = () => { closeDialog(); setOpen(p.chat.chat); void jump(p.message.chat, { message: p.message.id }); };
  return <button onClick={show}><span class="what"><bdi><b>{called(p.message, p.message.from, 8)}</b> <small class="dim">{short(p.message.time)}</small><br />{preview(p.message)}</bdi></span></button>;
}
