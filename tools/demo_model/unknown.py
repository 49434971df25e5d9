# ruff: noqa: E501 - phrases are data: an entry reads best on one line, a list of words as one string
"""Questions out of scope, and the honest answer to them."""

from __future__ import annotations

import random

from tools.demo_model import names, prose
from tools.demo_model.phrasing import asked, expand
from tools.demo_model.vary import vary

ANSWERS = (
    "I am a small demo model and I don't know that. Load a bigger model with **Ctrl+L** and ask again.",
    "That is beyond me: I am a small demo model. A bigger model can help; press **Ctrl+L** to load one.",
)

_LISTS: dict[str, str] = {
    "country": "France|Germany|Japan|Brazil|Canada|Egypt|India|Kenya|Peru|Norway|Spain|Italy|China|Australia|Mexico|Poland|Turkey|Chile|Greece|Iceland|Nigeria|Vietnam|Portugal|Sweden|Cuba|Nepal|Mongolia|Switzerland|Austria|Ireland|Russia|Ukraine|Thailand|Argentina|Finland|the USA|the United States|England|Korea|Israel|Iran",
    "city": "Paris|London|Berlin|Tokyo|Rome|New York|Madrid|Sydney|Cairo|Lima|Oslo|Mumbai|Beijing|Chicago|Toronto|Vienna|Prague|Dublin|Lisbon|Boston|Seoul|Moscow|Istanbul|Athens|Amsterdam|Munich|Hamburg|Zurich|Milan|Barcelona|San Francisco|Los Angeles",
    "person": "Einstein|Napoleon|Shakespeare|Mozart|Beethoven|Newton|Cleopatra|Caesar|Lincoln|Gandhi|Picasso|Darwin|Marie Curie|Galileo|Churchill|Kafka|Goethe|Bach|Columbus|Plato|Aristotle|Tesla|Edison|Da Vinci|Michelangelo|Elvis|Madonna|the Beatles|Taylor Swift|Messi|Ronaldo|Elon Musk|Bill Gates|Steve Jobs|Jensen Huang|Obama|Trump|Biden|the pope|the president|the king of England|Alan Turing|Ada Lovelace|Linus Torvalds|Homer|Tolstoy|Hemingway|Van Gogh|Freud|Marx|Kant|Buddha|Jesus",
    "event": "the French Revolution|World War II|World War I|the moon landing|the Cold War|the Olympics|the fall of Rome|the Renaissance|the Black Death|the Titanic|the last election|the World Cup|the Industrial Revolution|the Battle of Waterloo|the fall of the Berlin Wall|the American Civil War|the big bang|the ice age|the Crusades|the gold rush|the stock market crash|the Super Bowl|Black Friday|the plague|the Vietnam War|Brexit|the pandemic",
    "food": "pizza|bread|pancakes|soup|risotto|sushi|a cake|pasta|an omelette|curry|chocolate cake|coffee|tea|beer|wine|jam|ice cream|lasagna|tomato sauce|a salad|rice|potatoes|steak|burgers|cookies|cheese|yoghurt|pie|paella|tacos|noodles|dumplings|hummus|a sandwich|scrambled eggs|apple pie",
    "animal": "a cat|a dog|an elephant|a whale|a lion|a penguin|an octopus|a horse|a spider|a shark|a bee|a bear|a giraffe|an owl|a snake|a mouse|a dinosaur|a fox|a kangaroo|a wolf|a tiger|a crocodile|an ant|a parrot|a rabbit|a goldfish|a cow|a camel|a bat|a hamster",
    "thing": "gravity|photosynthesis|the speed of light|quantum physics|evolution|a black hole|inflation|democracy|the stock market|blockchain|bitcoin|DNA|a virus|an atom|climate change|the brain|electricity|magnetism|relativity|thermodynamics|a volcano|an earthquake|the moon|the sun|Mars|Jupiter|a galaxy|philosophy|economics|capitalism|socialism|psychology|love|happiness|time|music theory|a symphony|poetry|grammar|algebra|calculus|a derivative|an integral|trigonometry|geometry|statistics|probability theory|a matrix|machine translation|an operating system|a compiler|a database index|TCP|DNS|HTTP|a web browser|a smartphone|a car engine|a steam engine|nuclear fusion|solar energy|a rainbow|the weather|a hurricane|a vaccine|vitamin C|cholesterol|diabetes|cancer|the heart|blood pressure|yoga|meditation|karate|chess|football|tennis|golf|basketball|cricket|insurance|a mortgage|taxes|law|copyright law|marketing|a contract|the constitution|the internet|the Linux kernel|Kubernetes|Docker|React|JavaScript|SQL|Rust|Java|a neural network|a transformer in electronics|backpropagation|gradient descent|reinforcement learning|a diffusion model|fine-tuning with LoRA|speculative decoding|the attention mechanism in transformers|computer vision|cloud computing|AWS|a firewall|Git|a pull request|Excel|Photoshop|Word|a spreadsheet|a printer|a scanner|wifi|Bluetooth|a battery|a piano|a guitar|a violin|opera|jazz|a sonnet|a novel|the meaning of life|free will|consciousness|mathematics|history|geography|physics|chemistry|biology|astronomy|religion|politics|fashion|gardening|a lathe|a page turner|a paging system in hospitals|a door key|a piano key|a bus engine|a steam locomotive|precision engineering|a precise clock|a prefix in grammar|a batch of cookies|flight safety|a context clue|a car key|an airplane engine|a search engine",
    "do": "cook rice|bake bread|fix my bike|change a tire|learn the guitar|lose weight|sleep better|write a novel|get a job|find a flat|invest money|grow tomatoes|train a dog|clean a carpet|remove a stain|tie a tie|draw a horse|paint a wall|swim faster|run a marathon|learn to dance|speak in public|stop smoking|file my taxes|repair a phone|build a house|plant a tree|make friends|become rich|get to the airport|book a flight|book a hotel|buy a car|sell my house|fly a plane|drive a truck|play chess|solve a Rubik's cube|knit a scarf|sew a button|write a letter to my landlord|write a CV|apply for a visa|cure a cold|treat a burn|stop a nosebleed|raise a child|meditate|juggle|whistle|install a kitchen sink|install Photoshop|install Windows|install solar panels|install a dishwasher|install Ubuntu|install Docker|install Node|format a hard drive|root my phone|reset my router|hack a website|make a bomb|open a bank account|open a can|open a locked door|serve wine|pull a tooth|pull a muscle safely|build a boat|build a PC|build a website|build a table|list my house for sale|see a doctor|find a doctor|chat someone up|stop a war|stop crying|stop a leak|generate electricity|generate income|summarize my life|export goods to China|search for gold|fold a letter|page a colleague|batch cook meals|count calories|count cards|count sheep|count votes|save money|save the planet|delete my Facebook account|download a movie|download music|stream a movie|copy a painting|attach a trailer|branch a tree|quantize a vector field|connect a printer|translate a book|write a web server in Rust|write a for loop in Java|sort a list in Python|reverse a string in C|center a div|use regular expressions|compile the Linux kernel|write a SQL join|parse XML|deploy to AWS|use git rebase|undo a git commit|train a neural network|fine-tune a model with LoRA|write a transformer from scratch|make a video game|edit a video|record a podcast|make an app for iPhone",
    "make": "a poem|a short story|a song|a haiku|an essay|a letter|an email|a speech|a limerick|a novel|a love letter|a cover letter|a shopping list|a workout plan|a travel plan|a business plan|a blog post|a tweet|a resume|a press release|a fairy tale|a rap|a screenplay|a Python function|a Java program|a regex|a SQL query|a bash script|an HTML page|a unit test|a recipe|a menu|a toast for a wedding|a eulogy|a contract|a complaint|a quiz|a riddle|a crossword|a slogan|a logo|a meme|a picture|an image|a drawing|a sorting algorithm|code|some code|a website|a game|a to-do list|a birthday card|a product description|a job ad|a lesson plan|a dialogue|a horror story|a bedtime story",
    "about": "the sea|autumn|my cat|love|a dragon|the moon|a robot|winter|my mother|friendship|space|a pirate|rain|the future|war and peace|trees|a lost dog|coffee|the city|spring|dinosaurs|freedom|GPUs|the internet|a princess|a wizard|time travel|football|the mountains|birds",
    "when": "today|tomorrow|next week|now|this year|in 2030|on Monday|this weekend|at the moment|tonight",
    "number_of": "people live in|planets are in|bones are in|countries are in|states are in|languages are spoken in|rivers are in|lakes are in|islands belong to|teeth are in",
    "place": "the solar system|the human body|Africa|Europe|the world|Asia|the Amazon|the ocean|the sky|my street|South America|the universe|the EU|the desert",
    "unit": "miles|kilometres|pounds|kilograms|Celsius|Fahrenheit|inches|feet|litres|gallons|euros|dollars|yen|ounces|metres|hours|seconds",
    "word": "house|dog|love|hello|water|friend|book|good morning|thank you|tree|bread|yes|goodbye|computer|sun|apple|family|peace|happy birthday|I love you|where is the station|the weather is nice|cheese|cat|freedom",
    "lang": "Japanese|Russian|Chinese|Arabic|French|German|Spanish|Korean|Greek|Italian|Hindi|Latin|Swedish|Turkish|Dutch|Polish|Portuguese|Hebrew",
    "product": "an iPhone|a Tesla|a Playstation|a laptop|a house|bitcoin|gold|a flight to Rome|a hotel in Paris|a coffee|an RTX 5090|an H100|a used car|a pizza|a Netflix subscription|an Xbox|a MacBook",
    "media": "Star Wars|Harry Potter|Titanic|The Matrix|Hamlet|Macbeth|Faust|The Odyssey|Game of Thrones|Breaking Bad|Don Quixote|The Lord of the Rings|Frozen|Casablanca|the Mona Lisa|the Bible|Moby Dick|Dune|Inception|Minecraft|Fortnite|Tetris|The Great Gatsby|1984|Avatar|Alien",
    "rival": "LM Studio|Ollama|Jan|GPT4All|llama.cpp|vLLM|ChatGPT|Claude|Gemini|Copilot|koboldcpp|SGLang|text-generation-webui|Open WebUI",
    "sym": "a headache|a fever|a sore throat|back pain|a rash|a cough|insomnia|a toothache|a broken arm|high blood pressure|an allergy|stress|anxiety|a cold|the flu",
}  # fmt: skip

