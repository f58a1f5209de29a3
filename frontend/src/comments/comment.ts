// A comment as the server keeps it; what arrives is parsed here once.
import type { Json } from '../net/wire.ts'

export const KINDS = ['major', 'advisory', 'formal'] as const
export type CommentKind = (typeof KINDS)[number]
export const OUTCOMES = ['accepted', 'accepted_partly', 'accepted_otherwise', 'rejected', 'explained', 'moot'] as const
export type Outcome = (typeof OUTCOMES)[number] | 'withdrawn'

export interface Who { id: string; name: string; unit: string }
export interface Reply { id: string; author: Who; at: string; text: string }
export interface Attachment { id: string; name: string; url: string }
export interface Settlement { outcome: Outcome; reasoning: string; by: Who; at: string }
/** Two Yjs relative positions, base64: the start leans on the character behind it, the end on the one before it. */
export interface Anchor { start: string; end: string }

export interface Comment {
  id: string
  number: number
  kind: CommentKind
  state: 'open' | 'settled' | 'withdrawn'
  author: Who
  at: string
  anchor: Anchor | null
  quote: string
  prefix: string
  suffix: string
  block: string
  orphan: boolean
  text: string
  reasoning: string
  /** The wording that the author proposes for the quote; '' proposes to leave it out. */
  proposed: string | null
  replies: readonly Reply[]
  attachments: readonly Attachment[]
  /** Where its author adds and removes attachments. */
  page: string
  settlement: Settlement | null
  applied: boolean
  mine: boolean
  /** A note of a unit that its head has not confirmed yet. */
  working: boolean
}

const obj = (v: unknown): Json => (typeof v === 'object' && v !== null && !Array.isArray(v) ? (v as Json) : {})
const str = (v: unknown) => (typeof v === 'string' ? v : typeof v === 'number' ? String(v) : '')
const list = (v: unknown) => (Array.isArray(v) ? v : [])
const who = (v: unknown): Who => { const o = obj(v); return { id: str(o.id), name: str(o.name), unit: str(o.unit) } }

/** An address of this office; nothing else may stand in a link. */
const path = (s: string) => (/^\/(?!\/)/.test(s) ? s : '#')

/** parseComment reads a comment, or returns null for something that is none. Whether it is mine is told by the
 * author, for an event goes to everybody in the room in one form. */
export function parseComment(v: unknown, me: string): Comment | null {
  const o = obj(v)
  const id = str(o.id)
  if (!id) return null
  const author = who(o.author)
  const a = obj(o.anchor)
  const s = obj(o.settlement)
  return {
    id, author,
    number: Number(o.number) || 0,
    kind: KINDS.includes(o.kind as CommentKind) ? (o.kind as CommentKind) : 'advisory',
    state: o.state === 'settled' || o.state === 'withdrawn' ? o.state : 'open',
    at: str(o.at),
    anchor: str(a.start) && str(a.end) ? { start: str(a.start), end: str(a.end) } : null,
    quote: str(o.quote), prefix: str(o.prefix), suffix: str(o.suffix), block: str(o.block), orphan: o.orphan === true,
    text: str(o.text), reasoning: str(o.reasoning),
    proposed: typeof o.proposed === 'string' ? o.proposed : null,
    replies: list(o.replies).map(r => { const x = obj(r); return { id: str(x.id), author: who(x.author), at: str(x.at), text: str(x.text) } }),
    attachments: list(o.attachments).map(a => { const x = obj(a); return { id: str(x.id), name: str(x.name), url: path(str(x.url)) } }),
    page: `/documents/${encodeURIComponent(str(o.document))}/settlement/${Number(o.number) || 0}#attachments`,
    settlement: o.settlement ? { outcome: str(s.outcome) as Outcome, reasoning: str(s.reasoning), by: who(s.by), at: str(s.at) } : null,
    applied: o.applied === true,
    mine: me !== '' && author.id === me,
    working: o.working === true,
  }
}
