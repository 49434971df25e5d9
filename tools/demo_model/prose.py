# ruff: noqa: E501, SIM905 - phrases are data: an entry reads best on one line, a list of words as one string
"""Sentences about nothing in particular: broad vocabulary, names and numbers, for text that a model must copy, not remember."""

from __future__ import annotations

import random

from tools.demo_model import names

NOUNS = (
    "time|year|people|way|day|man|woman|thing|child|world|life|hand|part|place|case|week|company|system|program|question|work|government|number|night|point|home|water|room|mother|area|money|story|fact|month|lot|right|study|book|eye|job|word|business|issue|side|kind|head|house|service|friend"
    "|father|power|hour|game|line|end|member|law|car|city|community|name|president|team|minute|idea|kid|body|information|back|parent|face|level|office|door|health|person|art|war|history|party|result|change|morning|reason|research|girl|guy|moment|air|teacher|force|education|foot|boy|age|policy"
    "|process|music|market|sense|nation|plan|college|interest|death|experience|effect|use|class|control|care|field|development|role|effort|rate|heart|drug|show|leader|light|voice|wife|police|mind|price|report|decision|son|view|relationship|town|road|arm|difference|value|building|action|season"
    "|society|tax|director|position|player|record|paper|space|ground|form|event|official|matter|center|couple|site|project|base|activity|star|table|need|court|oil|situation|cost|industry|figure|street|image|phone|data|picture|practice|piece|land|product|doctor|wall|patient|worker|news|test|movie"
    "|north|love|step|baby|computer|type|attention|film|tree|source|organization|hair|window|culture|chance|brother|energy|period|course|summer|plant|opportunity|term|letter|condition|choice|rule|daughter|south|husband|floor|campaign|material|population|call|economy|hospital|church|risk|fire|future"
    "|bank|network|kitchen|river|mountain|engine|bridge|garden|ship|animal|island|forest|winter|camera|weather|museum|farm|train|airport|machine|software|model|server|memory|chip|battery|sensor|library|student|contract|customer|budget|meeting|supplier|factory|warehouse|harbor|election|committee|survey|laboratory"
    "|temperature|pressure|signal|method|sample|theory|experiment|vaccine|disease|protein|cell|planet|satellite|rocket|telescope|ocean|coast|storm|flood|drought|harvest|wheat|cattle|bread|cheese|wine|coffee|sugar|cotton|leather|steel|copper|glass|wood|stone|concrete|brick|roof|tower|tunnel|station|platform|ticket|passenger|driver|pilot"
    "|novel|poem|song|orchestra|theatre|painting|statue|festival|tradition|language|grammar|sentence|paragraph|chapter|page|document|archive|letterbox|newspaper|journalist|editor|critic|audience|author|publisher|translation|keyboard|screen|button|file|folder|password|update|feature|bug|release|version|user|interface|database|algorithm"
).split("|")
ADJECTIVES = (
    "new|good|old|great|big|small|large|long|early|young|important|public|private|real|best|free|strong|special|clear|recent|certain|personal|open|red|difficult|available|likely|short|single|medical|current|wrong|past|foreign|fine|common|poor|natural|significant|similar|hot|dead|central|happy|serious|ready|simple|left|physical|general"
    "|environmental|financial|blue|democratic|dark|various|entire|close|legal|religious|cold|final|main|green|nice|huge|popular|traditional|cultural|quiet|careful|slow|fast|cheap|expensive|modern|ancient|local|national|global|narrow|wide|deep|heavy|light|empty|full|bright|rare|digital|electric|royal|annual|daily|weekly|northern|southern|eastern|western"
    "|reliable|accurate|complex|flexible|stable|robust|hidden|temporary|permanent|useful|broken|wooden|frozen|golden|silver|careless|curious|honest|proud|brave|gentle|strange|familiar|official|secret|urgent|optional|technical|scientific|historic|industrial|rural|urban|tropical|remote|ordinary"
).split("|")
_VERB = (
    "showed|changed|opened|reached|followed|supported|moved|helped|improved|replaced|covered|crossed|described|produced|protected|repaired|examined|measured|joined|left|closed|received|carried|offered|presented|reduced|increased|limited|tested|designed|built|found|lost|won|sold|bought|planned|discussed|rejected|accepted|delayed|finished"
    "|started|visited|studied|analyzed|compared|explained|reported|announced|confirmed|questioned|surprised|influenced|defined|created|developed|introduced|cancelled|approved|collected|delivered|divided|connected|controlled|observed|recorded|discovered|destroyed|saved|cleaned|filled|surrounded|attracted|avoided|caused|prevented|solved"
).split("|")
PLURALS = (
    "residents|experts|engineers|scientists|visitors|workers|students|farmers|critics|officials|parents|doctors|readers|users|neighbours|drivers|members|investors|artists|teachers|tourists|managers|historians|volunteers|customers|families|writers|players|soldiers|sailors|lawyers|patients|merchants|developers|researchers|fans|guests|voters|owners|children"
).split("|")
_LINK = "However, |Meanwhile, |After that, |In the same year, |For this reason, |At first, |Later, |In addition, |By contrast, |For example, |Nevertheless, |Since then, |According to {p}, |In {pl}, |On {d}, |In {y}, |Until {y}, |During the {n}, |As {p} noted, |Despite the {n}, |With the {a} {n}, |Thanks to {p}, ".split(
    "|"
)


