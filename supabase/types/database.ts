
export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[]

export type Database = {
  
  "public": {
          Tables: {
            "sms_canned_replies": {
                  Row: {
                    "content": string,"language": string,"name": string
                  }
                  ComputedFields: never
                  Insert: {
                    "content": string,"language": string,"name": string
                  }
                  Update: {
                    "content"?: string,"language"?: string,"name"?: string
                  }
                  Relationships: [
                    
                  ]
                },"sms_config_versions": {
                  Row: {
                    "changed_by": string | null,"config_id": string,"created_at": string,"settings": NonNullable<Json>,"user_id": string,"version": number
                  }
                  ComputedFields: never
                  Insert: {
                    "changed_by"?: string | null,"config_id": string,"created_at"?: string,"settings": NonNullable<Json>,"user_id": string,"version": number
                  }
                  Update: {
                    "changed_by"?: string | null,"config_id"?: string,"created_at"?: string,"settings"?: NonNullable<Json>,"user_id"?: string,"version"?: number
                  }
                  Relationships: [
                    {
      foreignKeyName: "sms_config_versions_config_id_fkey"
      columns: ["config_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_configs"
      referencedColumns: ["id","user_id"]
    }
                  ]
                },"sms_configs": {
                  Row: {
                    "addresses": (string)[],"answer_groups": boolean,"answer_within": string,"auto_reply": boolean,"backfill_due_at": string,"backfilled_until": string,"bot_reply": string | null,"close_after": string | null,"context_attributes": (string)[],"created_at": string,"event_types": (string)[],"fallback_reply": string | null,"first_reply_notice": string | null,"fold_accents": boolean,"handoff_reply": string | null,"help_reply": string | null,"history_across": boolean,"history_limit": number,"id": string,"knowledge_size": number,"knowledge_tokens": number,"max_segments": number,"max_tokens": number,"messaging_service_sid": string | null,"number_replies_per_day": number,"openai_model": string,"opt_out_reply": string | null,"own_opt_out": boolean,"phone_number": string,"promise_human": boolean | null,"quiet_from": string | null,"quiet_until": string | null,"rate_limit_reply": string | null,"replies_per_day": number,"replies_per_hour": number,"reply_delay": string,"staff_numbers": (string)[],"stay_silent_for": (string)[],"suspended_reason": string | null,"suspended_until": string | null,"system_prompt": string,"takeover_pause": string,"temperature": number | null,"time_zone": string,"tools": (string)[] | null,"user_id": string,"version": number
                  }
                  ComputedFields: never
                  Insert: {
                    "addresses"?: (string)[],"answer_groups"?: boolean,"answer_within"?: string,"auto_reply"?: boolean,"backfill_due_at"?: string,"backfilled_until"?: string,"bot_reply"?: string | null,"close_after"?: string | null,"context_attributes"?: (string)[],"created_at"?: string,"event_types"?: (string)[],"fallback_reply"?: string | null,"first_reply_notice"?: string | null,"fold_accents"?: boolean,"handoff_reply"?: string | null,"help_reply"?: string | null,"history_across"?: boolean,"history_limit"?: number,"id"?: string,"knowledge_size"?: number,"knowledge_tokens"?: number,"max_segments"?: number,"max_tokens"?: number,"messaging_service_sid"?: string | null,"number_replies_per_day"?: number,"openai_model"?: string,"opt_out_reply"?: string | null,"own_opt_out"?: boolean,"phone_number": string,"promise_human"?: boolean | null,"quiet_from"?: string | null,"quiet_until"?: string | null,"rate_limit_reply"?: string | null,"replies_per_day"?: number,"replies_per_hour"?: number,"reply_delay"?: string,"staff_numbers"?: (string)[],"stay_silent_for"?: (string)[],"suspended_reason"?: string | null,"suspended_until"?: string | null,"system_prompt"?: string,"takeover_pause"?: string,"temperature"?: number | null,"time_zone"?: string,"tools"?: (string)[] | null,"user_id": string,"version"?: number
                  }
                  Update: {
                    "addresses"?: (string)[],"answer_groups"?: boolean,"answer_within"?: string,"auto_reply"?: boolean,"backfill_due_at"?: string,"backfilled_until"?: string,"bot_reply"?: string | null,"close_after"?: string | null,"context_attributes"?: (string)[],"created_at"?: string,"event_types"?: (string)[],"fallback_reply"?: string | null,"first_reply_notice"?: string | null,"fold_accents"?: boolean,"handoff_reply"?: string | null,"help_reply"?: string | null,"history_across"?: boolean,"history_limit"?: number,"id"?: string,"knowledge_size"?: number,"knowledge_tokens"?: number,"max_segments"?: number,"max_tokens"?: number,"messaging_service_sid"?: string | null,"number_replies_per_day"?: number,"openai_model"?: string,"opt_out_reply"?: string | null,"own_opt_out"?: boolean,"phone_number"?: string,"promise_human"?: boolean | null,"quiet_from"?: string | null,"quiet_until"?: string | null,"rate_limit_reply"?: string | null,"replies_per_day"?: number,"replies_per_hour"?: number,"reply_delay"?: string,"staff_numbers"?: (string)[],"stay_silent_for"?: (string)[],"suspended_reason"?: string | null,"suspended_until"?: string | null,"system_prompt"?: string,"takeover_pause"?: string,"temperature"?: number | null,"time_zone"?: string,"tools"?: (string)[] | null,"user_id"?: string,"version"?: number
                  }
                  Relationships: [
                    
                  ]
                },"sms_contacts": {
                  Row: {
                    "attributes": NonNullable<Json>,"blocked_at": string | null,"contact_number": string,"created_at": string,"language": string | null,"name": string | null,"notes": string | null,"tags": (string)[],"user_id": string,"words": unknown
                  }
                  ComputedFields: never
                  Insert: {
                    "attributes"?: NonNullable<Json>,"blocked_at"?: string | null,"contact_number": string,"created_at"?: string,"language"?: string | null,"name"?: string | null,"notes"?: string | null,"tags"?: (string)[],"user_id": string,"words"?: unknown
                  }
                  Update: {
                    "attributes"?: NonNullable<Json>,"blocked_at"?: string | null,"contact_number"?: string,"created_at"?: string,"language"?: string | null,"name"?: string | null,"notes"?: string | null,"tags"?: (string)[],"user_id"?: string,"words"?: unknown
                  }
                  Relationships: [
                    
                  ]
                },"sms_conversations": {
                  Row: {
                    "assigned_to": string | null,"auto_reply": boolean,"closed_at": string | null,"closed_by": string | null,"config_id": string,"contact_number": string,"created_at": string,"id": string,"is_blocked": boolean,"is_reopened": boolean,"last_incoming_id": number | null,"last_message_at": string,"last_pending_id": number | null,"lease_id": string | null,"leased_by": string | null,"leased_context": Json | null,"leased_for": string | null,"leased_until": string | null,"outcome": string | null,"paused_until": string | null,"read_up_to_id": number,"reply_attempts": number,"reply_due_at": string | null,"reply_error": string | null,"send_due_at": string | null,"status": string,"superseded": number,"tool_calls_since": string | null,"user_id": string,"waiting_since": string | null,"wants_human": boolean,"wants_human_since": string | null
                  }
                  ComputedFields: never
                  Insert: {
                    "assigned_to"?: string | null,"auto_reply"?: boolean,"closed_at"?: string | null,"closed_by"?: string | null,"config_id": string,"contact_number": string,"created_at"?: string,"id"?: string,"is_blocked"?: boolean,"is_reopened"?: boolean,"last_incoming_id"?: number | null,"last_message_at"?: string,"last_pending_id"?: number | null,"lease_id"?: string | null,"leased_by"?: string | null,"leased_context"?: Json | null,"leased_for"?: string | null,"leased_until"?: string | null,"outcome"?: string | null,"paused_until"?: string | null,"read_up_to_id"?: number,"reply_attempts"?: number,"reply_due_at"?: string | null,"reply_error"?: string | null,"send_due_at"?: string | null,"status"?: string,"superseded"?: number,"tool_calls_since"?: string | null,"user_id": string,"waiting_since"?: string | null,"wants_human"?: boolean,"wants_human_since"?: string | null
                  }
                  Update: {
                    "assigned_to"?: string | null,"auto_reply"?: boolean,"closed_at"?: string | null,"closed_by"?: string | null,"config_id"?: string,"contact_number"?: string,"created_at"?: string,"id"?: string,"is_blocked"?: boolean,"is_reopened"?: boolean,"last_incoming_id"?: number | null,"last_message_at"?: string,"last_pending_id"?: number | null,"lease_id"?: string | null,"leased_by"?: string | null,"leased_context"?: Json | null,"leased_for"?: string | null,"leased_until"?: string | null,"outcome"?: string | null,"paused_until"?: string | null,"read_up_to_id"?: number,"reply_attempts"?: number,"reply_due_at"?: string | null,"reply_error"?: string | null,"send_due_at"?: string | null,"status"?: string,"superseded"?: number,"tool_calls_since"?: string | null,"user_id"?: string,"waiting_since"?: string | null,"wants_human"?: boolean,"wants_human_since"?: string | null
                  }
                  Relationships: [
                    {
      foreignKeyName: "sms_conversations_config_id_fkey"
      columns: ["config_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_configs"
      referencedColumns: ["id","user_id"]
    }
                  ]
                },"sms_daily_stats": {
                  Row: {
                    "ai_replies": number,"answered_by_ai": number,"answered_by_human": number,"completion_tokens": number,"config_id": string,"conversations": number,"cost": number,"currency": string | null,"day": string,"ended": number,"erased": number,"failed": number,"human_replies": number,"messages_in": number,"messages_out": number,"new_contacts": number,"prompt_tokens": number,"reopened": number,"response_seconds": number,"responses": number,"segments": number,"unanswered": number,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "ai_replies"?: number,"answered_by_ai"?: number,"answered_by_human"?: number,"completion_tokens"?: number,"config_id": string,"conversations"?: number,"cost"?: number,"currency"?: string | null,"day": string,"ended"?: number,"erased"?: number,"failed"?: number,"human_replies"?: number,"messages_in"?: number,"messages_out"?: number,"new_contacts"?: number,"prompt_tokens"?: number,"reopened"?: number,"response_seconds"?: number,"responses"?: number,"segments"?: number,"unanswered"?: number,"user_id": string
                  }
                  Update: {
                    "ai_replies"?: number,"answered_by_ai"?: number,"answered_by_human"?: number,"completion_tokens"?: number,"config_id"?: string,"conversations"?: number,"cost"?: number,"currency"?: string | null,"day"?: string,"ended"?: number,"erased"?: number,"failed"?: number,"human_replies"?: number,"messages_in"?: number,"messages_out"?: number,"new_contacts"?: number,"prompt_tokens"?: number,"reopened"?: number,"response_seconds"?: number,"responses"?: number,"segments"?: number,"unanswered"?: number,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "sms_daily_stats_config_id_fkey"
      columns: ["config_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_configs"
      referencedColumns: ["id","user_id"]
    }
                  ]
                },"sms_delivery_events": {
                  Row: {
                    "error_code": number | null,"id": number,"message_id": number | null,"message_sid": string,"payload": Json | null,"received_at": string,"status": string
                  }
                  ComputedFields: never
                  Insert: {
                    "error_code"?: number | null,"id"?: never,"message_id"?: number | null,"message_sid": string,"payload"?: Json | null,"received_at"?: string,"status": string
                  }
                  Update: {
                    "error_code"?: number | null,"id"?: never,"message_id"?: number | null,"message_sid"?: string,"payload"?: Json | null,"received_at"?: string,"status"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "sms_delivery_events_message_id_fkey"
      columns: ["message_id"]
isOneToOne: false
      referencedRelation: "sms_export"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "sms_delivery_events_message_id_fkey"
      columns: ["message_id"]
isOneToOne: false
      referencedRelation: "sms_inbox"
      referencedColumns: ["message_id"]
    },{
      foreignKeyName: "sms_delivery_events_message_id_fkey"
      columns: ["message_id"]
isOneToOne: false
      referencedRelation: "sms_messages"
      referencedColumns: ["id"]
    }
                  ]
                },"sms_documents": {
                  Row: {
                    "config_id": string | null,"content": string,"created_at": string,"enabled": boolean,"id": string,"language": string,"source": string | null,"title": string,"updated_at": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "config_id"?: string | null,"content": string,"created_at"?: string,"enabled"?: boolean,"id"?: string,"language"?: string,"source"?: string | null,"title": string,"updated_at"?: string,"user_id"?: string
                  }
                  Update: {
                    "config_id"?: string | null,"content"?: string,"created_at"?: string,"enabled"?: boolean,"id"?: string,"language"?: string,"source"?: string | null,"title"?: string,"updated_at"?: string,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "sms_documents_config_id_fkey"
      columns: ["config_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_configs"
      referencedColumns: ["id","user_id"]
    }
                  ]
                },"sms_error_codes": {
                  Row: {
                    "action": string,"code": number,"hint": string,"meaning": string
                  }
                  ComputedFields: never
                  Insert: {
                    "action": string,"code": number,"hint": string,"meaning": string
                  }
                  Update: {
                    "action"?: string,"code"?: number,"hint"?: string,"meaning"?: string
                  }
                  Relationships: [
                    
                  ]
                },"sms_event_deliveries": {
                  Row: {
                    "attempts": number,"conversation_id": string | null,"created_at": string,"due_at": string | null,"ended_at": string | null,"error": string | null,"event_id": string,"id": number,"lease_id": string | null,"response_status": number | null,"retry_until": string,"status": string,"target_id": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "attempts"?: number,"conversation_id"?: string | null,"created_at"?: string,"due_at"?: string | null,"ended_at"?: string | null,"error"?: string | null,"event_id": string,"id"?: never,"lease_id"?: string | null,"response_status"?: number | null,"retry_until": string,"status"?: string,"target_id": string,"user_id": string
                  }
                  Update: {
                    "attempts"?: number,"conversation_id"?: string | null,"created_at"?: string,"due_at"?: string | null,"ended_at"?: string | null,"error"?: string | null,"event_id"?: string,"id"?: never,"lease_id"?: string | null,"response_status"?: number | null,"retry_until"?: string,"status"?: string,"target_id"?: string,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "sms_event_deliveries_event_id_fkey"
      columns: ["event_id"]
isOneToOne: false
      referencedRelation: "sms_events"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "sms_event_deliveries_target_id_fkey"
      columns: ["target_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_event_targets"
      referencedColumns: ["id","user_id"]
    }
                  ]
                },"sms_event_targets": {
                  Row: {
                    "address": string,"config_id": string | null,"confirmed_at": string | null,"created_at": string,"disabled_reason": string | null,"event_types": (string)[],"failures": number,"id": string,"is_enabled": boolean,"kind": string,"last_error": string | null,"messages": number,"messages_on": string | null,"rests_until": string | null,"user_id": string,"with_content": boolean
                  }
                  ComputedFields: never
                  Insert: {
                    "address": string,"config_id"?: string | null,"confirmed_at"?: string | null,"created_at"?: string,"disabled_reason"?: string | null,"event_types": (string)[],"failures"?: number,"id"?: string,"is_enabled"?: boolean,"kind": string,"last_error"?: string | null,"messages"?: number,"messages_on"?: string | null,"rests_until"?: string | null,"user_id": string,"with_content"?: boolean
                  }
                  Update: {
                    "address"?: string,"config_id"?: string | null,"confirmed_at"?: string | null,"created_at"?: string,"disabled_reason"?: string | null,"event_types"?: (string)[],"failures"?: number,"id"?: string,"is_enabled"?: boolean,"kind"?: string,"last_error"?: string | null,"messages"?: number,"messages_on"?: string | null,"rests_until"?: string | null,"user_id"?: string,"with_content"?: boolean
                  }
                  Relationships: [
                    {
      foreignKeyName: "sms_event_targets_config_id_fkey"
      columns: ["config_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_configs"
      referencedColumns: ["id","user_id"]
    }
                  ]
                },"sms_events": {
                  Row: {
                    "author": string | null,"config_id": string,"contact_number": string | null,"conversation_id": string | null,"direction": string | null,"id": string,"message_id": number | null,"occurred_at": string,"reason": string | null,"status": string | null,"type": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "author"?: string | null,"config_id": string,"contact_number"?: string | null,"conversation_id"?: string | null,"direction"?: string | null,"id"?: string,"message_id"?: number | null,"occurred_at": string,"reason"?: string | null,"status"?: string | null,"type": string,"user_id": string
                  }
                  Update: {
                    "author"?: string | null,"config_id"?: string,"contact_number"?: string | null,"conversation_id"?: string | null,"direction"?: string | null,"id"?: string,"message_id"?: number | null,"occurred_at"?: string,"reason"?: string | null,"status"?: string | null,"type"?: string,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "sms_events_config_id_fkey"
      columns: ["config_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_configs"
      referencedColumns: ["id","user_id"]
    },{
      foreignKeyName: "sms_events_conversation_id_fkey"
      columns: ["conversation_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_conversations"
      referencedColumns: ["id","user_id"]
    },{
      foreignKeyName: "sms_events_conversation_id_fkey"
      columns: ["conversation_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_inbox"
      referencedColumns: ["id","user_id"]
    }
                  ]
                },"sms_invitations": {
                  Row: {
                    "accepted_at": string | null,"created_at": string,"email": string,"expires_at": string,"id": string,"invited_by": string,"role": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "accepted_at"?: string | null,"created_at"?: string,"email": string,"expires_at"?: string,"id"?: string,"invited_by": string,"role"?: string,"user_id": string
                  }
                  Update: {
                    "accepted_at"?: string | null,"created_at"?: string,"email"?: string,"expires_at"?: string,"id"?: string,"invited_by"?: string,"role"?: string,"user_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"sms_keyword_replies": {
                  Row: {
                    "answer": string,"config_id": string,"created_at": string,"id": string,"keyword": string,"normalized": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "answer": string,"config_id": string,"created_at"?: string,"id"?: string,"keyword": string,"normalized"?: never,"user_id"?: string
                  }
                  Update: {
                    "answer"?: string,"config_id"?: string,"created_at"?: string,"id"?: string,"keyword"?: string,"normalized"?: never,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "sms_keyword_replies_config_id_fkey"
      columns: ["config_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_configs"
      referencedColumns: ["id","user_id"]
    }
                  ]
                },"sms_members": {
                  Row: {
                    "created_at": string,"email": string,"member_id": string,"role": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "created_at"?: string,"email": string,"member_id": string,"role"?: string,"user_id": string
                  }
                  Update: {
                    "created_at"?: string,"email"?: string,"member_id"?: string,"role"?: string,"user_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"sms_messages": {
                  Row: {
                    "attempts": number,"author": string,"canned_reply": string | null,"channel": string,"client_ref": string | null,"completion_tokens": number | null,"config_version": number | null,"conversation_id": string,"created_at": string,"delivered_at": string | null,"direction": string,"emits_events": boolean | null,"encoding": string | null,"error_code": number | null,"error_message": string | null,"generation_ms": number | null,"id": number,"in_reply_to": number | null,"intent": string | null,"is_open": boolean,"listed_empty_at": string | null,"media": NonNullable<Json>,"message_content": string,"message_sid": string | null,"model": string | null,"no_reply_reason": string | null,"occurred_at": string,"price": number | null,"price_unit": string | null,"prompt_hash": string | null,"prompt_tokens": number | null,"recipients": (string)[] | null,"resent_at": string | null,"response_seconds": number | null,"segments": number | null,"send_at": string | null,"sending_at": string | null,"sent_by": string | null,"shown_first_id": number | null,"shown_last_id": number | null,"status": string,"used": (number)[] | null,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "attempts"?: number,"author"?: string,"canned_reply"?: string | null,"channel"?: string,"client_ref"?: string | null,"completion_tokens"?: number | null,"config_version"?: number | null,"conversation_id": string,"created_at"?: string,"delivered_at"?: string | null,"direction"?: string,"emits_events"?: boolean | null,"encoding"?: string | null,"error_code"?: number | null,"error_message"?: string | null,"generation_ms"?: number | null,"id"?: never,"in_reply_to"?: number | null,"intent"?: string | null,"is_open"?: never,"listed_empty_at"?: string | null,"media"?: NonNullable<Json>,"message_content": string,"message_sid"?: string | null,"model"?: string | null,"no_reply_reason"?: string | null,"occurred_at"?: string,"price"?: number | null,"price_unit"?: string | null,"prompt_hash"?: string | null,"prompt_tokens"?: number | null,"recipients"?: (string)[] | null,"resent_at"?: string | null,"response_seconds"?: number | null,"segments"?: number | null,"send_at"?: string | null,"sending_at"?: string | null,"sent_by"?: string | null,"shown_first_id"?: number | null,"shown_last_id"?: number | null,"status"?: string,"used"?: (number)[] | null,"user_id"?: string
                  }
                  Update: {
                    "attempts"?: number,"author"?: string,"canned_reply"?: string | null,"channel"?: string,"client_ref"?: string | null,"completion_tokens"?: number | null,"config_version"?: number | null,"conversation_id"?: string,"created_at"?: string,"delivered_at"?: string | null,"direction"?: string,"emits_events"?: boolean | null,"encoding"?: string | null,"error_code"?: number | null,"error_message"?: string | null,"generation_ms"?: number | null,"id"?: never,"in_reply_to"?: number | null,"intent"?: string | null,"is_open"?: never,"listed_empty_at"?: string | null,"media"?: NonNullable<Json>,"message_content"?: string,"message_sid"?: string | null,"model"?: string | null,"no_reply_reason"?: string | null,"occurred_at"?: string,"price"?: number | null,"price_unit"?: string | null,"prompt_hash"?: string | null,"prompt_tokens"?: number | null,"recipients"?: (string)[] | null,"resent_at"?: string | null,"response_seconds"?: number | null,"segments"?: number | null,"send_at"?: string | null,"sending_at"?: string | null,"sent_by"?: string | null,"shown_first_id"?: number | null,"shown_last_id"?: number | null,"status"?: string,"used"?: (number)[] | null,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "sms_messages_conversation_id_fkey"
      columns: ["conversation_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_conversations"
      referencedColumns: ["id","user_id"]
    },{
      foreignKeyName: "sms_messages_conversation_id_fkey"
      columns: ["conversation_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_inbox"
      referencedColumns: ["id","user_id"]
    }
                  ]
                },"sms_models": {
                  Row: {
                    "input_price": number | null,"model": string,"output_price": number | null,"read_on": string | null,"shuts_down_on": string | null,"source": string | null
                  }
                  ComputedFields: never
                  Insert: {
                    "input_price"?: number | null,"model": string,"output_price"?: number | null,"read_on"?: string | null,"shuts_down_on"?: string | null,"source"?: string | null
                  }
                  Update: {
                    "input_price"?: number | null,"model"?: string,"output_price"?: number | null,"read_on"?: string | null,"shuts_down_on"?: string | null,"source"?: string | null
                  }
                  Relationships: [
                    
                  ]
                },"sms_opt_outs": {
                  Row: {
                    "changed_at": string,"contact_number": string,"opted_out": boolean,"phone_number": string,"source": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "changed_at": string,"contact_number": string,"opted_out"?: boolean,"phone_number"?: string,"source": string,"user_id": string
                  }
                  Update: {
                    "changed_at"?: string,"contact_number"?: string,"opted_out"?: boolean,"phone_number"?: string,"source"?: string,"user_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"sms_passages": {
                  Row: {
                    "config_id": string | null,"content": string,"document_id": string,"id": number,"place": number,"title": string,"tokens": number,"user_id": string,"words": unknown
                  }
                  ComputedFields: never
                  Insert: {
                    "config_id"?: string | null,"content": string,"document_id": string,"id"?: never,"place": number,"title": string,"tokens": number,"user_id": string,"words": unknown
                  }
                  Update: {
                    "config_id"?: string | null,"content"?: string,"document_id"?: string,"id"?: never,"place"?: number,"title"?: string,"tokens"?: number,"user_id"?: string,"words"?: unknown
                  }
                  Relationships: [
                    {
      foreignKeyName: "sms_passages_document_id_fkey"
      columns: ["document_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_documents"
      referencedColumns: ["id","user_id"]
    }
                  ]
                },"sms_phrases": {
                  Row: {
                    "handled_by_twilio": boolean,"language": string,"meaning": string,"phrase": string,"whole_message_only": boolean
                  }
                  ComputedFields: never
                  Insert: {
                    "handled_by_twilio"?: boolean,"language": string,"meaning": string,"phrase": string,"whole_message_only"?: boolean
                  }
                  Update: {
                    "handled_by_twilio"?: boolean,"language"?: string,"meaning"?: string,"phrase"?: string,"whole_message_only"?: boolean
                  }
                  Relationships: [
                    
                  ]
                },"sms_questions": {
                  Row: {
                    "asked": number,"config_id": string,"conversation_id": string | null,"created_at": string,"document_id": string | null,"id": string,"last_asked_at": string,"message_id": number | null,"plain": string,"question": string,"status": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "asked"?: number,"config_id": string,"conversation_id"?: string | null,"created_at"?: string,"document_id"?: string | null,"id"?: string,"last_asked_at"?: string,"message_id"?: number | null,"plain": string,"question": string,"status"?: string,"user_id": string
                  }
                  Update: {
                    "asked"?: number,"config_id"?: string,"conversation_id"?: string | null,"created_at"?: string,"document_id"?: string | null,"id"?: string,"last_asked_at"?: string,"message_id"?: number | null,"plain"?: string,"question"?: string,"status"?: string,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "sms_questions_config_id_fkey"
      columns: ["config_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_configs"
      referencedColumns: ["id","user_id"]
    },{
      foreignKeyName: "sms_questions_conversation_id_fkey"
      columns: ["conversation_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_conversations"
      referencedColumns: ["id","user_id"]
    },{
      foreignKeyName: "sms_questions_conversation_id_fkey"
      columns: ["conversation_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_inbox"
      referencedColumns: ["id","user_id"]
    }
                  ]
                },"sms_replay_answers": {
                  Row: {
                    "attempts": number,"comment": string | null,"completion_tokens": number | null,"content": string | null,"diverged_call": Json | null,"encoding": string | null,"error": string | null,"generation_ms": number | null,"is_approximate": boolean | null,"is_over_budget": boolean | null,"lease_id": string | null,"leased_until": string | null,"mark": string | null,"marked_by": string | null,"message_id": number | null,"model": string | null,"place": number,"prompt_tokens": number | null,"replay_id": string,"same_language": boolean | null,"segments": number | null,"state": string,"used": Json | null,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "attempts"?: number,"comment"?: string | null,"completion_tokens"?: number | null,"content"?: string | null,"diverged_call"?: Json | null,"encoding"?: string | null,"error"?: string | null,"generation_ms"?: number | null,"is_approximate"?: boolean | null,"is_over_budget"?: boolean | null,"lease_id"?: string | null,"leased_until"?: string | null,"mark"?: string | null,"marked_by"?: string | null,"message_id"?: number | null,"model"?: string | null,"place": number,"prompt_tokens"?: number | null,"replay_id": string,"same_language"?: boolean | null,"segments"?: number | null,"state"?: string,"used"?: Json | null,"user_id": string
                  }
                  Update: {
                    "attempts"?: number,"comment"?: string | null,"completion_tokens"?: number | null,"content"?: string | null,"diverged_call"?: Json | null,"encoding"?: string | null,"error"?: string | null,"generation_ms"?: number | null,"is_approximate"?: boolean | null,"is_over_budget"?: boolean | null,"lease_id"?: string | null,"leased_until"?: string | null,"mark"?: string | null,"marked_by"?: string | null,"message_id"?: number | null,"model"?: string | null,"place"?: number,"prompt_tokens"?: number | null,"replay_id"?: string,"same_language"?: boolean | null,"segments"?: number | null,"state"?: string,"used"?: Json | null,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "sms_replay_answers_message_id_fkey"
      columns: ["message_id"]
isOneToOne: false
      referencedRelation: "sms_export"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "sms_replay_answers_message_id_fkey"
      columns: ["message_id"]
isOneToOne: false
      referencedRelation: "sms_inbox"
      referencedColumns: ["message_id"]
    },{
      foreignKeyName: "sms_replay_answers_message_id_fkey"
      columns: ["message_id"]
isOneToOne: false
      referencedRelation: "sms_messages"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "sms_replay_answers_replay_id_fkey"
      columns: ["replay_id"]
isOneToOne: false
      referencedRelation: "sms_replays"
      referencedColumns: ["id"]
    }
                  ]
                },"sms_replays": {
                  Row: {
                    "changes": NonNullable<Json>,"claimed_at": string | null,"config_id": string,"config_version": number,"created_at": string,"finished_at": string | null,"id": string,"message": string | null,"started_by": string | null,"status": string,"suspended_reason": string | null,"suspended_until": string | null,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "changes": NonNullable<Json>,"claimed_at"?: string | null,"config_id": string,"config_version": number,"created_at"?: string,"finished_at"?: string | null,"id"?: string,"message"?: string | null,"started_by"?: string | null,"status"?: string,"suspended_reason"?: string | null,"suspended_until"?: string | null,"user_id": string
                  }
                  Update: {
                    "changes"?: NonNullable<Json>,"claimed_at"?: string | null,"config_id"?: string,"config_version"?: number,"created_at"?: string,"finished_at"?: string | null,"id"?: string,"message"?: string | null,"started_by"?: string | null,"status"?: string,"suspended_reason"?: string | null,"suspended_until"?: string | null,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "sms_replays_config_id_fkey"
      columns: ["config_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_configs"
      referencedColumns: ["id","user_id"]
    }
                  ]
                },"sms_synonyms": {
                  Row: {
                    "first_sound": string,"language": string,"second_sound": string,"sound": string,"stands_for": string,"word": string,"words": number
                  }
                  ComputedFields: never
                  Insert: {
                    "first_sound"?: never,"language": string,"second_sound"?: never,"sound"?: never,"stands_for": string,"word": string,"words"?: never
                  }
                  Update: {
                    "first_sound"?: never,"language"?: string,"second_sound"?: never,"sound"?: never,"stands_for"?: string,"word"?: string,"words"?: never
                  }
                  Relationships: [
                    
                  ]
                },"sms_tool_calls": {
                  Row: {
                    "acts": boolean,"arguments": NonNullable<Json>,"conversation_id": string,"created_at": string,"duration_ms": number | null,"error": string | null,"id": number,"message_id": number,"name": string,"reply_id": number | null,"result": Json | null,"user_id": string,"waiting_since": string
                  }
                  ComputedFields: never
                  Insert: {
                    "acts": boolean,"arguments": NonNullable<Json>,"conversation_id": string,"created_at"?: string,"duration_ms"?: number | null,"error"?: string | null,"id"?: never,"message_id": number,"name": string,"reply_id"?: number | null,"result"?: Json | null,"user_id": string,"waiting_since": string
                  }
                  Update: {
                    "acts"?: boolean,"arguments"?: NonNullable<Json>,"conversation_id"?: string,"created_at"?: string,"duration_ms"?: number | null,"error"?: string | null,"id"?: never,"message_id"?: number,"name"?: string,"reply_id"?: number | null,"result"?: Json | null,"user_id"?: string,"waiting_since"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "sms_tool_calls_conversation_id_fkey"
      columns: ["conversation_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_conversations"
      referencedColumns: ["id","user_id"]
    },{
      foreignKeyName: "sms_tool_calls_conversation_id_fkey"
      columns: ["conversation_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_inbox"
      referencedColumns: ["id","user_id"]
    }
                  ]
                },"sms_webhook_logs": {
                  Row: {
                    "id": number,"message_sid": string | null,"outcome": string,"payload": NonNullable<Json>,"received_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "id"?: never,"message_sid"?: string | null,"outcome": string,"payload": NonNullable<Json>,"received_at"?: string
                  }
                  Update: {
                    "id"?: never,"message_sid"?: string | null,"outcome"?: string,"payload"?: NonNullable<Json>,"received_at"?: string
                  }
                  Relationships: [
                    
                  ]
                },"sms_workers": {
                  Row: {
                    "name": string,"notices": NonNullable<Json>,"realtime_ready_at": string | null,"seen_at": string,"version": string
                  }
                  ComputedFields: never
                  Insert: {
                    "name": string,"notices"?: NonNullable<Json>,"realtime_ready_at"?: string | null,"seen_at": string,"version": string
                  }
                  Update: {
                    "name"?: string,"notices"?: NonNullable<Json>,"realtime_ready_at"?: string | null,"seen_at"?: string,"version"?: string
                  }
                  Relationships: [
                    
                  ]
                }
          }
          Views: {
            "sms_export": {
                  Row: {
                    "author": string,"config_id": string,"contact_number": string | null,"conversation_id": string,"created_at": string,"direction": string,"error_code": number | null,"id": number,"message_content": string | null,"price": number | null,"price_unit": string | null,"segments": number | null,"status": string
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"sms_inbox": {
                  Row: {
                    "assigned_to": string | null,"auto_reply": boolean,"closed_at": string | null,"closed_by": string | null,"config_id": string,"contact_name": string | null,"contact_number": string,"contact_tags": (string)[] | null,"created_at": string,"id": string,"is_blocked": boolean,"is_opted_out": boolean | null,"last_message_at": string,"message_author": string | null,"message_content": string | null,"message_created_at": string | null,"message_direction": string | null,"message_id": number | null,"message_status": string | null,"no_reply_reason": string | null,"outcome": string | null,"paused_until": string | null,"read_up_to_id": number,"reply_error": string | null,"status": string,"unread_count": number | null,"user_id": string,"wants_human": boolean,"wants_human_since": string | null
                  }
                  ComputedFields: never
                  Relationships: [
                    {
      foreignKeyName: "sms_conversations_config_id_fkey"
      columns: ["config_id","user_id"]
isOneToOne: false
      referencedRelation: "sms_configs"
      referencedColumns: ["id","user_id"]
    }
                  ]
                }
          }
          Functions: {
            "accept_sms_invitation":
{ Args: { "p_invitation_id": string }; Returns: {
              "created_at": string,
"email": string,
"member_id": string,
"role": string,
"user_id": string
            }[]
                          SetofOptions: {
        from: "*"
        to: "sms_members"
        isOneToOne: false
        isSetofReturn: true
      } },
"add_sms_number":
{ Args: { "p_dry_run"?: boolean,"p_messaging_service_sid"?: string,"p_owner": string,"p_phone_number": string }; Returns: Json
                           },
"answer_sms_question":
{ Args: { "p_answer": string,"p_question_id": string }; Returns: {
              "config_id": string | null,
"content": string,
"created_at": string,
"enabled": boolean,
"id": string,
"language": string,
"source": string | null,
"title": string,
"updated_at": string,
"user_id": string
            }[]
                          SetofOptions: {
        from: "*"
        to: "sms_documents"
        isOneToOne: false
        isSetofReturn: true
      } },
"ask_sms_knowledge":
{ Args: { "p_config_id": string,"p_question": string }; Returns: {
              "content": string,"passage_id": number,"title": string
            }[]
                           },
"assign_sms_conversation":
{ Args: { "p_conversation_id": string,"p_member_id": string }; Returns: {
              "assigned_to": string | null,
"auto_reply": boolean,
"closed_at": string | null,
"closed_by": string | null,
"config_id": string,
"contact_number": string,
"created_at": string,
"id": string,
"is_blocked": boolean,
"is_reopened": boolean,
"last_incoming_id": number | null,
"last_message_at": string,
"last_pending_id": number | null,
"lease_id": string | null,
"leased_by": string | null,
"leased_context": Json | null,
"leased_for": string | null,
"leased_until": string | null,
"outcome": string | null,
"paused_until": string | null,
"read_up_to_id": number,
"reply_attempts": number,
"reply_due_at": string | null,
"reply_error": string | null,
"send_due_at": string | null,
"status": string,
"superseded": number,
"tool_calls_since": string | null,
"user_id": string,
"waiting_since": string | null,
"wants_human": boolean,
"wants_human_since": string | null
            }[]
                          SetofOptions: {
        from: "*"
        to: "sms_conversations"
        isOneToOne: false
        isSetofReturn: true
      } },
"call_sms_tool":
{ Args: { "p_arguments": Json,"p_asked_again"?: boolean,"p_lease_id": string,"p_message_id": number,"p_name": string }; Returns: Json
                           },
"cancel_sms_replay":
{ Args: { "p_replay_id": string }; Returns: undefined
                           },
"claim_sms_backfill":
{ Args: { "p_every"?: string,"p_lease"?: string }; Returns: Json
                           },
"claim_sms_event_deliveries":
{ Args: { "p_lease_id": string,"p_limit"?: number }; Returns: Json
                           },
"claim_sms_work":
{ Args: { "p_lease"?: string,"p_lease_id": string,"p_worker": string }; Returns: Json
                           },
"cleanup_old_sms_conversations":
{ Args: { "p_days"?: number }; Returns: number
                           },
"close_sms_conversation":
{ Args: { "p_conversation_id": string }; Returns: {
              "assigned_to": string | null,
"auto_reply": boolean,
"closed_at": string | null,
"closed_by": string | null,
"config_id": string,
"contact_number": string,
"created_at": string,
"id": string,
"is_blocked": boolean,
"is_reopened": boolean,
"last_incoming_id": number | null,
"last_message_at": string,
"last_pending_id": number | null,
"lease_id": string | null,
"leased_by": string | null,
"leased_context": Json | null,
"leased_for": string | null,
"leased_until": string | null,
"outcome": string | null,
"paused_until": string | null,
"read_up_to_id": number,
"reply_attempts": number,
"reply_due_at": string | null,
"reply_error": string | null,
"send_due_at": string | null,
"status": string,
"superseded": number,
"tool_calls_since": string | null,
"user_id": string,
"waiting_since": string | null,
"wants_human": boolean,
"wants_human_since": string | null
            }[]
                          SetofOptions: {
        from: "*"
        to: "sms_conversations"
        isOneToOne: false
        isSetofReturn: true
      } },
"create_sms_event_target":
{ Args: { "p_address": string,"p_config_id"?: string,"p_event_types": (string)[],"p_kind": string,"p_user_id"?: string,"p_with_content"?: boolean }; Returns: Json
                           },
"drop_sms_backlog":
{ Args: Record<PropertyKey, never>; Returns: number
                           },
"erase_sms_contact":
{ Args: { "p_contact_number": string,"p_user_id"?: string }; Returns: number
                           },
"fail_sms_reply":
{ Args: { "p_error": string,"p_lease_id": string,"p_retry_after"?: number,"p_suspends"?: boolean }; Returns: Json
                           },
"fail_sms_send":
{ Args: { "p_error_code"?: number,"p_error_message": string,"p_lease_id": string,"p_message_id": number,"p_outcome": string,"p_retry_after"?: number }; Returns: Json
                           },
"finish_sms_backfill":
{ Args: { "p_config_id": string,"p_every"?: string,"p_until"?: string }; Returns: undefined
                           },
"finish_sms_event_delivery":
{ Args: { "p_delivery_id": number,"p_error"?: string,"p_lease_id": string,"p_response_status": number,"p_retry_after"?: number }; Returns: Json
                           },
"finish_sms_send":
{ Args: { "p_encoding"?: string,"p_lease_id": string,"p_message_id": number,"p_message_sid": string,"p_next_lease_id"?: string,"p_segments"?: number,"p_status": string,"p_worker"?: string }; Returns: Json
                           },
"forget_sms_contact":
{ Args: { "p_contact_number": string,"p_user_id": string }; Returns: number
                           },
"get_sms_accounts":
{ Args: Record<PropertyKey, never>; Returns: {
              "email": string,"phone_numbers": (string)[],"role": string,"user_id": string
            }[]
                           },
"get_sms_conversation_history":
{ Args: { "p_before_id"?: number,"p_conversation_id": string,"p_limit"?: number }; Returns: {
              "attempts": number,
"author": string,
"canned_reply": string | null,
"channel": string,
"client_ref": string | null,
"completion_tokens": number | null,
"config_version": number | null,
"conversation_id": string,
"created_at": string,
"delivered_at": string | null,
"direction": string,
"emits_events": boolean | null,
"encoding": string | null,
"error_code": number | null,
"error_message": string | null,
"generation_ms": number | null,
"id": number,
"in_reply_to": number | null,
"intent": string | null,
"is_open": boolean,
"listed_empty_at": string | null,
"media": NonNullable<Json>,
"message_content": string,
"message_sid": string | null,
"model": string | null,
"no_reply_reason": string | null,
"occurred_at": string,
"price": number | null,
"price_unit": string | null,
"prompt_hash": string | null,
"prompt_tokens": number | null,
"recipients": (string)[] | null,
"resent_at": string | null,
"response_seconds": number | null,
"segments": number | null,
"send_at": string | null,
"sending_at": string | null,
"sent_by": string | null,
"shown_first_id": number | null,
"shown_last_id": number | null,
"status": string,
"used": (number)[] | null,
"user_id": string
            }[]
                          SetofOptions: {
        from: "*"
        to: "sms_messages"
        isOneToOne: false
        isSetofReturn: true
      } },
"get_sms_daily":
{ Args: { "p_config_id"?: string,"p_days"?: number,"p_user_id"?: string }; Returns: {
              "ai_replies": number,"answered_by_ai": number,"answered_by_human": number,"conversations": number,"cost": number,"currency": string,"day": string,"ended": number,"failed": number,"human_replies": number,"messages_in": number,"messages_out": number,"new_contacts": number,"reopened": number,"response_seconds": number,"responses": number,"segments": number,"tokens": number,"unanswered": number
            }[]
                           },
"get_sms_engagement_metrics":
{ Args: { "p_config_id"?: string,"p_days"?: number,"p_user_id"?: string }; Returns: {
              "active_contacts": number,"active_users_24h": number,"active_users_7d": number,"ai_replies": number,"avg_messages_per_contact": number,"avg_response_time_seconds": number,"conversations_answered_by_ai": number,"conversations_answered_by_human": number,"conversations_ended": number,"conversations_reopened": number,"conversations_unanswered": number,"first_reply_seconds_p50": number,"first_reply_seconds_p95": number,"human_replies": number,"share_answered_without_human": number,"total_contacts": number,"total_conversations": number,"total_messages": number
            }[]
                           },
"get_sms_health":
{ Args: Record<PropertyKey, never>; Returns: Json
                           },
"get_sms_message":
{ Args: { "p_message_id": number }; Returns: Json
                           },
"get_sms_replay":
{ Args: { "p_replay_id": string }; Returns: Json
                           },
"get_sms_setup":
{ Args: Record<PropertyKey, never>; Returns: Json
                           },
"get_sms_stats":
{ Args: Record<PropertyKey, never>; Returns: {
              "active_conversations": number,"active_users_24h": number,"active_users_7d": number,"ai_replies": number,"avg_messages_per_conversation": number,"avg_response_time_seconds": number,"conversations_24h": number,"cost": number,"currency": string,"failed": number,"human_replies": number,"messages_24h": number,"messages_in": number,"messages_out": number,"opted_out": number,"segments": number,"tokens": number,"total_contacts": number,"total_conversations": number,"total_messages": number
            }[]
                           },
"get_sms_team":
{ Args: { "p_user_id"?: string }; Returns: {
              "created_at": string,"email": string,"member_id": string,"role": string
            }[]
                           },
"get_user_sms_stats":
{ Args: { "p_user_id"?: string }; Returns: {
              "active_conversations": number,"active_users_24h": number,"active_users_7d": number,"ai_replies": number,"avg_messages_per_conversation": number,"avg_response_time_seconds": number,"conversations_24h": number,"cost": number,"currency": string,"failed": number,"human_replies": number,"messages_24h": number,"messages_in": number,"messages_out": number,"opted_out": number,"segments": number,"tokens": number,"total_contacts": number,"total_conversations": number,"total_messages": number
            }[]
                           },
"import_sms_document":
{ Args: { "p_config_id": string,"p_content": string,"p_language"?: string,"p_source": string,"p_title": string }; Returns: string
                           },
"ingest_sms":
{ Args: { "p_occurred_at"?: string,"p_payload": Json }; Returns: Json
                           },
"invite_sms_member":
{ Args: { "p_email": string,"p_role"?: string,"p_user_id"?: string }; Returns: {
              "accepted_at": string | null,
"created_at": string,
"email": string,
"expires_at": string,
"id": string,
"invited_by": string,
"role": string,
"user_id": string
            }[]
                          SetofOptions: {
        from: "*"
        to: "sms_invitations"
        isOneToOne: false
        isSetofReturn: true
      } },
"leave_sms_account":
{ Args: { "p_user_id": string }; Returns: undefined
                           },
"list_sms_event_deliveries":
{ Args: { "p_limit"?: number,"p_status"?: string }; Returns: Json
                           },
"list_sms_event_targets":
{ Args: Record<PropertyKey, never>; Returns: Json
                           },
"list_sms_numbers":
{ Args: Record<PropertyKey, never>; Returns: Json
                           },
"list_sms_tools":
{ Args: { "p_phone_number"?: string }; Returns: Json
                           },
"maintain_sms":
{ Args: { "p_every"?: string }; Returns: Json
                           },
"mark_sms_read":
{ Args: { "p_conversation_id": string,"p_up_to_id"?: number }; Returns: number
                           },
"mark_sms_replay_answer":
{ Args: { "p_comment"?: string,"p_mark": string,"p_place": number,"p_replay_id": string }; Returns: undefined
                           },
"missing_sms":
{ Args: { "p_sids": (string)[] }; Returns: (string)[]
                           },
"note_sms_models":
{ Args: { "p_shutdown_dates": Json }; Returns: undefined
                           },
"note_sms_refused":
{ Args: { "p_reason": string,"p_sid": string }; Returns: undefined
                           },
"note_sms_worker":
{ Args: { "p_name": string,"p_notices"?: Json,"p_realtime_ready_at"?: string,"p_version": string }; Returns: undefined
                           },
"queue_sms_reply":
{ Args: { "p_completion_tokens"?: number,"p_content": string,"p_encoding": string,"p_generation_ms"?: number,"p_lease_id": string,"p_message_id": number,"p_model"?: string,"p_prompt_hash"?: string,"p_prompt_tokens"?: number,"p_segments": number,"p_shown_first_id"?: number,"p_shown_last_id"?: number }; Returns: Json
                           },
"reconcile_sms":
{ Args: { "p_found": Json,"p_lease_id"?: string,"p_message_id": number }; Returns: Json
                           },
"record_sms_delivery":
{ Args: { "p_payload": Json }; Returns: Json
                           },
"record_sms_replay_answer":
{ Args: { "p_answer": Json,"p_lease_id": string }; Returns: Json
                           },
"record_sms_statuses":
{ Args: { "p_messages": Json }; Returns: number
                           },
"release_sms_work":
{ Args: { "p_lease_id": string }; Returns: boolean
                           },
"remove_sms_member":
{ Args: { "p_member_id": string,"p_user_id"?: string }; Returns: undefined
                           },
"remove_sms_worker":
{ Args: { "p_name": string }; Returns: undefined
                           },
"replay_sms_event_delivery":
{ Args: { "p_delivery_id": number }; Returns: {
              "attempts": number,
"conversation_id": string | null,
"created_at": string,
"due_at": string | null,
"ended_at": string | null,
"error": string | null,
"event_id": string,
"id": number,
"lease_id": string | null,
"response_status": number | null,
"retry_until": string,
"status": string,
"target_id": string,
"user_id": string
            }[]
                          SetofOptions: {
        from: "*"
        to: "sms_event_deliveries"
        isOneToOne: false
        isSetofReturn: true
      } },
"resend_sms":
{ Args: { "p_message_id": number }; Returns: number
                           },
"restore_sms_config_version":
{ Args: { "p_config_id": string,"p_version": number }; Returns: {
              "addresses": (string)[],
"answer_groups": boolean,
"answer_within": string,
"auto_reply": boolean,
"backfill_due_at": string,
"backfilled_until": string,
"bot_reply": string | null,
"close_after": string | null,
"context_attributes": (string)[],
"created_at": string,
"event_types": (string)[],
"fallback_reply": string | null,
"first_reply_notice": string | null,
"fold_accents": boolean,
"handoff_reply": string | null,
"help_reply": string | null,
"history_across": boolean,
"history_limit": number,
"id": string,
"knowledge_size": number,
"knowledge_tokens": number,
"max_segments": number,
"max_tokens": number,
"messaging_service_sid": string | null,
"number_replies_per_day": number,
"openai_model": string,
"opt_out_reply": string | null,
"own_opt_out": boolean,
"phone_number": string,
"promise_human": boolean | null,
"quiet_from": string | null,
"quiet_until": string | null,
"rate_limit_reply": string | null,
"replies_per_day": number,
"replies_per_hour": number,
"reply_delay": string,
"staff_numbers": (string)[],
"stay_silent_for": (string)[],
"suspended_reason": string | null,
"suspended_until": string | null,
"system_prompt": string,
"takeover_pause": string,
"temperature": number | null,
"time_zone": string,
"tools": (string)[] | null,
"user_id": string,
"version": number
            }[]
                          SetofOptions: {
        from: "*"
        to: "sms_configs"
        isOneToOne: false
        isSetofReturn: true
      } },
"search_sms":
{ Args: { "p_before_id"?: number,"p_limit"?: number,"p_query": string,"p_user_id"?: string }; Returns: {
              "attempts": number,
"author": string,
"canned_reply": string | null,
"channel": string,
"client_ref": string | null,
"completion_tokens": number | null,
"config_version": number | null,
"conversation_id": string,
"created_at": string,
"delivered_at": string | null,
"direction": string,
"emits_events": boolean | null,
"encoding": string | null,
"error_code": number | null,
"error_message": string | null,
"generation_ms": number | null,
"id": number,
"in_reply_to": number | null,
"intent": string | null,
"is_open": boolean,
"listed_empty_at": string | null,
"media": NonNullable<Json>,
"message_content": string,
"message_sid": string | null,
"model": string | null,
"no_reply_reason": string | null,
"occurred_at": string,
"price": number | null,
"price_unit": string | null,
"prompt_hash": string | null,
"prompt_tokens": number | null,
"recipients": (string)[] | null,
"resent_at": string | null,
"response_seconds": number | null,
"segments": number | null,
"send_at": string | null,
"sending_at": string | null,
"sent_by": string | null,
"shown_first_id": number | null,
"shown_last_id": number | null,
"status": string,
"used": (number)[] | null,
"user_id": string
            }[]
                          SetofOptions: {
        from: "*"
        to: "sms_messages"
        isOneToOne: false
        isSetofReturn: true
      } },
"send_sms":
{ Args: { "p_client_ref"?: string,"p_content": string,"p_conversation_id": string }; Returns: {
              "attempts": number,
"author": string,
"canned_reply": string | null,
"channel": string,
"client_ref": string | null,
"completion_tokens": number | null,
"config_version": number | null,
"conversation_id": string,
"created_at": string,
"delivered_at": string | null,
"direction": string,
"emits_events": boolean | null,
"encoding": string | null,
"error_code": number | null,
"error_message": string | null,
"generation_ms": number | null,
"id": number,
"in_reply_to": number | null,
"intent": string | null,
"is_open": boolean,
"listed_empty_at": string | null,
"media": NonNullable<Json>,
"message_content": string,
"message_sid": string | null,
"model": string | null,
"no_reply_reason": string | null,
"occurred_at": string,
"price": number | null,
"price_unit": string | null,
"prompt_hash": string | null,
"prompt_tokens": number | null,
"recipients": (string)[] | null,
"resent_at": string | null,
"response_seconds": number | null,
"segments": number | null,
"send_at": string | null,
"sending_at": string | null,
"sent_by": string | null,
"shown_first_id": number | null,
"shown_last_id": number | null,
"status": string,
"used": (number)[] | null,
"user_id": string
            }[]
                          SetofOptions: {
        from: "*"
        to: "sms_messages"
        isOneToOne: false
        isSetofReturn: true
      } },
"set_sms_opt_out":
{ Args: { "p_contact_number": string,"p_opted_out"?: boolean,"p_phone_number"?: string,"p_user_id": string }; Returns: undefined
                           },
"start_sms_preview":
{ Args: { "p_changes": Json,"p_config_id": string,"p_message": string }; Returns: string
                           },
"start_sms_replay":
{ Args: { "p_changes": Json,"p_config_id": string,"p_limit"?: number,"p_since"?: string }; Returns: string
                           },
"test_sms_event_target":
{ Args: { "p_target_id": string }; Returns: number
                           },
"try_sms_tool":
{ Args: { "p_arguments": Json,"p_contact_number": string,"p_name": string,"p_phone_number"?: string,"p_undo"?: boolean }; Returns: Json
                           },
"upsert_sms_contacts":
{ Args: { "p_contacts": Json,"p_user_id"?: string }; Returns: number
                           }
          }
          Enums: {
            [_ in never]: never
          }
          CompositeTypes: {
            [_ in never]: never
          }
        }
}

type DatabaseWithoutInternals = Omit<Database, '__InternalSupabase'>

type DefaultSchema = DatabaseWithoutInternals[Extract<keyof Database, "public">]

export type Tables<
  DefaultSchemaTableNameOrOptions extends
    | keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
        DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
      DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])[TableName] extends {
      Row: infer R
    }
    ? R
    : never
  : DefaultSchemaTableNameOrOptions extends keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
  ? (DefaultSchema["Tables"] & DefaultSchema["Views"])[DefaultSchemaTableNameOrOptions] extends {
      Row: infer R
    }
    ? R
    : never
  : never

export type TablesInsert<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Insert: infer I
    }
    ? I
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
  ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Insert: infer I
    }
    ? I
    : never
  : never

export type TablesUpdate<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Update: infer U
    }
    ? U
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
  ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Update: infer U
    }
    ? U
    : never
  : never

export type Enums<
  DefaultSchemaEnumNameOrOptions extends
    | keyof DefaultSchema["Enums"]
    | { schema: keyof DatabaseWithoutInternals },
  EnumName extends DefaultSchemaEnumNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"]
    : never = never
> = DefaultSchemaEnumNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"][EnumName]
  : DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"]
  ? DefaultSchema["Enums"][DefaultSchemaEnumNameOrOptions]
  : never

export type CompositeTypes<
  PublicCompositeTypeNameOrOptions extends
    | keyof DefaultSchema["CompositeTypes"]
    | { schema: keyof DatabaseWithoutInternals },
  CompositeTypeName extends PublicCompositeTypeNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"]
    : never = never
> = PublicCompositeTypeNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"][CompositeTypeName]
  : PublicCompositeTypeNameOrOptions extends keyof DefaultSchema["CompositeTypes"]
  ? DefaultSchema["CompositeTypes"][PublicCompositeTypeNameOrOptions]
  : never

export const Constants = {
  "public": {
          Enums: {
            
          }
        }
} as const
