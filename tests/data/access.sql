-- Who may do what with which table, view and function of the Data API: written by hand, here alone.
-- tests/rules/test_90_access.py asks over HTTP with real sessions, supabase/tests (pgTAP) asks the
-- catalog; a table or function that is missing here fails both.
--
-- One sign for each of: owner, admin, agent, both, removed, stranger, nobody, gateway. The owner
-- has an account with a number; an admin and an agent work in it; `both` is an agent in it and an
-- admin in the account of somebody else; `removed` was its admin. The stranger has an account of
-- their own, nobody has the publishable key and no session, the gateway has the secret key.
-- What is asked for is the owner's:
--   1: there is a row to get or change; a function runs, or refuses its other arguments
--   0: there is none; of a deletion, which is asked for where nothing is: it is allowed
--   -: permission denied   3: the role is too low (PT403)   4: not found (PT404)
--   v: it is a view (55000)

create temporary table may_use (name text, get text, post text, patch text, "delete" text);
insert into may_use values
  --                      GET         POST        PATCH       DELETE
  ('sms_canned_replies',   '111111-1', '-------1', '-------1', '-------0'),
  ('sms_config_versions',  '111100-1', '-------1', '-------1', '-------0'),
  ('sms_configs',          '111100-1', '-------1', '110000-1', '-------0'),
  ('sms_contacts',         '111100-1', '-------1', '111100-1', '-------0'),
  ('sms_conversations',    '111100-1', '-------1', '111100-1', '-------0'),
  ('sms_daily_stats',      '111100-1', '-------1', '-------1', '-------0'),
  ('sms_delivery_events',  '-------1', '-------1', '-------1', '-------0'),
  ('sms_documents',        '111100-1', '113344-1', '110000-1', '000000-0'),
  ('sms_error_codes',      '111111-1', '-------1', '-------1', '-------0'),
  ('sms_event_deliveries', '111100-1', '-------1', '-------1', '-------0'),
  ('sms_event_targets',    '110000-1', '-------1', '110000-1', '000000-0'),
  ('sms_events',           '111100-1', '-------1', '-------1', '-------0'),
  ('sms_export',           '111100-1', 'vvvvvvvv', 'vvvvvvvv', 'vvvvvvvv'),
  ('sms_inbox',            '111100-1', 'vvvvvvvv', 'vvvvvvvv', 'vvvvvvvv'),
  ('sms_invitations',      '110000-1', '-------1', '-------1', '000000-0'),
  ('sms_keyword_replies',  '111100-1', '113344-1', '110000-1', '000000-0'),
  ('sms_members',          '111100-1', '-------1', '110000-1', '-------0'),
  ('sms_messages',         '111100-1', '111144-1', '-------1', '-------0'),
  ('sms_models',           '111111-1', '-------1', '-------1', '-------0'),
  ('sms_opt_outs',         '111100-1', '-------1', '-------1', '-------0'),
  ('sms_passages',         '111100-1', '-------1', '-------1', '-------0'),
  ('sms_phrases',          '111111-1', '-------1', '-------1', '-------0'),
  ('sms_questions',        '111100-1', '-------1', '110000-1', '-------0'),
  ('sms_replay_answers',   '111100-1', '-------1', '-------1', '-------0'),
  ('sms_replays',          '111100-1', '-------1', '-------1', '-------0'),
  ('sms_synonyms',         '111111-1', '-------1', '-------1', '-------0'),
  ('sms_tool_calls',       '111100-1', '-------1', '-------1', '-------0'),
  ('sms_webhook_logs',     '-------1', '-------1', '-------1', '-------0'),
  ('sms_workers',          '-------1', '-------1', '-------1', '-------0');

-- Functions; those that run as their owner ask for the role themselves. Somebody leaves an account
-- that is not there, so that nobody leaves.
create temporary table may_call (name text, signs text, runs_as_owner boolean);
insert into may_call values
  ('accept_sms_invitation',          '333333--', true),
  ('add_sms_number',                 '-------4', false),
  ('answer_sms_question',            '113344-1', true),
  ('ask_sms_knowledge',              '000044-0', true),
  ('assign_sms_conversation',        '111144-1', true),
  ('call_sms_tool',                  '-------1', false),
  ('cancel_sms_replay',              '113344-1', true),
  ('claim_sms_backfill',             '-------1', false),
  ('claim_sms_event_deliveries',     '-------1', false),
  ('claim_sms_work',                 '-------1', false),
  ('cleanup_old_sms_conversations',  '-------1', false),
  ('close_sms_conversation',         '111144-1', false),
  ('create_sms_event_target',        '113344-1', true),
  ('drop_sms_backlog',               '-------1', false),
  ('erase_sms_contact',              '133344-1', true),
  ('fail_sms_reply',                 '-------1', false),
  ('fail_sms_send',                  '-------1', false),
  ('finish_sms_backfill',            '-------1', false),
  ('finish_sms_event_delivery',      '-------1', false),
  ('finish_sms_send',                '-------1', false),
  ('forget_sms_contact',             '-------1', false),
  ('get_sms_accounts',               '111111-0', true),
  ('get_sms_conversation_history',   '111144-1', false),
  ('get_sms_daily',                  '111144-1', true),
  ('get_sms_engagement_metrics',     '111144-1', true),
  ('get_sms_health',                 '-------1', false),
  ('get_sms_message',                '-------4', false),
  ('get_sms_replay',                 '111144-1', true),
  ('get_sms_setup',                  '-------1', false),
  ('get_sms_stats',                  '111111-1', false),
  ('get_sms_team',                   '111144-1', true),
  ('get_user_sms_stats',             '111144-1', true),
  ('import_sms_document',            '-------4', false),
  ('ingest_sms',                     '-------1', false),
  ('invite_sms_member',              '113344-1', true),
  ('leave_sms_account',              '444444--', true),
  ('list_sms_event_deliveries',      '-------1', false),
  ('list_sms_event_targets',         '-------0', false),
  ('list_sms_numbers',               '-------1', false),
  ('list_sms_tools',                 '-------1', false),
  ('maintain_sms',                   '-------1', false),
  ('mark_sms_read',                  '111144-1', false),
  ('mark_sms_replay_answer',         '111144-1', true),
  ('missing_sms',                    '-------0', false),
  ('note_sms_models',                '-------1', false),
  ('note_sms_refused',               '-------1', false),
  ('note_sms_worker',                '-------1', false),
  ('queue_sms_reply',                '-------1', false),
  ('reconcile_sms',                  '-------1', false),
  ('record_sms_delivery',            '-------1', false),
  ('record_sms_replay_answer',       '-------1', false),
  ('record_sms_statuses',            '-------1', false),
  ('release_sms_work',               '-------1', false),
  ('remove_sms_member',              '113344-1', true),
  ('remove_sms_worker',              '-------1', false),
  ('replay_sms_event_delivery',      '113344-1', true),
  ('resend_sms',                     '-------4', false),
  ('restore_sms_config_version',     '113344-1', true),
  ('search_sms',                     '111144-1', true),
  ('send_sms',                       '111144-1', false),
  ('set_sms_opt_out',                '-------1', false),
  ('start_sms_preview',              '113344-1', true),
  ('start_sms_replay',               '113344-1', true),
  ('test_sms_event_target',          '113344-1', true),
  ('try_sms_tool',                   '-------1', false),
  ('upsert_sms_contacts',            '111144-1', true);
