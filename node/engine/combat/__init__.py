"""The combat engine: one fight of one character, simulated many times, from documents.

A config holds a game profile, a spec, a player, a target and a rotation.  `schema` checks their
shape, `spec` and `rotation` turn them into the image of a fight, `kernels` play it.
"""

from node.engine.combat.engine import CombatEngine, create

__all__ = ["CombatEngine", "create"]
