"""From a `[[ldap_profile]]` to the directory that is asked.

Reads certificates, so it may block. Fails with OSError, as `tls_context` does; logs nothing.
"""

from bridge_common.directory.directory import Directory
from bridge_common.directory.host import Account, Host, Place
from bridge_common.network.tls import Tls, tls_context
from bridge_common.settings.ldap_profile import LdapProfile


def build_directory(profile: LdapProfile) -> Directory:
    """Return the directory; no connection is begun before it is asked something."""
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