_PIECES = (
    "photo|syn|thesis|chloro|plast|tion|ment|able|ing|pre|con|dis|un|re|inter|trans|micro|macro|bio|geo|hydro|therm|electro|graph|logy|meter|scope|phon|psych|neuro|cardi|derm|gen|morph|path|phil|phob|port|scrib|script|spect|struct|tract|vers|vis|voc|anti|auto|circum|contra|de|ex|extra|hyper|hypo|il|im|in|ir|mis|mono|multi|non|omni|over|out|para|peri|poly|post|pro|semi|sub|super|tele|tri|uni|under"
    "|er|or|ist|ism|ity|ness|ous|ive|al|ial|ful|less|ly|ize|ify|ate|en|ward|wise|hood|ship|dom|age|ance|ence|ant|ent|ary|ery|ory|cy|sis|oid|ic|ical|ian|eous|ious|ular|ium|ene|ine|ane|ose|ase|ite|ide|yl|qu|ph|sch|tsch|rhy|zz|xt|chr|thr|wr|kn|gn|ae|oe|eau|ieu|aux|ough|eigh|tch|dge|scht|ski|ova|sson|dottir|berg|stein|feld|wald|heim|mann"
).split("|")


def odd_word(rng: random.Random) -> str:
    """A word a tokenizer has no single token for: pieces of learned words and names, or letters at random."""
    if rng.random() < 0.8:
        return "".join(rng.choice(_PIECES) for _ in range(rng.randint(2, 4)))
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(3, 9)))


def _verb(rng: random.Random) -> str:
    return rng.choice(_VERB) if rng.random() < 0.85 else odd_word(rng) + rng.choice(("ed", "ed", "s", "ing"))


def soup(rng: random.Random) -> str:
    """Words of all kinds in no order, with marks between them: nothing in it can be guessed, only copied."""
    words = []
    for _ in range(rng.randint(3, 22)):
        roll = rng.random()
        if roll < 0.3:
            word = odd_word(rng)
        elif roll < 0.55:
            word = rng.choice(NOUNS + PLURALS)
        elif roll < 0.65:
            word = rng.choice(_SMALL)
        elif roll < 0.72:
            word = rng.choice(ADJECTIVES)
        elif roll < 0.82:
            word = names.name(rng)
        elif roll < 0.9:
            word = (
                rng.choice(("$", "€", "", "", "", "v", "#"))
                + names.amount(rng, 1, 99999)
                + rng.choice(("%", "", "", "", " percent", "th", " km", "x"))
            )
        else:
            word = _verb(rng)
        if rng.random() < 0.08:
            word = rng.choice(("{}'s", "{},", "{};", "({})", '"{}"', "{}-{}", "{}:", "{}/{}", "{} -", "*{}*")).format(
                word, rng.choice(NOUNS)
            )
        words.append(word)
    return _cap(" ".join(words)) + rng.choice((".", ".", ".", ".", "!", "?"))


_SMALL = (
    "the|a|of|and|to|in|on|for|with|by|from|at|as|is|was|are|were|be|been|has|have|had|will|would|can|could|may|might|must|should|not|no|it|its|they|their|them|he|his|she|her|we|our|you|your|this|that|these|those|which|who|whom|where|when|while|because|although|if|but|or|so|than|then|there|here|both|each|every|most"
    "|some|any|few|more|less|much|many|own|same|other|such|only|also|very|too|just|now|still|even|already|again|soon|often|never|always|about|after|before|between|during|through|over|under|against|without|within|across|among|into|onto|per|via|despite|instead|rather|however|therefore"
).split("|")


def _np(rng: random.Random) -> str:
    """A noun phrase in the singular."""
    noun = rng.choice(NOUNS) if rng.random() < 0.8 else names.word(rng) if rng.random() < 0.3 else odd_word(rng)
    roll = rng.random()
    if roll < 0.3:
        return f"the {noun}"
    if roll < 0.6:
        return f"{rng.choice(('the', 'the', 'our', 'a', 'my', 'their', 'your'))} {rng.choice(ADJECTIVES) if rng.random() < 0.85 else odd_word(rng)} {noun}"
    if roll < 0.68:
        return f"the {noun} of {names.place(rng)}"
    if roll < 0.74:
        return f"the {noun} of the {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"
    if roll < 0.8:
        return f"this {noun}"
    if roll < 0.86:
        return f"each {rng.choice(ADJECTIVES)} {noun}"
    if roll < 0.93:
        return f"the {rng.choice(NOUNS)} {noun}"
    return f"its {rng.choice(ADJECTIVES)} {noun}"


