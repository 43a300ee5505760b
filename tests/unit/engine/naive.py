"""A slow, obvious twin of the event loop, for fights without chance.

It looks at every millisecond and does what is due, in the order of the rules.  It shares no code
with the engine; it knows swings, casts, cooldowns with charges, one resource, auras that tick and
stack, and damage and haste that auras change.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Aura:
    """An aura that is up."""

    stacks: int
    expires: int
    next_tick: int | None = None


@dataclass
class Cooldown:
    """The charges of an ability, and when the next one returns."""

    charges: int
    returns: int | None = None


@dataclass
class NaiveFight:
    """One fight, played millisecond by millisecond."""

    config: dict[str, Any]
    counters: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        spec = self.config["spec"]
        self.spec = spec
        self.length = self.config["duration_ms"]
        self.stats = self.config["player"]["stats"]
        self.auras: dict[str, Aura] = {}
        self.cooldowns = {
            name: Cooldown(ability.get("cooldown", {}).get("charges", 1))
            for name, ability in spec["abilities"].items()
        }
        self.resource = next(iter(spec["resources"].values()), {"maximum": 0})
        self.points = float(self.resource.get("start", self.resource["maximum"]))
        self.swing_at: float | None = spec["swing"].get("first_ms", 0) if "swing" in spec else None
        self.gcd_ends = 0
        self.casting: tuple[str, int] | None = None
        self.now = 0

    def play(self) -> Counter[str]:
        """Play the whole fight and give what happened."""
        for moment in range(self.length + 1):
            self.now = moment
            if self.now:
                self.regenerate()
            self.return_charges()
            self.tick()
            self.swing()
            self.finish_cast()
            while self.act():
                pass
            if self.expire():
                while self.act():
                    pass
        return self.counters

    def modified(self, stat: str) -> float:
        """Multiply what the auras that are up do to a stat."""
        factor = 1.0
        for name, aura in self.spec.get("auras", {}).items():
            if name in self.auras:
                for change in aura.get("modifies", ()):
                    if change["stat"] == stat:
                        factor *= 1 + change["by"] * self.auras[name].stacks
        return factor

    @property
    def haste(self) -> float:
        """Give 1 + haste."""
        percent: float = self.stats.get("haste_percent", 0)
        return (1 + percent / 100) * self.modified("haste")

    def regenerate(self) -> None:
        """Grow by one millisecond's worth."""
        rate = self.resource.get("per_second", 0) / 1000
        rate *= self.haste if self.resource.get("hasted") else 1
        self.points = min(self.resource["maximum"], self.points + rate)

    def return_charges(self) -> None:
        """Give back the charges that are due."""
        for name, cooldown in self.cooldowns.items():
            if cooldown.returns == self.now:
                cooldown.charges += 1
                rule = self.spec["abilities"][name]["cooldown"]
                full = cooldown.charges == rule.get("charges", 1)
                cooldown.returns = None if full else self.now + rule["ms"]

    def carry_out(self, effects: list[dict[str, Any]], source: str, kind: str) -> None:
        """Do what effects say."""
        for effect in effects:
            if "damage" in effect:
                dealt = effect["damage"]["attack_power"] * self.stats["attack_power"]
                self.counters[f"ability.{source}.{kind}"] += 1
                self.counters[f"ability.{source}.damage_milli"] += round(
                    1000 * dealt * self.modified("damage")
                )
            elif "apply" in effect:
                self.apply(effect["apply"]["aura"], effect["apply"].get("stacks", 1))
            elif "gain" in effect:
                self.points = min(self.resource["maximum"], self.points + effect["gain"]["amount"])

    def apply(self, name: str, stacks: int) -> None:
        """Apply or refresh an aura."""
        rule, before = self.spec["auras"][name], self.haste
        period = rule["tick"]["period_ms"] if "tick" in rule else None
        if aura := self.auras.get(name):
            refresh = rule.get("refresh", "reset")
            carried = 0
            if refresh != "reset":
                most = round(refresh["pandemic"] * rule["duration_ms"])
                carried = min(aura.expires - self.now, most)
            aura.expires = self.now + rule["duration_ms"] + carried
            aura.stacks = min(aura.stacks + stacks, rule.get("stacks", 1))
            self.counters[f"aura.{name}.refreshes"] += 1
        else:
            self.auras[name] = Aura(
                min(stacks, rule.get("stacks", 1)),
                self.now + rule["duration_ms"],
                self.now + period if period else None,
            )
            self.counters[f"aura.{name}.applications"] += 1
        self.rescale_swing(before)

    def rescale_swing(self, before: float) -> None:
        """Stretch what is left of a swing when haste has changed."""
        if self.swing_at is not None and self.swing_at > self.now and before != self.haste:
            self.swing_at = self.now + round((self.swing_at - self.now) * (before / self.haste))

    def tick(self) -> None:
        """Let auras tick that are due."""
        for name, aura in self.auras.items():
            if aura.next_tick == self.now:
                rule = self.spec["auras"][name]["tick"]
                aura.next_tick = self.now + rule["period_ms"]
                self.carry_out(rule["effects"], name, "ticks")

    def swing(self) -> None:
        """Let the player swing if it is time."""
        if self.swing_at == self.now:
            swing = self.spec["swing"]
            self.swing_at = self.now + round(swing["period_ms"] / self.haste)
            self.carry_out(swing["effects"], swing["name"], "hits")

    def finish_cast(self) -> None:
        """Let a cast take effect."""
        if self.casting and self.casting[1] == self.now:
            name, self.casting = self.casting[0], None
            self.finish(name)

    def finish(self, name: str) -> None:
        """Pay for an ability and let it take effect."""
        ability = self.spec["abilities"][name]
        self.points -= sum(ability.get("cost", {}).values())
        if "cooldown" in ability:
            cooldown = self.cooldowns[name]
            cooldown.charges -= 1
            cooldown.returns = cooldown.returns or self.now + ability["cooldown"]["ms"]
        self.counters[f"ability.{name}.casts"] += 1
        self.carry_out(ability["effects"], name, "hits")

    def act(self) -> bool:
        """Do the first thing that the rotation allows; tell whether there was one."""
        if self.casting:
            return False
        for line in self.config["rotation"]["actions"]:
            name = line["cast"]
            if self.castable(name) and self.holds(line.get("if", True)):
                self.begin(name)
                return True
        return False

    def castable(self, name: str) -> bool:
        """Tell whether an ability can be cast now."""
        ability = self.spec["abilities"][name]
        off_gcd = ability.get("off_gcd", False)
        affordable = self.points + 1e-6 >= sum(ability.get("cost", {}).values())
        ready = "cooldown" not in ability or self.cooldowns[name].charges > 0
        return affordable and ready and (off_gcd or self.now >= self.gcd_ends)

    def holds(self, condition: Any) -> bool:
        """Evaluate the few conditions that the twin knows."""
        match condition:
            case bool():
                return condition
            case {"not": inner}:
                return not self.holds(inner)
            case {">=": ["resource.focus", least]}:
                return bool(self.points + 1e-6 >= least)
            case {"<": [str(path), most]} if path.endswith(".remaining"):
                aura = self.auras.get(path.split(".")[1])
                return bool((aura.expires - self.now if aura else 0) / 1000 < most - 1e-6)
            case str(path):
                return path.split(".")[1] in self.auras
        raise ValueError(condition)

    def begin(self, name: str) -> None:
        """Start a cast, or finish it when it takes no time."""
        ability = self.spec["abilities"][name]
        if not ability.get("off_gcd", False):
            self.gcd_ends = self.now + max(750, round(1500 / self.haste))
        if cast := ability.get("cast_ms", 0):
            self.casting = (name, self.now + round(cast / self.haste))
        else:
            self.finish(name)

    def expire(self) -> bool:
        """Take away the auras whose time has come; tell whether there was one."""
        before = self.haste
        ended = [name for name, aura in self.auras.items() if aura.expires <= self.now]
        for name in ended:
            del self.auras[name]
        self.rescale_swing(before)
        return bool(ended)
