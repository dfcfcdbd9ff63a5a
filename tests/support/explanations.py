# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes and next steps of messages, for the page of errors. `test_messages.py` makes its table from them."""

from __future__ import annotations

#: A part of a message, its cause, and what to do. The first part that is in a message explains it.
EXPLANATIONS: list[tuple[str, str, str]] = [
    (
        "service_sid is missing. Set service_sid or friendly_name",
        "No option says which Service is meant",
        "Set one of them",
    ),
    (
        "service_sid and friendly_name exclude each other with state: absent",
        "With a SID, the name is the new name of the Service",
        "Set one of them",
    ),
    (
        "friendly_name must have 1 to 64 characters",
        "Twilio accepts no other name",
        "Choose a shorter name",
    ),
    (
        "must be a URL that begins with https://",
        "The value is not shown, because it may contain a password",
        "Set a whole URL, or an empty string",
    ),
    (
        "validity_period must be between",
        "The option is out of range",
        "Set a value in the range",
    ),
    (
        "friendly_name must be the name of one Service",
        "Twilio allows several Services with the same name",
        "Use the SID, or rename the other Services",
    ),
    (
        "must be the SID of a Service of this account",
        "The Service was deleted, or belongs to another account or region",
        "Check the SID, the credentials and the region. Leave service_sid out to create a Service",
    ),
    (
        "Set force to true to delete it anyway",
        "The deletion could stop messages that are still sent through the Service",
        "Remove what it has, or set force to true. Phone numbers and short codes stay in your account",
    ),
    (
        "because it has a US campaign",
        "The campaign is registered with the operators, and would have to be registered again",
        "Delete the campaign in the Twilio Console first",
    ),
    (
        "but is not as desired",
        "Twilio accepted the request, but returned another value",
        "Look at the Service in the Twilio Console. Twilio may not allow the value for your account",
    ),
    (
        "Twilio lists no Service with this name now",
        "The answer to the creation was lost. A second request could create a second Service",
        "Wait some minutes, and run the task again. It lists the Services first",
    ),
    (
        "could not be updated",
        "Twilio refused the update, or its answer was lost",
        "Read the reason. Run the task again if the state is unknown",
    ),
    (
        "still returns it",
        "Twilio's answers contradict each other",
        "Run the task again later",
    ),
    (
        "('Shop') could not be deleted",
        "The answer to the deletion was lost",
        "Run the task again",
    ),
    (
        "Whether it was created is unknown",
        "The answer to the creation was lost, and the Services could not be listed",
        "Run the task again. It lists the Services first",
    ),
    (
        "Credentials must be set",
        "No option and no variable has credentials",
        "Set them, see the guide to credentials",
    ),
    (
        "must not be empty. Set it",
        "The option or variable is an empty string, often an unset variable of a job system",
        "Set it, or remove it",
    ),
    (
        "must contain only printable ASCII",
        "The value has a blank, a line break or another character that no credential has. Often it was copied with one",
        "Copy it again",
    ),
    (
        "must be set if api_key is set",
        "Half of a pair of credentials is given",
        "Set both, or neither",
    ),
    (
        "api_key must be SK",
        "The value is not the SID of an API key. It is not shown, because it may be a secret",
        "Look at the key in the Twilio Console: SID and secret may be interchanged",
    ),
    (
        "timeout must be",
        "The option is out of range",
        "Set a value in the range",
    ),
    (
        "max_retries must be",
        "The option is out of range",
        "Set a value in the range",
    ),
    (
        "edge must be set if region",
        "Twilio routes a region without an edge to us1",
        "Set edge too, or neither",
    ),
    (
        "must be the name of a Twilio",
        "The value is not a name, but a URL or a host",
        "Set the name alone",
    ),
    (
        "must not contain credentials",
        "A URL with a password shows it in logs",
        "Set the credentials as options or variables",
    ),
    (
        "must not end in /v1",
        "The collection adds the version of the API",
        "Remove /v1",
    ),
    (
        "which would send the credentials unencrypted",
        "http is allowed only for this machine",
        "Use https",
    ),
    (
        "api_url must be",
        "The value is not the URL of an API",
        "Correct it, or leave it out to use the API of Twilio",
    ),
    (
        "CA certificates",
        "TLS certificates cannot be verified without CA certificates",
        "Set the path of a PEM file or of a folder of them",
    ),
    (
        "HTTPS_PROXY (or ALL_PROXY)",
        "The environment has a proxy whose URL is not valid. It is not shown, because it may contain a password",
        "Correct the variable, or unset it",
    ),
    (
        "must be a Messaging Service SID",
        "A Service is given by something else than its SID. The letters MG are capitals",
        "Copy the SID from the Twilio Console, or use service_name",
    ),
    (
        "country_senders must map",
        "The value is not a mapping",
        "Write a mapping of country codes to alpha senders",
    ),
    (
        "must be an ISO 3166 alpha-2 country code",
        "The country is not a code of two letters. YAML reads the code of Norway, NO, as false",
        "Correct the code. The United Kingdom is GB",
    ),
    (
        "account_sid must be an account SID",
        "The value is not the SID of an account",
        "Copy the SID from the Twilio Console",
    ),
    (
        "must be the SID of a Service of the accounts",
        "No account of this run has this Service",
        "Check the SID, or add the account to accounts",
    ),
    (
        "accounts must be a mapping",
        "The value is not a mapping",
        "Write a mapping of account SIDs to their credentials",
    ),
    (
        "accounts must have account SIDs as keys",
        "A key is not the SID of an account. It is not shown, because it may be a secret",
        "Correct the key",
    ),
    (
        "must be a mapping with auth_token",
        "The credentials of an account have another form. They are not shown",
        "Set auth_token, or api_key and api_secret",
    ),
    (
        "subaccounts must be false with an API key",
        "An API key cannot read the tokens of subaccounts",
        "Use account_sid and auth_token, or set accounts",
    ),
    (
        "for which there are no credentials",
        "An entry names an account that the run has no credentials for",
        "Set accounts or subaccounts, or remove the Services",
    ),
    (
        "alpha_sender is missing",
        "State present needs the alpha sender",
        "Set it, or set state to absent",
    ),
    (
        "must be a Service SID or a mapping",
        "An entry is neither a SID nor a mapping",
        "Correct the entry",
    ),
    (
        "has the unknown key",
        "A key of an entry is not known",
        "Correct the key",
    ),
    (
        "must have service_sid or service_name",
        "An entry does not say which Service it is about",
        "Add service_sid or service_name",
    ),
    (
        "must have one desired state",
        "The same Service is listed twice with different settings",
        "Remove one of the entries",
    ),
    (
        "must be the name of one Service",
        "Names are not unique at Twilio",
        "Use service_sid",
    ),
    (
        "Did you mean",
        "No Service of the account has exactly this name",
        "Correct the name. Capitals and blanks count",
    ),
    (
        "must be the friendly name of a Service, got",
        "No Service of the account has exactly this name, or a similar one",
        "Check the account, or list the Services",
    ),
    (
        "service_sid is missing",
        "The Service is not given",
        "Set service_sid or service_name",
    ),
    (
        "exclude each other",
        "Two options name the Service in different ways",
        "Remove one of them",
    ),
    (
        "friendly name of a Service as a string",
        "The name is empty, or YAML does not read it as a string",
        "Set a name in quotes",
    ),
    (
        "must be a string, got",
        "YAML reads a value such as no or 123 not as a string",
        "Put it in quotes",
    ),
    (
        "must have 1 to 11 of the characters",
        "Twilio does not accept this alpha sender",
        "Choose another alpha sender",
    ),
    (
        "state must be present or absent",
        "The value is wrong",
        "Correct it",
    ),
    (
        "replace must be true or false",
        "The value is not a boolean",
        "Correct it",
    ),
    (
        "name_glob must be",
        "An empty pattern matches nothing",
        "Leave it out to get all Services",
    ),
    (
        "concurrency must be",
        "The option is out of range",
        "Set a value in the range",
    ),
    (
        "max_changes must be",
        "The value is neither a number nor a percentage",
        "Write a number such as 10, or a percentage such as 10%",
    ),
    (
        "must be 0 or more",
        "The option is out of range",
        "Set a value in the range",
    ),
    (
        "must be a file that can be written",
        "The path cannot be written. This is checked before anything is changed",
        "Correct the path or its permissions",
    ),
    (
        "is read on the controller",
        "Options that only the controller can serve need the module's action plugin, which another plugin or an ad-"
        "hoc call left out",
        "Call the module by its full name in a task",
    ),
    (
        "journal_path must be",
        "The journal cannot be kept there, so nothing is deleted",
        "Correct the folder, its permissions, or the space on its disk",
    ),
    (
        "only_if must be in an entry for one sender",
        "The condition would not say which of the senders it is about",
        "Write one entry for each sender, with iso_country_code",
    ),
    (
        "must have iso_country_code or country_senders",
        "The entry names countries in two ways",
        "Remove one of the keys",
    ),
    # Nothing was changed
    (
        "It now has 'OTHER', and only_if is",
        "Somebody else wrote to the Service at the same time",
        "Find out who, then run it again",
    ),
    (
        "and only_if is",
        "The Service does not have the alpha sender that you set as a condition. This is not a failure",
        "Nothing, or leave out only_if",
    ),
    (
        "has several alpha senders",
        "Nothing is deleted that nobody named",
        "Do what the message says",
    ),
    (
        "It now has 'OTHER', and replace is false",
        "Somebody else wrote to the Service at the same time",
        "Set replace to true, or leave the Service out",
    ),
    (
        "replace is false",
        "The Service has another alpha sender, and you do not allow to replace it",
        "Set replace to true, or leave the Service out",
    ),
    (
        "could not be restored if Twilio refused",
        "Twilio lists a value that it would not accept again",
        "Remove it first",
    ),
    (
        "without a valid SID, so it cannot be deleted",
        "Twilio lists a row without its SID",
        "Delete it in the Twilio Console",
    ),
    (
        "more changes than max_changes",
        "You allow fewer changes than the plan has. Nothing was changed",
        "Look at the plan in check mode, and set max_changes higher if it is right",
    ),
    (
        "because the canary failed",
        "The Services of the canary are not as desired, so the run started no other Service",
        "Look at their messages, and run it again",
    ),
    (
        "because the run was stopped",
        "The run was cancelled, or ended after an error that every Service would get",
        "Run it again",
    ),
    (
        "cannot be read, nothing was changed: unexpected",
        "A bug of this collection",
        "Report it",
    ),
    # What happened to a change
    (
        " is LOST",
        "The new value was refused, and restoring the old one failed too. The run starts no other Service",
        "Run the command. Then look at the reason before you run it again",
    ),
    (
        "The old alpha sender 'OLD' was restored",
        "Twilio refused the new value, so the old one was created again",
        "Do what Twilio's error says, see the table of codes",
    ),
    (
        "was not restored, because somebody else set",
        "Somebody else wrote to the Service at the same time",
        "Find out who, then run it again",
    ),
    (
        "somebody else deleted",
        "Somebody else wrote to the Service at the same time",
        "Run the command, or run it again",
    ),
    (
        "may be carried out late",
        "Twilio did not answer the DELETE in time. As long as its fate is open, a listing proves nothing",
        "Look at the Service later, and run the command if it has no alpha sender",
    ),
    (
        "but one may appear later",
        "Twilio did not answer the POST in time, and its listing may lag",
        "Run it again later",
    ),
    (
        "What it has now is unknown",
        "Twilio contradicts itself: its listing lags, or its answer was wrong",
        "Look at the Service later, and run the command if it has no alpha sender",
    ),
    (
        "The run was cancelled and ended before",
        "The run was cancelled, and its grace period was over before Twilio answered",
        "Run it again. It reads the Service first",
    ),
    (
        "unexpected KeyError",
        "A bug of this collection",
        "Report it, and run it again",
    ),
    (
        "which of the two is unknown",
        "Neither the change was confirmed nor could the Service be read",
        "Run it again. It reads the Service first",
    ),
    (
        "It has no alpha sender, as before",
        "Twilio refused the value, and nothing had to be deleted for it",
        "Do what Twilio's error says, see the table of codes",
    ),
    (
        "could not be created: POST failed: HTTP 409",
        "Somebody else wrote to the Service at the same time",
        "Find out who, then run it again",
    ),
    (
        "somebody else set 'OTHER' meanwhile",
        "Somebody else writes to the Service, too",
        "Find out who",
    ),
    (
        "It now has 'OLD'",
        "The old value could not be deleted, so nothing was changed",
        "Do what the error says",
    ),
    (
        "as desired, and in addition",
        "A warning: Twilio allows one alpha sender, and lists several",
        "Remove the others if they are not wanted",
    ),
    (
        "an earlier run deleted",
        "A warning: the journal has a value that a killed run deleted. The Service has a value again",
        "Nothing",
    ),
    (
        "a run was killed after it deleted",
        "A warning: the journal has a value that a killed run deleted, and this run is not about that Service",
        "Run the command",
    ),
    # What Twilio or the network did
    (
        "HTTP 401",
        "The credentials are wrong, or belong to another region. The run starts no other Service",
        "Correct the credentials",
    ),
    (
        "HTTP 403",
        "The API key has no permission. The run starts no other Service",
        "Give it the permissions of the guide to credentials",
    ),
    (
        "This is not an answer of Twilio",
        "Something else answers under this URL",
        "Check api_url and the proxy",
    ),
    (
        "HTTP 404",
        "These credentials see no such Service in this region. It was read twice",
        "Check the SID, the account and the region",
    ),
    (
        "would exceed the",
        "Twilio asks for a longer wait than a request may take",
        "Run it again later",
    ),
    (
        "HTTP 429",
        "Too many requests at once for the account. They were never processed",
        "Lower concurrency, or look what else uses the account",
    ),
    (
        "21730",
        "Twilio is under maintenance. Nothing was processed",
        "Run it again later",
    ),
    (
        "is a redirect",
        "The API does not redirect, something else answers. Credentials are sent to one host only",
        "Check api_url",
    ),
    (
        "no list of objects",
        "Something else answers under this URL",
        "Check api_url and the proxy",
    ),
    (
        "the listing does not end",
        "A page of the listing leads to itself, or the listing has no end",
        "Check api_url and the proxy",
    ),
    (
        "is not a link to the next page",
        "Something else answers under this URL",
        "Check api_url and the proxy",
    ),
    (
        "the answer is not a JSON object",
        "Something else answers under this URL, or the answer was damaged",
        "Check api_url and the proxy",
    ),
    (
        "so the request may or may not have been carried out",
        "The connection broke while a change was under way. The Service is read to find out",
        "Nothing, if the Service's outcome is known",
    ),
    (
        "no complete answer came",
        "The connection breaks while answers are read",
        "Check the network and the proxy, or set a longer timeout",
    ),
    (
        "was not reached",
        "No connection was made, so nothing was sent",
        "Check api_url, the network and the proxy",
    ),
    (
        "TLS with",
        "The certificate of the server was not accepted",
        "Set ca_path if your proxy answers with its certificate",
    ),
    (
        "grace period is over",
        "The run was cancelled",
        "Run it again",
    ),
    (
        "HTTP 400",
        "Twilio does not accept the request",
        "Do what its error says, see the table of codes",
    ),
]
