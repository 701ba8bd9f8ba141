-- Who may see or call what, on one page. What is not named here nobody may see or call.
--
-- Everything is revoked first and then granted as meant, so that it is right whether or not the
-- project exposes new objects by default. Nothing is granted to anon.

revoke all on schema sms from public;
grant usage on schema sms to service_role;
revoke all on schema sms_tools from public;
grant usage on schema sms_tools to sms_contact;

-- Tables. Row level security everywhere, also where the service role alone reads.

alter table sms.policy enable row level security;
alter table sms.patterns enable row level security;
alter table sms.pattern_keys enable row level security;
alter table public.sms_configs enable row level security;
alter table public.sms_conversations enable row level security;
alter table public.sms_messages enable row level security;
alter table public.sms_webhook_logs enable row level security;
alter table public.sms_delivery_events enable row level security;
alter table public.sms_workers enable row level security;
alter table public.sms_error_codes enable row level security;
alter table public.sms_opt_outs enable row level security;
alter table public.sms_phrases enable row level security;
alter table public.sms_synonyms enable row level security;
alter table public.sms_canned_replies enable row level security;
alter table public.sms_keyword_replies enable row level security;
alter table public.sms_daily_stats enable row level security;
alter table sms.counted enable row level security;
alter table sms.hourly_counts enable row level security;
alter table sms.first_replies enable row level security;
alter table sms.active_contacts enable row level security;
alter table sms.hourly_contacts enable row level security;
alter table sms.contact_digits enable row level security;
alter table sms.maintenance enable row level security;
alter table sms.human_messages enable row level security;
alter table sms.automatic_messages enable row level security;
alter table public.sms_members enable row level security;
alter table public.sms_invitations enable row level security;
alter table public.sms_config_versions enable row level security;
alter table public.sms_contacts enable row level security;
alter table public.sms_documents enable row level security;
alter table public.sms_passages enable row level security;
alter table public.sms_questions enable row level security;
alter table sms.known_words enable row level security;
alter table sms.knowledge_synonyms enable row level security;
alter table public.sms_tool_calls enable row level security;
alter table public.sms_event_targets enable row level security;
alter table public.sms_events enable row level security;
alter table public.sms_event_deliveries enable row level security;
alter table sms.event_secrets enable row level security;
alter table public.sms_replays enable row level security;
alter table public.sms_replay_answers enable row level security;
alter table public.sms_models enable row level security;

revoke all on table
  sms.policy,
  sms.patterns,
  sms.pattern_keys,
  public.sms_configs,
  public.sms_conversations,
  public.sms_messages,
  public.sms_webhook_logs,
  public.sms_delivery_events,
  public.sms_workers,
  public.sms_error_codes,
  public.sms_opt_outs,
  public.sms_phrases,
  public.sms_synonyms,
  public.sms_canned_replies,
  public.sms_keyword_replies,
  public.sms_daily_stats,
  sms.counted,
  sms.hourly_counts,
  sms.first_replies,
  sms.active_contacts,
  sms.hourly_contacts,
  public.sms_inbox,
  sms.contact_digits,
  sms.maintenance,
  sms.human_messages,
  sms.automatic_messages,
  public.sms_export,
  public.sms_members,
  public.sms_invitations,
  public.sms_config_versions,
  public.sms_contacts,
  public.sms_documents,
  public.sms_passages,
  public.sms_questions,
  sms.known_words,
  sms.knowledge_synonyms,
  public.sms_tool_calls,
  public.sms_event_targets,
  public.sms_events,
  public.sms_event_deliveries,
  sms.event_secrets,
  public.sms_replays,
  public.sms_replay_answers,
  public.sms_models
  from public, anon, authenticated, service_role;
revoke all on sequence
  sms.patterns_id_seq,
  public.sms_messages_id_seq,
  public.sms_event_deliveries_id_seq,
  public.sms_webhook_logs_id_seq,
  public.sms_delivery_events_id_seq,
  public.sms_passages_id_seq,
  public.sms_tool_calls_id_seq
  from public, anon, authenticated, service_role;

