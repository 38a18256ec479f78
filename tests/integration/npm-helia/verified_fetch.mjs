// node verified_fetch.mjs GATEWAY CID: writes to stdout what verified-fetch gets of ipfs://CID, with
// that gateway as the only source of blocks: no libp2p, no router that asks elsewhere.
import { withHTTP } from '@helia/http'
import { createVerifiedFetchWithHelia } from '@helia/verified-fetch'
import { createHeliaLight } from 'helia'

const [gateway, cid] = process.argv.slice(2)
// Gateways are a fallback; a Helia that has no router besides waits for ever before it takes them.
const knowsNobody = { name: 'knows-nobody', async * findProviders () {} }
const helia = await withHTTP(createHeliaLight({ routers: [knowsNobody] }), {
  delegatedRouters: [],
  recursiveGateways: [gateway],
  allowInsecure: true,
  allowLocal: true
}).start()
const verifiedFetch = await createVerifiedFetchWithHelia(helia)
const response = await verifiedFetch(`ipfs://${cid}`)
if (!response.ok) {
  throw new Error(`${response.status} ${response.statusText}: ${await response.text()}`)
}
const body = Buffer.from(await response.arrayBuffer())
await new Promise(resolve => process.stdout.write(body, resolve))
process.exit(0) // Idle connections would hold it for seconds.
