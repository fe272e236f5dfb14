// What people do every day, each thing once; and names that are meant to harm.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { accessible, equal, is } from "./harness.mjs";
import { agree, box, bubble, carol, chat, command, confirmDialog, escape, lineMenu, mei, menu, ming, openDialog, panel, pictureOf, plan, say, shot } from "./stage.mjs";

/** A picture of somebody's own making. */
const drawn = async (who, colour) => Buffer.from(await who.page.evaluate(async (colour) => {
	const c = new OffscreenCanvas(320, 240), x = c.getContext("2d");
	x.fillStyle = colour;
	x.fillRect(0, 0, 320, 240);
	return [...new Uint8Array(await (await c.convertToBlob()).arrayBuffer())];
}, colour));
const action = async (who, name) => who.page.locator(".info .actions").getByRole("button", { name, exact: true }).click();
const close = (who) => who.page.locator(".info header button").click();

export function everyday(check) {
	check("a command says what it found; somebody is called, and reads", async () => {
		await chat(ming, "登山社").click();
		await say(ming, "/說明");
		await ming.page.locator("dialog kbd", { hasText: "/靜音" }).waitFor();
		await accessible(ming.page);
		await shot(ming, "help");
		await escape(ming);
		await box(ming).pressSequentially("@小");
		await ming.page.locator(".choices li", { hasText: "小美" }).click();
		await box(ming).pressSequentially("你看");
		await box(ming).press("Enter");
		await chat(mei, "登山社").locator(".badges, .count").first().waitFor();
		await chat(mei, "登山社").click();
		await bubble(mei, "你看").waitFor();
		await chat(carol, "登山社").click();
		await bubble(ming, "你看").locator(".readby", { hasText: "已讀 2" }).waitFor();
		await menu(ming, "你看", "已讀名單");
		await ming.page.locator("dialog .line", { hasText: "已讀" }).nth(1).waitFor();
		await escape(ming);
	});

	check("sent on, on top, a list that grows, a draft", async () => {
		await menu(ming, "你看", "轉傳");
		await ming.page.locator("dialog .people button:not(:has(.safe))", { hasText: "小美" }).first().click();
		await ming.page.locator("dialog").waitFor({ state: "detached" });
		await chat(mei, "阿明").click();
		await bubble(mei, "你看").locator(".forward").waitFor();
		await chat(mei, "登山社").click();
		await menu(mei, "你看", "設為公告");
		await ming.page.locator(".pins", { hasText: "你看" }).waitFor();
		await ming.page.getByRole("button", { name: "附加" }).click();
		await ming.page.getByRole("menuitem", { name: "開始接龍" }).click();
		await ming.page.getByLabel("接龍的題目").fill("誰要便當");
		await confirmDialog(ming);
		for (const who of [ming, mei]) {
			await bubble(who, "誰要便當").locator("form input").fill(`${who.name}，雞腿`);
			await bubble(who, "誰要便當").locator("form button").click();
		}
		for (const who of [ming, mei, carol]) await bubble(who, "誰要便當").locator("li").nth(1).waitFor();
		await box(ming).fill("寫到一半");
		await chat(ming, "小美").click();
		await chat(ming, "登山社").locator(".draft").waitFor();
		await ming.page.reload();
		await chat(ming, "登山社").click();
		await ming.page.waitForFunction(() => document.querySelector(".composer textarea")?.value === "寫到一半");
		await box(ming).fill("");
	});

	check("files that are dropped and pasted, a film, a sticker, an emoji", async () => {
		await chat(ming, "小美").click();
		await chat(mei, "阿明").click();
		const png = await drawn(ming, "#a4262c");
		const give = (kind) => ming.page.evaluate(({ kind, list }) => {
			const all = new DataTransfer();
			all.items.add(new File([new Uint8Array(list)], `${kind}.png`, { type: "image/png" }));
			if (kind === "paste") document.querySelector(".composer textarea").dispatchEvent(new ClipboardEvent("paste", { clipboardData: all, bubbles: true, cancelable: true }));
			else for (const step of ["dragenter", "dragover", "drop"]) document.body.dispatchEvent(new DragEvent(step, { dataTransfer: all, bubbles: true, cancelable: true }));
		}, { kind, list: [...png] });
		for (const kind of ["paste", "drop"]) {
			await give(kind);
			await ming.page.locator("dialog .sending", { hasText: `${kind}.png` }).waitFor();
			await ming.page.getByLabel("說明文字").fill(`by ${kind}`);
			await confirmDialog(ming);
			await bubble(mei, `by ${kind}`).locator(".picture img").waitFor();
		}
		const film = await ming.page.evaluate(async () => {
			const c = document.createElement("canvas");
			c.width = 160; c.height = 120;
			const pen = c.getContext("2d"), made = new MediaRecorder(c.captureStream(10), { mimeType: "video/webm" }), parts = [];
			made.ondataavailable = (e) => parts.push(e.data);
			const over = new Promise((done) => { made.onstop = done; });
			made.start();
			for (let i = 0; i < 12; i++) { pen.fillStyle = i % 2 ? "#a4262c" : "#2a5da8"; pen.fillRect(0, 0, 160, 120); await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))); }
			made.stop();
			await over;
			return [...new Uint8Array(await new Blob(parts).arrayBuffer())];
		});
		await ming.page.locator(".composer input[type=file]").first().setInputFiles({ name: "步道.webm", mimeType: "video/webm", buffer: Buffer.from(film) });
		await ming.page.getByLabel("說明文字").fill("步道");
		await confirmDialog(ming);
		await bubble(mei, "步道").locator(".media").locator("video, button, a").first().waitFor();
		await ming.page.getByLabel("貼圖與表情").click();
		await ming.page.locator(".panel-box input[type=file]").setInputFiles([1, 2].map((n) => ({ name: `鳥${n}.png`, mimeType: "image/png", buffer: png })));
		await ming.page.locator(".stickers button").first().click();
		await mei.page.locator(".entry.newest .bubble.sticker img").waitFor();
		await ming.page.getByLabel("貼圖與表情").click();
		await ming.page.getByRole("tab", { name: "表情" }).click();
		await ming.page.getByLabel("找表情").fill("微笑");
		await ming.page.locator(".panel-box .grid button").first().click();
		is((await box(ming).inputValue()).length > 0, "the emoji is not in the field");
		await box(ming).fill("");
		await ming.page.keyboard.press("Escape");
		await shot(mei, "files");
	});

	check("a voice note that was not sent waits, also when the page is opened again", async () => {
		await ming.page.getByLabel("錄音").click();
		await ming.page.waitForFunction(() => ![...document.querySelectorAll(".recording time")].every((x) => x.textContent === "0:00") && !document.querySelector(".composer .send").disabled);
		await ming.page.evaluate(() => { window.kept = new Promise((done) => { const set = Storage.prototype.setItem; Storage.prototype.setItem = function (k, v) { set.call(this, k, v); if (k === "omega.notes") done(); }; }); });
		await ming.page.keyboard.press("Escape"); // the chat is closed
		await ming.page.evaluate(() => window.kept);
		await chat(ming, "小美").getByText("語音訊息").waitFor();
		await ming.page.waitForFunction(() => new Promise((done) => {
			const open = indexedDB.open("omega", 1);
			open.onsuccess = () => { const all = open.result.transaction("notes").objectStore("notes").count(); all.onsuccess = () => { open.result.close(); done(all.result === 1); }; };
		}));
		await ming.page.reload();
		await chat(ming, "小美").getByText("語音訊息").waitFor();
		await chat(ming, "小美").click();
		await ming.page.getByRole("button", { name: "傳送", exact: true }).click();
		await mei.page.locator(".entry.newest .voice").waitFor();
		equal(await ming.page.evaluate(() => new Promise((done) => { const open = indexedDB.open("omega", 1); open.onsuccess = () => { const all = open.result.transaction("notes").objectStore("notes").count(); all.onsuccess = () => { open.result.close(); done(all.result); }; }; })), 0, "notes that are kept");
	});

	check("muted, on top, put away, unread; a key that was compared by its code", async () => {
		await chat(ming, "登山社").click();
		await panel(ming).click();
		await action(ming, "靜音");
		await ming.page.getByRole("menuitem", { name: "8 小時" }).click();
		await ming.page.locator(".info").getByRole("button", { name: "取消靜音" }).waitFor();
		await action(ming, "置頂");
		await ming.page.locator(".info").getByRole("button", { name: "取消置頂" }).waitFor();
		await ming.page.waitForFunction(() => document.querySelector(".row .name")?.textContent.includes("登山社"));
		await action(ming, "取消置頂");
		await action(ming, "封存");
		await ming.page.getByRole("tab", { name: "封存" }).click();
		await chat(ming, "登山社").click();
		await action(ming, "取消封存");
		await ming.page.getByRole("tab", { name: "全部" }).click();
		await action(ming, "標為未讀");
		await ming.page.getByRole("tab", { name: "未讀" }).click();
		await chat(ming, "登山社").waitFor();
		await ming.page.getByRole("tab", { name: "全部" }).click();
		await chat(ming, "小美").click();
		if (!(await ming.page.locator(".info").count())) await panel(ming).click();
		const scan = ming.page.locator(".info .scan input[type=file]");
		const read = async (buffer) => { await scan.setInputFiles({ name: "她.png", mimeType: "image/png", buffer }); await agree(ming); };
		await read(carol.code); // somebody else's
		await ming.page.locator(".toasts .toast").last().waitFor();
		await ming.page.locator(".info").getByText("還沒有驗證").waitFor();
		await chat(mei, "阿明").click();
		if (!(await mei.page.locator(".info").count())) await panel(mei).click();
		await mei.page.locator(".info h3", { hasText: "阿明" }).waitFor();
		await read(await pictureOf(mei.page.locator(".info img.qr"))); // what she shows him is hers
		await ming.page.locator(".info .safe").waitFor();
		await accessible(ming.page);
		await shot(ming, "verified");
		await close(ming);
	});

	check("whom a group obeys, and what it is called", async () => {
		await chat(mei, "登山社").click();
		if (!(await mei.page.locator(".info").count())) await panel(mei).click();
		await lineMenu(mei, mei.page.locator(".info .line", { hasText: "阿明" }), "設為管理員");
		await mei.page.locator(".info .line", { hasText: "阿明" }).getByText("管理員").waitFor();
		await mei.page.locator(".info summary").click();
		await mei.page.locator(".groupprofile").getByLabel("群組名稱").fill("登山社（週日）");
		await mei.page.locator(".groupprofile").getByRole("button", { name: "儲存" }).click();
		await chat(carol, "登山社（週日）").waitFor();
		await carol.page.getByText("把群組改名為").first().waitFor();
		await mei.page.locator(".info").getByRole("button", { name: "邀請連結" }).click();
		await mei.page.locator(".info .mylink code").waitFor();
		await shot(mei, "group-admin");
		// What was said stands before what was done after it, whoever did it.
		const order = await mei.page.evaluate(() => [...document.querySelectorAll(".entry")].map((e) => [e.getBoundingClientRect().top, e.textContent]).sort((a, b) => a[0] - b[0]).map((x) => x[1]).filter((x) => /合歡山|設為公告|改名為/.test(x)).map((x) => /合歡山|設為公告|改名為/.exec(x)[0]));
		equal(order, ["合歡山", "設為公告", "改名為"], "the order of what happened");
		await close(mei);
	});

	check("where it is kept, how full that is; what others exported, and the keys", async () => {
		const { page } = ming;
		await openDialog(ming, "設定");
		await page.locator("dialog summary", { hasText: "哪些伺服器" }).click();
		for (let tries = 0; ; tries++) { // a server that was busy is asked again, as a person would
			const full = await page.locator("dialog meter").first().waitFor({ timeout: 15_000 }).then(() => true, () => false);
			if (full) break;
			is(tries < 8, "no server says how full it is: " + await page.locator("dialog .people").first().innerText());
			await page.locator("dialog").getByRole("button", { name: "重新查看" }).click();
		}
		await page.locator("dialog .people", { hasText: "已連線" }).waitFor();
		// Another server to be connected to, by its address: what is none, one that nobody has, and one that is there. And back, by the list.
		const now = page.locator("dialog p", { hasText: "這部裝置連到" }), before = await now.innerText(), other = plan.stranger.server;
		const name = before.match(/「(.*)」/)[1], elsewhere = page.locator("dialog").getByRole("button", { name: "改連別部" });
		const moved = (was) => page.waitForFunction((was) => [...document.querySelectorAll("dialog p")].some((p) => p.textContent.includes("這部裝置連到") && !p.textContent.startsWith(was.slice(0, was.indexOf("」")))), was);
		is(!before.includes(other.split("#")[0]), `the device is at ${other} from the beginning`);
		await elsewhere.click();
		await page.locator("dialog .servers .took").first().waitFor();
		const address = page.locator("dialog").getByLabel("伺服器位址"), connect = page.locator("dialog").getByRole("button", { name: "連線", exact: true });
		for (const [text, why] of [["不是位址", "「不是位址」不是伺服器位址"], [other.slice(0, -4) + "0000", "無法連線到"]]) {
			await address.fill(text);
			await connect.click();
			await page.locator(".toast", { hasText: why }).last().waitFor();
		}
		await accessible(page);
		await shot(ming, "server-typed");
		await address.fill(other.replaceAll(":", "：").replace("#", "＃")); // as an input method may write it
		await connect.click();
		await moved(before);
		const there = await now.innerText();
		is(there.includes(other.split("#")[0]), `the device is not where an address led it: ${there}`);
		await elsewhere.click();
		await page.locator("dialog .servers label", { hasText: name }).click();
		await moved(there);
		await page.getByRole("button", { name: "換保管的伺服器" }).click();
		await page.locator("dialog .server .took").nth(2).waitFor();
		await accessible(page);
		await shot(ming, "homes");
		await page.getByRole("button", { name: "搬到這些伺服器" }).click();
		await page.getByText("由你挑選").waitFor();
		await page.getByRole("button", { name: "讓程式挑選" }).click();
		await page.getByText("由程式挑選").waitFor();
		await page.locator("dialog input[accept='.txt,.json']").setInputFiles({ name: "[LINE] 老同學.txt", mimeType: "text/plain", buffer: Buffer.from("[LINE] 與老同學的聊天記錄\n儲存日期：2026/11/01 10:00\n\n2026/10/31（六）\n下午7:09\t老同學\t好久不見\n下午7:10\t阿明\t真的\n") });
		await page.locator("dialog .people", { hasText: "老同學" }).waitFor();
		const [made] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "匯出網頁" }).click()]);
		is(made.suggestedFilename().endsWith(".zip"), `what was exported is called ${made.suggestedFilename()}`);
		await escape(ming);
		await page.keyboard.press("Control+/");
		await page.getByText("Shift Enter").waitFor();
		await escape(ming);
	});
}

