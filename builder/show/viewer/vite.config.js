import { defineConfig } from "vite";

// Fixed names and no hash: the same sources give the same files, which CI compares with the committed ones.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../page",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      output: { entryFileNames: "viewer.js", assetFileNames: "viewer[extname]", codeSplitting: false },
    },
  },
  test: { include: ["tests/*.test.ts"] },
});