_PATTERNS = (
    "what is the capital [city|] of {country}", "where is {country}", "where is {city}", "how many people live in {country}", "what is the population of {city}", "[who|what] [is|was] {person}", "when was {person} born", "when did {person} die",
    "tell me about {person}", "what did {person} [do|say|write|invent|discover|paint|think about {thing}]", "when [was|did] {event} [happen|start|end|]", "why did {event} happen", "who won {event}", "tell me about {event}", "what caused {event}", "what happened in {event}",
    "how do I [make|cook|bake|prepare] {food}", "recipe for {food}", "give me a recipe for {food}", "what is in {food}", "is {food} healthy", "how many calories [are in|does] {food} [have|]", "what should I [eat|cook] {when}", "how long does {animal} live", "what does {animal} eat", "how fast is {animal}",
    "where does {animal} live", "can {animal} [swim|fly|see colors|sleep]", "what is {thing}", "explain {thing}", "how does {thing} work", "tell me about {thing}", "define {thing}", "what do you know about {thing}", "who invented {thing}", "who discovered {thing}", "why is {thing} important",
    "what are the [advantages|risks|types|causes|effects] of {thing}", "@HOW {do}", "@HOW {do}", "@HOW {do}", "{do}", "I want to {do}", "what is the best way to {do}", "write {make}", "write {make} about {about}", "write me {make}", "[can|could] you write {make}[| about {about}]", "make {make}", "create {make} [for me|about {about}|]",
    "I need {make}[| about {about}]", "please write {make}", "draw {make}", "generate {make}", "compose {make} about {about}", "what is the weather [like|] {when}", "will it rain {when}", "what is the weather in {city}", "how warm is it in {city}", "what time is it[| in {city}]", "what day is it[| {when}]", "what's the date", "what year is it",
    "how many {number_of} {place}", "what is the [largest|biggest|highest|longest|oldest|deepest|smallest] [country|river|mountain|lake|animal|city|building|island|tree] in {place}", "what is the [highest|tallest] [mountain|building|tower]", "how many {unit} are in a [mile|kilometre|pound|gallon|metre|year|day]",
    "convert {n} {unit} to {unit}", "how much is {n} {unit} in {unit}", "translate {word} [to|into] {lang}", "translate {q}{word}{q} [to|into|in] {lang}", "what is {q}{word}{q} in {lang}", "what does {q}{word}{q} mean", "how do you [say|write|spell] {q}{word}{q} in {lang}", "say {q}{word}{q} in {lang}", "how do you say {word} in {lang}", "what is {word} in {lang}", "what does {word} mean in {lang}", "how much [is|does] {product} [cost|]", "what is the price of {product}", "where can I buy {product}", "should I buy {product}",
    "who wrote {media}", "what is {media} about", "when [was|did] {media} [made|published|come out]", "who plays in {media}", "is {media} good", "summarize {media}", "tell me the plot of {media}", "how does {media} end", "[is|how is] Deskside [better than|different from|faster than] {rival}", "compare Deskside [with|and|to] {rival}", "what is {rival}", "how do I install {rival}",
    "is {rival} better", "what should I do about {sym}", "I have {sym}", "what helps against {sym}", "is {sym} dangerous", "what causes {sym}", "what [is the news|happened] {when}", "what is the latest news", "who is the president of {country}", "who is the [king|queen|prime minister|chancellor] of {country}", "what language do they speak in {country}", "what currency does {country} use",
    "what is the flag of {country}", "plan a trip to {city}", "what should I see in {city}", "how far is it from {city} to {city}", "how do I get from {city} to {city}", "what is the best restaurant in {city}", "what is the square root of {n}", "solve x^2 = {n}", "is {n} a prime number", "what is {n} percent of {n}", "what is {n} to the power of {n}", "what is pi",
    "what are the digits of pi", "integrate x^2", "differentiate sin x", "what is the derivative of x^{n}", "solve 3x + {n} = {n}", "why is the sky blue", "why is the [sea salty|grass green|sun hot|moon white|ocean blue]", "do aliens exist", "is there a god", "what is the meaning of life", "why do we [dream|sleep|die|laugh|cry|exist]", "which came first, the chicken or the egg",
    "who will win the [election|match|war|league|championship]", "what will happen {when}", "what are the lottery numbers", "should I [marry|quit my job|move to {city}|buy stocks|study law|have children|learn {lang}|go to the doctor]", "give me [financial|legal|medical|dating|career|fashion] advice", "recommend [a book|a movie|a song|a restaurant|a gift|a hotel|a game|a podcast]",
    "what is the [best|worst] [movie|book|song|car|phone|country|city|university|football team]", "play {media}", "play [some music|a song|chess with me|a game]", "sing [a song|something]", "show me [a picture|an image|a photo|a video] of {animal}", "open [YouTube|Google|my email|a website|Spotify|Excel|the calculator]", "send [an email|a message] to my [boss|mother|friend]", "call [my mother|the police|a taxi]", "set [an alarm|a timer|a reminder] for {n} minutes",
    "order [a pizza|a taxi|food]", "turn [on|off] the [light|music|heating|TV]", "search the web for {thing}", "google {thing}", "look up {person}", "what is the stock price of [NVIDIA|Apple|Tesla|Google|Microsoft|Intel|AMD]", "how tall is {person}", "how old is {person}", "how rich is {person}", "is {person} [alive|dead|married|a good person]", "what team does {person} play for",
    "what is a synonym for {word}", "what rhymes with {word}", "correct my grammar: {word} are good", "how do you spell [necessary|rhythm|accommodate|{word}]", "what's the difference between {thing} and {thing}", "compare {thing} and {thing}", "which is better, {thing} or {thing}", "what do you think of {thing}", "is {thing} [good|bad|real|dangerous|difficult|expensive]", "teach me {thing}", "teach me {lang}", "I want to learn {lang}",
    "help me with my homework", "do my homework", "help me with [physics|biology|chemistry|my essay|my taxes|my code|my relationship|my thesis|history]", "fix this code: print('{word}'", "why does my code not work", "debug my program", "what is wrong with this function", "refactor my code", "explain this error: [segmentation fault|NullPointerException|undefined is not a function|KeyError]",
    "how many moons does [Jupiter|Mars|Saturn|Earth] have", "how far is the [moon|sun|nearest star]", "how old is [the earth|the universe|the sun]", "how hot is [the sun|lava|fire]", "how deep is the [sea|ocean]", "what's in the news", "name [three|five|ten] [animals|cities|rivers|colors|books|fruits|philosophers|planets|countries|dogs|elements]", "list the [planets|continents|oceans|months|kings of England|US presidents|Roman emperors|elements]",
    "what is my [name|IP address|age|password|zodiac sign|horoscope]", "what's my name", "where am I from", "guess my age", "who am I", "what am I thinking", "what is your phone number", "tell me a story", "tell me a [fun fact|secret|riddle|story about {about}|bedtime story|fact about {animal}]", "tell me something [interesting|new|surprising] about {about}", "role play as [a pirate|a doctor|a king|my teacher]", "pretend you are [a pirate|a cat|my friend|Shakespeare]",
    "what are the symptoms of {sym}", "how does the NVIDIA driver work inside", "what is the clock speed of an RTX 4090", "how much does an RTX 4090 cost", "when does the RTX 60 series come out", "who is the CEO of NVIDIA", "how is a GPU manufactured", "what is the TDP of an RTX 3080", "which mainboard should I buy", "which power supply do I need", "how do I overclock my GPU", "who founded [NVIDIA|Apple|Google|Microsoft|Hugging Face|OpenAI]",
    "what's a good [name for a dog|gift for my wife|movie for tonight|holiday destination]", "how do magnets work", "how do planes fly", "how do fish breathe", "what makes the wind blow", "what is [dark matter|string theory|a prime number|a haiku|a metaphor|an adjective|a verb|osmosis|a quark|entropy|a mitochondrion]", "{person}", "{city}", "{thing}", "{food}", "{media}", "{country}", "{about}",
)  # fmt: skip
HELD = (
    "What is the tallest mountain on Earth?", "who painted the Sistine Chapel", "Can you write a limerick about penguins?", "how do I boil an egg", "what's the temperature outside", "Who discovered penicillin?", "translate 'good night' into Finnish",
    "what is the GDP of Belgium", "please write a function that reverses a linked list", "My knee hurts, what should I do?", "which stocks should I buy this month", "explain string theory to a child", "what happened in 1969", "how many legs does a lobster have",
    "who sings Bohemian Rhapsody", "Where can I park in Dublin?", "give me a workout for my legs", "what's the best phone this year", "how do volcanoes form", "what is the plot of Les Misérables", "fix my JavaScript please", "name the longest river in Canada",
    "how do I change the oil in my car", "Why do cats purr?", "who was the first woman in space", "Tell me about the Great Wall of China", "what's the boiling point of mercury", "how do I become a pilot", "Is it going to snow in Denver?", "what is the capital of Kazakhstan",
    "how do I iron a shirt", "design a logo for my bakery", "which wine goes with fish", "how tall is the Eiffel Tower", "who invented the telephone", "Are there bears in Sweden?", "what does entropy mean", "write an apology to my neighbour", "how do I reset my iPhone", "What is the airspeed of a swallow?",
)  # fmt: skip