// What this program lets a person be called. Names that turn the direction are taken out by every program that
// hears them (chat.SanitizeName); that the pages show none either is asked in web/ui/test/names.test.tsx.
const turn = "\u202E", many = "\u0351".repeat(20);
const evil = { person: `<img src=x>Z${many}`, group: `<b>群</b>Z${many}`, device: `<script>Z${many}`, file: `${turn}gpj.<b>帳單`, option: `是<i>Z${many}` };

export function hostileNames(check) {
	check("names that are meant to harm are shown, and do nothing", async () => {
		const { page } = ming;
		const me = (await page.evaluate(() => localStorage.getItem("omega.snapshot.1"))).match(/"fingerprint":"([0-9A-F]{40})"/)[1];
		await command("init", "--name", evil.person, "--device", evil.device, "--server", plan.stranger.server, "--no-passphrase");
		await command("send", "--to", me, "哈囉");
		const path = join(plan.stranger.dir, evil.file);
		writeFileSync(path, "不是照片");
		await command("file", "send", "--to", me, path);
		await page.getByRole("tab", { name: /陌生訊息/ }).click();
		await page.locator(".row").first().click();
		await bubble(ming, "哈囉").waitFor();
		await page.getByRole("button", { name: "接受" }).click();
		await page.getByRole("tab", { name: "全部" }).click();
		await chat(ming, "<img src=x>").click();
		await page.locator(".bubble .file", { hasText: "gpj.<b>帳單" }).waitFor();
		if (!(await page.locator(".info").count())) await panel(ming).click();
		await page.locator(".info", { hasText: "<img src=x>" }).waitFor();
		await harmless(ming);
		await shot(ming, "hostile-person");
		await command("poll", "ask", "--to", me, "真的嗎", evil.option, "否");
		await page.locator(".option", { hasText: "是<i>" }).waitFor();
		await harmless(ming);
		// A name of one's own making is no better.
		const call = async (name) => { await page.locator(".info").getByLabel("幫他取名").fill(name); await page.locator(".info form button").click(); };
		await call(`<i>Z${many}`);
		await chat(ming, "<i>Z").waitFor();
		await harmless(ming);
		await call("");
		await chat(ming, "<img src=x>").waitFor();
		// A group, where the name stands in the list, in lines and in the menu of people to call.
		await command("group", "create", "--name", evil.group, me);
		await page.locator(".card").getByRole("button", { name: "接受" }).click();
		await page.locator(".card").getByRole("button", { name: "開啟群組" }).click();
		await box(ming).pressSequentially("@");
		await page.locator(".choices li", { hasText: "<img src=x>" }).waitFor();
		await harmless(ming);
		await accessible(page);
		await shot(ming, "hostile-group");
		await box(ming).fill("");
	});
}

/** Nothing on the page was made of what somebody is called, and nothing steers it. */
async function harmless({ page }) {
	equal(await page.evaluate(() => {
		const bad = [];
		if (document.querySelector("img[src='x'], main b b, .row script, .info script, .bubble i")) bad.push("an element that a name made");
		const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
		for (let n = walk.nextNode(); n; n = walk.nextNode()) if (/[\u202a-\u202e\u2066\u2067\u3164]|\p{M}{5}/u.test(n.data)) bad.push(n.data.slice(0, 60));
		for (const e of document.querySelectorAll("[title], [aria-label], [alt], [download]")) for (const a of ["title", "aria-label", "alt", "download"]) if (/[\u202a-\u202e\u2066\u2067\u3164]|\p{M}{5}/u.test(e.getAttribute(a) ?? "")) bad.push(`${a} ${e.getAttribute(a)}`);
		if (document.documentElement.scrollWidth > innerWidth) bad.push("wider than the screen");
		for (const e of document.querySelectorAll(".row")) if (e.getBoundingClientRect().height > 73) bad.push("a row that is taller");
		return bad;
	}), [], "what a name did");
}
