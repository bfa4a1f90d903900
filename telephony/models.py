"""Numbers, calls and what was kept of them. Verbs live in `lifecycle`, `dispatch` and `wrapup`."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models

from agents.models import Agent, AgentVersion
from tenants.models import TenantModel
from tenants.vault import EncryptedTextField


class SignatureMode(models.TextChoices):
    """What an unsigned callback means. Many Vobiz accounts are never sent a signature."""

    OFF = "off", "Never check"
    IF_PRESENT = "if-present", "Check when there is one"
    REQUIRED = "required", "Refuse without one"


class CarrierAccount(TenantModel):
    """A tenant's account at Vobiz, or its sub-account of the `platform`'s. The tokens are write-only.

    `minute_micros` and `pulse_s` are the price of a minute and how it is rounded, as the account said when it was
    checked last.
    """

    auth_id = models.CharField(max_length=64)
    auth_token = EncryptedTextField(blank=True)
    parent_token = EncryptedTextField(blank=True)
    signature_mode = models.CharField(max_length=10, choices=SignatureMode, default=SignatureMode.IF_PRESENT)
    platform = models.BooleanField(default=False, db_default=False)
    checked_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=400, blank=True, default="", db_default="")
    minute_micros = models.BigIntegerField(null=True)
    pulse_s = models.PositiveSmallIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["tenant"], name="one_carrier_account_per_tenant"),)

    def __str__(self) -> str:
        return self.auth_id

    @property
    def tokens(self) -> tuple[str, ...]:
        """What a signature may have been made with: our own token, then the parent account's."""
        return tuple(token for token in (self.auth_token, self.parents_token) if token)

    @property
    def parents_token(self) -> str:
        """The parent account's token; the platform's own is nowhere but in its settings."""
        return settings.VOBIZ_AUTH_TOKEN if self.platform else self.parent_token


class PhoneNumber(TenantModel):
    """A rented number and who answers it.

    `token` is the secret part of its callback addresses, 256 random bits: the one thing that Vobiz always brings back.
    """

    e164 = models.CharField(max_length=16, unique=True)
    label = models.CharField(max_length=80, blank=True)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    token = models.CharField(max_length=64, unique=True, default=secrets.token_urlsafe, editable=False)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("e164",)
        constraints = (models.UniqueConstraint(fields=["tenant", "id"], name="number_of_tenant"),)

    def __str__(self) -> str:
        return self.e164


class Direction(models.TextChoices):
    """Who rang whom."""

    INBOUND = "inbound", "Incoming"
    OUTBOUND = "outbound", "Outgoing"


class Kind(models.TextChoices):
    """What a call is. A word with a colleague belongs to the call of somebody who is put through to them. The last two
    are tests from the agent's editor: no carrier has a part in them, and what they use is not billed as calls are."""

    PHONE = "phone", "Phone call"
    BRIEF = "brief", "Word with a colleague"
    TEST = "test", "Test call"
    CHAT = "chat", "Test chat"


CARRIED = (Kind.PHONE, Kind.BRIEF)
"""What goes over the carrier."""


class Status(models.TextChoices):
    """Where a call is. Only `lifecycle.advance` writes it."""

    RINGING = "ringing", "Ringing"
    STREAMING = "streaming", "Talking"
    ANSWERED = "answered", "On the line"
    TRANSFERRING = "transferring", "Being put through"
    ENDED = "ended", "Ended"
    REFUSED = "refused", "Refused"


LIVE = (Status.RINGING, Status.STREAMING, Status.ANSWERED, Status.TRANSFERRING)


