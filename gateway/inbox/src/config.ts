/** Which project the inbox belongs to. Both values are public by nature. */
export type Config = { url: string; publishableKey: string }

/**
 * From the build's environment (VITE_SUPABASE_URL, VITE_SUPABASE_PUBLISHABLE_KEY) on a host of its
 * own, else from config.json beside the page, which the gateway answers. Throws when neither knows.
 */
export async function readConfig(): Promise<Config> {
  const { VITE_SUPABASE_URL: url, VITE_SUPABASE_PUBLISHABLE_KEY: publishableKey } = import.meta.env
  if (url && publishableKey) return { url, publishableKey }
  const answer = await fetch(`${import.meta.env.BASE_URL}config.json`)
  return (await answer.json()) as Config
}
