// Texts come in as a JSON array, Twilio's own count of each goes out: [{ encoding, count }].
import { createRequire } from 'node:module'

const [folder] = process.argv.slice(2)
const { SegmentedMessage } = createRequire(`${folder}/`)('sms-segments-calculator')

let input = ''
for await (const part of process.stdin) input += part
const counts = JSON.parse(input).map((text) => {
  const message = new SegmentedMessage(text)
  return { encoding: message.encodingName, count: message.segmentsCount }
})
console.log(JSON.stringify(counts))
