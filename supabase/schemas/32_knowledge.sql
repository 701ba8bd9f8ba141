-- What the business knows: documents, in passages that fit a prompt, and what nobody could answer.
--
-- Six thousand tokens of a small business's facts cost a fraction of a message segment, so everything
-- goes into the prompt while it fits (sms_configs.knowledge_tokens); search begins where that ends.
-- Passages are found by their words: of the document's language and as they stand, rare words first
-- (BM25), and by what looks alike where a word is not found at all. Meaning without a common word is
-- not found; sms_passages has room for an embedding column beside words.

create extension if not exists pg_trgm with schema extensions;

create table public.sms_documents (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null default auth.uid(),
  config_id uuid,
  title text not null,
  content text not null,
  language text not null default 'simple',
  enabled boolean not null default true,
  source text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint sms_documents_pkey primary key (id),
  constraint sms_documents_id_user_id_key unique (id, user_id),
  constraint sms_documents_source_key unique nulls distinct (user_id, config_id, source),
  constraint sms_documents_user_id_fkey foreign key (user_id)
    references auth.users (id) on delete cascade,
  constraint sms_documents_config_id_fkey foreign key (config_id, user_id)
    references public.sms_configs (id, user_id) on delete cascade,
  constraint sms_documents_title_check check (length(btrim(title)) between 1 and 200),
  constraint sms_documents_content_check check (
    length(content) between 1 and 100000 and content !~ '[\u0001-\u0008\u000e-\u001f\ufffe\uffff]'
  ),
  constraint sms_documents_language_check check (language in (
    'simple', 'danish', 'dutch', 'english', 'finnish', 'french', 'german', 'hungarian', 'italian',
    'norwegian', 'portuguese', 'romanian', 'russian', 'spanish', 'swedish', 'turkish'
  )),
  constraint sms_documents_source_check check (length(source) <= 200)
);
create index sms_documents_user_id_idx on public.sms_documents (user_id, title);
create index sms_documents_config_id_idx on public.sms_documents (config_id, user_id);

comment on table public.sms_documents is
  'What the assistant may tell, written by admins: opening hours, prices, how things are done. Text '
  'or Markdown; a blank line ends a paragraph, # begins a heading. config_id null: for all numbers '
  'of the account.';
comment on column public.sms_documents.language is
  'How words are reduced to their stems (a Postgres text search configuration); simple: not at all.';
comment on column public.sms_documents.source is
  'Where it was imported from, such as a file''s name: importing it again replaces it.';
comment on constraint sms_documents_title_check on public.sms_documents is
  'title has 1 to 200 characters.';
comment on constraint sms_documents_content_check on public.sms_documents is
  'content is text of 1 to 100,000 characters.';
comment on constraint sms_documents_language_check on public.sms_documents is
  'language is a text search configuration such as spanish, english, french, portuguese or simple.';
comment on constraint sms_documents_source_check on public.sms_documents is
  'source has at most 200 characters.';

create table public.sms_passages (
  id bigint generated always as identity,
  document_id uuid not null,
  user_id uuid not null,
  config_id uuid,
  place integer not null,
  title text not null,
  content text not null,
  tokens integer not null,
  words tsvector not null,
  constraint sms_passages_pkey primary key (id),
  constraint sms_passages_document_id_fkey foreign key (document_id, user_id)
    references public.sms_documents (id, user_id) on delete cascade
);
create index sms_passages_document_id_idx on public.sms_passages (document_id, place);
create index sms_passages_user_id_idx on public.sms_passages (user_id, document_id, place);
create index sms_passages_words_idx on public.sms_passages
  using gin (words) with (fastupdate = off); -- written by hand, read by every message
alter table public.sms_passages alter column words set storage main; -- a passage is one page to read

comment on table public.sms_passages is
  'The parts of enabled documents, made by a trigger: sms_messages.used names those that a reply was '
  'made with.';
comment on column public.sms_passages.title is 'The document''s title and the headings above it.';
comment on column public.sms_passages.tokens is
  'At most this many tokens of a model: its bytes by three, counted conservatively.';

-- In how many of an account's passages a word or stem stands: what tells a rare word from a common
-- one without a look at the passages, and a mistyped one from one that is known.
create table sms.known_words (
  user_id uuid not null,
  word text collate "C" not null, -- so that the key is in the order of first letters
  passages integer not null,
  constraint known_words_pkey primary key (user_id, word),
  constraint known_words_user_id_fkey foreign key (user_id)
    references auth.users (id) on delete cascade
) with (fillfactor = 70); -- a count changes in its page

-- What people call the same thing, in words of any shop: asked for one, a passage with another is found
-- as well. Written without accents.
create table sms.knowledge_synonyms (
  word text not null,
  topic text not null,
  constraint knowledge_synonyms_pkey primary key (word, topic)
);
create index knowledge_synonyms_topic_idx on sms.knowledge_synonyms (topic);

