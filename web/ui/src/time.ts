// Dates and times as people in Taiwan write them: 下午7:09, 昨天, 11/22（週日）.
import { lang, t } from "./words";

const day = 86_400_000;
const midnight = (d: Date) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();
const made = new Map<string, Intl.DateTimeFormat>();

function format(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = lang() + JSON.stringify(options);
  let f = made.get(key);
  if (!f) made.set(key, (f = new Intl.DateTimeFormat(lang() === "en" ? "en-US" : "zh-TW", options)));
  return f;
}

/** 下午7:09 */
export const clock = (at: string) => format({ hour: "numeric", minute: "2-digit" }).format(new Date(at));

/** In the list: the time today, 昨天, the day of the week, the date. */
export function short(at: string, now = new Date()): string {
  const d = new Date(at), days = Math.round((midnight(now) - midnight(d)) / day);
  if (days <= 0) return clock(at);
  if (days === 1) return t("day.yesterday");
  if (days < 7) return format({ weekday: "short" }).format(d);
  if (d.getFullYear() === now.getFullYear()) return format({ month: "numeric", day: "numeric" }).format(d);
  return format({ year: "numeric", month: "numeric", day: "numeric" }).format(d);
}

/** Between messages: 今天, 昨天, 11/22（週日）, 2025/3/1（週六）. */
export function dayOf(at: string, now = new Date()): string {
  const d = new Date(at), days = Math.round((midnight(now) - midnight(d)) / day);
  if (days === 0) return t("day.today");
  if (days === 1) return t("day.yesterday");
  const year = d.getFullYear() === now.getFullYear() ? undefined : "numeric" as const;
  const date = format({ year, month: "numeric", day: "numeric" }).format(d);
  const week = format({ weekday: "short" }).format(d);
  return lang() === "en" ? `${week}, ${date}` : `${date}（${week}）`;
}

/** Which day a message is of, for comparing. */
export const dayKey = (at: string) => midnight(new Date(at));
