"""Who is calling: AWS Signature Version 4 (header and presigned) and Bedrock API keys, checked for real."""

from airflow_provider_bedrock_rft.emulator.auth.caller import AuthError, Caller, Protocol
from airflow_provider_bedrock_rft.emulator.auth.errors import ErrorReply, error_reply, protocol_of
from airflow_provider_bedrock_rft.emulator.auth.keys import ROOT_ACCOUNT, ROOT_KEY, ROOT_SECRET, KeyRing, Secret
from airflow_provider_bedrock_rft.emulator.auth.verify import Authenticator

__all__ = [
    "ROOT_ACCOUNT",
    "ROOT_KEY",
    "ROOT_SECRET",
    "AuthError",
    "Authenticator",
    "Caller",
    "ErrorReply",
    "KeyRing",
    "Protocol",
    "Secret",
    "error_reply",
    "protocol_of",
]
