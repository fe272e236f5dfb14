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

	"notice.rollback": {"伺服器拿出比第 {0} 號更舊的裝置與信箱紀錄，沒有採用；證據已保留", "a server shows an older record of devices and homes than number {0}, which was not taken; the evidence is kept"},
	"chat.rollback":   {"⚠ 伺服器拿出舊的紀錄", "⚠ a server shows an old record"},
}
