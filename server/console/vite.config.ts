import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// While developing (`npm run dev`), everything but the console itself comes from a running `citytwin serve`.
const server = process.env.CITYTWIN ?? 'http://127.0.0.1:8080';
const doors = ['/api', '/alarms', '/catalogue', '/collections', '/health', '/live', '/locate', '/overlays', '/readings', '/session', '/signin', '/styles', '/viewer', '/xyz'];

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: 'dist',
    target: 'es2022',
    // MapLibre alone is 1.1 MB; the warning would only train us to ignore warnings.
    chunkSizeWarningLimit: 1300,
    rolldownOptions: {
      output: {
        entryFileNames: 'console/[name]-[hash].js',
        chunkFileNames: 'console/[name]-[hash].js',
        // MapLibre's worker is a module; named .js so that every server knows its type.
        assetFileNames: ({ names }) => (names[0]?.endsWith('.mjs') ? 'console/[name]-[hash].js' : 'console/[name]-[hash][extname]'),
      },
    },
  },
  server: {
    proxy: Object.fromEntries(doors.map((door) => [door, { target: server, changeOrigin: true, ws: door === '/live' }])),
  },
  test: { include: ['src/**/*.test.ts'] },
});
