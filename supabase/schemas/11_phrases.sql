-- The phrases of 11_classify as data, and the functions that write their variants out.

-- The phrases. Precise rather than clever: what is not listed is answered, and the model's answer
-- to a wish it can read is better than silence towards somebody who wished nothing.
-- Every phrase of a pattern: sms_phrases('stop|quit', 'texting', '|me') are four. An alternative
-- may be empty.
create function sms.expand_phrases(variadic p_parts text[])
returns table (phrase text)
language plpgsql immutable set search_path = '' as $$
declare
  v_part text;
  v_phrases text[] := array[''];
begin
  foreach v_part in array p_parts loop
    v_phrases := array(
      select concat(p.phrase, ' ', w.word)
      from unnest(v_phrases) as p (phrase), unnest(string_to_array(v_part, '|')) as w (word)
    );
  end loop;
  return query select distinct btrim(regexp_replace(p.phrase, ' +', ' ', 'g'))
    from unnest(v_phrases) as p (phrase);
end;
$$;

-- The word with one letter left out, doubled or changed places with the next.
create function sms.misspellings(p_word text)
returns table (phrase text)
language sql immutable set search_path = '' as $$
  select distinct sms.normalize(v.word)
  from generate_series(1, length(p_word)) as i,
    lateral (values
      (overlay(p_word placing '' from i for 1)),
      (overlay(p_word placing substr(p_word, i, 1) || substr(p_word, i, 1) from i for 1)),
      (overlay(p_word placing reverse(substr(p_word, i, 2)) from i for 2))
    ) as v (word)
  where v.word <> p_word;
$$;

-- Adds the phrases of a pattern (see sms.expand_phrases) that are not there yet.
create function sms.add_phrases(p_language text, p_meaning text, variadic p_parts text[])
returns void language plpgsql set search_path = '' as $$
begin
  insert into public.sms_synonyms (language, word, stands_for)
  select distinct p_language, w.word, w.word
  from unnest(p_parts) as p (part),
    unnest(string_to_array(sms.normalize(translate(p.part, '|', ' ')), ' ')) as w (word)
  on conflict (word, language) do nothing;

  insert into public.sms_phrases (language, phrase, meaning)
  select p_language, regexp_replace(p.phrase, '\m(\S+)( \1)+\M', '\1', 'g'), p_meaning
  from sms.expand_phrases(variadic array(
    select string_agg(distinct a.plain, '|')
    from unnest(p_parts) with ordinality as p (part, place),
      lateral (
        select coalesce(nullif(string_agg(nullif(s.stands_for, ''), ' ' order by w.place), ''), a.words)
        from unnest(string_to_array(p.part, '|')) with ordinality as a (words, number)
        left join unnest(string_to_array(sms.normalize(a.words), ' ')) with ordinality
          as w (word, place) on true
        left join public.sms_synonyms as s on s.word = w.word and s.language = p_language
        group by a.number, a.words
      ) as a (plain)
    group by p.place
    order by p.place
  )) as p
  where p.phrase <> ''
  on conflict (phrase, language) do nothing;
end;
$$;

insert into public.sms_phrases (language, phrase, meaning, whole_message_only, handled_by_twilio) values
  ('en', 'stop', 'stop', false, true),
  ('en', 'stopall', 'stop', false, true),
  ('en', 'unsubscribe', 'stop', false, true),
  ('en', 'cancel', 'stop', true, true),
  ('en', 'end', 'stop', true, true),
  ('en', 'quit', 'stop', true, true),
  ('en', 'revoke', 'stop', true, true),
  ('en', 'optout', 'stop', false, true),
  ('en', 'start', 'start', true, true),
  ('en', 'yes', 'start', true, true),
  ('en', 'unstop', 'start', true, true),
  ('en', 'help', 'help', true, true),
  ('en', 'info', 'help', true, true);

