// Writes src/gen/emoji.json from emojibase-data (MIT): by group, each with its
// Traditional Chinese label and words to find it by.
import { readFileSync, writeFileSync } from "node:fs";

const read = (lang) => JSON.parse(readFileSync(new URL(`../node_modules/emojibase-data/${lang}/data.json`, import.meta.url)));
const english = new Map(read("en").map((e) => [e.hexcode, e]));
const groups = [[], [], [], [], [], [], [], []]; // faces and people, nature, food, travel, activities, objects, symbols, flags
const place = { 0: 0, 1: 0, 3: 1, 4: 2, 5: 3, 6: 4, 7: 5, 8: 6, 9: 7 };
for (const e of read("zh-hant").filter((e) => e.group !== undefined && place[e.group] !== undefined).sort((a, b) => a.order - b.order)) {
  const en = english.get(e.hexcode);
  const label = e.label.replace(/中國(香港|澳門)特別行政區/, "$1"); // as people in Taiwan say it
  groups[place[e.group]].push([e.emoji, label, [...(e.tags ?? []), en?.label, ...(en?.tags ?? [])].filter(Boolean).join(" ")]);
}
writeFileSync(new URL("../src/gen/emoji.json", import.meta.url), JSON.stringify(groups));
