# ruff: noqa: E501, SIM905 - phrases are data: an entry reads best on one line, a list of words as one string
"""Other words for the same question: synonyms, a clause before it, words left out or put in, so that a model learns which words matter."""

from __future__ import annotations

import random
import re

from tools.demo_model import names

_GROUPS = (
    "GPU|graphics card|card|video card|graphics processor|graphics chip", "PC|computer|laptop|machine|desktop|notebook|workstation|box", "app|application|program|software|tool|thing|product", "chat|conversation|dialogue|talk|discussion|thread", "chats|conversations|dialogues|talks|discussions|threads",
    "answer|reply|response|output", "answers|replies|responses|outputs", "question|query|request", "questions|queries", "message|text|prompt|input", "delete|remove|erase|wipe|drop|get rid of|throw away", "deleted|removed|erased|wiped|lost|gone|thrown away", "stop|halt|interrupt|end|abort|cancel|quit", "start|begin|launch|kick off|bring up|fire up",
    "open|bring up|call up|get to|show|access", "find|locate|look for|search for|hunt for|discover", "search|look|hunt|seek", "make|create|produce|build|get|obtain", "use|employ|work with|utilize|run|apply", "used|employed|utilized|applied", "need|require|must have|want", "needed|required|necessary|wanted", "store|keep|save|put|hold|place", "stored|kept|saved|put|held|placed|located",
    "fast|quick|speedy|rapid|swift", "faster|quicker|speedier|more quickly", "slow|sluggish|lagging|not fast|awfully slow", "speed|performance|pace|rate|throughput", "big|large|huge|great|sizable", "bigger|larger|greater|stronger|more capable|more powerful", "small|tiny|little|compact|minor", "good|fine|useful|sensible|decent|wise", "best|ideal|optimal|most suitable|recommended|most sensible", "bad|poor|terrible|awful|weak",
    "choose|pick|select|decide on|take|go for|settle on", "change|switch|modify|alter|adjust|replace", "send|submit|transmit|post|hand over", "copy|duplicate|grab|take over", "show|display|reveal|present|list", "shown|displayed|presented|visible", "see|view|look at|check|know|learn|tell|find out", "check|examine|inspect|test|verify|look at", "explain|describe|clarify|go over|outline|illustrate|shed light on", "tell|inform|let know",
    "install|set up|put|get", "download|fetch|get|obtain|pull down|bring in|load down", "downloaded|fetched|obtained", "downloads|fetches", "load|open|start|bring up", "summarize|condense|shorten|sum up|digest|boil down", "summary|digest|short version|gist|essence|synopsis", "document|file|report|text|paper|PDF", "documents|files|reports|texts|papers", "memory|RAM|space|room", "VRAM|GPU memory|video memory|card memory|graphics memory",
    "model|LLM|language model|network|AI model|neural network", "models|LLMs|language models|networks|AI models", "weights|parameters|checkpoint|model files", "precision|number format|quantization level|weight format|bit width", "precisions|number formats|quantization levels|weight formats|bit widths", "format|kind|type|form", "supported|possible|allowed|available|compatible|working", "support|handle|allow|accept|cope with|take",
    "happens|occurs|takes place|goes on|is done", "crashes|dies|fails|breaks|falls over", "crash|failure|breakdown|fault", "error|failure|problem|fault|issue|trouble", "broken|damaged|faulty|defective|not working", "works|functions|operates|runs", "work|function|operate|run|behave", "internet|network|web|net|connection|Wi-Fi", "online|connected|on the net", "offline|without a connection|without network|disconnected|with no connection", "private|confidential|secret|safe|secure|protected",
    "privacy|confidentiality|secrecy|data protection", "data|information|content|texts|stuff", "upload|send out|transmit|share|leak", "leave|exit|get out of|go out of", "somebody|someone|anybody|anyone|a person|outsiders", "keyboard|keys|key combination", "shortcut|hotkey|key combination|keyboard shortcut|key binding|key", "shortcuts|hotkeys|key combinations|keyboard shortcuts|key bindings|keys", "press|hit|push|type|strike|tap", "sidebar|left column|left panel|side column|left bar|chat list",
    "settings|preferences|options|configuration", "hide|close|collapse|fold away|remove from view|make disappear", "command|verb|instruction|subcommand", "commands|verbs|subcommands|instructions", "terminal|shell|console|command line|command prompt", "window|GUI|graphical interface|desktop interface|user interface", "folder|directory|place|location|path", "folders|directories|places|locations", "disk|drive|hard disk|SSD|storage", "stored on disk|kept on my drive|saved on the disk",
    "full|exhausted|filled up|out of space|used up", "long|lengthy|large|big|extensive", "short|brief|concise|compact", "cut|truncated|shortened|chopped|dropped|thrown away", "refused|rejected|declined|turned down|not accepted", "limit|maximum|cap|bound|ceiling", "several|many|multiple|a number of|a few|lots of|various", "users|people|persons|clients", "requests|queries|jobs|users", "at once|at the same time|simultaneously|in parallel|concurrently|at the same moment", "handle|process|serve|deal with|cope with|manage", "handled|processed|served|dealt with|managed",
    "why|for what reason|how come|what for|what is the reason that", "how|in what way|by what means|in which manner", "what|which thing", "where|in which place|at what location|in what place", "should|ought to|shall|would you advise that", "advise|recommend|suggest|propose", "difference|distinction|contrast", "compare|contrast|weigh", "better|superior|preferable|nicer", "worse|inferior|poorer", "quality|accuracy|fidelity", "lose|sacrifice|give up", "cost|price|expense", "free|gratis|without charge|for nothing|at no cost", "pay|spend money|hand over money",
    "trained|taught|created|built|made", "learn|get taught|train|pick up", "remember|recall|keep in mind|memorize|know", "earlier|previous|former|prior|past|older", "again|once more|anew|another time|a second time", "reuse|recycle|use again|share", "reused|recycled|used again|shared", "computed|calculated|processed|worked out|evaluated", "cache|store|buffer", "pages|blocks|chunks|pieces", "page|block|chunk|piece", "finished|completed|done|ended|over", "waiting|queued|pending", "batch|group|bundle", "divide|split|cut|partition|break up", "divided|split|cut|partitioned|broken up",
    "new|fresh|another|blank|recent", "old|former|previous|earlier|past", "different|other|another|alternative", "first|initial|opening|very first", "help|assist|support|aid", "know|understand|grasp|be aware of", "understand|grasp|comprehend|get|follow", "idea|concept|principle|notion|trick", "purpose|role|point|use|job|task", "advantage|benefit|gain|plus|upside|merit", "drawbacks|downsides|disadvantages|costs", "important|relevant|vital|crucial|significant", "own|personal|private|custom", "real|proper|serious|full", "continue|go on|resume|proceed|carry on", "interrupted|broken off|cut off|stopped", "writes|produces|generates|prints|outputs", "write|produce|generate|print|output|compose",
    "measure|determine|gauge|benchmark|test", "server|service|host|daemon", "reach|access|contact|connect to|talk to", "connect|attach|link|hook up", "programs|applications|apps|tools", "developer|programmer|coder|engineer", "code|source|snippet|program", "example|sample|snippet|demonstration", "picture|image|photo|graphic", "image|picture|photo", "fit|go|squeeze|have room", "enough|sufficient|adequate", "possible|feasible|doable|an option", "able|capable|in a position", "capable|able", "always|every time|each time|constantly", "sometimes|now and then|at times", "never|at no time|not ever",
    "something|anything|some things", "things|stuff|items|matters", "everything|all|all things|the whole lot", "topics|subjects|areas|fields", "skills|abilities|talents|capabilities|powers", "speak|talk|understand|know", "languages|tongues", "name|title", "random|arbitrary|chance", "repeat|say again|duplicate|reproduce", "same|identical|very same|equal", "words|phrases|terms", "probability|likelihood|chance", "likely|probable", "sure|certain|confident", "update|upgrade|refresh", "version|release|edition", "backup|copy|safeguard", "safe|secure|harmless|trustworthy|risk-free", "dangerous|harmful|unsafe|risky", "harm|hurt|damage|infect", "website|web page|site|page on the web",
    "organize|arrange|sort|group|order|tidy", "sorted|arranged|ordered|grouped", "export|save out|write out|output", "print|put on paper", "edit|change|rewrite|correct|modify|fix", "attach|add|upload|insert|include|hand over|give", "drag|pull|drop", "read|open|process|take in|parse", "whole|entire|complete|full|total", "parts|pieces|sections|portions", "inside|internally|under the hood|within", "internals|inside|architecture|design", "consist|be made", "process|program|task", "processes|programs|tasks", "background|behind the scenes", "version|variant", "cards|GPUs|graphics cards", "two|a pair of|2|both", "split|divide|spread|distribute", "please|kindly|if you can",
)  # fmt: skip

