// What a reader sees and does on the web site of a server. site_test.go starts
// this with a plan on standard input:
//
//	{"chromium": PATH, "shots": DIR or "", "real": [URL…], "made_up": {"4": URL, "1000": URL}, "elsewhere": URL}
//
// and reads one JSON line per check from standard output: {"name", "ms", "error"}.
// "stop" and "start" in what a check asks for are requests to the test: it stops
// or starts the last of the real servers and answers with a line.
import { accessible, ask, equal, is, launch, readLine, run } from "./harness.mjs";

const plan = await readLine();
const browser = await launch(plan.chromium);

// open shows a page and collects what must not happen: messages on the console
// (violations of the policy are among them), errors, requests to other origins.
const open = async (url, { dark, width = 1280, height = 900, scripts = true, locale = "zh-TW", foreign = false } = {}, use) => {
	const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light", locale, javaScriptEnabled: scripts, reducedMotion: "reduce" });
	context.setDefaultTimeout(120_000); // machines that run tests are busy
	const trouble = [];
	try {
		const page = await context.newPage();
		page.on("console", (m) => ["error", "warning"].includes(m.type()) && trouble.push("console: " + m.text()));
		page.on("pageerror", (e) => trouble.push("error: " + e.message));
		page.on("request", (r) => !foreign && new URL(r.url()).origin !== new URL(url).origin && trouble.push("request to " + r.url()));
		page.on("response", (r) => r.status() >= 400 && trouble.push(r.status() + " " + r.url()));
		await page.goto(url, { waitUntil: "load" });
		if (scripts && await page.locator("figure[data-map]").count()) await page.locator("figure[data-ready] canvas").waitFor();
		await use(page, context);
		equal((await context.cookies()).length, 0, "cookies");
		equal(trouble, [], "trouble");
	} finally {
		await context.close();
	}
};

const fits = async (page) => {
	const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
	is(wide <= 0, `the page is ${wide} px wider than the screen`);
};

const shot = async (page, name) => { if (plan.shots) await page.screenshot({ path: `${plan.shots}/${name}.png`, fullPage: name.includes("full") }); };

// Checks run one after another, and then those beside: they wait most of the time,
// or look at clouds that nobody else changes.
const checks = [], beside = [];
const check = (name, f) => checks.push([name, f]);
const checkBeside = (name, f) => beside.push([name, f]);
const real = plan.real[0];

check("the list of a real cloud is filled, and measured by all", () => open(real, {}, async (page) => {
	const rows = page.locator("table.servers tbody tr");
	equal(await rows.count(), plan.real.length, "rows");
	const seen = `${plan.real.length - 1} 部中 ${plan.real.length - 1} 部連得上`;
	for (const row of await rows.all()) {
		const text = await row.innerText();
		is(text.includes(seen) && / ms/.test(text) && text.includes("正常"), `row says ${JSON.stringify(text)}, want ${seen}`);
	}
	equal(await page.locator("h1").innerText(), `${plan.real.length} 部伺服器全部正常`, "sentence");
	is(await page.locator("#changes li.joined").count() >= plan.real.length, "nobody joined");
	await shot(page, "real-light-zh");
}));

for (const dark of [false, true]) {
	check(`pages are accessible, ${dark ? "dark" : "light"}`, async () => {
		for (const path of dark ? ["/"] : ["/", "/embed", "/user?fpr=12", "/?q=nothing"]) {
			await open(real + path, { dark }, async (page) => { await accessible(page); await fits(page); });
		}
	});
	checkBeside(`pages of many servers are accessible, ${dark ? "dark" : "light"}`, async () => {
		await open(plan.made_up[24], { dark, locale: "en-GB" }, async (page) => {
			await accessible(page);
			await shot(page, `24-${dark ? "dark" : "light"}-en-full`);
			await page.locator("table.servers tbody a").first().click();
			await page.locator(".details").waitFor();
			await accessible(page);
			await shot(page, `server-${dark ? "dark" : "light"}-en-full`);
		});
	});
}

check("a phone needs no scrolling sideways", async () => {
	for (const [name, url, locale] of [["real", real, "zh-TW"], ["24", plan.made_up[24], "en-GB"]]) {
		await open(url, { width: 375, height: 812, locale }, async (page) => {
			await fits(page);
			await shot(page, `${name}-phone-full`);
			await page.locator("table.servers tbody a").first().click();
			await page.locator(".details").waitFor();
			await fits(page);
		});
	}
	await open(real, { width: 320, height: 640 }, fits);
});

check("everything is there without scripts", () => open(real, { scripts: false }, async (page) => {
	equal(await page.locator("table.servers tbody tr").count(), plan.real.length, "rows");
	equal(await page.locator("svg.map circle.node").count(), plan.real.length, "servers in the picture");
	is((await page.locator("svg.map .link").first().getAttribute("d")).length > 10, "no links in the picture");
	await page.fill("input[name=q]", "operator-2");
	await page.click("form[role=search] button");
	equal(await page.locator("table.servers tbody tr").count(), 1, "rows found");
	await page.selectOption("select[name=sort]", "name");
	await page.fill("input[name=fpr]", "0123 4567");
	await page.click("form[action='/user'] button");
	is((await page.locator(".answer").innerText()).includes("不是完整的指紋"), "a bad fingerprint is not called one");
	await page.fill("input[name=fpr]", "0123456789ABCDEF0123456789ABCDEF01234567");
	await page.click("form[action='/user'] button");
	is((await page.locator(".answer").innerText()).includes("查不到"), "somebody is found who is not there");
}));