-- English, Spanish as it is texted from Madrid to Buenos Aires, French and Portuguese: a guest asks in
-- another language than the one the facts are written in.
insert into sms.knowledge_synonyms (topic, word)
select t.topic, w.word
from (values
  ('price', 'price|cost|charge|fee|rate|much|precio|cuesta|costo|coste|vale|valen|cobran|cobrais'),
  ('price', 'tarifa|sale|sali|euro|peso|plata|lana|prix|coute|tarif|combien|preco|custa|valor'),
  ('price', 'quanto'),
  ('hours', 'hours|open|opening|close|closing|horario|abren|abris|abre|abierto|cierran|cierra'),
  ('hours', 'cerrado|atienden|hora|horaire|ouvert|ouvrez|ferme|fermez|abrem|fecham|fechado|aberto'),
  ('place', 'address|located|location|where|direccion|ubicacion|ubicado|llegar|calle|queda'),
  ('place', 'domicilio|adresse|rue|endereco|rua|onde'),
  ('discount', 'discount|offer|deal|cheaper|package|descuento|rebaja|oferta|promocion|promo|plan'),
  ('discount', 'planes|paquete|bono|tarjeta|remise|reduction|desconto|pacote'),
  ('booking', 'appointment|booking|book|reserve|reservation|cita|reserva|reservar|turno|hueco'),
  ('booking', 'pedir|rendez|rdv|marcar|agendar|consulta'),
  ('cancel', 'cancel|change|reschedule|postpone|cancelar|anular|cambiar|aplazar|posponer|annuler'),
  ('cancel', 'adiar'),
  ('late', 'late|delay|delayed|traffic|tarde|retraso|retrasado|demora|demorado|atrasado|trafico'),
  ('late', 'atasco|retard|embouteillage|atraso|transito'),
  ('pay', 'pay|payment|card|cash|installment|invoice|bill|pagar|pago|abonar|plazo|cuota|tarjeta'),
  ('pay', 'efectivo|transferencia|bizum|factura|boleta|payer|paiement|especes|facture|pagamento'),
  ('pay', 'dinheiro'),
  ('deposit', 'deposit|advance|anticipo|adelanto|sena|senal|fianza|acompte|caution|sinal|deposito'),
  ('call', 'call|phone|number|contact|telephone|dial|llamar|llamo|marco|telefono|celu|celular'),
  ('call', 'movil|numero|contacto|appeler|portable|ligar|telefone|telemovel'),
  ('message', 'message|text|mail|mensaje|mensajito|whatsapp|correo|courriel|mensagem'),
  ('lost', 'lost|missing|ran|perdido|perdi|pierde|escapo|escapado|escapa|extraviado|perdu|fugiu'),
  ('found', 'found|stray|encontre|encontro|encuentra|halle|trouve|encontrei|callejero'),
  ('urgent', 'emergency|urgent|urgencia|urgente|emergencia|grave|guardia|urgence'),
  ('night', 'night|noche|nocturno|madrugada|medianoche|nuit|noite'),
  ('today', 'today|hoy|mismo|aujourd|hoje'),
  ('weekend', 'weekend|saturday|sunday|sabado|domingo|finde|samedi|dimanche'),
  ('holiday', 'holiday|christmas|festivo|feriado|navidad|vacaciones|noel|vacances|natal|ferias'),
  ('summer', 'summer|verano|ete|verao|july|august|julio|agosto|juillet|aout|julho'),
  ('winter', 'winter|invierno|hiver|inverno|january|enero|janvier|janeiro'),
  ('parking', 'parking|park|garage|aparcar|aparcamiento|estacionar|estacionamiento|cochera|coche'),
  ('transport', 'bus|train|subway|line|autobus|colectivo|camion|bondi|guagua|micro|metro|linea'),
  ('transport', 'parada|tren|ligne|arret|onibus|comboio|linha'),
  ('car', 'car|drive|coche|auto|carro|voiture'),
  ('access', 'wheelchair|disabled|ramp|stairs|silla|ruedas|rampa|escalera|escalon|accesible'),
  ('access', 'movilidad|fauteuil|rampe|escalier|cadeira|escada'),
  ('delivery', 'delivery|deliver|shipping|ship|envio|enviar|domicilio|reparto|repartir|livraison'),
  ('delivery', 'entrega'),
  ('return', 'return|refund|exchange|devolver|devolucion|devuelven|regresan|reembolso|rembourser'),
  ('return', 'troca'),
  ('need', 'bring|need|required|requirement|paperwork|necesito|traer|llevar|documento|papel'),
  ('need', 'requisito|piden|besoin|apporter|preciso|trazer|documentos|papeles'),
  ('travel', 'travel|trip|fly|flight|plane|abroad|viaje|viajar|vamos|avion|volar|vuelo|extranjero'),
  ('travel', 'frontera|europa|voyage|voler|etranger|viagem|voo|aviao'),
  ('stay', 'stay|hotel|boarding|room|night|lodging|hospedaje|hospedado|alojamiento|guarderia'),
  ('stay', 'pension|habitacion|cuarto|sejour|chambre|quarto'),
  ('hospital', 'hospital|admitted|inpatient|internado|internada|internar|ingresado|ingreso'),
  ('hospital', 'hospitalizado|hospitalizacion|hospitalise'),
  ('visit', 'visit|see|visita|visitar|ver|visite'),
  ('surgery', 'surgery|operation|operate|operacion|operar|operan|cirugia|quirofano|chirurgie'),
  ('surgery', 'cirurgia'),
  ('neuter', 'neuter|spay|castrate|sterilize|castrar|castracion|esterilizar|esterilizacion|capar'),
  ('neuter', 'steriliser'),
  ('vaccine', 'vaccine|shot|jab|vaccination|vacuna|vacunar|piquete|pinchazo|inyeccion|vaccin'),
  ('vaccine', 'vacina'),
  ('fasting', 'fasting|ayuno|ayunas|comer|come|comida|jeun|jejum'),
  ('birth', 'birth|labor|labour|pregnant|parto|parir|pariendo|nace|nacer|cria|embarazada|prenada'),
  ('birth', 'empuja|empujando|accouchement|enceinte|naissance|gravida'),
  ('pain', 'pain|hurt|sick|ill|dolor|duele|enfermo|malo|malito|vomita|fiebre|douleur|malade|dor'),
  ('pain', 'doente'),
  ('medicine', 'medicine|drug|pill|prescription|medicina|medicamento|remedio|pastilla|receta'),
  ('medicine', 'ordonnance|medicament|comprimido|receita'),
  ('test', 'test|result|blood|sample|xray|analisis|analitica|prueba|resultado|sangre|muestra'),
  ('test', 'placa|radiografia|analyse|resultat|sang|exame'),
  ('doctor', 'doctor|specialist|medico|doctora|especialista|medecin|docteur|medica'),
  ('tooth', 'tooth|teeth|dental|dentist|diente|muela|boca|dent|dente'),
  ('hair', 'hair|haircut|groom|cut|pelo|corte|peluqueria|peinar|cheveux|coupe|cabelo'),
  ('wash', 'bath|wash|clean|bano|banar|banan|lavar|limpieza|bain|laver|banho|limpeza'),
  ('nails', 'nail|claw|una|unas|ongle|unha'),
  ('food', 'food|menu|eat|meal|comida|comer|pienso|croqueta|alimento|nourriture|repas|racao'),
  ('allergy', 'allergy|allergic|gluten|vegan|vegetarian|alergia|celiaco|vegano|vegetariano'),
  ('allergy', 'allergie'),
  ('child', 'child|kid|baby|nino|chico|bebe|hijo|enfant|crianca'),
  ('old', 'old|elderly|senior|retired|pensioner|mayor|viejo|viejito|jubilado|anciano|vieux'),
  ('old', 'retraite|idoso'),
  ('dog', 'dog|puppy|perro|perra|perrito|cachorro|can|chien|chiot|cao'),
  ('cat', 'cat|kitten|gato|gata|gatito|michi|chat|chaton'),
  ('male', 'male|macho|masculino|man|men|hombre|homme|homem'),
  ('female', 'female|hembra|femenino|woman|women|mujer|femme|mulher'),
  ('language', 'language|speak|english|french|idioma|habla|hablan|hable|ingles|frances|langue'),
  ('language', 'parle|fala'),
  ('complaint', 'complain|complaint|manager|queja|quejarme|reclamo|reclamar|reclamacion|plainte'),
  ('complaint', 'reclamacao'),
  ('data', 'privacy|data|delete|unsubscribe|datos|privacidad|borrar|baja|donnees|dados'),
  ('insurance', 'insurance|insured|seguro|aseguradora|poliza|obra|assurance'),
  ('points', 'points|loyalty|reward|puntos|fidelidad|premio|fidelite|pontos'),
  ('class', 'class|course|lesson|training|clase|curso|taller|entrenar|cours|aula'),
  ('death', 'died|dead|death|murio|muerto|muere|fallecio|fallecer|mort|decede|morreu'),
  ('warranty', 'warranty|guarantee|repair|fix|garantia|arreglar|reparar|reparacion|garantie'),
  ('warranty', 'conserto')
) as t (topic, words)
cross join lateral unnest(string_to_array(t.words, '|')) as w (word)
on conflict do nothing;