_SYNONYMS: dict[str, tuple[str, ...]] = {}
for _group in _GROUPS:
    _words = tuple(_group.split("|"))
    for _word in _words:
        if " " not in _word:
            _SYNONYMS[_word.lower()] = _SYNONYMS.get(_word.lower(), ()) + tuple(w for w in _words if w != _word)

_BEFORE = (
    "I just {v} Deskside, ", "I'm travelling tomorrow, ", "my {p} asked me this: ", "I read the manual, but ", "before I go on: ", "I have been thinking: ", "since I am a beginner, ", "my {p} has a question: ", "for my work I have to know this: ", "I don't get it, ", "I looked everywhere, but ", "as far as I know nothing helps, so ", "I work with {w} a lot; ",
    "one thing I always wanted to know: ", "I wonder, ", "honestly, ", "let me ask you this: ", "today I noticed something. ", "it's my first time here. ", "I come from {w}. ", "I've used {w} before, ", "my {p} says it is easy, but ", "not long ago I got a new PC. ", "I have an RTX card and a question: ", "I am writing a report about this: ", "in the {p}'s office we ask ourselves: ",
    "could you help me out, ", "be so kind: ", "I would be glad to know: ", "what I want to know is this: ", "forgive the question, ", "listen, ", "right, ", "yes, and ", "no, I mean: ", "actually ", "basically ", "next question: ", "first of all, ", "another question: ", "something else: ", "still, ", "I forgot: ", "I keep asking myself: ", "for {w}, ", "when I use {w}, ",
)  # fmt: skip
_AFTER = (
    ", I wonder", ", what do you say", ", any advice", ", any ideas", ", can you tell", ", is that possible", ", or not", " in this app", " on my machine", " on my PC", " with Deskside", " in Deskside", " in general", " in practice", " when I am in a hurry", " and why does it matter", " and what does it do", ", explain it like I'm five", " like I'm five", " for dummies", " to a child",
    " in detail", " if I want", " at home", " at work", " for my {p}", ", please explain", ", I need to know", ", tell me", " one of these days", " without trouble", " as a newcomer", ", quickly", " step by step", " on disk", " these days", ", do you think", ", would you say", " by any chance", " at all", " myself", " now and in future",
)  # fmt: skip
_PEOPLE = "boss|brother|sister|teacher|neighbour|colleague|friend|mother|father|wife|husband|son|daughter|uncle|customer|student|team|manager".split(
    "|"
)
_SMALL = frozenset(
    "a an the to of in on for with my your do does is are can could I it this that be at by from and or there any some so".lower().split()
)
_FILLER = (
    "really just simply actually perhaps maybe exactly even still only quite rather somehow properly generally usually normally often probably basically certainly kind sort whole own such particular given certain mentioned certain famous nice little"
).split()


