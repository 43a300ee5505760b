"""The columns behind the offset of an entity, per kind and array.

Times are milliseconds, damage and resources thousandths, chances and bonuses fractions.

A column that no kernel writes is a fact: kernels only read it.
"""

from __future__ import annotations

from node.engine.combat.kernels.facts import fact

NEVER = (1 << 62) - 1  #: later than any time, and a time can still be added to it
NOTHING = 0  #: no entity: offset 0 is the fight
NO_TARGET = -1
LONG_AGO = -(10**9)  #: a time before any fight
NO_FORMULA = -1

# The fight, always at offset 0. ints:
NOW = 0
LENGTH = 1
SEED = 2
ITERATION = 3
WRITES = 4  #: how often the agenda was written
AGENDA = fact(5)  #: offset of the agenda's tree
LEAVES = fact(6)
FIRST_SLOT = fact(7)
PENDING = fact(8)  #: offset of the lowest frame of what is being carried out
DEPTH = 9  #: how many frames lie on it
FRAME = 10  #: offset of the frame whose turn it is
CHANGED = 11  #: whether something happened that a condition may ask about
FAILURE = 12
FAILED_AT = 13
DAMAGE_DONE = 14
TARGETS = fact(15)
PLAYER = fact(16)
LENGTH_STREAM = fact(17)
MEAN_LENGTH = fact(18)
LAST_ACTION_AT = 19
ACTIONS_AT_ONCE = 20
FIRST_WATCHER = fact(21)  #: links to the actors who look again whenever something changes
END_WATCHER = fact(22)
FIRST_ABILITY = fact(23)
END_ABILITY = fact(24)
FIRST_AURA = fact(25)
END_AURA = fact(26)
FIRST_RESOURCE = fact(27)
END_RESOURCE = fact(28)
FIRST_ACTOR = fact(29)
END_ACTOR = fact(30)
CHANGEABLE_END = fact(31)  #: what lies before this offset is fresh in every fight
FIRST_STATE = fact(46)  #: and what the rotations remember
END_STATE = 47
LAST_ROW = fact(32)  #: of every tally: what more targets than rows suffer is counted together
BUCKET = 33  #: where the damage of this part of the fight is added up
BUCKET_ENDS = 34
BUCKET_MS = fact(35)
LAST_BUCKET = fact(36)
DAMAGE_BOOKED = 37  #: how much of the damage done is in a bucket
LOG = 38  #: where the next record of the combat log goes
LOG_END = 39
KEEPS_LOG = fact(75)
OPENING = fact(40)  #: when the precombat begins, before 0; 0 without one
OPENER_SLOT = fact(41)
KEEPS_HEALTH = fact(44)  #: whether each enemy has health of its own
SOMEBODY_DIED = 45
ENDS_WITH_DEATH = fact(48)  #: whether the fight is over when the main target has no health left
HAPPENING_SLOT = fact(49)
NEXT_HAPPENING = 50  #: what befalls the fight next
END_HAPPENING = fact(51)
TARGETS_THERE = 52
FIRST_TARGET_NUMBER = fact(53)  #: links to the numbers that every target has of its own
END_TARGET_NUMBER = fact(54)
NEXT_OPENER = 42  #: the line of the precombat whose time comes next
END_OPENER = fact(43)
TARGET = 64  #: number of the target in question, the first is 0
MAIN_TARGET = fact(65)  #: of the player when nothing is carried out
FIRST_TARGET = fact(66)
STAGE = fact(67)  #: ears that hear of the fight itself
START_BUNDLE = fact(68)
STEPS = 69  #: how many frames were begun
LATER = fact(70)  #: what is carried out later, the next at the end
LATER_COUNT = 71
LATER_SLOT = fact(72)
START_SLOT = fact(73)
BEAT_STREAM = fact(74)  #: NOTHING when everything reaches pets at once
# reals:
LENGTH_VARIATION = fact(1)
BEAT_ROLL = 2  #: where in its period the clock of pets stands at 0
# sums:
EVENTS = 0
FIGHT_SIZE = 80

# An enemy. ints:
PRESENT_NOW = 0
HEALTH = 1  #: what is left, in thousandths
MOST_HEALTH = 2  #: 0: it dies evenly while it is there
CAME_AT = 3
LEAVES_AT = 4
# reals:
ARMOR_FACTOR = 0
TARGET_SIZE = 5

