-- The words of 11_classify as data. A language is one set of rows here and no line of code; the cases
-- that measure them are in tests/data.

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

-- What with one more word may mean anything: "para ya" asks a driver to stop, "no mas, gracias"
-- wants nothing else.
insert into public.sms_phrases (language, phrase, meaning, whole_message_only)
select g.language, p.phrase, g.meaning, true
from (values
  ('en', 'stop', 'no more|remove|stp|stip|stoo|dtop|srop|stop 1|stop 2|cease|stop all|end all|stop this|stop everything|stop all this'),
  ('es', 'stop', 'para|alto|basta|baja|cancelar|detener|cesar|salir|no mas|anular|ya basta|basta ya'),
  ('fr', 'stop', 'fin|resilier|annuler|quitter|assez|ca suffit|arretez ca|arretez tout ca'),
  ('pt', 'stop', 'sair|chega|basta|cancelar|cancela|remover|parar'),
  ('en', 'filler', 'you can stop|you can stop now'),
  ('en', 'start', 'subscribe|resubscribe|opt in|optin|restart|resume'),
  ('es', 'start', 'si|alta|iniciar|inicio|comenzar|empezar|reanudar|suscribir|suscribirme'),
  ('fr', 'start', 'oui|commencer|recommencer|reprendre|abonner|reabonner'),
  ('pt', 'start', 'sim|comecar|recomecar|retomar|inscrever')
) as g (language, meaning, words), unnest(string_to_array(g.words, '|')) as p (phrase);

-- Also between greetings and politeness.
insert into public.sms_phrases (language, phrase, meaning)
select g.language, p.phrase, g.meaning
from (values
  ('en', 'human', 'someone|somebody|customer service|customer support|is anyone real there|is there a human there|is anyone there|can someone call me|call me'),
  ('es', 'human', 'hay alguien|hay alguien ahi|que me llamen|atencion al cliente|servicio al cliente|que me atienda alguien|que me llame alguien'),
  ('fr', 'human', 'service client|rappelez moi|il y a quelquun'),
  ('pt', 'human', 'atendimento humano|quero atendimento humano|tem alguem ai|alguem ai'),
  ('en', 'bot', 'bot|robot|chatbot|ai|who am i talking to|who am i talking with|who am i texting|who am i texting with|who am i chatting with|is this ai|are you real|are you for real|is this real'),
  ('es', 'bot', 'robot|bot|con quien hablo|con quien estoy hablando|quien me contesta|quien me responde|con quien chateo'),
  ('fr', 'bot', 'robot|a qui je parle|qui me repond|avec qui je parle'),
  ('pt', 'bot', 'robo|com quem falo|com quem estou falando|quem esta respondendo|quem me responde')
) as g (language, meaning, words), unnest(string_to_array(g.words, '|')) as p (phrase);

-- [language (*: all), what they stand for, words]. Old spellings, no accents, shorthand; what sounds
-- alike need not be listed (sms.sound). What a dot stands for are phrases of everyday talk.
insert into public.sms_synonyms (language, word, stands_for)
select distinct on (l.language, sms.normalize(w.word))
  l.language, sms.normalize(w.word), g.stands_for
