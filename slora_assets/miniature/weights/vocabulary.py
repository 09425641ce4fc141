"""The words of the miniature: what its footage can show, and so what its tokenizers must know.

Subjects, colours and directions are shared by the sample footage and the pretraining footage; the
scenario words appear in the sample footage's captions only. Appending is safe; reordering moves
token ids and so belongs to a new pretraining.
"""

from __future__ import annotations

COLOURS = ("red", "green", "blue", "yellow", "purple", "white")
SUBJECTS = (
    "person",
    "cart",
    "pan",
    "car",
    "player",
    "dancer",
    "boat",
    "balloon",
)
DIRECTIONS = ("left", "right", "up", "down")

_FUNCTION = """
a an the to of in on at by with and is are in across along through over past from into near behind
toward towards under beside around while there this that it its someone another some two three one
many few all very
"""

_MOTION = """
moves moving drives driving rolls rolling walks walking runs running dances glides gliding slides
sliding goes going travels drifts drifting floats floating heads heading passes passing crosses
crossing crossed turns flies flying sails sailing jumps pushed pushes pulls pulled comes toward
upward upwards downward downwards leftward rightward sideways slowly quickly fast slow side bottom
top edge screen frame camera shot scene video clip shows showing seen view
"""

_SURROUNDINGS = """
market stall stalls vendor vendors bazaar awning awnings fruit fruits vegetables goods shop shopper
shoppers floor busy crowded kitchen cooking cook cooks chef pan pans stove counter tiles food meal
pot frying street road traffic crosswalk cars lane lanes city building buildings busy soccer
football field pitch stadium players game match grass goal team stage concert dancer dancers
dancing spotlight spotlights light lights show curtain curtains music performance performer sea
ocean beach water lake waves sand sky clouds hill hills park garden meadow tree trees snow forest
desert dune dunes wall plain background striped checkered gradient grey gray brown dark bright
light colored coloured color simple empty man woman people boy girl guy lady kid day night sunny
outside outdoors indoors ride toy cartoon animated animation scarf shirt dress jacket small large
big little round black orange pink ball dog
above among as between cold snowy winter path high row stands still cooks yet stopped front sports
stand during sail
"""


def words() -> tuple[str, ...]:
    """Every known word once, in a fixed order."""
    ordered = (*COLOURS, *SUBJECTS, *DIRECTIONS, *_FUNCTION.split(), *_MOTION.split())
    return tuple(dict.fromkeys((*ordered, *_SURROUNDINGS.split())))
