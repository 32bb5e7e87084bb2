"""What the parts of a report on a directory come to."""

import json

from lab.profile_reports import DN, dead, host, login, report

from sasl_bridge.probe.directory_report import Checked, LoginTried, directory_report_as_json
from sasl_bridge.probe.directory_words import code_of_search, data_code, result_code, wants_tls

REFUSED = "connection refused by 192.0.2.1 port 636"


def test_a_host_can_be_asked_if_nothing_is_the_matter_with_it() -> None:
    refused, gone = Checked(done=False, detail="no"), Checked(done=False, detail="gone")
    for seen, state, detail in [
        (host(), "ready", ""),
        (host(account=None, base=None), "ready", ""),
        (host(account=refused, base=None), "unavailable", "no"),
        (host(base=gone), "unavailable", "base_dn: gone"),
        (dead(REFUSED), "unavailable", REFUSED),
    ]:
        assert (seen.state, seen.detail) == (state, detail)


def test_one_host_that_can_be_asked_is_enough_if_logins_get_there() -> None:
    """They pass over one that is down, and end at one that refuses them."""
    assert report(dead(REFUSED), host()).state == "ready"
    gone = host(base=Checked(done=False, detail="gone"))
    assert report(host(), gone).state == "ready"
    assert report(gone, host()).state == "unavailable"
    assert report(dead(REFUSED), host()).detail == REFUSED
    assert report(dead(REFUSED)).state == "unavailable"


def test_a_login_says_more_than_the_hosts() -> None:
    tried = report(host(), tried=login(state="rejected", detail="no"))
    assert (tried.state, tried.detail) == ("rejected", "no")
    untried = report(dead(REFUSED), tried=LoginTried(login().login, detail="not tried"))
    assert (untried.state, untried.detail) == ("unavailable", REFUSED)


def test_all_of_it_is_json() -> None:
    made = json.loads(json.dumps(directory_report_as_json(report(tried=login()), ("do it",))))
    assert (made["state"], made["detail"], made["advice"]) == ("accepted", "bound", ["do it"])
    assert made["profile"]["bind_password"] == ""
    assert made["hosts"][0]["state"] == "ready"
    assert made["hosts"][0]["account"] == {"done": True, "detail": "accepted"}
    assert (made["login"]["login"], made["login"]["name"]) == ("alice@example.com", DN)
    assert directory_report_as_json(report(), ())["login"] is None


def test_words_are_told_apart_by_their_beginning() -> None:
    assert result_code("No such object (32): see (50)") == 32
    assert result_code("no entry matches (32)") == 0
    assert result_code("Other: (32)") == 0
    assert data_code("the account is locked (data 775)") == "775"
    assert data_code("Invalid credentials (49): locked (data 775)") == ""
    assert wants_tls('the server wants TLS: set security = "ssl" or "tls" (X, 8)')
    assert not wants_tls("Other (80): the server wants TLS: no")
    assert code_of_search("search: Size limit exceeded (4)") == 4
    assert code_of_search("::1 port 389: Time limit exceeded (3): 1 port 2: Other (80)") == 3
    assert code_of_search("Size limit exceeded (4)") == 0