from (values
  ('*', 'S', 'stop|stopp|stpo|sotp|tsop|sstop|sttop|stopall|stops'),
  ('*', 'M', 'sms|mms|spam|marketing|newsletter|newsletters|telemarketing|msgs|txts|whatsapps|promos|'
    'promo'),
  ('*', 'u', 'unsubscribe|unsuscribe|unsubscibe|unscribe|unsubscribing|unsubscribed|unsub|unsubscrib|'
    'unsubcribe|unsubsribe|unsubscirbe|optout|opt out'),
  ('*', 'C', 'gdpr|rgpd|lgpd|tcpa|ccpa'),
  ('*', '/', 'pls|please|plz|ok|okay|hola|hello|hi|hey'),
  ('*', '.', 'non stop|nonstop'),
  ('en', 'S', 'quit|cease|halt|discontinue|stoping|stopping|desist|cease and desist|enough with|'
    'enough of|done with|tired of|sick of|fed up with|refrain from|cut out|cut it out|'
    'knock it off|go away|get lost|buzz off|piss off|fuck off|sod off|end all|leave me alone|'
    'leave me be|leave us alone|leave me the hell alone|leave my phone alone|'
    'leave this number alone'),
  ('en', 'V', 'texting|txting|txtin|textin|texted|messaging|msging|contacting|contacted|messaged|'
    'writing|spamming|bothering|bother|harassing|harass|annoying me|annoy|pestering|pester|'
    'bugging|bug|disturbing|disturb|hounding|soliciting|blowing up|hitting up|reaching out|'
    'reach out|solicit'),
  ('en', 't', 'text|txt|message|msg|contact|write'),
  ('en', 'G', 'send|sending|send out|sendin|sned|sendign'),
  ('en', 'r', 'receive|receiving|recieve|recieving|get|getting|hear|hearing|see|seeing'),
  ('en', 'b', 'subscription|subscriptions'),
  ('en', 'D', 'remove|remov|delte|removed|delete|deleted|erase|erased|exclude|purge|scrub|lose|forget|'
    'get rid of|unlist|removing'),
  ('en', 'Z', 'be excluded|be exempt|exclude me|count me out|be removed|get removed|removal|be deleted|'
    'be taken off|being removed|want out|want off|get off|me off|us off|be off|name off|'
    'opt off|block me'),
  ('en', 'k', 'take|pull|cross|strike|cut|taken|drop'),
  ('en', 'f', 'off|out|off of|out of|from'),
  ('en', 'u', 'opt me out|opt us out|opted out|opting out|opt my number out|unsubscribe me'),
  ('en', 'c', 'cancel|end|terminate|kill|shut off|turn off'),
  ('en', 'M', 'messages|texts|massages|mesages|messeges|promotions|promotion|promotional|ads|ad|'
    'advertising|advertisements|advertisement|adverts|offers|deals|coupons|specials|'
    'solicitations|solicitation|communications|communication|correspondence|blasts|junk|'
    'junk mail|reminders|alerts|notifications|notices|text messages|sms messages|'
    'text reminders|text message|textmessages|updates|announcements|sales pitches|discounts'),
  ('en', '', 'automated|automatic|unwanted|unsolicited|commercial|further|future|additional|daily|'
    'constant|annoying|stupid|damn|fucking|freaking|bloody|mass|bulk|silly|endless|say|'
    'must i say|do i have to say|can|could|would|will|do|just|now|right now|immediately|'
    'at once|asap|to|already|really|seriously|must|be|being|am|are|go ahead and|'
    'effective immediately|effective today|with immediate effect|right away|at this time|'
    'by text|sent from my iphone|sent from my phone|sent from my android|sent from my galaxy|'
    'sent from my samsung|how|how do i|how can i|how do|where do i|where can i|how would i|'
    'what do i do to|let|let me|trying to|have to|should|literally|effectively|forthwith|'
    'goddamn|the hell|the fuck|the heck|why dont you|ppl|via text|over text|thru text|anyone|'
    'here by|hereby|formally|officially|simply|clearly|no no|creeps|creep|idiots|jerks|jerk|'
    'assholes|asshole|morons|spammer|spammers|scammers|scammer|losers|bastards|bitch|bitches|'
    'fools|weekly|monthly|says|for the last time|last time|once and for all|for real|'
    'straight away|again and again'),
  ('en', 'O', 'it|this|that|these|those|them|anything|stuff|things|everything|crap|all this|all that|'
    'this stuff|this crap|all of this|all of these|all of it|this nonsense|else|anything else|'
    'nothing else'),
  ('en', '_', 'the|your|ur|any|all|such|my|our|of|a|an|for|on|at|with|via|by|in|about it|so many|'
    'so much|too many|as|w'),
  ('en', 'L', 'your list|ur list|your lists|this list|that list|mailing list|marketing list|'
    'contact list|text list|texting list|distribution list|calling list|call list|sms list|'
    'phone list|spam list|your database|database|marketing database|your system|your records|'
    'your contacts|your books|whatever list|your mailing list|this thing|this group|from here|'
    'off here|your texting list|your directory|your sms program|your program|this chain|'
    'group text|group chat|broadcast list'),
  ('en', 'l', 'list|lists'),
  ('en', 'P', 'my number|this number|my phone|this phone|my cell|my cell phone|number|phone|cell|'
    'phone number|cell number|cellphone|my info|my information|my data|my details|my contact|'
    'my contact info|this line|this device|this cell|my mobile|mobile|this account'),
  ('en', 'I', 'me|us|myself|ourselves'),
  ('en', 'N', 'dont|not|never|no|forbid you to|i forbid you to|prohibited from|refuse|no need to|'
    'not need to|no reason to|wont be needing|dont need to|no point in|no use'),
  ('en', 'N+', 'no longer|no more|never again|never ever|not ever|nomore'),
  ('en', '+', 'more|anymore|again|ever|any more|any longer|from now on|in the future|for good|once more|'
    'one more|1 more|one more time|another|another one|at all|ever again|permanently|forever|'
    'for ever|going forward|hereafter|henceforth|any further|one more of'),
  ('en', 'J', 'keep|keeps|continue|continuing|keep on|continue to|still'),
  ('en', 'W', 'want|appreciate|would appreciate|prefer to|rather|wanna|wish|need|would like|id like|'
    'wanted|ask|asking|request|requesting|demand|insist|like|care|prefer|interested in|'
    'looking to|trying'),
  ('en', 'Y', 'you|u|ya|yall|guys|people|company|your company|someone|somebody|yourselves|your business|'
    'your store|your shop|your restaurant|this company|this business|these people|you guys|'
    'folks|business|team'),
  ('en', 'i', 'i|im|ive|we|were|ill|id'),
  ('en', '/', 'plse|plez|plese|kindly|good morning|good afternoon|good evening|good day|sorry|sir|maam|'
    'madam|dude|bro|man|yo|well|because|cause|cuz|bc|since|so|but|or|regards|best|'
    'best regards|kind regards|sincerely|cheers|omg|wtf|jesus|lol|god|damn it|dammit|i repeat|'
    'again i say|nope|nah|um|greetings|yes|bye|goodbye|have a nice day|have a good day|'
    'respectfully|all the best|take care|otherwise|lovely shop|nothing personal|no offense|'
    'no hard feelings|hun|love'),
  ('en', '&', 'and|then|n'),
  ('en', 'X', 'wrong number|wrong person|wrong guy|wrong phone|wrong contact|wrong cell|not interested|'
    'no longer interested|not intrested|no interest|who is this|who are you|whos this|who dis|'
    'who tf is this|who the hell is this|dont know you|dont know who you are|'
    'dont know who u r|dont know who u are|dont know u|dont know who this is|'
    'dont know this number|told you|told you to|told u|told ya|told you guys|asked you|'
    'asked you to|asked u|asked once|asked once already|asked once before|asked already|'
    'asked before|asked twice|asked twice already|asked three times|asked three times now|'
    'already asked|already said|already told you|asked you before|asked you already|'
    'asked many times|asked multiple times|asked nicely|said no|i said|never signed up|'
    'didnt sign up|did not sign up|never signed up for this|didnt sign up for this|'
    'did not sign up for this|never subscribed|never agreed to this|never agreed|'
    'didnt ask for this|never asked for this|didnt ask for these|did not ask for these|'
    'never gave you my number|dont remember signing up|harassment|this is harassment|'
    'its harassment|illegal|this is illegal|scam|this is spam|its spam|thats spam|'
    'this is a scam|last warning|final warning|final notice|last notice|passed away|is dead|'
    'no longer lives here|doesnt live here|no longer works here|not my number|not his number|'
    'not her number|moved away|still getting|they still come|keep coming|still coming|'
    'they keep coming|ridiculous|this is ridiculous|this is annoying|so annoying|'
    'very annoying|fuck you|screw you|do not call|dont call|how many times|how often|'
    'i have asked|tired of this|enough is enough|this is my last request|second request|'
    'third request|second time|third time|third time asking|second time asking|'
    'have to tell you|have to tell u|have to say|i beg you|begging you|not him|not her|'
    'you have the wrong|you have the wrong number|you have the wrong person|'
    'you got the wrong number|youve got the wrong guy|youve got the wrong person|'
    'youve got the wrong number|have the wrong number|got the wrong person|got the wrong guy|'
    'this isnt|not a customer|never been a customer|not your customer|cost me money|'
    'costing me money|i pay for every text|pay per text|pay for every txt|my kids phone|'
    'i dont live there anymore|work phone|leave us be|leave this family alone'),
  ('en', 'K', 'report you|report u|reporting you|reporting u|reported you|report your|block you|block u|'
    'block this number|blocking you|blocking this number|blocked you|sue you|suing you|'
    'the fcc|the ftc|fcc|ftc|attorney general|my lawyer|call my lawyer|my attorney|'
    'legal action|a complaint|file a complaint|filing a complaint|press charges|'
    'reported as spam|report as spam|report it as spam|report you as spam|mark you as spam|'
    'reporting u as spam|reported'),
  ('en', 'KS', 'youre blocked|ur blocked|you are blocked|blocked and reported|reported and blocked'),
  ('en', 'C', 'do not call registry|do not call list|dnc list|dnc|do not contact list|privacy law|'
    'data protection|data protection act|do not text list|national do not call registry|'
    'can spam act|do not call registration'),
  ('en', '!', 'revoke consent|revoke my consent|revoke any consent|revoke all consent|'
    'revoking my consent|revoking consent|withdraw consent|withdraw my consent|'
    'withdrawing my consent|withdraw any consent|rescind my consent|rescind consent|'
    'do not consent to receive|dont consent to receive|do not consent to be contacted|'
    'never consented|never gave consent|without my consent|revoke permission|'
    'withdraw permission|revoke my permission|revoke authorization|is on the do not call list|'
    'is on the do not call registry|cease all communication|cease all contact|'
    'cease communication|cease contact|do not consent to these|dont consent to this|'
    'dont consent to these|do not have my consent|do not have my permission|'
    'dont have my permission|you do not have permission to contact'),
  ('en', 'A', 'instead|put me on|put me in|put me down|add me|switch me|move me|use my|replace|'
    'change it|put us|call me|call me instead|email me|just call|email instead|'
    'email is better|call instead|ring me'),
  ('en', 'T', 'talk|speak|chat|talking|speaking|texting with|connect|transfer'),
  ('en', 'H', 'person|agent|representative|rep|operator|real human|real person|live agent|live person|'
    'customer service|customer support|support agent|manager|human|human being|a human being'),
  ('en', 'B', 'bot|robot|chatbot|machine|computer|ai|artificial intelligence|chatgpt'),
  ('en', 'NV', 'dont bother me|dont bother us|dont bother texting|dont bother messaging|'
    'dont bother contacting|dont bother writing'),
  ('en', '.', 'contact them|text them|message them|contacting them|texting them|i quit|stop by|stop at|'
    'stop in|stop over|drop by|dont bother|bus stop|full stop|next stop|no problem|no worries|'
    'this one|that one|no one'),
  ('en', 'g', 'thanks|thank|thx|ty|tks|thank you|thank u|thank you very much|thank you so much|'
    'many thanks|no thanks|no thank you|gracias|merci|obrigado'),
  ('en', 's', 'enough|thats enough'),
  ('en', 'E', 'are you|are u|r u|are you a|are you an|are you just|is this|is it|is this a|'
    'am i talking to|am i talking with|am i texting|am i texting with|am i chatting with|'
    'am i speaking to|am i speaking with|you are|is there|this is|are you guys'),
  ('es', 'S', 'basta de|paren|pare|parar|paras|parad|cese|cesen|cesar|cesad|detengan|detenga|deten|'
    'detener|detenganse|corten|corta|cortenla|cortala|alto a|alto con|deja|deje|dejen|dejad|'
    'dejar|dejen ya|deja ya|dejen ya de|para de|para ya de|paren ya|terminen|terminen con|'
    'parale|parenle|suficiente de|suficientes|estuvo bueno con|ya estuvo bueno con|dejan de|'
    'dejas de|dejais de|harto de|hartos de|harta de|cansado de|cansada de|abstenganse|'
    'absténgase|abstenerse|el cese|cese de|suspendan|suspender|suspenda|finalicen|eviten|'
    'evite|evitar|dejense|vete a la mierda|vayanse a la mierda|larguense|no insistan|'
    'no insista|no insistas|dejame en paz|dejeme en paz|dejenme en paz|dejadme en paz|'
    'dejenos en paz|dejennos en paz|dejame tranquilo|dejame tranquila|dejeme tranquilo|'
    'dejeme tranquila|dejenme tranquilo|dejenme tranquila|dejenme ya|no jodan|no joda|'
    'no jodas|no frieguen|no chinguen|dejen de joder|dejen de chingar|no fastidien|'
    'no fastidies|no den lata|no me jodan'),
  ('es', 'M', 'mensajes|mensajitos|textos|msj|msjs|mjs|mensages|publicidad|publicidades|promociones|'
    'promocion|propaganda|propagandas|ofertas|avisos|recordatorios|notificaciones|'
    'comunicaciones|comunicacion|comunicados|anuncios|mensajes de texto|campanas|vainas|'
    'mamadas|cosas|babosadas|huevadas|boludeces|pendejadas|tonterias|chorradas|prospeccion|'
    'contacto comercial|envios de mensajes|envio de mensajes|envio de sms|envios|cadenas|'
    'novedades|boletines'),
  ('es', 'm', 'mensaje|texto|aviso|recordatorio'),
  ('es', '', 'comerciales|comercial|publicitarios|publicitarias|publicitario|promocionales|promocional|'
    'automaticos|tantos|tantas|tanta|tanto|mas de|sus malditos|malditos|pinches|putos|'
    'no deseados|otros|otras|ya|que|q|ke|se|les|le|te|lo|ahora|ahora mismo|ya mismo|'
    'inmediatamente|de inmediato|cuanto antes|lo antes posible|de una vez|de una buena vez|'
    'de una vez por todas|por ultima vez|en serio|a la brevedad|aca|por aqui|por este medio|'
    'por sms|por mensaje|por whatsapp|urgente|inmediato|conforme a la ley|como|pa|para que|'
    'pa que|tan|enviado desde mi iphone|siempre|diario|a diario|todos los dias|cada dia|'
    'constantemente|de una|favor|hacer|estar|tener que|por escrito|formalmente|expresamente|'
    'a cada rato|todo el dia|de texto|3 veces|tres veces|dos veces|2 veces|varias veces|'
    'mil veces|muchas veces|pendejos|cabrones|idiotas|imbeciles|hdp|pesado|spammers|'
    'hijos de puta|tarados'),
  ('es', 'O', 'nada|eso|esto|esos|estos|estas|esas|todo esto|todo eso|nada de esto|nada de nada|los|'
    'nada suyo|nada de eso|esta informacion|informacion'),
  ('es', '_', 'el|la|las|un|una|de|del|a|al|su|sus|tu|tus|mi|mis|este|esta|ese|esa|todos|todas|con|por|'
    'en|para|desde|suyos|suyas|vuestros|vuestra|vuestro|vuestras'),
  ('es', 'L', 'su lista|tu lista|sus listas|esta lista|esa lista|su base|su base de datos|'
    'sus bases de datos|base de datos|bases de datos|su sistema|sus registros|sus contactos|'
    'tus contactos|su agenda|tu agenda|lista de difusion|lista de contactos|lista de envio|'
    'lista de envios|lista de mensajes|lista de distribucion|lista de correo|lista de sms|'
    'lista de promociones|este grupo|de aqui|de ahi|su fichero|sus ficheros|vuestra lista|'
    'vuestra base de datos|vuestros contactos|su directorio|donde sea que me tengan|su cadena|'
    'esta cadena|vuestro fichero|vuestros ficheros|esto de los mensajes'),
  ('es', 'l', 'lista|listas|grupo|base|registro'),
  ('es', 'P', 'mi numero|este numero|ese numero|mi telefono|este telefono|mi celular|este celular|'
    'mi movil|este movil|mi cel|mis datos|mi contacto|numero|telefono|celular|movil|'
    'mis datos personales|mi informacion|mi nombre|mi linea|esta linea|este contacto|mi mail|'
    'datos'),
  ('es', 'I', 'me|nos|a mi|nosotros|conmigo'),
  ('es', 'N', 'les prohibo que|les prohibo|le prohibo que|prohibo que|prohibido|no|nunca|tampoco|ni|'
    'no hace falta que|no hace falta|no es necesario que|no tienen que|no necesito que|sin|'
    'cero|nadie'),
  ('es', 'N+', 'ya no|nunca mas|no mas|jamas|no volver a|no vuelvan a|no vuelva a|no vuelvas a|'
    'nomas ya no'),
  ('es', '+', 'mas|mass|de nuevo|otra vez|nuevamente|vuelvan a|vuelva a|vuelvas a|vuelven a|volver a|'
    'vuelve a|un mensaje mas|uno mas|en adelante|para siempre|definitivamente|definitiva|'
    'en lo sucesivo|en el futuro|a partir de ahora|a partir de hoy|vuelven|ni una vez mas|'
    'mas nunca|en la vida'),
  ('es', 'J', 'sigan|sigue|siga|sigas|siguen|seguir|seguis|continuen|continuar|continue|continuan|'
    'siguen con|sigan con|persisten|insisten en'),
  ('es', 'W', 'quiero|kiero|qiero|quisiera|deseo|solicito|solicitamos|pido|exijo|necesito|gustaria|'
    'me gustaria|queremos|deseamos|quisieramos|ruego|les ruego|agradeceria|agradezco|'
    'les agradeceria|les agradecere|agradecere|te pido|les pido|le pido|favor de|requiero|'
    'demando|me interesa|autorizo|pedi|quise|como hago para|como hago pa|como hacer para|'
    'como le hago para|como puedo|puedo|hagan el favor de|haga el favor de|haz el favor de|'
    'sirvanse|sirvase|procedan a|proceda a|pediria|les pediria|me pueden|pueden|puede|puedes|'
    'podrian|podria|podrias|me puede|me puedes|me podrian|me podria|seria posible|'
    'tengan la amabilidad de|tenga la bondad de'),
  ('es', 'Y', 'usted|ustedes|vosotros|de ustedes|de usted|de su parte|de su empresa|su empresa|'
    'su tienda|su negocio|con ustedes|de vosotros|de parte de ustedes|de su tienda|'
    'de tu parte|vos|vuestro comercio|de su negocio|empresa|alguien'),
  ('es', 'i', 'yo|estoy|soy|tengo|este ya no es|no soy|ya tengo|no conozco|es que|vivo|ya me|ya les|'
    'ya te|ya le'),
  ('es', '/', 'por favor|porfavor|porfa|porfis|xfa|xfavor|x favor|por favorcito|plis|plz|buenas|'
    'buen dia|buenos dias|buenas tardes|buenas noches|saludos|cordial saludo|un saludo|atte|'
    'atentamente|disculpe|disculpa|disculpen|perdon|oye|oiga|oigan|che|vale|bueno|bien|pues|'
    'porque|xq|pq|porq|pero|o|sino|senor|senora|senores|senorita|amigo|amiga|joven|'
    'dios los bendiga|bendiciones|hombre|tio|tia|wey|guey|ps|ya que|puesto que|estimados|'
    'suerte|suerte con el local|adios|chao|disculpen la molestia|con todo respeto|con respeto|'
    'caramba|joder|por dios|por el amor de dios'),
  ('es', '.', 'nada mas|por que|esta bien|asi esta bien|con eso|con esto|para cuando|ya baja|baja ya|'
    'para mi|no para|alto ahi|no baja'),
  ('es', '&', 'y|e'),
  ('es', 'X', 'no me interesa|no me interesan|no nos interesa|no estoy interesado|no estoy interesada|'
    'no interesa|sin interes|no tengo interes|numero equivocado|numero incorrecto|equivocado|'
    'se equivocaron|se equivocaron de numero|se equivoco de numero|se equivocan|'
    'se equivocan de numero|te equivocaste de numero|estan equivocados|'
    'tienen el numero equivocado|tienes el numero equivocado|persona equivocada|quien es|'
    'quien eres|quienes son|quien habla|no se quien es|no se quienes son|no los conozco|'
    'no te conozco|no lo conozco|es spam|esto es spam|es acoso|esto es acoso|acoso|les dije|'
    'les he dicho|te dije|ya dije|ya lo pedi|ya les dije|ya les dije que|ya te dije|'
    'ya les pedi|lo pedi antes|ya lo he pedido|cuantas veces|cuantas veces tengo que decir|'
    'es la ultima vez que lo digo|ultima advertencia|ultimo aviso|no soy yo|no es mi numero|'
    'ese no es mi numero|este no es su numero|fallecio|ya fallecio|murio|ya no vive aqui|'
    'ya no es de|ya no es su numero|no soy cliente|no soy su cliente|nunca me suscribi|'
    'no me suscribi|yo no me suscribi|no pedi esto|nunca pedi esto|nunca les di mi numero|'
    'no les di mi numero|que pesados|pesados|que fastidio|que molestos|molestos|que molestia|'
    'muy molestos|muchos mensajes|demasiados mensajes|son muchos mensajes|me tienen harto|'
    'me tienen harta|estoy harto|estoy harta|estafa|es una estafa|siguen llegando|'
    'me siguen llegando|sigo recibiendo|sinverguenzas|ilegal|es ilegal|vayanse al diablo|'
    'ya no soy|ya estuvo bueno|estuvo bueno|q pesados|que cansones|que intensos|acosadores|'
    'cansones|intensos|ya no compro|no compro nada|q fastidio|ya no trabaja aqui'),
  ('es', 'K', 'los denuncio|los voy a denunciar|te denuncio|te voy a denunciar|los denunciare|'
    'les denuncio|les voy a denunciar|los reporto|los voy a reportar|te reporto|'
    'te voy a reportar|los reportare|los bloqueo|los voy a bloquear|te bloqueo|'
    'te voy a bloquear|los bloqueare|les bloqueo|bloqueados|estan bloqueados|denuncia|'
    'pondre una denuncia|poner una denuncia|pongo una denuncia|voy a denunciar|los demando|'
    'los voy a demandar|profeco|agencia de proteccion de datos|aepd|la agpd|por spam|'
    'los reporto por spam|consumidor|acciones legales|mi abogado|os denuncio|'
    'os voy a denunciar|os bloqueo|reporto el numero|voy a reportar|los bloqueamos'),
  ('es', 'C', 'proteccion de datos|ley de proteccion de datos|ley de datos|lopd|habeas data|'
    'ley organica|ley 1581|reglamento general|derechos arco|derecho de cancelacion|'
    'derecho de supresion|derecho al olvido|lista robinson|registro de no llame|no llame'),
  ('es', '!', 'derecho de oposicion|derecho a oponerme|me opongo al tratamiento|me opongo a recibir|'
    'revoco mi consentimiento|revoco el consentimiento|revoco mi autorizacion|'
    'revoco la autorizacion|retiro mi consentimiento|retiro el consentimiento|'
    'retiro mi autorizacion|sin mi consentimiento|sin mi autorizacion|no consiento|'
    'no di mi consentimiento|no he dado mi consentimiento|nunca di mi consentimiento|'
    'no autorizo el uso de mi numero|no autorizo el uso de mis datos|'
    'no autorizo que usen mi numero|no autorizo recibir|no autorizo mensajes|'
    'no autorizo publicidad|no autorice|no he autorizado|nunca autorice'),
  ('es', 'A', 'mejor llamenme|mejor llameme|mejor llamame|llamenme|llameme|llamame|llamen|llame|'
    'mejor llama|mejor llamen|en su lugar|mejor|pasame a|paseme a|ponganme|ponme|anotenme|'
    'anotame|cambiame|por correo|mandalo|mandenlo'),
  ('es', 'T', 'hablar|chatear|comunicarme|platicar|conversar|pasame|paseme|pasenme|comuniqueme|'
    'comunicame|transfiereme|ponme con|atienda|hablar con|hablar directamente'),
  ('es', 'H', 'humano|humana|persona|persona real|ser humano|agente|asesor|asesora|representante|'
    'operador|operadora|ejecutivo|ejecutiva|atencion al cliente|servicio al cliente|encargado|'
    'encargada|gerente|humano real|persona de verdad'),
  ('es', 'B', 'robot|bot|maquina|computadora|ia|chatbot|inteligencia artificial|asistente virtual'),
  ('es', 'U', 'baja|darme de baja|dar de baja|dame de baja|deme de baja|denme de baja|dadme de baja|'
    'darnos de baja|me doy de baja|darse de baja|den de baja|me den de baja|me de de baja|'
    'me des de baja|doy de baja|denos de baja|de baja|desapuntarme|desapuntame|desapuntenme|'
    'desafiliarme|desafiliar|salir de|darme baja'),
  ('es', 'u', 'desuscribir|desuscribirme|desuscribeme|desuscribanme|desuscribame|desuscripcion|'
    'desubscribir|desubscribirme|desuscribirnos|desinscribirme|desinscribir|unsuscribir|'
    'desinscripcion|anular suscripcion|desubscripcion|desuscribo|desuscribirse'),
  ('es', 'c', 'cancelen|cancele|cancela|anular|anulen|anula|cancelar|cancelacion|cancelo'),
  ('es', 'b', 'suscripcion|subscripcion|inscripcion'),
  ('es', 'Z', 'quitame|quiteme|quitenme|quitarme|quitadme|sacame|saqueme|saquenme|sacarme|sacadme|'
    'borrame|borreme|borrenme|borrarme|borradme|eliminame|elimineme|eliminenme|eliminarme|'
    'remueveme|remuevanme|removerme|retirame|retireme|retirenme|retirarme|suprimanme|'
    'excluyanme|excluyame|quitennos|saquennos|borrennos|salirme|salgo|bajenme|bajarme|'
    'descarten|bloqueame|bloqueenme|olvidense de mi|olvidenme'),
  ('es', 'D', 'quiten|quite|quita|quitar|quitad|saquen|saque|saca|sacar|sacad|borren|borre|borra|borrar|'
    'borrad|eliminen|elimine|elimina|eliminar|eliminacion|la eliminacion|supriman|suprima|'
    'suprimir|supresion|la supresion|remuevan|remueva|remover|retiren|retire|retira|retirar|'
    'retiro|excluyan|excluya|excluir|exclusion|borrado|olviden|olvide|olvida'),
  ('es', 'g', 'gracias|muchas gracias|mil gracias|gracias de antemano|no gracias|thanks|merci|obrigado'),
  ('es', 's', 'basta|basta ya|ya basta|suficiente|alto'),
  ('es', 'E', 'eres|es usted|es|esto es|tu eres|usted es|sos|seras|hablo con|estoy hablando con|'
    'estoy chateando con|estoy escribiendo con|me contesta|me responde|me atiende'),
  ('fr', '.', 'cest bon|cest bien|comme ca|pourquoi|cest tout'),
  ('fr', 'S', 'arretez|arrete|arreter|darreter|arret|larret|cessez|cesse|cesser|de cesser|stoppez|'
    'stopper|stoppe|finissez|finissez avec|marre|jen ai marre|ras le bol|jen ai assez|la fin|'
    'fini|terminez|mettez fin a|mettre fin a|cessation|degagez|degage|halte|stop aux|stop a|'
    'stop au|laissez moi tranquille|laisse moi tranquille|laissez moi en paix|'
    'laisse moi en paix|laissez nous tranquilles|fichez moi la paix|fiche moi la paix|'
    'foutez moi la paix|fous moi la paix|fichez nous la paix|lachez moi|lache moi|'
    'lachez moi la grappe|lachez nous|lachez laffaire|laissez moi|oubliez moi|'
    'arretez de membeter|la paix'),
  ('fr', 'V', 'ecrivez|ecrire|decrire|ecris|contactez|contacter|contacte|contactee|contactes|derangez|'
    'deranger|derange|derangee|harcelez|harceler|harcele|harcelee|sollicitez|solliciter|'
    'sollicite|sollicitee|relancez|relancer|relance|importunez|importuner|embeter|embetez|'
    'spammer|spammez|spamer|demarchez|demarcher|demarche|demarchee|textoter|joindre|saouler|'
    'souler|saoulez|mecrire|mecrivez|mecris|mecrives|mecriviez|decrivez|me contacter|'
    'me contactez|membeter|membetez|mimportuner|de mecrire'),
  ('fr', 'G', 'envoyez|envoyer|envoye|envoie|envoies|envoi|envoyiez|adressez|adresser|expedier|'
    'transmettre'),
  ('fr', 'F', 'menvoyez|menvoyer|menvoie|menvoies|menvoyiez|menvoye|madresser|menvoyer de|dmenvoyer|'
    'nous envoyer|nous envoyez'),
  ('fr', 'FM', 'men envoyer|men envoyez|men envoie|men adresser'),
  ('fr', 'NG', 'nenvoyez|nenvoie|nenvoyer'),
  ('fr', 'NV', 'necrivez|necris'),
  ('fr', 'R', 'recevoir|recevoire|etre destinataire|avoir'),
  ('fr', 'M', 'messages|textos|texto|texte|textes|msg|mess|publicite|publicites|pub|pubs|promotions|'
    'offres|offre|demarchage|prospection|demarchages|communications|communication|'
    'sollicitations|sollicitation|notifications|rappels|rappel|relances|envois|vos envois|'
    'annonces|spams|reclames|reclame|messages publicitaires|messages commerciaux|newsletters|'
    'bons plans'),
  ('fr', 'm', 'message'),
  ('fr', '', 'publicitaires|publicitaire|commerciaux|commerciale|commerciales|promotionnels|'
    'automatiques|indesirables|incessants|tous|toutes|toute|autant|autres|autre|que|etre|bien|'
    'vouloir|maintenant|immediatement|tout de suite|de suite|des maintenant|'
    'une fois pour toutes|pour la derniere fois|enfin|deja|se|sans delai|'
    'dans les plus brefs delais|des reception|au plus vite|par sms|par texto|par message|'
    'conformement au|conformement|a ce numero|faire|tout de meme|constamment|sans cesse|'
    'tous les jours|chaque jour|sans arret|formellement|expressement|effectuer|proceder a|'
    'rapidement|toujours|envoye de mon iphone|connards|connard|abrutis|escrocs|spammeurs|'
    'trois fois|deux fois|plusieurs fois|3 fois|vraiment|aussi|y compris'),
  ('fr', 'O', 'tout|ca|cela|rien|rien du tout|quoi que ce soit|en|tout ca|tout cela|ceux ci|les'),
  ('fr', '_', 'de|la|le|des|du|d|l|un|une|vos|votre|ta|tes|ton|ces|cette|ce|cet|a|au|aux|ma|mes|mon|'
    'avec|sur|par|pour|dans|leurs|y'),
  ('fr', 'L', 'votre liste|ta liste|vos listes|cette liste|vos fichiers|votre fichier|ce fichier|'
    'votre base|votre base de donnees|vos bases de donnees|base de donnees|liste de diffusion|'
    'liste denvoi|liste de contacts|vos contacts|tes contacts|votre repertoire|votre systeme|'
    'vos registres|de la|dici|ce groupe|votre mailing|liste denvois|liste sms|vos bases|'
    'fichier clients|fichier client|votre liste de diffusion|vos listes de diffusion'),
  ('fr', 'l', 'liste|listes|fichier|fichiers|base|repertoire'),
  ('fr', 'P', 'mon numero|ce numero|mon telephone|ce telephone|mon portable|mon tel|mes coordonnees|'
    'mes donnees|mes donnees personnelles|numero|telephone|portable|mon contact|mon nom|'
    'mes infos|mon mobile|cette ligne|coordonnees|mon 06|mon numero de telephone|donnees'),
  ('fr', 'I', 'me|moi|nous|m|mois'),
  ('fr', 'N', 'vous interdis de|je vous interdis de|interdiction de|ne|n|pas|jamais|aucun|aucune|ni|'
    'inutile de|pas la peine de|pas besoin de|plus jamais|aucuns'),
  ('fr', '+', 'plus|encore|a nouveau|de nouveau|desormais|a lavenir|dorenavant|definitivement|'
    'encore une fois|une fois de plus|pluss|jamais plus'),
  ('fr', 'N+', 'plus de|plus aucun|plus aucune|ne plus|de ne plus|nen plus|plus du tout'),
  ('fr', 'J', 'continuez|continuez a|continuer|continuer a|continue|continue a|persistez|continuez de'),
  ('fr', 'W', 'veux|voudrais|souhaite|souhaiterais|desire|voulons|souhaitons|aimerais|jaimerais|demande|'
    'exige|jexige|merci de|merci de bien vouloir|veuillez|veuillez bien|priere de|prie de|'
    'vous prie de|je vous prie de|je vous demande de|je te demande de|vous demande de|'
    'souhaiterai|ai demande|comment|comment on fait pour|comment on fait|comment faire|'
    'comment faire pour|pouvez|peux|pourriez|pouvez vous|pourriez vous|peut on|puis je|'
    'comment puis je|comment je peux|il faut|faut|soyez gentils de|soyez gentil de|'
    'ayez la gentillesse de|auriez vous lobligeance de|j aimerais|jsouhaite|jveux|jdemande|'
    'interesse|interessee'),
  ('fr', 'N+W', 'veux plus|souhaite plus|voudrais plus|desire plus|voulons plus|souhaitons plus|veut plus|'
    'veux plu'),
  ('fr', 'Y', 'vous|tu|te|t|de votre part|de vous|de ta part|votre societe|votre entreprise|'
    'votre magasin|votre boutique|par vous|vous autres|de votre societe|quelquun'),
  ('fr', 'i', 'je|j|jai|jsuis|on|il|elle|ca fait|suis|ce nest|nous sommes|ai'),
  ('fr', '/', 'sil vous plait|sil te plait|s il vous plait|s il te plait|svp|stp|par avance|bonjour|'
    'bonsoir|salut|cordialement|bien cordialement|daccord|bon|monsieur|madame|messieurs|'
    'mesdames|mademoiselle|pardon|desole|desolee|parce que|car|pcq|mais|sinon|donc|ou|puisque|'
    'bien a vous|salutations|bonne journee|bonne soiree|bonne continuation|veuillez agreer|'
    'bref|alors|putain|merde|bordel|hein|non|oui|pitie|par pitie|mr|mme|les gars|'
    'a bon entendeur'),
  ('fr', '&', 'et|puis'),
  ('fr', 'X', 'pas interesse|pas interessee|pas interesses|suis pas interesse|suis pas interessee|'
    'ne suis pas interesse|ne suis pas interessee|ca ne minteresse pas|ca minteresse pas|'
    'ne minteresse pas|mauvais numero|faux numero|erreur de numero|vous vous trompez|'
    'vous vous trompez de numero|vous faites erreur|mauvaise personne|qui est ce|'
    'qui etes vous|cest qui|je ne vous connais pas|vous connais pas|cest du harcelement|'
    'du harcelement|harcelement|cest du spam|cest illegal|illegal|arnaque|rien demande|'
    'jai rien demande|je nai rien demande|nai rien demande|jai deja demande|deja demande|'
    'deja dit|je lai deja dit|je vous lai deja dit|je vous ai dit|jai dit|jai dit non|'
    'combien de fois|combien de fois dois je|combien de fois faut il|derniere fois|'
    'dernier avertissement|jamais donne mon accord|jamais donne mon numero|'
    'je nai jamais donne mon accord|je nai jamais donne mon numero|'
    'nai jamais donne mon accord|jamais inscrit|jamais inscrite|ne suis pas client|pas client|'
    'plus client|est decede|est decedee|decede|nest plus|nhabite plus ici|'
    'ce nest pas mon numero|ca suffit|ca suffit maintenant|ca commence a bien faire|'
    'jen peux plus|vous me saoulez|vous mennuyez|trop de messages|trop de sms|penible|'
    'penibles|insupportable|allez vous faire foutre|allez au diable|cassez vous|'
    'foutez le camp|vous etes lourds|lourds|je ne suis pas|vous me gonflez|me gonflez|'
    'je recois encore|ne connais pas'),
  ('fr', 'K', 'porte plainte|porter plainte|je porte plainte|plainte|deposer plainte|je vous signale|'
    'vous signaler|vais vous signaler|je vais vous signaler|signalerai|vous bloque|'
    'je vous bloque|vais vous bloquer|je vais vous bloquer|vous denonce|33700|la cnil|cnil|'
    'signal conso|signalconso|mon avocat|avocat|dgccrf|poursuites|te bloque|je bloque|bloctel|'
    'vous etes bloques|saisir la cnil|saisis la cnil|attaquer en justice|en justice'),
  ('fr', 'C', 'protection des donnees|droit a leffacement|droit a loubli|loi informatique et libertes|'
    'informatique et libertes|article 21|article 17|l34 5'),
  ('fr', '!', 'droit dopposition|mon droit dopposition|je moppose|moppose au|moppose a|'
    'retire mon consentement|je retire mon consentement|revoque mon consentement|'
    'retire mon accord|navez pas mon consentement|navez pas mon accord|'
    'navez pas lautorisation|sans mon consentement|sans mon accord|ne consens pas|'
    'nai pas consenti|pas donne mon consentement|jamais donne mon consentement|'
    'pas donne mon accord|nautorise pas lenvoi|nautorise plus'),
  ('fr', 'A', 'appelez moi|rappelez moi|appelez|mettez moi|mets moi|plutot|un appel|prefere un appel|'
    'inscrivez moi|par mail|a la place'),
  ('fr', 'T', 'parler|discuter|echanger|parler a|parler avec'),
  ('fr', 'H', 'humain|humaine|personne|vraie personne|conseiller|conseillere|agent|operateur|operatrice|'
    'service client|etre humain|responsable'),
  ('fr', 'B', 'robot|bot|machine|ordinateur|ia|chatbot|intelligence artificielle'),
  ('fr', 'U', 'resiliation|desabonner mon numero|desengager|desengagez moi'),
  ('fr', 'u', 'desabonner|desabonne|desabonnez|desabonnez moi|desabonnement|me desabonner|desinscrire|'
    'me desinscrire|desinscris|desinscrivez|desinscrivez moi|desinscription|desabo|'
    'desabonne moi|desinscris moi|mon desabonnement|ma desinscription|me desabonne|'
    'nous desabonner|desabonnez nous|desinscrivez nous|desabonnes|desinscrit|'
    'desabonnement sms'),
  ('fr', 'c', 'annuler|annulez|resilier'),
  ('fr', 'b', 'abonnement|labonnement|inscription|linscription'),
  ('fr', 'D', 'retirez|retire|retirer|retrait|le retrait|enlevez|enleve|enlever|supprimez|supprime|'
    'supprimer|suppression|la suppression|effacez|efface|effacer|effacement|leffacement|otez|'
    'oter|rayez|raye|rayer|sortez|sortir|virez|vire|virer|radiez|radier|oubliez|oublier|'
    'radiation'),
  ('fr', 'Z', 'menlever|me retirer|me supprimer|meffacer|me rayer|mesortir|me sortir|etre retire|'
    'etre retiree|etre supprime|etre supprimee|etre efface|etre radie|me virer'),
  ('fr', 'g', 'merci|merci bien|merci beaucoup|merci davance|ok merci|non merci|thanks|gracias|obrigado'),
  ('fr', 's', 'assez|basta|suffit'),
  ('fr', 'E', 'etes vous|es tu|tu es|vous etes|cest|est ce|est ce que vous etes|est ce que tu es|'
    'je parle a|je parle avec|est ce que je parle a|suis je en train de parler a'),
  ('pt', '.', 'pare aqui|para aqui|parem aqui|parar aqui|pare ai|por que|esta bom|ta bom|so isso|'
    'mais nada nao'),
  ('pt', 'S', 'pare|parem|parar|parai|para de|para com|para com isso|basta de|cesse|cessem|cessar|'
    'chega de|chega com|chega disso|deixe de|deixem de|deixa de|deixar de|parem com|pare com|'
    'parem ja|interrompam|interromper|suspendam|suspender|encerrem|encerrar|encerre|cansei de|'
    'cansada de|cansado de|farto de|farta de|saco cheio de|o fim|fim|acabem com|acabe com|'
    'abstenham se|vai se foder|vao se foder|some|sumam|nao insista|nao insistam|'
    'me deixe em paz|me deixa em paz|me deixem em paz|deixe me em paz|deixem me em paz|'
    'deixa me em paz|nos deixem em paz|me deixa quieto|me deixa quieta|me deixe quieto|'
    'me deixe quieta|me deixem quieto|me esquece|me esqueca|me esquecam|esquecam me|'
    'larga do meu pe|larguem do meu pe|me larga|saiam do meu pe|esquece meu numero|'
    'esquece de mim|parem de encher o saco|para de encher o saco|pare de encher o saco|'
    'nao encham o saco|nao enche|nao encham|nao enche o saco|me erra'),
  ('pt', 'V', 'escrever|escreva|escrevam|escreve|escrevendo|contatar|contate|contatem|contatando|'
    'contactar|contacte|contactem|contactado|contactada|contatado|contatada|incomodar|'
    'incomode|incomodem|incomoda|incomodando|perturbar|perturbe|perturbem|perturba|'
    'perturbando|me procurar|me procure|me procurem|importunar|importune|importunem|encher|'
    'encham|assediar|assediem|chamar|chamem|abordar|abordem|aborrecer|aborrecam|chatear|'
    'chateiem|spammar|em contato|em contacto|dar sinal|mandar mensagem|mandar msg|mandar sms|'
    'mandar zap'),
  ('pt', 'G', 'mandar|mande|mandem|manda|mandando|mandarem|mander|enviar|envie|enviem|envia|enviando|'
    'enviarem|envio|o envio|os envios|remeter|disparar|disparo|enviarem me|mandarme'),
  ('pt', 'R', 'receber|recebe|recebendo|recebimento|o recebimento|resseber|rreceber|ser contatado|ver'),
  ('pt', 'M', 'mensagens|mensagen|mensages|msg|mensagem|torpedo|torpedos|propaganda|propagandas|'
    'promocoes|promocao|ofertas|oferta|publicidade|publicidades|textos|comunicacoes|'
    'comunicacao|comunicados|avisos|notificacoes|lembretes|anuncios|envios|campanhas|zap|zaps|'
    'mensagens de texto|divulgacao|divulgacoes|conteudo|contatos comerciais|novidades|recado|'
    'recados'),
  ('pt', '', 'publicitarias|publicitaria|comerciais|comercial|promocionais|promocional|automaticas|'
    'indesejadas|tanta|tantas|nenhuma|nenhum|outras|outra|chatas|entre|entrem|entra|entrar|ja|'
    'que|q|se|lhes|te|agora|agora mesmo|imediatamente|urgente|logo|de uma vez|'
    'de uma vez por todas|pela ultima vez|por sms|por mensagem|por whatsapp|por aqui|aqui|ai|'
    'so|ser|estar|com base|com base na|nos termos da|conforme a|conforme|'
    'enviado do meu iphone|fazer|por gentileza|ate|sempre|todo dia|todos os dias|toda hora|'
    'o tempo todo|por este meio|formalmente|expressamente|o quanto antes|de imediato|ta|ne|'
    'entao|la|idiotas|babacas|spammers|golpistas|tres vezes|3 vezes|varias vezes|duas vezes|'
    'mil vezes'),
  ('pt', 'O', 'isso|isto|nada|coisas|coisa|disso|disto|essas coisas|mais nada|nada disso|nada de voces|'
    'essa porcaria|essas porcarias|esse lixo'),
  ('pt', '_', 'o|a|os|as|um|uma|de|da|do|das|dos|essa|essas|esse|esses|esta|estas|este|estes|dessa|'
    'dessas|desta|destas|deste|desse|sua|suas|seu|seus|tua|tuas|meu|minha|meus|minhas|na|no|'
    'nas|com|por|em|para|pra|pro|ao|aos|desses|destes|vossa|vossas|vosso|vossos|neste|nesse|'
    'pelo'),
  ('pt', 'L', 'sua lista|suas listas|essa lista|dessa lista|desta lista|esta lista|da lista de voces|'
    'lista de transmissao|lista de contatos|lista de contactos|lista de envio|lista de envios|'
    'lista de mensagens|lista de mensagem|lista de divulgacao|lista de distribuicao|'
    'seus contatos|sua base|sua base de dados|base de dados|vossa base de dados|vossa lista|'
    'vossas listas|seu cadastro|cadastro de voces|do cadastro|dai|daqui|disso ai|desse grupo|'
    'deste grupo|seu sistema|sistema de voces|seus registros|do sistema|banco de dados|'
    'mailing|sua agenda|do mailing|desse cadastro|lista de voces|dessas listas|destas listas|'
    'base de voces|dessa porcaria|desse negocio'),
  ('pt', 'l', 'lista|listas|grupo|cadastro|base|sistema|da lista|do grupo'),
  ('pt', 'P', 'meu numero|este numero|esse numero|deste numero|desse numero|meu contato|meu contacto|'
    'o meu contacto|meu telefone|meu celular|meu telemovel|este telemovel|este contacto|'
    'este contato|numero|telefone|celular|telemovel|contato|contacto|meus dados|meu nome|'
    'dados pessoais|meus dados pessoais|minhas informacoes|minha linha|dados'),
  ('pt', 'I', 'me|nos|mim|pra mim|para mim|comigo|pra ca|pra gente|mi'),
  ('pt', 'N', 'proibo que|proibo|proibido|nao|n|naum|num|nunca|nem|sem|nao precisa|nao precisam|'
    'nao e preciso|nao ha necessidade de|nao precisa mais'),
  ('pt', 'N+', 'nunca mais|ja nao|nao mais|sem mais|chega mais|jamais'),
  ('pt', '+', 'mais|de novo|novamente|outra vez|mais uma|mais um|mais uma vez|voltem a|volte a|voltar a|'
    'tornar a|tornem a|daqui em diante|daqui pra frente|a partir de agora|a partir de hoje|'
    'definitivamente|para sempre|pra sempre|futuramente|doravante|em definitivo'),
  ('pt', 'J', 'continuem|continue|continuar|continuarem|continua|continuam|seguirem|ficar|ficam|fiquem|'
    'insistirem em|insistir em|ficarem|insistem em'),
  ('pt', 'W', 'quero|queria|queremos|desejo|desejamos|gostaria|gostaria de|pretendo|preciso|solicito|'
    'solicitamos|peco|pedi|exijo|autorizo|agradeco|agradecia|agradecia que|agradeceria|pode|'
    'podem|poderia|poderiam|da pra|da para|tem como|como faco para|como faco pra|'
    'como faz para|como faz pra|como|como eu|requeiro|peco que|quero que|pedir|'
    'tenho interesse em|tenham a bondade de|tenham a gentileza de|faz favor de|'
    'facam o favor de|faca o favor de|venho por este meio|venho solicitar|venho pedir'),
  ('pt', 'Y', 'voce|vc|voces|vcs|tu|de voces|de vcs|da sua empresa|da empresa|sua empresa|da loja|'
    'da sua loja|vossa empresa|da vossa parte|de sua parte|empresa|da parte de voces|alguem'),
  ('pt', 'i', 'eu|sou|nao sou|tenho|ja tenho|estou|to|eu ja|moro'),
  ('pt', '/', 'por favor|pfv|pf|pfvr|porfavor|favor|faz favor|se faz favor|sff|gentileza|'
    'desde ja agradeco|agradeco desde ja|oi|ola|bom dia|boa tarde|boa noite|ei|opa|desculpe|'
    'desculpa|bom|moco|moca|senhor|senhora|senhores|gente|pessoal|amigo|amiga|atenciosamente|'
    'att|cumprimentos|abraco|abracos|abs|porque|pq|porq|pois|mas|senao|ou|deus abencoe|'
    'pelo amor de deus|por amor de deus|pelamor|poxa|caramba|porra|caralho|caraca|cara|mano|'
    'nossa|olha|escuta|tudo bem|melhores cumprimentos|com os melhores cumprimentos|'
    'caso contrario|prezados|tchau'),
  ('pt', '&', 'e'),
  ('pt', 'X', 'nao tenho interesse|sem interesse|nao estou interessado|nao estou interessada|'
    'nao me interessa|nao interessa|numero errado|numero enganado|e engano|foi engano|engano|'
    'voce errou o numero|voces erraram|erraram o numero|esta com o numero errado|'
    'pessoa errada|contato errado|nao sou eu|quem e|quem e voce|quem sao voces|'
    'nao conheco voces|nao conheco|isso e spam|e spam|isso e assedio|assedio|que saco|'
    'muito chato|chatos|chatos demais|que chatice|que chato|ja pedi|ja pedi para|ja pedi pra|'
    'ja falei|ja falei para|ja falei pra|ja disse|ja disse que|eu disse|ja pedi varias vezes|'
    'quantas vezes|quantas vezes preciso|ultima vez|ultimo aviso|nao sou cliente|'
    'nunca me cadastrei|nao me cadastrei|nao pedi isso|nunca pedi isso|nunca dei meu numero|'
    'nao dei meu numero|nao me inscrevi|faleceu|ja faleceu|morreu|esse numero nao e dele|'
    'nao e mais dele|nao mora aqui|golpe|ilegal|isso e ilegal|abuso|isso e abuso|que abuso|'
    'nao aguento mais|to cansado|to cansada|cansei|enche o saco|encheu o saco|ainda recebo|'
    'continuo recebendo|continuo a receber|demais|mensagem demais|muita mensagem|nao sou o|'
    'nao sou a|nao trabalha mais aqui'),
  ('pt', 'K', 'bloqueando|denunciando|vou denunciar|denuncio|denunciar|denuncia|vou processar|processar|'
    'processo voces|vou bloquear|bloqueados|estao bloqueados|bloqueei|vou reportar|reportar|'
    'procon|anatel|no procon|na anatel|anacom|anpd|reclame aqui|meu advogado|deco|queixa|'
    'apresentar queixa|fazer queixa|apresento queixa|cnpd|medidas legais|acao judicial|'
    'consumidor'),
  ('pt', 'C', 'protecao de dados|lei geral de protecao de dados|lei de protecao de dados|'
    'direito de eliminacao|direito ao apagamento|direito ao esquecimento|nao me perturbe'),
  ('pt', '!', 'direito de oposicao|me oponho|oponho me|retiro o meu consentimento|'
    'retiro meu consentimento|revogo o meu consentimento|revogo meu consentimento|'
    'revogo o consentimento|revogo a autorizacao|revogo minha autorizacao|'
    'retiro a autorizacao|retiro minha autorizacao|sem meu consentimento|'
    'sem o meu consentimento|sem minha autorizacao|sem a minha autorizacao|'
    'nao autorizo o uso do meu numero|nao autorizo o uso dos meus dados|nao autorizo o envio|'
    'nao autorizo mais o envio|nao autorizo mais|nao consinto|nao dei consentimento|'
    'nunca autorizei|nao autorizei'),
  ('pt', 'A', 'me liga|me ligue|me liguem|ligue me|prefiro mensagem|prefiro ligacao|me coloca|'
    'me coloque|me coloquem|por email|por e mail|em vez disso|no lugar'),
  ('pt', 'T', 'falar|conversar|teclar|falar com|me passa|me passe|me transfere|me transfira|'
    'ser atendido por|atendimento'),
  ('pt', 'H', 'humano|humana|pessoa|pessoa real|ser humano|atendente|representante|operador|agente|'
    'consultor|gerente|responsavel|humano de verdade|pessoa de verdade'),
  ('pt', 'B', 'robo|bot|maquina|computador|ia|chatbot|inteligencia artificial'),
  ('pt', 'U', 'sair'),
  ('pt', 'u', 'descadastrar|descadastre|descadastra|descadastrem|descadastro|descadastramento|'
    'me descadastrar|me descadastra|me descadastre|me descadastrem|desinscrever|desinscricao|'
    'desinscreva|me desinscrever|desinscrevam|o descadastramento|o descadastro|'
    'cancelar a subscricao|cancelar subscricao|anular subscricao'),
  ('pt', 'c', 'cancelar|cancele|cancelem|cancelo|cancela|cancelamento|o cancelamento'),
  ('pt', 'b', 'inscricao|subscricao|assinatura'),
  ('pt', 'D', 'tire|tira|tirem|tirar|remova|removam|remover|remove|remocao|a remocao|exclua|exclui|'
    'excluam|excluir|exclusao|a exclusao|apague|apaga|apaguem|apagar|delete|deleta|deletem|'
    'deletar|retire|retira|retirem|retirar|elimine|elimina|eliminem|eliminar|eliminacao|'
    'a eliminacao|esquecam|esqueca'),
  ('pt', 'Z', 'ser removido|ser removida|ser retirado|ser retirada|ser excluido|ser excluida|me remover|'
    'me tirar|me excluir|me retirar|me retirem|me apaga|me apaguem|me deleta|sair da lista|'
    'sair dessa lista|sair desta lista|sair desse grupo|sair do grupo'),
  ('pt', 'g', 'obrigado|obrigada|obg|obgd|brigado|brigada|muito obrigado|muito obrigada|agradecido|'
    'agradecida|grato|grata|mt obg|valeu|nao obrigado|nao obrigada|thanks|gracias|merci'),
  ('pt', 's', 'basta|chega|ja chega|suficiente'),
  ('pt', 'E', 'voce e|vc e|es|isso e|estou falando com|to falando com|falo com|aqui e')
) as g (language, stands_for, words), unnest(string_to_array(g.words, '|')) as w (word)
join lateral (
  select n.language from unnest(array['en', 'es', 'fr', 'pt']) as n (language)
  where g.language in (n.language, '*')
) as l on true
order by l.language, sms.normalize(w.word), g.language = '*', g.stands_for;