-- Documents are cut into passages where they are written; what did not change keeps its id.

-- Lower case without accents: how passages and questions are compared.
create function sms.plain_text(p_text text)
returns text language plpgsql immutable parallel safe set search_path = '' as $$
begin
  return regexp_replace(
    lower(regexp_replace(normalize(p_text, NFKD), '[\u0300-\u036f]', '', 'g')),
    '[^[:alnum:]€$%:]+', ' ', 'g'
  );
end;
$$;

-- The words of a passage as they stand and reduced to stems, those of its title with weight A, each
-- behind a key of its account: the index holds all accounts, and a question reads its own alone.
create function sms.knowledge_words(
  p_user_id uuid, p_language text, p_title text, p_content text
)
returns tsvector language plpgsql immutable set search_path = '' as $$
declare
  v_title text := sms.plain_text(p_title);
  v_content text := sms.plain_text(p_content);
  v_language regconfig := ('pg_catalog.' || p_language)::regconfig;
begin
  return (
    select string_agg(
      quote_literal(right(p_user_id::text, 8) || '.' || left(w.lexeme, 100)) || ':' || (
        select string_agg(n || coalesce(nullif(w.weights[n], 'D'), ''), ',')
        from generate_subscripts(w.positions, 1) as n
      ), ' '
    )::tsvector
    from unnest(
      setweight(to_tsvector('pg_catalog.simple', v_title) || to_tsvector(v_language, v_title), 'A')
        || to_tsvector('pg_catalog.simple', v_content) || to_tsvector(v_language, v_content)
    ) as w (lexeme, positions, weights)
  );
