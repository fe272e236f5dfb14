// Every screen of the web face, over cores whose people do not exist. walk_test.go starts
// this with a plan on standard input:
//
//	{"chromium": PATH, "shots": DIR or "", "looks": 2 or 8, "now": ms, "full": URL, "alarmed": URL, "empty": URL, "setup": URL, "locked": URL}
//
// Screens are found by what they are made of, not by words, since they are walked in two
// languages.
import { readFileSync } from "node:fs";
import { accessible, equal, is, launch, readLine, run } from "./harness.mjs";

const plan = await readLine();
const browser = await launch(plan.chromium, "--hide-scrollbars");
const trouble = [];

const looks = ["zh", "en"].flatMap((lang) => ["desktop", "phone"].flatMap((size) => ["light", "dark"].map((scheme) => ({ lang, size, scheme, name: `${lang}-${size}-${scheme}` }))));
const short = ["zh-desktop-light", "en-phone-dark"]; // of each day
const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

// What the pages say in Chinese, as whole texts with what goes in; people's own words are none of it.
const chinese = ["zh", "rare"].flatMap((f) => [...readFileSync(new URL(`../../../web/ui/src/words/${f}.ts`, import.meta.url), "utf8").matchAll(/"[a-z][^"]*": "((?:[^"\\]|\\.)*)"/g)].map((m) => m[1]))
	.filter((form) => form.replace(/\{\d\}/g, "").match(/\p{Script=Han}/gu)?.length > 1)
	.map((form) => "^" + form.split(/\{\d\}/).map((x) => x.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*") + "$");
is(chinese.length > 300, `only ${chinese.length} texts in Chinese`);

/** A browser of somebody whose account is the one behind an address. */
async function visit(url) {
	const context = await browser.newContext({ viewport: sizes.desktop, locale: "zh-TW", timezoneId: "Asia/Taipei", reducedMotion: "reduce", permissions: ["clipboard-write"] });
	context.setDefaultTimeout(60_000);
	const page = await context.newPage();
	await page.clock.setFixedTime(plan.now);
	page.on("console", (m) => ["error", "warning"].includes(m.type()) && trouble.push(m.text()));
	page.on("pageerror", (e) => trouble.push(`${e.message}\n${e.stack}`));
	await page.goto(url);
	await page.locator("main, .setup").first().waitFor();
	return page;
}
const pages = Object.fromEntries(await Promise.all(["full", "alarmed", "empty", "setup", "locked"].map(async (k) => [k, await visit(plan[k])])));

/** How a page looks from now on, from its beginning. */
async function wear(page, { lang, size, scheme }) {
	await page.setViewportSize(sizes[size]);
	await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
	await page.evaluate((lang) => localStorage.setItem("omega.lang", lang), lang === "en" ? "en" : "zh-TW");
	await page.reload();
	await page.locator("main, .setup").first().waitFor();
}

/** What is wrong with what is on the screen, told by the page itself. */
const faults = (page, lang) => page.evaluate(({ lang, chinese }) => {
	const out = [], seen = (e) => { const r = e.getBoundingClientRect(), s = getComputedStyle(e); return r.width > 1 && r.height > 1 && s.visibility !== "hidden" && s.opacity !== "0"; };
	const name = (e) => `${e.tagName.toLowerCase()}.${[...e.classList].join(".")} “${e.textContent.trim().slice(0, 30)}”`;
	if (document.documentElement.scrollWidth > innerWidth) out.push("wider than the screen");
	const top = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
	const rolls = (e, axis) => { for (let p = e; p && p !== document.body; p = p.parentElement) if (/auto|scroll/.test(getComputedStyle(p)[axis])) return true; return false; };
	for (const e of top.querySelectorAll("*")) {
		if (!seen(e) || e.closest(".hidden, svg, canvas, video, progress, meter, option")) continue;
		const s = getComputedStyle(e), r = e.getBoundingClientRect();
		const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
		if (own && /hidden|clip/.test(s.overflowX) && s.textOverflow !== "ellipsis" && e.scrollWidth > e.clientWidth + 1) out.push(`cut off: ${name(e)}`);
		if (e.tagName === "BUTTON" && !/auto|scroll/.test(s.overflowX) && e.scrollWidth > e.clientWidth + 1 && s.overflowX === "visible") out.push(`larger than its button: ${name(e)}`);
		if (e.tagName === "BUTTON" && e.scrollHeight > e.clientHeight + 2) out.push(`higher than its button: ${name(e)}`);
		if (own && (r.right > innerWidth + 1 || r.left < -1) && !rolls(e, "overflowX")) out.push(`beyond the edge: ${name(e)}`);
		if (!own || e.closest("bdi, code, kbd, mark, textarea, .avatar, .preview, .emoji, .choices b")) continue;
		const text = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent).join(" ").trim();
		if (/\{\d|undefined|null|NaN|Invalid Date|\[object/.test(text)) out.push(`says ${JSON.stringify(text)}`);
		if (lang === "zh" && /^[a-z][a-z.-]+$/.test(text)) out.push(`has no words: ${name(e)}`);
		if (lang === "en" && text !== "繁體中文" && chinese.some((form) => new RegExp(form, "u").test(text))) out.push(`is not English: ${name(e)}`);
	}
	return [...new Set(out)];
}, { lang, chinese });

let number = 0;
/** Looks at a screen as it stands. */
async function see(page, look, name, { still = true } = {}) {
	await page.waitForFunction(() => [...document.images].every((i) => i.complete || i.loading === "lazy"));
	await page.mouse.move(0, 0);
	await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
	if (plan.shots) await page.screenshot({ path: `${plan.shots}/walk-${look.name}-${String(++number).padStart(2, "0")}-${name}.png`, animations: "disabled", caret: "hide" });
	const wrong = await faults(page, look.lang);
	try { await accessible(page); } catch (e) { wrong.push(e.message); }
	if (wrong.length) all.push(...wrong.map((w) => `${name}: ${w}`));
}
let all = []; // what is wrong in one look

const phone = (look) => look.size === "phone";
const rowOf = (page, id) => page.locator(".row:not(.secure)").filter({ has: page.locator(".name", { hasText: id }) }).first();
async function open(page, look, id, where = rowOf(page, id)) {
	if (phone(look) && await page.locator(".panes.inside").count()) await page.locator(".head .back").click();
	await where.click();
	await page.locator(".conversation").waitFor();
}
const esc = async (page) => { await page.keyboard.press("Escape"); };
const closed = async (page) => { await esc(page); await page.locator("dialog").waitFor({ state: "detached" }); };
const info = async (page) => { await page.locator(".head .icon-button").last().click(); await page.locator(".info").waitFor(); };
const toList = async (page, look) => { if (phone(look) && await page.locator(".panes.inside").count()) await page.locator(".head .back").click(); };
const item = (page, n) => page.locator("[role=menuitem]").nth(n);
const attach = (page) => page.locator(".composer .write > .icon-button").first();
/** Looks at what is longer than the screen from its beginning to its end. */
async function through(page, look, name, box) {
	await page.locator(box).evaluate((e) => { e.scrollTop = 0; });
	for (let i = 0; i < 8; i++) {
		await see(page, look, i ? `${name}-${i + 1}` : name);
		const more = await page.locator(box).evaluate((e) => { const before = e.scrollTop; e.scrollTop += e.clientHeight * 0.85; return e.scrollTop > before + 1; });
		if (!more) break;
	}
}

/** What a button hides is where the button is: to come to it, or to choose a file, scrolls nothing. */
async function staysWhole(page, field) {
	equal(await page.locator(field).evaluate((e) => {
		e.closest("label").scrollIntoView({ block: "center" });
		const around = [];
		for (let p = e.parentElement; p; p = p.parentElement) around.push([p, p.scrollTop]);
		e.focus();
		return [document.activeElement === e, around.filter(([p, top]) => p.scrollTop !== top).map(([p]) => `${p.tagName} ${p.className}`)];
	}), [true, []], `the focus in ${field}, and what it scrolls`);
}

/** On a phone the browser's Back closes one thing at a time, and the pages stay; elsewhere opening a chat is no step. */
async function goesBack(page, look) {
	const before = await page.evaluate(() => history.state?.depth ?? 0);
	await open(page, look, "登山社");
	await info(page);
	if (!phone(look)) return equal(await page.evaluate(() => history.state?.depth ?? 0), before, "entries of a wide screen");
	await page.waitForFunction(() => history.state?.depth === 2);
	await page.goBack();
	await page.locator(".info").waitFor({ state: "detached" });
	is(await page.locator(".panes.inside").count() === 1, "Back closed more than what lay on top");
	await page.goBack();
	await page.locator(".panes:not(.inside)").waitFor();
}

async function people(look) {
	const page = pages.full;
	await wear(page, look);
	await rowOf(page, "登山社").waitFor();
	await see(page, look, "list");
	await page.locator(".folders button").nth(1).click();
	await see(page, look, "unread");
	await page.locator(".folders button").first().click();
	await page.locator(".top input").fill("合歡");
	await page.locator(".hit").first().waitFor();
	await see(page, look, "search");
	await page.locator(".top input").fill("zzzz");
	await page.locator(".found p").waitFor();
	await see(page, look, "search-none");
	await page.locator(".top input").fill("");

	await open(page, look, "登山社");
	await page.locator(".bubble", { hasText: "頭燈" }).waitFor();
	await see(page, look, "group");
	await page.locator(".messages").evaluate((m) => { m.scrollTop = 0; });
	await page.locator("button.gap").waitFor();
	await see(page, look, "group-top");
	await page.locator(".poll button.link").first().click();
	await page.locator("dialog .people li").nth(1).waitFor();
	await see(page, look, "voters");
	await closed(page);
	await page.locator(".bubble", { hasText: "合歡山" }).first().click({ button: "right" });
	await see(page, look, "menu");
	await item(page, 6 + 4).click(); // chosen: the first six are emoji
	await page.locator(".selected").waitFor();
	await see(page, look, "selected");
	await page.locator(".selected .danger").last().click();
	await page.locator("dialog.sure").waitFor();
	await see(page, look, "sure");
	await closed(page);
	await esc(page);
	await page.locator(".head .icon-button").nth(1).click();
	await page.locator(".searchbar").waitFor();
	await page.locator(".searchbar input").first().fill("合歡");
	await page.waitForFunction(() => document.querySelector(".searchbar span")?.textContent);
	await see(page, look, "search-in");
	await esc(page);
	for (const [n, name] of [[1, "poll"], [2, "list-form"], [3, "schedule"]]) {
		await attach(page).click();
		if (n === 1) await see(page, look, "attach");
		await item(page, n).click();
		await page.locator("dialog form").first().waitFor();
		await see(page, look, name);
		await closed(page);
	}
	await attach(page).click();
	await item(page, 4).click();
	await see(page, look, "lifetime");
	await esc(page);
	await page.locator(".composer input[type=file]").first().setInputFiles([{ name: "一張名字很長的相片，從合歡山主峰往北看.txt", mimeType: "text/plain", buffer: Buffer.from("x") }, { name: "路線.gpx", mimeType: "application/gpx+xml", buffer: Buffer.from("y") }]);
	await page.locator("dialog .sending").waitFor();
	await see(page, look, "files");
	await closed(page);
	const box = page.locator(".composer textarea");
	await box.fill("/");
	await page.locator(".choices li").first().waitFor();
	await see(page, look, "commands");
	await box.fill("@小");
	await page.locator(".choices li").first().waitFor();
	await see(page, look, "mention");
	await box.fill("");
	await esc(page);
	if (!(await page.locator(".conversation").count())) await open(page, look, "登山社");
	await page.locator(".write [aria-expanded]").click();
	await page.locator(".panel-box .stickers button").first().waitFor();
	await see(page, look, "stickers");
	await page.locator(".panel-box .marks [aria-haspopup]").click();
	await see(page, look, "pack-menu");
	await item(page, 0).click();
	await page.locator("dialog form").waitFor();
	await see(page, look, "pack");
	await closed(page);
	await page.locator(".panel-box [role=tab]").nth(1).click();
	await page.locator(".panel-box .grid button").nth(20).waitFor();
	await see(page, look, "emoji");
	await esc(page);
	await page.locator(".own .bubble").last().click({ button: "right" });
	await item(page, 6 + 6).click(); // who has read it
	await page.locator("dialog .people").waitFor();
	await see(page, look, "reach");
	await closed(page);
	await page.locator(".bubble", { hasText: "頭燈" }).click({ button: "right" });
	await item(page, 6 + 3).click(); // to whom it is sent on
	await page.locator("dialog .people button").first().waitFor();
	await see(page, look, "forward");
	await closed(page);
	await info(page);
	await page.locator(".info .line").first().waitFor();
	await page.locator(".info summary").click();
	await page.locator(".info section .actions button").nth(1).click();
	await page.locator(".info .mylink").waitFor();
	await through(page, look, "group-info", ".info .scroll");
	await page.locator(".info .line [aria-haspopup=menu]").nth(2).click();
	await see(page, look, "member-menu");
	await item(page, 3).click();
	await page.locator("dialog.sure").waitFor();
	await see(page, look, "ban");
	await closed(page);
	await esc(page);

	await open(page, look, "小美", page.locator(".row.secure"));
	await page.locator(".conversation.secure .bubble").first().waitFor();
	await see(page, look, "secure");
	await info(page);
	await page.locator(".info .qr").waitFor();
	await through(page, look, "person", ".info .scroll");
	await esc(page);
	await open(page, look, "王大同");
	await page.locator(".card").first().waitFor();
	await see(page, look, "invitations");
	await toList(page, look);
	await page.locator(".folders button").last().click();
	await page.locator(".row").first().click();
	await page.locator(".contact-note").waitFor();
	await see(page, look, "stranger");
	await toList(page, look);
	await page.locator(".folders button").first().click();

	await page.locator(".top .call").click();
	await page.locator("dialog .mentions button").first().waitFor();
	await see(page, look, "mentions");
	await closed(page);
	await page.locator(".top .icon-button").last().click();
	await page.locator("dialog form").waitFor();
	await see(page, look, "new");
	await page.locator("dialog form .field input").first().fill("omega:group/abc");
	await see(page, look, "new-link");
	await page.locator("dialog [role=tab]").nth(1).click();
	await page.locator("dialog .people button").first().waitFor();
	await see(page, look, "new-group");
	await page.locator("dialog [role=tab]").nth(2).click();
	await page.locator("dialog .qr").waitFor();
	await see(page, look, "mine");
	await closed(page);
	await page.keyboard.press("Control+/");
	await page.locator("dialog .keys").waitFor();
	await see(page, look, "keys");
	await closed(page);
	await page.locator(".top .icon-button").first().click();
	await page.locator("dialog .devices li").first().waitFor();
	for (const s of await page.locator("dialog summary").all()) await s.click();
	await page.locator("dialog section > .line [aria-expanded]").click();
	await page.locator("dialog meter").nth(1).waitFor();
	await through(page, look, "settings", "dialog .inside");
	await page.locator("dialog .backup:has(.button input) input[type=password]").fill("correct horse battery");
	await staysWhole(page, "dialog .button input[type=file].hidden");
	await page.locator("dialog .devices [aria-haspopup=menu]").last().click();
	await see(page, look, "device-menu");
	await item(page, 0).click();
	await page.locator("dialog .devices form").waitFor();
	await see(page, look, "device-name");
	await page.locator(".end button.danger").click();
	await page.locator("dialog.sure input").waitFor();
	await see(page, look, "end");
	await esc(page);
	await page.locator("dialog.sure").waitFor({ state: "detached" });
	await closed(page);
	await page.locator(".picture").count();
	await open(page, look, "登山社");
	await page.locator("button.picture").first().click();
	await page.locator(".viewer img").waitFor();
	await see(page, look, "viewer");
	await esc(page);
	await toList(page, look);
	await goesBack(page, look);
}

async function alarms(look) {
	const page = pages.alarmed;
	await wear(page, look);
	await page.locator(".news").nth(2).waitFor();
	await page.locator(".offline").waitFor();
	await see(page, look, "alarmed");
	await page.locator(".news .danger").first().click();
	await page.locator("dialog.sure").waitFor();
	await see(page, look, "contest");
	await closed(page);
	await wear(pages.empty, look);
	await pages.empty.locator(".empty button").waitFor();
	await see(pages.empty, look, "empty");
	await pages.empty.locator(".top .call").click();
	await pages.empty.locator("dialog .people li").waitFor();
	await see(pages.empty, look, "mentions-none");
	await closed(pages.empty);
}

async function beginning(look) {
	const page = pages.setup;
	await wear(page, look);
	await page.locator(".ways button").first().waitFor();
	await see(page, look, "welcome");
	for (const [n, name] of [[0, "create"], [1, "adopt"], [2, "link"], [3, "restore"]]) {
		await page.locator(".ways button").nth(n).click();
		await page.locator(".panel form").waitFor();
		if (n < 3) await page.locator(".server .took").first().waitFor();
		await through(page, look, name, ".setup");
		if (n === 3) await staysWhole(page, ".panel .button input[type=file].hidden");
		if (n === 2) {
			await page.locator(".panel .check input").click();
			await page.locator(".panel form > button.primary").click();
			await page.locator(".panel .fingerprint").waitFor();
			await see(page, look, "link-confirm");
		}
		await page.locator(".panel .back").click();
	}
	await page.locator(".ways button").first().click();
	await page.locator(".server .took").first().waitFor();
	await page.locator(".panel .field input").first().fill("阿明");
	await page.locator(".panel .check input").click();
	await page.locator(".panel form > button.primary").click();
	await page.locator(".backup").waitFor();
	await see(page, look, "first-backup");
	await page.locator(".panel > button").last().click();
	await page.locator(".mylink").waitFor();
	await through(page, look, "first-contact", ".setup");
	await wear(pages.locked, look);
	await pages.locked.locator(".panel form").waitFor();
	await see(pages.locked, look, "locked");
}

for (const look of looks.filter((l) => plan.looks > 2 || short.includes(l.name))) {
	for (const [part, walk] of [["the screens of an account", people], ["news, and nothing yet; the beginning", async (l) => { await alarms(l); await beginning(l); }]]) {
		all = [];
		await run([`${look.name}: ${part}`, async () => {
			let stopped = "";
			try { await walk(look); } catch (e) { stopped = `stopped: ${e.stack}`; if (plan.shots) for (const [k, p] of Object.entries(pages)) await p.screenshot({ path: `${plan.shots}/walk-failed-${look.name}-${k}.png` }); }
			is(all.length === 0 && !stopped, [...new Set(all), stopped].filter(Boolean).join("\n"));
		}]);
	}
}
await run(["nothing went wrong on the way", async () => equal(trouble, [], "trouble")]);
await browser.close();
process.exit(0);
