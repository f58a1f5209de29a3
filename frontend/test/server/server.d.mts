import type * as Y from 'yjs'
export interface SeedBlock { kind?: string; level?: number; cell?: string; align?: string; text?: string; runs?: { text: string; at?: Record<string, unknown> }[] }
export interface Room { doc: Y.Doc; text: Y.Text; comments: Record<string, unknown>[]; frozen: boolean; holdAcks: boolean; sockets: Set<unknown>; event(e: unknown): void }
export interface Server { address: string; url: string; room(id: string): Room; refuse(on: boolean): void; drop(): void; close(code: number): void; stop(): Promise<void> }
export const SAMPLE: SeedBlock[]
export function seed(doc: Y.Doc, blocks: SeedBlock[]): void
export function start(o?: { port?: number; fill?: (doc: Y.Doc, id: string) => void }): Promise<Server>