end;
$$;

-- A document as passages of 200 to 1,200 characters: paragraphs and lists whole where they fit, the
-- headings above them as title.
create function sms.cut_into_passages(p_title text, p_content text)
returns table (place integer, title text, content text)
language plpgsql immutable set search_path = '' as $$
declare
  v_block text;
  v_headings text[] := array[]::text[];
  v_level integer;
  v_now text := '';
begin
  place := 0;
  title := p_title;
  for v_block in
    select sms.cut_block(b.block)
    from regexp_split_to_table(replace(p_content, E'\r\n', E'\n'), '\n[ \t]*\n|\n(?=#{1,6} )|(?<=\n)(?=#{1,6} )') as b (block)
  loop
    if v_block ~ '^#{1,6} ' then
      if btrim(v_now) <> '' then
        place := place + 1;
        content := btrim(v_now, E' \n');
        return next;
      end if;
      v_now := '';
      v_level := length(substring(v_block from '^#+'));
      v_headings := v_headings[1:v_level - 1] || regexp_replace(split_part(v_block, E'\n', 1), '^#+ +| +#*$', '', 'g');
      title := array_to_string(array_remove(p_title || v_headings, null), ' > ');
      v_block := substr(v_block, length(split_part(v_block, E'\n', 1)) + 2);
    end if;
    if length(v_now) + length(v_block) > 700 and length(v_now) >= 200
      or length(v_now) + length(v_block) > 1198 then
      place := place + 1;
      content := btrim(v_now, E' \n');
      if content <> '' then
        return next;
      end if;
      v_now := '';
    end if;
    v_now := v_now || case when v_now = '' then '' else E'\n\n' end || btrim(v_block, E' \n');
  end loop;
  if btrim(v_now, E' \n') <> '' then
    place := place + 1;
    content := btrim(v_now, E' \n');
    return next;
  end if;
end;
$$;

-- A block in pieces of at most 900 characters: cut at a line, else after a sentence, else at a space,
-- else anywhere.
create function sms.cut_block(p_block text)
returns setof text language plpgsql immutable set search_path = '' as $$
declare
  v_rest text := p_block;
  v_piece text;
begin
  while length(v_rest) > 900 loop
    v_piece := coalesce(
      substring(left(v_rest, 900) from '^(.{200,})\n'),
      substring(left(v_rest, 900) from '^(.{200,}[.!?…]) '),
      substring(left(v_rest, 900) from '^(.{200,}) '),
      left(v_rest, 900)
    );
    return next v_piece;
    v_rest := ltrim(substr(v_rest, length(v_piece) + 1), E' \n');
  end loop;
  return next v_rest;
end;
$$;

-- A document was written: its passages are cut anew, and numbers learn how much there is to know.
create function sms.index_document()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'UPDATE' then
    delete from public.sms_passages as p
    where p.document_id = old.id and (
      not new.enabled or not exists (
        select from sms.cut_into_passages(new.title, new.content) as n
        where n.title = p.title and n.content = p.content
      )
      or old.language <> new.language or old.config_id is distinct from new.config_id
    );
  end if;
  if new.enabled then
    update public.sms_passages as p set place = n.place
    from sms.cut_into_passages(new.title, new.content) as n
    where p.document_id = new.id and n.title = p.title and n.content = p.content
      and p.place <> n.place;
    insert into public.sms_passages
      (document_id, user_id, config_id, place, title, content, tokens, words)
    select new.id, new.user_id, new.config_id, n.place, n.title, n.content,
      (octet_length(n.title) + octet_length(n.content)) / 3 + 8,
      coalesce(sms.knowledge_words(new.user_id, new.language, n.title, n.content), '')
    from sms.cut_into_passages(new.title, new.content) as n
    where not exists (
      select from public.sms_passages as p
      where p.document_id = new.id and p.title = n.title and p.content = n.content
    );
  end if;
  perform sms.count_knowledge(new.user_id);
  return null;
end;
$$;

