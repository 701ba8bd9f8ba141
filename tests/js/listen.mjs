// supabase-js, unchanged. Commands come in as JSON lines, what happens goes out as JSON lines.
// node listen.mjs <folder with node_modules> <project URL> <key> <serializer version>
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const [folder, url, key, vsn] = process.argv.slice(2)
const { createClient } = createRequire(`${folder}/`)('@supabase/supabase-js')
const tell = (happened) => console.log(JSON.stringify(happened))

const channels = {}
const client = createClient(url, key, {
  realtime: {
    vsn,
    heartbeatIntervalMs: 500,
    heartbeatCallback: (heartbeat) => tell({ heartbeat }),
  },
})

const commands = {
  async sign_in(email, password) {
    const { error } = await client.auth.signInWithPassword({ email, password })
    tell({ signed_in: error === null })
  },
  join(topic) {
    channels[topic] = client
      .channel(topic, { config: { private: true } })
      .on('broadcast', { event: '*' }, (broadcast) => tell({ topic, broadcast }))
      .subscribe((status, error) => tell({ topic, status, error: error ? error.message : null }))
  },
  async leave(topic) {
    tell({ topic, left: await client.removeChannel(channels[topic]) })
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...words] = JSON.parse(line)
  await commands[name](...words)
}
process.exit(0)
