"""Words of the sample world: categories of places, and what people like and dislike about them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Aspect:
    """A quality that can be good or bad; each side has two ways of saying it."""

    pro: tuple[str, str]
    con: tuple[str, str]


def _aspect(pro: str, pro_other: str, con: str, con_other: str) -> Aspect:
    return Aspect((pro, pro_other), (con, con_other))


CATEGORIES: dict[str, tuple[Aspect, ...]] = {
    "Café": (
        _aspect("friendly staff", "welcoming baristas", "rude staff", "grumpy baristas"),
        _aspect("rich espresso", "strong coffee", "watery coffee", "weak espresso"),
        _aspect("homemade cakes", "fresh pastries", "stale cakes", "dry pastries"),
        _aspect("cosy corners", "comfortable armchairs", "wobbly chairs", "cramped seating"),
        _aspect("fast wifi", "reliable wifi", "slow wifi", "broken wifi"),
        _aspect("quiet atmosphere", "calm mood", "loud music", "noisy crowd"),
        _aspect("fair prices", "cheap breakfast", "high prices", "overpriced breakfast"),
        _aspect("sunny terrace", "pretty courtyard", "draughty terrace", "gloomy courtyard"),
        _aspect("vegan choices", "plant-based menu", "missing vegan choices", "meat-heavy menu"),
        _aspect("quick service", "short queue", "slow service", "long queue"),
    ),
    "Hotel": (
        _aspect("soft beds", "comfortable mattress", "hard beds", "lumpy mattress"),
        _aspect("spotless rooms", "clean bathroom", "dirty rooms", "mouldy bathroom"),
        _aspect("central location", "walkable neighbourhood", "remote location", "long way to town"),
        _aspect("generous breakfast", "varied buffet", "meagre breakfast", "boring buffet"),
        _aspect("helpful reception", "kind concierge", "unhelpful reception", "cold concierge"),
        _aspect("silent nights", "thick walls", "street noise", "thin walls"),
        _aspect("heated pool", "relaxing sauna", "closed pool", "crowded sauna"),
        _aspect("sea view", "wide balcony", "parking lot view", "tiny balcony"),
        _aspect("modern furniture", "stylish design", "shabby furniture", "outdated design"),
        _aspect("good value", "honest rates", "hidden fees", "poor value"),
    ),
    "Museum": (
        _aspect("interactive exhibits", "hands-on stations", "broken exhibits", "dull displays"),
        _aspect("clear explanations", "excellent audio guide", "confusing labels", "boring audio guide"),
        _aspect("rare paintings", "famous collection", "thin collection", "missing highlights"),
        _aspect("beautiful building", "striking architecture", "dark rooms", "ugly building"),
        _aspect("free entry", "cheap tickets", "expensive tickets", "pricey entry"),
        _aspect("family activities", "games for children", "lack of family activities", "bored children"),
        _aspect("quiet galleries", "plenty of space", "overcrowded galleries", "pushing crowds"),
        _aspect("lovely museum shop", "charming cafeteria", "overpriced shop", "poor cafeteria"),
        _aspect("knowledgeable guides", "lively tours", "bored guides", "rushed tours"),
        _aspect("step-free access", "many benches", "steep stairs", "missing benches"),
    ),
    "Cinema": (
        _aspect("huge screen", "sharp picture", "small screen", "blurry picture"),
        _aspect("powerful sound", "crisp sound", "muffled sound", "deafening sound"),
        _aspect("reclining seats", "generous legroom", "hard seats", "narrow legroom"),
        _aspect("arthouse films", "bold programme", "same old blockbusters", "narrow programme"),
        _aspect("fresh popcorn", "good snacks", "stale popcorn", "costly snacks"),
        _aspect("respectful audience", "silent audience", "chatty audience", "glowing phones"),
        _aspect("original versions", "subtitled films", "dubbed films", "bad subtitles"),
        _aspect("short commercials", "punctual start", "endless commercials", "late start"),
        _aspect("vintage charm", "elegant foyer", "sticky floors", "run-down foyer"),
        _aspect("cheap matinee", "fair ticket price", "steep ticket price", "booking fees"),
    ),
    "Gym": (
        _aspect("modern machines", "new equipment", "broken machines", "worn equipment"),
        _aspect("motivating trainers", "skilled coaches", "absent trainers", "pushy coaches"),
        _aspect("clean showers", "tidy lockers", "filthy showers", "smelly lockers"),
        _aspect("varied classes", "fun yoga", "cancelled classes", "boring yoga"),
        _aspect("long opening hours", "night opening", "short opening hours", "Sunday closing"),
        _aspect("fair contract", "monthly cancellation", "rigid contract", "sneaky fees"),
        _aspect("free weights", "large squat area", "missing weights", "tiny squat area"),
        _aspect("fresh air", "good ventilation", "stuffy air", "poor ventilation"),
        _aspect("friendly members", "supportive community", "show-off members", "cold mood"),
        _aspect("easy parking", "nearby station", "missing parking", "difficult access"),
    ),
}

NAME_FIRST = ("Blue", "Old", "Little", "Grand", "Silver", "Corner", "North", "River", "Garden", "Golden", "Harbour",
              "Maple", "Stone", "Velvet", "Lantern", "Orchard", "Crystal", "Amber", "Willow", "Meadow")  # fmt: skip
NAME_SECOND = ("Gate", "House", "Bridge", "Mill", "Square", "Tower", "Lane", "Court", "Yard", "Palace", "Dock", "Hill",
               "Arch", "Field", "Island", "Crown", "Fountain", "Market", "Passage", "Terrace")  # fmt: skip
NEIGHBOURHOODS = ("Old Town", "Riverside", "Station Quarter", "University", "Harbour", "Hillside")
DESCRIPTION_OPENINGS = (
    "A {category} in {place} with {aspects}.",
    "This {category} in {place} is known for its {aspects}.",
    "Visitors of this {category} in {place} mention {aspects}.",
)
PRO_SENTENCES = (
    "I loved the {0}.",
    "The {0} made my day.",
    "What I come back for is the {0}.",
    "Really impressed by the {0}.",
    "The best part was the {0}.",
    "You will enjoy the {0}.",
)
CON_SENTENCES = (
    "The {0} ruined it for me.",
    "I could not get past the {0}.",
    "Sadly, we had to deal with {0}.",
    "What annoyed me was the {0}.",
    "Be warned about the {0}.",
    "My complaint is the {0}.",
)
PRO_OPENINGS = ("Very happy with this place.", "A lovely visit.", "Worth the trip.", "I will be back.", "")
CON_OPENINGS = ("Not my thing.", "A disappointing visit.", "I expected more.", "I will not return.", "")
