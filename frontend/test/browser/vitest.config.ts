import { defineConfig } from 'vitest/config'

// Real Chromium against the built files; one file at a time, for the machine is small.
export default defineConfig({ test: { include: ['test/browser/**/*.test.ts'], environment: 'node', testTimeout: 90_000, hookTimeout: 60_000, fileParallelism: false } })