-- What with one more word may mean anything, and (filler) what is none of the meanings though its
-- words are: "ya baja" says that somebody is on his way down.
insert into public.sms_phrases (language, phrase, meaning, whole_message_only)
select g.language, p.phrase, g.meaning, true
from (values
  ('en', 'stop', 'no more|remove|stp|stip|stoo|dtop|srop|stop 1|stop 2|cease'),
  ('es', 'stop', 'para|alto|cancelar|detener|cesar|salir|no mas|anular|alto ya|ya alto|alto por favor|por favor alto|para ya|ya para|para por favor|por favor para|no mas por favor|no mas gracias|ya no mas|salir por favor'),
  ('es', 'filler', 'ya baja|baja ya|ya bajo'),
  ('en', 'filler', 'non stop'),
  ('fr', 'stop', 'fin|resilier|annuler|quitter|assez'),
  ('pt', 'stop', 'sair|chega|cancelar|cancela|remover|para ja|ja chega|sair por favor'),
  ('en', 'start', 'subscribe|resubscribe|opt in|optin|restart|resume'),
  ('es', 'start', 'si|alta|iniciar|inicio|comenzar|empezar|reanudar|suscribir|suscribirme'),
  ('fr', 'start', 'oui|commencer|recommencer|reprendre|abonner|reabonner'),
  ('pt', 'start', 'sim|comecar|recomecar|retomar|inscrever'),
  ('en', 'human', 'someone|somebody|manager|a person|a human|an agent|a real person'),
  ('es', 'human', 'una persona|un humano|un agente|un asesor|una asesora'),
  ('fr', 'human', 'une personne|un humain|un conseiller|un agent'),
  ('pt', 'human', 'uma pessoa|um humano|um atendente|uma atendente'),
  ('en', 'bot', 'bot|robot|chatbot|ai'),
  ('es', 'bot', 'robot'),
  ('pt', 'bot', 'robo')
) as g (language, meaning, words), sms.expand_phrases(g.words) as p;

