"""What a key of a profile that is left out stands for."""

import dataclasses

import pytest

from bridge_common.secret import Secret
from bridge_common.settings.ldap_profile import DirectorySecurity, LdapProfile

DIRECTORY = LdapProfile(name="corp", kind="active-directory", hosts=("dc1.example.com",))


def test_the_defaults_for_active_directory() -> None:
    assert (
        LdapProfile(
            name="corp",
            kind="active-directory",
            security="ssl",
            hosts=("dc1.example.com",),
            port=636,
            domains=(),
            bind_dn="",
            bind_password=Secret(b""),
            base_dn="",
            scope="subtree",
            auth="search",
            login_filter="(&(objectCategory=person)(objectClass=user)"
            "(|(userPrincipalName={login})(mail={login})(proxyAddresses=smtp:{login})))",
            bare_login_filter="(&(objectCategory=person)(objectClass=user)(sAMAccountName={local}))",
            bind_template="",
            identity_attribute="",
            address_attributes=("mail", "proxyAddresses"),
            send_as_filter="",
            max_connections=20,
            verify=True,
            ca_file="",
            tls_name="",
        )
        == DIRECTORY
    )


def test_the_filters_for_openldap() -> None:
    profile = LdapProfile(name="a", kind="openldap", hosts=("b",))
    assert profile.login_filter == "(&(objectClass=person)(mail={login}))"
    assert profile.bare_login_filter == "(&(objectClass=person)(uid={local}))"
    assert profile.address_attributes == ("mail",)


def test_what_is_set_stays() -> None:
    profile = LdapProfile(
        name="a",
        kind="openldap",
        hosts=("b",),
        port=3269,
        login_filter="(uid={login})",
        bare_login_filter="(cn={login})",
        address_attributes=("alias",),
    )
    assert profile.port == 3269
    assert (profile.login_filter, profile.bare_login_filter) == ("(uid={login})", "(cn={login})")
    assert profile.address_attributes == ("alias",)


def test_where_nothing_is_searched_for_there_is_no_filter() -> None:
    profile = LdapProfile(name="a", kind="openldap", hosts=("b",), auth="direct")
    assert (profile.login_filter, profile.bare_login_filter) == ("", "")
    assert profile.address_attributes == ()
    assert profile.port == 636


@pytest.mark.parametrize(("security", "port"), [("plain", 389), ("tls", 389), ("ssl", 636)])
def test_the_usual_port_stands_in_for_an_absent_one(security: DirectorySecurity, port: int) -> None:
    profile = LdapProfile(name="a", kind="openldap", hosts=("b",), security=security)
    assert profile.port == port
    assert dataclasses.replace(profile, port=1389).port == 1389


def test_a_password_is_not_in_its_repr() -> None:
    assert "pa55" not in repr(dataclasses.replace(DIRECTORY, bind_password=Secret(b"pa55")))
