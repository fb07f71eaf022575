"""Credentials and personal data in texts, by maintained detectors from the ``datasets`` extra.

Documentation values (``example.com``, AWS's EXAMPLE keys, 555 telephone numbers) are nobody's and are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module

from airflow_provider_bedrock_rft.core.dataset.finding import Note

_SECRET_PLUGINS = (
    "aws.AWSKeyDetector",
    "azure_storage_key.AzureStorageKeyDetector",
    "basic_auth.BasicAuthDetector",
    "discord.DiscordBotTokenDetector",
    "github_token.GitHubTokenDetector",
    "gitlab_token.GitLabTokenDetector",
    "jwt.JwtTokenDetector",
    "mailchimp.MailchimpDetector",
    "npm.NpmDetector",
    "openai.OpenAIDetector",
    "private_key.PrivateKeyDetector",
    "pypi_token.PypiTokenDetector",
    "sendgrid.SendGridDetector",
    "slack.SlackDetector",
    "square_oauth.SquareOAuthDetector",
    "stripe.StripeDetector",
    "telegram_token.TelegramBotTokenDetector",
    "twilio.TwilioKeyDetector",
)
"""Of detect-secrets: those that know a token's form; its entropy and keyword rules cry wolf on prose and code."""
_OWN_SECRETS = {
    "AWS secret key": re.compile(
        r"(?i)aws_?secret_?(?:access_?)?key['\"]?\s*[=:]\s*['\"]?[A-Za-z0-9/+=]{40}(?![A-Za-z0-9/+=])"
    ),
    "Bedrock API key": re.compile(r"\bABSK[A-Za-z0-9+/=]{40,}|\bbedrock-api-key-[A-Za-z0-9+/=]{20,}"),
    "API key": re.compile(
        r"\bsk-(?:ant|proj|or)-[A-Za-z0-9_-]{20,}|\bhf_[A-Za-z0-9]{30,}|\bAIza[A-Za-z0-9_-]{35}|\bgithub_pat_\w{40,}"
    ),
}
_MAY_BE_SECRET = re.compile(r"[A-Za-z0-9_+/=-]{16}|://[^/\s]*@|BEGIN [A-Z ]*PRIVATE")
_MAY_BE_PERSONAL = re.compile(r"\d(?:[ ().-]{0,2}\d){8}|[A-Z]{2}\d\d ?[A-Z0-9]{4}")
_SAMPLE = re.compile("example|xxxx|your[_-]|<[a-z]|placeholder", re.IGNORECASE)
_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][\w.+-]*@((?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,})(?![\w-])"
)
_RESERVED_DOMAIN = re.compile(
    r"(?:^|\.)(?:example\.(?:com|org|net|edu)|\w+\.(?:example|test|invalid|localhost))$|^(?:domain|email|company)\.com$",
    re.IGNORECASE,
)
_CARD = re.compile(
    r"(?<![\d.,+*/=-])(?:[3-6]\d{3}(?:[ -]\d{4}){3}|3[47]\d{2}[ -]\d{6}[ -]\d{5}|[3-6]\d{14,15})(?![\d.,]?\d)"
)
_PHONE = re.compile(r"(?<![\w.])(?:\+\d[\d ().-]{7,17}\d|\(\d{3}\) ?\d{3}[ -]\d{4}|\d{3}[-.]\d{3}[-.]\d{4})(?![\d-])")
_FICTIONAL_PHONE = re.compile(r"555\D?\d{4}$|\d{3}\D*555\D?\d{4}$")
_SSN = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")


@dataclass(frozen=True, slots=True)
class Detector:
    """One kind of content and how to find it; ``find`` returns the text found, or empty."""

    code: str
    kind: str
    find: Callable[[str], str]


def load_detectors() -> tuple[Detector, ...]:
    """The detectors.

    Raises:
        ImportError: The ``datasets`` extra is not installed; names the missing module.
    """
    luhn, iban, ssn = (import_module(f"stdnum.{name}") for name in ("luhn", "iban", "us.ssn"))
    phones = import_module("phonenumbers")

    def is_phone(text: str) -> bool:
        number = phones.parse(text, "US")
        return bool(phones.is_valid_number(number)) and not _FICTIONAL_PHONE.search(text)

    def matching(pattern: re.Pattern[str], accepts: Callable[[str], bool]) -> Callable[[str], str]:
        return lambda text: next((match[0] for match in pattern.finditer(text) if accepts(match[0])), "")

    personal = (
        Detector("personal-data", "an e-mail address", _find_email),
        Detector(
            "personal-data", "a card number", matching(_CARD, lambda text: bool(luhn.is_valid(re.sub(r"\D", "", text))))
        ),
        Detector("personal-data", "a telephone number", matching(_PHONE, is_phone)),
        Detector("personal-data", "a US social security number", matching(_SSN, lambda text: bool(ssn.is_valid(text)))),
        Detector("personal-data", "an IBAN", matching(_IBAN, lambda text: bool(iban.is_valid(text)))),
    )
    return (*_secret_detectors(), *personal)


def _secret_detectors() -> Iterator[Detector]:
    for path in _SECRET_PLUGINS:
        module, name = path.split(".")
        plugin = getattr(import_module(f"detect_secrets.plugins.{module}"), name)()
        yield Detector("secret", str(plugin.secret_type), _first_of(plugin.denylist))
    for kind, pattern in _OWN_SECRETS.items():
        yield Detector("secret", kind, _first_of([pattern]))


def _first_of(patterns: Sequence[re.Pattern[str]]) -> Callable[[str], str]:
    def find(text: str) -> str:
        matches = (match[0] for pattern in patterns for match in pattern.finditer(text))
        return next((found for found in matches if not _SAMPLE.search(found)), "")

    return find


def _find_email(text: str) -> str:
    if "@" not in text:
        return ""
    return next((match[0] for match in _EMAIL.finditer(text) if _is_personal(match, text)), "")


def _is_personal(match: re.Match[str], text: str) -> bool:
    is_in_url = "://" in text[: match.start()].rpartition(" ")[2]
    return not is_in_url and not _RESERVED_DOMAIN.search(match[1])


def notes_on_privacy(text: str, where: str, detectors: Sequence[Detector]) -> list[Note]:
    """At most one note per kind found in ``text``; what was found is shown masked."""
    may_be_secret = _MAY_BE_SECRET.search(text) is not None
    may_be_personal = "@" in text or _MAY_BE_PERSONAL.search(text) is not None
    notes = []
    for detector in detectors:
        is_worth_a_look = may_be_secret if detector.code == "secret" else may_be_personal
        if is_worth_a_look and (found := detector.find(text)):
            notes.append(Note(code=detector.code, field=where, message=f"{_masked(found)} looks like {detector.kind}."))
    return notes


def _masked(found: str) -> str:
    """The first characters of what was found: enough to find it, too little to use it."""
    shown = " ".join(found.split())
    return repr(shown[: max(2, min(6, len(shown) // 4))] + "…")
