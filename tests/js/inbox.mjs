// What the inbox counts of each text, and what its files hold of each cell: { segments, cells }.
const { countSegments } = await import('../../gateway/inbox/src/segments.ts')
const { toCsv } = await import('../../gateway/inbox/src/statistics/csv.ts')

let input = ''
for await (const part of process.stdin) input += part
const { texts, cells } = JSON.parse(input)
console.log(JSON.stringify({
  segments: texts.map((text) => countSegments(text)),
  cells: cells.map((text) => toCsv([[text]])),
}))
