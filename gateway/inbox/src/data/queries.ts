// What was asked of the project, by key. A list in here is brought up to date, not fetched anew:
// what is on the screen neither jumps nor grows with the number of conversations.
import { QueryClient, useQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback, useRef } from 'react'
import { getContact, listNames, listOptOuts } from './contacts'
import {
  distinct,
  type Filter,
  getConversation,
  getPendingReply,
  inOrder,
  listChanged,
  listConversations,
  listOfContact,
  listSome,
  type Page,
  search,
  withSome,
  withTop,
} from './conversations'
import { listErrorCodes, listMessages, listNewer, merged, type Thread } from './messages'
import { listNumbers } from './numbers'
import { listAccounts, listTeam } from './team'

const MINUTE = 60_000

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: MINUTE,
      gcTime: 10 * MINUTE,
      retry: false, // supabase-js asks again by itself, three times within seconds
      refetchOnWindowFocus: false, // the live channel says what changed, or that it may have
    },
  },
})

export function useConversations(filter: Filter, enabled = true) {
  const client = useQueryClient()
  const key = ['conversations', filter] as const
  const isLoading = useRef(false)
  const query = useQuery({
    queryKey: key,
    queryFn: () => inTurn(async () => {
      const known = client.getQueryData<Page>(key)
      if (!known) return listConversations(filter)
      const top = await listChanged(filter, known)
      return withTop(client.getQueryData<Page>(key) ?? known, top)
    }),
    enabled,
  })

  const loadMore = useCallback(async () => {
    const known = client.getQueryData<Page>(key)
    const last = known?.rows.at(-1)
    if (!known?.hasMore || !last || isLoading.current) return
    isLoading.current = true
    try {
      const next = await listConversations(filter, last)
      client.setQueryData<Page>(key, (now) => now && {
        rows: distinct([...now.rows, ...next.rows]).sort(inOrder),
        hasMore: next.hasMore,
      })
    } finally {
      isLoading.current = false
    }
  }, [client, JSON.stringify(key)])

  return { ...query, loadMore }
}

export function useConversation(id: string) {
  return useQuery({ queryKey: ['conversation', id], queryFn: () => getConversation(id) })
}

export function usePendingReply(id: string) {
  return useQuery({ queryKey: ['pending', id], queryFn: () => getPendingReply(id) })
}

export function useOfContact(account: string, contact: string) {
  return useQuery({
    queryKey: ['contact', account, contact],
    queryFn: () => listOfContact(account, contact),
  })
}

export function useThread(id: string) {
  const client = useQueryClient()
  const key = ['messages', id] as const
  const query = useQuery({
    queryKey: key,
    queryFn: async () => {
      const known = client.getQueryData<Thread>(key)
      if (!known) return listMessages(id)
      const newer = await listNewer(id, known.messages)
      const now = client.getQueryData<Thread>(key) ?? known // older ones may have come meanwhile
      return { ...now, messages: merged(now.messages, newer) }
    },
  })

  const loadOlder = useCallback(async () => {
    const first = client.getQueryData<Thread>(key)?.messages[0]
    if (!first) return
    const page = await listMessages(id, first.id)
    client.setQueryData<Thread>(key, (now) => now && {
      messages: merged(page.messages, now.messages),
      hasOlder: page.hasOlder,
    })
  }, [client, id])

  return { ...query, loadOlder }
}

export function useSearch(account: string, words: string) {
  return useQuery({
    queryKey: ['search', account, words],
    queryFn: async () => {
      const found = await search(words)
      const numbers = [...new Set(found.map((one) => one.sms_conversations.contact_number))]
      return { found, names: await listNames(account, numbers) }
    },
    enabled: words !== '',
    placeholderData: (before) => before,
  })
}

export function useNumbers(account: string) {
  return useQuery({ queryKey: ['numbers', account], queryFn: () => listNumbers(account) })
}

export function useAccounts(user: string) {
  return useQuery({ queryKey: ['accounts', user], queryFn: listAccounts })
}

export function useTeam(account: string) {
  return useQuery({ queryKey: ['team', account], queryFn: () => listTeam(account) })
}

export function useContact(account: string, contact: string) {
  return useQuery({
    queryKey: ['contact', account, contact, 'known'],
    queryFn: () => getContact(account, contact),
  })
}

export function useOptOuts(account: string, contact: string) {
  return useQuery({
    queryKey: ['contact', account, contact, 'optOuts'],
    queryFn: () => listOptOuts(account, contact),
  })
}

export function useErrorCodes() {
  return useQuery({ queryKey: ['errorCodes'], queryFn: listErrorCodes, staleTime: Infinity })
}

/** These conversations changed: what is shown of them is asked for. */
export async function refreshConversations(ids: string[]): Promise<void> {
  for (const id of ids) {
    for (const kind of ['conversation', 'pending', 'messages']) {
      void queries.invalidateQueries({ queryKey: [kind, id] })
    }
  }
  void queries.invalidateQueries({ queryKey: ['contact'] })
  const lists = queries.getQueryCache().findAll({ queryKey: ['conversations'], type: 'active' })
  await inTurn(() => Promise.all(lists.map(async ({ queryKey }) => {
    const found = await listSome(queryKey[1] as Filter, ids)
    queries.setQueryData<Page>(queryKey, (now) => now && withSome(now, ids, found))
  })))
}

let before: Promise<unknown> = Promise.resolve()

/** One after the other: else an answer from before a change could come in after the one from after it. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const next = before.then(work, work)
  before = next
  return next
}

/** Hints may have been missed: everything that is shown is asked again. */
export async function refreshAll(): Promise<void> {
  await queries.invalidateQueries({
    predicate: ({ queryKey }) => queryKey[0] !== 'errorCodes',
  })
}
