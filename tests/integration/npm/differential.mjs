// node differential.mjs make FOLDER SEED COUNT     random DAGs into FOLDER/store, questions into FOLDER
// node differential.mjs check FOLDER URL           asks them all; prints "N passed, N failed"
import fs from 'node:fs'
import path from 'node:path'
import { CarReader } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { MemoryBlockstore } from 'blockstore-core'
import { exporter, recursive } from 'ipfs-unixfs-exporter'
import { CID } from 'multiformats/cid'
import { equals } from 'multiformats/bytes'
import { sha256 } from 'multiformats/hashes/sha2'
import { make } from './dags.mjs'

const [verb, folder, ...rest] = process.argv.slice(2)

/** The answer's blocks, each hashed anew. */
async function blocksOf (bytes) {
  const store = new MemoryBlockstore()
  const reader = await CarReader.fromBytes(bytes)
  for await (const { cid, bytes: block } of reader.blocks()) {
    if (!equals((await sha256.digest(block)).digest, cid.multihash.digest)) throw new Error(`${cid} is not what it says`)
    await store.put(cid, block)
  }
  return store
}

const read = async (entry, range) => { const all = []; for await (const part of entry.content(range)) all.push(part); return Buffer.concat(all) }
const wanted = name => fs.readFileSync(path.join(folder, 'content', name))

async function bytesOf (store, cid) {
  const value = await store.get(cid)
  if (value instanceof Uint8Array) return value
  const all = []; for await (const part of value) all.push(part)
  return Buffer.concat(all)
}

/** Every link below must be there: for dag-cbor and dag-json roots, whose whole DAG was asked for. */
async function walkAll (store, cid) {
  if (cid.code === dagCbor.code || cid.code === dagJson.code) {
    const value = (cid.code === dagCbor.code ? dagCbor : dagJson).decode(await bytesOf(store, cid))
    const pending = [value]
    while (pending.length) {
      const item = pending.pop()
      const link = CID.asCID(item)
      if (link) await walkAll(store, link)
      else if (item && typeof item === 'object') pending.push(...Object.values(item))
    }
  } else {
    await read(await exporter(cid, store))
  }
}

async function check (url, one) {
  const response = await fetch(url + one.request)
  if (response.status !== 200) return `status ${response.status}: ${await response.text()}`
  const store = await blocksOf(new Uint8Array(await response.arrayBuffer()))
  if (one.kind === 'all') {
    await walkAll(store, CID.parse(one.root))
  } else if (one.kind === 'tree') {
    const got = new Map()
    for await (const entry of recursive(one.root, store)) {
      if (entry.type === 'file' || entry.type === 'raw') got.set(entry.path.split('/').slice(1).join('/'), await read(entry))
    }
    if (got.size !== one.files.length) return `${got.size} files instead of ${one.files.length}`
    for (const file of one.files) if (!got.get(file.path)?.equals(wanted(file.content))) return `${file.path} differs`
  } else {
    const entry = await exporter(`${one.root}${decodeURIComponent(one.where)}`, store)
    const got = await read(entry, { offset: one.from, length: one.to - one.from })
    if (!got.equals(wanted(one.content).subarray(one.from, one.to))) return 'bytes differ'
  }
  return null
}

if (verb === 'make') {
  console.log(`${await make(folder, Number(rest[0]), Number(rest[1]))} cases`)
} else {
  let passed = 0; let failed = 0
  for (const one of JSON.parse(fs.readFileSync(path.join(folder, 'cases.json')))) {
    const why = await check(rest[0], one).catch(error => error.stack)
    if (why) { failed++; console.log('FAIL', one.request, '|', one.kind, '|', why) } else passed++
  }
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failed || !passed ? 1 : 0)
}
