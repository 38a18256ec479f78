// For each URL on stdin: one line of JSON that says whether node's http and fetch took the answer for
// complete: {"http": {"status", "complete", "bytes"}, "fetch": {…}, "fetch, closing": {…}}. Closing is
// apart: where a response's head says close, fetch takes a cut chunked body for whole.
import http from 'node:http'
import https from 'node:https'
import readline from 'node:readline'

const byHttp = url => new Promise(resolve => {
  let bytes = 0
  const request = (url.startsWith('https:') ? https : http).get(url, { agent: false }, response => {
    const done = complete => resolve({ status: response.statusCode, complete, bytes })
    response.on('data', data => { bytes += data.length })
    response.on('end', () => done(response.complete))
    response.on('error', () => done(false))
    response.on('aborted', () => done(false))
  })
  request.on('error', () => resolve({ status: 0, complete: false, bytes }))
})

async function byFetch (url, headers) {
  let status = 0
  try {
    const response = await fetch(url, { headers })
    status = response.status
    return { status, complete: true, bytes: (await response.arrayBuffer()).byteLength }
  } catch {
    return { status, complete: false, bytes: 0 }
  }
}

for await (const url of readline.createInterface({ input: process.stdin })) {
  console.log(JSON.stringify({
    http: await byHttp(url),
    fetch: await byFetch(url),
    'fetch, closing': await byFetch(url, { connection: 'close' })
  }))
}
process.exit(0) // Idle connections would hold it for seconds.
