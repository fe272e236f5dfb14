// A core in a dedicated worker. The first message says what to run: {program, args, port}.
// Calls go by the port, one JSON object a message as on a pipe of clientrpc. The worker
// itself says what the program writes ({said}) and with which code it ended ({ended}).
import "./opfs.mjs";
import "./wasm_exec.js";

onmessage = async ({ data: { program, args, port } }) => {
	const go = new Go();
	go.argv = ["core", ...args];
	go.env = { TMPDIR: "/tmp", HOME: "/" };
	go.exit = (code) => postMessage({ ended: code });
	globalThis.port = port;
	try {
		const { instance } = await WebAssembly.instantiateStreaming(fetch(program), go.importObject);
		postMessage({ loaded: true });
		await go.run(instance);
	} catch (e) {
		postMessage({ said: String(e.stack ?? e) });
		postMessage({ ended: -1 });
	}
};
