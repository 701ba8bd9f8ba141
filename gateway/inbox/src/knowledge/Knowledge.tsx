import { useQuery } from '@tanstack/react-query'
import { type ChangeEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useAccount } from '../account'
import { addDocument, type Document, listDocuments, type NewDocument } from '../data/knowledge'
import { queries, useNumbers } from '../data/queries'
import { sentence } from '../errors'
import { usePhone } from '../format/phone'
import { moment } from '../format/time'
import { Empty } from '../parts/Empty'
import { Icon } from '../parts/Icon'
import { useTell } from '../parts/Undo'
import { Editor } from './Editor'
import { languageOfPage } from './languages'
import { Questions, useQuestions } from './Questions'
import { TryIt } from './TryIt'

const MOST_BYTES = 400_000

/** What the assistant may tell, and what it did not know. */
export default function Knowledge() {
  const { t } = useTranslation()
  // Shown at once: a section that grew later would move those below it.
  const questions = useQuestions()
  const documents = useDocuments()
  return (
    <main className="page">
      <header className="page-head"><h1>{t('knowledge.title')}</h1></header>
      {questions.isPending || documents.isPending
        ? <p className="waiting" role="status">{t('app.loading')}</p>
        : <><Questions known={questions} /><Documents known={documents} /><TryIt /></>}
    </main>
  )
}

function useDocuments() {
  const { id: account } = useAccount()
  return useQuery({ queryKey: ['documents', account], queryFn: () => listDocuments(account) })
}

function Documents({ known }: { known: ReturnType<typeof useDocuments> }) {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const { data: documents, error } = known
  const [opened, setOpened] = useState<Document | 'new'>()

  return (
    <section className="card-block" aria-labelledby="documents">
      <header className="block-head">
        <h2 id="documents">{t('knowledge.documents')}</h2>
        <div className="filters">
          <Upload account={account} />
          <button className="quiet" onClick={() => setOpened('new')}>
            <Icon name="plus" size={16} />{t('knowledge.new')}
          </button>
        </div>
      </header>
      {error && <p role="alert" className="problem">{sentence(error)}</p>}
      {documents?.length === 0 && (
        <Empty icon="book" title={t('knowledge.none')}><p>{t('knowledge.noneLead')}</p></Empty>
      )}
      <ul className="people">
        {documents?.map((one) => <Row key={one.id} document={one} onOpen={() => setOpened(one)} />)}
      </ul>
      {opened && <Editor document={opened === 'new' ? undefined : opened} onClose={() => setOpened(undefined)} />}
    </section>
  )
}

function Row({ document, onOpen }: { document: Document; onOpen: () => void }) {
  const { t } = useTranslation()
  const { id: account } = useAccount()
  const { data: numbers } = useNumbers(account)
  const phone = usePhone()
  const number = numbers?.find((one) => one.id === document.config_id)
  return (
    <li className="person">
      <button className="plain document" onClick={onOpen}><bdi>{document.title}</bdi></button>
      {!document.enabled && <span className="mark">{t('knowledge.off')}</span>}
      <span className="quiet-words">
        {number ? phone(number.phone_number) : t('list.allNumbers')} · {moment(document.updated_at)}
      </span>
    </li>
  )
}

/** Text and Markdown files become documents; one that was uploaded before is there twice, and says so. */
function Upload({ account }: { account: string }) {
  const { t } = useTranslation()
  const { done, problem } = useTell()

  async function upload(event: ChangeEvent<HTMLInputElement>) {
    const files = [...(event.target.files ?? [])]
    event.target.value = ''
    try {
      for (const file of files) await addDocument(await read(file, account))
      done({ words: t('knowledge.uploaded', { count: files.length }) })
    } catch (error) {
      problem(error)
    }
    await queries.invalidateQueries({ queryKey: ['documents'] })
  }

  return (
    <label className="button quiet upload">
      <Icon name="clip" size={16} />{t('knowledge.upload')}
      <input type="file" className="unseen" accept=".md,.txt,text/plain,text/markdown" multiple onChange={upload} />
    </label>
  )
}

async function read(file: File, account: string): Promise<NewDocument> {
  return {
    user_id: account,
    title: file.name.replace(/\.\w+$/, ''),
    content: await file.slice(0, MOST_BYTES).text(),
    source: file.name,
    language: languageOfPage(),
  }
}