class Outcome(models.TextChoices):
    """How a call went. The first eight are the engine's words (`agents.voice.report.CallReport`), the last three those
    of routes that are no agent here."""

    CALLER_HUNG_UP = "caller_hung_up", "Caller hung up"
    AGENT_HUNG_UP = "agent_hung_up", "Agent said goodbye"
    TRANSFER = "transfer", "Put through"
    SILENCE = "silence", "Caller fell silent"
    MAX_DURATION = "max_duration", "Reached the time limit"
    LINE_DEAD = "line_dead", "Line went dead"
    DRAINED = "drained", "Cut by a restart"
    FAILED = "failed", "Failed"
    MISSED = "missed", "Gave up while ringing"
    LOST = "lost", "Lost"
    REFUSED = "refused", "Refused"
    ELSEWHERE = "elsewhere", "Taken elsewhere"
    MESSAGE = "message", "Left a message"
    UNANSWERED = "unanswered", "Nobody answered"


class Call(TenantModel):
    """One call, keyed by the carrier's id (`CallUUID`, `start.callId`); a test has an id of ours that begins `test-`.

    `draft` is the config of a test that tried no published version, as it was when the test began. `usage` of a test
    looks like any other: `kind` tells them apart.
    """

    carrier_id = models.CharField(max_length=64)
    kind = models.CharField(max_length=5, choices=Kind, default=Kind.PHONE, db_default=Kind.PHONE)
    direction = models.CharField(max_length=8, choices=Direction, default=Direction.INBOUND)
    caller = models.CharField(max_length=256, blank=True)
    called = models.CharField(max_length=16, blank=True)
    number = models.ForeignKey(PhoneNumber, on_delete=models.PROTECT, null=True, related_name="+")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, null=True, related_name="+")
    version = models.ForeignKey(AgentVersion, on_delete=models.PROTECT, null=True, related_name="+")
    draft = models.JSONField(null=True)

    status = models.CharField(max_length=12, choices=Status, default=Status.RINGING)
    outcome = models.CharField(max_length=16, choices=Outcome, blank=True)
    error = models.TextField(blank=True)
    transfer_to = models.CharField(max_length=80, blank=True)

    created_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    stream_started_at = models.DateTimeField(null=True)
    stream_ended_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    duration_ms = models.PositiveIntegerField(null=True)

    hangup_cause = models.CharField(max_length=64, blank=True)
    hangup_code = models.PositiveIntegerField(null=True)
    hangup_source = models.CharField(max_length=64, blank=True)
    carrier_duration_s = models.PositiveIntegerField(null=True)
    carrier_billed_s = models.PositiveIntegerField(null=True)

    worker = models.CharField(max_length=80, blank=True)
    heartbeat_at = models.DateTimeField(null=True)
    epoch = models.PositiveIntegerField(default=0)
    stream_offers = models.PositiveSmallIntegerField(default=0)
    streams = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    """Each stream in order: `epoch`, `at` (ISO), `at_ms` on the call's axis, `cause` (empty for the first, `lost`,
    `left`, `back`) and `gap_ms`, how long nobody had served the caller."""
    stream_stopped_at = models.DateTimeField(null=True)
    """When we ended the last stream ourselves; a stream that ended without was lost."""

    median_gap_ms = models.PositiveIntegerField(null=True)
    interruptions = models.PositiveIntegerField(default=0)
    underruns = models.PositiveIntegerField(default=0)
    usage = models.JSONField(default=list)
    own_accounts = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    """Providers at which the tenant's own account is used: metered, and not charged."""
    cut_short = models.CharField(max_length=16, blank=True, default="", db_default="")
    """Why it was ended for want of money (`billing.standing.Obstacle`)."""
    collected = models.JSONField(default=list)
    counters = models.JSONField(default=dict)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["tenant", "carrier_id"], name="one_call_per_carrier_id"),
            models.UniqueConstraint(fields=["tenant", "id"], name="call_of_tenant"),
            # The key that carries the tenant names the agent too, and is not looked at while that is null.
            models.CheckConstraint(
                condition=models.Q(version=None) | models.Q(agent__isnull=False), name="call_version_has_agent"
            ),
        )
        indexes = (
            models.Index(fields=["tenant", "-created_at", "-id"], name="calls_newest_first"),
            models.Index(fields=["tenant", "status"], name="calls_live", condition=models.Q(status__in=LIVE)),
            models.Index(fields=["ended_at"], name="calls_by_end"),
        )

    def __str__(self) -> str:
        return f"{self.caller} → {self.called}"

    @property
    def is_live(self) -> bool:
        """Whether the caller may still be there."""
        return self.status in LIVE

    @property
    def person(self) -> str:
        """The number at the other end: who rang us, or whom we rang."""
        return self.called if self.direction == Direction.OUTBOUND else self.caller

    @property
    def is_test(self) -> bool:
        """Whether it was made from the editor: without a carrier, and not to be billed as a call."""
        return self.kind not in CARRIED


