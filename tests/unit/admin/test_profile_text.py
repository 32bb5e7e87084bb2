"""What `bridgectl profile test` prints, word for word, in a terminal of 80 columns."""

from dataclasses import replace

from lab.probe_reports import CERTIFICATE
from lab.profile_reports import DN, dead, host, login, report

from bridge_admin.profile_text import format_profile_probe
from sasl_bridge.probe.directory_advice import directory_advice
from sasl_bridge.probe.directory_report import (
    Checked,
    DirectoryReport,
    LoginTried,
    Reached,
    directory_report_as_json,
)
from sasl_bridge.probe.trouble import Trouble

NAMED = replace(CERTIFICATE, names=("dc1.example.com",), number_of_names=1)


def text(report: DirectoryReport, columns: int = 80) -> str:
    return format_profile_probe(directory_report_as_json(report, directory_advice(report)), columns)


GOOD = """\
corp: Active Directory at dc1.example.com port 636, TLS from the start

dc1.example.com (0.04 s)
  address       192.0.2.1: connected
  encryption    TLSv1.3, X
  account       gateway@example.com: accepted
  base          DC=example,DC=com: is there
  state         ready for logins

The certificate of dc1.example.com
  for           dc1.example.com
  issued by     Some CA
  valid         2026-01-01 to 2026-12-31, expires in 40 days
  SHA-256       abababababababababababababababababababababababababababababababab
  check         passed

The login at dc1.example.com (0.06 s)
  filter        (mail=alice@example.com)
  found         1 entry
  entry         CN=Alice,CN=Users,DC=example,DC=com
  identity      alice@example.com (mail)
  owns          alice@example.com, a.smith@example.com
  sends as      sales@example.com
  login         alice@example.com accepted: bound

corp accepts alice@example.com.
"""


def test_a_good_directory_and_a_login() -> None:
    keys = {"identity_attribute": "mail", "send_as_filter": "(member={dn})"}
    assert text(report(tried=login(send_as=("sales@example.com",)), **keys)) == GOOD


TWO = """\
corp: LDAP at dc1.example.com, dc2.example.com, dc3.example.com port 389, TLS
begun by StartTLS

dc1.example.com (2.00 s)
  address       192.0.2.1
  trouble       connection refused by 192.0.2.1 port 389

dc2.example.com (0.04 s)
  address       192.0.2.1: connected
  encryption    TLSv1.3, X
  account       gateway@example.com: accepted
  base          DC=example,DC=com: is there
  state         ready for logins

The certificate of dc2.example.com
  for           dc1.example.com
  issued by     Some CA
  valid         2026-01-01 to 2026-12-31, expires in 40 days
  SHA-256       abababababababababababababababababababababababababababababababab
  check         passed

dc3.example.com (0.04 s)
  address       192.0.2.2: connection refused by 192.0.2.2 port 389
                192.0.2.1: connected
                192.0.2.3: not tried
  encryption    TLSv1.3, X
  account       gateway@example.com: accepted
  base          DC=example,DC=com: is there
  state         ready for logins

The certificate of dc3.example.com
  the same      as that of dc2.example.com
  check         passed

Advice
  * Nothing takes connections at dc1.example.com port 389: is the service
    running, is `port` right, does a firewall refuse this machine?

corp is ready for logins, but dc1.example.com cannot be used.
"""


def test_a_dead_host_and_two_good_ones() -> None:
    addresses = ("192.0.2.2", "192.0.2.1", "192.0.2.3")
    tried = (
        Reached("192.0.2.2", "connection refused by 192.0.2.2 port 389"),
        Reached("192.0.2.1", ""),
    )
    seen = (
        dead("connection refused by 192.0.2.1 port 389"),
        host("dc2.example.com", certificate=NAMED),
        host("dc3.example.com", certificate=NAMED, addresses=addresses, tried=tried),
    )
    assert text(report(*seen, kind="openldap", security="tls", port=389)) == TWO


REFUSED = """\
corp: Active Directory at dc1.example.com port 636, TLS from the start

dc1.example.com (0.04 s)
  address       192.0.2.1: connected
  encryption    TLSv1.3, X
  account       gateway@example.com: service account's password refused: wrong
                login or password (data 52e)

Advice
  * Nobody can log in until gateway@example.com (`bind_dn`) can: correct it, or
    `bind_password`; the directory's log may say more.

corp cannot be used like this. alice@example.com was not tried.
"""


