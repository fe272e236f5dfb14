// The rest of what the core can do, where a person looks for it: names of devices and packs, a
// key that is certified, who may not come back, who called, where what is sent stands.
import { accessible, equal, is } from "./harness.mjs";
import { agree, box, bubble, carol, chat, confirmDialog, escape, lineMenu, mei, menu, ming, openDialog, panel, say, shot } from "./stage.mjs";

const openInfo = async (who) => { if (!(await who.page.locator(".info").count())) await panel(who).click(); };
const told = (who, text) => who.page.locator(".toast", { hasText: text }).first().waitFor();
const newest = (who) => who.page.waitForFunction(() => { const m = document.querySelector(".messages"); return m.scrollHeight - m.scrollTop - m.clientHeight < 48; });
const toTop = async (who) => {
	await who.page.waitForFunction(() => {
		document.querySelector(".messages").scrollTop = 0; // again, where what was sent is still on its way to the end
		return document.querySelector(".entry") && document.querySelector(".jump:not(.call)");
	});
};

export function fuller(check) {
	check("what a device is called, and a question that is answered with no", async () => {
		const { page } = ming, own = page.locator("dialog .devices li").first();
		await openDialog(ming, "設定");
		await lineMenu(ming, own, "改名");
		await own.getByLabel("改名").fill("客廳電腦");
		await own.getByRole("button", { name: "儲存" }).click();
		await page.locator("dialog .devices", { hasText: "客廳電腦" }).waitFor();
		await page.getByRole("button", { name: "登出所有瀏覽器" }).click();
		await accessible(page);
		await shot(ming, "sure");
		await page.keyboard.press("Escape");
		await page.locator("dialog.sure").waitFor({ state: "detached" });
		equal(await page.locator("dialog").count(), 1, "dialogs after Esc on a question");
		await escape(ming);
	});

	check("a key is certified, and that is taken back", async () => {
		const { page } = ming;
		await chat(ming, "小美").click();
		await openInfo(ming);
		await page.locator(".info .safe").first().waitFor();
		const by = page.locator(".info").getByRole("button", { name: "認證這把金鑰" });
		await by.click();
		await page.getByRole("menuitem", { name: "認證這把金鑰" }).click();
		await agree(ming);
		await told(ming, "已認證");
		await by.click();
		await page.getByRole("menuitem", { name: "收回認證" }).click();
		await told(ming, "已收回認證");
		await page.keyboard.press("Escape");
	});

	check("a pack is called otherwise, shared, taken by the other side, and removed", async () => {
		const { page } = ming;
		await chat(ming, "小美").click();
		await chat(mei, "阿明").click();
		const manage = async (who, item) => {
			if (!(await who.page.locator(".panel-box").count())) await who.page.getByLabel("貼圖與表情").click();
			await who.page.locator(".panel-box .stickers button").first().waitFor();
			await who.page.getByRole("button", { name: "管理貼圖" }).click();
			await who.page.getByRole("menuitem", { name: item }).click();
		};
		await manage(ming, "貼圖包的名稱");
		await page.getByLabel("貼圖包的名稱").fill("山上的鳥");
		await confirmDialog(ming);
		await page.locator(".panel-box .marks button[title=山上的鳥]").waitFor();
		await accessible(page);
		await shot(ming, "pack");
		await manage(ming, "分享到這個聊天");
		await mei.page.locator(".bubble .file", { hasText: "加入這包貼圖" }).click(); // under the name that its maker gave it
		await told(mei, "已加入貼圖包");
		// Who is in no chat with it takes it by its link.
		await manage(ming, "複製貼圖包的連結");
		await told(ming, "已複製");
		await page.bringToFront();
		const link = await page.evaluate(() => navigator.clipboard.readText());
		await carol.page.bringToFront();
		await chat(carol, "小美").click();
		await carol.page.getByLabel("貼圖與表情").click();
		await carol.page.getByRole("button", { name: "管理貼圖" }).click();
		await carol.page.getByRole("menuitem", { name: "用連結加入貼圖包" }).click();
		await carol.page.getByLabel("貼圖包的連結").fill(link);
		await accessible(carol.page);
		await confirmDialog(carol);
		await told(carol, "已加入貼圖包");
		await carol.page.locator(".panel-box .stickers button").first().waitFor();
		await carol.page.keyboard.press("Escape");
		await manage(ming, "移除貼圖包");
		await agree(ming);
		await page.getByText("還沒有貼圖").waitFor();
		await mei.page.getByLabel("貼圖與表情").click();
		await mei.page.locator(".panel-box .stickers button").first().waitFor();
		await page.keyboard.press("Escape");
		await mei.page.keyboard.press("Escape");
	});

	check("whatever is sent is seen by who sent it, wherever they read", async () => {
		const { page } = ming;
		await chat(ming, "小美").click();
		await toTop(ming);
		await page.locator(".composer input[type=file]").first().setInputFiles({ name: "說明.txt", mimeType: "text/plain", buffer: Buffer.from("看得到") });
		await confirmDialog(ming);
		await page.locator(".entry.newest .file", { hasText: "說明.txt" }).waitFor();
		await newest(ming);
		await toTop(ming);
		await page.getByRole("button", { name: "附加" }).click();
		await page.getByRole("menuitem", { name: "建立投票" }).click();
		await page.getByLabel("問題").fill("看得到嗎？");
		await page.getByLabel("選項 1").fill("看得到");
		await page.getByLabel("選項 2").fill("看不到");
		await confirmDialog(ming);
		await page.locator(".entry.newest", { hasText: "看得到嗎？" }).waitFor();
		await newest(ming);
	});

	check("who called, in all chats; a text that an admin takes back; who may not come back, and may again", async () => {
		await openDialog(mei, "新聊天");
		await mei.page.getByRole("tab", { name: "建立群組" }).click();
		await mei.page.getByLabel("群組名稱").fill("路跑團");
		for (const name of ["阿明", "Carol"]) await mei.page.locator("dialog .people button", { hasText: name }).first().click();
		await confirmDialog(mei);
		for (const who of [ming, carol]) {
			await chat(who, "小美").click();
			await who.page.locator(".card", { hasText: "路跑團" }).getByRole("button", { name: "接受" }).click();
			await who.page.locator(".card", { hasText: "路跑團" }).getByRole("button", { name: "開啟群組" }).click();
			await who.page.locator(".head h1", { hasText: "路跑團" }).waitFor();
		}
		await openInfo(mei);
		await mei.page.locator(".info h3", { hasText: "3 位成員" }).waitFor();
		await ming.page.getByText("沒有更早的訊息了").waitFor(); // all of the group is here
		await say(carol, "買藥找我");
		await bubble(mei, "買藥找我").waitFor();
		await bubble(ming, "買藥找我").waitFor();
		await menu(mei, "買藥找我", "替大家收回");
		await accessible(mei.page);
		await agree(mei);
		await ming.page.locator(".bubble.gone").last().waitFor();
		equal(await bubble(ming, "買藥找我").count(), 0, "what an admin took back");
		await chat(mei, "Carol").click();
		await box(ming).pressSequentially("@小");
		await ming.page.locator(".choices li", { hasText: "小美" }).click();
		await box(ming).pressSequentially("跑嗎");
		await box(ming).press("Enter");
		await chat(mei, "路跑團").locator(".call").waitFor();
		await openDialog(mei, "提到我的訊息");
		const one = mei.page.locator("dialog .mentions button", { hasText: "跑嗎" });
		await one.waitFor();
		await accessible(mei.page);
		await shot(mei, "mentions");
		await one.click();
		await mei.page.locator(".bubble-line.target", { hasText: "跑嗎" }).waitFor();
		await openInfo(mei);
		const her = mei.page.locator(".info .line", { hasText: "Carol" });
		await lineMenu(mei, her, "移出，並且不准再加入");
		await agree(mei);
		await her.getByText("不准再加入").waitFor();
		await accessible(mei.page);
		await shot(mei, "banned");
		await lineMenu(mei, her, "准許再加入");
		await her.waitFor({ state: "detached" });
		await mei.page.locator(".info").getByRole("button", { name: "邀請", exact: true }).click();
		await mei.page.locator(".info .people button", { hasText: "Carol" }).first().click();
		await chat(carol, "小美").click();
		await carol.page.locator(".card", { hasText: "路跑團" }).last().getByRole("button", { name: "接受" }).click();
		await carol.page.locator(".card", { hasText: "路跑團" }).last().getByRole("button", { name: "開啟群組" }).click();
		await lineMenu(mei, her, "設為擁有者");
		await agree(mei);
		await her.getByText("擁有者").waitFor();
		await carol.page.locator(".service", { hasText: "設為擁有者" }).waitFor();
		await mei.page.keyboard.press("Escape");
	});

	check("the link of a channel is said to be one, and who follows it is told so", async () => {
		await openDialog(mei, "新聊天");
		await mei.page.getByRole("tab", { name: "建立群組" }).click();
		await mei.page.getByLabel("群組名稱").fill("賞鳥快報");
		await mei.page.getByLabel(/^頻道/).check();
		await confirmDialog(mei);
		await mei.page.locator(".head h1", { hasText: "賞鳥快報" }).waitFor();
		await openInfo(mei);
		await mei.page.locator(".info").getByRole("button", { name: "邀請連結" }).click();
		const link = await mei.page.locator(".info .mylink code").innerText();
		await openDialog(ming, "新聊天");
		await ming.page.getByLabel("群組或頻道的連結").fill(link);
		equal(await ming.page.locator("dialog form button.primary").innerText(), "加入群組或頻道", "what the dialog says of the link of a group");
		is(await ming.page.getByLabel("幫他取名").count() === 0, "a name for a group that is joined");
		await accessible(ming.page);
		await shot(ming, "join");
		await confirmDialog(ming);
		await ming.page.getByText("頻道：只有管理員可以發言").waitFor(); // the group answered
		await mei.page.locator(".head .there", { hasText: "1 位訂閱者" }).waitFor(); // and nobody loads the page anew
		await openInfo(ming);
		await ming.page.locator(".info").getByRole("button", { name: "取消訂閱" }).waitFor();
		equal(await ming.page.locator(".info").getByRole("button", { name: /邀請|離開/ }).count(), 0, "what a subscriber may not do, and is offered");
		await ming.page.keyboard.press("Escape");
		await mei.page.locator(".info").getByText("直接訂閱").waitFor();
		await mei.page.locator(".info").getByRole("button", { name: "停用連結" }).click();
		await agree(mei);
		await told(mei, "連結停用了");
		await mei.page.keyboard.press("Escape");
	});
}
