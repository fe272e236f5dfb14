import { mergeConfig } from "vite";
import { defineConfig } from "vitest/config";
import base from "./vite.config.ts";

export default mergeConfig(base, defineConfig({ test: { environment: "happy-dom", environmentOptions: { happyDOM: { url: "http://127.0.0.1/" } }, testTimeout: 60_000, include: ["test/**/*.test.{ts,tsx}"], env: { TZ: "Asia/Taipei" } } }));