# What befalls a fight. ints:
HAPPENS_AT = fact(0)
HAPPENS = fact(1)
HAPPENS_TO = fact(2)  #: the number of an enemy, or how long the player moves
HAPPENS_UNTIL = fact(3)
HAPPENS_HEALTH = fact(4)
HAPPENING_SIZE = 5
DEPARTURE, ARRIVAL, MOVEMENT = range(3)

# Who acts: the player, a pet, or one copy of a pet. ints:
ACTIVE = 0
SWING_SLOT = fact(1)
SWING_MS = fact(2)
SWING_BUNDLE = fact(3)
SWING_AT = 4
DESPAWN_SLOT = fact(5)
DESPAWN_AT = 6
ARRIVED = 7
FIRST_SWING = fact(8)
DECIDE_SLOT = fact(9)
CAST_SLOT = fact(10)
FIRST_LINE = fact(11)
END_LINE = fact(12)
GCD_ENDS = 13
GCD_FLOOR = fact(14)
CAST_ENDS = 15
CASTING = 16
FIRST_OWN_ABILITY = fact(18)
END_OWN_ABILITY = fact(19)
FIRST_OWN_RESOURCE = fact(20)
END_OWN_RESOURCE = fact(21)
FIRST_OFF_GCD = fact(22)  #: links to the abilities of the rotation that ignore the GCD
END_OFF_GCD = fact(23)
REACTION = fact(24)  #: 0: looks at once at all that changes; else how long it takes to look again
QUEUE_WINDOW = fact(25)  #: how long before it is ready an ability may be chosen
QUEUE_SLOT = fact(26)
QUEUED = 27  #: the line whose ability waits to be ready
LOOKS_AT = 28  #: when it looks again, if it does not look at once
COPIES = fact(29)  #: of the first copy: how many there are, one behind the other
FIRST_LOOK = fact(30)  #: how long after its arrival it acts
CONTROL = 48  #: the line that it keeps to, NOTHING when it looks at all
WAITS_UNTIL = 49
MOVES_UNTIL = 50
MULTITASKS = fact(51)  #: whether it may do something while casting
CAST_TARGET = 52
QUEUED_TARGET = 53
ACTS_IN_GCD = fact(54)  #: whether lines that are no casts have to be looked at while the GCD runs
CHANNEL_TARGET = 55
KEEPS_SWING = fact(31)  #: whether a change of speed counts from the next swing on
BEAT_SLOT = fact(32)
BEAT_MS = fact(33)  #: how often changes of the owner reach a pet; 0: at once
FIRST_LATE = fact(34)  #: links to the modifiers that reach it late, and their stats
END_LATE = fact(35)
LAST_CAST = 36
LAST_GCD_CASTS = 37  #: the last ability on the GCD, the one before, ...
GCD_HISTORY = 4
CHANNELING = 41
CHANNEL_SLOT = fact(42)
CHANNEL_PERIOD = 43
CHANNEL_DONE = 44  #: ticks
CHANNEL_TICK_AT = 45
CHANNEL_LOOK = 46  #: whether a tick lets the caster look
CHANNEL_LINE = 47  #: of the rotation, that says when the channel may be cut
# reals:
ATTACK_POWER = 0
SPELL_POWER = 1
DAMAGE = 2
CRIT = 3
HASTE = 4
SWING_SPEED = 5
CRIT_MULTIPLIER = 6
HASTE_SEEN = 7
PACE_SEEN = 8
# sums:
PRESENT = 0
SUMMONS = 1
ACTOR_SIZE = 60

# What hears what an entity does: triggers. ints, from the first column of what has ears:
FIRST_LINK = fact(0)
END_LINK = fact(1)
HEARD = fact(2)  #: every event that somebody listens to
EARS_SIZE = 3

