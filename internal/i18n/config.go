package i18n

// configuration are the texts about a server's configuration file. They begin with
// the key that is meant, or the line.
var configuration = map[string]entry{
	"config.unknown": {"第 {0} 行：沒有「{1}」這個設定鍵；omegad config 列出所有設定鍵", "line {0}: unknown key \"{1}\"; `omegad config` lists every key"},
	"config.kind":    {"第 {0} 行第 {1} 字：{2} 的值類型不對；omegad config 有範例", "line {0}, column {1}: {2}: not a value of this kind; `omegad config` shows one"},
	"config.size":    {"第 {0} 行第 {1} 字：{2} 不是大小；請寫一個數字，後面可以加 KiB、MiB 或 GiB", "line {0}, column {1}: {2} is not a size; write a number, or one with KiB, MiB or GiB"},
	"config.time":    {"第 {0} 行第 {1} 字：{2} 不是時間；請寫例如 30s 或 5m", "line {0}, column {1}: {2} is not a time; write for example 30s or 5m"},
	"config.syntax":  {"第 {0} 行第 {1} 字：這不是正確的 TOML（{2}）", "line {0}, column {1}: {2}"},

	"config.syntax.key":   {"第 {0} 行第 {1} 字：設定鍵不能有「{2}」；omegad config 列出所有設定鍵", "line {0}, column {1}: a key cannot have {2}; `omegad config` lists every key"},
	"config.syntax.value": {"第 {0} 行第 {1} 字：值不能以「{2}」開頭；文字要放在引號裡，例如 \"Jade\"", "line {0}, column {1}: a value cannot begin with {2}; texts are in quotes, for example \"Jade\""},
	"config.syntax.quote": {"第 {0} 行第 {1} 字：這一行少了結尾的引號", "line {0}, column {1}: the closing quote is missing in this line"},
	"config.syntax.rest":  {"第 {0} 行第 {1} 字：值的後面多了「{2}」", "line {0}, column {1}: {2} stands behind the value"},

	"config.fallback":     {"fallback.servers：\"{0}\" 不是公開金鑰伺服器的位址；寫法見「omegad config」", "fallback.servers: \"{0}\" is no address of a public key server; `omegad config` shows the form"},
	"config.manyfallback": {"fallback.servers：有 {0} 部，最多 {1} 部", "fallback.servers: {0} servers, at most {1}"},
	"config.hostname":     {"{0}：\"{1}\" 的主機不能用；請寫 IP 位址，或由英文字母、數字、- 與 . 組成的名稱（中文網域請寫 xn-- 開頭的形式）", "{0}: the host of \"{1}\" cannot be used; write an IP address, or a name of letters, digits, - and . (international names begin with xn--)"},
	"config.dir":          {"dir：要指定放金鑰與信件的目錄", "dir: a directory for keys and mail is required"},
	"config.notdir":       {"dir：{0} 不是目錄", "dir: {0} is not a directory"},
	"config.nodir":        {"dir：無法建立 {0}（{1}）", "dir: {0} cannot be made there: {1}"},
	"config.range":        {"{0}：{1} 不在 {2} 到 {3} 之間", "{0}: {1}, want {2} to {3}"},
	"config.long":         {"{0}：{1} 位元組（UTF-8），最多 {2}", "{0}: {1} octets of UTF-8, at most {2}"},
	"config.hidden":       {"{0}：{1} 含有無法顯示的字元", "{0}: {1} has characters that cannot be shown"},
	"config.noaddress":    {"{0}：要指定位址，例如 \":7000\"", "{0}: an address is required, for example \":7000\""},
	"config.listen":       {"{0}：\"{1}\" 不是 host:port；\":7000\" 表示這部電腦的所有位址，也可以寫 \"192.0.2.1:7000\"", "{0}: \"{1}\" is not host:port; write \":7000\" for every address of this machine, or \"192.0.2.1:7000\""},
	"config.sameport":     {"{0}：連接埠 {1} 已經給 {2} 用了", "{0}: port {1} is the one of {2} already"},
	"config.announce":     {"{0}：\"{1}\" 不是 host:port；請寫別人連得到的位址，例如 \"im.example.tw:7000\"", "{0}: \"{1}\" is not host:port; write what others dial, for example \"im.example.tw:7000\""},
	"config.port":         {"{0}：沒有人會連到連接埠 {1}，那是其他服務的；請用 443，或 1024 以上的", "{0}: nobody dials port {1}, which is another service's; take 443 or one from 1024 on"},
	"config.undialable":   {"{0}：\"{1}\" 沒有別人連得到的主機與連接埠", "{0}: \"{1}\" names no host and port that others could dial"},
	"config.url":          {"{0}：\"{1}\" 不是像 \"https://im.example.tw\" 這樣的網址", "{0}: \"{1}\" is not a URL like \"https://im.example.tw\""},
	"config.registration": {"registration：\"{0}\" 不是 open、invite 或 closed", "registration: \"{0}\" is not open, invite or closed"},
	"config.store":        {"store.kind：\"{0}\" 不是 pebble 或 memory", "store.kind: \"{0}\" is not pebble or memory"},
	"config.loglevel":     {"log_level：\"{0}\" 不是 debug、info、warn 或 error", "log_level: \"{0}\" is not debug, info, warn or error"},
	"config.positive":     {"{0}：必須大於 0；omegad config 顯示預設值", "{0}: must be above 0; `omegad config` shows the default"},
	"config.connections":  {"limits.connections：必須大於 0；0 表示系統允許的數目", "limits.connections: must be above 0, or 0 for what the system allows"},
	"config.probe":        {"probe.interval：至少 1s；0s 表示不量測別人", "probe.interval: at least 1s, or 0s to probe nobody"},
	"config.sendrate":     {"limits.send_rate：必須大於 0；-1 表示不限", "limits.send_rate: must be above 0, or -1 for no limit"},

	"config.deny":        {"cloud.deny：\"{0}\" 不是指紋，也不是 \"{1}\" 加上營運者名稱（最多 64 位元組）", "cloud.deny: \"{0}\" is neither a fingerprint nor \"{1}\" with a name of 64 octets at most"},
	"config.bootstrap":   {"cloud.bootstrap：\"{0}\" 不是伺服器位址；請寫 「host:port#指紋」", "cloud.bootstrap: \"{0}\" is not an address of a server; write \"host:port#FINGERPRINT\""},
	"config.vouchfile":   {"cloud.vouches：讀不到 {0}（{1}）", "cloud.vouches: {0} cannot be read: {1}"},
	"config.novouch":     {"cloud.vouches：{0} 裡沒有作保的簽章；請放 omegad vouch 產生的文字", "cloud.vouches: {0} holds no certification; put there what omegad vouch printed"},
	"config.manyvouches": {"cloud.vouches：有 {0} 份作保的簽章，最多出示 {1} 份", "cloud.vouches: {0} certifications, at most {1} are shown"},
}