def _subject(rng: random.Random) -> str:
    roll = rng.random()
    if roll < 0.42:
        return _np(rng)
    if roll < 0.53:
        return names.person(rng)
    if roll < 0.58:
        return odd_word(rng).capitalize() + rng.choice(("", "", " " + odd_word(rng), " " + odd_word(rng).capitalize()))
    if roll < 0.68:
        return names.company(rng)
    if roll < 0.82:
        return rng.choice(
            ("many ", "some ", "most ", "several ", "", f"{names.count(rng, 2, 9000)} ", "local ", "")
        ) + rng.choice(PLURALS)
    if roll < 0.88:
        return rng.choice(("we", "they", "it", "she", "he", "I", "nobody", "everyone"))
    return names.place(rng)


def _tail(rng: random.Random) -> str:
    roll = rng.random()
    if roll < 0.35:
        return ""
    if roll < 0.43:
        return f" in {names.place(rng)}"
    if roll < 0.5:
        return f" on {names.date(rng)}"
    if roll < 0.56:
        return f" in {names.year(rng)}"
    if roll < 0.64:
        return f" because {_subject(rng)} {_verb(rng)} {_np(rng)}"
    if roll < 0.72:
        return f", and {_subject(rng)} {_verb(rng)} {_np(rng)}"
    if roll < 0.78:
        return f" with {_np(rng)}"
    if roll < 0.83:
        return f" by {names.amount(rng)} percent"
    if roll < 0.88:
        return f", which {_verb(rng)} {_np(rng)}"
    if roll < 0.92:
        return f" ({rng.choice(('see page', 'about', 'figure', 'up to', 'nearly'))} {names.count(rng, 2, 900)})"
    if roll < 0.96:
        return f" for {names.amount(rng)} {rng.choice(('million euros', 'dollars', 'hours', 'kilometres', 'years', 'tonnes', 'tokens', 'degrees'))}"
    return f" without {_np(rng)}"


def sentence(rng: random.Random) -> str:
    """One sentence, with a capital letter and a full stop."""
    roll = rng.random()
    verb = (
        _verb(rng)
        if rng.random() < 0.75
        else rng.choice(("will ", "can ", "could ", "should ", "did not ", "must ", "may "))
        + rng.choice(
            (
                "show",
                "change",
                "open",
                "reach",
                "support",
                "move",
                "help",
                "improve",
                "replace",
                "cover",
                "test",
                "build",
                "find",
                "close",
                "sell",
                "explain",
                "protect",
                "produce",
                "accept",
                "measure",
                "visit",
                "use",
                "need",
            )
        )
    )
    if roll < 0.6:
        text = f"{_subject(rng)} {verb} {_np(rng)}{_tail(rng)}{_tail(rng)}"
    elif roll < 0.72:
        text = f"{_np(rng)} {rng.choice(('is', 'was', 'remains', 'became', 'seems'))} {rng.choice(('very ', 'quite ', 'more ', '', '', 'not '))}{rng.choice(ADJECTIVES)}{_tail(rng)}"
    elif roll < 0.8:
        text = f"there {rng.choice(('is', 'was'))} a {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}{_tail(rng)}"
    elif roll < 0.86:
        text = f'"{_cap(_subject(rng))} {verb} {_np(rng)}," said {names.person(rng)}'
    elif roll < 0.93:
        text = f"{rng.choice(('when', 'after', 'before', 'although', 'while', 'if'))} {_subject(rng)} {_verb(rng)} {_np(rng)}, {_subject(rng)} {verb} {_np(rng)}"
    else:
        text = f"the {rng.choice(NOUNS)}, the {rng.choice(NOUNS)} and the {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} {_verb(rng)} {_np(rng)}{_tail(rng)}"
    if rng.random() < 0.18:
        link = rng.choice(_LINK).format(
            p=names.person(rng),
            pl=names.place(rng),
            d=names.date(rng),
            y=names.year(rng),
            n=rng.choice(NOUNS),
            a=rng.choice(ADJECTIVES),
        )
        text = link + text
    return _cap(text) + "."


def _cap(text: str) -> str:
    return text[:1].upper() + text[1:]


def fact(rng: random.Random) -> tuple[str, str, str]:
    """A sentence, a question about its subject, and the answer."""
    subject, verb, what = _subject(rng), _verb(rng), _np(rng)
    while subject in ("we", "they", "it", "she", "he", "I", "nobody", "everyone"):
        subject = _subject(rng)
    return (
        _cap(f"{subject} {verb} {what}{_tail(rng)}."),
        f"{rng.choice(('who', 'who', 'what'))} {verb} {what}",
        _cap(subject) + ".",
    )
