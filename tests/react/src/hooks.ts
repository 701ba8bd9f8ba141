// Asking the Data API from components: what went wrong comes back as a sentence, '' when nothing did.
import { useEffect, useRef, useState } from 'react'
import { sentence } from './api'

type Work = () => Promise<void>

/**
 * Runs `work` at first and after each change of `deps`: never twice at the same time, and once
 * more when they changed meanwhile.
 */
export function useRefresh(work: Work, deps: unknown[]): string {
  const [problem, setProblem] = useState('')
  const newest = useRef(work)
  const asked = useRef(0)
  const runs = useRef(false)

  async function run() {
    runs.current = true
    for (let done = 0; done < asked.current; ) {
      done = asked.current
      setProblem(await newest.current().then(() => '', sentence))
    }
    asked.current = 0
    runs.current = false
  }

  useEffect(() => {
    newest.current = work
    asked.current += 1
    if (!runs.current) void run()
  }, deps)

  return problem
}

/** For buttons: what went wrong the last time, and the function that runs the work. */
export function useAction(): [string, (work: Work) => Promise<void>] {
  const [problem, setProblem] = useState('')
  return [problem, async (work) => setProblem(await work().then(() => '', sentence))]
}
