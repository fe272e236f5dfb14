// Questions before something that cannot be undone: the pages' own, over whatever is open.
// One at a time: a new one answers the one before with no.
import { createSignal } from "solid-js";

export interface Question {
  text: string;
  yes: string; // what the button says that does it
  danger?: boolean;
  typed?: string; // what has to be typed first, in any letter case
  hint?: string; // what to type
}

interface Asked extends Question { answer: (yes: boolean) => void }

export const [question, set] = createSignal<Asked>();

/** Asks, and tells whether it is to be done. */
export const sure = (q: Question): Promise<boolean> => new Promise((done) => {
  question()?.answer(false);
  const asked: Asked = { ...q, answer: (yes) => { if (question() === asked) set(undefined); done(yes); } };
  set(asked);
});
