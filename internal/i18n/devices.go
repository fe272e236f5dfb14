package i18n

// devices are the texts about the devices of accounts.
var devices = map[string]entry{
	"help.device_confirm": {"確認這部裝置是你自己加的。", "Say that you added this device yourself."},

	"line.device-added":   {"— 多了一部裝置「{0}」，指紋 {1} —", "— one more device, “{0}”, fingerprint {1} —"},
	"line.device-revoked": {"— 撤銷了裝置「{0}」，指紋 {1} —", "— the device “{0}” was revoked, fingerprint {1} —"},
	"page.service":        {"由這個程式記下", "noted by this program"},
	"why.service":         {"那一行是程式記下的，不是誰傳的訊息", "that line was noted by the program; nobody sent it"},

	"news.device-added":       {"{0} 在 {3} 多了一部裝置「{1}」（{2}），之後的訊息它也讀得到", "{0} has had one more device since {3}: “{1}” ({2}); it reads what is written from now on"},
	"news.device-revoked":     {"{0} 在 {3} 撤銷了裝置「{1}」（{2}），之後的訊息它讀不到", "{0} revoked the device “{1}” ({2}) at {3}; it reads nothing that is written from now on"},
	"news.own.device-added":   {"你的帳號在 {2} 多了一部裝置「{0}」，指紋 {1}", "your account has had one more device since {2}: “{0}”, fingerprint {1}"},
	"news.own.device-revoked": {"你的裝置「{0}」（{1}）在 {2} 被撤銷了", "your device “{0}” ({1}) was revoked at {2}"},
	"news.own.what":           {"是你加的：omega device confirm {0}。不是你：立刻執行 omega device revoke {0}，再換掉主金鑰的密碼，並告訴聯絡人", "if it was you: omega device confirm {0}. If not: run omega device revoke {0} at once, change the passphrase of the primary key, and tell your contacts"},
	"doctor.device":           {"新裝置，還沒有確認", "a new device that you have not confirmed"},
	"confirm.done":            {"記下了，這部裝置是你的。", "Noted: this device is yours."},

	"help.device_history":      {"看新裝置的聊天紀錄傳到哪裡，或把這裡的紀錄交給另一部裝置。", "See how far the history for a new device is, or give another device what is here."},
	"help.device_history_to":   {"交給這部裝置。", "Give it to this device."},
	"help.device_history_wait": {"等到完成，最多等這麼久。", "Wait until it is done, at most so long."},
	"help.approve_history":     {"也把之前的聊天紀錄交給它（預設如此）。", "Also give it the history from before (the default)."},
	"help.device_history_from": {"請這部比較早的裝置交出它的聊天紀錄；要在那部裝置上同意。", "Ask this older device for its history; its person has to agree there."},
	"doing.askhistory":         {"請另一部裝置交出聊天紀錄", "asking another device for its history"},
	"why.younger":              {"那部裝置沒有比這部早加入帳號", "that device was not in the account before this one"},
	"next.younger":             {"用「omega device list」看有哪些裝置，請比較早的那一部", "see “omega device list”, and ask one that is older"},
	"handover.gives.wanted":    {"→ {0}：想要這裡的 {1} 則訊息{2}；同意就執行 omega device history --to 它的指紋", "→ {0}: it asks for the {1 message} here{2}; to agree, run omega device history --to with its fingerprint"},
	"handover.takes.wanted":    {"← {0}：已經請它交出聊天紀錄{2}，等那裡同意", "← {0}: asked for its history{2}, waiting for a person to agree there"},
	"doing.handover":           {"把聊天紀錄交給另一部裝置", "handing the history to another device"},
	"why.handself":             {"那就是這部裝置", "that is this very device"},
	"approve.history":          {"也要把之前的聊天紀錄交給它嗎？直接按 Enter 就是要，n 是不要：", "Give it the history from before as well? Enter is yes, n is no: "},
	"handover.none":            {"沒有聊天紀錄在裝置之間傳送。在舊裝置上用 omega device history --to 指紋 交給新裝置。", "No history is on its way between devices. On the old device, omega device history --to FPR gives it to the new one."},
	"handover.gives.asked":     {"→ {0}：正在整理與上傳 {1} 則訊息{2}", "→ {0}: {1 message} being prepared and uploaded{2}"},
	"handover.gives.offered":   {"→ {0}：{1} 則訊息已上傳，等它來拿{2}", "→ {0}: {1 message} uploaded, waiting to be fetched{2}"},
	"handover.gives.done":      {"→ {0}：{1} 則訊息它都有了{2}", "→ {0}: it has all {1 message}{2}"},
	"handover.gives.expired":   {"→ {0}：沒有來拿，已經收回{2}（{1} 則訊息）", "→ {0}: never fetched, taken back{2} ({1 message})"},
	"handover.takes.offered":   {"← {0}：正在接收 {1} 則訊息{2}", "← {0}: {1 message} on the way{2}"},
	"handover.takes.done":      {"← {0}：{1} 則訊息都在這裡了{2}", "← {0}: all {1 message} are here{2}"},
	"handover.percent":         {"，{0}%", ", {0}%"},
	"handover.why":             {"（剛才沒成功：{0}，會再試）", " (it failed just now: {0}; it is tried again)"},
	"handover.later":           {"還沒完成；下次執行任何 omega 命令會繼續，用 omega device history 看進度。", "Not done yet; it goes on with the next omega command. See omega device history."},
	"why.handlate":             {"等了 {0} 還沒完成", "it was not done within {0}"},
	"next.handlate":            {"會自己繼續；用 omega device history 看進度", "it goes on by itself; see omega device history"},

	"revoke.undated": {"主金鑰不在這裡，用的是核准裝置時預先簽好的撤銷。主金鑰在手邊時，請在有它的裝置上再執行一次，這樣才會寫上撤銷的時間。", "The primary key is not here; the revocation is one that it signed when devices were approved. When it is at hand, run this again where it is: only then it is said when."},

	"notice.rollback": {"伺服器拿出比第 {0} 號更舊的裝置與信箱紀錄，沒有採用；證據已保留", "a server shows an older record of devices and homes than number {0}, which was not taken; the evidence is kept"},
	"init.revocation": {"撤銷憑證：{0}\n主金鑰遺失或被偷時，用 gpg --import 匯入它再公布金鑰，就能讓所有人知道這個帳號作廢。誰有它都能作廢帳號，但讀不到訊息；請另外存一份（omega backup 也會帶著它）。", "Revocation certificate: {0}\nIf the primary key is lost or stolen, import it with gpg --import and publish the key: everyone then knows that the account is void. Whoever has it can void the account, but read nothing; keep a copy elsewhere (omega backup has it too)."},
	"notice.copied":   {"這部裝置的檔案有另一份正在別處使用，或一天內用過；只留一份，另一份請用 omega device link 加入成新裝置。不是你做的，就撤銷這部裝置", "the files of this device are in use in another place, or were within a day; keep one, and add the other one as a device of its own with omega device link. If it was not you, revoke this device"},
	"chat.rollback":   {"⚠ 伺服器拿出舊的紀錄", "⚠ a server shows an old record"},
}
