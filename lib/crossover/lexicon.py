"""Small word lists that question templates need and a parse does not give: people, places, things known to all."""

from __future__ import annotations

import re

#: Words that make a name a place, whatever the entity recogniser says.
PLACES = frozenset(
    "airport avenue basin bay beach bridge canal canyon cape castle cathedral channel church coast county creek dam "
    "desert falls fjord forest fort garden gardens gulf harbor harbour highway hill hills hotel island islands isle "
    "lake lighthouse mausoleum mill monastery mosque mount mountain mountains mt mt. museum ocean palace park "
    "peak peninsula plateau prison pyramid railway range ridge river road sea shrine square stadium station strait "
    "street temple theatre tower valley volcano wall zoo".split()
)

#: Nouns that "the" makes clear without a text before: there is one, or one of each.
UNIQUE = frozenset(
    "world sun moon earth sea sky universe internet equator north south east west northeast northwest southeast "
    "southwest end beginning middle public media weather future past present day night time".split()
)

#: Nouns that "the" makes point at a text before, even in the present: "the film stars ...".
MENTIONED = frozenset(
    "act album article band battle bill book building case channel character city club company competition country "
    "couple court decision design edition episode event film finale game government group idea incident law league "
    "lyrics match movie name novel pair part period place play plot premise process program programme project "
    "record release report result role rule scene school screenplay season sequel series service show single site "
    "song sport stage station storyline story study system team term text title tournament town track trial version "
    "video village war winner word work year".split()
)

_PEOPLE = frozenset(
    "actor actress adult army artist astronaut athlete band boy bride brother captain celebrity chemist chief child "
    "children citizen clergy coach couple court cousin crew critic crowd daughter dentist doctor duchess duke emperor "
    "empress family father female fiance friend general girl government grandfather grandmother group guest guru "
    "heir hero human husband individual infant inhabitant judge jury king knight lady lawyer lord man marquis mayor mechanic "
    "member men minor monarch monk mother native neighbor neighbour nephew niece novelist nun nurse officer one "
    "orphan parent parents patient peasant people person pianist pilot playwright poet police pope president priest "
    "prince princess principal prophet pupil queen rabbi rebel rival saint scholar scientist secretary sheriff "
    "sibling sister slave soldier son spouse staff student sultan team teen troop troops twin tyrant veteran victim "
    "visitor widow wife witness woman women youth adviser advisor aide ally architect admiral ambassador apprentice "
    "bishop archbishop champion clerk colonel committee council delegate diplomat parliament senate host hunter "
    "lieutenant major merchant militia model nobleman official opponent refugee researcher spokesman settler sniper "
    "spy statesman surgeon suspect teacher thief tsar vizier warrior worker cardinal chancellor composer critic".split()
)
_THINGS_LIKE_PEOPLE = frozenset(
    "amber anger answer antler barrier beer border butter buffer calculator calendar cancer carrier center centre "
    "chamber chapter character charter cluster collar color colour computer container corner counter cover crater "
    "cylinder danger december detector diameter disaster disorder dollar door elevator "
    "engine error factor favor favour feather fever fiber filter finger fire flavor floor flower folder freezer "
    "generator harbor hour humor indicator labor laser layer leather letter liquor liver locker "
    "matter meter mirror monster motor mirror newsletter november number october odor offer "
    "order oyster paper parameter pepper pier pillar planet plaster pointer poster powder power "
    "prayer predictor processor propeller quarter radiator radar razor reactor refrigerator regulator reminder "
    "river rubber rumor sector semiconductor sensor september server shelter shoulder shower silver spider solar "
    "star sugar summer superconductor sweater tenor terror thunder tiger timber tower tractor transformer transistor "
    "trigger tumor vapor vector vinegar water weather winter border transfer register folklore newspaper lobster "
    "hamster beaver panther otter viper badger rooster grasshopper woodpecker theater metaphor predator "
    "container tanker fighter bomber boiler burner scanner printer scooter trailer router cooler sewer rocker "
    "eater plant restaurant constant pollutant instant grant giant elephant ant variant consonant".split()
)
_AGENT = re.compile(r"(er|or|ist|ian|eer|ant|ess|ster|man|woman|men|women)s?$")


def singular(noun: str) -> str:
    """Return a noun without its plural ending, well enough to look it up.

    >>> [singular(n) for n in ("soldiers", "countries", "women", "glass")]
    ['soldier', 'country', 'woman', 'glass']
    """
    if noun.endswith("men"):
        return noun[:-2] + "an"
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun


def is_person(noun: str) -> bool:
    """Whether a common noun is one for people (or a body of people), by a list and the endings of agents.

    >>> [is_person(n) for n in ("physicist", "settlers", "river", "theory", "people")]
    [True, True, False, False, True]
    """
    stem = singular(noun.lower())
    if noun.lower() in _PEOPLE or stem in _PEOPLE:
        return True
    return stem not in _THINGS_LIKE_PEOPLE and _AGENT.search(stem) is not None
