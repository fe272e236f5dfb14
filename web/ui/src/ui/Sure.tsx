// A question over everything else: Esc and a touch beside it say no, and the focus goes
// back to where it was.
import { createEffect, createSignal, on, onMount, Show, type JSX } from "solid-js";
import { open } from "../state/app";
import { question, type Question } from "../state/sure";
import { useFocus, useLayer } from "../state/layers";
import { t } from "../words";
import { Told } from "./Told";

export function Sure(): JSX.Element {
  return <Show when={question()} keyed>{(q) => <Box question={q} answer={q.answer} />}</Show>;
}

function Box(p: { question: Question; answer: (yes: boolean) => void }) {
  let box!: HTMLDialogElement;
  const [typed, setTyped] = createSignal("");
  useFocus();
  const no = () => p.answer(false);
  const fine = () => !p.question.typed || typed().replace(/\s/g, "").toLowerCase() === p.question.typed.toLowerCase();
  useLayer(no);
  createEffect(on(open, no, { defer: true })); // it was about the chat that was open
  onMount(() => {
    box.showModal();
    box.querySelector<HTMLElement>(p.question.typed ? "input" : p.question.danger ? ".no" : ".primary")?.focus();
  });
  const submit = (e: Event) => { e.preventDefault(); if (fine()) p.answer(true); };
  return (
    <dialog ref={box} class="sure" role="alertdialog" aria-label={p.question.yes} aria-describedby="sure-text" onKeyDown={(e) => { if (e.key === "Enter" && e.repeat) e.preventDefault(); }} onCancel={(e) => { e.preventDefault(); no(); }} onPointerDown={(e) => { if (e.target === box) no(); }}>
      <form class="inside" onSubmit={submit}>
        <p id="sure-text">{p.question.text}</p>
        <Show when={p.question.typed}><label class="field"><span>{p.question.hint}</span><input value={typed()} autocomplete="off" autocapitalize="off" spellcheck={false} onInput={(e) => setTyped(e.currentTarget.value)} /></label></Show>
        <div class="actions"><button type="button" class="no" onClick={no}>{t("cancel")}</button><button class={p.question.danger ? "primary bad" : "primary"} disabled={!fine()}>{p.question.yes}</button></div>
      </form>
      <Told />
    </dialog>
  );
}