# What the rotation can cast. ints: ears first, and
BUNDLE = fact(27)
CAST_MS = fact(3)
GCD_MS = fact(4)
GCD_HASTED = fact(5)
COOLDOWN = fact(6)
COOLDOWN_HASTED = fact(7)
MAX_CHARGES = fact(8)
CHARGES = 9
RECHARGE_AT = 10
COST_RESOURCE = fact(11)
COST = fact(12)
OFF_GCD = fact(13)
USABLE_FROM = 14
CAST_AT = 15  #: when it was last cast
CASTS_NOW = 16
CASTER = fact(17)
WAITS_FOR_GCD = fact(18)
CHANNEL_TICKS = fact(19)  #: 0: no channel
CHANNEL_MS = fact(20)
CHANNEL_HASTED = fact(21)
SNAPSHOT_BUNDLE = fact(22)  #: takes the snapshots of a channel
CHANNEL_AT_START = fact(23)
CHANNEL_BUNDLE = fact(24)
BETWEEN = fact(25)  #: how long after a cast not even another charge can be used
NOT_BEFORE = 26
IN_FLIGHT = 28
TRAVELS = 29  #: how long its missiles fly
WHILE_MOVING = fact(30)
CHANNEL_ATTACK = fact(31)  #: an effect that rolls whether the channel begins
USABLE_TEST = fact(32)  #: condition without which it cannot be cast
USABLE_WAKE = fact(33)  #: when time alone may change that condition
WAITS = fact(34)  #: whether a charge, or health of the target, may keep it from being cast
# reals:
HEALTH_BELOW = fact(0)
COST_FACTOR = 1
CAST_FACTOR = 2
GCD_FACTOR = 3
# sums:
CASTS = 0
ABILITY_SIZE = 35

# Buffs, debuffs and damage over time. ints:
STACKS = 0
MAX_STACKS = fact(1)
EXPIRES = 2
DURATION = fact(3)
SPAN = 4  #: how long the present application lasts without carrying over
APPLIED = 5
COUNTED = 6  #: up to when stacks were added to the sums
EXPIRE_SLOT = fact(7)
TICK_SLOT = fact(8)
PERIOD = fact(9)
PERIOD_NOW = 10
TICK_HASTED = fact(11)
TICK_BUNDLE = fact(12)
END_BUNDLE = fact(13)
REFRESH = fact(14)
SNAPSHOT = fact(15)
PARTIAL_TICK = fact(16)
FIRST_STAT = fact(17)
END_STAT = fact(18)
OWNER = fact(19)
LAST_TICK = 20
NEXT_TICK = 21
PANDEMIC_OF_BASE = fact(22)
STRIDE = fact(23)  #: from the aura of one target to that of the next, 0 when there is one
ON_TARGET = fact(24)  #: number of the target that has it, NO_TARGET when it is no target's
SNAPSHOTS = fact(25)  #: offset of one snapshot per damage of a tick
FIRST_SNAPPED = fact(26)  #: links to the damage of a tick
END_SNAPPED = fact(27)
LASTS = 28  #: how long the present application lasts with what was carried over
REMOVED_BUNDLE = fact(29)
WHOLE_TICKS = fact(30)
TICKS_AT_START = fact(31)
MOST_AT_ONCE = fact(32)  #: how many targets may have it
FIRST_REAPPRAISED = fact(33)  #: links to modifiers that are evaluated when it is applied
END_REAPPRAISED = fact(34)
DURATION_FORMULA = fact(35)
EARS = 36
ENDED = 39  #: when it was last lost
UP_ON = 40  #: how many targets have it; this and UP_SINCE only in the aura of the first target
UP_SINCE = 41
# reals:
PANDEMIC = fact(0)
KEPT = 1  #: a number that was given to it
# sums:
UPTIME = 0
APPLICATIONS = 1
REFRESHES = 2
STACK_TIME = 3
UPTIME_ANYWHERE = 4  #: on one target or more; only in the aura of the first of several
AURA_SIZE = 42

# How an aura is refreshed, and what of its ticks a snapshot holds.
RESET, PANDEMIC_CARRY, ROLLOVER, KEEP, EXTEND = range(5)
POWER_FIXED, CRIT_FIXED, HASTE_FIXED = 1, 2, 4

# reals:
SNAPSHOT_POWER = 0
SNAPSHOT_CRIT = 1
SNAPSHOT_SIZE = 2

# ints:
VALUE = 0
MAXIMUM = fact(1)
SINCE = 2
REGEN_HASTED = fact(3)
RESOURCE_OF = fact(4)  #: the actor whose resource it is
START = fact(5)
# reals:
RATE = 0  #: thousandths per millisecond
BASE_RATE = 1
CARRY = 2  #: what regenerated but does not fill a thousandth
# sums:
GAINED = 0
OVERFLOW = 1
SPENT = 2
CAPPED = 3
RESOURCE_SIZE = 6