-- Spanish verbs in the forms an intent takes: mandar, mandarme, no me mande, manden, mandando. What only
-- states something (mandan, escriben) is left out: "no mandan mensajes" misses them.
insert into public.sms_synonyms (language, word, stands_for)
select 'es', sms.normalize(s.stem || e.ending), e.stands_for
from (values
  ('ar', 'G', 'mand|envi|remit|pas'),
  ('ar', 'V', 'molest|contact|fastidi|text|import|importun|acos|incomod|hostig|spame|insist|joroh|mensaj|perturb|llen|whatsappe|avis'),
  ('ir', 'V', 'escrib')
) as v (conjugation, stands_for, stems)
cross join unnest(string_to_array(v.stems, '|')) as s (stem)
join lateral (
  select t.ending, case when v.stands_for = 'G' and t.has_me then 'F' else v.stands_for end as stands_for
  from (values
    ('ar', false, 'ar|e|es|en|ando|ad|eis|aran|arles'),
    ('ar', true, 'arme|arnos|eme|enme|enos|ennos|andome|andonos|adme'),
    ('ir', false, 'ir|a|as|an|iendo|ais'),
    ('ir', true, 'irme|irnos|ame|anme|iendome|iendonos')
  ) as f (conjugation, has_me, endings), unnest(string_to_array(f.endings, '|')) as e (ending)
  cross join lateral (values (e.ending, f.has_me)) as t (ending, has_me)
  where f.conjugation = v.conjugation
) as e on true
union
select 'es', w.word, w.stands_for from (values
  ('lleguen', 'G'), ('llegar', 'G'), ('llegarme', 'F'), ('llegando', 'G'),
  ('recibir', 'R'), ('recibirlos', 'R'), ('recibiendo', 'R'), ('tener', 'R'), ('ver', 'R'),
  ('saber', 'R'), ('publicitar', 'V'), ('llamar y escribir', 'V')
) as w (word, stands_for)
on conflict do nothing;