create trigger sms_documents_index
  after insert or update of title, content, language, enabled, config_id on public.sms_documents
  for each row execute function sms.index_document();

-- Keeps sms.known_words. One session at a time for an account: words are locked in any order.
create function sms.count_words()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform sms.lock_documents(c.user_id)
  from (select distinct n.user_id from changed as n order by n.user_id) as c;
  if tg_op = 'INSERT' then
    insert into sms.known_words as k (user_id, word, passages)
    select c.user_id, substr(w.lexeme, 10), count(*) -- behind the account's key
    from changed as c cross join lateral unnest(c.words) as w
    group by c.user_id, substr(w.lexeme, 10)
    on conflict (user_id, word) do update set passages = k.passages + excluded.passages;
  else
    update sms.known_words as k set passages = k.passages - n.passages
    from (
      select c.user_id, substr(w.lexeme, 10) collate "C" as word, count(*) as passages
      from changed as c cross join lateral unnest(c.words) as w
      group by c.user_id, substr(w.lexeme, 10)
    ) as n
    where k.user_id = n.user_id and k.word = n.word;
    delete from sms.known_words as k
    using (
      select distinct c.user_id, substr(w.lexeme, 10) collate "C" as word
      from changed as c cross join lateral unnest(c.words) as w
    ) as n
    where k.user_id = n.user_id and k.word = n.word and k.passages <= 0;
  end if;
  return null;
end;
$$;

create trigger sms_passages_count_new_words
  after insert on public.sms_passages referencing new table as changed
  for each statement execute function sms.count_words();
create trigger sms_passages_count_lost_words
  after delete on public.sms_passages referencing old table as changed
  for each statement execute function sms.count_words();

create function sms.lock_documents(p_user_id uuid)
returns void language plpgsql set search_path = '' as $$
begin
  perform pg_advisory_xact_lock(32, hashtext(p_user_id::text)); -- 32: this chapter
end;
$$;

-- Tells an account's numbers how much they know.
create function sms.count_knowledge(p_user_id uuid)
returns void language plpgsql set search_path = '' as $$
begin
  update public.sms_configs as f set knowledge_size = n.size
  from (
    select o.id, coalesce(sum(p.tokens), 0) as size
    from public.sms_configs as o
    left join public.sms_passages as p
      on p.user_id = o.user_id and (p.config_id is null or p.config_id = o.id)
    where o.user_id = p_user_id
    group by o.id
  ) as n
  where f.id = n.id and f.knowledge_size <> n.size;
end;
$$;

-- A document went, or there is a new number, which knows what is for all numbers.
create function sms.recount_knowledge()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform sms.count_knowledge(case tg_op when 'DELETE' then old.user_id else new.user_id end);
  return null;
end;
$$;

create trigger sms_documents_after_deleted
  after delete on public.sms_documents
  for each row execute function sms.recount_knowledge();
create trigger sms_configs_after_added
  after insert on public.sms_configs
  for each row execute function sms.recount_knowledge();

-- The document is its number's account's; an account has 1,000 at most. Its row is locked by the
-- number of its documents being counted under an advisory lock.
create function sms.admit_document()
returns trigger language plpgsql security definer set search_path = '' as $$
begin
  new.updated_at := clock_timestamp();
  if tg_op = 'UPDATE' then
    return new;
  end if;
  perform sms.require_role(new.user_id, 'admin');
  perform sms.lock_documents(new.user_id);
  if (select count(*) from public.sms_documents as d where d.user_id = new.user_id)
    >= (sms.policy()).documents_ceiling then
    raise exception using errcode = 'PT422', message = 'The account has as many documents as it may',
      hint = 'Delete some, or put several into one.';
  end if;
  return new;
end;
$$;

create trigger sms_documents_admit
  before insert or update on public.sms_documents
  for each row execute function sms.admit_document();

create trigger sms_documents_refuse_invalid
  before insert or update on public.sms_documents
  for each row execute function sms.refuse_invalid();

-- What a prompt holds. Everything while it fits, always in the same order, so that the provider's
-- prompt cache serves it; else what answers the waiting messages best.
create function sms.passages_for(
  p_conversation public.sms_conversations, p_config public.sms_configs
)
returns bigint[] language plpgsql stable set search_path = '' set enable_seqscan = off as $$
begin
  if p_config.knowledge_size <= p_config.knowledge_tokens then
    return array(
      select p.id from public.sms_passages as p
      join public.sms_documents as d on d.id = p.document_id
      where p.user_id = p_config.user_id
        and (p.config_id is null or p.config_id = p_config.id)
      order by d.created_at, d.id, p.place, p.id
    );
  end if;
  return sms.find_passages(p_config.user_id, p_config.id, (
    select string_agg(m.message_content, ' ' order by m.id)
    from (
      select i.id, i.message_content from public.sms_messages as i
      where i.conversation_id = p_conversation.id and i.direction = 'incoming'
        and i.id <= p_conversation.last_pending_id
      order by i.id desc
      limit greatest(sms.unanswered(p_conversation), 1)
    ) as m
  ), p_config.knowledge_tokens);