# A number that auras modify. ints:
CELL = fact(0)  #: its place in reals
FIRST_MODIFIER = fact(1)
END_MODIFIER = fact(2)
PACE_OF = fact(3)  #: the actor whose speed follows it
REGEN_OF = fact(4)  #: the resource whose regeneration follows it
CURVE = fact(5)
# reals:
BASE = fact(0)
CURVE_CONSTANT = fact(1)
CURVE_LIMIT = fact(2)
STAT_SIZE = 6

# How a cell follows from a stat: it is it, or what armour lets through.
STRAIGHT, ARMOR_CURVE = 0, 1

# ints:
MODIFIER_AURA = fact(0)
ADDED = fact(1)
MODIFIER_FORMULA = fact(2)
LATE_TO = fact(3)  #: the pet that it reaches with the next beat, NOTHING when it acts at once
STACKS_SEEN = 4
# reals:
MODIFIER_VALUE = 0
MODIFIER_SIZE = 5

# A source of random numbers for one call site. ints:
LABEL = fact(0)
DRAWS = 1
WORDS = 2  #: of two blocks
STREAM_SIZE = 10

# What happens when something else does, perhaps. ints:
PROC_BUNDLE = fact(0)
PROC_KIND = fact(1)
PROC_STREAM = fact(2)
ICD = fact(3)
READY_AT = 4
LAST_ATTEMPT = 5
LAST_SUCCESS = 6
MAX_INTERVAL = fact(7)
PROTECTED = fact(8)
PROC_HASTED = fact(9)
PROC_CONDITION = fact(10)
CHANCE_FORMULA = fact(11)
DELAY = fact(12)
FAILURES = 13  #: in a row
CARDS = 14  #: left in the deck
SUCCESSES = 15  #: left in the deck
DECK_CARDS = fact(16)
DECK_SUCCESSES = fact(17)
# reals:
CHANCE = fact(0)
# sums:
ATTEMPTS = 0
PROCS = 1
PROC_SIZE = 18
ALWAYS, FIXED_CHANCE, RPPM, DECK, ACCUMULATED = range(5)

# What damage is reported under. ints: ears first, and
TALLY = fact(3)  #: of its first row
TAKEN = fact(4)  #: offset of what each target makes of it, NOTHING when no aura changes that
# reals:
MULTIPLIER = 0
CRIT_BONUS = 1
CRIT_DAMAGE = 2
SOURCE_SIZE = 5

# What a target makes of the damage of a source. reals:
TAKEN_FACTOR = 0
TAKEN_CRIT = 1
TAKEN_SIZE = 2

# What a source did to one target. sums:
HITS = 0
CRITS = 1
TICKS = 2
CRIT_TICKS = 3
MISSES = 4
DEALT = 5
GLANCES = 6
MOST = 7  #: damage at once; this and LEAST are not summed, but the greatest of all
LEAST = 8  #: as what is missing to DAMAGE_LIMIT, so that 0 is none
TALLY_SIZE = 9

# How an attack may fail. ints:
ONE_ROLL = fact(0)  #: whether crits are what is left of the roll
# reals:
AVOIDED = fact(0)  #: rolls below are misses and dodges
GLANCED = fact(1)  #: rolls below that are not avoided are glances
GLANCE_FACTOR = fact(2)
TABLE_SIZE = 3

# A number of the spec's own. ints:
PER_TARGET = fact(0)  #: 1 when every target has one, else 0
# reals:
NUMBER_LEAST = fact(0)
NUMBER_MOST = fact(1)
NUMBER_START = fact(2)
NUMBER_VALUE = 3  #: the first; one for each target may follow
NUMBER_SIZE = 3  #: without the values

# Effects that are carried out together. ints:
FIRST_EFFECT = fact(0)
END_EFFECT = fact(1)
BUNDLE_SIZE = 2