-- Machines. The patterns are held against a normalised sentence (message: all of it) from end to
-- end. Weights: see sms.patterns.
insert into sms.patterns (kind, language, weight, keys, unless, pattern)
select g.kind, g.language, g.weight, string_to_array(g.keys, '|'), string_to_array(g.unless, '|'),
  '^(?:' || g.pattern || ')$'
from (values
  ('message', 'en', 9,
    'code|passcode|otp|pin|verify|password', 'gate|door|doesnt|working|works|my|me|wrong|lock|i',
    '(.+ )?(your|enter) ([a-z]+ )*(code|passcode|otp|pin|password)( [a-z]+)*( g)? \d{4,}( (do|'
    'dont|never|it|this|valid|expires|please|and|if|to|will|for)\M.*)?|'
    '(g )?\d{4,} is your ([a-z]+ )*(code|passcode|otp|pin|password)( .*)?|use \d{4,} (to|as|'
    'for) .+'),
  ('message', 'en', 9,
    'voicemail|voice', '',
    '(you have |you received )?(a |an |\d )?(new |missed )?(voicemail|voice mail|voice message|'
    'visual voicemail)( message)?( received)?( to text| transcript| transcription)? (from|'
    'left by) (\S+ )*?\d{3,}.*'),
  ('message', 'es', 9,
    'codigo|clave|pin|contrasena', 'llega|llego|mi|me|puerta|sirve|funciona',
    '(.+ )?(tu|su) ([a-z]+ )?(codigo|clave|pin|contrasena)( [a-z]+)* (g )?\d{4,}( (no|es|'
    'caduca|expira|vence|valido|valida|para|si|nunca)\M.*)?|(g )?\d{4,} es (tu|'
    'su) ([a-z]+ )?(codigo|clave|pin|contrasena)( .*)?|us[ea] (el codigo )?\d{4,} (para|'
    'como) .+'),
  ('message', 'es', 9,
    'buzon|voz|correo', '',
    '(tiene|tienes|usted tiene|ha recibido|buzon de voz|correo de voz|nuevo mensaje de voz|'
    'mensaje de voz)( a texto| un| 1| nuevo| nuevos| mensajes?| de voz| tiene|'
    ' transcripcion)*( del?| numero)* (\S+ )*?\d{3,}.*'),
  ('message', 'fr', 9,
    'code|mot', 'marche|fonctionne|mon|porte|me|moi',
    '(.+ )?(votre|ton) ([a-z]+ )?(code|mot de passe)( [a-z]+)* (g )?\d{4,}( (ne|il|ce|valable|'
    'valide|expire|n|si|pour)\M.*)?|(g )?\d{4,} est (votre|ton) ([a-z]+ )?(code|'
    'mot de passe)( .*)?|utilisez (le code )?\d{4,} (pour|comme) .+'),
  ('message', 'fr', 9,
    'vocale|vocal|repondeur|messagerie', '',
    '(boite vocale|messagerie vocale|repondeur|vous avez|nouveau message vocal|'
    'message vocal)( un| 1| nouveau| nouveaux| messages?| vocal| vocaux| recu)*( du| de|'
    ' numero)* (\S+ )*?\d{3,}.*'),
  ('message', 'pt', 9,
    'codigo|senha|pin', 'chegou|meu|minha|me|porta|funciona',
    '(.+ )?(seu|teu) ([a-z]+ )?(codigo|pin|senha)( [a-z]+)* (g )?\d{4,}( (nao|ele|valido|'
    'expira|e|para|se|nunca)\M.*)?|(g )?\d{4,} e (o )?(seu|teu) ([a-z]+ )?(codigo|pin|'
    'senha)( .*)?|(use|utilize) (o codigo )?\d{4,} (para|como) .+'),
  ('message', 'pt', 9,
    'voz|correio|caixa', '',
    '(correio de voz|caixa postal|voce tem|nova mensagem de voz|novo recado|'
    'mensagem de voz)( uma?| 1| nova?s?| mensage(m|ns)| de voz| transcricao| recados?)*( de|'
    ' do| numero)* (\S+ )*?\d{3,}.*'),
  ('sentence', 'en', 9,
    'auto|autoreply|autoresponse|automated|automatic|automatically|automessage|autoresponder', '',
    '(this is an? |it is an? )?(auto|automated|automatic|automatically generated|'
    'system generated) ?(sms |text )?(reply|response|responder|answer|message|text|'
    'notification|generated message|alert|reminder|assistant)( from .+| please (do not|'
    'dont) .+| (do not|dont) reply| sent by .+| to (let|inform|confirm) .+| and .+not .+)?|'
    'autoreply|auto|autoresponse|auto ?sent (from|by|while|via) .+|(this (message|text|reply|'
    'sms) (was|is) )?(sent|generated|sending) automatically( (by|from|while|via|using) .+)?|'
    'automatically sent( (by|from|while|via) .+)?|(i am|im) an (automated|automatic|ai|'
    'virtual) (assistant|attendant|system|agent|responder)( .*)?|this is an? (automated|'
    'automatic|unattended|auto) (line|number|system|service|account)( .*)?'),
  ('sentence', 'en', 9,
    'sent', '',
    '(this |the )?(message|text|reply|sms) (was )?sent (by|from|via|using) (my |the |'
    'your )?(car|vehicle|truck|watch|driving mode|android auto|carplay|car play|infotainment.*|'
    'head unit|drivemode|smartdrive|onstar|sync|uconnect)( .*)?|sent (by|from|via|using) (my |'
    'the )?(car|vehicle|truck|driving mode|android auto|carplay|car play|apple carplay|'
    'drivemode)( .*)?'),
  ('sentence', 'en', 0,
    'sent', '',
    'sent (from|by|via|using) (my )?.+'),
  ('sentence', 'en', 9,
    'monitored|unmonitored|unattended|checked|read|attended|reviewed|received|replies|responses', '',
    '(please note )?(this|our|the)( \w+)* (number|inbox|mailbox|line|account|phone|voicemail|'
    'channel|service|address) (is|are) (currently )?(not|never|un)? ?(actively |regularly |'
    'being )?(monitored|unmonitored|unattended|attended|checked|staffed|manned|reviewed|'
    'read)( .*)?|(texts?|replies|responses|messages|text messages|'
    'incoming messages)( (sent )?to this (number|line|inbox|mailbox|account|phone|'
    'address))? (are|will|is)( \w+)? ?not (be )?(\w+ )?(read|monitored|received|answered|seen|'
    'checked|accepted|processed|reviewed)( .*)?|(you have|youve) reached (an?|'
    'the) (unmonitored|unattended|automated|non monitored|no reply|noreply)( .+)?|'
    '(this )?number (is )?not monitored( .*)?'),
  ('sentence', 'en', 9,
    'reply|respond', '',
    '(please )?(do not|dont) (reply|respond|text back)( back)?( directly)? to (this|'
    'the) (message|text|number|sms|notification|alert|automated message|text message)( (as|'
    'because|since) .+| (replies|responses|messages|this (inbox|number|mailbox|line)|it) .+)?|'
    '(please )?(do not|dont) reply (this|as|because)\M.*not.+'),
  ('sentence', 'en', 2,
    'reply|respond|replies', '',
    '(please )?(do not|dont|no) (reply|respond|replies)( please)?|noreply|no reply'),
  ('sentence', 'en', 9,
    'receive|accept|support|receives|accepts|allow|plan|texts|messages|text|sms|messaging|'
    'texting|process|landline', 'call|email|so|instead|me|my|i|send|address|please|use|pictures',
    '(sorry )?(error \d* ?|msg \d* ?)?(this|that|the|your)( \w+)? ?(phone|number|line|landline|'
    'mobile|device|subscriber|recipient|user|customer|contact|handset|account|person|carrier|'
    'destination|party|system|plan)s?( (you|that|to which|which|youre|who)\M.+)? (can ?not|'
    'cant|does ?not|doesnt|do not|is not|isnt|is unable|is a landline|will not|wont|no longer|'
    'has not|could not)( and)?( cannot| cant)?( able)?( to)?( currently)?( set up to|'
    ' configured to| enabled to| able to| allowed to| capable of)? ?(receiv\w+|accept\w*|'
    'support\w*|get|take|allow\w*|process|have|enabled for|subscribed to|able)( \w+)* (text|'
    'texts|texting|sms|mms|messages?|messaging|messaging plan|text messag\w+)( messag\w+|'
    ' service| plan| enabled| capability)?( at this time| at the moment| right now| currently|'
    ' to this number| from .+| or .+)?'),
  ('sentence', 'en', 9,
    'subscriber|customer|recipient|party|person|user|mobile|number|carrier', 'me|my|i|we|email|gave',
    '(the|this) (wireless |mobile |cellular )?(subscriber|customer|recipient|party|person|user|'
    'mobile|number|contact)( number)? (you|youre|that you)( are| have|re)? ?(trying|texting|'
    'messaging|calling|dialing|dialed|called|texted|tried|messaged|attempting|contacting|'
    'reached)\M.*|(the )?(wireless )?(subscriber|recipients carrier|destination (number|'
    'carrier|handset)|subscriber you .+) (is|has|does|can|may|could)\M.+'),
  ('sentence', 'en', 9,
    'delivered|sent|deliverable|undeliverable|failed', 'my|me|i|we',
    '(error \d* ?)?(your |the |this )?(text|message|sms|mms|text message|msg)( to .+|'
    ' \d+)? (was|is|has|have|could|can|cannot|couldnt|wasnt|failed)\M( not| been| be|'
    ' to)*( be)? ?(delivered|sent|undeliverable|deliver|send|processed|undelivered|blocked|'
    'rejected) (because|due|as|by|to \d+|since|reason|the (subscriber|recipient|number|carrier|'
    'customer))\M.+'),
  ('sentence', 'en', 2,
    'delivered|sent|undeliverable|failed|failure|undelivered|blocked|deliver|send|error|'
    'invalid|rejected|service|disconnected|unreachable', 'my|me|i|we',
    '(sorry )?(your |the |this )?(text|message|sms|mms|text message|msg|'
    'delivery)( to .+)? ((was|is|has|have|could|can|cannot|couldnt|wasnt|will)( not| been| be|'
    ' un)+ ?(be )?(delivered|sent|undeliverable|processed|rejected|blocked)|undeliverable|'
    '(delivery )?(failed|failure)( to (send|deliver))?|not (sent|delivered)|blocked( by .+)?|'
    'undelivered)( at this time)?|(delivery|sending|message) (failed|failure)|undeliverable|'
    'error( code)? ?\d*|(error )?(invalid|unknown|wrong|unallocated) (number|destination|'
    'recipient|address)( or .+)?|(msg|free msg|freemsg|error|code)( \d+)?|'
    'message blocked( by .+)?|(number|subscriber|user|the number|'
    'destination) (is )?(not in service|out of service|disconnected|unreachable|'
    'unavailable)( .*)?|your account does not .+|the recipients .+|'
    'delivery status notification( failure)?'),
  ('sentence', 'en', 9,
    'driving|wheel|focus|disturb|drive|driver|mode', '',
    '(hi |sorry |hello )*(im|i am)( currently| now)? (driving|working|sleeping|reading|'
    'exercising|gaming|busy|studying|in sleep focus|in personal focus|'
    'in work focus)( right now| now| at the moment)? with (do not disturb|dnd|focus|a focus|'
    'the focus|driving|.+ focus)( while driving| mode| focus| filter)?( is)?( turned|'
    ' switched)? ?(on|enabled|activated|active)?( and .+)?|(driving|drive|car|vehicle|'
    'driving focus|do not disturb while driving) mode( is| has been)?( turned| now)? ?(on|'
    'active|activated|enabled|engaged)( .*)?|the (driver|person).+(driving|drive|focus).+|'
    'do not disturb while driving is (turned )?(on|enabled|active)( .*)?'),
  ('sentence', 'en', 2,
    'driving|wheel|road|drive', '',
    '(hi |sorry |hello |hey )*(im |i am |am )?(currently |now |busy )?(driving|'
    'behind the wheel|on the road driving|out driving)( a car| my car| right now| now|'
    ' at the moment| currently)?( (and|so|but))?( (i )?(cant|cannot|can not|am unable to|wont|'
    'will not|unable to|am not able to) (text|talk|respond|reply|answer|read|take|check|be|'
    'look)\M.*)?( (i )?(will|ill) (get back|reply|respond|call|text|message|answer|see|read|'
    'be in touch|contact|return)\M.*)?'),
  ('sentence', 'en', 9,
    'urgent|emergency', '',
    'if (this|it)s? (is )?(an )?(urgent|emergency|really urgent)( please)? (reply|respond|text|'
    'type|send|write)( with)?( the word)? urgent\M.*'),
  ('sentence', 'en', 2,
    'notifications|silenced|notification|muted', '',
    '(hi |sorry |hello )*(im |i am |ive |i |my )(.* )?(have |got |has )?(my )?(notifications|'
    'phone|texts|alerts)( are| is)?( currently| now)? (silenced|turned off|muted|paused|'
    'switched off|disabled)( (right now|at the moment|with .+|for now|while .+))?|(im|'
    'i am) not receiving notifications( right now| at the moment)?|'
    'notifications (are )?(silenced|turned off|paused|off)'),
  ('sentence', 'en', 2,
    'talk|text|respond|reply|answer|call|speak|chat|phone', '',
    '(hi |sorry |hello |hey |oops )*(but )?(i |im |i am )?(cant|cannot|can not|am unable to|'
    'unable to|not able to) (talk|text|respond|reply|answer|take your call|take calls|chat|'
    'speak|come to the phone|get to the phone|answer the phone)( or (talk|text|respond|reply|'
    'answer|call|take your call))?( to (your|this|the) .+)?( right now| now| at the moment|'
    ' at this time| currently| just now)?( (i )?(will|ill|can) (call|text|get back|reply|'
    'respond|message)\M.*)?|(im |i am )?(away from|not near|not at|not by) my (phone|'
    'desk)( .*)?( and will (respond|reply|get back)\M.*)?|(im |i am )?(busy|unavailable|'
    'not available)( right now| at the moment)? and (wont|will not|cant|cannot|'
    'am not able to) (respond|reply|answer|talk)\M.*'),
  ('sentence', 'en', 0,
    'ill|will|later|back|soon|returning', 'back (on|in|at) .+|returning (on )?.+|',
    '(i will|ill|will|i can|i shall|can)( then)? (see|read|check|get|reply|respond|call|text|'
    'message|answer|return|contact|follow up|talk)\M.*(when|once|later|soon|after|back|then|'
    'shortly|asap|possible|can|return|arrive|there|done|free|stop)( .*)?|(talk|speak|call you|'
    'text you) (later|soon)'),
  ('sentence', 'en', 2,
    'return|returning|back', '',
    '(i will|ill|will|and will|i shall) (respond|reply|get back|answer|return|respond to .+|'
    'reply to .+|get back to you|return your .+)( \w+)* (when i (return|get back|am back|'
    'arrive|can)|(upon|on) (my )?return|once i return)( .*)?'),
  ('sentence', 'en', 2,
    'office|leave|vacation|holiday|away|pto', 'please|so|but|can|could|leave it|book|deliver|hold|pick|move|you can|want|need|me',
    '(hi |hello |thank you for your (message|text|email) |thanks for your (message|text) )?(im|'
    'i am|i will be|ill be|we are)?( currently| now| presently)? ?(out of (the )?office|'
    'away from (the office|my desk)|on (annual |maternity |paternity |parental |medical |sick |'
    'pto )?(leave|vacation|holiday|pto)|away|travell?ing)( \w+)* (with|and|i) (limited|no|'
    'intermittent|without|little|will|have|may|ill)\M.+|'
    '(automatic reply )?out of (the )?office( auto ?reply| message| notification)?'),
  ('sentence', 'en', 1,
    'office|leave|vacation|holiday|away|pto', 'please|so|but|can|could|book|deliver|hold|pick|move|want|need|me|my',
    '(hi |hello )?(im|i am|i will be|ill be|we are)( currently| now|'
    ' presently)? (out of (the )?office|away from (the office|my desk)|on (annual |maternity |'
    'paternity |parental |medical |sick |pto )?(leave|vacation|holiday|pto)|away)( (until|till|'
    'from|through|on|this|returning|back|between)\M.+)?'),
  ('sentence', 'en', 1,
    'urgent|emergency|emergencies|immediate|assistance', '',
    '(for|in case of|if (this|it) is|if you (need|have|require)) (an |a )?(urgent|emergenc\w+|'
    'immediate|life threatening)( \w+)* (please )?(call|contact|email|dial|reach|text|go to|'
    'visit)\M.+'),
  ('sentence', 'en', 2,
    'thank|thanks', 'me|yes|but|i|my|and|no',
    '(hi |hello |hey )?(there )?(thank you|thanks|thx)( so much| very much)? for (contacting|'
    'texting|messaging|calling|reaching out to|getting in touch with|choosing|'
    'writing to) ([a-z0-9]+ ?)+'),
  ('sentence', 'en', 1,
    'thank|thanks', '',
    '(hi |hello |hey )?(there )?(thank you|thanks|thx)( so much|'
    ' very much)? for (contacting us|texting us|messaging us|reaching out|reaching out to us|'
    'getting in touch|your (message|text|inquiry|enquiry|email|interest|call|patience)|'
    'contacting|writing|writing to us)'),
  ('sentence', 'en', 1,
    'we|team|agent|someone|representative|associate|staff|member|specialist|us', '',
    '(and )?(we|a (team|staff) member|a member of (our|the) (team|staff)|'
    'someone( from our team| on our team)?|our (team|staff)|one of our .+|an? (agent|associate|'
    'representative|specialist|advisor|rep|customer .+)) (will|ll|well|aim to|shall|typically|'
    'usually|strive to|try to|do our best to)( \w+)?( be)? ?(respond|reply|get back|with you|'
    'in touch|contact you|return your|assist you|answer|reach out|attend|help you)\M.*|'
    'well (get back|be in touch|respond|reply|be with you)\M.*|your (message|text|inquiry|'
    'request) is (very )?important to us'),
  ('sentence', 'en', 2,
    'received', '',
    '(thank you )?(we have|weve|we)( just)? received your (message|text|inquiry|request|'
    'enquiry|sms|email|submission)( and .+| \w+ .*)?|(thank you )?your (message|text|inquiry|'
    'request|submission|enquiry) (has been|was) received( and .+)?'),
  ('sentence', 'en', 1,
    'closed|hours|open|available', 'please|deliver|but|so',
    '(our|the) (\w+ )?(office|offices|store|clinic|shop|lines?|phones|business|restaurant|'
    'practice|showroom|dealership|support team|call center)s? (is|are|has) (currently |now |'
    'temporarily )?(closed|unavailable|not available|outside .+)( .*)?|we are (currently |'
    'now )(closed|unavailable|away|out of the office|not available|assisting .+|'
    'experiencing .+)( .*)?|(our|office|business|store|normal|regular) (\w+ )?hours (are|'
    'is) .+|we are open .+|(you have|youve) reached .+(after|outside) (of )?(our )?(\w+ )?hours'),
  ('sentence', 'en', 9,
    'package|order|parcel|shipment|delivery', 'my|me|i|wrong|mistake|here|but|we|our house|not',
    '(\w+ )*(alert )?your (\w+ )?(package|order|parcel|shipment|delivery)( [#\w]+)* (has been|'
    'was|is|will be|has) (delivered|shipped|out for delivery|dispatched|on its way|arriving|'
    'arrived at .+|scheduled for .+|now out for delivery|en route)( (today|at|on|by|track|'
    'to the|in|from|between|and)\M.*)?'),
  ('sentence', 'en', 0,
    'track|reply|stop|call|please|view|see|manage|do|share|listen|visit|http|https|freemsg|'
    'text|replies|hello|hi|thank|thanks', '',
    '(track|view|see|manage|visit|check)\M.+|https?.+|(text |reply )(stop|end|help|cancel|'
    'yes)\M.+|please call( us)? .+|(please )?call .*\d{3,}.*|(please )?(leave a message|'
    'try again later)|hi|hello|thank you|thanks|have a (nice|great) day'),
  ('sentence', 'es', 9,
    'automatico|automatica|autorrespuesta|autorespuesta|contestador|automaticamente|automaticos', '',
    '(este es un|esta es una|es un|es una)? ?(respuesta|mensaje|contestacion|envio|aviso|'
    'notificacion|sms|texto) automatic[oa]( generad[oa].*| de .+| por favor no .+|'
    ' enviad[oa] .+)?( (por favor )?no (responda|responder|conteste).*)?|autorr?espuesta|'
    'contestador automatico|(soy|le atiende|habla con) (un|el|su) (asistente|sistema|'
    'agente) (automatico|virtual|automatizado)( .*)?|(mensaje |respuesta )?(enviad[oa]|'
    'generad[oa]) automaticamente( .*)?|mensaje automatico .+'),
  ('sentence', 'es', 9,
    'responda|responder|conteste|contestar|respondas|contestes|responden|leen|atendido|'
    'monitoreado|supervisado|atendida|atendemos', '',
    '(por favor )?no (responda|responder|conteste|contestar|respondas|contestes)n? a? ?(este|'
    'esta|ese) (mensaje|numero|sms|correo|notificacion|linea|texto)( .*(no|automatic).*)?|'
    '(este|esta) (numero|linea|buzon|bandeja|canal|telefono|cuenta) no (es|esta|se|'
    'son) ?(siendo )?(monitoread[oa]|supervisad[oa]|atendid[oa]|revisad[oa]|monitore|revisa|'
    'atiende|lee)( .*)?|(las respuestas|los mensajes|los sms|'
    'sus mensajes)( enviad[oa]s)?( a este (numero|mensaje))? no (son|seran|se) (leid[oa]s|'
    'atendid[oa]s|leen|leeran|revisan|monitorean|reciben)( .*)?|buzon no (atendido|supervisado|'
    'monitoreado)'),
  ('sentence', 'es', 2,
    'responda|responder|conteste', '',
    '(por favor )?no (responda|responder|conteste|contestar)'),
  ('sentence', 'es', 9,
    'recibir|recibe|recibe|admite|acepta|soporta|sms|mensajes|mensaje|texto', 'mi|me|mejor|llame|escriba|asi que|y te',
    '(aviso del operador )?(este|ese|el|la|su)( \w+)? ?(numero|telefono|linea|celular|movil|'
    'linea fija|terminal|abonado|destinatario|usuario|cliente|cuenta|equipo|plan|'
    'contacto)( (al|a la|a quien|que|de)\M.+)?( es (una linea fija|un telefono fijo|'
    'un fijo) y)? no (puede|esta|es|tiene|recibe|admite|acepta|soporta|permite|dispone|'
    'cuenta)\M( habilitad[oa]| autorizad[oa]| configurad[oa]| capaz| disponible)?( para| de|'
    ' con)?( recibir| aceptar| el servicio de| servicio de| la recepcion de| la mensajeria|'
    ' mensajeria| habilitado el servicio de)? ?(mensajes?( de texto)?|sms|textos|mensajeria|'
    'el servicio|este mensaje|servicio)?( en este momento| actualmente| de texto| sms)?'),
  ('sentence', 'es', 9,
    'entregado|entregar|enviado|entrega|abonado|destinatario|cliente|usuario', 'mi|me|yo|pedido|paquete',
    '(lo sentimos )?(su|tu|el) (mensaje|sms|texto|mensaje de texto) (no )?(ha|pudo|puede|fue|'
    'podra|se pudo|ha podido|sera)\M( no| sido| ser| haber)* ?(entregado|enviado|entregarse|'
    'enviarse|entregada|rechazado|bloqueado)( .*)?|no (se pudo|ha sido posible|fue posible|'
    'se ha podido|es posible|pudimos|se puede) (entregar|enviar) (su|tu|el|este) (mensaje|'
    'sms)( .*)?|el (abonado|destinatario|usuario|cliente|numero)( (al|a|que|'
    'de)\M.+)? (no (esta|se encuentra|tiene|puede|existe)|esta|tiene)\M.+|(mensaje|'
    'sms) no (entregado|enviado)|error de (envio|entrega)'),
  ('sentence', 'es', 9,
    'conduciendo|manejando|conduccion|conducir|concentracion|molestar|volante', '',
    '(hola |lo siento |perdon )*(estoy|voy|ando) (conduciendo|manejando|al volante|trabajando|'
    'durmiendo)( ahora| en este momento)? con (la funcion |el modo |un modo |'
    'modo )?(de )?(no molestar|concentracion|conduccion|un modo de concentracion|enfoque|'
    'un enfoque)( al conducir| activad[oa]| de concentracion)*|(el )?modo (de )?(conduccion|'
    'coche|manejo|no molestar|concentracion|auto)( esta)? (activad[oa]|encendido)( .*)?|(tengo|'
    'esta|he) activad[oa] (el modo |la funcion |el )?(no molestar|modo conduccion|'
    'concentracion)( al conducir)?|no molestar( al conducir)?( esta)? activad[oa]'),
  ('sentence', 'es', 2,
    'conduciendo|manejando|volante', '',
    '(hola |lo siento |perdon |disculpa |disculpe )*(ahora )?(estoy (conduciendo|manejando|'
    'al volante)|(voy|ando) (conduciendo|manejando|al volante))( ahora mismo| ahora|'
    ' en este momento| de momento)?( (y|por eso))?( (te|le|les|luego te|ahora no puedo|'
    'no puedo|no le puedo|no te puedo) (llamo|escribo|contesto|respondo|responder|contestar|'
    'hablar|escribir|llamare|respondere|contestare|atender|atenderte|atenderle)\M.*)|(estoy|'
    'voy) (conduciendo|al volante)( ahora mismo| ahora| en este momento)?|'
    'estoy manejando( ahora mismo| ahora| en este momento)?'),
  ('sentence', 'es', 9,
    'urgente|urgencia', '',
    'si (es|esto es)( algo)? (muy )?urgente (responde|responda|escribe|escriba|contesta|'
    'conteste|envia)( con)?( la palabra)? urgente\M.*'),
  ('sentence', 'es', 2,
    'notificaciones', '',
    '(hola )?(tengo|he) (las |mis )?(silenciad[oa]s? )?(las )?(notificaciones)( silenciadas|'
    ' desactivadas| en silencio)?( ahora| en este momento)?|(las |'
    'mis )?notificaciones (estan )?(silenciadas|desactivadas|en silencio)|no (estoy recibiendo|'
    'recibo) notificaciones( ahora| en este momento)?|'
    'estoy con las notificaciones (silenciadas|desactivadas)'),
  ('sentence', 'es', 2,
    'hablar|atender|contestar|responder|atenderle|atenderte|contestarle|contestarte', '',
    '(hola |lo siento |perdon |perdona |disculpa |'
    'disculpe )*(ahora( mismo)? )?(en este momento )?no (te |le |les |lo |la )?(puedo|podemos|'
    'es posible) (hablar|atender|contestar|responder|contestarle|contestarte|atenderle|'
    'atenderte|responderle|responderte|atender (su|tu|la) llamada|'
    'coger el telefono)( ahora( mismo)?| en este momento| por ahora)?( (te|le|luego te|'
    'luego le) (llamo|escribo|contesto|respondo|llamare)\M.*)?'),
  ('sentence', 'es', 0,
    'luego|tarde|llegue|vere|leere|respondo|respondere|llamo|contesto|contestare|pronto|pueda|'
    'escribo|llegar|vuelta|devuelvo', '',
    '(luego |despues )?(te|le|les|lo|la)? ?(llamo|escribo|contesto|respondo|llamare|respondere|'
    'contestare|leo|devuelvo la llamada|vere|leere|leo|aviso)\M( (tu|su|'
    'el) mensaje)?( .*(luego|despues|tarde|llegue|llegar|pueda|pronto|destino|vuelta|regrese|'
    'regreso|momento|posible|libre))?'),
  ('sentence', 'es', 2,
    'regreso|vuelta|regrese|vuelva', '',
    '(le |te |les )?(respondere|contestare|atendere|responderemos|'
    'contestaremos)( \w+)* (a mi (regreso|vuelta)|cuando (regrese|vuelva)|al (regreso|'
    'volver))( .*)?'),
  ('sentence', 'es', 2,
    'oficina|vacaciones|ausente|despacho|baja', 'por favor|dejen|dejenlo|pueden|puede|me|pero|asi que|entreguen|llamen|quiero|necesito',
    '(hola )?(estoy|me encuentro|estare|estamos|actualmente estoy|'
    'en este momento estoy)( actualmente)? (fuera de (la |mi )?oficina|de vacaciones|ausente|'
    'de permiso|fuera del despacho|de licencia)( \w+)* (sin acceso|con acceso limitado|y (le |'
    'te )?(respondere|contestare|regreso|vuelvo|atendere|responderemos))\M.*|'
    'fuera de (la )?oficina|fuera del despacho'),
  ('sentence', 'es', 1,
    'oficina|vacaciones|ausente|despacho', 'por favor|dejen|dejenlo|pueden|puede|me deja|pero|asi que|entreguen|llamen|quiero|necesito',
    '(hola )?(estoy|me encuentro|estare|estamos)( actualmente)? (fuera de (la |mi )?oficina|'
    'de vacaciones|ausente|de permiso|fuera del despacho|de licencia)( (hasta|del|desde|'
    'y regreso|y vuelvo|esta|durante)\M.+)?'),
  ('sentence', 'es', 1,
    'urgencias|urgente|urgencia', '',
    '(para|en caso de|si es una|si tiene una|por) (asuntos? |temas? |'
    'una )?urgen\w+( \w+)* (llame|contacte|contactar|marque|llamar|escriba|comuniquese|'
    'dirijase)\M.+'),
  ('sentence', 'es', 2,
    'gracias', 'si|mi|pero|me|contactarme|y',
    '(hola |buenas )?(muchas )?gracias por (contactar( con| a)?|comunicarse con|'
    'comunicarte con|escribir a|escribirle a|llamar a|contactarse con|ponerse en contacto con|'
    'elegir) ([a-z0-9]+ ?)+'),
  ('sentence', 'es', 1,
    'gracias', '',
    '(hola |buenas )?(muchas )?gracias por (su|tu) (mensaje|contacto|consulta|llamada|interes|'
    'paciencia|sms|comunicacion)|(muchas )?gracias por (contactarnos|escribirnos|'
    'contactar con nosotros|comunicarse( con nosotros)?|escribir)'),
  ('sentence', 'es', 1,
    'responderemos|contestaremos|atenderemos|contactaremos|comunicara|contactara|respondera|'
    'atendera|contactaremos|nos|agente|asesor', '',
    '(en breve |pronto |enseguida )?(nos |le |les |te |se )?(responderemos|contestaremos|'
    'atenderemos|contactaremos|pondremos en contacto|comunicaremos|pondra en contacto|atendera|'
    'contactara|respondera|comunicara)\M.*|(un|una|uno de nuestros|nuestro|'
    'alguien del?) (asesor|asesora|agente|equipo|compan\w+|ejecutiv[oa]|representante|persona|'
    'nuestros?).* (se |le |te |nos )?(comunicara|pondra|contactara|respondera|atendera|'
    'contestara)\M.*'),
  ('sentence', 'es', 2,
    'recibido|recibimos', '',
    '(ya )?(hemos recibido|recibimos) (su|tu) (mensaje|consulta|solicitud|sms)( y .+| .*)?|(su|'
    'tu) (mensaje|consulta|solicitud) (ha sido|fue) recibid[oa]( .*)?'),
  ('sentence', 'es', 1,
    'horario|cerrado|cerrados|disponibles|cerrada|abrimos', 'por favor|pero',
    '(nuestro|el) horario( de atencion)?( al publico)? es .+|(en este momento |ahora |'
    'actualmente )?(estamos|nos encontramos) (cerrados|fuera de horario|fuera del horario.*|'
    'fuera de servicio)( .*)?|(en este momento )?no estamos disponibles( .*)?|(nuestra|'
    'nuestras) (oficina|tienda|oficinas|lineas) (esta|estan|permanece)n? cerrad[oa]s?( .*)?|'
    'nuestro horario.+'),
  ('sentence', 'es', 9,
    'pedido|paquete|envio', 'mi|me|no|yo|pero|aqui|casa|equivocad[oa]',
    '(\w+ )*(su|tu) (pedido|paquete|envio)( \w+)* (ha sido|fue|esta|sera|va|ya fue) (entregado|'
    'enviado|en camino|en reparto|despachado|sera entregado)( (hoy|a las|el|siga|rastree)\M.*)?'),
  ('sentence', 'es', 0,
    'siga|consulte|rastree|llame|gracias|visite|http|https|hola|no', '',
    '(siga|consulte|rastree|visite|vea|ver)\M.+|https?.+|(por favor )?llame .+|muchas gracias|'
    'gracias|hola|no (lo|la|los)? ?compart[ae]s?.*|aviso( del operador)?|(regreso|vuelvo|'
    'volvere) .+|sin acceso .+|enviado desde .+'),
  ('sentence', 'fr', 9,
    'automatique|automatiquement|repondeur|automatiques|automatise', '',
    '(ceci est un|ceci est une|cest un|cest une|il sagit dun|il sagit dune|'
    'ce message est une?)? ?(message|reponse|envoi|sms|texto|notification|'
    'reponse de message) automati(que|se|see)( merci de .+| de .+| envoye.*| genere.*|'
    ' veuillez .+| ne pas repondre.*)?|ce (message|sms|texto) est (un )?(automatique|'
    'genere automatiquement|envoye automatiquement)( .*)?|(message |reponse )?(envoye|'
    'genere)e? automatiquement( .*)?|repondeur automatique|je suis un (assistant|agent|'
    'systeme) (automatique|virtuel|automatise)( .*)?|absence du bureau'),
  ('sentence', 'fr', 9,
    'repondre|repondez|surveille|surveillee|consulte|lus|lues|consultee', '',
    '(merci de |veuillez |priere de |svp )?ne (pas|plus) (y )?repondre a (ce|cet|'
    'cette) (message|numero|sms|texto|envoi|adresse|mail)( .*)?|ne repondez pas a (ce|cet|'
    'cette) (message|numero|sms|texto)( .*)?|(ce|cette|notre) (numero|boite|ligne|messagerie|'
    'adresse|canal)( \w+)? (nest|ne sont|est) (pas |non )?(surveille|surveillee|consulte|'
    'consultee|lu|lue|releve|relevee|suivi|suivie)( .*)?|(numero|boite|ligne) non (surveille|'
    'surveillee|consulte|consultee|geree?)( merci .+)?|(les |vos )?(reponses|messages|'
    'sms)( envoyes)?( a ce numero)? ne (sont|seront) pas (lus|lues|traites|traitees|consultes|'
    'consultees|recus)( .*)?'),
  ('sentence', 'fr', 2,
    'repondre', '',
    '(merci de |veuillez |priere de )?ne pas (y )?repondre'),
  ('sentence', 'fr', 9,
    'recevoir|accepte|recoit|sms|messages|message|prend', 'mon|ma|me|moi|appelez|donc',
    '(ce|le|cet|la|votre)( \w+)? ?(numero|telephone|ligne|correspondant|destinataire|abonne|'
    'appareil|portable|mobile|terminal|client|numero fixe|poste)( (que|auquel|a qui|'
    'de)\M.+)? (ne peut pas|ne peut|naccepte pas|ne recoit pas|ne prend pas en charge|'
    'nest pas en mesure de|nest pas habilite a|nest pas configure pour|ne permet pas( de)?|'
    'ne supporte pas|ne recoit plus|nest pas autorise a)( recevoir| accepter)?( de| les| des|'
    ' ce| vos| la reception de)* ?(sms|messages?|textos?|messages texte|mms)?( texte|'
    ' ecrits)?( pour le moment| actuellement)?'),
  ('sentence', 'fr', 9,
    'delivre|remis|distribue|envoye|achemine|transmis|destinataire|abonne|correspondant', 'mon|ma|me|moi|colis|commande',
    '(votre|le|ce|ton) (message|sms|texto) (na|nest|ne|na pas|n a)\M( pas| pu| etre| peut| ete|'
    ' pas ete)* ?(remis|distribue|delivre|envoye|achemine|transmis|livre)( .*)?|(message|'
    'sms) non (remis|distribue|delivre|envoye)|(impossible|echec) (de|de la|d|du) ?(remettre|'
    'distribuer|delivrer|envoyer|lenvoi|remise|livraison|distribution)\M.*|(le|la|'
    'votre) (correspondant|abonne|destinataire|personne que vous .+|numero que vous .+) (nest|'
    'ne|na|est)\M.+|echec de lenvoi'),
  ('sentence', 'fr', 9,
    'conduis|conduite|voiture|deranger|concentration|volant', '',
    '(bonjour |desole |desolee )*je (conduis|travaille|dors|suis au volant)( actuellement|'
    ' en ce moment)? avec (le |un |la )?(mode |fonction )?(de )?(ne pas deranger|concentration|'
    'conduite|focus)( en voiture| au volant)?( active| activee)?|(le )?mode (voiture|conduite|'
    'ne pas deranger|concentration|volant|avion)( en voiture)?( est)? activee?( .*)?|(jai|'
    'jai active|la fonction) (active )?(le mode )?(ne pas deranger|'
    'concentration)( est)?( activee?)?( .*)?'),
  ('sentence', 'fr', 2,
    'conduis|volant|conduire|route', '',
    '(bonjour |desole |desolee |pardon )*(actuellement )?(je conduis|'
    'je suis( actuellement)? (au volant|en train de conduire|sur la route en voiture)|'
    'au volant|en train de conduire)( actuellement| en ce moment| pour le moment)?( (et|'
    'donc))?( je (ne peux pas|te|vous) ?(te |vous )?(repondre|reponds|rappelle|ecris|parler|'
    'recontacte|repondrai|rappellerai)\M.*)?'),
  ('sentence', 'fr', 9,
    'urgent|urgence', '',
    '(si|en cas d) ?(cest|c est|urgence)? ?(urgent)? ?(repondez|reponds|envoyez|ecrivez|tapez|'
    'repondre)( avec| par| le mot)* urgent\M.*'),
  ('sentence', 'fr', 2,
    'notifications', '',
    '(mes|les) notifications sont (desactivees|en silence|en sourdine|coupees|'
    'suspendues)( .*)?|(jai|je nai)( \w+)? ?(desactive|pas acces a|coupe|mis en sourdine) (mes|'
    'les|a mes) ?notifications( .*)?|je nai pas acces a mes notifications|je ne recois (pas|'
    'plus) (de|les|mes) notifications( actuellement| pour le moment)?'),
  ('sentence', 'fr', 2,
    'parler|repondre|reunion', '',
    '(bonjour |desole |desolee |pardon )*(actuellement )?je ne peux (pas|plus) (te |'
    'vous )?(parler|repondre|prendre (votre|ton|lappel|'
    'l) ?(appel)?)( au telephone)?( pour (linstant|le moment)| maintenant| actuellement|'
    ' en ce moment| tout de suite)?( je (te|vous) (rappelle|reponds|recontacte)\M.*)?|'
    'je suis (en reunion|occupee?|indisponible)( actuellement| pour le moment)? (et )?je (vous|'
    'te) (rappelle|recontacte|reponds|rappellerai|repondrai|recontacterai)\M.*'),
  ('sentence', 'fr', 0,
    'plus|verrai|lirai|rappelle|reponds|rappellerai|repondrai|retour|tard|bientot', '',
    '(je|j) ?(te|vous|le|la|lirai|verrai)? ?(rappelle|reponds|lirai|verrai|rappellerai|'
    'repondrai|recontacte|recontacterai|verrai|vois|ecris)?\M( (votre|ton) (message|'
    'sms))?( .*(plus tard|arrive|arrivee|possible|destination|bientot|retour|trajet|moment|'
    'fois|que|peux))( .*)?'),
  ('sentence', 'fr', 2,
    'absent|absente|bureau|conge|conges|vacances|retour', 'livrez|svp|merci de|pouvez|mais|donc|me|laissez|deposez',
    '(bonjour )?je (suis|serai)( actuellement)? (absente?|en conges?|en vacances|'
    'en deplacement|hors du bureau|absente? du bureau)( \w+)* (et|sans|avec) (je )?(vous |'
    'te )?(repondrai|un acces|acces|acces limite|reviendrai|recontacterai|traiterai|'
    'repondre)\M.*|je (vous |te )?(repondrai|recontacterai|rappellerai)( \w+)* (a|'
    'des) mon retour( .*)?|absente?( du bureau)?'),
  ('sentence', 'fr', 1,
    'absent|absente|conge|conges|vacances|deplacement', 'livrez|svp|merci de|pouvez|mais|donc|me|laissez|deposez|mon|mardi|possible',
    '(bonjour )?je (suis|serai)( actuellement)? (absente?|en conges?|en vacances|'
    'en deplacement|hors du bureau|absente? du bureau)( (jusqu|du|de|a|jusquau)\M.+)?'),
  ('sentence', 'fr', 1,
    'urgence|urgent', '',
    '(en cas d ?urgence|pour toute urgence|si cest urgent|en cas durgence) .*(appelez|'
    'contactez|composez|appeler|contacter|joindre|ecrivez)\M.+'),
  ('sentence', 'fr', 2,
    'merci', 'me|moi|mon|oui|mais|on|nous serons',
    '(bonjour )?merci (davoir|de|pour avoir) (contacte|contacter|appele|choisi|joint|ecrit a|'
    'texte) ([a-z0-9]+ ?)+'),
  ('sentence', 'fr', 1,
    'merci', '',
    '(bonjour )?merci (pour|de) (votre|ton) (message|appel|demande|sms|patience|interet|'
    'confiance)|merci de nous avoir (contactes?|ecrit)'),
  ('sentence', 'fr', 1,
    'nous|conseiller|equipe|reviendrons', '',
    '(et )?(nous|un conseiller|une? (agent|membre de notre equipe|conseillere|collaborateur)|'
    'notre equipe|on) (vous )?(repondrons|recontacterons|rappellerons|contacterons|reviendrons|'
    'traiterons|repondra|recontactera|rappellera|contactera|reviendra|reviendrons vers vous|'
    'allons vous repondre)\M.*|nous reviendrons vers vous.*'),
  ('sentence', 'fr', 2,
    'recu', '',
    '(nous avons|on a) (bien )?recu (votre|ton) (message|demande|sms)( et .+| .*)?|(votre|'
    'ton) (message|demande) a (bien )?ete (recu|recue|prise en compte)( .*)?'),
  ('sentence', 'fr', 1,
    'fermes|ferme|ouverts|horaires|fermee', 'livrez|svp|mais',
    'nous sommes (actuellement |desormais )?(fermes|indisponibles|absents)( .*)?|(notre|nos|le|'
    'la) (\w+ )?(bureaux?|magasin|agence|cabinet|boutique|secretariat|standard|bureaux) (est|'
    'sont) (actuellement )?ferme[es]*( .*)?|nos horaires.+|nous sommes ouverts .+'),
  ('sentence', 'fr', 9,
    'colis|commande|livraison', 'mon|ma|me|moi|pas|mais|chez',
    '(\w+ )*votre (colis|commande|livraison)( \w+)* (a ete|est|sera) (livree?|expediee?|'
    'en cours de livraison|en route|remise?)( (ce|le|a|entre|suivez|au)\M.*)?'),
  ('sentence', 'fr', 0,
    'suivez|consultez|appelez|http|https|merci|bonjour|contactez|joindre|cordialement', '',
    '(suivez|consultez|visitez)\M.+|https?.+|(pour nous joindre )?(appelez|contactez|composez|'
    'joignez)\M.*|pour nous joindre.+|merci|bonjour|cordialement|de retour .+|'
    'envoye de(puis)? mon .+'),
  ('sentence', 'pt', 9,
    'automatica|automatico|automaticamente|robo|automatizada', '',
    '(esta e uma|isto e uma|isso e uma|esta e|essa e uma|este e um)? ?(mensagem|resposta|envio|'
    'aviso|sms|notificacao|atendimento) automatic[oa]( gerad[oa].*| de .+| por favor .+|'
    ' enviad[oa].*| (favor )?nao .+)?|(mensagem |resposta )?(enviad[oa]|'
    'gerad[oa]) automaticamente( .*)?|(sou|eu sou|voce esta falando com) (um|o|a|'
    'uma) (assistente|sistema|atendente|agente) (automatico|virtual|automatizado|'
    'automatica)( .*)?|resposta automatica .+'),
  ('sentence', 'pt', 9,
    'responda|responder|respondam|monitorado|monitorada|lidas|lidos|monitorados', '',
    '(por favor |favor )?nao (responda|responder|respondas) a? ?(esta|este|essa|esse|a esta|'
    'a este) (mensagem|sms|numero|e ?mail|texto)( .*)?|(este|esse|esta|essa|o)( \w+)? ?(numero|'
    'linha|caixa|canal|telefone|conta) nao (e|esta|sao) (monitorad[oa]|atendid[oa]|'
    'verificad[oa]|lid[oa]|supervisionad[oa])( .*)?|(as )?(respostas|'
    'mensagens)( enviadas)?( a este numero| para este numero)? nao (sao|serao) (lidas|'
    'monitoradas|recebidas|respondidas)( .*)?'),
  ('sentence', 'pt', 2,
    'responda|responder', '',
    '(por favor |favor )?nao (responda|responder)'),
  ('sentence', 'pt', 9,
    'receber|recebe|aceita|sms|mensagens|suporta', 'meu|minha|me|mim|ligue|entao',
    '(este|esse|o|a|esta|seu)( \w+)? ?(numero|telefone|linha|celular|telemovel|aparelho|'
    'assinante|destinatario|usuario|cliente|utilizador|contato|fixo)( (para o qual|que|ao qual|'
    'para quem|a quem)\M.+)?( e uma linha fixa e)? nao (pode|recebe|aceita|suporta|esta|'
    'consegue|permite|tem|possui|e capaz de)\M( habilitado| autorizado| configurado|'
    ' apto)?( para| a)?( receber| aceitar| o recebimento de| recebimento de| o servico de|'
    ' servico de)? ?(mensagens?( de texto)?|sms|textos?|'
    'este tipo de mensagem)?( de texto)?( no momento| neste momento| atualmente)?'),
  ('sentence', 'pt', 9,
    'entregue|enviada|entregar|enviar|entrega|assinante|destinatario|cliente', 'meu|minha|me|mim|pedido|encomenda|boleto',
    '(a )?(sua|tua|esta|a) (mensagem|sms) (nao|foi)\M( pode| pôde| foi| ser| foi possivel|'
    ' nao)* ?(entregue|enviada|ser entregue|rejeitada|bloqueada)( .*)?|'
    'nao foi possivel (entregar|enviar) (a )?(sua|tua|esta|a) (mensagem|sms)( .*)?|(mensagem|'
    'sms) nao (entregue|enviada)|o (assinante|destinatario|cliente|numero|usuario)( (que|'
    'para)\M.+)? (nao (esta|existe|pode|tem)|esta|encontra)\M.+|falha (no envio|na entrega).*'),
  ('sentence', 'pt', 9,
    'dirigindo|conduzir|conducao|direcao|perturbe|foco|perturbar|incomodar|volante', '',
    '(oi |ola |desculpe )*(estou|to) (dirigindo|a conduzir|conduzindo|no volante|ao volante|'
    'trabalhando|dormindo)( agora| no momento)? com (o |a |um |modo |'
    'o modo )?(modo )?(nao perturbe|nao perturbar|nao incomodar|foco|concentracao|um foco|'
    'direcao|conducao)( ao dirigir| ao conduzir| ativad[oa]| ligado)*|(o )?modo (de )?(direcao|'
    'conducao|carro|nao perturbe|foco|nao incomodar)( esta)? (ativad[oa]|ligado)( .*)?|'
    'nao (perturbe|incomodar|perturbar)( ao dirigir)?( esta)? (ativado|ligado)'),
  ('sentence', 'pt', 2,
    'dirigindo|conduzir|conduzindo|volante', '',
    '(oi |ola |desculpe |desculpa )*(estou|to) (dirigindo|a conduzir|conduzindo|no volante|'
    'ao volante)( agora| no momento| neste momento)?( e)?( (te|lhe|eu|ja te|nao posso|respondo|'
    'ligo|depois|ja|nao consigo) ?(ligo|respondo|escrevo|retorno|falar|responder|atender|'
    'te ligo|te respondo|mais|assim|depois|quando)?\M.*)?'),
  ('sentence', 'pt', 9,
    'urgente|urgencia', '',
    'se (for|e)( algo)? (muito )?urgente (responda|responde|escreva|envie|'
    'digite)( com)?( a palavra)? urgente\M.*'),
  ('sentence', 'pt', 2,
    'notificacoes', '',
    '(estou |to )?com as (minhas )?notificacoes (silenciadas|desativadas|desligadas|'
    'em silencio)|(as |minhas |as minhas )?notificacoes (estao )?(silenciadas|desativadas|'
    'desligadas)|nao (estou recebendo|estou a receber|recebo) notificacoes( agora| no momento)?'),
  ('sentence', 'pt', 2,
    'falar|atender|responder', '',
    '(oi |ola |desculpe |desculpa |lamento )*(agora )?(no momento )?nao (posso|consigo|da para|'
    'podemos) (falar|atender|responder|te atender|lhe atender|atende lo|atender sua ligacao|'
    'te responder)( agora| no momento| neste momento| de momento)?( (eu )?(te |lhe |'
    'ja te )?(ligo|respondo|retorno|falo)\M.*)?'),
  ('sentence', 'pt', 0,
    'depois|tarde|chegar|ligo|respondo|verei|lerei|retorno|responderei|breve', '',
    '(eu )?(te |lhe |ja |ja te )?(ligo|respondo|retorno|verei|lerei|responderei|ligarei|'
    'escrevo|falo|retornarei|vejo)\M( (sua|a sua|tua) mensagem)?( .*(depois|tarde|chegar|puder|'
    'breve|destino|possivel|momento|logo|que|volta))?( .*)?'),
  ('sentence', 'pt', 2,
    'escritorio|ferias|ausente|voltar|retorno|regresso', 'por favor|deixe|pode|podem|me|mas|entao|entregue|quero|preciso|meu',
    '(oi |ola )?(estou|encontro me|estarei|estamos)( atualmente)? (fora do escritorio|'
    'de ferias|ausente( do escritorio)?|de licenca|em viagem)( \w+)* (e|sem|com) (acesso|'
    'responderei|retornarei|voltarei|retorno|respondo|volto)\M.*|'
    'responderei( \w+)* (quando (voltar|regressar|retornar)|no (meu )?(regresso|retorno)|'
    'assim que (voltar|regressar))( .*)?|fora do escritorio'),
  ('sentence', 'pt', 1,
    'escritorio|ferias|ausente|licenca', 'por favor|deixe|pode|podem|me deixe|mas|entao|entregue|quero|preciso',
    '(oi |ola )?(estou|encontro me|estarei|estamos)( atualmente)? (fora do escritorio|'
    'de ferias|ausente( do escritorio)?|de licenca)( (ate|de|do|desde|a)\M.+)?'),
  ('sentence', 'pt', 1,
    'urgencia|urgente|urgencias|urgentes', '',
    '(em caso de|para|se for|para assuntos|casos) urgen\w+( \w+)* (ligue|contate|contacte|'
    'ligar|contactar|entre em contato|fale)\M.+'),
  ('sentence', 'pt', 2,
    'obrigado|obrigada|agradecemos', 'me|meu|sim|mas|comigo',
    '(ola |oi )?(muito )?(obrigad[oa]|agradecemos) (por|o) (entrar em contat?co?to? com|'
    'contat?c?tar|ligar para|escrever para|escolher|contato com|contactar|contatar)( a|'
    ' o)? ([a-z0-9]+ ?)+'),
  ('sentence', 'pt', 1,
    'obrigado|obrigada|agradecemos', '',
    '(ola |oi )?(muito )?(obrigad[oa] p(or|ela)|agradecemos)( a)? (sua|tua|seu|a sua|'
    'o seu) (mensagem|contato|contacto|interesse|paciencia|ligacao)|'
    '(muito )?obrigad[oa] por (entrar em contat?c?to|nos contatar|nos contactar|'
    'escrever)( conosco| connosco)?'),
  ('sentence', 'pt', 1,
    'responderemos|retornaremos|contactaremos|atendente|entraremos|equipe|equipa', '',
    '(em breve |logo )?(nos |lhe |te )?(responderemos|retornaremos|entraremos em contat?c?to|'
    'atenderemos|contactaremos|contataremos)\M.*|(um|uma|nosso|nossa|em breve um|'
    'algum)( de nossos| dos nossos)? (atendente|equipe|equipa|consultor|consultora|agente|'
    'colaborador|especialista|time)s?.* (ira|vai|entrara|respondera|retornara|te atendera|'
    'lhe atendera)\M.*'),
  ('sentence', 'pt', 2,
    'recebemos|recebida', '',
    '(ja )?recebemos (a )?(sua|tua) (mensagem|solicitacao|consulta)( e .+| .*)?|(a )?(sua|'
    'tua) (mensagem|solicitacao) foi recebida( .*)?'),
  ('sentence', 'pt', 1,
    'fechados|horario|fechado|indisponiveis|fechada', 'por favor|mas',
    '(no momento |neste momento )?(estamos|nos encontramos) (fechados|fora do horario.*|'
    'indisponiveis|encerrados)( .*)?|(nosso|o nosso) horario( de atendimento|'
    ' de funcionamento)? e .+|(nossa|nosso|a nossa|o nosso) (loja|escritorio|clinica|'
    'atendimento) (esta|encontra se) (fechad[oa]|encerrad[oa])( .*)?'),
  ('sentence', 'pt', 9,
    'pedido|encomenda|pacote', 'meu|minha|me|nao|mas|casa|errad[oa]',
    '(\w+ )*(seu|sua|o seu|a sua) (pedido|encomenda|pacote)( \w+)* (foi|esta|sera|'
    'saiu) (entregue|enviad[oa]|despachad[oa]|a caminho|em transito|para entrega|'
    'em rota)( (hoje|as|em|acompanhe|entre)\M.*)?'),
  ('sentence', 'pt', 0,
    'acompanhe|consulte|ligue|http|https|obrigado|obrigada|ola|oi|nao|volto', '',
    '(acompanhe|consulte|rastreie|visite|veja)\M.+|https?.+|(por favor )?ligue .+|'
    '(muito )?obrigad[oa]|ola|oi|nao (o |a )?compartilhe.*|volto .+|enviado do meu .+')
) as g (kind, language, weight, keys, unless, pattern);