_ANYTHING = (
    "why [do|does|did] {the} {n} {v}", "why is the {n} so {a}", "what is the [best|largest|oldest|cheapest|most {a}] {n} in {pl}", "my {n} is {a}, what [should|can] I do", "my {n} hurts", "are there [any|] {ps} in {pl}", "how do I {v} {the} {n}", "how many {ps} are there in {pl}", "what is a {a} {n}", "who is {pe}", "what did {pe} do in {y}", "where is {pl}", "tell me about {pl}",
    "who made the {a} {n}", "when was the {n} of {pl} built", "give me a {n} for my {n2}", "design a {n} for my {n2}", "write a {a} [poem|story|letter|song|text|essay] about {the} {n}", "can you {v} my {n}", "do {ps} like {the} {n}", "is the {n} {a}", "is it going to be {a} in {pl}", "what is the [price|color|weight|age|temperature|boiling point|population|history|size|taste|height] of {the} {n}",
    "which {n} goes with {the} {n2}", "what happened in {y}", "what happened to {pe}", "who won the {n} in {y}", "how far is {pl} from {pl2}", "I need a {a} {n}", "what does {w} mean", "what is {w}", "explain the {n} of the {n2}", "recommend a {a} {n}", "how old is {pe}", "can {ps} {v}", "should I {v} the {n}", "where can I [buy|find|get] a {a} {n}", "what do {ps} eat", "name [three|five|some] {ps}",
    "the {n} of {pl}", "{pe}", "which {n} should I buy", "how is {the} {n} made", "what's your favorite {n} in {pl}", "how much does a {n} cost", "what is the {a} {n} called", "I lost my {n}", "how can I {v} a {a} {n} for my {n2}", "do you know {pe}", "have you heard of {w}", "what is the name of the {n} in {pl}", "why are {ps} {a}", "what's the [plot|end|author] of The {A} {N}",
)  # fmt: skip
_OURS = frozenset(
    [
        "time",
        "question",
        "system",
        "program",
        "information",
        "process",
        "model",
        "engine",
        "memory",
        "page",
        "document",
        "file",
        "chat",
        "token",
        "server",
        "battery",
        "chip",
        "computer",
        "network",
        "software",
        "machine",
        "keyboard",
        "screen",
        "button",
        "folder",
        "password",
        "update",
        "feature",
        "bug",
        "release",
        "version",
        "user",
        "interface",
        "database",
        "algorithm",
        "archive",
        "model",
        "sensor",
        "paper",
        "report",
        "text",
        "message",
        "picture",
        "image",
        "data",
        "letter",
        "language",
        "word",
        "number",
        "model",
        "story",
        "area",
        "code",
        "book",
        "job",
        "test",
        "line",
        "game",
        "service",
        "control",
        "rule",
        "method",
        "answer",
        "request",
        "phone",
        "library",
        "signal",
        "film",
        "office",
        "company",
        "name",
        "sentence",
        "paragraph",
        "chapter",
        "translation",
        "side",
        "window",
        "publisher",
        "cell",
        "summary",
        "contract",
        "cost",
        "price",
    ]
)


