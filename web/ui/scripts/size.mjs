// Tells how large what was built is, compressed with brotli, and fails above the budget.
import { brotliCompressSync } from "node:zlib";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const budget = { first: 60_000, all: 150_000 }; // octets: what the page loads at once, and with what its own screens load
const apart = /^(core|emoji|lottie)/; // words of the core, emoji and the player of stickers: each when it is needed first
const dir = new URL("../../dist/assets/", import.meta.url).pathname;
const page = readFileSync(join(dir, "../index.html"), "utf8");
let first = 0, all = 0;
for (const name of readdirSync(dir)) {
  if (!/\.(js|css)$/.test(name)) continue;
  const size = brotliCompressSync(readFileSync(join(dir, name))).length;
  if (!apart.test(name)) all += size;
  if (page.includes(name)) first += size;
}
console.log(`brotli: ${first} octets at first (budget ${budget.first}), ${all} with all screens (budget ${budget.all})`);
if (first > budget.first || all > budget.all) process.exit(1);
