"""Every rule of the check: its stable code, its severity, and what to do when it is broken.

``docs/reference/dataset-findings.md`` shows the same table; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; ``about`` says in a phrase what it finds."""

    severity: Literal["error", "warning", "info"]
    about: str
    action: str


_JSON = "Write each record as one JSON object on one line, for example with json.dumps."

RULES: dict[str, Rule] = {
    # the file
    "unreadable-file": Rule("error", "the file cannot be read", "Check the path and its permissions."),
    "empty-file": Rule("error", "the file holds no record", "Check the query or export that wrote it."),
    "binary-file": Rule("error", "the file is not text", "Give JSONL, CSV or Parquet under its own extension."),
    "utf16-file": Rule("error", "the file is UTF-16", "Save it as UTF-8 without a byte order mark."),
    "missing-column": Rule("error", "a table lacks a named column", "Correct the column mapping."),
    "changed-while-read": Rule("error", "the source changed during the check", "Check again once it is complete."),
    "compression-bomb": Rule("error", "a small file unpacks to an absurd size", "Do not trust this file."),
    "bom": Rule("warning", "a byte order mark opens the file", "Remove it: --fix does."),
    "crlf": Rule("warning", "a line ends in CR LF", "Use LF alone: --fix does."),
    "blank-line": Rule("warning", "a line holds nothing", "Remove it: --fix does."),
    "too-few-records": Rule("error", "fewer records than the target takes", "Add records, or join datasets."),
    "too-many-records": Rule("error", "more records than the target takes", "Draw a sample, or split the dataset."),
    # the line
    "line-too-long": Rule("error", "a line is longer than the check reads", "Look for missing line breaks."),
    "truncated-line": Rule("error", "the last line breaks off", "Write or download the file again."),
    "not-utf8": Rule("error", "a line is not UTF-8", "Save the file as UTF-8."),
    "nul-byte": Rule("error", "a line holds NUL bytes", "Write the file again; it was damaged on its way."),
    "malformed-json": Rule("error", "a line is not JSON", _JSON),
    "not-an-object": Rule("error", "a line is JSON but no object", _JSON),
    "nested-too-deep": Rule("error", "a value is nested too deep", "Flatten it."),
    "duplicate-key": Rule("error", "an object has the same key twice", "Keep one: parsers disagree on which counts."),
    "non-finite-number": Rule("error", "NaN or Infinity, which JSON has not", "Write null, or leave the key out."),
    "number-precision": Rule("warning", "a number loses digits in a double", "Write it as a string."),
    "lone-surrogate": Rule("error", "half a UTF-16 pair", "Mend the text before escaping it; it cannot be UTF-8."),
    "control-character": Rule("warning", "an invisible control character in a text", "Remove it from the text."),
    # the prompt
    "missing-messages": Rule("error", "no messages", 'Add "messages": [{"role": "user", "content": "…"}].'),
    "messages-type": Rule("error", "messages is not a list of objects", "Make it a list of role/content objects."),
    "empty-messages": Rule("error", "messages is empty", "Add at least one user turn."),
    "missing-role": Rule("error", "a message without role", "Add the role: system, user or assistant."),
    "unknown-role": Rule("error", "a role the target does not know", "Use system, user or assistant."),
    "missing-content": Rule("error", "a message without content", "Add its text."),
    "content-type": Rule("error", "content is neither text nor a list of text parts", "Make it a string."),
    "not-text": Rule("error", "a content part that is not text", "RFT takes text only: remove it."),
    "empty-content": Rule("error", "a message's text is empty or blank", "Fill it in, or drop the turn."),
    "unknown-message-key": Rule("error", "a message has a key it may not have", "Move it to the record's top level."),
    "misplaced-key": Rule("error", "a key stands at the wrong level", "Move it to where the action names."),
    "misspelt-key": Rule("warning", "a key looks like a misspelt one", "Correct its spelling, or rename it."),
    "system-not-first": Rule("error", "a system turn after another turn", "Put the one system turn first."),
    "no-user-turn": Rule("error", "no user turn", "Add the question as a user turn."),
    "trailing-assistant": Rule("error", "the prompt ends in an assistant turn", "Move that text to reference_answer."),
    "role-order": Rule("error", "turns in an order no conversation has", "Alternate user and assistant."),
    "several-turns": Rule("info", "several user turns; Bedrock documents one", "Prefer one user turn per record."),
    "prompt-too-long": Rule("error", "a prompt over the token limit", "Shorten it, or raise max_prompt_tokens."),
    "id-type": Rule("error", "id is not a non-blank string", "Make it a non-blank string, or leave it out."),
    "tools-not-allowed": Rule("error", "tools, which the target does not take", "Describe the tools in the prompt."),
    "tools-invalid": Rule("error", "a tool that is no function tool", "Follow the OpenAI function tool layout."),
    # the reference
    "missing-reference": Rule("warning", "no reference_answer", "Add it, unless the grader needs none."),
    "empty-reference": Rule("error", "reference_answer is empty or blank", "Fill it in."),
    "reference-type": Rule("error", "reference_answer is neither text nor object", "Write a string or an object."),
    "ungradable-reference": Rule("error", "the grader does not give the reference top score", "Mend one of the two."),
    "grader-failed": Rule("error", "the grader fails on the reference", "Mend the grader, or this record."),
    "reference-in-prompt": Rule("warning", "the answer stands in the prompt", "Remove it from the prompt."),
    "dominant-reference": Rule("warning", "one answer dominates", "Balance the answers: guessing it would pay."),
    "mixed-reference": Rule("warning", "references of different shape", "Give all the shape most have."),
    "mixed-metadata": Rule("warning", "a metadata key with different types", "Give the key one type."),
    # between records
    "duplicate-record": Rule(
        "warning", "the same prompt and reference again", "Keep one: --fix does, if nothing else differs."
    ),
    "near-duplicate": Rule("warning", "almost the same prompt again", "Keep the better one."),
    "conflicting-reference": Rule("error", "the same prompt with another reference", "Find out which is right."),
    "duplicate-id": Rule("error", "the same id again", "Give every record an id of its own."),
    "leakage": Rule("error", "a prompt of one split also stands in another", "Remove it from one of them."),
    "near-leakage": Rule("warning", "almost the same prompt in two splits", "Keep paraphrases on one side."),
    # content
    "secret": Rule("error", "what looks like a credential", "Remove it, and revoke it if it is real."),
    "personal-data": Rule("warning", "what looks like personal data", "Remove or replace it."),
    "language-drift": Rule("warning", "the language differs from the previous dataset", "Check the source."),
    # the check itself
    "check-skipped": Rule("info", "a check that was not run", "See the message for what it needs."),
}