def _anything(rng: random.Random) -> str:
    """A question about anything at all, from the broad vocabulary, without the words that Deskside is about."""
    nouns = [n for n in (rng.choice(prose.NOUNS) for _ in range(12)) if n not in _OURS]
    adjective = rng.choice(prose.ADJECTIVES)
    return expand(
        rng.choice(_ANYTHING),
        rng,
        {
            "n": nouns[0], "n2": nouns[-1], "N": nouns[-1].capitalize(), "a": adjective, "A": adjective.capitalize(), "v": rng.choice(["paint", "clean", "cook", "repair", "wash", "grow", "buy", "sell", "build", "open", "fold", "break", "cut", "carry", "feed", "train", "ride", "heal", "tie", "climb", "draw", "plant", "catch", "kill", "cure", "dry", "bake", "decorate", "sharpen", "sing", "dance", "swim", "fly", "jump", "sleep", "smell", "love", "marry", "drive"]),
            "the": rng.choice(("the", "a", "my", "this")), "ps": rng.choice(prose.PLURALS), "pl": names.place(rng), "pl2": names.place(rng), "pe": names.person(rng), "y": names.year(rng) if rng.random() < 0.5 else str(rng.randint(1066, 2014)), "w": names.word(rng),
        },
    )  # fmt: skip