def test_a_refused_account() -> None:
    words = "service account's password refused: wrong login or password (data 52e)"
    seen = host(account=Checked(done=False, detail=words), base=None, certificate=None)
    assert text(report(seen, tried=LoginTried(login().login, detail="not tried"))) == REFUSED


TWO_ENTRIES = """\
The login at dc1.example.com (0.06 s)
  filter        (mail=alice@example.com)
  found         2 entries
  login         alice@example.com unavailable: two entries match:
                CN=Alice,CN=Users,DC=example,DC=com; CN=B,DC=example,DC=com

Advice
  * A login that stands for several entries is tried with none of them: take the
    address from all but one, or make `login_filter` or `base_dn` narrower.

corp leaves alice@example.com with a temporary failure.
"""


def test_two_entries() -> None:
    names = (DN, "CN=B,DC=example,DC=com")
    tried = login(
        state="unavailable",
        detail=f"two entries match: {'; '.join(names)}",
        found=names,
        name="",
        identity="",
        addresses=(),
        password_sent=False,
    )
    assert text(report(tried=tried)).endswith(f"\n\n{TWO_ENTRIES}")


BUSY = """\
  login         alice@example.com unavailable at this host: Server is busy (51)

Advice
  * dc1.example.com answers the login with neither a yes nor a no, so the next
    host is asked, and without one the user gets a temporary failure: its log
    says why.

dc1.example.com cannot say about alice@example.com: a login asks the next host.
"""


def test_a_host_that_cannot_say() -> None:
    """Another one may; behind the last one there is none."""
    tried = login(state="unavailable", detail="Server is busy (51)", passed_over=True)
    assert text(report(host(), host("dc2.example.com"), tried=tried)).endswith(f"\n{BUSY}")
    last = text(report(tried=tried))
    assert last.endswith("\ncorp leaves alice@example.com with a temporary failure.\n")


NO_ONE = """\
  filter        (mail=alice@example.com)
  found         no entries
  login         alice@example.com rejected: no entry

Advice
"""


def test_no_entry() -> None:
    gone = login(state="rejected", detail="no entry", found=(), name="", identity="", addresses=())
    assert NO_ONE in text(report(tried=gone))


NAMELESS = """\
  entry         CN=Alice,CN=Users,DC=example,DC=com
  identity      identity_attribute mail has no value
  owns          no address
  sends as      Size limit exceeded (4)
  login         alice@example.com rejected: Invalid credentials (49)
"""


def test_what_an_entry_lacks() -> None:
    tried = login(
        state="rejected",
        detail="Invalid credentials (49)",
        identity="",
        identity_trouble="identity_attribute mail has no value",
        addresses=(),
        send_as_trouble="Size limit exceeded (4)",
    )
    shown = text(report(tried=tried, identity_attribute="mail", send_as_filter="(member={dn})"))
    assert NAMELESS in shown


DIRECT = """\
corp: Active Directory at dc1.example.com port 636, TLS from the start

dc1.example.com (0.04 s)
  address       192.0.2.1: connected
  state         ready for logins

The login at dc1.example.com (0.06 s)
  name          CORP\\alice
  identity      alice@example.com (the login)
  login         alice@example.com accepted: bound

corp accepts alice@example.com.
"""


def test_a_directory_that_is_bound_to_directly() -> None:
    seen = host(account=None, base=None, tls="", certificate=None)
    keys = {"auth": "direct", "bind_template": "CORP\\{local}", "bind_dn": "", "base_dn": ""}
    tried = login(filter="", found=(), name="CORP\\alice", addresses=())
    assert text(report(seen, tried=tried, **keys)) == DIRECT


def test_a_directory_that_is_searched_without_an_account() -> None:
    shown = text(report(host(account=None), bind_dn="", base_dn=""))
    assert "  account       none (bind_dn)\n  base          the root: is there\n" in shown


def test_of_several_addresses_each_has_its_own_trouble() -> None:
    tried = (Reached("192.0.2.1", "refused"), Reached("192.0.2.2", "silent"))
    seen = replace(dead("refused; silent"), tried=tried, kind=Trouble.OTHER)
    shown = text(report(seen))
    assert "  address       192.0.2.1: refused\n                192.0.2.2: silent\n" in shown
    assert "trouble" not in shown


def test_a_long_filter_is_one_word_to_be_copied() -> None:
    wanted = f"(|(mail={'a' * 100}@example.com)(uid=a))"
    assert f"  filter        {wanted}\n" in text(report(tried=login(filter=wanted)))