# ints:
KIND = fact(0)
OBJECT = fact(1)
AMOUNT = fact(2)
ACTOR = fact(3)
SOURCE = fact(4)
PHYSICAL = fact(5)
REACH = fact(6)  #: how many targets it is carried out on
SPARES_OWN = fact(7)  #: whether the target itself is left out
CRIT_STREAM = fact(8)
VARIANCE_STREAM = fact(9)
SNAPSHOT_INDEX = fact(10)  #: which of the snapshots of the aura that ticks is its own
FIXED = fact(11)  #: what of it a snapshot holds
IS_TICK = fact(12)
EFFECT_CONDITION = fact(13)
FORMULA = fact(14)  #: expression for the amount, or for the damage before modifiers
KEPT_FORMULA = fact(15)
SPAN_FORMULA = fact(16)
MODIFIED = fact(17)  #: by which modifiers
NEEDS_TARGET = fact(18)
BASE_STREAM = fact(19)
ANEW = fact(20)
STACKS_ONLY = fact(21)
TIMES_FORMULA = fact(22)
OTHER_BUNDLE = fact(23)
SNAPSHOT_AT = fact(25)  #: offset of its own snapshot, when no aura has it
COUNT = fact(24)
ATTACK_TABLE = fact(26)  #: NOTHING when it cannot fail
ATTACK_STREAM = fact(27)
TRAVEL_MS = fact(28)  #: how long after it is decided a hit lands
MISSILE = fact(29)  #: the ability whose missiles in flight are counted
CRIT_FORMULA = fact(30)  #: expression for what is added to the chance, in percent
# reals:
FLAT = fact(0)
PER_ATTACK_POWER = fact(1)
PER_SPELL_POWER = fact(2)
VARIANCE = fact(3)
BASE_SPREAD = fact(4)
CRIT_CHANCE = fact(5)  #: instead of every other chance, when it is not negative
CRIT_ADDED = fact(6)
EFFECT_SIZE = 31
(
    DEAL,
    APPLY,
    REMOVE,
    GAIN,
    REDUCE_COOLDOWN,
    ADD_CHARGES,
    SUMMON,
    DRAIN,
    RESET_COOLDOWN,
    DISMISS,
    SPREAD,
    SAVE,
    RESTORE,
    ATTACK,
    AFTER,
    TAKE_SNAPSHOT,
    START_COOLDOWN,
    THINK,
    EXTRA_TICK,
    SET,
    ADD,
) = range(21)
FIRST_WITH_REAL = EXTRA_TICK  #: the first of those whose amount is not whole
BY_NOTHING, BY_TARGET, BY_ALL = range(3)
FORMULAS = (EFFECT_CONDITION, FORMULA, KEPT_FORMULA, SPAN_FORMULA, TIMES_FORMULA, CRIT_FORMULA)

# What is being carried out: the effects of a bundle, or the links of who hears of an event. ints:
CURSOR = 0
CURSOR_END = 1
HEARING = 2  #: the event whose listeners these are; 0 for effects, LANDS for a landing
FRAME_TARGET = 3
FRAME_AURA = 4  #: that ticks, ends or is meant
EVENT = 5  #: what happened, for conditions
EVENT_DAMAGE = 6
EVENT_STACKS = 7
# reals:
SCALE = 0
EVENT_RAW = 1
FRAME_SIZE = 8
DUE = 8  #: when what waits is carried out
WAITING_SIZE = 9
LANDS = -1
FAILS = 2  #: the outcome of what misses; hits have 0, crits 1

# What is remembered under a name. ints:
FIRST_MEMORY = fact(0)
END_MEMORY = fact(1)
REMEMBERED_AT = 2
IS_REMEMBERED = 3
SLATE_SIZE = 4

# How one thing was. ints:
MEMORY_KIND = fact(0)
MEMORY_OF = fact(1)
MEMORY_COPY = fact(2)  #: of an aura: one that nobody has
MEMORY_AMOUNT = 3
# reals:
MEMORY_VALUE = 0
MEMORY_SIZE = 4
OF_AURA, OF_RESOURCE, OF_NUMBER = range(3)

# From what happens to who listens. ints:
LISTENER = fact(0)
EVENT_MASK = fact(1)
LINK_SIZE = 2
ON_CAST, ON_HIT, ON_CRIT, ON_TICK, ON_CRIT_TICK = 1, 2, 4, 8, 16
ON_MISS, ON_APPLY, ON_REFRESH, ON_EXPIRE, ON_REMOVE = 32, 128, 256, 512, 1024
ON_START = 2048