-- Reactions, as the phones write them: iOS in the third person with “ ” or « » (somebody who writes
-- Me gusta "Premium" is a person), Android with the emoji between invisible characters. %Q: what is
-- reacted to in quotation marks; two words at least if they are straight. %O: a picture, a voice
-- message. %E: an emoji with its skin tones and joiners.
insert into sms.patterns (kind, language, weight, keys, pattern)
select 'reaction', g.language, 9, string_to_array(g.keys, '|'),
  '^(?:' || replace(replace(replace(g.pattern, '%Q', '(?:[“„].*[”“…]|«.*[»…]|"[^"]+ .*["…])'), '%O',
    case g.language
      when 'en' then '(?:(?:an?|\d+) (?:[A-Za-z]+ )?(?:image|photo|picture|video|movie|message|note|memo|attachment|sticker|link|poll|location|animation|gif|file|contact|document|song|map|memoji|recording|emoji|payment|collage|album|page|website|call|invitation|event|card)s?)'
      when 'es' then '(?:(?:una?|\d+) (?:imagen|imágenes|foto|fotos|fotografía|vídeo|video|videos|película|mensaje|mensaje de (?:audio|voz|texto)|audio|nota de voz|nota|archivo|archivo adjunto|adjunto|sticker|pegatina|enlace|encuesta|ubicación|animación|gif|contacto|documento|canción|mapa|memoji|grabación))'
      when 'fr' then '(?:(?:(?:une?|\d+) )(?:image|images|photo|photos|vidéo|vidéos|film|message|message (?:audio|vocal)|audio|pièce jointe|fichier|autocollant|sticker|lien|sondage|position|localisation|animation|gif|contact|document|chanson|carte|memoji|enregistrement|note vocale))'
      else '(?:(?:uma?|\d+) (?:imagem|imagens|foto|fotos|fotografia|vídeo|vídeos|filme|mensagem|mensagem de (?:áudio|voz|texto)|áudio|nota de voz|anexo|arquivo|ficheiro|adesivo|figurinha|autocolante|sticker|link|ligação|enquete|sondagem|localização|animação|gif|contato|contacto|documento|música|mapa|memoji|gravação))' end),
    '%E', '[^[:space:]A-Za-zÀ-ÿ0-9"“”«»?!.,:;()]+') || ')$'
