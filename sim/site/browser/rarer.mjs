// What people do now and then: be told while they look elsewhere, send somebody away, end a group, block,
// and come back from a backup.
import { join } from "node:path";
import { accessible, equal, is } from "./harness.mjs";
import { agree, box, bubble, carol, chat, command, confirmDialog, enter, escape, lineMenu, mei, ming, openDialog, panel, people, plan, say, shot } from "./stage.mjs";

const openInfo = async (who) => { if (!(await who.page.locator(".info").count())) await panel(who).click(); };
const agreed = async (who, name) => { await who.page.locator(".info").getByRole("button", { name, exact: true }).click(); await agree(who); };

export function rarer(check) {
	check("who looks elsewhere is told, and of what is secret not what it says", async () => {
		await mei.page.evaluate(() => {
			window.told = [];
			window.Notification = class { static permission = "granted"; constructor(title, how) { told.push({ title, body: how.body, silent: how.silent }); } close() {} };
		});
		const told = async (text) => mei.page.waitForFunction((text) => told.some((x) => `${x.title} ${x.body}`.includes(text)), text);
		await chat(mei, "Carol").click();
		await chat(ming, "小美").click();
		await say(ming, "有人找你");
		await told("有人找你");
		await chat(ming, "登山社").click();
		await say(ming, "群組有事");
		await told("阿明：群組有事");
		await chat(ming, "小美", true).click();
		await say(ming, "密談內容");
		await chat(mei, "阿明", true).locator(".count, .badges").first().waitFor();
		await mei.page.waitForFunction(() => told.length === 3);
		equal((await mei.page.evaluate(() => told)).filter((x) => x.body.includes("密談")).length, 0, "notifications that show what a secure chat says");
		// A muted group is silent, but for who is called.
		await chat(mei, "登山社").click();
		await openInfo(mei);
		await mei.page.locator(".info .actions").getByRole("button", { name: "靜音", exact: true }).click();
		await mei.page.getByRole("menuitem", { name: "8 小時" }).click();
		await mei.page.locator(".info").getByRole("button", { name: "取消靜音" }).waitFor();
		await mei.page.keyboard.press("Escape");
		await chat(mei, "Carol").click();
		await chat(ming, "登山社").click();
		await say(ming, "安靜的一句");
		await box(ming).pressSequentially("@小");
		await ming.page.locator(".choices li", { hasText: "小美" }).click();
		await box(ming).pressSequentially("在嗎");
		await box(ming).press("Enter");
		await told("在嗎");
		equal((await mei.page.evaluate(() => told)).filter((x) => x.body.includes("安靜的一句")).length, 0, "notifications of a muted group");
	});

	check("a secure group: an album, somebody who is sent away, and the end of it", async () => {
		await openDialog(mei, "新聊天");
		await mei.page.getByRole("tab", { name: "建立群組" }).click();
		await mei.page.getByLabel("群組名稱").fill("驚喜");
		await mei.page.getByLabel(/^安全群組/).check();
		for (const name of ["阿明", "Carol"]) await mei.page.locator("dialog .people button", { hasText: name }).first().click();
		await confirmDialog(mei);
		await mei.page.locator(".conversation.secure").waitFor();
		for (const who of [ming, carol]) {
			await chat(who, "小美").click();
			await who.page.locator(".card", { hasText: "驚喜" }).getByRole("button", { name: "接受" }).click();
			await who.page.locator(".card", { hasText: "驚喜" }).getByRole("button", { name: "開啟群組" }).click();
			await who.page.locator(".conversation.secure .head h1", { hasText: "驚喜" }).waitFor();
		}
		await openInfo(mei);
		await mei.page.locator(".info h3", { hasText: "3 位成員" }).waitFor();
		await say(mei, "生日蛋糕");
		for (const who of [ming, carol]) await bubble(who, "生日蛋糕").waitFor();
		const png = Buffer.from(await ming.page.evaluate(async () => {
			const c = new OffscreenCanvas(200, 150);
			c.getContext("2d").fillRect(10, 10, 90, 90);
			return [...new Uint8Array(await (await c.convertToBlob()).arrayBuffer())];
		}));
		await box(ming).fill("選一個，");
		await ming.page.locator(".composer input[type=file]").first().setInputFiles([1, 2, 3].map((n) => ({ name: `蛋糕${n}.png`, mimeType: "image/png", buffer: png })));
		const caption = ming.page.getByLabel("說明文字"), offered = ming.page.locator("dialog .choices li", { hasText: "小美" }); // a caption calls as a text does
		equal(await caption.inputValue(), "選一個，", "the caption");
		await caption.press("End");
		await caption.pressSequentially("@小");
		await offered.waitFor();
		await accessible(ming.page);
		await shot(ming, "caption");
		await caption.press("Escape");
		await offered.waitFor({ state: "detached" });
		equal(await ming.page.locator("dialog").count(), 1, "dialogs after Esc in the menu");
		await caption.press("Backspace");
		await caption.pressSequentially("小");
		await offered.waitFor();
		await caption.press("Enter");
		equal(await caption.inputValue(), "選一個，@小美 ", "the caption after Enter in the menu");
		await confirmDialog(ming);
		await bubble(carol, "選一個").locator(".mention", { hasText: "@小美" }).waitFor();
		equal(await box(ming).inputValue(), "", "what is left in the composer");
		await carol.page.waitForFunction(() => [...document.querySelectorAll(".media.album img")].filter((i) => i.complete && i.naturalWidth > 0).length === 3);
		await accessible(carol.page);
		await shot(carol, "secure-group");
		await lineMenu(mei, mei.page.locator(".info .line", { hasText: "Carol" }), "移出群組");
		await agree(mei);
		await mei.page.locator(".info h3", { hasText: "2 位成員" }).waitFor();
		await carol.page.getByText("離開了群組").first().waitFor();
		await chat(ming, "驚喜", true).click();
		await ming.page.getByText("離開了群組").first().waitFor();
		await say(ming, "只剩我們");
		await bubble(mei, "只剩我們").waitFor();
		equal(await bubble(carol, "只剩我們").count(), 0, "texts that somebody has who was sent away");
		await agreed(mei, "解散群組");
		await ming.page.getByText("解散了群組").first().waitFor();
		await shot(ming, "group-over");
		await mei.page.keyboard.press("Escape");
	});

	check("who is blocked is not heard, and what they wrote is kept for the police", async () => {
		const me = (await ming.page.evaluate(() => localStorage.getItem("omega.snapshot.1"))).match(/"fingerprint":"([0-9A-F]{40})"/)[1];
		await chat(ming, "<img src=x>").click();
		await openInfo(ming);
		await agreed(ming, "移除聯絡人");
		await ming.page.locator(".info").getByRole("button", { name: "加入聯絡人", exact: true }).click();
		await ming.page.locator(".info").getByRole("button", { name: "移除聯絡人", exact: true }).waitFor();
		await ming.page.locator(".info").getByRole("button", { name: "封鎖", exact: true }).click();
		await ming.page.locator(".info").getByRole("button", { name: "解除封鎖", exact: true }).waitFor();
		await command("send", "--to", me, "聽得到嗎").catch(() => undefined); // whether it says so or not
		await ming.page.locator(".info").getByRole("button", { name: "解除封鎖", exact: true }).click();
		await ming.page.locator(".info").getByRole("button", { name: "封鎖", exact: true }).waitFor();
		await command("send", "--to", me, "現在呢");
		await bubble(ming, "現在呢").waitFor();
		equal(await bubble(ming, "聽得到嗎").count(), 0, "texts of who is blocked");
		const [evidence] = await Promise.all([ming.page.waitForEvent("download"), agreed(ming, "檢舉並封鎖")]);
		is(evidence.suggestedFilename().length > 0, "the evidence has no name");
		await ming.page.locator(".info").getByRole("button", { name: "解除封鎖", exact: true }).waitFor();
		await ming.page.keyboard.press("Escape");
	});

	check("who lost a computer comes back from a backup", async () => {
		const file = join(plan.stranger.dir, "backup.pgp");
		const { passphrase } = await command("backup", "create", file);
		const back = await enter({ name: "回來的人", url: plan.third });
		people.push(back);
		const { page } = back;
		await page.goto(plan.third);
		await page.getByRole("button", { name: "從備份還原" }).click();
		await page.locator("input[type=file]").setInputFiles(file);
		await page.getByLabel("備份的密碼").fill("這不是密碼這不是密碼");
		await page.locator("form button.primary").click();
		await page.locator(".toast").first().waitFor();
		await shot(back, "restore-wrong");
		await page.getByLabel("備份的密碼").fill(passphrase);
		await page.locator("form button.primary").click();
		await chat(back, "阿明").click();
		await bubble(back, "哈囉").waitFor();
		await accessible(page);
		await shot(back, "restored");
	});

	check("an account ends where its end was typed", async () => {
		const back = people.at(-1), { page } = back;
		const begin = async () => { await openDialog(back, "設定"); await page.locator("dialog summary", { hasText: "永遠離開" }).click(); };
		await begin();
		await accessible(page);
		await shot(back, "end");
		const ask = () => page.locator(".end").getByRole("button", { name: "刪除帳號", exact: true }).click();
		await ask();
		const yes = page.locator("dialog.sure button.primary"), end = (await page.locator("dialog.sure .field span").innerText()).match(/[0-9A-F]{8}/)[0];
		is(await yes.isDisabled(), "an account that ends without a word");
		await page.locator("dialog.sure input").fill("00000000");
		is(await yes.isDisabled(), "an account that ends by the wrong word");
		await accessible(page);
		await shot(back, "end-sure");
		await page.keyboard.press("Escape");
		await page.locator("dialog.sure").waitFor({ state: "detached" });
		is(await page.locator("dialog").count() === 1, "Esc closed more than the question");
		const remove = async () => { await ask(); await page.locator("dialog.sure input").fill(end.toLowerCase()); await agree(back); };
		await remove();
		await page.locator(".toast", { hasText: "唯一的擁有者" }).waitFor(); // a group would be left to nobody
		equal((await page.locator(".toast", { hasText: "唯一的擁有者" }).innerText()).match(/\p{M}{5}/u), null, "marks that are piled up in what is told");
		await escape(back);
		await chat(back, "群").click();
		await openInfo(back);
		await agreed(back, "解散群組");
		await page.getByText("解散了群組").first().waitFor();
		await page.keyboard.press("Escape");
		await begin();
		await remove();
		await page.getByText("帳號已經刪除").first().waitFor();
		await escape(back);
		people.splice(people.indexOf(back), 1);
		await back.context.close();
	});
}
