// Draws the cloud on a canvas over the picture that came with the page: the same
// places and colours, moving to new ones when the cloud changes, with what is
// under the pointer. Places are computed by the server.
"use strict";
(() => {
	const figure = document.querySelector("figure[data-map]");
	if (!figure) return;
	const still = matchMedia("(prefers-reduced-motion: reduce)");
	const dark = matchMedia("(prefers-color-scheme: dark)");
	const svg = figure.querySelector("svg");
	const canvas = document.createElement("canvas");
	const tip = document.createElement("div");
	tip.className = "tip";
	tip.hidden = true;
	canvas.setAttribute("role", "img");
	const margin = 0.04, moveTime = 900;
	let cloud = null, from = new Map(), began = 0, near = -1, frame = 0, colours = {};

	const readColours = () => {
		const style = getComputedStyle(document.documentElement);
		for (const name of ["wire", "node", "leaf", "soft", "warn", "lost", "bad", "card", "ink", "yellow"]) {
			colours[name] = style.getPropertyValue("--" + name).trim();
		}
	};

	// spot is where server i is now, in units of the canvas' width.
	const spot = (i, progress) => {
		const s = cloud.servers[i], old = from.get(s.fingerprint) || s;
		const x = old.x + (s.x - old.x) * progress, y = old.y + (s.y - old.y) * progress;
		const high = 1 / cloud.aspect;
		return [margin + x * (1 - 2 * margin), margin + y * (high - 2 * margin)];
	};

	const draw = (now) => {
		frame = 0;
		const progress = still.matches ? 1 : 1 - (1 - Math.min(1, (now - began) / moveTime)) ** 3;
		const scale = Math.min(2, devicePixelRatio || 1), wide = figure.clientWidth, high = wide / cloud.aspect;
		if (canvas.width !== Math.round(wide * scale)) {
			canvas.width = Math.round(wide * scale);
			canvas.height = Math.round(high * scale);
		}
		const g = canvas.getContext("2d");
		g.setTransform(canvas.width, 0, 0, canvas.width, 0, 0);
		g.clearRect(0, 0, 1, 1);
		const at = cloud.servers.map((_, i) => spot(i, progress));
		const pixel = 1 / wide;
		drawLinks(g, at, pixel);
		drawServers(g, at, pixel);
		if (progress < 1) frame = requestAnimationFrame(draw);
	};

	const drawLinks = (g, at, pixel) => {
		const many = cloud.links.length;
		const strokes = [
			[colours.wire, many > 600 ? 0.7 : 1.2, (l) => !l[2]],
			[colours.bad, 3.5, (l) => l[2] === 1],
			[colours.node, 1.8, (l) => near >= 0 && (l[0] === near || l[1] === near)],
		];
		for (const [colour, width, wanted] of strokes) {
			g.strokeStyle = colour;
			g.lineWidth = width * pixel;
			g.globalAlpha = width < 1 ? Math.max(0.3, 900 / many) : 1;
			g.beginPath();
			for (const l of cloud.links) {
				if (!wanted(l)) continue;
				g.moveTo(...at[l[0]]);
				g.lineTo(...at[l[1]]);
			}
			g.stroke();
		}
		g.globalAlpha = 1;
	};

	const radius = () => Math.min(Math.max(70 / Math.sqrt(cloud.servers.length), 4), 16) / 1000;

	const drawServers = (g, at, pixel) => {
		const fill = { ok: colours.node, leaf: colours.leaf, problem: colours.warn, lost: colours.lost, probation: colours.card };
		const r = Math.max(radius(), 3 * pixel), rim = cloud.servers.length > 200 ? 0.8 : 2;
		cloud.servers.forEach((s, i) => {
			g.beginPath();
			g.arc(...at[i], i === near ? r * 1.35 : r, 0, 2 * Math.PI);
			g.fillStyle = i === near ? colours.yellow : fill[s.kind];
			g.fill();
			g.strokeStyle = s.kind === "probation" ? colours.soft : colours.card;
			g.lineWidth = rim * pixel;
			g.setLineDash(s.kind === "probation" ? [4 * pixel, 3 * pixel] : []);
			g.stroke();
			g.setLineDash([]);
			if (s.cut) {
				g.beginPath();
				g.arc(...at[i], r + 5 * pixel, 0, 2 * Math.PI);
				g.strokeStyle = colours.bad;
				g.lineWidth = 2 * pixel;
				g.stroke();
			}
		});
		if (cloud.servers.length <= 24) drawNames(g, at, r, pixel);
	};

	// Text is drawn in pixels: browsers are no good at fonts of a hundredth.
	const drawNames = (g, at, r, pixel) => {
		g.save();
		g.scale(pixel, pixel);
		g.font = "14px " + getComputedStyle(document.body).fontFamily;
		g.textAlign = "center";
		g.lineJoin = "round";
		g.lineWidth = 4;
		g.strokeStyle = colours.card;
		g.fillStyle = colours.ink;
		// A name stands below its server, or above where the picture ends or another
		// name or server stands there.
		const dot = r / pixel;
		const taken = at.map(([x, y]) => [x / pixel - dot, y / pixel - dot, x / pixel + dot, y / pixel + dot]);
		const crowded = (b, i) => taken.some((t, j) => j !== i && b[0] < t[2] && t[0] < b[2] && b[1] < t[3] && t[1] < b[3]);
		cloud.servers.forEach((s, i) => {
			const x = at[i][0] / pixel, middle = at[i][1] / pixel;
			const name = s.name || s.fingerprint.slice(0, 8);
			const half = g.measureText(name).width / 2;
			const box = (y) => [x - half, y - 12, x + half, y + 4];
			const below = middle + dot + 17, above = middle - dot - 8;
			const fits = at[i][1] < 1 / cloud.aspect - margin - 0.02;
			const y = fits && (!crowded(box(below), i) || crowded(box(above), i)) ? below : above;
			taken.push(box(y));
			g.strokeText(name, x, y);
			g.fillText(name, x, y);
		});
		g.restore();
	};

	const again = () => { if (cloud && !frame) frame = requestAnimationFrame(draw); };

	const find = (event) => {
		const box = canvas.getBoundingClientRect();
		const x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.width;
		let best = -1, reach = (radius() + 12 / box.width) ** 2;
		cloud.servers.forEach((_, i) => {
			const [sx, sy] = spot(i, 1), d = (sx - x) ** 2 + (sy - y) ** 2;
			if (d < reach) { best = i; reach = d; }
		});
		return best;
	};

	const show = (i) => {
		if (i === near) return;
		near = i;
		canvas.classList.toggle("hit", i >= 0);
		tip.hidden = i < 0;
		if (i >= 0) {
			const s = cloud.servers[i], [x, y] = spot(i, 1), wide = figure.clientWidth;
			tip.textContent = [s.name || s.fingerprint.slice(0, 8), s.operator, s.site, s.rtt_ms ? s.rtt_ms.toFixed(1) + " ms" : ""].filter(Boolean).join(" · ");
			tip.style.left = Math.min(Math.max(x * wide, tip.offsetWidth / 2 + 4), wide - tip.offsetWidth / 2 - 4) + "px";
			tip.style.top = (y * wide > 60 ? y * wide - 16 : y * wide + 62) + "px";
		}
		again();
	};

	canvas.addEventListener("pointermove", (e) => cloud && show(find(e)));
	canvas.addEventListener("pointerleave", () => cloud && show(-1));
	canvas.addEventListener("click", (e) => {
		const i = cloud ? find(e) : -1;
		if (i < 0) return;
		const [path, query] = figure.dataset.server.split("?");
		location.href = path.replace(/\/?$/, "/") + cloud.servers[i].fingerprint + (query ? "?" + query : "");
	});
	new ResizeObserver(again).observe(figure);
	dark.addEventListener("change", () => { readColours(); again(); });

	// load takes the newest picture and lets servers move to their new places.
	const load = async () => {
		const answer = await fetch(figure.dataset.map, { cache: "no-cache" });
		if (!answer.ok) return;
		const next = await answer.json();
		from = new Map((cloud ? cloud.servers : []).map((s) => [s.fingerprint, s]));
		if (!cloud) {
			canvas.setAttribute("aria-label", svg.getAttribute("aria-label"));
			readColours();
			svg.replaceWith(canvas);
			figure.append(tip);
		}
		cloud = next;
		near = -1;
		tip.hidden = true;
		began = performance.now();
		figure.dataset.ready = cloud.made;
		again();
	};
	window.addEventListener("omega-new", () => load().catch(() => {}));
	load().catch(() => {}); // the picture that came with the page stays
})();
