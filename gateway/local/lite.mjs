// Supabase Lite (Data API and Auth) on our Postgres, through its documented embedding:
// new App({connection}).fetch. What a hosted project does and Lite 0.10.0 does not is added here:
// json arguments, PostgREST's error codes, timestamps as JSON, schema reload on NOTIFY pgrst.
// Started as: node lite.mjs <folder of node_modules> <auth.sql>, with its config as JSON in LITE_CONFIG.
import { readFile } from 'node:fs/promises'
import { registerHooks } from 'node:module'

const [folder, authSql] = process.argv.slice(2)
const part = (path) => import(`${folder}/node_modules/${path}`)

// Lite guesses a filter value's type by its look: +34600111222 becomes a number, and no text equals
// it. PostgREST hands the text to Postgres, which knows the column's type; quotes are the logic
// tree's alone. And {} as a body is a row of defaults. The names are those of the minified file that
// package-lock.json pins.
const MENDS = [
  [/function at\(t,e\)\{let n=e\?\.preserveWhitespace.+?return n\?r===""\?"":t:r\}/,
    'function at(t){return globalThis.unquoted(t)}'],
  [/if\(\(t==="\$eq"\|\|t==="\$neq"\)&&e\.startsWith\("\{"\).+?return cn\(e\)\}(?=return at\(e\))/, ''],
  ['for(let s of e){let i=al(s);n[r]?', 'for(let s of e){let i=al(globalThis.quoted(s));n[r]?'],
  ['let r=n.insertInto(t.from);if(t.values)',
    'let r=n.insertInto(t.from);if(globalThis.isEmpty(t.values))r=r.defaultValues();else if(t.values)']
]
const LISTS = /\b(in|is|ov|cs|cd)\.$/ // and operators with (any) or (all), which have a parenthesis
Object.assign(globalThis, {
  unquoted: (text) => /^".*"$/s.test(text) ? text.slice(1, -1).replace(/\\(.)/gs, '$1') : text,
  quoted(filter) {
    const [, operator, value] = /^((?:not\.)?[a-z]+\.)(".*")$/s.exec(filter) ?? []
    return value && !LISTS.test(operator) ? operator + JSON.stringify(value) : filter
  },
  isEmpty(values) {
    const rows = [values].flat()
    return rows.length === 1 && rows[0] && Object.keys(rows[0]).length === 0
  }
})
registerHooks({
  load(url, context, next) {
    const loaded = next(url, context)
    if (!url.endsWith('/@supabase/lite/dist/index.js')) return loaded
    const source = MENDS.reduce((source, [found, mended]) => {
      if (source.search(typeof found === 'string' ? RegExp.escape(found) : found) < 0) {
        throw new Error('this Supabase Lite is not the one that lite.mjs mends: ' + found)
      }
      return source.replace(found, () => mended)
    }, loaded.source.toString())
    return { ...loaded, source }
  }
})
const { App } = await part('@supabase/lite/dist/index.js')
const { PostgresConnection } = await part('@supabase/lite/dist/db/postgres/PostgresConnection.js')
const { sql } = await part('kysely/dist/esm/index.js')
const { serve } = await part('@hono/node-server/dist/index.mjs')
const { url, port, auth } = JSON.parse(process.env.LITE_CONFIG)

// https://docs.postgrest.org/en/stable/references/errors.html; the first prefix that fits.
const STATUS = [
  ['08', 503], ['09', 500], ['0L', 403], ['0P', 403], ['25', 500], ['28', 403], ['2D', 500],
  ['38', 500], ['39', 500], ['3B', 500], ['40', 500], ['53400', 500], ['53', 503], ['54', 500],
  ['55', 500], ['57P01', 503], ['57', 500], ['58', 500], ['F0', 500], ['HV', 500],
  ['P0001', 400], ['P0', 500], ['XX', 500]
]
const LITE_KNOWS = /^(42|22|21|PT|PGRST|23502|23503|23505|25006)/
const LOST = new Set([
  'CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED', 'CONNECT_TIMEOUT',
  'ECONNREFUSED', 'ECONNRESET', 'EPIPE', '57P02', '57P03'
])
const JSON_TYPES = new Set(['json', 'jsonb'])

class Connection extends PostgresConnection {
  // Lite would grant everything in every schema with RLS to the API roles.
  async ensureRlsContext() {
    return true
  }