check("the language follows the browser, and the switch", async () => {
	await open(real, { locale: "en-GB" }, async (page) => {
		equal(await page.locator("html").getAttribute("lang"), "en", "language");
		equal(await page.locator("h1").innerText(), `All ${plan.real.length} servers are up`, "sentence");
		await page.click("a.lang");
		await page.locator("html[lang=zh-Hant-TW]").waitFor({ state: "attached" });
		await page.locator("table.servers tbody a").first().click();
		await page.locator(".details").waitFor();
		equal(await page.locator("html").getAttribute("lang"), "zh-Hant-TW", "language of the next page");
	});
	await open(real, { locale: "ja-JP" }, async (page) => equal(await page.locator("html").getAttribute("lang"), "zh-Hant-TW", "language for others"));
});

check("the latency from here is measured at a press", () => open(real, { foreign: true }, async (page) => {
	equal(await page.locator("td.you:visible").count(), 0, "measured before anybody asked");
	await page.click("#measure");
	await page.waitForFunction(() => [...document.querySelectorAll("td.you")].every((c) => / ms$/.test(c.textContent)));
	equal(await page.locator("td.you:visible").count(), plan.real.length, "measured");
	await accessible(page);
}));

check("a server's page tells how to use it", () => open(real, {}, async (page) => {
	await page.locator("table.servers tbody a").first().click();
	const use = await page.locator("pre code").innerText();
	is(/^omega init --name 名字 --server 127\.0\.0\.1:\d+#[0-9A-F]{40}$/.test(use), `it says ${use}`);
	equal(await page.locator("section[aria-labelledby=links] tbody tr").count(), plan.real.length - 1, "links");
	is(await page.locator(".details img").evaluate((i) => i.complete && i.naturalWidth > 40), "no badge");
	await shot(page, "server-real-zh");
}));

check("another site shows the widget and the badge", () => open(plan.elsewhere, { foreign: true }, async (page) => {
	const widget = page.locator("omega-servers[data-ready]");
	await widget.waitFor();
	equal(await widget.locator("li").count(), 3, "servers of the widget");
	is((await widget.locator("header").innerText()).includes(`${plan.real.length}`), "no count");
	is(await page.locator("img").evaluate((i) => i.complete && i.naturalWidth > 40), "no badge");
	await accessible(page);
	await shot(page, "widget");
	await widget.locator("li a").first().click();
	await page.locator(".details").waitFor();
}));

check("names in the picture lead to their servers", () => open(real, {}, async (page) => {
	const cloud = await page.evaluate(async () => (await fetch("/api/v1/map")).json());
	const box = await page.locator("figure canvas").boundingBox();
	const s = cloud.servers[1], m = 0.04;
	const x = box.x + (m + s.x * (1 - 2 * m)) * box.width, y = box.y + (m + s.y * (1 / cloud.aspect - 2 * m)) * box.width;
	await page.mouse.move(x, y);
	is((await page.locator(".tip").innerText()).includes(s.name), "nothing under the pointer");
	await page.mouse.click(x, y);
	await page.waitForURL("**/server/" + s.fingerprint);
}));

checkBeside("a thousand servers", async () => {
	await open(plan.made_up[1000], { dark: true }, async (page) => {
		is(await page.locator("table.servers tbody tr").count() > 900, "rows are missing");
		await fits(page);
		await shot(page, "1000-dark-zh");
	});
	await open(plan.made_up[1000] + "/?lang=en", { width: 375, height: 812, scripts: false }, async (page) => { await fits(page); await shot(page, "1000-phone-en"); });
	if (plan.shots) await open(plan.made_up[1000] + "/?sort=rtt&lang=en", { locale: "en-GB" }, (page) => shot(page, "1000-light-en"));
});

checkBeside("a server that dies is shown as out of reach, and comes back, on an open page", () => open(real, {}, async (page) => {
	const { name } = await ask("stop");
	const row = page.locator("table.servers tbody tr", { hasText: name });
	await row.locator(".state.lost").waitFor({ timeout: 30000 });
	await page.locator("#changes li.down", { hasText: name }).waitFor({ timeout: 30000 });
	equal(await page.locator("h1").innerText(), `${plan.real.length} 部伺服器中，${plan.real.length - 1} 部正常`, "sentence");
	await page.waitForFunction(() => document.querySelector("figure").dataset.ready);
	await shot(page, "real-one-down");
	await ask("start");
	await row.locator(".state.ok").waitFor({ timeout: 30000 });
}));

for (const c of checks) await run(c);
await Promise.all(beside.map(run));
await browser.close();
process.exit(0);
