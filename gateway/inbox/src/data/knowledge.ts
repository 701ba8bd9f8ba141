// What the assistant may tell, and what it did not know.
import { type Database, supabase, type Tables } from './client'

export type Document = Pick<
  Tables<'sms_documents'>,
  'id' | 'title' | 'config_id' | 'language' | 'enabled' | 'updated_at'
>
export type NewDocument = Database['public']['Tables']['sms_documents']['Insert']
export type Question = Tables<'sms_questions'>

/** Without their contents, which are asked for when one is opened. */
export async function listDocuments(account: string): Promise<Document[]> {
  const { data } = await supabase
    .from('sms_documents')
    .select('id, title, config_id, language, enabled, updated_at')
    .eq('user_id', account)
    .order('title')
    .throwOnError()
  return data
}

export async function getContent(id: string): Promise<string> {
  const { data } = await supabase.from('sms_documents').select('content').eq('id', id).single().throwOnError()
  return data.content
}

export async function addDocument(document: NewDocument) {
  await supabase.from('sms_documents').insert(document).throwOnError()
}

export async function changeDocument(
  id: string,
  change: Pick<Database['public']['Tables']['sms_documents']['Update'], 'title' | 'content' | 'language' | 'enabled'>,
) {
  await supabase.from('sms_documents').update(change).eq('id', id).throwOnError()
}

export async function removeDocument(id: string) {
  await supabase.from('sms_documents').delete().eq('id', id).throwOnError()
}

/** The open ones, the most frequent first. */
export async function listQuestions(account: string): Promise<Question[]> {
  const { data } = await supabase
    .from('sms_questions')
    .select()
    .eq('user_id', account)
    .eq('status', 'open')
    .order('asked', { ascending: false })
    .order('last_asked_at', { ascending: false })
    .limit(100)
    .throwOnError()
  return data
}

export async function answerQuestion(id: string, answer: string) {
  await supabase.rpc('answer_sms_question', { p_question_id: id, p_answer: answer }).throwOnError()
}

export async function setQuestionStatus(id: string, status: 'open' | 'dismissed') {
  await supabase.from('sms_questions').update({ status }).eq('id', id).throwOnError()
}

/** What search would show the model for this question. */
export async function askKnowledge(number: string, question: string) {
  const { data } = await supabase
    .rpc('ask_sms_knowledge', { p_config_id: number, p_question: question })
    .throwOnError()
  return data
}

export async function listPassages(ids: number[]) {
  const { data } = await supabase
    .from('sms_passages')
    .select('id, title, content')
    .in('id', ids)
    .order('id')
    .throwOnError()
  return data
}
