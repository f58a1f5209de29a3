// Replays a workload through npm yjs and measures itself; see process.go for what is said on stdin and stdout.
// Arguments: the folder that has yjs in it, and "wall" or "cpu".
import { createRequire } from 'node:module'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const [modules, clock] = process.argv.slice(2)
const manifest = JSON.parse(readFileSync(join(resolve(modules), 'yjs', 'package.json'), 'utf8'))
const Y = await import(pathToFileURL(join(resolve(modules), 'yjs', manifest.module ?? createRequire(join(resolve(modules), 'x')).resolve('yjs'))))

const now = clock === 'wall'
  ? () => Number(process.hrtime.bigint())
  : () => { const u = process.cpuUsage(); return (u.user + u.system) * 1000 }

let dir, root, kind, updates, edits, full, half
let last = { doc: null, bytes: null } // what the last run made

const read = name => readFileSync(join(dir, name))

function open () {
  const u = read('updates')
  updates = []
  for (let i = 4; i < u.length;) {
    const n = u.readUInt32LE(i)
    updates.push(new Uint8Array(u.subarray(i + 4, i + 4 + n)))
    i += 4 + n
  }
  edits = []
  const e = read('edits')
  if (e.length > 0) {
    let i = 4
    for (let n = e.readUInt32LE(0); n > 0; n--) {
      const length = e.readUInt32LE(i + 8)
      edits.push([e.readUInt32LE(i), e.readUInt32LE(i + 4), e.toString('utf8', i + 12, i + 12 + length)])
      i += 12 + length
    }
  }
  full = new Uint8Array(read('full'))
  half = new Uint8Array(read('half'))
}

function rooted (doc) {
  if (kind === 'text') doc.getText(root)
  if (kind === 'map') doc.getMap(root)
  if (kind === 'array') doc.getArray(root)
  return doc
}

function loaded () {
  const doc = rooted(new Y.Doc())
  Y.applyUpdate(doc, full)
  return doc
}

// Each phase returns [nanoseconds, operations, bytes].
const phases = {
  warm () {
    for (let k = 0; k < 2; k++) {
      const doc = rooted(new Y.Doc())
      for (const u of updates.slice(0, 3000)) Y.applyUpdate(doc, u)
      if (edits.length > 0) {
        const text = new Y.Doc().getText(root)
        text.doc.on('update', () => {})
        for (const [at, del, s] of edits.slice(0, 3000)) text.doc.transact(() => { text.delete(at, del); text.insert(at, s) })
      }
      Y.encodeStateAsUpdate(loaded())
    }
    return [0, 1, 0]
  },
  apply () {
    const doc = rooted(new Y.Doc())
    let bytes = 0
    const start = now()
    for (const u of updates) {
      Y.applyUpdate(doc, u)
      bytes += u.length
    }
    const took = now() - start
    last = { doc }
    return [took, updates.length, bytes]
  },
  local (limit) {
    const doc = new Y.Doc()
    doc.clientID = 1
    const text = doc.getText(root)
    let bytes = 0
    doc.on('update', u => { bytes += u.length })
    const start = now()
    let done = 0
    for (const [at, del, s] of edits) {
      doc.transact(() => {
        if (del > 0) text.delete(at, del)
        if (s.length > 0) text.insert(at, s)
      })
      if (++done % 256 === 0 && now() - start > limit) break
    }
    const took = now() - start
    last = { doc }
    return [took, done, bytes]
  },
  load () {
    const doc = rooted(new Y.Doc())
    const start = now()
    Y.applyUpdate(doc, full)
    const took = now() - start
    last = { doc }
    return [took, 1, full.length]
  },
  encode () {
    const docs = Array.from({ length: 4 }, loaded)
    let bytes
    const start = now()
    for (const doc of docs) bytes = Y.encodeStateAsUpdate(doc)
    const took = now() - start
    last = { bytes }
    return [took, docs.length, bytes.length]
  },
  again () {
    const doc = loaded()
    let bytes = Y.encodeStateAsUpdate(doc)
    const start = now()
    for (let k = 0; k < 10; k++) bytes = Y.encodeStateAsUpdate(doc)
    const took = now() - start
    last = { bytes }
    return [took, 10, bytes.length]
  },
  diff () {
    const doc = loaded()
    let bytes
    const start = now()
    for (let k = 0; k < 5; k++) bytes = Y.encodeStateAsUpdate(doc, half)
    const took = now() - start
    last = { bytes }
    return [took, 5, bytes.length]
  },
  compact () {
    const doc = rooted(new Y.Doc())
    const start = now()
    doc.transact(() => { for (const u of updates) Y.applyUpdate(doc, u) })
    const bytes = Y.encodeStateAsUpdate(doc)
    const took = now() - start
    last = { doc, bytes }
    return [took, updates.length, bytes.length]
  }
}

function content (doc) {
  switch (doc && kind) {
    case 'text': return doc.getText(root).toString()
    case 'map': return JSON.stringify(doc.getMap(root).toJSON())
    case 'array': return JSON.stringify(doc.getArray(root).toJSON())
  }
  return ''
}

for await (const line of createInterface({ input: process.stdin })) {
  const [verb, ...args] = line.split('\t')
  let answer = ''
  switch (verb) {
    case 'version':
      answer = `npm yjs ${manifest.version}, node ${process.versions.node}`
      break
    case 'open':
      [dir, root, kind] = args
      open()
      break
    case 'run':
      globalThis.gc?.()
      answer = phases[args[0]](Number(args[1])).map(Math.round).join('\t')
      break
    case 'result':
      writeFileSync(join(dir, 'content'), content(last.doc))
      writeFileSync(join(dir, 'state'), last.bytes ?? Y.encodeStateAsUpdate(last.doc))
      break
  }
  process.stdout.write(`ok\t${answer}\n`)
}
