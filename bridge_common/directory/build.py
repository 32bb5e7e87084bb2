"""From a `[[ldap_profile]]` to the directory that is asked.

Reads certificates, so it may block. Logs nothing.
"""

from bridge_common.directory.directory import Directory
from bridge_common.directory.host import Account, Host, Place
from bridge_common.errors import Problem
from bridge_common.network.tls import Tls, tls_context, unusable_ca_file
from bridge_common.settings.ldap_profile import LdapProfile


def build_or_problem(number: int, profile: LdapProfile) -> Directory | Problem:
    """Return the directory of the settings' profile of this number, or why it cannot be asked."""
    try:
        return build_directory(profile)
    except OSError as error:
        where = f'ldap_profile[{number}] "{profile.name}"'
        return unusable_ca_file(where, profile.ca_file, error)


def build_directory(profile: LdapProfile) -> Directory:
    """Return the directory; no connection is begun before it is asked something.

    Raises OSError, as `tls_context` does.
    """
    account = Account(profile.bind_dn, profile.bind_password)
    context = None
    if profile.security != "plain":
        context = tls_context(verify=profile.verify, ca_file=profile.ca_file)
    hosts = []
    for name in profile.hosts:
        tls = Tls(context, profile.tls_name or name, profile.security == "ssl") if context else None
        place = Place(name, profile.port, tls)
        hosts.append(Host(place, account, profile.max_connections))
    return Directory(profile, hosts)