grant select on table sms.policy to service_role;
grant select on table sms.patterns to service_role;
grant select on table sms.pattern_keys to service_role;
grant select on table public.sms_configs to authenticated;
grant update (
  system_prompt, openai_model, max_tokens, temperature, history_limit, max_segments, fold_accents,
  auto_reply, answer_groups, reply_delay, takeover_pause, answer_within, close_after,
  history_across, context_attributes, knowledge_tokens, replies_per_hour, replies_per_day,
  number_replies_per_day, first_reply_notice, fallback_reply, own_opt_out, opt_out_reply,
  help_reply, handoff_reply,
  bot_reply, rate_limit_reply, promise_human, quiet_from, quiet_until, time_zone, tools, stay_silent_for
) on table public.sms_configs to authenticated;
grant select, insert, update, delete on table public.sms_configs to service_role;
grant select on table public.sms_conversations to authenticated;
grant update (status, auto_reply, paused_until, wants_human, read_up_to_id)
  on table public.sms_conversations to authenticated;
grant select, insert, update, delete on table public.sms_conversations to service_role;
grant select on table public.sms_messages to authenticated;
grant insert (conversation_id, message_content, client_ref) on table public.sms_messages to authenticated;
grant select, insert, update, delete on table public.sms_messages to service_role;
grant select, insert, update, delete on table public.sms_webhook_logs, public.sms_delivery_events,
  public.sms_workers, public.sms_error_codes to service_role;
grant select on table public.sms_error_codes to authenticated;
grant select on table public.sms_opt_outs, public.sms_phrases, public.sms_synonyms
  to authenticated;
grant select, insert, update, delete
  on table public.sms_opt_outs, public.sms_phrases, public.sms_synonyms
  to service_role;
grant select on table public.sms_canned_replies to authenticated;
grant select, insert, update, delete on table public.sms_canned_replies to service_role;
grant select, delete on table public.sms_keyword_replies to authenticated;
grant insert (config_id, keyword, answer) on table public.sms_keyword_replies to authenticated;
grant update (keyword, answer) on table public.sms_keyword_replies to authenticated;
grant select, insert, update, delete on table public.sms_keyword_replies to service_role;
grant select on table public.sms_daily_stats to authenticated;
grant select, insert, update, delete on table public.sms_daily_stats, sms.counted,
  sms.hourly_counts, sms.first_replies, sms.active_contacts, sms.hourly_contacts
  to service_role;
grant select on table public.sms_inbox, public.sms_export to authenticated, service_role;
grant select, delete on table sms.human_messages to service_role;
grant select, insert, update on table sms.automatic_messages to service_role;
grant select on table public.sms_members, public.sms_config_versions, public.sms_contacts
  to authenticated;
grant update (name, notes, attributes, tags, language, blocked_at) on table public.sms_contacts
  to authenticated;
grant update (role) on table public.sms_members to authenticated;
grant select, delete on table public.sms_invitations to authenticated;
grant select, insert, update, delete on table public.sms_members, public.sms_invitations,
  public.sms_config_versions, public.sms_contacts, public.sms_documents, public.sms_passages,
  public.sms_questions to service_role;
grant select on table sms.known_words, sms.knowledge_synonyms to service_role;
grant select, delete on table public.sms_documents to authenticated;
grant insert (user_id, config_id, title, content, language, enabled, source),
  update (title, content, language, enabled) on table public.sms_documents to authenticated;
grant select on table public.sms_passages, public.sms_questions to authenticated;
grant update (status) on table public.sms_questions to authenticated;
grant select, delete on table public.sms_event_targets to authenticated;
grant update (event_types, with_content, is_enabled) on table public.sms_event_targets
  to authenticated;
grant select on table public.sms_events, public.sms_event_deliveries to authenticated;
grant select, insert, update, delete on table public.sms_event_targets, public.sms_events,
  public.sms_event_deliveries to service_role;
grant select, insert on table sms.event_secrets to service_role;
grant select on table public.sms_replays, public.sms_replay_answers, public.sms_models
  to authenticated;
grant select, insert, update, delete on table public.sms_replays, public.sms_replay_answers,
  public.sms_models to service_role;
grant select, update on table sms.maintenance to service_role;
grant select on table public.sms_tool_calls to authenticated;
grant select, insert, update, delete on table public.sms_tool_calls to service_role;

-- Rows.

create policy "The gateway reads it" on sms.policy for select to service_role using (true);
create policy "The gateway reads it" on sms.patterns for select to service_role using (true);
create policy "The gateway reads it" on sms.pattern_keys for select to service_role using (true);
create policy "Members read their accounts' numbers" on public.sms_configs
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Admins change their accounts' numbers" on public.sms_configs
  for update to authenticated
  using (user_id = any (array(select sms.account_ids('admin'))))
  with check (user_id = any (array(select sms.account_ids('admin'))));