insert into public.sms_synonyms (language, word, stands_for)
select g.language, w.word, g.stands_for
from (values
  ('en', '', 'any|anymore|the|your|ur|so|many|such|my|our|to|of|a|an|else|real|live|actual|stupid'),
  ('en', 'this', 'it|that|these|those|all'),
  ('en', 'stop', 'quit|stopall|stopp|sttop|sstop|stpo|sotp|tsop|stoping'),
  ('en', 'texting', 'txting|txtin|textin|messaging|contacting|spamming|bothering|harassing|writing|annoying|pestering'),
  ('en', 'text', 'texts|txt|txts|message|messages|msg|msgs|sms|contact|spam|promotions|ads|mms|massages'),
  ('en', 'me', 'us|number|phone|cell'),
  ('en', 'bother', 'disturb|harass|annoy|pester'),
  ('en', 'stuff', 'things|crap|anything'),
  ('en', 'receive', 'get|receiving|getting|hear'),
  ('en', 'want', 'wish|need|wanna|wanted'),
  ('en', 'dont', 'never|wont'),
  ('en', 'remove', 'delete|erase|block|lose|forget|drop|exclude|removed|deleted'),
  ('en', 'take', 'pull|strike|scratch|opt|keep'),
  ('en', 'off', 'from|out'),
  ('en', 'list', 'lists|database|system|contacts|records|mailing'),
  ('en', 'unsubscribe', 'unsuscribe|unsubscibe|unscribe|unsubscribing|unsubcribed|unsubsribed|unsuscribed'),
  ('en', 'cancel', 'end|terminate|cease|discontinue'),
  ('en', 'talk', 'speak|chat'),
  ('en', 'human', 'person|agent|representative|rep|operator|humans'),
  ('en', 'someone', 'somebody|anyone|anybody|manager|employee'),
  ('en', 'bot', 'robot|machine|computer|ai|chatbot|automated|chatgpt|program'),
  ('en', 'you', 'u|ya'),
  ('en', 'are', 'r'),
  ('en', 'please', 'pls|plz|plse|kindly|plez'),
  ('en', 'thanks', 'thx|ty|thank|tks'),
  ('es', '', 'el|la|los|las|un|una|de|del|que|a|al|me|te|le|les|nos|su|sus|tu|tus|mi|mis|este|esta|estos|estas|ese|esa|esos|esas|tantos|todos|todas'),
  ('es', 'mensajes', 'mensaje|sms|textos|texto|mensajitos|msj|msjs|msg|msgs|publicidad|promociones|propaganda|spam'),
  ('es', 'manden', 'mandes|mande|mandan|envien|envies|envie|envian|mandar|enviar|mandarme|enviarme|mandarnos|enviarnos|manda|envia|llegar|lleguen'),
  ('es', 'escriban', 'escribas|escriba|escribir|escribirme|escribirnos|escribe|contacten|contactes|contacte|contactar|contactarme|molesten|molestes|moleste|molestar|molestarme|molestando|texteen|textearme|fastidien|fastidies|fastidiar|fastidiarme|joder|jodan|chingar|chinguen|fregar|acosarme|insistir|insistan|insistas'),
  ('es', 'deja', 'deje|dejen|dejad|dejar'),
  ('es', 'basta', 'stop|paren|pare|parar|paras|parad|cesen|cese|detenganse|parale|parenle|stopp'),
  ('es', 'detener', 'detengan|detenga|deten|corten|corta'),
  ('es', 'cancelar', 'cancela|cancele|cancelen|anular|anula|anule|anulen|terminar|suspender|suspendan|suspenda|finalizar'),
  ('es', 'lista', 'listas|base|datos|agenda|grupo|sistema|contactos|registros|difusion|envios|envio'),
  ('es', 'quitame', 'quiteme|quitenme|quitarme|sacame|saqueme|saquenme|sacarme|borrame|borreme|borrenme|borrarme|eliminame|elimineme|eliminenme|eliminarme|remueveme|remuevanme|retirame|retireme|retirenme|suprimanme|desapuntame|desapuntenme|bloqueame|bloqueenme'),
  ('es', 'quita', 'quite|quiten|quitad|saca|saque|saquen|borra|borre|borren|elimina|elimine|eliminen|remueve|remueva|remuevan|retira|retire|retiren|quitar|borrar|eliminar|sacar|bloquea|bloqueen'),
  ('es', 'numero', 'telefono|celular|cel|movil|contacto|nombre'),
  ('es', 'den', 'dar|darme|dame|deme|denme|doy|des|darse|dadme'),
  ('es', 'quiero', 'quisiera|deseo|solicito|pido|exijo|necesito|gustaria|queremos|deseamos|quisieramos|quise'),
  ('es', 'recibir', 'recibirlos|recibiendo|tener|ver'),
  ('es', 'vuelvan', 'vuelvas|vuelva'),
  ('es', 'nunca', 'jamas'),
  ('es', 'suscripcion', 'subscripcion|inscripcion'),
  ('es', 'desuscribir', 'desuscribirme|desuscribeme|desuscribanme|desuscribame|desuscripcion|desinscribirme|desinscribir|desubscribir|desubscribirme|unsuscribir|unsuscribirme|unsubscribe|desafiliarme|desafiliar'),
  ('es', 'dejame', 'dejeme|dejenme|dejadme|dejanos|dejennos'),
  ('es', 'puede', 'pueden|puedes|puedo|podrian|podrias|podria'),
  ('es', 'humano', 'persona|agente|asesor|asesora|humana|representante|operador|operadora|ejecutivo|ejecutiva'),
  ('es', 'alguien', 'encargado|encargada|gerente|dueno|duena|vendedor|vendedora'),
  ('es', 'hablar', 'chatear|comunicarme|platicar|conversar|contactarme'),
  ('es', 'robot', 'bot|maquina|computadora|ia|chatbot|programa'),
  ('es', 'real', 'verdad|verdadera|viva'),
  ('es', 'eres', 'es|usted|sos|seras'),
  ('es', 'porfavor', 'porfa|porfis|xfa|xfavor|favor|pls|please'),
  ('es', 'molesto', 'molestos|molestas|molesta'),
  ('fr', '', 'de|la|le|les|des|du|d|l|un|une|vos|votre|ta|tes|ton|ces|cette|ce|a|au|aux|que|me|mon|ma|mes|tous|toutes|toute|autant|se'),
  ('fr', 'messages', 'message|sms|textos|texto|msg|pub|publicite|publicites|spam|mails|mail'),
  ('fr', 'menvoyez', 'menvoie|menvoies|menvoyer'),
  ('fr', 'envoyez', 'envoyer|envoie|envois|envoi'),
  ('fr', 'ecrivez', 'mecrivez|mecris|mecrire|ecrire|ecris|ecrit|contactez|contacte|contactee|contacter|derangez|derange|derangee|deranger|harcelez|harceler|harcele|sollicitez|solliciter|relancez|relancer|importunez|embeter|membeter|spammer'),
  ('fr', 'arretez', 'arrete|arreter|darreter|arret|cessez|cesse|cesser|stoppez|stop|stopper|finissez'),
  ('fr', 'veux', 'souhaite|desire|voudrais|voulons|souhaitons|aimerais'),
  ('fr', 'liste', 'listes|base|donnees|fichier|fichiers|diffusion|contacts|repertoire'),
  ('fr', 'desabonner', 'desabonne|desabonnez|desabonnement|desinscrire|desinscris|desinscrivez|desinscription|desabo'),
  ('fr', 'retirez', 'retire|retirer|enlevez|enleve|enlever|menlever|supprimez|supprime|supprimer|effacez|efface|effacer|otez|oter|rayez|raye|rayer|sortez|sortir|virez|vire'),
  ('fr', 'moi', 'nous'),
  ('fr', 'numero', 'tel|telephone|contact|coordonnees|nom'),
  ('fr', 'laissez', 'laisse|fichez|fiche|foutez|fous|lachez|lache|oubliez|oublie'),
  ('fr', 'pouvez', 'peux|pourriez|pourrais|puis'),
  ('fr', 'humain', 'personne|conseiller|conseillere|agent|operateur|operatrice|humaine'),
  ('fr', 'robot', 'bot|machine|ordinateur|ia|chatbot|programme'),
  ('fr', 'svp', 'stp|please'),
  ('pt', '', 'o|a|os|as|um|uma|de|da|do|das|dos|essa|essas|esse|esses|esta|estas|este|estes|dessa|dessas|desta|sua|suas|seu|seus|tua|tuas|meu|minha|que|tanta|tantas|todas|todos|nos|eu|na'),
  ('pt', 'mensagens', 'mensagem|sms|msg|msgs|torpedo|torpedos|propaganda|propagandas|spam|promocoes|textos'),
  ('pt', 'pare', 'parem|parar|basta|cesse|cessem|stop|stopp'),
  ('pt', 'mandar', 'mande|mandem|manda|enviar|envie|enviem|envia|enviarem|mandarem'),
  ('pt', 'escrever', 'escreva|escrevam|escreve|contate|contatem|contatar|contacte|contactem|contactar|incomode|incomodem|incomodar|incomoda|perturbe|perturbem|perturbar|procure|procurem|procurar|importune|importunem|importunar|encher|assediar|chamar|chame|chamem'),
  ('pt', 'quero', 'queremos|queria|desejo|desejamos|gostaria|pretendo|preciso'),
  ('pt', 'receber', 'recebendo|ver'),
  ('pt', 'tire', 'tira|tirem|tirar|remova|remove|removam|remover|exclua|exclui|excluam|excluir|apague|apaga|apaguem|apagar|delete|deleta|deletem|deletar|retire|retira|retirem|retirar|elimine|eliminem|bloqueie|bloqueia|bloqueiem'),
  ('pt', 'lista', 'listas|base|dados|cadastro|sistema|grupo|contatos|transmissao|envio'),
  ('pt', 'numero', 'contato|telefone|celular|nome'),
  ('pt', 'descadastrar', 'descadastre|descadastra|descadastrem|descadastro|desinscrever|desinscricao|desinscreva|descadastramento'),
  ('pt', 'cancelar', 'cancele|cancela|cancelem|cancelo|encerrar|suspender'),
  ('pt', 'deixe', 'deixa|deixem|deixar'),
  ('pt', 'isso', 'isto|coisas|nada'),
  ('pt', 'pode', 'podem|poderia|poderiam|posso'),
  ('pt', 'voce', 'vc|voces|vcs|tu'),
  ('pt', 'humano', 'pessoa|atendente|humana|representante|operador|agente|consultor'),
  ('pt', 'alguem', 'gerente|responsavel|vendedor|funcionario'),
  ('pt', 'falar', 'conversar|teclar'),
  ('pt', 'robo', 'bot|maquina|computador|ia|chatbot|programa'),
  ('pt', 'pfv', 'pf|pfvr|favor|porfavor')
) as g (language, stands_for, words), unnest(string_to_array(g.words, '|')) as w (word)
union
select 'en', p.phrase, w.word
from (values ('unsubscribe'), ('stopall')) as w (word), sms.misspellings(w.word) as p
on conflict do nothing;

