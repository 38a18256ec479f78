// Random DAGs of every codec and layout, made by the public JavaScript stack: nothing of ours is used
// to make them or to read them back.
import fs from 'node:fs'
import path from 'node:path'
import { createHash } from 'node:crypto'
import { CarWriter } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { MemoryBlockstore } from 'blockstore-core'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced, trickle } from 'ipfs-unixfs-importer/layout'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'

/** Deterministic random numbers, 0 <= n < limit (xorshift32). */
export function random (seed) {
  let state = (seed * 2654435761 + 1) >>> 0
  return limit => {
    state ^= state << 13; state >>>= 0
    state ^= state >>> 17
    state ^= state << 5; state >>>= 0
    return state % limit
  }
}

/** Bytes that depend on the seed; one in three repeats a chunk over and over. */
export function content (seed, size, chunk) {
  const out = Buffer.alloc(size)
  const repeats = seed % 3 === 0
  for (let at = 0, n = 0; at < size; at += 32, n++) {
    const word = repeats ? at % chunk : n
    createHash('sha256').update(`${seed}:${word}`).digest().copy(out, at)
  }
  return out
}

/** Remembers each block under the CID it was put with (the base class forgets codecs), in that order. */
class Blocks extends MemoryBlockstore {
  made = new Map()
  put (cid, bytes) { this.made.set(`${cid}`, { cid, bytes }); return super.put(cid, bytes) }
}

async function add (store, entries, options) {
  let last
  for await (const entry of importer(entries, store, options)) last = entry
  return last.cid
}

async function put (store, codec, value) {
  const bytes = codec.encode(value)
  const cid = CID.createV1(codec.code, await sha256.digest(bytes))
  await store.put(cid, bytes)
  return cid
}

function options (pick) {
  const cidVersion = pick(4) ? 1 : 0
  const chunk = [256, 1024, 4096, 65536][pick(4)]
  return {
    chunk,
    cidVersion,
    rawLeaves: cidVersion === 1 && pick(2) === 0,
    reduceSingleLeafToSelf: pick(2) === 0,
    wrapWithDirectory: false,
    chunker: fixedSize({ chunkSize: chunk }),
    layout: pick(3) ? balanced({ maxChildrenPerNode: [2, 4, 174][pick(3)] }) : trickle({ layerRepeat: 2, maxChildrenPerNode: 4 }),
    shardSplitThresholdBytes: 262144
  }
}

/** entity-bytes of a file of that size, with the offsets they mean. */
function ranges (pick, size) {
  const from = pick(size); const to = from + pick(size - from)
  const tail = 1 + pick(size)
  return [[`${from}:${to}`, from, to + 1], [`${from}:*`, from, size], [`-${tail}:*`, size - tail, size]]
}

/**
 * Writes CARs (blocks in the order they were made: leaves first) into folder/store and a list of cases
 * into folder/cases.json: {request, kind, …} with the content as files of folder/content.
 */
export async function make (folder, seed, count) {
  const store = path.join(folder, 'store'); const plain = path.join(folder, 'content')
  fs.mkdirSync(store, { recursive: true }); fs.mkdirSync(plain, { recursive: true })
  const cases = []
  const save = bytes => { const name = createHash('sha256').update(bytes).digest('hex'); fs.writeFileSync(path.join(plain, name), bytes); return name }
  for (let n = 0; n < count; n++) {
    const pick = random(seed * 1000 + n)
    const blocks = new Blocks()
    const o = options(pick)
    const dups = ['y', 'n'][pick(2)]
    const size = 1 + pick([300, 5000, 60000, 400000][pick(4)])
    const data = content(seed * 1000 + n, size, o.chunk)
    const file = save(data)
    const fileCid = await add(blocks, [{ content: data }], o)
    let root = fileCid
    const ask = (where, query, more) => cases.push({ request: `/ipfs/${root}${where}?format=car&car-dups=${dups}${query}`, root: `${root}`, where, ...more })
    const shape = ['file', 'directory', 'hamt', 'dag-cbor', 'dag-json'][n % 5]
    if (shape === 'file') {
      ask('', '', { kind: 'file', content: file, from: 0, to: size })
      for (const [text, from, to] of ranges(pick, size)) ask('', `&dag-scope=entity&entity-bytes=${text}`, { kind: 'file', content: file, from, to })
    } else if (shape === 'directory' || shape === 'hamt') {
      const wide = shape === 'hamt'
      const names = Array.from({ length: wide ? 60 : 2 + pick(8) }, (_, i) => wide ? `entry ${i}.txt` : `sub${i % 3}/näme-${i}.bin`)
      const files = names.map((name, i) => ({ name, data: i ? content(seed + n + i, 1 + pick(3000), o.chunk) : data }))
      root = await add(blocks, files.map(f => ({ path: `d/${f.name}`, content: f.data })), { ...o, shardSplitThresholdBytes: wide ? 1 : 262144 })
      ask('', '', { kind: 'tree', files: files.map(f => ({ path: f.name, content: save(f.data) })) })
      const one = files[pick(files.length)]
      const where = '/' + one.name.split('/').map(encodeURIComponent).join('/')
      ask(where, '', { kind: 'file', content: save(one.data), from: 0, to: one.data.length })
      for (const [text, from, to] of ranges(pick, one.data.length)) ask(where, `&dag-scope=entity&entity-bytes=${text}`, { kind: 'file', content: save(one.data), from, to })
    } else {
      const codec = shape === 'dag-cbor' ? dagCbor : dagJson
      const inner = await put(blocks, shape === 'dag-cbor' ? dagJson : dagCbor, { file: fileCid, n })
      root = await put(blocks, codec, { list: [fileCid, { again: fileCid }], inner, text: 'x'.repeat(pick(300)) })
      ask('', '', { kind: 'all' })
      for (const where of ['/list/0', '/list/1/again', '/inner/file']) ask(where, '', { kind: 'file', content: file, from: 0, to: size })
      const [text, from, to] = ranges(pick, size)[0]
      ask('/inner/file', `&dag-scope=entity&entity-bytes=${text}`, { kind: 'file', content: file, from, to })
    }
    const { writer, out } = CarWriter.create([root])
    const written = fs.promises.writeFile(path.join(store, `${n}.car`), out)
    for (const block of blocks.made.values()) await writer.put(block)
    await writer.close(); await written
  }
  fs.writeFileSync(path.join(folder, 'cases.json'), JSON.stringify(cases))
  return cases.length
}