create policy "Members read their accounts' conversations" on public.sms_conversations
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members change their accounts' conversations" on public.sms_conversations
  for update to authenticated
  using (user_id = any (array(select sms.account_ids('agent'))))
  with check (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members read their accounts' messages" on public.sms_messages
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members write their accounts' messages" on public.sms_messages
  for insert to authenticated
  with check (user_id = any (array(select sms.account_ids('agent'))));
create policy "Everybody signed in reads it" on public.sms_error_codes
  for select to authenticated using (true);
create policy "Members read their accounts' opt-outs" on public.sms_opt_outs
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Everybody signed in reads it" on public.sms_phrases
  for select to authenticated using (true);
create policy "Everybody signed in reads it" on public.sms_synonyms
  for select to authenticated using (true);
create policy "Everybody signed in reads it" on public.sms_canned_replies
  for select to authenticated using (true);
create policy "Members read their accounts' keyword replies" on public.sms_keyword_replies
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Admins write their accounts' keyword replies" on public.sms_keyword_replies
  for insert to authenticated
  with check (user_id = any (array(select sms.account_ids('admin'))));
create policy "Admins change their accounts' keyword replies" on public.sms_keyword_replies
  for update to authenticated
  using (user_id = any (array(select sms.account_ids('admin'))))
  with check (user_id = any (array(select sms.account_ids('admin'))));
create policy "Admins delete their accounts' keyword replies" on public.sms_keyword_replies
  for delete to authenticated using (user_id = any (array(select sms.account_ids('admin'))));
create policy "Members read their accounts' statistics" on public.sms_daily_stats
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members join the topics of their accounts" on realtime.messages
  for select to authenticated
  using (
    realtime.messages.extension = 'broadcast'
    and (select realtime.topic()) = any (
      array(select 'sms:user:' || a.id from sms.account_ids('agent') as a (id))
    )
  );
create policy "Members read their accounts' versions" on public.sms_config_versions
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members read their accounts' contacts" on public.sms_contacts
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members change their accounts' contacts" on public.sms_contacts
  for update to authenticated
  using (user_id = any (array(select sms.account_ids('agent'))))
  with check (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members read their accounts' documents" on public.sms_documents
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Admins write their accounts' documents" on public.sms_documents
  for insert to authenticated with check (user_id = any (array(select sms.account_ids('admin'))));
create policy "Admins change their accounts' documents" on public.sms_documents
  for update to authenticated
  using (user_id = any (array(select sms.account_ids('admin'))))
  with check (user_id = any (array(select sms.account_ids('admin'))));
create policy "Admins delete their accounts' documents" on public.sms_documents
  for delete to authenticated using (user_id = any (array(select sms.account_ids('admin'))));
create policy "Members read their accounts' passages" on public.sms_passages
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members read their accounts' questions" on public.sms_questions
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Admins put their accounts' questions away" on public.sms_questions
  for update to authenticated
  using (user_id = any (array(select sms.account_ids('admin'))))
  with check (user_id = any (array(select sms.account_ids('admin'))));
create policy "The gateway reads it" on sms.known_words for select to service_role using (true);
create policy "The gateway reads it" on sms.knowledge_synonyms
  for select to service_role using (true);
create policy "Members read their accounts' tool calls" on public.sms_tool_calls
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members see who works with them" on public.sms_members
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Admins change their members' roles" on public.sms_members
  for update to authenticated using (user_id = any (array(select sms.account_ids('admin'))))
  with check (user_id = any (array(select sms.account_ids('admin'))));
create policy "Admins see their invitations" on public.sms_invitations
  for select to authenticated using (user_id = any (array(select sms.account_ids('admin'))));
create policy "Admins withdraw their invitations" on public.sms_invitations
  for delete to authenticated using (user_id = any (array(select sms.account_ids('admin'))));
create policy "Admins see their accounts' targets" on public.sms_event_targets
  for select to authenticated using (user_id = any (array(select sms.account_ids('admin'))));
create policy "Admins change their accounts' targets" on public.sms_event_targets
  for update to authenticated
  using (user_id = any (array(select sms.account_ids('admin'))))
  with check (user_id = any (array(select sms.account_ids('admin'))));
create policy "Admins delete their accounts' targets" on public.sms_event_targets
  for delete to authenticated using (user_id = any (array(select sms.account_ids('admin'))));
create policy "Members read their accounts' events" on public.sms_events
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members read their accounts' deliveries" on public.sms_event_deliveries
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "The gateway uses it" on sms.event_secrets
  for all to service_role using (true) with check (true);
create policy "Members read their accounts' replays" on public.sms_replays
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Members read their accounts' replays" on public.sms_replay_answers
  for select to authenticated using (user_id = any (array(select sms.account_ids('agent'))));
create policy "Everybody signed in reads it" on public.sms_models
  for select to authenticated using (true);
create policy "The gateway clears it" on sms.human_messages
  for all to service_role using (true);
create policy "The gateway uses it" on sms.automatic_messages
  for all to service_role using (true) with check (true);
create policy "The gateway uses it" on sms.counted
  for all to service_role using (true) with check (true);
create policy "The gateway uses it" on sms.hourly_counts
  for all to service_role using (true) with check (true);
create policy "The gateway uses it" on sms.first_replies
  for all to service_role using (true) with check (true);
create policy "The gateway uses it" on sms.active_contacts
  for all to service_role using (true) with check (true);
create policy "The gateway uses it" on sms.hourly_contacts
  for all to service_role using (true) with check (true);
create policy "The gateway uses it" on sms.maintenance
  for all to service_role using (true) with check (true);

-- Functions of schema sms: the gateway's, but for triggers and for what runs with its definer's
-- rights, which only they call.

revoke all on all functions in schema sms from public, anon, authenticated, service_role;
grant execute on all functions in schema sms to service_role;
revoke execute on function
  sms.refuse_invalid(),
  sms.check_ceilings(),
  sms.index_document(),
  sms.recount_knowledge(),
  sms.count_words(),
  sms.admit_document(),
  sms.note_question(public.sms_conversations, bigint, text),
  sms.index_contact(),
  sms.after_block(),
  sms.count_config_version(),
  sms.keep_config_version(),
  sms.check_time_zone(),
  sms.check_tools(),
  sms.admit_keyword_reply(),
  sms.after_member_left(),
  sms.require_role(uuid, text),
  sms.count_human_message(uuid, timestamptz),
  sms.require_statistics(uuid),
  sms.first_day(integer),
  sms.counts_since_hour(uuid, timestamptz),
  sms.contacts_since(uuid, timestamptz),
  sms.first_reply_seconds(uuid, uuid, date, numeric[]),
  sms.count_message(public.sms_messages, integer),
  sms.is_new_contact(public.sms_conversations),
  sms.count_new_message(),
  sms.count_changed_message(),
  sms.count_conversation(),
  sms.admit_human_message(public.sms_messages, public.sms_conversations),
  sms.before_message(),
  sms.after_human_message(),
  sms.after_human_failed(),
  sms.before_close(),
  sms.before_wants_human(),
  sms.after_close(),
  sms.word_pattern(text),
  sms.search_newest(uuid, text[], integer, bigint, bigint),
  sms.search_blocks(uuid, text[], integer, bigint),
  sms.search_messages(uuid, text[], integer, bigint),
  sms.endings(uuid, text),
  sms.store_digits(),
  sms.search_contacts(uuid, text, integer, bigint),
  sms.announce_replay(),
  sms.announce_work(),
  sms.announce_message(),
  sms.announce_conversation(),
  sms.emit_outgoing(),
  sms.emit_conversation(),
  sms.emit_suspended(),
  sms.emit_question(),
  sms.emit_tool_failed(),
  sms.emit_opt_out(),
  sms.announce_event(),
  sms.before_target_change(),
  sms.after_target_change(),
  sms.before_number()
  from service_role;
-- A check, a generated column, an index expression and a view are computed as whoever inserts or reads.
grant execute on function
  sms.normalize(text),
  sms.search_words(uuid, bigint, text),
  sms.disarm(text),
  sms.are_attributes(jsonb),
  sms.are_tags(text[]),
  sms.is_author(text, text),
  sms.is_message_status(text, text),
  sms.is_canned_reply(text),
  sms.is_intent(text),
  sms.is_no_reply_reason(text),
  sms.is_lease(uuid, timestamptz, text),
  sms.is_ending(text, text)
  to authenticated;
-- Policies ask it for the caller.
grant execute on function sms.account_ids(text) to authenticated;

-- A contact, which is what the model's tools run as: the functions of sms_tools and what the project
-- grants. Owning as_contact is what makes it run so; that takes the right to create for a moment.

revoke all on all functions in schema sms_tools from public, anon, authenticated, service_role;
grant execute on all functions in schema sms_tools to sms_contact;
grant create on schema sms to sms_contact;
alter function sms.as_contact(text, jsonb) owner to sms_contact;
revoke create on schema sms from sms_contact;

-- Functions of the Data API.

revoke all on function
  public.create_sms_event_target(text, text, text[], uuid, boolean, uuid),
  public.test_sms_event_target(uuid),
  public.replay_sms_event_delivery(bigint),
  public.claim_sms_event_deliveries(uuid, integer),
  public.finish_sms_event_delivery(bigint, uuid, integer, text, numeric),
  public.list_sms_event_deliveries(text, integer),
  public.list_sms_event_targets(),
  public.import_sms_document(uuid, text, text, text, text),
  public.restore_sms_config_version(uuid, integer),
  public.start_sms_replay(uuid, jsonb, timestamptz, integer),
  public.start_sms_preview(uuid, jsonb, text),
  public.get_sms_replay(uuid),
  public.cancel_sms_replay(uuid),
  public.mark_sms_replay_answer(uuid, integer, text, text),
  public.record_sms_replay_answer(uuid, jsonb),
  public.upsert_sms_contacts(jsonb, uuid),
  public.ask_sms_knowledge(uuid, text),
  public.answer_sms_question(uuid, text),
  public.erase_sms_contact(text, uuid),
  public.get_sms_accounts(),
  public.get_sms_team(uuid),
  public.invite_sms_member(text, text, uuid),
  public.accept_sms_invitation(uuid),
  public.remove_sms_member(uuid, uuid),
  public.leave_sms_account(uuid),
  public.assign_sms_conversation(uuid, uuid),
  public.set_sms_opt_out(uuid, text, boolean, text),
  public.ingest_sms(jsonb, timestamptz),
  public.claim_sms_work(text, uuid, interval),
  public.release_sms_work(uuid),
  public.queue_sms_reply(uuid, bigint, text, text, integer, text, integer, integer, integer, bigint, bigint, text),
  public.fail_sms_reply(uuid, text, boolean, numeric),
  public.call_sms_tool(uuid, bigint, text, jsonb, boolean),
  public.list_sms_tools(text),
  public.try_sms_tool(text, text, jsonb, text, boolean),
  public.finish_sms_send(uuid, bigint, text, text, integer, text, uuid, text),
  public.fail_sms_send(uuid, bigint, text, text, integer, numeric),
  public.reconcile_sms(bigint, jsonb, uuid),
  public.resend_sms(bigint),
  public.record_sms_delivery(jsonb),
  public.send_sms(uuid, text, uuid),
  public.close_sms_conversation(uuid),
  public.mark_sms_read(uuid, bigint),
  public.get_sms_conversation_history(uuid, integer, bigint),
  public.search_sms(text, integer, bigint, uuid),
  public.get_user_sms_stats(uuid),
  public.get_sms_stats(),
  public.get_sms_daily(uuid, uuid, integer),
  public.get_sms_engagement_metrics(integer, uuid, uuid),
  public.claim_sms_backfill(interval, interval),
  public.missing_sms(text[]),
  public.note_sms_refused(text, text),
  public.finish_sms_backfill(uuid, timestamptz, interval),
  public.record_sms_statuses(jsonb),
  public.drop_sms_backlog(),
  public.add_sms_number(text, text, text, boolean),
  public.list_sms_numbers(),
  public.get_sms_message(bigint),
  public.note_sms_worker(text, text, timestamptz, jsonb),
  public.note_sms_models(jsonb),
  public.remove_sms_worker(text),
  public.get_sms_health(),
  public.cleanup_old_sms_conversations(integer),
  public.maintain_sms(interval),
  public.forget_sms_contact(uuid, text),
  public.get_sms_setup()
  from public, anon, authenticated, service_role;

-- The gateway.
grant execute on function
  public.create_sms_event_target(text, text, text[], uuid, boolean, uuid),
  public.test_sms_event_target(uuid),
  public.replay_sms_event_delivery(bigint),
  public.claim_sms_event_deliveries(uuid, integer),
  public.finish_sms_event_delivery(bigint, uuid, integer, text, numeric),
  public.list_sms_event_deliveries(text, integer),
  public.list_sms_event_targets(),
  public.import_sms_document(uuid, text, text, text, text),
  public.restore_sms_config_version(uuid, integer),
  public.start_sms_replay(uuid, jsonb, timestamptz, integer),
  public.start_sms_preview(uuid, jsonb, text),
  public.get_sms_replay(uuid),
  public.cancel_sms_replay(uuid),
  public.mark_sms_replay_answer(uuid, integer, text, text),
  public.record_sms_replay_answer(uuid, jsonb),
  public.upsert_sms_contacts(jsonb, uuid),
  public.ask_sms_knowledge(uuid, text),
  public.answer_sms_question(uuid, text),
  public.erase_sms_contact(text, uuid),
  public.get_sms_team(uuid),
  public.invite_sms_member(text, text, uuid),
  public.remove_sms_member(uuid, uuid),
  public.assign_sms_conversation(uuid, uuid),
  public.get_sms_accounts(),
  public.set_sms_opt_out(uuid, text, boolean, text),
  public.ingest_sms(jsonb, timestamptz),
  public.claim_sms_work(text, uuid, interval),
  public.release_sms_work(uuid),
  public.queue_sms_reply(uuid, bigint, text, text, integer, text, integer, integer, integer, bigint, bigint, text),
  public.fail_sms_reply(uuid, text, boolean, numeric),
  public.call_sms_tool(uuid, bigint, text, jsonb, boolean),
  public.list_sms_tools(text),
  public.try_sms_tool(text, text, jsonb, text, boolean),
  public.finish_sms_send(uuid, bigint, text, text, integer, text, uuid, text),
  public.fail_sms_send(uuid, bigint, text, text, integer, numeric),
  public.reconcile_sms(bigint, jsonb, uuid),
  public.resend_sms(bigint),
  public.record_sms_delivery(jsonb),
  public.send_sms(uuid, text, uuid),
  public.close_sms_conversation(uuid),
  public.mark_sms_read(uuid, bigint),
  public.get_sms_conversation_history(uuid, integer, bigint),
  public.search_sms(text, integer, bigint, uuid),
  public.get_user_sms_stats(uuid),
  public.get_sms_stats(),
  public.get_sms_daily(uuid, uuid, integer),
  public.get_sms_engagement_metrics(integer, uuid, uuid),
  public.claim_sms_backfill(interval, interval),
  public.missing_sms(text[]),
  public.note_sms_refused(text, text),
  public.finish_sms_backfill(uuid, timestamptz, interval),
  public.record_sms_statuses(jsonb),
  public.drop_sms_backlog(),
  public.add_sms_number(text, text, text, boolean),
  public.list_sms_numbers(),
  public.get_sms_message(bigint),
  public.note_sms_worker(text, text, timestamptz, jsonb),
  public.note_sms_models(jsonb),
  public.remove_sms_worker(text),
  public.get_sms_health(),
  public.cleanup_old_sms_conversations(integer),
  public.maintain_sms(interval),
  public.forget_sms_contact(uuid, text),
  public.get_sms_setup()
  to service_role;

-- Signed-in users: under row level security, or asking for the caller's role themselves.
grant execute on function
  public.create_sms_event_target(text, text, text[], uuid, boolean, uuid),
  public.test_sms_event_target(uuid),
  public.replay_sms_event_delivery(bigint),
  public.restore_sms_config_version(uuid, integer),
  public.start_sms_replay(uuid, jsonb, timestamptz, integer),
  public.start_sms_preview(uuid, jsonb, text),
  public.get_sms_replay(uuid),
  public.cancel_sms_replay(uuid),
  public.mark_sms_replay_answer(uuid, integer, text, text),
  public.upsert_sms_contacts(jsonb, uuid),
  public.ask_sms_knowledge(uuid, text),
  public.answer_sms_question(uuid, text),
  public.erase_sms_contact(text, uuid),
  public.get_sms_accounts(),
  public.get_sms_team(uuid),
  public.invite_sms_member(text, text, uuid),
  public.accept_sms_invitation(uuid),
  public.remove_sms_member(uuid, uuid),
  public.leave_sms_account(uuid),
  public.assign_sms_conversation(uuid, uuid),
  public.send_sms(uuid, text, uuid),
  public.close_sms_conversation(uuid),
  public.mark_sms_read(uuid, bigint),
  public.get_sms_conversation_history(uuid, integer, bigint),
  public.search_sms(text, integer, bigint, uuid),
  public.get_user_sms_stats(uuid),
  public.get_sms_stats(),
  public.get_sms_daily(uuid, uuid, integer),
  public.get_sms_engagement_metrics(integer, uuid, uuid)
  to authenticated;
