// Serves @hocuspocus/server on 127.0.0.1 and prints the port. Arguments: the folder that has it in it and, when it is to
// keep anything, a folder: each document is a file there, written when Hocuspocus says so (2 s after an edit, 10 s at most).
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Server as Listener } from 'node:net'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const [modules, store] = process.argv.slice(2)
// Hocuspocus and this script must share one yjs: its own, as ES modules.
const load = name => {
  const dir = join(resolve(modules), name)
  const manifest = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'))
  return import(pathToFileURL(manifest.module ? join(dir, manifest.module) : createRequire(join(dir, 'x')).resolve(name)))
}
const { Server } = await load('@hocuspocus/server')
const Y = await load('yjs')
const file = name => join(store, encodeURIComponent(name))

// 2,000 connections in one instant must find room before they are taken; Node allows 511.
const listen = Listener.prototype.listen
Listener.prototype.listen = function (options, ...rest) {
  return listen.call(this, typeof options === 'object' ? { ...options, backlog: 4096 } : options, ...rest)
}

const server = new Server({
  port: 0,
  address: '127.0.0.1',
  quiet: true,
  stopOnSignals: false,
  ...store && {
    async onLoadDocument ({ documentName, document }) {
      if (existsSync(file(documentName))) Y.applyUpdate(document, readFileSync(file(documentName)))
    },
    async onStoreDocument ({ documentName, document }) {
      const tmp = file(documentName) + '.new'
      const f = openSync(tmp, 'w')
      writeSync(f, Y.encodeStateAsUpdate(document))
      fsyncSync(f)
      closeSync(f)
      renameSync(tmp, file(documentName))
    }
  }
})
await server.listen()
console.log(`listening on http://127.0.0.1:${server.address.port}`)