def vary(question: str, rng: random.Random, protect: frozenset[str] = frozenset()) -> str:
    """The question in other words. ``protect`` are words that stay as they are (lower case)."""
    words = question.split(" ")
    if rng.random() < 0.55:
        changed = 0
        for i, word in enumerate(words):
            bare = re.sub(r"[?.,:!]+$", "", word)
            options = _SYNONYMS.get(bare.lower())
            if options and bare.lower() not in protect and rng.random() < 0.3 and changed < 4:
                words[i] = rng.choice(options) + word[len(bare) :]
                changed += 1
    if rng.random() < 0.22 and len(words) > 4:
        small = [i for i, w in enumerate(words) if w.lower() in _SMALL]
        for i in sorted(rng.sample(small, min(len(small), rng.choice((1, 1, 2, 3)))), reverse=True):
            del words[i]
    if rng.random() < 0.15:
        for _ in range(rng.choice((1, 1, 2))):
            words.insert(rng.randrange(len(words) + 1), rng.choice(_FILLER) if rng.random() < 0.75 else names.word(rng))
    if rng.random() < 0.06 and len(words) > 3:
        i = rng.randrange(len(words) - 1)
        words[i], words[i + 1] = words[i + 1], words[i]
    text = " ".join(words)
    slots = {
        "p": rng.choice(_PEOPLE),
        "w": names.name(rng),
        "v": rng.choice(("installed", "opened", "started", "got", "discovered")),
    }
    if rng.random() < 0.16:
        text = rng.choice(_BEFORE).format(**slots) + text
    if rng.random() < 0.10:
        text = text.rstrip("?.! ") + rng.choice(_AFTER).format(**slots)
    return text
