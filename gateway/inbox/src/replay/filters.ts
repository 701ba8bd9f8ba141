import type { Answer } from '../data/replays'

/** What is worth a look among many answers. */
export const FILTERS = {
  all: () => true,
  longer: ({ old, new: now }: Answer) => (now?.segments ?? 0) > (old?.segments ?? Infinity),
  overBudget: ({ is_over_budget }: Answer) => is_over_budget === true,
  language: ({ same_language }: Answer) => same_language === false,
  human: ({ new: now }: Answer) => now?.mentions_human === true,
  without: ({ state }: Answer) => ['empty', 'failed', 'diverged'].includes(state),
  unjudged: ({ state, mark }: Answer) => state === 'answered' && mark === null,
  better: ({ mark }: Answer) => mark === 'better',
  worse: ({ mark }: Answer) => mark === 'worse',
} as const

export type FilterName = keyof typeof FILTERS
