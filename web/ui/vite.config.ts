import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import solid from "vite-plugin-solid";

export default defineConfig({
  plugins: [solid()],
  base: "/",
  resolve: { alias: { "@rpc": fileURLToPath(new URL("../../clientrpc/gen/clientrpc.ts", import.meta.url)) } },
  build: { outDir: "../dist", emptyOutDir: true, target: "es2023", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});