  // One round trip for what Lite sets in five.
  async applyJwtSessionContext(db, vars) {
    const role = vars.auth?.role || 'anon'
    const claims = JSON.stringify(vars.auth?.jwt ?? { role })
    await sql`select set_config('role', ${role}, true),
      set_config('request.jwt.claim.sub', ${String(vars.auth?.uid ?? '')}, true),
      set_config('statement_timeout', ${role === 'anon' ? '3s' : '8s'}, true),
      set_config('request.jwt.claim.role', ${role}, true),
      set_config('request.jwt.claims', ${claims}, true)`.execute(db)
  }

  async applyRpcRequestGucs(db, request) {
    const headers = JSON.stringify(request.requestHeaders ?? {})
    await sql`select set_config('response.status', '', true),
      set_config('response.headers', '', true),
      set_config('request.method', ${request.method}, true),
      set_config('request.path', ${request.path}, true),
      set_config('request.headers', ${headers}, true)`.execute(db)
  }

  // Lite turns json arguments into text and its driver quotes the text once more. The driver is
  // told not to (below); a string that stands for itself must then be quoted here.
  async onPostgrestAST(ast) {
    if (ast.type === 'rpc' && ast.args && !Array.isArray(ast.args)) {
      const { functions } = await this.introspect({ useCache: true })
      const called = functions.filter((f) => f.name === ast.function && f.schema === (ast.schema ?? 'public'))
      for (const [name, value] of Object.entries(ast.args)) {
        if (typeof value === 'string' && called.some((f) => JSON_TYPES.has(f.arg_types[f.arg_names.indexOf(name)]))) {
          ast.args[name] = JSON.stringify(value)
        }
      }
    }
    return super.onPostgrestAST(ast)
  }

  // Lite answers 500 without the code for classes it does not know; 'PGRST' carries our own answer.
  normalizeDbError(error) {
    const code = error?.code
    if (LOST.has(code)) {
      return answer(503, 'PGRST000', 'Database connection error. Retrying the connection.')
    }
    if (typeof code !== 'string' || code.length !== 5 || LITE_KNOWS.test(code)) {
      return error
    }
    const status = STATUS.find(([prefix]) => code.startsWith(prefix))?.[1] ?? 400
    return answer(status, code, error.message, error.detail, error.hint)
  }
}

function answer(status, code, message, details = null, hint = null) {
  return {
    code: 'PGRST',
    message: JSON.stringify({ code, message, details, hint }),
    detail: JSON.stringify({ status, headers: {} })
  }
}

// "2026-11-22 10:59:23.5+00" as JSON clients expect it: with T and minutes of offset.
const timestamp = (text) => text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00')
const json = (value) => (typeof value === 'string' ? value : JSON.stringify(value))

const connection = new Connection({
  url,
  postgresOptions: {
    max: 40,
    backoff: () => 0.1, // seconds until the next attempt when Postgres is away
    connect_timeout: 5,
    onnotice: () => {},
    types: {
      json: { to: 114, from: [114], serialize: json, parse: JSON.parse },
      jsonb: { to: 3802, from: [3802], serialize: json, parse: JSON.parse },
      numeric: { to: 1700, from: [1700], serialize: String, parse: Number },
      bool: { to: 16, from: [16], serialize: String, parse: (text) => text === 't' },
      timestamptz: { to: 1184, from: [1184], serialize: (text) => text, parse: timestamp }
    }
  }
})

// As PostgREST does. Without it each statement is parsed anew and takes two round trips.
const { reserve } = connection.driver
connection.driver.reserve = async () => {
  const reserved = await reserve()
  const { unsafe } = reserved
  reserved.unsafe = (text, values) => unsafe(text, values, { prepare: values?.length > 0 })
  return reserved
}

const app = new App({ connection, auth, options: { server: { admin: false } } })
await app.ensureSystemSchema()
await connection.exec(await readFile(authSql, 'utf8'))
await connection.driver.listen('pgrst', () => connection.clearSchemaCache())

// Hosted lets any origin call; Lite's Auth does not answer a preflight with the headers clients send.
async function answered(request, { incoming }) {
  if (request.method === 'OPTIONS') {
    return new Response(null, { status: 200, headers: {
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
      'access-control-allow-headers': request.headers.get('access-control-request-headers') ?? '*',
      'access-control-max-age': '3600'
    } })
  }
  const response = await app.fetch(request, { peerAddress: incoming.socket.remoteAddress ?? null })
  response.headers.set('access-control-allow-origin', '*')
  return response
}

const server = serve({ port, hostname: '127.0.0.1', fetch: answered }, () => console.log(`listening on 127.0.0.1:${port}`))
server.keepAliveTimeout = 75_000
process.on('SIGTERM', () => process.exit(0))