# A line of the rotation. ints:
OPERATION = fact(0)
LINE_OBJECT = fact(1)  #: the ability, aura, resource or number that it is about
CONDITION = fact(2)
WAKE = fact(3)
JUMP = fact(4)  #: where to go on when the condition of a list is false, or behind a sequence
LINE_STATE = fact(5)
LINE_CD = fact(6)  #: how long it is not eligible after it was done
MULTITASKED = fact(7)  #: whether it may be done while casting
LINE_NEEDS_GCD = fact(8)  #: whether the GCD must be free even if the ability ignores it
AIM = fact(9)  #: how it finds its target
AIM_VALUE = fact(10)  #: expression that targets are compared by
AIM_AT = fact(11)  #: the number of a target, or how many are looked at
LINE_VALUE = fact(12)  #: expression for a time, an amount or what a number is set to
VALUE_WAKE = fact(13)
LINE_HEADER = fact(14)  #: of the sequence that it is part of
PARTS = fact(15)  #: how many lines of a sequence follow, or how often a scheduled one may be done
FOR_NEXT = fact(16)  #: whether it pools for the line behind it
LINE_AT = fact(17)  #: of the precombat: when its time comes
INTERRUPT = fact(18)  #: the condition that cuts the channel
CHAINS = fact(19)  #: whether the same channel may cut it
LINE_ACTOR = fact(20)  #: who follows it
# sums:
FIRED = 0
LINE_SIZE = 21
# Lines of the first group are done; the others say which of those around them may be.
CAST, WAIT, WAIT_UNTIL, CANCEL_BUFF, CANCEL_CAST, MOVE, RESET_SEQUENCE = range(7)
CALL, END, POOL, ASSIGN, SEQUENCE, STRICT_SEQUENCE, SCHEDULE = range(7, 14)
AT_MAIN, AT_NUMBER, AT_ANY, AT_FIRST, AT_LEAST, AT_GREATEST = range(6)

# What a rotation remembers. ints:
POSITION = 0  #: how much of a sequence or schedule is done
DONE_AT = 1
# reals:
NUMBER = 0
STATE_SIZE = 2

# A timer of the agenda. ints:
HANDLER = fact(0)
ENTITY = fact(1)
PRIORITY = fact(2)
SLOT_SIZE = 3
(
    TICK,
    SWING,
    DECIDE,
    FINISH_CAST,
    EXPIRE,
    DESPAWN,
    CAST_QUEUED,
    OPEN,
    CHANNEL_TICK,
    CARRY_OUT_LATER,
    RAISE_CURTAIN,
    BEAT,
    HAPPEN,
) = range(13)
FIRST_TICK, FIRST_SWINGS, FROM_OUTSIDE, FIRST_DECISION, FIRST_OTHER, LAST_OF_ALL = range(6)

# What ends an iteration early.
FINE, ENDLESS_ACTIONS, ENDLESS_PROCS, TOO_MANY_EVENTS, TOO_MUCH_DAMAGE = range(5)
ACTIONS_AT_ONCE_LIMIT = 1000
DEEPEST_FRAME = 1024
LATER_CAPACITY = 1024
STEPS_LIMIT = 1 << 24
WRITES_LIMIT = 1 << 24
DAMAGE_LIMIT = (1 << 53) - 1

# A line of the combat log. ints:
RECORD_TIME = 0
RECORD_KIND = 1
RECORD_SUBJECT = 2  #: offset of what it is about
RECORD_TARGET = 3
RECORD_AMOUNT = 4
RECORD_LEFT = 5
RECORD_SIZE = 6
(
    CAST_BEGUN,
    CAST_DONE,
    HIT,
    CRIT_HIT,
    TICKED,
    CRIT_TICKED,
    MISSED,
    AURA_APPLIED,
    AURA_REFRESHED,
    AURA_REMOVED,
    AURA_LOST_STACKS,
    RESOURCE_GAINED,
    RESOURCE_SPENT,
    PROC_HAPPENED,
    PET_ARRIVED,
    PET_LEFT,
    LINE_CHOSEN,
    CHANNEL_BEGUN,
    CHANNEL_ENDED,
    CAST_CUT,
    TARGET_CAME,
    TARGET_LEFT,
    TARGET_DIED,
    MOVES,
) = range(1, 25)
