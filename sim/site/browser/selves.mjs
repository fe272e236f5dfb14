// Who somebody is: what they call themselves, and the account that they go on as.
import { accessible, equal, is } from "./harness.mjs";
import { agree, box, bubble, carol, chat, enter, escape, mei, ming, openDialog, panel, people, plan, say, shot } from "./stage.mjs";

const openInfo = async (who) => { if (!(await who.page.locator(".info").count())) await panel(who).click(); };
const told = (who, text) => who.page.locator(".toast", { hasText: text }).first().waitFor();
const account = async (who) => (await who.page.evaluate(() => localStorage.getItem("omega.snapshot.1"))).match(/"fingerprint":"([0-9A-F]{40})"/)[1];
const grouped = (fingerprint) => fingerprint.replace(/(.{4})/g, "$1 ").trim();

export function ownName(check) {
	check("who calls themselves something else is seen to do so, where others write with them", async () => {
		const { page } = ming;
		await chat(mei, "阿明").click();
		await box(mei).waitFor();
		await openDialog(ming, "設定");
		await page.locator("dialog").getByRole("button", { name: "改名字" }).click();
		const field = page.getByLabel("自己的名字"), save = page.locator("dialog form", { has: field }).getByRole("button", { name: "儲存" });
		is(await save.isDisabled(), "a name is saved that is the same");
		await field.fill(" ");
		is(await save.isDisabled(), "a name is saved of which nothing is seen");
		await field.fill("阿明（台中）");
		await accessible(page);
		await shot(ming, "own-name");
		await save.click();
		await told(ming, "名字改好了");
		await page.locator("dialog h3", { hasText: "阿明（台中）" }).waitFor();
		await escape(ming);
		await mei.page.locator(".service", { hasText: "「阿明」把自己的名字改成「阿明（台中）」" }).waitFor(); // nothing was written since
		await chat(mei, "阿明（台中）").waitFor();
		await mei.page.locator(".head h1", { hasText: "阿明（台中）" }).waitFor();
		await accessible(mei.page);
		await shot(mei, "renamed");
		// In a group it is heard with the next message there.
		await chat(carol, "登山社").click();
		await chat(ming, "登山社").click();
		await say(ming, "我改名字了");
		await bubble(carol, "我改名字了").waitFor();
		await carol.page.locator(".service", { hasText: "改成「阿明（台中）」" }).last().waitFor();
		await carol.page.waitForFunction(() => [...document.querySelectorAll(".author")].every((x) => !/^阿明(?!（台中）)/.test(x.textContent))); // what was said before, too
	});
}

/** The settings where one account says that it goes on as another, or for it. */
async function goOn(who, field, button, other) {
	const { page } = who;
	await openDialog(who, "設定");
	await page.locator("dialog summary", { hasText: "接續別的帳號" }).click();
	await page.getByLabel(field).fill(other);
	await page.locator("dialog").getByRole("button", { name: button, exact: true }).click();
	await page.locator("dialog.sure", { hasText: grouped(other) }).waitFor();
}

export function succession(check) {
	check("an account goes on as another, and who knew the old one goes on with the new one", async () => {
		const next = await enter({ name: "卡蘿", url: plan.fourth }), { page } = next;
		people.push(next);
		await page.goto(plan.fourth);
		await page.getByRole("button", { name: "建立新帳號" }).click();
		await page.getByLabel("你的名字").fill(next.name);
		await page.getByLabel("不設密碼").check();
		await page.locator(".server .took").first().waitFor();
		await page.locator("form button.primary").click();
		await page.getByRole("button", { name: "晚一點" }).click();
		await page.getByRole("button", { name: "先逛逛" }).click();
		await page.waitForFunction(() => localStorage.getItem("omega.snapshot.1")?.includes("fingerprint"));
		const [before, after] = [await account(carol), await account(next)];

		// The old one cannot before the new one said so.
		await goOn(carol, "這是舊帳號", "改用新帳號", after);
		await agree(carol);
		await carol.page.locator(".toast", { hasText: "還沒有" }).first().waitFor();
		await escape(carol);
		await goOn(next, "這是新帳號", "接續舊帳號", before);
		await accessible(page);
		await shot(next, "inherit");
		await agree(next);
		await told(next, "正在送到舊帳號");
		await escape(next);
		await chat(mei, "Carol").click();
		await goOn(carol, "這是舊帳號", "改用新帳號", after);
		await accessible(carol.page);
		await shot(carol, "succeed");
		await agree(carol);
		await told(carol, "已經告訴");
		await escape(carol);

		// Whoever has the old one as a contact is told in the chat, and decides.
		const note = mei.page.locator(".contact-note", { hasText: "改用另一個帳號了" });
		await note.getByText(grouped(after)).waitFor();
		await accessible(mei.page);
		await shot(mei, "succeeded");
		await note.getByRole("button", { name: "改用新帳號" }).click();
		await mei.page.locator("dialog.sure", { hasText: grouped(after) }).waitFor();
		await mei.page.keyboard.press("Escape");
		await mei.page.locator("dialog.sure").waitFor({ state: "detached" });
		equal(await note.count(), 1, "what is above the chat of who did not agree yet");
		await note.getByRole("button", { name: "改用新帳號" }).click();
		await agree(mei);
		await note.waitFor({ state: "detached" });
		await mei.page.locator(".head h1", { hasText: "Carol" }).waitFor(); // under the name that she had
		// It stands in both chats, each leads to the other, and nothing more is written to the old one.
		await mei.page.locator(".service", { hasText: "改用這個帳號了" }).waitFor();
		await say(mei, "新的帳號收得到嗎");
		await bubble(mei, "新的帳號收得到嗎").waitFor();
		await mei.page.locator(".service").getByRole("button", { name: "看舊帳號的聊天" }).click();
		await mei.page.locator(".service", { hasText: "改用另一個帳號了" }).waitFor();
		equal(await box(mei).count(), 0, "fields to write to an account that is no more");
		await accessible(mei.page);
		await shot(mei, "gone-on");
		await mei.page.locator(".note").getByRole("button", { name: "到新帳號的聊天" }).click();
		await bubble(mei, "新的帳號收得到嗎").waitFor();
		await page.getByRole("tab", { name: /陌生訊息/ }).click();
		await chat(next, "小美").click();
		await page.getByRole("button", { name: "接受" }).click();
		await say(next, "收得到了");
		await bubble(mei, "收得到了").waitFor();
		await accessible(mei.page);
		await shot(mei, "went-on");
		people.splice(people.indexOf(next), 1);
		await next.context.close();
	});
}
