# ruff: noqa: E501, SIM905 - phrases are data: an entry reads best on one line, a list of words as one string
"""Made-up names, dates and amounts for reports, drawn so widely that a model has to copy them rather than remember them."""

from __future__ import annotations

import random

FIRST = (
    "Anna|Tomas|Mia|Benedikt|Lena|Omar|Sara|Paul|Nina|Leo|Ida|Max|Eva|Jonas|Rosa|Ali|Kim|Lee|Marta|Hugo|Clara|Victor|Amara|Dimitri|Elif|Farid|Greta|Hana|Igor|Julia|Karim|Lucia|Mateo|Nadia|Oscar|Priya|Quentin|Ravi|Sofia|Tariq|Ursula"
    "|Vera|Walter|Yara|Zoe|Andrea|Bruno|Carmen|Daniel|Emma|Felix|Gloria|Henry|Irene|Jack|Kate|Liam|Maria|Noah|Olivia|Peter|Ruth|Simon|Teresa|Uma|Vincent|Wanda|Xavier|Yusuf|Zelda|Alice|Bob|Charlotte|David|Grace|James|Laura|Michael"
    "|Rachel|Samuel|Thomas|William|Chen|Mei|Hiroshi|Yuki|Aisha|Kofi|Ngozi|Diego|Ines|Pablo|Lars|Ingrid|Sven|Astrid|Piotr|Agnes|Milan|Jana"
).split("|")
_ONSET = "b|br|c|ch|d|dr|f|fl|g|gr|h|j|k|kr|l|m|n|p|pr|qu|r|s|sh|st|t|th|tr|v|w|y|z|bl|cl|gl|sk|sl|sn|sp|wh".split("|")
_VOWEL = "a|e|i|o|u|a|e|i|o|ai|ea|ee|oo|ou|ie|au|y".split("|")
_CODA = "|||n|r|l|s|t|m|nd|rk|x|ck|ll|ss|th|lt|rn|st|ng|rd|ld|p|d|g|k".split("|")
MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December".split("|")
DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday".split("|")
_REAL_PLACES = (
    "Lisbon|Oslo|Vienna|Prague|Dublin|Madrid|Athens|Helsinki|Boston|Denver|Austin|Seattle|Toronto|Lima|Quito|Nairobi|Accra|Cairo|Mumbai|Delhi|Osaka|Kyoto|Seoul|Sydney|Perth|Zurich|Geneva|Munich|Hamburg|Cologne|Lyon|Nice|Turin|Milan|Porto"
    "|Bergen|Malmo|Riga|Warsaw|Leeds|York|Bristol|Cardiff|Chicago|Portland|Phoenix|Berlin|Paris|London|Rome|Amsterdam|Brussels|Copenhagen|Stockholm|Budapest|Tallinn|Bogota|Santiago|Cape Town|New York|San Diego|Los Angeles|Tokyo"
).split("|")


def word(rng: random.Random, low: int = 1, high: int = 3) -> str:
    """An invented lower-case word of some syllables."""
    text = "".join(
        rng.choice(_ONSET) + rng.choice(_VOWEL) + (rng.choice(_CODA) if rng.random() < 0.6 else "")
        for _ in range(rng.randint(low, high))
    )
    return text if len(text) > 2 else text + "n"


def name(rng: random.Random) -> str:
    """An invented proper name of one word."""
    return word(rng, 2, 3 if rng.random() < 0.3 else 2).capitalize()


def person(rng: random.Random) -> str:
    """A first and a last name."""
    first = rng.choice(FIRST) if rng.random() < 0.85 else name(rng)
    last = (
        name(rng)
        if rng.random() < 0.85
        else rng.choice(
            "Smith|Meyer|Silva|Garcia|Novak|Rossi|Jensen|Brown|Khan|Tanaka|Okafor|Murphy|Dubois|Kowalski|Larsen|Miller|Schmidt|Johnson|Wilson|Martin|Weber|Ferrari|Patel|Nguyen|Kim".split(
                "|"
            )
        )
    )
    return f"{first} {last}"


def place(rng: random.Random) -> str:
    """A town, real or invented."""
    roll = rng.random()
    if roll < 0.4:
        return rng.choice(_REAL_PLACES)
    if roll < 0.6:
        return name(rng) + rng.choice(("ford", "ton", "ville", "burg", "field", "haven", "wick", "mouth"))
    if roll < 0.7:
        return rng.choice(("Port ", "North ", "New ", "Saint ", "Lake ", "Upper ", "Mount ")) + name(rng)
    return name(rng)


def company(rng: random.Random) -> str:
    """A company."""
    base = name(rng)
    roll = rng.random()
    if roll < 0.75:
        return (
            base
            + " "
            + rng.choice(
                "Systems|Foods|Energy|Robotics|Logistics|Motors|Software|Textiles|Pharma|Bank|Airlines|Media|Tools|Optics|Group|Labs|Paper|Steel|Marine|Health|Networks|Furniture|Glass|Water|Books|Semiconductors|Partners|Industries|Toys|Cycles".split(
                    "|"
                )
            )
        )
    if roll < 0.9:
        return f"{base} & {name(rng)}"
    return base + rng.choice(("", "soft", "tech", "corp"))


def amount(rng: random.Random, low: float = 1, high: float = 900) -> str:
    """A number as reports write it: 4.2, 12, 317, 1,250."""
    value = low * (high / low) ** rng.random()
    if value < 20 and rng.random() < 0.6:
        return f"{value:.1f}"
    if value >= 1000:
        return f"{round(value):,}"
    return str(max(1, round(value)))


def count(rng: random.Random, low: int, high: int) -> str:
    """A whole number, spread evenly over magnitudes."""
    value = round(low * (high / low) ** rng.random())
    return f"{value:,}" if value >= 1000 and rng.random() < 0.8 else str(value)


def date(rng: random.Random) -> str:
    """A day in words: 4 March, March 4, or with a year."""
    day, month = rng.randint(1, 28), rng.choice(MONTHS)
    roll = rng.random()
    if roll < 0.5:
        return f"{day} {month}"
    if roll < 0.75:
        return f"{month} {day}"
    return f"{day} {month} {year(rng)}"


def year(rng: random.Random) -> str:
    """A year around now."""
    return str(rng.randint(2015, 2032))
