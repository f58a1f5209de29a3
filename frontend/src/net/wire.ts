// Everything that arrives over the socket becomes a type here, or is refused.
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

const SYNC = 0
const AWARENESS = 1
const AUTH = 2
const QUERY = 3
const HELLO = 16
const ACK = 17
const EVENT = 18
const COMMAND = 19

export type Right = 'edit' | 'comment' | 'view'
export interface Person { id: string; name: string; color: string }
export interface Hello { client: number; person: Person; right: Right; frozen: boolean; schema: number; epoch: string }
export type Json = Record<string, unknown>

export type Message =
  | { type: 'step1'; vector: Uint8Array }
  | { type: 'update'; update: Uint8Array; first: boolean }
  | { type: 'awareness'; update: Uint8Array }
  | { type: 'denied'; reason: string }
  | { type: 'query' }
  | { type: 'hello'; hello: Hello }
  | { type: 'ack'; n: number }
  | { type: 'event'; event: Json & { type: string } }

/** decode reads one frame. It throws on a malformed one and returns null for a message type it does not know. */
export function decode(data: ArrayBuffer): Message | null {
  const d = decoding.createDecoder(new Uint8Array(data))
  switch (decoding.readVarUint(d)) {
    case SYNC: {
      const step = decoding.readVarUint(d)
      const body = decoding.readVarUint8Array(d)
      if (step === 0) return { type: 'step1', vector: body }
      if (step === 1 || step === 2) return { type: 'update', update: body, first: step === 1 }
      throw new Error(`sync message ${step}`)
    }
    case AWARENESS: return { type: 'awareness', update: decoding.readVarUint8Array(d) }
    case AUTH: { decoding.readVarUint(d); return { type: 'denied', reason: decoding.readVarString(d) } }
    case QUERY: return { type: 'query' }
    case HELLO: return { type: 'hello', hello: hello(json(decoding.readVarString(d))) }
    case ACK: return { type: 'ack', n: decoding.readVarUint(d) }
    case EVENT: {
      const event = json(decoding.readVarString(d))
      if (typeof event.type !== 'string') throw new Error('event without a type')
      return { type: 'event', event: event as Json & { type: string } }
    }
    default: return null
  }
}

function json(s: string): Json {
  const v: unknown = JSON.parse(s)
  if (typeof v !== 'object' || v === null || Array.isArray(v)) throw new Error('an object was expected')
  return v as Json
}

function hello(v: Json): Hello {
  const client = Number(v.client)
  if (!Number.isSafeInteger(client) || client < 0) throw new Error('hello without a client id')
  const right: Right = v.right === 'edit' || v.right === 'comment' ? v.right : 'view'
  return { client, person: person(v.person), right, frozen: v.frozen === true, schema: Number(v.schema ?? 1), epoch: String(v.epoch ?? '') }
}

/** person reads who somebody is; a colour that is none becomes grey, for it goes into a style. */
export function person(v: unknown): Person {
  const o = (typeof v === 'object' && v !== null ? v : {}) as Json
  const color = typeof o.color === 'string' && /^#[0-9a-f]{6}$/i.test(o.color) ? o.color : '#5a5f66'
  return { id: String(o.id ?? ''), name: String(o.name ?? ''), color }
}

function frame(write: (e: encoding.Encoder) => void): Uint8Array<ArrayBuffer> {
  const e = encoding.createEncoder()
  write(e)
  return encoding.toUint8Array(e) as Uint8Array<ArrayBuffer>
}

const sync = (step: number, body: Uint8Array) => frame(e => { encoding.writeVarUint(e, SYNC); encoding.writeVarUint(e, step); encoding.writeVarUint8Array(e, body) })
export const encodeStep1 = (vector: Uint8Array) => sync(0, vector)
export const encodeStep2 = (update: Uint8Array) => sync(1, update)
export const encodeUpdate = (update: Uint8Array) => sync(2, update)
export const encodeAwareness = (update: Uint8Array) => frame(e => { encoding.writeVarUint(e, AWARENESS); encoding.writeVarUint8Array(e, update) })
export const encodeQuery = () => frame(e => encoding.writeVarUint(e, QUERY))
export const encodeCommand = (id: string, name: string, args: unknown) => frame(e => { encoding.writeVarUint(e, COMMAND); encoding.writeVarString(e, JSON.stringify({ id, name, args })) })
