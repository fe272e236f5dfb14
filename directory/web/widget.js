// The list of ω servers on another web site, in one line:
//   <script src="https://SERVER/widget.js" data-limit="5" async></script>
// Everything lives in a shadow tree: the site's styles and these do not meet.
// It sets no cookie, runs nothing that it fetched, and asks only the server that
// it came from.
"use strict";
(() => {
	const me = document.currentScript;
	if (!me) return;
	const origin = new URL(me.src).origin;
	const chinese = (me.dataset.lang || document.documentElement.lang || navigator.language || "zh").toLowerCase().startsWith("zh");
	const lang = chinese ? "zh" : "en";
	const words = ({ zh: {}, en: {} })[lang]; // the server fills in its catalogue
	const dark = "--b:#181f29;--i:#e9ecf1;--s:#9da8b7;--r:#2a3340;--a:#7db6f5;--ok:#4cc585;--w:#eab552;--l:#ff8373;";
	const light = "--b:#fff;--i:#1c2430;--s:#5b6675;--r:#e4e1d8;--a:#1f5fa8;--ok:#1a7f4b;--w:#935f00;--l:#b42318;";
	const theme = me.dataset.theme || "auto";
	const style = new CSSStyleSheet();
	style.replaceSync(`
		:host{display:block;${theme === "dark" ? dark : light}}
		${theme === "auto" ? `@media(prefers-color-scheme:dark){:host{${dark}}}` : ""}
		section{background:var(--b);color:var(--i);border:1px solid var(--r);border-radius:12px;padding:14px 16px;font:15px/1.5 system-ui,"Noto Sans TC","PingFang TC","Microsoft JhengHei",sans-serif}
		header{display:flex;justify-content:space-between;gap:12px;align-items:baseline;margin-bottom:6px}
		b{font-weight:650} small,.s{color:var(--s);font-size:13px}
		ul{list-style:none;margin:0;padding:0} li{display:flex;gap:10px;align-items:baseline;padding:7px 0;border-top:1px solid var(--r)}
		i{flex:none;width:9px;height:9px;border-radius:50%;background:var(--w)} i.ok{background:var(--ok)} i.lost{background:var(--l)}
		li span{flex:1;min-width:0;overflow-wrap:anywhere} li .s{flex:none;text-align:right}
		a{color:var(--a);text-underline-offset:.15em;text-decoration-thickness:.06em}
		p{margin:8px 0 0}`);
	const host = document.createElement("omega-servers");
	const root = host.attachShadow({ mode: "open" });
	root.adoptedStyleSheets = [style];
	me.after(host);

	const make = (tag, text, of) => Object.assign(document.createElement(tag), { textContent: text || "" }, of);
	const put = (text, ...values) => values.reduce((t, v, i) => t.replace("{" + i + "}", v), text);
	const page = (path) => origin + path + "?lang=" + lang;
	const shuffle = (list) => {
		for (let i = list.length - 1; i > 0; i--) {
			const j = Math.floor(Math.random() * (i + 1));
			[list[i], list[j]] = [list[j], list[i]];
		}
		return list;
	};

	const show = (cloud) => {
		const box = make("section"), head = make("header"), list = make("ul");
		head.append(make("b", words.title), make("small", put(words.up, cloud.usable, cloud.listed)));
		const limit = Math.max(1, Math.min(100, parseInt(me.dataset.limit, 10) || 10));
		const good = (s) => (s.status === "ok" ? 0 : 1);
		for (const s of shuffle(cloud.servers.filter((s) => s.listed)).sort((a, b) => good(a) - good(b)).slice(0, limit)) {
			const li = make("li"), text = make("span");
			text.append(make("a", s.name || s.fingerprint.slice(0, 8), { href: page("/server/" + s.fingerprint) }));
			if (s.site) text.append(make("span", " · " + s.site, { className: "s" }));
			li.append(make("i", "", { className: s.status }), text, make("span", [words[s.registration], s.rtt_ms ? s.rtt_ms.toFixed(s.rtt_ms < 10 ? 1 : 0) + " ms" : ""].filter(Boolean).join(" · "), { className: "s" }));
			list.append(li);
		}
		const more = make("p");
		more.append(make("a", put(words.more, cloud.listed), { href: page("/") }));
		box.append(head, list, more);
		root.replaceChildren(box);
		host.dataset.ready = "true";
	};

	fetch(origin + "/api/v1/map", { credentials: "omit" })
		.then((r) => (r.ok ? r.json() : Promise.reject(new Error("status " + r.status))))
		.then(show)
		.catch(() => root.replaceChildren(make("section", words.failed)));
})();
