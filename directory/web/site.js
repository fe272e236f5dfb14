// Makes the page live: times become "3 min ago", parts that changed are exchanged
// for those of a newer page, and a button measures the time to every server.
"use strict";
(() => {
	const words = document.body.dataset;
	const measured = new Map(); // milliseconds, by id of the row; null: no answer

	const ago = (then) => {
		const minutes = Math.floor((Date.now() - Date.parse(then)) / 60000);
		if (minutes < 1) return words.now;
		if (minutes < 60) return words.minutes.replace("{0}", minutes);
		if (minutes < 48 * 60) return words.hours.replace("{0}", Math.floor(minutes / 60));
		return words.days.replace("{0}", Math.floor(minutes / 1440));
	};
	const tellTimes = () => {
		for (const t of document.querySelectorAll("time.ago")) {
			t.title ||= t.textContent;
			t.textContent = ago(t.dateTime);
		}
	};

	// refresh exchanges every part that is marked as live.
	let etag = "";
	const refresh = async () => {
		if (document.hidden || document.activeElement?.closest("[data-live]")) return;
		const answer = await fetch(location.href, { cache: "no-cache" });
		if (!answer.ok || answer.headers.get("ETag") === etag) return;
		const first = etag === "";
		etag = answer.headers.get("ETag");
		if (first) return; // the page at hand, or almost
		const page = new DOMParser().parseFromString(await answer.text(), "text/html");
		for (const old of document.querySelectorAll("[data-live]")) {
			const fresh = page.getElementById(old.id);
			if (fresh) old.replaceWith(document.importNode(fresh, true));
		}
		tellTimes();
		showMeasured();
		window.dispatchEvent(new Event("omega-new"));
	};

	// timeTo measures one server: the first request makes the connection and does
	// not count.
	const timeTo = async (base) => {
		const times = [];
		for (let i = 0; i < 4; i++) {
			const url = base + "/ping?" + Math.random().toString(36).slice(2);
			const begun = performance.now();
			await fetch(url, { mode: "cors", credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer", signal: AbortSignal.timeout(5000) });
			const took = performance.now() - begun;
			const entry = performance.getEntriesByName(url)[0];
			const exact = entry && entry.requestStart > 0 ? entry.responseStart - entry.requestStart : 0;
			if (i > 0) times.push(exact > 0 ? exact : took);
		}
		performance.clearResourceTimings();
		return times.sort((a, b) => a - b)[1];
	};

	const showMeasured = () => {
		if (measured.size === 0) return;
		const table = document.querySelector("table.servers");
		if (!table) return;
		for (const cell of table.querySelectorAll(".you")) cell.hidden = false;
		const body = table.tBodies[0];
		const rows = [...body.rows];
		for (const row of rows) {
			const ms = measured.get(row.id);
			row.querySelector(".you").textContent = ms == null ? "–" : ms.toFixed(ms < 10 ? 1 : 0) + " ms";
		}
		const rank = (row) => measured.get(row.id) ?? Infinity;
		rows.sort((a, b) => rank(a) - rank(b) || 0);
		body.append(...rows);
	};

	const measure = async (button, hint) => {
		button.disabled = true;
		hint.textContent = words.busy;
		const rows = [...document.querySelectorAll("table.servers tbody tr")].map((r) => [r.id, r.dataset.http]).filter((r) => r[1]);
		const next = rows.values();
		await Promise.all(Array.from({ length: 6 }, async () => {
			for (const [id, base] of next) {
				measured.set(id, await timeTo(base).catch(() => null));
			}
		}));
		showMeasured();
		hint.textContent = words.done;
		button.disabled = false;
	};

	const button = document.getElementById("measure");
	if (button && document.querySelector("table.servers tr[data-http^=http]")) {
		button.parentElement.hidden = false;
		button.addEventListener("click", () => measure(button, document.getElementById("measure-hint")));
	}
	for (const s of document.querySelectorAll("select[name=sort]")) s.addEventListener("change", () => s.form.requestSubmit());
	tellTimes();
	setInterval(tellTimes, 30000);
	if (document.querySelector("[data-live]")) {
		refresh().catch(() => {});
		setInterval(() => refresh().catch(() => {}), 1000 * words.poll);
	}
})();