class Turn(TenantModel):
    """One finished turn: `agents.voice.report.TurnRecord` as a row. Times are ms on the recording's axis."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="turns")
    index = models.PositiveIntegerField()
    speaker = models.CharField(max_length=6)
    kind = models.CharField(max_length=12)
    text = models.TextField(blank=True)
    unheard = models.TextField(blank=True)
    started_ms = models.PositiveIntegerField()
    ended_ms = models.PositiveIntegerField()
    interrupted = models.BooleanField(default=False)
    barge_in_ms = models.PositiveIntegerField(null=True)
    gap_ms = models.PositiveIntegerField(null=True)
    patience_ms = models.PositiveIntegerField(null=True)
    model_ms = models.PositiveIntegerField(null=True)
    voice_ms = models.PositiveIntegerField(null=True)
    line_ms = models.PositiveIntegerField(null=True)
    final_ms = models.PositiveIntegerField(null=True)
    token_ms = models.PositiveIntegerField(null=True)
    confidence = models.FloatField(null=True)

    class Meta:
        ordering = ("index",)
        constraints = (models.UniqueConstraint(fields=["call", "index"], name="one_turn_per_place"),)

    def __str__(self) -> str:
        return f"{self.index} {self.speaker}"


class Recording(TenantModel):
    """Where a call's stereo µ-law WAV is kept, and its peaks for the picture."""

    call = models.OneToOneField(Call, on_delete=models.CASCADE, related_name="recording")
    name = models.CharField(max_length=200)
    duration_ms = models.PositiveIntegerField()
    bytes = models.PositiveBigIntegerField()
    peaks = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class WebhookEvent(TenantModel):
    """A callback as it came, without its secrets, stored before it is handled.

    Of a signed one `digest` is the checksum of what it said, secrets included: one that failed may come again so.
    """

    number = models.ForeignKey(PhoneNumber, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16)
    carrier_id = models.CharField(max_length=64, blank=True)
    fields = models.JSONField(default=dict)
    signed_with = models.CharField(max_length=12, blank=True)
    received_at = models.DateTimeField(auto_now_add=True)
    handled_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    digest = models.CharField(max_length=64, blank=True, default="", db_default="")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["tenant", "id"], name="webhook_of_tenant"),)
        indexes = (models.Index(fields=["tenant", "carrier_id"], name="webhooks_by_call"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.carrier_id}"


class UsedNonce(TenantModel):
    """A nonce of a good signature: good once. One callback may use two, when it is signed in two versions."""

    event = models.ForeignKey(WebhookEvent, on_delete=models.CASCADE, related_name="nonces")
    nonce = models.CharField(max_length=32)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["tenant", "nonce"], name="one_use_per_nonce"),)

    def __str__(self) -> str:
        return self.nonce


from telephony.keeping.models import CarrierRecording  # noqa: E402, F401
from telephony.numbers.models import NumberOrder, Rental  # noqa: E402, F401
from telephony.outbound.models import Campaign, Contact, Dial, DoNotCall, Pace  # noqa: E402, F401
from telephony.routes.models import Route, RoutePlan, RouteShare, RouteStep  # noqa: E402, F401
from telephony.settling.models import CarrierCdr  # noqa: E402, F401
from telephony.takeover.models import CallNote  # noqa: E402, F401
from telephony.transfers.models import Transfer, TransferLeg  # noqa: E402, F401