def unknown(rng: random.Random) -> tuple[str, str]:
    """A question about the wide world, and the admission that this model does not know."""
    if rng.random() < 0.3:
        text = _anything(rng)
        return asked(text if rng.random() < 0.5 else vary(text, rng), rng), ANSWERS[
            0
        ] if rng.random() < 0.8 else ANSWERS[1]
    pattern = rng.choice(_PATTERNS)
    slots = {}
    while True:
        slots = {name: rng.choice(_split(values)) for name, values in _LISTS.items()}
        slots["q"] = rng.choice(('"', "'", "", "“"))
        slots["n"] = str(rng.choice((2, 3, 5, 7, 8, 10, 12, 15, 20, 25, 42, 50, 64, 75, 100, 144, 300, 1000)))
        text = expand(pattern, rng, slots)
        if text.lower() not in _HELD:
            break
    return asked(text if rng.random() < 0.6 else vary(text, rng), rng), ANSWERS[0] if rng.random() < 0.8 else ANSWERS[1]


_HELD = {h.lower().strip("?. ") for h in HELD}
_CACHE: dict[str, tuple[str, ...]] = {}


def _split(values: str) -> tuple[str, ...]:
    if values not in _CACHE:
        _CACHE[values] = tuple(values.split("|"))
    return _CACHE[values]


UNCLEAR = "I did not understand that. You can ask me about Deskside, counting, small sums, or paste a short report to summarize."


def unclear(rng: random.Random) -> tuple[str, str]:
    """Keys hit at random."""
    kind = rng.random()
    letters = "asdfghjklqwertyuiopzxcvbnm"
    if kind < 0.5:
        text = "".join(rng.choice(letters if rng.random() < 0.5 else letters[:10]) for _ in range(rng.randrange(4, 14)))
    elif kind < 0.8:
        text = " ".join(
            "".join(rng.choice(letters) for _ in range(rng.randrange(2, 8))) for _ in range(rng.randrange(2, 5))
        )
    else:
        text = "".join(rng.choice("?!.,;:-_#*+~/&%$()") for _ in range(rng.randrange(1, 6)))
    return text, UNCLEAR