from (values
  ('en', 'liked|loved|disliked|laughed|emphasized|emphasised|questioned', '(?:Liked|Loved|Disliked|Laughed at|Emphasi[sz]ed|Questioned) (?:%Q|%O)'),
  ('en', 'reacted', 'Reacted (?:with )?(?:%E|an? (?:[A-Za-z]+ )*?sticker|an? (?:emoji|Memoji|Genmoji)) to (?:%Q|%O)'),
  ('en', 'removed', 'Removed (?:%E|(?:an?|the|their|your) (?:[A-Za-z]+ )*?(?:heart|like|dislike|laugh|exclamation|exclamation mark|exclamation point|emphasis|question|question mark|sticker|reaction|love|thumbs up|thumbs down|thumbs|tapback|ha ha|haha|emoji)) from (?:%Q|%O)'),
  ('en', 'unliked|unloved', 'Un(?:liked|loved) (?:%Q|%O)'),
  ('es', 'le|no|ya|a', '(?:A .+ )?(?:[Yy]a )?(?:[Nn]o )?[Ll]es? (?:gusta|gustó|ha gustado|encanta|encantó|ha encantado|(?:da|dio|ha dado) risa|(?:hace|hizo|ha hecho) gracia|divierte|divirtió|ha divertido|interesa|causa gracia|causó gracia|pareció gracioso) (?:%Q|%O)'),
  ('es', 'enfatizo|resalto|destaco|subrayo|cuestiono|exclamo|pregunto|dudo|duda|se|ha|rio|enfatiza|destaca|cuestiona|pregunta|exclama|marco|puso|anadio|agrego', '(?:Se )?(?:[Hh]a )?(?:Enfatizó|Enfatiza|Resaltó|Destacó|Destaca|Subrayó|Cuestionó|Cuestiona|Exclamó|Exclama|Preguntó|Pregunta|Dudó|Duda|Rio|Rió|[Rr]i[oó]|ríe|reído|enfatizado|resaltado|destacado|subrayado|cuestionado|exclamado|preguntado|dudado|interrogado|(?:Puso|puesto|Añadió|añadido|Agregó|agregado|Marcó) .+?)(?: (?:por|sobre|de|con|en|a))? (?:%Q|%O)'),
  ('es', 'reacciono|ha|reacciona', '(?:Reaccionó|Ha reaccionado|Reacciona)(?: (?:con )?(?:%E|un (?:sticker|emoji|memoji)|una pegatina)(?: de [A-Za-z]+)?)? (?:a|ante|en) (?:%Q|%O)(?: con %E)?'),
  ('es', 'quito|ha|se|elimino|retiro|borro', '(?:Se )?(?:[Hh]a )?(?:[Qq]uitó|quitado|[Ee]liminó|eliminado|[Rr]etiró|retirado|[Bb]orró|borrado) (?:%E|(?:un|una|el|la|su|los|las) (?:[“«"]?[Mm]e (?:gusta|encanta)[”»"]?|[“«"]?[Nn]o me gusta[”»"]?|corazón|risa|risas|reacción(?: %E)?|exclamación|signo de (?:exclamación|interrogación)|interrogación|énfasis|duda|pregunta|sticker|pegatina|dedo .+|pulgar .+|[“«"]ja ja[”»"])) (?:de|a|en) (?:%Q|%O)'),
  ('fr', 'a|naime|na', '(?:[A-ZÀ-Ÿ][a-zà-ÿ]+ )?(?:A|N[’'']a (?:pas|plus))(?: (?:bien )?(?:aimé|adoré|pas aimé|ri|rigolé|souligné|insisté|accentué|mis en évidence|mis en avant|mis l[’'']accent|questionné|interrogé|exclamé|appuyé|marqué|douté|trouvé (?:ça )?drôle|demandé des précisions))(?: (?:à|sur|de|par))? (?:%Q|%O)'),
  ('fr', 'aime|adore|naime|nadore|rit', '(?:Aime|Adore|N[’'']aime (?:pas|plus)|N[’'']adore plus|Rit (?:à|de)) (?:%Q|%O)'),
  ('fr', 'sest', 'S[’'']est (?:interrogé|exclamé|questionné|esclaffé|étonné|amusé)e?(?: (?:sur|de|à|au sujet de|pour))? (?:%Q|%O)'),
  ('fr', 'a', 'A (?:réagi)(?: (?:avec|par|en ajoutant|en envoyant|d[’'']un))? ?(?:%E|un (?:autocollant|sticker|emoji|memoji)|une (?:vignette|réaction))(?: [A-Za-z]+)? (?:à|a|sur|pour) (?:%Q|%O)'),
  ('fr', 'a', 'A (?:ajouté|mis|supprimé|retiré|enlevé|effacé|annulé) (?:%E|(?:une?|le|la|son|sa|l[’'']|des) ?(?:[«“"] ?.{2,14} ?[»”"]|cœur|coeur|rire|rires|j[’'']aime|j[’'']adore|je n[’'']aime pas|point d[’''](?:exclamation|interrogation)|exclamation|interrogation|réaction(?: %E)?|autocollant|sticker|pouce.*|mention.*|haha)) (?:à|de|sur|d[’'']|au) ?(?:%Q|%O)'),
  ('pt', 'gostou|curtiu|amou|adorou|riu|achou|deu|enfatizou|destacou|questionou|perguntou|exclamou|interrogou|ressaltou|nao|duvidou|sublinhou|descurtiu|deixou|colocou|pos|realcou|salientou', '(?:Não )?(?:[Gg]ostou|[Cc]urtiu|[Aa]mou|[Aa]dorou|Riu(?:-se)?|Achou graça|Achou engraçado|Deu risada|Deu ênfase|Enfatizou|Destacou|Questionou|Perguntou|Exclamou|Interrogou|Ressaltou|Duvidou|Sublinhou|Realçou|Salientou|Descurtiu|Pôs em (?:dúvida|destaque)|Colocou (?:em (?:dúvida|destaque)|ênfase)|Deixou de (?:gostar|curtir|amar|adorar))(?: mais)?(?: (?:de|da|do|a|à|ao|em|sobre|com|por))? (?:%Q|%O)'),
  ('pt', 'reagiu', 'Reagiu (?:com )?(?:%E|(?:um|uma) (?:adesivo|figurinha|autocolante|sticker|emoji|memoji))(?: [A-Za-z]+)? (?:a|à|ao|em) (?:%Q|%O)'),
  ('pt', 'removeu|retirou|tirou|eliminou|apagou', '(?:Removeu|Retirou|Tirou|Eliminou|Apagou) (?:%E|(?:uma?|o|a|os|seu|sua) (?:[“«"]?(?:Gosto|Não gosto|Adoro|Gostei|Amei|Curti)[”»"]?|coração|risada|riso|gargalhada|risos|curtida|descurtida|reação(?: %E)?|(?:ponto|sinal) de (?:exclamação|interrogação)|exclamação|interrogação|ênfase|dúvida|pergunta|adesivo|figurinha|autocolante|like|amei|“?haha”?|polegar.*|joinha|gosto)) (?:de|da|do|em|a|à) (?:%Q|%O)'),
  -- Android: the emoji between invisible characters; without them only before a quotation.
  ('en', 'to|removed|a|de|para|eliminado|quitado|removido|supprime|retire|da|no', '[\s\u200a-\u200d]*[\u200a-\u200d]%E[\s\u200a-\u200d]* (?:to|removed from|a|à|de|para|eliminado de|quitado de|removido de|removida de|supprimé de|retiré de)[\s\u200a-\u200d]+.+'),
  ('en', 'to|removed|a|de|para|eliminado|quitado|removido|supprime|retire', '%E (?:to|removed from|a|à|para|eliminado de|removido de|supprimé de) (?:%Q|%O)')
) as g (language, keys, pattern);

insert into sms.pattern_keys (key, kind, pattern_id)
select distinct k.key, p.kind, p.id from sms.patterns as p, unnest(p.keys) as k (key);

-- Planned without statistics, reading a message takes a hundred times as long.
analyze public.sms_phrases, public.sms_synonyms, sms.patterns, sms.pattern_keys;