-- sms.add_phrases: each row is a pattern, each of its parts a choice of words.
do $do$
begin
  perform sms.add_phrases(g.language, g.meaning, variadic g.parts)
  from (values
    ('en', 'stop', array['stop', '|this|immediately|already|everything|contact']),
    ('en', 'stop', array['stop|please no more', 'texting', '|me|this|this me', '|more']),
    ('en', 'stop', array['stop', 'sending', '|me', '|more|this', '|text|stuff', '|more']),
    ('en', 'stop', array['stop|cancel|no more|please no more|stop with|enough with|stop receive', '|this', 'text|texting']),
    ('en', 'stop', array['dont|do not', 'text|bother|write|text or call|call or text', 'me', '|this', '|more|no more']),
    ('en', 'stop', array['dont|do not', 'text', 'this me', '|more']),
    ('en', 'stop', array['dont|do not', 'text', '|more']),
    ('en', 'stop', array['dont|do not', 'send', '|me', '|more|this', 'text|stuff', '|more']),
    ('en', 'stop', array['|i|we', 'dont want|do not want|no longer want|no want', '|receive|be receive', '|more|this|more this', 'text', '|more|off you|off you more']),
    ('en', 'stop', array['|i|we', 'dont want|do not want|no longer want', 'receive', '|more', '|this|stuff|off you', '|off you|more']),
    ('en', 'stop', array['|i|we', 'dont want|do not want|no longer want', 'be', 'contacted|texted|messaged|bothered|subscribed|on list|on this list|in list|part this']),
    ('en', 'stop', array['remove', 'me|this me|me name|name', '|off', '|this', '|list|text|text list|contact list|here|this']),
    ('en', 'stop', array['get|take|put|opt', '|me|this me|name', 'off', '|this|me', '|list|text|text list|here|this|everything']),
    ('en', 'stop', array['be|get|like be', 'remove|unsubscribed|taken off|opted out|off', '|off', '|this', '|list|text|text list']),
    ('en', 'stop', array['unsubscribe|unsubscribed', '|me|this me', '|off', '|this', '|list|text|text list|here|this|everything']),
    ('en', 'stop', array['leave', 'me', 'alone|be']),
    ('en', 'stop', array['cancel|stop', 'subscription', '|for|off', '|this', 'text']),
    ('en', 'stop', array['go away|get lost|fuck off|piss off|buzz off|screw you|knock it off|cut it out|do not disturb|cease and desist|i want off this list|withdraw my consent|i withdraw my consent|revoke my consent|i revoke my consent|i revoke consent|i opt out|no stop|no stop texting me|no remove me|block me|no contact please']),
    ('en', 'filler', array['please|please please|just|hi|hey|hello|ok|okay|k|sorry|sir|maam|madam|dude|man|bro|guys|yo|um|well|so|and|then|now|right now|asap|immediately|at once|today|already|thanks|thank you|thank you so much|thank you very much|good morning|good afternoon|good evening|good day|for real|for good|forever|seriously|omg|wtf|jesus|god|damn|dammit|enough|enough already|enough is enough|no thanks|no thank you|nope|nah|no no|last time|for the last time|final warning|last warning|once and for all|all|again|ever|ever again']),
    ('en', 'filler', array['can|could|would|will', 'you|someone', '|please']),
    ('en', 'filler', array['i want to|i would like to|id like to|i need you to|id like you to|i would like you to|we would like to|let me|please let me|how do i|how can i|how to|how do you|how do we|where do i|where can i|how would i|im asking you to|i am asking you to|i request to|im trying to|i am trying to|trying to|you need to|you must|you should|i demand you']),
    ('en', 'filler', array['i', '|already|just|have already', 'said|said to|told you|told you to|asked|asked you|asked you to|asked to|said please']),
    ('en', 'filler', array['|im|i am|we are|sorry not|no', 'not interested|no longer interested', '|in this|anymore']),
    ('en', 'filler', array['|you have the|you have|you got the|you got|this is the|its the|sorry', 'wrong', 'number|person']),
    ('en', 'filler', array['|who is|whos|who are|who the hell is', 'this|you']),
    ('en', 'filler', array['i dont know', 'you|who you are|who this is|this number']),
    ('en', 'filler', array['this is|its|it is', 'spam|harassment|illegal|annoying|very annoying|so annoying|ridiculous|a scam']),
    ('en', 'filler', array['|or', 'i will|ill|im going to|i am going to|im gonna', 'report|block|sue', 'you|this|it']),
    ('en', 'human', array['|talk|i want talk|i need talk|let me talk|can i talk|could i talk|may i talk|id like talk|i would like talk|get me|give me|i want|i need|need|want|connect me|transfer me|put me through|is there', '|to|with', '|human|support', 'human|customer service|customer support']),
    ('en', 'human', array['talk|i want talk|i need talk|let me talk|can i talk|could i talk|may i talk|id like talk|i would like talk|get me|connect me|transfer me|can i get|can i have|i want|i need', '|to|with', 'someone']),
    ('en', 'human', array['can|could|have|ask|please have', 'someone|human', 'call|text|phone', 'me']),
    ('en', 'bot', array['are you|are you just|is this|is it|am i talking|am i talking to|am i talking with|am i texting|am i texting with|am i texting to|is|you are', '|a', 'bot|human|artificial intelligence', '|or bot|or human|or a person|or what|or not|being|or real']),
    ('en', 'bot', array['are you|is this|is it', 'real|for real|a real person', '|or bot|or fake|or a robot']),
    ('en', 'bot', array['who am i talking to|who am i talking with|who am i texting|who am i texting with|who am i chatting with|is anyone real there|is there a human there']),
    ('es', 'stop', array['basta|desuscribir|baja']),
    ('es', 'stop', array['no|nunca|ya no', 'manden', 'mas|mensajes|mas mensajes|mas sus mensajes|nada|mas nada|nada mas', '|mas|nunca']),
    ('es', 'stop', array['no|nunca|ya no|nunca mas', 'escriban', '|mas|nunca|nunca mas|aqui|por aqui|numero']),
    ('es', 'stop', array['no|nunca|nunca mas', 'vuelvan', 'escriban|manden', '|mas', '|mensajes|nada|numero']),
    ('es', 'stop', array['deja|basta|para', 'manden', '|mas', '|mensajes|cosas|nada|eso|esto']),
    ('es', 'stop', array['deja|basta|para', 'escriban|estar escriban', '|por aqui|mas']),
    ('es', 'stop', array['deja|basta', 'recibir', '|mas', '|mensajes']),
    ('es', 'stop', array['no|ya no', 'quiero|pedi|autorizo', '|recibir|seguir recibir|manden|seguir', '|mas', 'mensajes', '|mas|suyos|ustedes|por favor']),
    ('es', 'stop', array['no|ya no', 'quiero', 'escriban|manden mas|recibir mas|recibir nada|saber nada|recibir nada mas', '|mas']),
    ('es', 'stop', array['no|sin|basta|alto|detener|cero|deja', 'mas|con|', 'mensajes']),
    ('es', 'stop', array['cancelar|detener|basta|quita', 'mensajes|suscripcion|suscripcion mensajes|lista mensajes']),
    ('es', 'stop', array['quita', 'numero', '|numero', '|lista|ya|aqui']),
    ('es', 'stop', array['quitame', '|ya|lista|lista mensajes|aqui|ahi|todo|esto']),
    ('es', 'stop', array['salir|salirme|quita', 'lista', '|mensajes']),
    ('es', 'stop', array['den|quiero|quiero den|puede den|como den|como puede den|como hago para den|favor', '|numero', 'baja', '|ya|lista|mensajes|servicio|numero|definitiva|inmediata|suscripcion|todo']),
    ('es', 'stop', array['baja', 'definitiva|inmediata|lista|servicio|mensajes']),
    ('es', 'stop', array['desuscribir', '|ya|lista|mensajes|todo|aqui|numero']),
    ('es', 'stop', array['dejame', 'en', 'paz']),
    ('es', 'stop', array['dejame', 'tranquilo|tranquila']),
    ('es', 'stop', array['basta', 'ya|ya con eso|con eso']),
    ('es', 'stop', array['vete a la mierda|vayanse a la mierda|larguense|no insistan mas|ya no mas contacto|no mas contacto']),
    ('es', 'filler', array['porfavor|por favor|por favor ya|por favorcito|gracias|muchas gracias|mil gracias|gracias de antemano|hola|buenas|buen dia|buenos dias|buenas tardes|buenas noches|saludos|disculpa|disculpe|disculpen|perdon|oye|oiga|oigan|ya|ahora|ahora mismo|ya mismo|hoy|ok|okay|vale|bueno|bien|pues|y|no gracias|senor|senora|senores|amigo|amiga|joven|urgente|inmediatamente|de inmediato|cuanto antes|lo antes posible|de una vez|de una buena vez|por ultima vez|en serio|nunca|jamas|para siempre|definitivamente|a la brevedad|me|que']),
    ('es', 'filler', array['quiero|me gustaria|favor de|les pido|les pido que|te pido que|le pido que|pido que|agradeceria que|les agradeceria que|les ruego que|te ruego que|ruego que|ya les dije que|les dije que|ya te dije que|te dije que|ya dije que|dije que|les pedi que|ya les pedi que|quiero que|puede|como|como puede|como hago para|como le hago para|como se hace para|donde puede|se puede|me puede']),
    ('es', 'filler', array['|ya|la verdad|a mi', 'no', 'me interesa|me interesan|nos interesa|estoy interesado|estoy interesada|estamos interesados|tengo interes|soy yo|los conozco|te conozco|lo conozco', '|mas|gracias']),
    ('es', 'filler', array['numero equivocado|numero incorrecto|equivocado|se equivocaron|se equivocaron de numero|se equivoco de numero|te equivocaste de numero|estan equivocados|tienen el numero equivocado|tiene el numero equivocado|tienes el numero equivocado|quien es|quien eres|quienes son|quien habla|no se quien es|no se quienes son|es spam|esto es spam|esto es acoso|es acoso|los voy a denunciar|los voy a reportar|te voy a reportar|o los denuncio|o los reporto|o te reporto|o los bloqueo|son muchos mensajes|demasiados mensajes|que molestos|sin interes']),
    ('es', 'human', array['|quiero|necesito|puedo|prefiero|me puede|puede', 'hablar|comunicarme|hablar directamente|hablar por telefono', 'con', '|un ser', 'humano|alguien|humano real|humano humano|alguien real|humano de verdad']),
    ('es', 'human', array['|quiero|puede|pasame con|paseme con|pasenme con|comuniqueme con|comunicame con|comuniquenme con|transfiereme con|ponme con|que me atienda|quiero que me atienda|quiero que me llame|hay', '|un ser|algun|alguna', 'humano|humano real|humano humano|humano de verdad', '|ahi|disponible']),
    ('es', 'human', array['hay alguien|hay alguien ahi|que me llamen|atencion al cliente|servicio al cliente|que me atienda alguien|que me llame alguien|pasame con alguien|pasenme con alguien']),
    ('es', 'bot', array['eres|tu eres|usted eres|esto es|estoy hablando con|hablo con|estoy hablar con|estoy chateando con|estoy escribiendo con', '|un ser', 'robot|humano|inteligencia artificial|humano real|real|asistente virtual', '|o robot|o humano|o no|o que|o un ser humano|o real']),
    ('es', 'bot', array['con quien hablo|con quien estoy hablando|quien me contesta|quien me responde|con quien chateo|me contesta un robot|me responde un robot']),
    ('fr', 'stop', array['arretez|desabonner']),
    ('fr', 'stop', array['|ne', 'menvoyez', 'plus|plus jamais', 'messages|rien|ca|rien du tout']),
    ('fr', 'stop', array['ne', 'moi|', 'envoyez', 'plus|plus jamais', 'messages|rien']),
    ('fr', 'stop', array['|ne', 'ecrivez', 'plus|plus jamais', '|sur ce numero|par messages|jamais']),
    ('fr', 'stop', array['|ne', 'plus|plus jamais|pas', 'menvoyez|recevoir|envoyez', 'messages|rien|ca']),
    ('fr', 'stop', array['|ne', 'plus|plus jamais', 'ecrivez|etre ecrivez']),
    ('fr', 'stop', array['arretez', 'menvoyez|envoyez|moi envoyez|ecrivez|moi ecrivez', '|messages|ca|tout ca']),
    ('fr', 'stop', array['arretez', '|avec', 'messages|ca|tout|tout ca|envoyez|envoyez messages|ca suffit|immediatement']),
    ('fr', 'stop', array['plus|pas|aucun', 'messages']),
    ('fr', 'stop', array['|je|jaimerais|nous', '|ne', 'veux|', 'plus|pas', '|recevoir|avoir', 'messages|rien recevoir|recevoir']),
    ('fr', 'stop', array['|je', '|ne', 'veux', '|ne', 'plus|pas|plus jamais', 'etre ecrivez|recevoir messages|recevoir ca|etre abonne|etre abonnee|etre sur liste|faire partie liste']),
    ('fr', 'stop', array['desabonner', '|moi|numero|moi numero', '|liste|messages|envoyez']),
    ('fr', 'stop', array['retirez', 'moi|numero|moi numero', '|liste|messages|immediatement']),
    ('fr', 'stop', array['retirez', 'liste']),
    ('fr', 'stop', array['etre', 'retirez|retiree|supprimee', '|liste']),
    ('fr', 'stop', array['laissez', 'moi', 'tranquille|tranquilles|en paix|la paix|paix|']),
    ('fr', 'stop', array['ca suffit|jen ai assez|jen ai marre|oubliez mon numero|degagez|degage|cassez vous|resilier labonnement|pas de demarchage']),
    ('fr', 'filler', array['svp|sil vous plait|sil te plait|s il vous plait|s il te plait|merci|merci de|merci de bien vouloir|merci bien|merci beaucoup|bonjour|bonsoir|salut|hello|ok|daccord|bon|maintenant|immediatement|tout de suite|desormais|de suite|des maintenant|et|donc|non merci|non|monsieur|madame|pardon|desole|desolee|cordialement|urgent|une fois pour toutes|pour la derniere fois|deja|priere de|veuillez|veuillez bien|je vous prie de|je vous demande de|je te demande de|je vous ai demande de|je vous ai dit|jai dit|me|se']),
    ('fr', 'filler', array['je veux|je voudrais|je souhaite|je souhaiterais|jaimerais|je desire|je demande|je demande a|comment|comment pouvez je|comment faire pour|comment faire|comment je pouvez|je pouvez|pouvez je|pouvez vous|pouvez tu|vous pouvez|il faut']),
    ('fr', 'filler', array['cest du spam|cest du harcelement|ou je porte plainte|ou je vous signale|mauvais numero|faux numero|erreur de numero|vous avez le mauvais numero|vous vous trompez de numero|vous faites erreur|pas interesse|pas interessee|je ne suis pas interesse|je ne suis pas interessee|je suis pas interesse|ca ne minteresse pas|ca minteresse pas|qui est ce|qui etes vous|cest qui|je ne vous connais pas']),
    ('fr', 'human', array['|je veux|je pouvez|pouvez je|est ce que je pouvez|je prefere|jai besoin de|besoin de|jaimerais', 'parler|discuter|echanger', 'a|avec', '|vraie|etre|un vrai', 'humain|quelquun|responsable']),
    ('fr', 'human', array['un humain|un conseiller|un agent|une vraie personne|service client|conseiller humain|humain|conseiller|rappelez moi|il y a quelquun']),
    ('fr', 'bot', array['etes vous|es tu|tu es|vous etes|cest|est ce|je parle a|est ce que je parle a|est ce que vous etes|est ce que tu es|je parle avec', '|vrai|vraie|etre', 'robot|humain|intelligence artificielle', '|ou robot|ou humain|ou non|ou une vraie personne']),
    ('fr', 'bot', array['a qui je parle|qui me repond|avec qui je parle']),
    ('pt', 'stop', array['pare|descadastrar']),
    ('pt', 'stop', array['pare|para|deixe|chega', '|me|com', 'mandar', '|mais', '|me', '|mensagens|isso']),
    ('pt', 'stop', array['pare|para|deixe|chega', '|me', 'escrever', '|mais|o saco|pra mim|para mim']),
    ('pt', 'stop', array['pare|cancelar|chega|sem mais|nada|chega mais|para', '|com', 'mensagens|isso']),
    ('pt', 'stop', array['nao|nunca|nunca mais', '|me', 'mandar', 'mais', '|mensagens|isso', '|pra mim|para mim']),
    ('pt', 'stop', array['nao|nunca|nunca mais', '|me', 'mandar', 'mensagens|nenhuma mensagens', '|mais|pra mim|para mim']),
    ('pt', 'stop', array['nao|nunca|nunca mais', '|me', 'escrever', '|mais|nunca mais|aqui|por aqui']),
    ('pt', 'stop', array['nao', 'quero|autorizo|pedi', '|mais|nenhuma|mais nenhuma', '|receber|receber mais|continuar receber|ficar receber', 'mensagens', '|mais|voce']),
    ('pt', 'stop', array['nao', 'quero', '|mais', 'receber', '|mais', '|isso']),
    ('pt', 'stop', array['|me', 'tire', '|me', 'lista|numero|numero lista', '|mensagens']),
    ('pt', 'stop', array['me tire|tire me|me descadastrar|descadastrar me|ser removido|ser removida', '|daqui|disso', '|lista']),
    ('pt', 'stop', array['descadastrar', '|numero', '|lista|daqui|disso']),
    ('pt', 'stop', array['sair', 'lista', '|mensagens']),
    ('pt', 'stop', array['cancelar', 'inscricao|lista|inscricao mensagens|inscricao nas mensagens']),
    ('pt', 'stop', array['me|nos', 'deixe', 'em paz|quieto|quieta']),
    ('pt', 'stop', array['nao', 'entre|entrem|entra', '|mais', 'em contato', '|comigo|mais|comigo mais|novamente']),
    ('pt', 'stop', array['pare ja|parem com isso|pare com isso|para com isso|chega disso|me esquece|me esqueca|me esquecam|esquece meu numero|nao perturbe|vai se foder|vao se foder']),
    ('pt', 'filler', array['pfv|por favor|por gentileza|gentileza|obrigado|obrigada|muito obrigado|muito obrigada|agradeco|grato|grata|oi|ola|bom dia|boa tarde|boa noite|ei|opa|desculpe|desculpa|agora|ja|agora mesmo|imediatamente|hoje|urgente|ok|e|bom|entao|nao obrigado|nao obrigada|moco|moca|senhor|senhora|gente|me|eu|de uma vez|de uma vez por todas|pela ultima vez|nunca mais|para sempre']),
    ('pt', 'filler', array['quero|eu quero|gostaria de|peco que|peco|solicito|pode|voce pode|como|como faco para|como faco pra|como faz para|como pode|como eu|ja pedi para|ja falei para|ja disse para|ja pedi pra|eu disse|quero que']),
    ('pt', 'filler', array['numero errado|numero enganado|e engano|foi engano|engano|voce errou o numero|esta com o numero errado|nao sou eu|nao tenho interesse|sem interesse|nao estou interessado|nao estou interessada|nao me interessa|quem e|quem e voce|quem sao voces|isso e spam|e spam|isso e assedio|ou vou denunciar|vou denunciar|vou bloquear|ou vou bloquear|que saco|muito chato']),
    ('pt', 'human', array['|quero|posso|prefiro|pode', 'falar|falar direto', 'com', '|um ser', 'humano|alguem|humano humano|humano real|humano de verdade|alguem real']),
    ('pt', 'human', array['|quero|me passa para|me passe para|me transfere para|me transfira para|quero ser atendido por|tem', '|um ser|algum|alguma', 'humano|humano humano|humano real|humano de verdade', '|ai']),
    ('pt', 'human', array['atendimento humano|quero atendimento humano|tem alguem ai|alguem ai']),
    ('pt', 'bot', array['voce e|isso e|es|e|estou falando com|to falando com|falo com|aqui e', '|um ser', 'robo|humano|inteligencia artificial|humano real|humano de verdade', '|ou robo|ou humano|ou nao|mesmo']),
    ('pt', 'bot', array['com quem falo|com quem estou falando|quem esta respondendo|quem me responde'])
  ) as g (language, meaning, parts);
end;
$do$;
