// Two people who chat, each with a machine of their own: a browser, a client and a server
// in a network of their own, with others between. fault/pages_test.go starts this with a
// plan on standard input:
//
//	{"people": [{"name", "url", "chromium"}, …], "texts": N}
//
// and kills the server of the first, cuts the cable between the two, and mends both, when it is asked to.
import { ask, equal, is, launch, readLine, run, tell } from "./harness.mjs";

const plan = await readLine();
const trouble = [];
const people = await Promise.all(plan.people.map(async ({ name, url, chromium }) => {
	const browser = await launch(chromium);
	// So high that all of a round is on the screen at once.
	const page = await (await browser.newContext({ viewport: { width: 1280, height: 1800 }, locale: "zh-TW", timezoneId: "Asia/Taipei", reducedMotion: "reduce" })).newPage();
	page.setDefaultTimeout(120_000);
	page.on("console", (m) => ["error", "warning"].includes(m.type()) && trouble.push(`${name}: ${m.text()}`));
	page.on("pageerror", (e) => trouble.push(`${name}: ${e.stack}`));
	page.on("request", (r) => !r.url().startsWith("blob:") && new URL(r.url()).host !== new URL(url).host && trouble.push(`${name} asks ${r.url()}`));
	await page.goto(url);
	return { name, page, browser };
}));
const [ming, mei] = people;
const checks = [];
const check = (name, f) => checks.push([name, f]);
const open = (who, name) => who.page.locator(".row").filter({ has: who.page.locator(".name", { hasText: name }) }).first().click();
const say = async (who, text) => { const field = who.page.locator(".composer textarea"); await field.fill(text); await field.press("Enter"); };
const bubble = (who, text) => who.page.locator(".bubble", { hasText: text }).last();
const read = (who, text) => bubble(who, text).locator(".foot", { hasText: "已讀" }).waitFor();

// Both write so many texts at once, with something done to their network in the middle. Each has all of the
// other's afterwards, once and in order, and all of their own were read.
async function both(what, meanwhile) {
	const write = async (who, then) => {
		for (let n = 0; n < plan.texts; n++) {
			if (n === plan.texts >> 1) await then();
			await say(who, `${what} ${who.name} ${n}。`);
			await bubble(who, `${what} ${who.name} ${n}。`).waitFor();
		}
	};
	let at = 0;
	await Promise.all([write(ming, async () => { await meanwhile(); at = Date.now(); }), write(mei, async () => {})]);
	for (const [from, to] of [[ming, mei], [mei, ming]]) {
		for (let n = 0; n < plan.texts; n++) await bubble(to, `${what} ${from.name} ${n}。`).waitFor();
		for (let n = 0; n < plan.texts; n++) await read(from, `${what} ${from.name} ${n}。`);
		const seen = await to.page.locator(".bubble .rich", { hasText: `${what} ${from.name} ` }).allTextContents();
		equal(seen.map((x) => x.trim()), Array.from({ length: plan.texts }, (_, n) => `${what} ${from.name} ${n}。`), `what ${to.name} reads`);
	}
	tell(`${what}: all was there, and read, ${Date.now() - at} ms after`);
}

check("two people on two machines chat", async () => {
	await open(ming, "小美");
	await open(mei, "阿明");
	await both("平常", async () => {});
});

check("the server of one is killed while both write", async () => {
	await both("伺服器被殺", () => ask("kill"));
	await ming.page.locator(".offline").waitFor({ state: "detached" }); // by another server
});

check("the server comes back, and the cable between the two is cut", async () => {
	await ask("start");
	await both("線斷了", () => ask("cut"));
	await ask("heal");
});

check("a page that is opened again shows all of it", async () => {
	await mei.page.reload();
	await open(mei, "阿明");
	await bubble(mei, `線斷了 阿明 ${plan.texts - 1}。`).waitFor();
});

check("nothing went wrong on the way", async () => equal(trouble, [], "trouble"));

for (const c of checks) if (!(await run(c))) break; // the others go on from it
for (const { browser } of people) await browser.close();
process.exit(0);