end;
$$;

create function sms.ids_of(p_ids jsonb)
returns bigint[] language plpgsql immutable set search_path = '' as $$
begin
  return case when jsonb_typeof(p_ids) = 'array'
    then array(select i::bigint from jsonb_array_elements_text(p_ids) as i) end;
end;
$$;

-- The passages by their ids, in that order: [{title, content}]; null: none.
create function sms.passages_of(p_ids jsonb)
returns jsonb language plpgsql stable set search_path = '' as $$
begin
  if p_ids is null then
    return null;
  end if;
  return (
    select jsonb_agg(jsonb_build_object('title', p.title, 'content', p.content) order by i.place)
    from jsonb_array_elements_text(p_ids) with ordinality as i (id, place)
    join public.sms_passages as p on p.id = i.id::bigint
  );
end;
$$;

-- The passages that answer a question best, within a number of tokens: ids, best first. Each word
-- counts by how rare it is among the passages and how often it stands in one (BM25, k1 = 1.2,
-- b = 0.4: Robertson and Zaragoza 2009), in a heading twice; of a word and what stands for it the
-- best counts. At most 1,000 passages are looked at, those with the rarest words, however large the
-- library and long the question: common words only order them.
create function sms.find_passages(
  p_user_id uuid, p_config_id uuid, p_question text, p_tokens integer
)
returns bigint[] language plpgsql stable set search_path = '' set enable_seqscan = off as $$
declare
  v_most constant integer := 1000;
  v_usual constant integer := 160; -- tokens of a passage, to count passages without reading them
  v_key text := right(p_user_id::text, 8) || '.';
begin
  return (
    with asked as materialized (
      select t.word, t.lexeme, k.passages, t.weight * ln(
        1 + (greatest(f.knowledge_size / v_usual - k.passages, 0) + 0.5) / (k.passages + 0.5)
      ) as worth
      from public.sms_configs as f
      cross join sms.asked_words(p_user_id, p_question) as t
      cross join lateral (
        select w.passages from sms.known_words as w
        where w.user_id = p_user_id and w.word = t.lexeme collate "C" and w.passages > 0
        limit 1 -- looked up one by one, not in all words of the account
      ) as k
      where f.id = p_config_id
    ), rarest as (
      select a.lexeme, sum(a.passages) over w as passages, row_number() over w as place
      from (
        select l.lexeme, l.passages, max(l.worth) as worth from asked as l
        group by l.lexeme, l.passages
      ) as a
      window w as (order by a.worth desc, a.lexeme rows unbounded preceding)
    ), candidates as materialized (
      select p.id, p.tokens, p.words from public.sms_passages as p
      where p.words @@ (
          select string_agg(quote_literal(v_key || r.lexeme), '|')::tsquery from rarest as r
          where r.passages <= v_most or r.place = 1
        )
        -- No index on user_id is meant: before statistics know a new account, it looks like a few
        -- rows. The words are of one account already, but for two keys that are equal by chance.
        and p.user_id::text = p_user_id::text
        and (p.config_id is null or p.config_id = p_config_id)
      limit v_most
    ), scored as (
      select w.id, w.tokens, sum(w.score) * sqrt(count(*)) as score
      from (
        select m.id, m.tokens, m.word, max(
          m.worth * m.frequency * 2.2 / (m.frequency + 1.2 * (0.6 + 0.4 * m.tokens / v_usual))
        ) as score
        from (
          select c.id, c.tokens, a.word, a.worth, (
            select sum(case g when 'A' then 2 else 1 end)::float from unnest(u.weights) as g
          ) as frequency
          from candidates as c
          cross join lateral unnest(c.words) as u (lexeme, positions, weights)
          join asked as a on v_key || a.lexeme = u.lexeme
        ) as m
        group by m.id, m.tokens, m.word
      ) as w
      group by w.id, w.tokens
    )
    select sms.fit_passages(
      array_agg(s.id order by s.score desc, s.id), array_agg(s.tokens order by s.score desc, s.id),
      p_tokens
    )
    from scored as s
  );
end;
$$;

-- Of passages in order those that fit together; one that is too long leaves its place to the next.
create function sms.fit_passages(p_ids bigint[], p_sizes integer[], p_tokens integer)
returns bigint[] language plpgsql immutable set search_path = '' as $$
declare
  v_ids bigint[] := '{}';
  v_left integer := p_tokens;
begin
  for n in 1 .. least(coalesce(cardinality(p_ids), 0), 200) loop
    if p_sizes[n] <= v_left then
      v_ids := v_ids || p_ids[n];
      v_left := v_left - p_sizes[n];
    end if;
  end loop;
  return v_ids;
end;
$$;

