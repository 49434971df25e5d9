# ruff: noqa: E501, SIM905 - phrases are data: an entry reads best on one line, a list of words as one string
"""Short reports with known facts: text, two-sentence summary, and questions about it.

A domain draws facts and says them in several ways, in shuffled order, among details that do not matter. The summary is the sentence that
says what the report is about and the one with its decision, plan or verdict, copied: so small a model must not rephrase facts. The ``extract``
domain is free text on anything; its summary is the first sentence and the concluding one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.demo_model import names
from tools.demo_model.phrasing import capital, expand
from tools.demo_model.prose import fact, sentence, soup

Facts = dict[str, str]


@dataclass(frozen=True)
class Domain:
    """A kind of report. ``pick`` is the sentence of ``body`` that belongs into the summary; ``optional`` sentences may be missing; their questions are then answered with 'does not say'."""

    name: str
    facts: Callable[[random.Random], Facts]
    title: str
    lead: str
    body: tuple[str, ...]
    optional: tuple[tuple[str, str, str], ...]
    detail: tuple[str, ...]
    pick: int
    questions: tuple[tuple[str, str], ...]


@dataclass
class Report:
    """One report: its text, its summary in two sentences, answerable questions and unanswerable ones."""

    domain: str
    text: str
    summary: tuple[str, str]
    answered: list[tuple[str, str]] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    key: tuple[str, ...] = ()


def _money(rng: random.Random) -> str:
    return f"{names.amount(rng)} {rng.choice(('million', 'million', 'million', 'billion', 'thousand'))} {rng.choice(('euros', 'dollars', 'euros', 'dollars', 'pounds', 'francs'))}"


def _change(rng: random.Random) -> tuple[str, str]:
    up = rng.random() < 0.6
    return ("rose" if up else "fell"), names.amount(rng, 1, 60)


def _things(rng: random.Random) -> str:
    return rng.choice(
        "electric pumps|office chairs|solar panels|coffee machines|delivery drones|water filters|winter coats|hearing aids|city bikes|smart meters|garden tools|kitchen robots|medical scanners|running shoes|wooden toys|phone cases|cargo ships|wind turbines|frozen meals"
        "|skin creams|train seats|desk lamps|data cables|glass bottles|paper bags|travel apps|bank cards|school books|heat pumps|camera lenses|stainless screws|baby carriages|tyres|headphones|greenhouses|sails|violins|tractors|microphones|security cameras".split(
            "|"
        )
    )


def _business(rng: random.Random) -> Facts:
    verb, change = _change(rng)
    reason_up = "strong demand for {t}|new customers in {p}|higher sales of {t}|a large order from {p}|lower costs at its plant in {p}|the launch of {t}"
    reason_down = "weak demand for {t}|a strike at its plant in {p}|higher costs of raw materials|late deliveries of {t}|strong competition in {p}|a fire at its warehouse in {p}"
    pick = rng.choice((reason_up if verb == "rose" else reason_down).split("|")).format(
        t=_things(rng), p=names.place(rng)
    )
    plan = rng.choice(
        "open an office in {p}|hire {n} people|build a plant in {p}|launch new {t} in {m}|close its site in {p}|invest {y} in research|start selling {t} in {p}|cut {n} jobs".split(
            "|"
        )
    )
    return {
        "c": names.company(rng), "q": rng.choice(("first", "second", "third", "fourth")), "rev": _money(rng), "verb": verb, "chg": change, "why": pick,
        "plan": plan.format(p=names.place(rng), n=names.count(rng, 5, 900), t=_things(rng), m=rng.choice(names.MONTHS), y=_money(rng)),
        "boss": names.person(rng), "role": rng.choice(("chief executive", "managing director", "chief financial officer", "chairwoman", "president")), "profit": _money(rng), "staff": names.count(rng, 20, 40000), "city": names.place(rng), "yr": names.year(rng),
    }  # fmt: skip


def _project(rng: random.Random) -> Facts:
    verb = rng.choice(
        (
            "on schedule",
            "ahead of schedule",
            f"{rng.randint(2, 9)} days late",
            f"{rng.randint(2, 9)} weeks late",
            "behind schedule",
            f"{rng.randint(2, 7)} months late",
        )
    )
    kind = "the new website|the mobile app|the warehouse move|the data migration|the payment system|the training programme|the customer portal|the office renovation|the search service|the billing upgrade|the robot line|the library catalogue|the sensor network|the new timetable|the password reset tool|the backup system".split(
        "|"
    )
    risk = "a shortage of testers|missing hardware|an unclear contract|slow answers from a supplier|a software bug in the import|illness in the team|a late permit|old documentation|too few licences|a broken test server|an open security question|rising prices".split(
        "|"
    )
    return {
        "pr": names.name(rng), "kind": rng.choice(kind), "st": verb, "done": str(rng.randint(5, 98)), "risk": rng.choice(risk), "next": rng.choice("the first public test|a review with the customer|the move to the new servers|the training of users|the final inspection|a load test|the release|a workshop with the suppliers|the pilot with {n} users|the start in {p}".split("|")).format(n=names.count(rng, 10, 5000), p=names.place(rng)),
        "when": names.date(rng), "lead": names.person(rng), "team": str(rng.randint(3, 60)), "spent": _money(rng), "budget": _money(rng), "city": names.place(rng),
    }  # fmt: skip


def _meeting(rng: random.Random) -> Facts:
    topics = "the budget for next year|the summer party|the new parking rules|the hiring plan|the move to {p}|the holiday calendar|the school trip to {p}|the repair of the roof|the price of membership|the garden project|the website|the spring concert|working from home|the canteen menu|the new logo|the visit from {p}|road safety|the recycling plan|the museum night|noise at night"
    decide = "buy {n} new chairs|raise the fee to {n} euros|hire {w}|hold a vote in {m}|postpone the decision until {m}|accept the offer from {c}|open an hour earlier|close on {d}s|spend {y}|form a group of {k} people|move the event to {d}|write to the city council|cancel the contract with {c}|paint the hall|rent a room in {p}|plant {n} trees"
    return {
        "grp": rng.choice("The board|The council|The planning team|The parents' association|The works council|The sports club|The choir|The housing committee|The design team|The library committee|The research group|The neighbourhood group|The editorial team|The safety committee".split("|")),
        "top": rng.choice(topics.split("|")).format(p=names.place(rng)),
        "dec": rng.choice(decide.split("|")).format(n=names.count(rng, 5, 300), w=names.person(rng), m=rng.choice(names.MONTHS), c=names.company(rng), d=rng.choice(names.DAYS), y=_money(rng), k=str(rng.randint(3, 9)), p=names.place(rng)),
        "who": names.person(rng), "task": rng.choice("prepare a cost estimate|ask three firms for offers|write the minutes|inform the members|draft a letter|check the contract|collect opinions|make a timetable|find a sponsor|design a poster|talk to the neighbours|test the equipment|book the hall".split("|")),
        "by": names.date(rng), "day": names.date(rng), "chair": names.person(rng), "n": str(rng.randint(4, 45)), "room": rng.choice("the town hall|room {k}|the canteen|the library|the school gym|the main office|the church hall|a video call".split("|")).format(k=rng.randint(1, 400)), "nextm": names.date(rng),
    }  # fmt: skip


def _incident(rng: random.Random) -> Facts:
    cause = "a wrong configuration|a full disk|a failed power supply|an expired certificate|a broken network cable|a software update|a memory leak|a cooling failure|a cut fibre cable|a database lock|a human error|a bad battery|a lightning strike|a blocked queue|a faulty switch".split(
        "|"
    )
    fix = "restarted the servers|rolled back the update|replaced the part|moved traffic to {p}|restored a backup|added more disks|renewed the certificate|installed a new switch|repaired the cable|limited new logins|switched to the spare unit".split(
        "|"
    )
    return {
        "svc": rng.choice("payment service|login service|web shop|email system|booking system|phone line|video platform|map service|file storage|ticket machine network|search page|chat service|weather feed|hospital records system|train display system|card reader network|mobile app".split("|")),
        "c": names.company(rng), "day": names.date(rng), "dur": rng.choice((f"{rng.randint(2, 59)} minutes", f"{rng.randint(2, 30)} hours", f"{rng.randint(2, 6)} days")), "cause": rng.choice(cause), "n": names.count(rng, 20, 900000), "fix": rng.choice(fix).format(p=names.place(rng)),
        "prev": rng.choice("test updates on {n} machines first|add a second power supply|watch the disk space|review each change with two people|train the night shift|install more sensors|check certificates every week|buy spare parts|write a clearer guide|move the servers to {p}".split("|")).format(n=rng.randint(2, 90), p=names.place(rng)),
        "eng": names.person(rng), "t": f"{rng.randint(0, 23)}:{rng.randint(0, 59):02d}", "cost": _money(rng), "city": names.place(rng),
    }  # fmt: skip


def _study(rng: random.Random) -> Facts:
    subject = "short walks|cold water|green tea|bright light|loud music|short naps|blue paint|warm soil|fresh air|slow breathing|sea salt|dark chocolate|daily reading|indoor plants|standing desks|fish oil|cycling to work|early bedtime|group singing|hand washing|extra iron|rain water|shorter lessons|quiet rooms".split(
        "|"
    )
    effect = "memory|sleep|plant growth|reaction time|mood|heart rate|crop yield|attention|back pain|blood sugar|test scores|balance|hand strength|stress|egg production|eyesight|appetite|seed survival|recovery time|reading speed".split(
        "|"
    )
    return {
        "uni": "the University of " + names.place(rng) if rng.random() < 0.6 else f"the {names.name(rng)} Institute", "sub": rng.choice(subject), "eff": rng.choice(effect), "dir": rng.choice(("improved", "reduced", "did not change", "increased", "slightly lowered")), "pc": names.amount(rng, 2, 80),
        "n": names.count(rng, 12, 9000), "who": rng.choice("adults|students|nurses|mice|children|tomato plants|drivers|athletes|older people|office workers|hens|volunteers|patients|teachers|bees".split("|")), "dur": f"{rng.randint(2, 50)} {rng.choice(('weeks', 'days', 'months'))}", "lead": names.person(rng),
        "lim": rng.choice("the group was small|there was no control group|the study was short|only one site took part|the results rely on self-reports|the weather was unusual|many people dropped out|the method was new|the sample was not random".split("|")), "jour": f"the Journal of {names.name(rng)} Studies", "fund": names.company(rng), "yr": names.year(rng),
    }  # fmt: skip


def _match(rng: random.Random) -> Facts:
    a, b = names.place(rng), names.place(rng)
    x, y = rng.sample(range(9), 2)
    return {
        "a": f"{a} {rng.choice(('United', 'Rovers', 'City', 'Stars', 'Lions', 'Wolves', 'Hawks', 'Athletic'))}", "b": f"{b} {rng.choice(('United', 'Rovers', 'City', 'Tigers', 'Bears', 'Eagles', 'Wanderers', 'Sharks'))}", "s": f"{max(x, y)}-{min(x, y)}", "star": names.person(rng), "g": rng.choice(("twice", "three times", "in the final minute", "from the halfway line", "with a header", "after a solo run", "from the penalty spot", "after two minutes")),
        "place": names.place(rng), "crowd": names.count(rng, 80, 90000), "day": rng.choice(names.DAYS), "coach": names.person(rng), "pos": rng.choice(("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "last")), "nxt": f"{names.place(rng)} {rng.choice(('United', 'Rangers', 'City', 'Foxes', 'Bulls'))}", "nd": names.date(rng), "inj": names.person(rng), "sport": rng.choice(("football", "handball", "hockey", "water polo")),
    }  # fmt: skip


def _event(rng: random.Random) -> Facts:
    return {
        "ev": rng.choice("book fair|street festival|film week|jazz festival|flower market|science night|food festival|boat race|lantern parade|chess tournament|craft fair|marathon|kite festival|open-air concert|wine market|dance contest|toy exhibition|bicycle day|poetry evening|robot contest".split("|")), "p": names.place(rng), "n": names.count(rng, 60, 300000), "day": names.date(rng),
        "hi": rng.choice("a concert by {w}|a parade with {k} floats|a talk by {w}|fireworks over the river|a record cake of {k} kilograms|a prize for {w}|a race over {k} kilometres|an exhibition of {t}|a dance with {k} couples|a speech by {w}".split("|")).format(w=names.person(rng), k=names.count(rng, 3, 400), t=_things(rng)),
        "org": names.person(rng), "mon": _money(rng), "for": rng.choice("a new playground|the children's hospital|the animal shelter|the old bridge|the local library|a youth orchestra|flood victims|the fire brigade|a school in {p}|the town museum|new trees in the park".split("|")).format(p=names.place(rng)), "tick": names.amount(rng, 2, 90), "prob": rng.choice("heavy rain on {d}|long queues at the gate|a short power cut|too few parking places|a late start|strong wind|missing toilets|a lost sound system".split("|")).format(d=rng.choice(names.DAYS)), "ny": names.date(rng), "vol": names.count(rng, 8, 900),
    }  # fmt: skip


def _survey(rng: random.Random) -> Facts:
    verb, change = _change(rng)
    return {
        "an": rng.choice("storks|otters|wild bees|beavers|swallows|frogs|salmon|foxes|owls|hedgehogs|seals|bats|deer|lizards|cranes|butterflies|wolves|newts|eagles|badgers|hares|herons|dragonflies|trout|turtles|puffins".split("|")), "p": rng.choice(("the {n} valley", "the {n} forest", "{n} National Park", "the {n} wetlands", "Lake {n}", "the {n} coast", "the hills near {n}")).format(n=names.name(rng)), "n": names.count(rng, 8, 60000), "verb": verb, "chg": change, "yr": names.year(rng),
        "why": rng.choice(("mild winters|new ponds|a ban on pesticides|cleaner water|fewer roads|wild meadows|a hunting ban|more nest boxes" if verb == "rose" else "dry summers|a new road|pesticides|polluted water|late frost|fewer insects|noise from building work|a flood").split("|")), "lead": names.person(rng), "vol": names.count(rng, 4, 700),
        "plan": rng.choice("plant {k} hedges|dig {k} ponds|close a path in spring|put up {k} nest boxes|count again in {m}|buy {k} hectares of land|move a power line|remove an old dam|talk to farmers in {p}".split("|")).format(k=names.count(rng, 2, 400), m=rng.choice(names.MONTHS), p=names.place(rng)), "org": f"the {names.name(rng)} Trust", "first": names.year(rng), "nest": names.count(rng, 3, 900),
    }  # fmt: skip


def _review(rng: random.Random) -> Facts:
    return {
        "pr": f"{names.name(rng)} {rng.choice(('X', 'S', 'Pro', 'One', 'Mini', 'Max', 'Go'))}{rng.choice(('', ' ' + str(rng.randint(2, 900))))}", "kind": rng.choice("vacuum cleaner|electric bicycle|laptop|coffee machine|tent|camera|headset|washing machine|electric car|phone|drill|mattress|backpack|printer|smart watch|lawn mower|projector|keyboard|air conditioner|toaster|stroller|kayak".split("|")), "c": names.company(rng), "price": f"{names.count(rng, 15, 60000)} {rng.choice(('euros', 'dollars', 'pounds'))}", "sc": f"{rng.randint(2, 9)}", "good": rng.choice("long battery life|low noise|clear pictures|a solid case|fast charging|simple controls|a low weight|strong suction|good sound|a bright screen|low power use|a comfortable grip|quick setup".split("|")), "bad": rng.choice("a weak motor|a poor manual|a high price|slow updates|a short cable|a heavy frame|a dim screen|loud fans|a small tank|few accessories|a fragile lid|a confusing menu|long charging times".split("|")),
        "bat": f"{rng.randint(2, 48)} hours", "wt": f"{names.amount(rng, 1, 40)} kilograms", "test": names.person(rng), "rival": f"{names.name(rng)} {rng.choice(('A', 'Z', 'Plus', 'Air', 'Duo'))}", "war": f"{rng.randint(2, 10)} years", "days": str(rng.randint(3, 60)), "for": rng.choice("families|commuters|beginners|students|travellers|small offices|photographers|gamers|musicians|gardeners|professionals|older users|campers".split("|")),
    }  # fmt: skip


def _weather(rng: random.Random) -> Facts:
    return {
        "p": names.place(rng), "kind": rng.choice("heavy rain|strong wind|snow|thick fog|a heat wave|a thunderstorm|hail|freezing rain|a dust storm|a cold front|a flood".split("|")), "day": rng.choice(names.DAYS), "amt": rng.choice(("{k} millimetres of rain", "{k} centimetres of snow", "wind of {k} kilometres per hour", "temperatures of {t} degrees", "visibility under {k} metres")).format(k=names.count(rng, 4, 190), t=rng.randint(21, 46)), "dmg": rng.choice("{n} homes lost power|{n} trees fell|{n} cellars were flooded|{n} flights were cancelled|{n} roads were closed|{n} people left their homes|{n} schools stayed closed|{n} cars were damaged|{n} trains were stopped".split("|")).format(n=names.count(rng, 3, 40000)),
        "out": rng.choice("calmer weather|sunshine|more rain|clear skies|a slow thaw|cooler air|light showers|another storm|falling water levels|dry days".split("|")), "od": rng.choice(names.DAYS), "who": names.person(rng), "role": rng.choice("forecaster|mayor|fire chief|police spokeswoman|meteorologist|head of the weather service".split("|")), "t": f"{rng.randint(0, 23)}:{rng.randint(0, 59):02d}", "hurt": str(rng.randint(2, 60)), "last": names.year(rng),
    }  # fmt: skip


def _build(rng: random.Random) -> Facts:
    return {
        "b": rng.choice("bridge|school|library|hospital wing|train station|swimming pool|fire station|museum|apartment block|tunnel|theatre|sports hall|town hall|harbour wall|bus depot|research centre|kindergarten|market hall|cycle path|airport terminal|water tower|nursing home".split("|")), "p": names.place(rng), "cost": _money(rng), "open": rng.choice((rng.choice(names.MONTHS) + " " + names.year(rng), rng.choice(("spring ", "autumn ", "summer ")) + names.year(rng), names.date(rng))), "arch": names.person(rng), "firm": names.company(rng), "size": f"{names.count(rng, 12, 90000)} {rng.choice(('square metres', 'metres', 'seats', 'rooms', 'tonnes of steel', 'apartments'))}",
        "feat": rng.choice("a green roof|solar panels on the roof|a glass front|a wooden frame|a roof garden|a café on the ground floor|heating from the river|a quiet room|a playground|walls of local stone|a bicycle garage|lights that save power|a view of the sea".split("|")), "diff": rng.choice("soft ground|an old bomb|a lack of steel|bad weather|a court case|rising prices|rare bats|a lost delivery|old pipes|protests by neighbours".split("|")), "delay": f"{rng.randint(2, 30)} {rng.choice(('weeks', 'months'))}", "jobs": names.count(rng, 10, 2000), "may": names.person(rng),
    }  # fmt: skip


def _energy(rng: random.Random) -> Facts:
    verb, change = _change(rng)
    return {
        "pl": f"{names.name(rng)} {rng.choice(('Solar Park', 'Wind Farm', 'Dam', 'Power Station', 'Water Works', 'Recycling Plant', 'Dairy', 'Mine', 'Harbour', 'Factory', 'Airport', 'Hospital', 'Library', 'School', 'Museum', 'Zoo'))}", "yr": names.year(rng), "out": f"{names.count(rng, 20, 900000)} {rng.choice(('megawatt hours of power', 'tonnes of goods', 'visitors', 'cubic metres of water', 'tonnes of waste', 'guests', 'litres of milk', 'patients', 'containers'))}", "verb": verb, "chg": change,
        "inv": rng.choice("{y} in new machines|{y} in a new hall|{k} new sensors|{y} in training|{k} electric vehicles|{y} in safety|a roof with {k} panels|{k} new jobs|{y} in better insulation|a second entrance".split("|")).format(y=_money(rng), k=names.count(rng, 2, 900)), "boss": names.person(rng), "acc": str(rng.randint(2, 40)), "co": names.amount(rng, 2, 60), "prob": rng.choice("a broken pump|a dry spring|late spare parts|a strike in {m}|a storm in {m}|high prices|a fire in {m}|old software|a leak in the roof".split("|")).format(m=rng.choice(names.MONTHS)), "staff": names.count(rng, 6, 9000), "goal": names.year(rng), "city": names.place(rng),
    }  # fmt: skip


DOMAINS: tuple[Domain, ...] = (
    Domain(
        "business", _business, "[{c}: {q} quarter|Quarterly report|{c} results|Results for the {q} quarter]",
        "[{c} reported revenue of {rev} in the {q} quarter of {yr}.|In the {q} quarter of {yr}, {c} had revenue of {rev}.|Revenue at {c} came to {rev} in the {q} quarter of {yr}.|The {city} company {c} has published its figures for the {q} quarter of {yr}: revenue was {rev}.]",
        ("[Revenue {verb} by {chg} percent from the year before.|Compared with a year earlier, revenue {verb} {chg} percent.|That means revenue {verb} by {chg} percent.|Against last year, sales {verb} {chg} percent.] [The company gave {why} as the reason.|The main reason was {why}.|Management named {why} as the cause.|This was due to {why}.]",
         "[The company plans to {plan}.|For the coming year it plans to {plan}.|Next, {c} plans to {plan}.|{c} also said that it plans to {plan}.]"),
        (("[{boss}, the {role}, spoke of a decisive quarter.|The {role}, {boss}, thanked the staff.|\"We know what to do next,\" said {role} {boss}.]", "[who is the {role}|what is the name of the {role}|who is {role}]", "{boss}"),
         ("[Profit came to {profit}.|The profit was {profit}.|After tax, a profit of {profit} remained.]", "[what was the profit|how much profit did {c} make|how high was the profit|what profit was made]", "{profit}"),
         ("[{c} has {staff} employees.|The company employs {staff} people.|At the end of the quarter {staff} people worked there.]", "[how many employees does {c} have|how many people work [there|at {c}]|how many employees are there|number of employees]", "{staff}"),
         ("[Its head office is in {city}.|The headquarters are in {city}.|{c} is based in {city}.]", "[where is {c} based|where is the head office|where are the headquarters|in which city is the company]", "{city}")),
        ("The figures have not been audited yet.", "The share price hardly moved after the news.", "Analysts had expected a similar result.", "The board met twice during the quarter.", "Costs for energy and transport stayed under control.", "A detailed report will be sent to shareholders.", "The order book is well filled.", "Customers asked for shorter delivery times.", "The firm did not comment on rumours about a merger."),
        1,
        (("[what was the revenue|how much revenue did {c} have|how high was the revenue|revenue|what revenue was reported]", "{rev}"), ("[which company is it about|which company is this|what company is the report about|name the company]", "{c}"), ("[by how much did revenue change|by how many percent did revenue change|how did revenue change]", "It {verb} {chg} percent"), ("[what does the company plan|what are the plans|what is planned|what does {c} plan to do]", "It plans to {plan}"), ("[which quarter is it|what quarter is the report about|which quarter is it about]", "The {q} quarter of {yr}"), ("[why did revenue change|what was the reason|what was the main reason|what was the cause]", "{why}")),
    ),
    Domain(
        "project", _project, "[Project {pr}: status|Status report {pr}|{pr} weekly report|Project status]",
        "[Project {pr}, {kind}, is {st}.|This is the status of project {pr}, {kind}: it is {st}.|Project {pr} stands for {kind}, and at the moment it is {st}.|The team reports that project {pr}, {kind}, is {st}.]",
        ("[So far {done} percent of the work is done.|{done} percent of the tasks are finished.|The team has completed {done} percent of the work.|Progress stands at {done} percent.]", "[The main risk is {risk}.|The biggest risk at the moment is {risk}.|What worries the team most is {risk}.|As the main risk the team sees {risk}.]",
         "[The next step is {next} on {when}.|On {when} comes the next step, {next}.|Next comes {next}, planned for {when}.|The next milestone, {next}, is set for {when}.]"),
        (("[{lead} leads the project.|The project manager is {lead}.|The project is led by {lead}.]", "[who leads the project|who is the project manager|who is in charge|who leads {pr}|who manages the project]", "{lead}"),
         ("[{team} people work on it.|The team has {team} members.|A team of {team} works on it.]", "[how many people work on it|how large is the team|how big is the team|how many members does the team have]", "{team}"),
         ("[So far {spent} of {budget} has been spent.|Of the budget of {budget}, {spent} is spent.|Spending is at {spent} out of {budget}.]", "[how much was spent|how much money has been spent|how much has been spent so far]", "{spent}"),
         ("[The work is done in {city}.|Most of the team sits in {city}.|The team works from {city}.]", "[where is the team|where does the team work|in which city is the team]", "{city}")),
        ("There were no accidents.", "The weekly call stays on Tuesday.", "All documents are in the shared folder.", "Two small change requests are open.", "The mood in the team is good.", "The customer was informed by mail.", "Meeting notes are sent within a day.", "The test plan was updated.", "The steering group has approved the last report."),
        2,
        (("[what is the main risk|what is the risk|what could go wrong|which risk is named]", "{risk}"), ("[how much is done|how much of the work is done|how many percent are done|what is the progress]", "{done} percent"), ("[what is the next step|what comes next|what is next]", "{next} on {when}"), ("[what is the project called|what is the name of the project|which project is it]", "{pr}"), ("[is the project on schedule|is it late|is it on time|what is the status]", "It is {st}"), ("[when is the next step|when does the next step take place]", "On {when}")),
    ),
    Domain(
        "meeting", _meeting, "[Minutes|Meeting notes|Minutes of {day}|Notes from the meeting]",
        "[{grp} met on {day} to discuss {top}.|On {day}, {grp} met to talk about {top}.|{grp} came together on {day} because of {top}.|{grp} discussed {top} at the meeting on {day}.]",
        ("[It was decided to {dec}.|After a short debate it was decided to {dec}.|The result of the vote: {dec}.|Everyone agreed to {dec}.|A majority voted to {dec}.]", "[{who} will {task} by {by}.|By {by}, {who} will {task}.|{who} agreed to {task} by {by}.|Action item: {who} will {task} by {by}.]"),
        (("[{chair} chaired the meeting.|The meeting was led by {chair}.|{chair} opened the meeting and led through the agenda.]", "[who chaired the meeting|who led the meeting|who was the chair]", "{chair}"),
         ("[{n} people took part.|{n} members were present.|There were {n} participants.]", "[how many people took part|how many people were there|how many participants were there|how many were present]", "{n}"),
         ("[The meeting took place in {room}.|It was held in {room}.|The group met in {room}.]", "[where did the meeting take place|where was the meeting|where did they meet]", "In {room}"),
         ("[The next meeting is on {nextm}.|The group meets again on {nextm}.|The next date is {nextm}.]", "[when is the next meeting|when do they meet again|what is the date of the next meeting]", "On {nextm}")),
        ("The last minutes were approved without changes.", "There were no questions from the audience.", "Coffee was served in the break.", "The treasurer reported a small surplus.", "One member left early.", "The discussion was lively.", "A guest gave a short talk.", "The agenda was sent out in advance.", "Some points were moved to a later date."),
        0,
        (("[what was decided|what did they decide|what is the decision|which decision was made]", "To {dec}"), ("[what was the topic|what was discussed|what was the meeting about|what did they discuss]", "{top}"), ("[who will {task}|who has to {task}|who should {task}]", "{who}"), ("[what will {who} do|what is the task of {who}|what does {who} have to do]", "{task} by {by}"), ("[when was the meeting|when did they meet|on which day was the meeting]", "On {day}"), ("[who met|which group met]", "{grp}")),
    ),
    Domain(
        "incident", _incident, "[Incident report|Incident of {day}|Outage report|{c}: incident report]",
        "[On {day} the {svc} of {c} was down for {dur}.|The {svc} of {c} failed on {day} and was down for {dur}.|For {dur}, the {svc} of {c} was not available on {day}.|{c} had an outage on {day}: the {svc} was down for {dur}.]",
        ("[The cause was {cause}.|Engineers found the cause: {cause}.|It was caused by {cause}.|The failure goes back to {cause}.]", "[About {n} users were affected.|The outage affected {n} users.|{n} users noticed the failure.|In all, {n} users were affected.]", "[To solve it, the team {fix}.|The team {fix}.|In the end the team {fix}.]",
         "[In future the team will {prev}.|So that it does not happen again, the team will {prev}.|As a lesson, the team will {prev}.|From now on the team will {prev}.]"),
        (("[{eng} was on call.|The engineer on call was {eng}.|{eng} noticed the failure first.]", "[who was on call|who was the engineer on call|who noticed the failure]", "{eng}"),
         ("[The first alarm came at {t}.|At {t} the first alarm arrived.|It began at {t}.]", "[when did it begin|when did the first alarm come|at what time did it start]", "At {t}"),
         ("[The damage is estimated at {cost}.|It cost about {cost}.|The loss comes to {cost}.]", "[how much did it cost|what was the damage|how high is the damage|what did the outage cost]", "{cost}"),
         ("[The servers are in {city}.|The affected data centre is in {city}.|The fault was in the {city} site.]", "[where are the servers|where is the data centre|which site was affected]", "{city}")),
        ("No data was lost.", "Customers were informed on the status page.", "The help desk received many calls.", "All logs have been saved.", "A spare system did not start in time.", "Other services kept working.", "The timeline is attached.", "The supplier has been contacted.", "The monitoring sent a warning too late."),
        3,
        (("[what was the cause|what caused it|why did it fail|what was the reason]", "{cause}"), ("[how long was it down|how long did it last|how long did the outage last|how long was the {svc} down]", "{dur}"), ("[how many users were affected|how many people were affected|how many users noticed it]", "{n}"), ("[which service failed|what failed|what was down]", "The {svc} of {c}"), ("[how was it solved|what did the team do|how was it fixed|how was the problem solved]", "The team {fix}"), ("[when did it happen|when was the outage|on which day was the outage]", "On {day}")),
    ),
    Domain(
        "study", _study, "[Study: {sub} and {eff}|Research note|{sub} and {eff}|A new study]",
        "[A study at {uni} finds that {sub} {dir} {eff}.|Researchers at {uni} report that {sub} {dir} {eff}.|According to a new study from {uni}, {sub} {dir} {eff}.|A team at {uni} has found that {sub} {dir} {eff}.]",
        ("[The team followed {n} {who} for {dur}.|{n} {who} took part for {dur}.|Over {dur}, the researchers observed {n} {who}.|The study ran for {dur} with {n} {who}.]", "[The difference between the groups was {pc} percent.|The measured effect was {pc} percent.|On average the groups differed by {pc} percent.]", "[A weakness is that {lim}.|The authors admit that {lim}.|One limit is that {lim}.|They warn that {lim}.]"),
        (("[The lead author is {lead}.|{lead} led the study.|The team was led by {lead}.]", "[who led the study|who is the lead author|who is the author]", "{lead}"),
         ("[It appeared in {jour}.|The paper was published in {jour}.|Details are in {jour}.]", "[where was it published|in which journal did it appear|where did the study appear|which journal is it]", "{jour}"),
         ("[The work was paid for by {fund}.|{fund} funded the study.|Money came from {fund}.]", "[who paid for the study|who funded the study|where did the money come from]", "{fund}"),
         ("[The data were collected in {yr}.|Measurements were taken in {yr}.]", "[in which year were the data collected|when were the data collected]", "In {yr}")),
        ("Earlier work had given mixed results.", "All participants were checked before the start.", "The method is described in an appendix.", "Other groups want to repeat the work.", "A longer study is planned.", "The groups were of equal size.", "The measurements were made every morning.", "Outside experts call the result interesting."),
        1,
        (("[what did the study find|what is the result|what was found|what is the main finding]", "{sub} {dir} {eff}"), ("[how many took part|how many {who} took part|how many participants were there|how large was the group]", "{n} {who}"), ("[how long did the study last|how long did it last|how long was the study]", "{dur}"), ("[where was the study done|which university did it|who did the study|where do the researchers work]", "{uni}"), ("[what is a weakness|what is the limit|what do the authors admit|what are the limitations]", "{lim}"), ("[how large was the effect|how large was the difference|what was the difference]", "{pc} percent")),
    ),
    Domain(
        "match", _match, "[{a} against {b}|Match report|{sport}: {a} win|Sports]",
        "[{a} beat {b} {s} on {day}.|On {day}, {a} won {s} against {b}.|It ended {s}: {a} beat {b} on {day}.|With a {s} win over {b}, {a} celebrated on {day}.]",
        ("[{star} scored {g}.|The star was {star}, who scored {g}.|{star}, the best player, scored {g}.]", "[{a} are now {pos} in the table.|The win takes {a} to {pos} place.|In the table {a} are now {pos}.]", "[Next they play {nxt} on {nd}.|On {nd} they meet {nxt}.|The next opponent is {nxt} on {nd}.]"),
        (("[The game was played in {place}.|The match took place in {place}.|They met in {place}.]", "[where was the game|where was the match played|where did they play]", "In {place}"),
         ("[{crowd} people watched.|A crowd of {crowd} came.|The attendance was {crowd}.]", "[how many people watched|how many spectators were there|what was the attendance|how large was the crowd]", "{crowd}"),
         ("[Coach {coach} praised the defence.|\"We were patient,\" said coach {coach}.|Their coach, {coach}, was relieved.]", "[who is the coach|what is the name of the coach]", "{coach}"),
         ("[{inj} left the field with an injury.|{inj} was injured after the break.|The only bad news was an injury to {inj}.]", "[who was injured|who got injured|which player was injured]", "{inj}")),
        ("The first half was slow.", "The referee showed two yellow cards.", "It rained during the second half.", "Both teams changed their line-up.", "The fans sang until the end.", "The goalkeepers had a busy evening.", "The visitors started better.", "A goal was not given."),
        2,
        (("[who won|which team won|who won the game|who won the match]", "{a}"), ("[what was the score|what was the result|how did it end]", "{s}"), ("[who scored|who was the star|who was the best player]", "{star}"), ("[who is the next opponent|who do they play next|who comes next]", "{nxt}"), ("[what place are they in|what is their place in the table|where are {a} in the table]", "{pos}"), ("[when is the next game|when do they play next]", "On {nd}"), ("[who lost|which team lost|who lost the game]", "{b}")),
    ),
    Domain(
        "event", _event, "[{ev} in {p}|News from {p}|{p}|Local news]",
        "[The {ev} in {p} drew {n} visitors on {day}.|On {day}, {n} people came to the {ev} in {p}.|{n} visitors came to {p} on {day} for the {ev}.|{p} held its {ev} on {day}, and {n} people came.]",
        ("[The highlight was {hi}.|Most visitors came for the highlight, {hi}.|The best moment was {hi}.]", "[It raised {mon} for {for}.|In all, {mon} was collected for {for}.|For {for}, the event raised {mon}.]", "[The only problem was {prob}.|Not everything went well: there was {prob}.|Some visitors complained about {prob}.]"),
        (("[The organizer is {org}.|{org} organized the event.|\"We are proud,\" said the organizer, {org}.]", "[who organized it|who is the organizer|who organized the event]", "{org}"),
         ("[A ticket cost {tick} euros.|Tickets were {tick} euros.|Entry was {tick} euros.]", "[how much was a ticket|what did a ticket cost|what was the price of a ticket]", "{tick} euros"),
         ("[{vol} volunteers helped.|It needed {vol} volunteers.|Behind the scenes, {vol} volunteers worked.]", "[how many volunteers helped|how many volunteers were there]", "{vol}"),
         ("[The next one is on {ny}.|It returns on {ny}.|The date for the next time is {ny}.]", "[when is the next one|when does it return|when will it take place again]", "On {ny}")),
        ("Many families came with children.", "There was food from ten stands.", "Buses ran every ten minutes.", "The police reported a quiet night.", "The streets were cleaned by morning.", "Hotels in the area were full.", "A local band played.", "The mayor opened the event."),
        1,
        (("[how many visitors came|how many people came|how many visitors were there]", "{n}"), ("[what was the highlight|what was the best moment]", "{hi}"), ("[how much money was raised|how much was raised|how much money was collected]", "{mon}"), ("[what was the money for|for what was the money collected|who gets the money]", "{for}"), ("[what was the problem|what went wrong|what did visitors complain about]", "{prob}"), ("[where was it|where did it take place|in which town was it]", "In {p}"), ("[when was it|when did it take place]", "On {day}")),
    ),
    Domain(
        "survey", _survey, "[{an} in {p}|Wildlife report|Count of {an}|Nature report {yr}]",
        "[A count in {p} found {n} {an} in {yr}.|In {yr}, {n} {an} were counted in {p}.|There were {n} {an} in {p} in {yr}, a new count shows.|The {yr} survey of {p} recorded {n} {an}.]",
        ("[Their number {verb} by {chg} percent since the last count.|Since the last count the number {verb} {chg} percent.|The population {verb} by {chg} percent.] [Experts point to {why}.|The likely reason is {why}.|Experts explain this with {why}.]", "[{org} now wants to {plan}.|Next, {org} wants to {plan}.|To help the animals, {org} wants to {plan}.]"),
        (("[{lead} led the count.|The count was led by {lead}.|\"Every animal matters,\" said {lead}, who led the count.]", "[who led the count|who was in charge of the count|who led the survey]", "{lead}"),
         ("[{vol} volunteers took part.|The work was done by {vol} volunteers.|{vol} volunteers helped with the count.]", "[how many volunteers took part|how many volunteers helped|how many volunteers were there]", "{vol}"),
         ("[The first count was in {first}.|Counts began in {first}.]", "[when was the first count|when did the counts begin]", "In {first}"),
         ("[{nest} nests were found.|The volunteers also found {nest} nests.]", "[how many nests were found|how many nests were there]", "{nest}")),
        ("The count takes place at dawn.", "Some areas could not be reached.", "Farmers were asked for permission.", "The weather was mild during the count.", "Maps will be published later.", "A drone was used for the first time.", "Young animals were counted as well.", "The work is done every second year."),
        1,
        (("[how many {an} were counted|how many {an} are there|how many animals were counted|how many were found]", "{n}"), ("[which animals were counted|what was counted|which animal is it about]", "{an}"), ("[where was the count|where were they counted]", "In {p}"), ("[by how much did the number change|how did the number change]", "It {verb} {chg} percent"), ("[what is the reason|what is the likely reason|why did the number change]", "{why}"), ("[what does {org} want to do|what is planned|what are the plans]", "To {plan}")),
    ),
    Domain(
        "review", _review, "[{pr} test|Test: {pr}|Review of the {pr}|Product test]",
        "[The {pr} is a {kind} from {c} that costs {price}.|{c} sells the {pr}, a {kind}, for {price}.|We tested the {pr}, a {kind} from {c} for {price}.|For {price}, {c} offers the {kind} {pr}.]",
        ("[We liked {good}.|Its strength is {good}.|The best thing about it is {good}.|It convinces with {good}.]", "[We did not like {bad}.|Its weakness is {bad}.|The biggest drawback is {bad}.|Less convincing is {bad}.]", "[It gets {sc} of 10 points and suits {for}.|Our verdict: {sc} of 10 points, good for {for}.|We give it {sc} of 10 points and recommend it for {for}.]"),
        (("[{test} tested it for {days} days.|The test by {test} took {days} days.|Our tester {test} used it for {days} days.]", "[who tested it|who was the tester]", "{test}"),
         ("[The battery lasts {bat}.|One charge lasts {bat}.|With a full battery it runs for {bat}.]", "[how long does the battery last|what is the battery life|how long does a charge last]", "{bat}"),
         ("[It weighs {wt}.|The weight is {wt}.|On our scale it was {wt}.]", "[how much does it weigh|how heavy is it|what is the weight]", "{wt}"),
         ("[The maker gives a warranty of {war}.|It comes with a warranty of {war}.]", "[how long is the warranty|what is the warranty]", "{war}"),
         ("[The {rival} is a cheaper choice.|Its main rival is the {rival}.|Those who want more should look at the {rival}.]", "[what is the main rival|which rival is named|what is the alternative]", "The {rival}")),
        ("The box contains a cable and a bag.", "It comes in three colours.", "Setting it up took ten minutes.", "The app is optional.", "Spare parts are easy to get.", "The manual has eighty pages.", "We bought it in a normal shop.", "It arrived in good condition."),
        2,
        (("[what does it cost|how much does it cost|what is the price|how much is the {pr}]", "{price}"), ("[who makes it|which company makes it|who is the maker]", "{c}"), ("[how many points does it get|what is the score|what is the rating]", "{sc} of 10 points"), ("[what is the weakness|what is bad|what is the drawback]", "{bad}"), ("[what is good|what is the strength|what did they like]", "{good}"), ("[who is it for|for whom is it good|who should buy it]", "{for}"), ("[what is it called|what product is it|what is the name of the product]", "The {pr}")),
    ),
    Domain(
        "weather", _weather, "[Weather in {p}|{kind} in {p}|Weather report|{day}]",
        "[On {day}, {kind} hit {p} with {amt}.|{p} had {kind} on {day}, with {amt}.|{kind} reached {p} on {day} and brought {amt}.|People in {p} woke up to {kind} on {day}, with {amt}.]",
        ("[According to the authorities, {dmg}.|The result: {dmg}.|In the area, {dmg}.|Because of the weather, {dmg}.]", "[For {od}, {out} is expected.|The forecast for {od} is {out}.|Forecasters expect {out} on {od}.]"),
        (("[\"Please stay at home,\" said {role} {who}.|The {role}, {who}, asked people to be careful.|{who}, the {role}, thanked the helpers.]", "[who is the {role}|what is the name of the {role}]", "{who}"),
         ("[It began at {t}.|The first calls came at {t}.|The worst hour began at {t}.]", "[when did it begin|at what time did it begin|when did the first calls come]", "At {t}"),
         ("[{hurt} people were hurt.|{hurt} people were slightly injured.|Doctors treated {hurt} people.]", "[how many people were hurt|how many people were injured|was anyone hurt]", "{hurt}"),
         ("[The last event of this kind was in {last}.|It was the worst since {last}.]", "[when was the last event of this kind|when did it last happen]", "In {last}")),
        ("Helpers worked through the night.", "The river stayed below the warning level.", "Schools decide in the morning whether to open.", "Insurance firms expect many claims.", "The fire brigade had many calls.", "Shops sold out of candles.", "Animals were brought to safety.", "Public transport runs with delays."),
        1,
        (("[where was it|which town was hit|where did it happen]", "{p}"), ("[what is the forecast|what is expected|what weather is expected]", "{out} on {od}"), ("[what was the damage|what happened|what were the results]", "{dmg}"), ("[when was it|on which day was it|when did it happen]", "On {day}"), ("[what kind of weather was it|what hit {p}|what was the weather]", "{kind}")),
    ),
    Domain(
        "building", _build, "[New {b} for {p}|{p}: {b}|Building report|The {b}]",
        "[{p} is getting a new {b} for {cost}.|A new {b} is being built in {p} for {cost}.|For {cost}, {p} is building a new {b}.|Work on the new {b} in {p} goes on; it will cost {cost}.]",
        ("[It will have {size} and {feat}.|Plans show {size} and {feat}.|The design has {size} and {feat}.]", "[It is to open in {open}.|The opening is planned for {open}.|Users can move in from {open}.|It should be ready in {open}.]", "[Work is {delay} late because of {diff}.|Because of {diff}, work is {delay} late.|There was a delay of {delay} because of {diff}.]"),
        (("[The architect is {arch}.|It was designed by {arch}.|{arch} drew the plans.]", "[who is the architect|who designed it|who drew the plans]", "{arch}"),
         ("[{firm} is the builder.|The work is done by {firm}.|The contract went to {firm}.]", "[who builds it|which company builds it|who is the builder|who got the contract]", "{firm}"),
         ("[It brings {jobs} jobs.|{jobs} people work on the site.|The project gives work to {jobs} people.]", "[how many people work on it|how many jobs does it bring|how many jobs are there]", "{jobs}"),
         ("[\"We need it,\" said mayor {may}.|The mayor, {may}, visited the site.]", "[who is the mayor|what is the name of the mayor]", "{may}")),
        ("Neighbours were invited to a tour.", "Trucks use a side road.", "The old one was torn down.", "Trees will be planted around it.", "The state pays half of it.", "A camera shows the progress online.", "Local firms do part of the work.", "The keys will be handed over at a small party."),
        1,
        (("[how much does it cost|what does it cost|what will it cost|what are the costs]", "{cost}"), ("[when does it open|when will it open|when is the opening|when is it ready]", "In {open}"), ("[why is it late|why is there a delay|what caused the delay]", "{diff}"), ("[what is being built|what is built|what does {p} build]", "A new {b}"), ("[how late is it|how long is the delay]", "{delay}"), ("[where is it built|where is it]", "In {p}")),
    ),
    Domain(
        "annual", _energy, "[{pl}: {yr}|Annual report {yr}|{pl} annual report|The year {yr}]",
        "[{pl} counted {out} in {yr}.|In {yr}, {pl} had {out}.|The year {yr} brought {pl} {out}.|{pl} looks back on {yr} with {out}.]",
        ("[That figure {verb} {chg} percent.|The number {verb} by {chg} percent against the year before.|Compared with the previous year it {verb} {chg} percent.]", "[The largest problem was {prob}.|The year was marked by {prob}.|What caused most trouble was {prob}.]", "[Next year brings {inv}.|For next year there is a plan: {inv}.|Management has approved {inv} for next year.]"),
        (("[{boss} has been the director since spring.|The director is {boss}.|Director {boss} thanked everyone.]", "[who is the director|what is the name of the director|who leads {pl}]", "{boss}"),
         ("[There were {acc} accidents.|{acc} accidents were recorded.]", "[how many accidents were there|how many accidents happened]", "{acc}"),
         ("[{staff} people work there.|It employs {staff} people.|The staff counts {staff} people.]", "[how many people work there|how many employees are there|how large is the staff]", "{staff}"),
         ("[Emissions should fall by {co} percent by {goal}.|By {goal}, emissions are to be cut by {co} percent.]", "[by how much should emissions fall|what is the goal for emissions]", "{co} percent by {goal}"),
         ("[It lies near {city}.|The site is close to {city}.]", "[where is it|where does it lie|which city is near]", "{city}")),
        ("The full report has forty pages.", "A summer party was held for the staff.", "Two school classes came for a tour.", "The entrance was painted.", "Opening hours stay the same.", "The newsletter has a new design.", "Guests praised the friendly staff.", "A study on noise is under way."),
        2,
        (("[what was the problem|what was the largest problem|what caused trouble]", "{prob}"), ("[what is planned|what is planned for next year|what comes next year]", "{inv}"), ("[which year is it about|what year is the report about]", "{yr}"), ("[how did the figure change|by how much did it change]", "It {verb} {chg} percent"), ("[what is the report about|which place is it about]", "{pl}")),
    ),
)  # fmt: skip


def _fill(text: str, rng: random.Random, facts: Facts) -> str:
    out = expand(text, rng, facts)
    return capital(out)


def make(rng: random.Random, size: str = "short") -> Report:
    """A report of a random domain. Sizes: ``short`` (a few sentences), ``medium``, ``long`` (up to about 1,000 tokens)."""
    domain = rng.choice(DOMAINS)
    facts = domain.facts(rng)
    lead = _fill(domain.lead, rng, facts)
    body = [_fill(s, rng, facts) for s in domain.body]
    first, second = lead, body[domain.pick]
    if rng.random() < 0.35:
        rng.shuffle(body)
    answered: list[tuple[str, str]] = [(_fill(q, rng, facts), _fill(a, rng, facts) + ".") for q, a in domain.questions]
    unanswered: list[str] = []
    share = {"short": 0.3, "medium": 0.65, "long": 0.85}[size]
    noise: list[str] = []
    for text, question, answer in domain.optional:
        if rng.random() < share:
            noise.append(_fill(text, rng, facts))
            answered.append((_fill(question, rng, facts), _fill(answer, rng, facts) + "."))
        else:
            unanswered.append(_fill(question, rng, facts))
    details = list(domain.detail)
    rng.shuffle(details)
    noise += details[: {"short": rng.randint(0, 2), "medium": rng.randint(1, 5), "long": rng.randint(4, 9)}[size]]
    if size == "medium":
        noise += [sentence(rng) for _ in range(rng.randint(0, 4))]
    elif size == "long":
        noise += [sentence(rng) for _ in range(rng.randint(3, 32))]
    rng.shuffle(noise)
    slots: list[list[str]] = [[] for _ in range(len(body) + 1)]
    for extra in noise:
        rng.choice(slots).append(extra)
    sentences = [lead, *slots[0]] if size != "short" or rng.random() < 0.9 else [*slots[0][:1], lead, *slots[0][1:]]
    for part, extras in zip(body, slots[1:], strict=True):
        sentences += [part, *extras]
    text = layout(sentences, rng)
    if rng.random() < 0.3:
        title = _fill(domain.title, rng, facts)
        text = (f"# {title}\n\n" if rng.random() < 0.4 else f"{title}\n\n") + text
    stated = f"{first} {second}"
    return Report(
        domain.name, text, (first, second), answered, unanswered, tuple(v for v in facts.values() if v in stated)
    )


def layout(sentences: list[str], rng: random.Random) -> str:
    """Sentences as one paragraph or several."""
    if len(sentences) < 5 or rng.random() < 0.45:
        return " ".join(sentences)
    out, at = [], 0
    while at < len(sentences):
        step = rng.randint(2, 6)
        out.append(" ".join(sentences[at : at + step]))
        at += step
    return rng.choice(("\n\n", "\n\n", "\n")).join(out)


_CUES = (
    "In conclusion, ",
    "Overall, ",
    "In short, ",
    "As a result, ",
    "In summary, ",
    "The main result is that ",
    "To conclude, ",
    "All in all, ",
    "The conclusion: ",
    "Taken together, ",
)


def any_sentence(rng: random.Random) -> tuple[str, str, str]:
    """A sentence from any source, with a question about it and the answer where there is one."""
    roll = rng.random()
    if roll < 0.25:
        return fact(rng)
    if roll < 0.55:
        return sentence(rng), "", ""
    if roll < 0.75:
        domain = rng.choice(DOMAINS)
        facts = domain.facts(rng)
        choices = [*domain.body, *domain.detail, *(o[0] for o in domain.optional)]
        return _fill(rng.choice(choices), rng, facts), "", ""
    text = soup(rng)
    if roll < 0.85:
        return text, "", ""
    words = sentence(rng).rstrip(".").split(" ")
    rng.shuffle(words)
    return capital(" ".join(words)) + ".", "", ""


def extract(rng: random.Random, size: str = "short") -> Report:
    """Free text; the summary is its first sentence and its conclusion (the sentence with a cue, else the last one)."""
    total = {"short": rng.randint(1, 6), "medium": rng.randint(4, 14), "long": rng.randint(12, 45)}[size]
    told = [any_sentence(rng) for _ in range(total)]
    sentences = [t[0] for t in told]
    answered = [(capital(q), a) for _, q, a in told if q]
    second = sentences[-1]
    if total > 3 and rng.random() < 0.4:
        at = rng.randint(max(1, total // 2), total - 1)
        body = sentences[at]
        second = rng.choice(_CUES) + (
            body if body[0] in "\"'" or body.split(" ")[0] not in _SAFE_LOWER else body[0].lower() + body[1:]
        )
        sentences[at] = second
    text = layout(sentences, rng)
    if rng.random() < 0.2 and total > 2:
        text = names.name(rng) + rng.choice((" report", " notes", "", " and " + names.word(rng))) + "\n\n" + text
    return Report("extract", text, (sentences[0], second if total > 1 else ""), answered, [capital(fact(rng)[1])])


_SAFE_LOWER = frozenset("The A This Our Most Some Many It They We Each Every These Several".split())
