"""What the editor offers to choose from, with what each choice costs and how quick it is. Values, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from agents import catalogue, prices
from agents.entries import Account, Accounts, Choice, Model, Provider, StageName
from agents.voice.blueprint import Stage

Options = list[tuple[str, str]]
Groups = list[tuple[str, Options]]


@dataclass(frozen=True, slots=True)
class Card:
    """One choice as the editor shows it. `effect` is price and time; `unfit` says why it will not do."""

    value: str
    model: Model
    effect: str
    unfit: str


@dataclass(frozen=True, slots=True)
class CardGroup:
    """What one provider offers; `account` is whose account a call would use, None where none is needed or asked for."""

    provider: Provider
    account: Account | None
    cards: tuple[Card, ...]


def rupees_a_minute(stage: StageName, provider: str, model: str) -> str:
    """`≈ ₹0.71/min`, `free`, or that the provider has to be asked."""
    micros = prices.per_minute(stage, provider, model)
    if micros is None:
        return "ask the provider"
    amount = (Decimal(micros) / 1_000_000).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    return f"≈ ₹{amount}/min" if micros else "free"


def effect(stage: StageName, provider: str, model: Model) -> str:
    """`≈ ₹0.71/min · ≈ 300 ms`."""
    parts = [rupees_a_minute(stage, provider, model.id)]
    if model.expected_ms is not None:
        parts.append(f"≈ {model.expected_ms} ms")
    return " · ".join(parts)


def chosen_effect(name: StageName, stage: Stage, accounts: Accounts | None) -> str:
    """Price and time of what is chosen, and whose account pays; empty for what is not on offer."""
    model = catalogue.find(name, stage.provider, stage.model)
    if model is None:
        return ""
    account = (accounts or {}).get(stage.provider)
    return " · ".join(filter(None, (effect(name, stage.provider, model), account.words if account else "")))


def cards(stage: StageName, languages: Sequence[str], accounts: Accounts | None) -> list[CardGroup]:
    """All that is on offer for a stage, by provider; each that does not know one of the languages says so."""
    return [
        CardGroup(
            provider,
            _account(provider, accounts),
            tuple(
                Card(f"{provider.id}/{model.id}", model, effect(stage, provider.id, model), _unfit(model, languages))
                for model in provider.models(stage)
            ),
        )
        for provider in catalogue.PROVIDERS
        if provider.offered and provider.models(stage)
    ]


def model_options(stage: StageName) -> Options:
    """Every model of a stage, as a form takes it."""
    return [(choice.key, choice.model.name) for choice in catalogue.choices(stage)]


def model_groups(stage: StageName, languages: Sequence[str], accounts: Accounts | None) -> Groups:
    """The same for a drop-down list, with price and time beside each name."""
    return [
        (
            _heading(group.provider.name, group.account),
            [
                (card.value, " · ".join(filter(None, (card.model.name, card.effect, card.unfit))))
                for card in group.cards
            ],
        )
        for group in cards(stage, languages, accounts)
    ]


def voice_groups(languages: Iterable[str], accounts: Accounts | None) -> Groups:
    """Voices of all models that speak one of the languages, by model, for a drop-down list."""
    wanted = tuple(languages)
    groups: Groups = []
    for choice in catalogue.choices("tts"):
        voices = [voice for voice in choice.model.voices if set(wanted) & set(voice.speaks)]
        if voices:
            named = _heading(f"{_maker(choice)}{choice.model.name}", _account(choice.provider, accounts))
            heading = f"{named} · {effect('tts', choice.provider.id, choice.model)}"
            groups.append(
                (heading, [(f"{choice.key}/{voice.id}", f"{choice.model.name}: {voice.name}") for voice in voices])
            )
    return groups


def with_current(groups: Groups, current: str, name: str) -> Groups:
    """Keeps a current value that is not on offer, so that saving another field does not change it."""
    if current in dict(flat(groups)):
        return groups
    return [*groups, ("Chosen before", [(current, name)])]


def flat(groups: Groups) -> Iterator[tuple[str, str]]:
    """The options without their groups."""
    for _, options in groups:
        yield from options


def key_of(stage: Stage) -> str:
    """A stage as a form posts it: `provider/model` or `provider/model/voice`. A free name stays out of it."""
    model = "" if _is_free(stage) else stage.model
    return "/".join((stage.provider, model, stage.voice)) if stage.voice else f"{stage.provider}/{model}"


def stage_of(key: str, *, name: str = "") -> Stage:
    """The stage that a form posted; `name` is the model's where it is free."""
    provider, model, *voice = key.split("/", 2)
    return Stage(provider, model or name, *voice)


def voice_label(stage: Stage) -> str:
    """A voice as a person reads it, with its model: one of the account's own is known by its id alone."""
    model = catalogue.find("tts", stage.provider, stage.model)
    if model is None:
        return f"{key_of(stage)}, not on offer"
    return f"{model.name}: {catalogue.voice_name(model, stage.voice)}"


def name_of(stage: StageName, chosen: Stage) -> str:
    """The model as a person reads it."""
    model = catalogue.find(stage, chosen.provider, chosen.model)
    return chosen.model if model is None or model.free_name else model.name


def _is_free(stage: Stage) -> bool:
    model = catalogue.find("llm", stage.provider, stage.model)
    return model is not None and model.free_name


def _account(provider: Provider, accounts: Accounts | None) -> Account | None:
    return None if provider.keyless or accounts is None else accounts.get(provider.id, Account())


def _heading(name: str, account: Account | None) -> str:
    return name if account is None or account.usable else f"{name} (no key)"


def _maker(choice: Choice) -> str:
    return "" if choice.provider.keyless else f"{choice.provider.name} "


def _unfit(model: Model, languages: Sequence[str]) -> str:
    missing = [catalogue.language_name(language) for language in languages if language not in model.languages]
    return f"does not know {' and '.join(missing)}" if missing else ""