-- The words of a question, 300 at most: each as it stands and as its stem, without those that a
-- language does not count as words (the, la); what means the same; and for one that no passage has
-- the three that look most like it.
create function sms.asked_words(p_user_id uuid, p_question text)
returns table (word text, lexeme text, weight float)
language plpgsql stable rows 50 set search_path = '' as $$
begin
  return query
  with languages as materialized (
    select distinct ('pg_catalog.' || d.language)::regconfig as language
    from public.sms_documents as d
    where d.user_id = p_user_id and d.enabled
    limit 4
  ), asked as materialized (
    select distinct w.word, s.stem
    from unnest((string_to_array(sms.plain_text(left(p_question, 2000)), ' '))[1:60]) as w (word)
    cross join languages as l
    cross join lateral unnest(to_tsvector(l.language, w.word)) as s (stem, positions, weights)
    where w.word <> ''
  ), meant as (
    select a.word, o.word as other, 0.4::float as weight
    from asked as a
    join sms.knowledge_synonyms as y
      on y.word in (a.word, rtrim(a.word, 's'), regexp_replace(a.word, 'es$', ''))
    join sms.knowledge_synonyms as o on o.topic = y.topic and o.word <> a.word
    union all
    select u.word, n.word, 0.8 * n.likeness
    from (
      select distinct a.word from asked as a
      where length(a.word) >= 4 and ( -- one by one, as in find_passages
        select k.passages from sms.known_words as k
        where k.user_id = p_user_id and k.word = a.word collate "C" and k.passages > 0
      ) is null
      limit 10
    ) as u
    cross join lateral sms.similar_words(p_user_id, u.word) as n
  ), every as (
    select a.word, s.lexeme, 1.0::float as weight
    from asked as a cross join unnest(array[a.word, a.stem]) as s (lexeme)
    union all
    select m.word, s.lexeme, m.weight
    from meant as m
    cross join languages as l
    cross join lateral unnest(
      to_tsvector('pg_catalog.simple', m.other) || to_tsvector(l.language, m.other)
    ) as s (lexeme, positions, weights)
  )
  select e.word, e.lexeme, max(e.weight) from every as e
  group by e.word, e.lexeme
  order by max(e.weight) desc, e.word, e.lexeme
  limit 300;
end;
$$;

-- The known words that look most like one that is not known: of 3,000 with its first letter.
create function sms.similar_words(p_user_id uuid, p_word text)
returns table (word text, likeness float) language plpgsql stable rows 3 set search_path = '' as $$
declare
  v_first text := left(p_word, 1);
begin
  return query
  select n.word, n.likeness
  from (
    select k.word, extensions.similarity(k.word, p_word)::float as likeness
    from sms.known_words as k
    where k.user_id = p_user_id and k.word >= v_first collate "C"
      and k.word < chr(ascii(v_first) + 1) collate "C" and k.passages > 0
    limit 3000
  ) as n
  where n.likeness >= 0.4 and abs(length(n.word) - length(p_word)) <= 3
  order by n.likeness desc, n.word
  limit 3;
end;
$$;

create function public.ask_sms_knowledge(p_config_id uuid, p_question text)
returns table (passage_id bigint, title text, content text)
language plpgsql stable security definer set search_path = '' as $$
declare
  v_config public.sms_configs;
begin
  select f.* into v_config from public.sms_configs as f
  where f.id = p_config_id
    and (auth.uid() is null or f.user_id in (select sms.account_ids('agent')));
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such number',
      hint = 'sms_configs lists those of your accounts.';
  end if;
  return query
  select p.id, p.title, p.content
  from unnest(sms.find_passages(
    v_config.user_id, v_config.id, p_question, v_config.knowledge_tokens
  )) with ordinality as i (id, place)
  join public.sms_passages as p on p.id = i.id
  order by i.place;
end;
$$;
comment on function public.ask_sms_knowledge(uuid, text) is
  'The passages that answer a question to that number best, within its knowledge_tokens, best '
  'first: what search would show the model. PT404: no such number.';

create function public.import_sms_document(
  p_config_id uuid, p_source text, p_title text, p_content text, p_language text default 'simple'
)
returns text language plpgsql set search_path = '' as $$
declare
  v_user_id uuid := (select f.user_id from public.sms_configs as f where f.id = p_config_id);
  v_document public.sms_documents;
begin
  if v_user_id is null then
    raise exception using errcode = 'PT404', message = 'There is no such number',
      hint = 'sms-gateway number list names those that are configured.';
  end if;
  select d.* into v_document from public.sms_documents as d
  where d.user_id = v_user_id and d.config_id = p_config_id and d.source = p_source
  for update;
  if not found then
    insert into public.sms_documents (user_id, config_id, title, content, language, source)
    values (v_user_id, p_config_id, p_title, p_content, p_language, p_source);
    return 'inserted';
  elsif (v_document.title, v_document.content, v_document.language)
    = (p_title, p_content, p_language) then
    return 'unchanged';
  end if;
  update public.sms_documents as d
  set title = p_title, content = p_content, language = p_language
  where d.id = v_document.id;
  return 'updated';
end;
$$;
comment on function public.import_sms_document(uuid, text, text, text, text) is
  'For sms-gateway knowledge import: the document of a number that came from p_source, new, changed '
  'or as it was. Returns inserted, updated or unchanged. PT404: no such number. PT422: no document.';

-- What the assistant did not know.

create table public.sms_questions (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  config_id uuid not null,
  conversation_id uuid,
  message_id bigint,
  question text not null,
  plain text not null,
  asked integer not null default 1,
  status text not null default 'open',
  document_id uuid,
  created_at timestamptz not null default now(),
  last_asked_at timestamptz not null default now(),
  constraint sms_questions_pkey primary key (id),
  constraint sms_questions_config_id_fkey foreign key (config_id, user_id)
    references public.sms_configs (id, user_id) on delete cascade,
  constraint sms_questions_conversation_id_fkey foreign key (conversation_id, user_id)
    references public.sms_conversations (id, user_id) on delete cascade,
  constraint sms_questions_question_check check (length(question) between 1 and 500),
  constraint sms_questions_status_check check (status in (
    'open',     -- nobody has answered it
    'answered', -- answer_sms_question made a document of it
    'dismissed' -- nobody will
  ))
);
create index sms_questions_user_id_idx
  on public.sms_questions (user_id, status, last_asked_at desc);
create index sms_questions_config_id_idx on public.sms_questions (config_id, user_id);
create index sms_questions_conversation_id_idx on public.sms_questions (conversation_id, user_id);

comment on table public.sms_questions is
  'What contacts asked and the assistant did not know, similar questions together. '
  'answer_sms_question makes the answer known; status dismissed puts one away.';
comment on column public.sms_questions.asked is 'How often it was asked.';
comment on column public.sms_questions.conversation_id is 'Where it was asked last.';
comment on column public.sms_questions.plain is 'The question as it is compared.';
comment on constraint sms_questions_question_check on public.sms_questions is
  'question has 1 to 500 characters.';
comment on constraint sms_questions_status_check on public.sms_questions is
  'status is open, answered or dismissed.';

create trigger sms_questions_refuse_invalid
  before update on public.sms_questions
  for each row execute function sms.refuse_invalid();

-- Notes a question of a conversation that the assistant could not answer; one much like it counts up.
create function sms.note_question(
  p_conversation public.sms_conversations, p_message_id bigint, p_question text
)
returns void language plpgsql security definer set search_path = '' as $$
declare
  v_question text := left(btrim(p_question), 500);
  v_plain text := left(sms.plain_text(v_question), 500);
  v_id uuid;
begin
  if sms.is_blank(v_question) then
    return;
  end if;
  select q.id into v_id from (
    select o.id, o.plain from public.sms_questions as o
    where o.user_id = p_conversation.user_id and o.status = 'open'
      and o.config_id = p_conversation.config_id
    order by o.last_asked_at desc
    limit 1000
  ) as q
  where extensions.similarity(q.plain, v_plain) >= 0.6
  order by extensions.similarity(q.plain, v_plain) desc
  limit 1;
  if v_id is not null then
    update public.sms_questions as q
    set asked = q.asked + 1, last_asked_at = clock_timestamp(),
      conversation_id = p_conversation.id, message_id = p_message_id
    where q.id = v_id;
  else
    insert into public.sms_questions
      (user_id, config_id, conversation_id, message_id, question, plain)
    values (p_conversation.user_id, p_conversation.config_id, p_conversation.id, p_message_id,
      v_question, v_plain);
  end if;
end;
$$;

create function public.answer_sms_question(p_question_id uuid, p_answer text)
returns setof public.sms_documents language plpgsql security definer set search_path = '' as $$
declare
  v_question public.sms_questions;
  v_document public.sms_documents;
begin
  select q.* into v_question from public.sms_questions as q
  where q.id = p_question_id
    and (auth.uid() is null or q.user_id in (select sms.account_ids('agent')))
  for update;
  if not found then
    raise exception using errcode = 'PT404', message = 'There is no such question',
      hint = 'sms_questions lists those of your accounts.';
  end if;
  perform sms.require_role(v_question.user_id, 'admin');
  if sms.is_blank(p_answer) then
    raise exception using errcode = 'PT422', message = 'The answer is empty',
      hint = 'Write what the assistant shall say.';
  end if;
  insert into public.sms_documents as d (user_id, config_id, title, content, language)
  select v_question.user_id, v_question.config_id, left(v_question.question, 200), p_answer,
    coalesce((
      select o.language from public.sms_documents as o where o.user_id = v_question.user_id
      group by o.language
      order by count(*) desc
      limit 1
    ), 'simple')
  returning d.* into v_document;
  update public.sms_questions as q set status = 'answered', document_id = v_document.id
  where q.id = p_question_id;
  return next v_document;
end;
$$;
comment on function public.answer_sms_question(uuid, text) is
  'Makes the answer to a question a document of its number, and returns it: the next contact gets '
  'it. PT403: the caller is no admin. PT404: no such question. PT422: the answer is empty or too '
  'long.';
